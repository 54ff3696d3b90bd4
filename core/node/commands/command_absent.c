/* command_absent.c - commands that Redis has and this node does not: whoever asks for one is
 * told that it is known, and why it does not work here. */
#include "node/commands/command.h"

#include <glib.h>

typedef struct Family {
    const char *what;
    const char *names; /* each between spaces */
} Family;

static const Family FAMILIES[] = {
    {"this node keeps strings and hashes, no lists",
     " blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush "
     "lpushx lrange lrem lset ltrim rpop rpoplpush rpush rpushx sort sort_ro "},
    {"this node keeps strings and hashes, no sets",
     " sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember "
     "smove spop srandmember srem sscan sunion sunionstore "},
    {"this node keeps strings and hashes, no sorted sets",
     " bzmpop bzpopmax bzpopmin geoadd geodist geohash geopos georadius georadius_ro "
     "georadiusbymember georadiusbymember_ro geosearch geosearchstore zadd zcard zcount zdiff "
     "zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin "
     "zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex "
     "zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank "
     "zscan zscore zunion zunionstore "},
    {"this node keeps strings and hashes, no streams",
     " xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup "
     "xrevrange xsetid xtrim "},
    {"this node keeps strings and hashes, no HyperLogLogs",
     " pfadd pfcount pfdebug pfmerge pfselftest "},
    {"this node runs no scripts", " eval eval_ro evalsha evalsha_ro fcall fcall_ro script "},
    {"this node loads no modules", " module "},
    {"there are no users here; one password, requirepass, is for all", " acl "},
    {"nodes replicate by CLUSTER REPLICATE, in a protocol of their own",
     " failover psync replconf replicaof slaveof sync "},
    {"bits are read and set by GETBIT, SETBIT, BITCOUNT, BITPOS and BITOP",
     " bitfield bitfield_ro "},
};

#define ABSENT_NAME_MAX 24u

bool
orr_command_is_absent(OrrBytes name, const char **what)
{
    char wanted[ABSENT_NAME_MAX + 3];

    if (name.size == 0 || name.size > ABSENT_NAME_MAX) {
        return false;
    }
    wanted[0] = ' ';
    for (size_t i = 0; i < name.size; i++) {
        wanted[i + 1] = g_ascii_tolower((char)name.data[i]);
        if (name.data[i] <= ' ') {
            return false;
        }
    }
    wanted[name.size + 1] = ' ';
    wanted[name.size + 2] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(FAMILIES); i++) {
        if (strstr(FAMILIES[i].names, wanted) != NULL) {
            *what = FAMILIES[i].what;
            return true;
        }
    }
    return false;
}
