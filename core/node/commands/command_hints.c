/* command_hints.c - what COMMAND tells routers and proxies of a command: which nodes a call of
 * it concerns, how their answers come together, whether two calls may answer differently. */
#include "node/commands/command.h"

#include <glib.h>

#define ANY "nondeterministic_output"
#define ANY_ORDER "nondeterministic_output_order"
#define NODES "request_policy:all_nodes"
#define SHARDS "request_policy:all_shards"
#define MULTI "request_policy:multi_shard"
#define ALL_WELL "response_policy:all_succeeded"
#define SUM "response_policy:agg_sum"
#define LEAST "response_policy:agg_min"
#define SPECIAL "response_policy:special"

static const struct {
    const char *hints[ORR_COMMAND_HINTS_MAX];
    const char *names; /* each between spaces */
} HINTS[] = {
    {{ANY},
     " client|info client|list cluster|bumpepoch cluster|count-failure-reports "
     "cluster|getkeysinslot cluster|info cluster|links cluster|nodes cluster|replicas "
     "cluster|shards cluster|slaves cluster|slots dump hrandfield hscan lastsave migrate "
     "object|encoding object|freq object|idletime object|refcount pttl time ttl "},
    {{ANY, NODES, SPECIAL},
     " latency|doctor latency|graph latency|histogram latency|history latency|latest "},
    {{ANY, SHARDS, SPECIAL},
     " function|stats info memory|doctor memory|malloc-stats memory|stats "},
    {{ANY, "request_policy:special"}, " scan "},
    {{ANY_ORDER},
     " command command|docs command|info command|list function|list hgetall hkeys hvals "},
    {{NODES, ANY}, " slowlog|get "},
    {{NODES, SUM, ANY}, " slowlog|len "},
    {{NODES, ALL_WELL}, " config|set latency|reset slowlog|reset "},
    {{SHARDS, ANY}, " randomkey "},
    {{SHARDS, ANY_ORDER}, " keys "},
    {{SHARDS, LEAST}, " wait "},
    {{SHARDS, SUM}, " dbsize "},
    {{SHARDS, ALL_WELL},
     " flushall flushdb function|delete function|flush function|load function|restore "
     "memory|purge ping "},
    {{SHARDS, "response_policy:one_succeeded"}, " function|kill "},
    {{MULTI}, " mget "},
    {{MULTI, LEAST}, " msetnx "},
    {{MULTI, SUM}, " del exists touch unlink "},
    {{MULTI, ALL_WELL}, " mset "},
};

const char *const *
orr_command_hints(const OrrCommand *command)
{
    static const char *const NONE[ORR_COMMAND_HINTS_MAX] = {NULL};
    g_autofree char *wanted = g_strdup_printf(" %s ", command->name);

    for (size_t i = 0; i < G_N_ELEMENTS(HINTS); i++) {
        if (strstr(HINTS[i].names, wanted) != NULL) {
            return HINTS[i].hints;
        }
    }
    return NONE;
}
