/* log.h - one line per decision, for people and for programs, on the standard output.
 *
 *     2026-11-21T03:40:00.123Z notice 1f0c9a3e promoted shard=... epoch=2
 *
 * Time (UTC), level, the first eight digits of the node's id ("-" before it has one), the text.
 * Process-wide state, set once at start.
 */
#ifndef LIVE_LOG_H
#define LIVE_LOG_H

#include <orrery/trace.h>

typedef enum LiveLogLevel {
    LIVE_LOG_DEBUG,
    LIVE_LOG_INFO,
    LIVE_LOG_NOTICE,
    LIVE_LOG_WARNING,
} LiveLogLevel;

/* Lines below `level` are not written. */
void live_log_open(LiveLogLevel level);
void live_log(LiveLogLevel level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void live_log_trace(const OrrTrace *trace);

#endif
