/* slowlog.h - the commands that took long, newest first: SLOWLOG. Private.
 *
 * An entry keeps at most 32 words of at most 128 bytes; what was left out is counted in words
 * of its own, as Redis does. Memory: `count_max` entries at most.
 */
#ifndef ORR_NODE_SLOWLOG_H
#define ORR_NODE_SLOWLOG_H

#include <orrery/types.h>

#include <glib.h>

typedef struct OrrSlowlog OrrSlowlog;

typedef struct OrrSlowEntry {
    uint64_t id; /* from 0, never used again */
    int64_t wall_s;
    uint64_t duration_us;
    char *place;      /* of the client: "127.0.0.1:50000" */
    char *name;       /* of the client, or "" */
    GPtrArray *words; /* of GBytes */
} OrrSlowEntry;

OrrSlowlog *orr_slowlog_new(void);
void orr_slowlog_free(OrrSlowlog *log);
void orr_slowlog_reset(OrrSlowlog *log);
void orr_slowlog_add(OrrSlowlog *log, size_t count_max, int64_t wall_s, uint64_t duration_us,
                     const OrrBytes *args, size_t arg_count, const char *place,
                     const char *name);
size_t orr_slowlog_count(const OrrSlowlog *log);
/* 0: the newest; lent. */
const OrrSlowEntry *orr_slowlog_at(const OrrSlowlog *log, size_t index);

#endif
