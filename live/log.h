/* log.h - one line per decision, for people and for programs: logfmt.
 *
 *     time=2026-11-21T03:40:00.123456Z level=notice node=1f0c...(40 digits) event=promoted
 *         shard=... epoch=2 value=117                              (on one line)
 *     time=... level=info node=... event=log text="ready for clients on port 7001"
 *
 * `event` is the name of a decision as orr_trace_kind_name() has it, or `log`; other, shard,
 * epoch, count, value and text are there when they say something. A text is in quotes, with \"
 * and \\ for a quote and a backslash. `node` is "-" before the node has a name.
 *
 * Lines go to the standard output or to a file; one that cannot be written is counted and lost,
 * never waited for longer than the kernel makes one wait. Process-wide state, set once at
 * start.
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
#define LIVE_LOG_LEVELS 4u

/* Lines below `level` are not written. `path` NULL or empty: the standard output. False: the
 * file cannot be opened, errno says why; nothing changed. */
bool live_log_open(LiveLogLevel level, const char *path);
/* Another lowest level from now on. */
void live_log_set_level(LiveLogLevel level);
/* Opens the file anew under its name, after something moved it away: SIGHUP, SIGUSR1. */
void live_log_reopen(void);
void live_log(LiveLogLevel level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void live_log_trace(const OrrTrace *trace);

typedef struct LiveLogStatistics {
    uint64_t lines[LIVE_LOG_LEVELS]; /* written, by level */
    uint64_t bytes;
    uint64_t failed; /* lines that could not be written */
} LiveLogStatistics;

const LiveLogStatistics *live_log_statistics(void);
/* "debug", "info", ... */
const char *live_log_level_name(LiveLogLevel level);

#endif
