#include "log.h"

#include <glib.h>
#include <stdio.h>
#include <time.h>

#define LINE_SIZE 512u

static LiveLogLevel lowest = LIVE_LOG_INFO;
static char node_name[9] = "-";

static const char *const LEVEL_NAMES[] = {"debug", "info", "notice", "warning"};

void
live_log_open(LiveLogLevel level)
{
    lowest = level;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
}

static void
write_line(LiveLogLevel level, const char *name, const char *text)
{
    struct timespec now;
    struct tm parts;
    char stamp[32];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)printf("%s.%03ldZ %s %s%s%s\n", stamp, now.tv_nsec / 1000000, LEVEL_NAMES[level],
                 name, name[0] == '\0' ? "" : " ", text);
}

void
live_log(LiveLogLevel level, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list arguments;

    if (level < lowest) {
        return;
    }
    va_start(arguments, format);
    (void)g_vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(level, node_name, text);
}

/* What an operator must know, wants to know, or may look up. */
static LiveLogLevel
level_of(OrrTraceKind kind)
{
    switch (kind) {
    case ORR_TRACE_STATE_REFUSED:
    case ORR_TRACE_FAILED:
    case ORR_TRACE_EPOCH_COLLISION:
    case ORR_TRACE_WRITE_DROPPED:
    case ORR_TRACE_CLOCK_HELD:
    case ORR_TRACE_DISK_FAILED:
        return LIVE_LOG_WARNING;
    case ORR_TRACE_BOOTED:
    case ORR_TRACE_RECOVERED:
    case ORR_TRACE_JOINED:
    case ORR_TRACE_PROMOTED:
    case ORR_TRACE_DEMOTED:
    case ORR_TRACE_FENCED:
    case ORR_TRACE_SERVING:
    case ORR_TRACE_SLOTS_CLAIMED:
    case ORR_TRACE_SLOTS_LOST:
    case ORR_TRACE_CLUSTER_STATE:
    case ORR_TRACE_LEDGER_CLOSED:
    case ORR_TRACE_SLOW:
    case ORR_TRACE_ADMIN:
    case ORR_TRACE_NOTE:
        return LIVE_LOG_NOTICE;
    case ORR_TRACE_MEMBER_ADDED:
    case ORR_TRACE_MEMBER_MOVED:
    case ORR_TRACE_MEMBER_FORGOTTEN:
    case ORR_TRACE_FRAME_REFUSED:
    case ORR_TRACE_SUSPECTED:
    case ORR_TRACE_TRUSTED:
    case ORR_TRACE_RECOVERED_PEER:
    case ORR_TRACE_REFUTED:
    case ORR_TRACE_STOOD:
    case ORR_TRACE_NOT_STANDING:
    case ORR_TRACE_VOTED:
    case ORR_TRACE_VOTE_DENIED:
    case ORR_TRACE_ATTEMPT_EXPIRED:
    case ORR_TRACE_SYNC_FULL_BEGUN:
    case ORR_TRACE_SYNC_FULL_DONE:
    case ORR_TRACE_SYNC_PARTIAL:
    case ORR_TRACE_SYNC_REFUSED:
    case ORR_TRACE_SLOW_OVER:
        return LIVE_LOG_INFO;
    case ORR_TRACE_KINDS:
        break;
    }
    return LIVE_LOG_INFO;
}

void
live_log_trace(const OrrTrace *trace)
{
    char text[LINE_SIZE];
    LiveLogLevel level = level_of(trace->kind);

    if (node_name[0] == '-' && !orr_id_is_none(&trace->node)) {
        char id[ORR_ID_HEX_SIZE + 1];

        orr_id_format(&trace->node, id);
        (void)g_strlcpy(node_name, id, sizeof node_name);
    }
    if (level >= lowest) {
        (void)orr_trace_format(trace, NULL, NULL, text, sizeof text);
        write_line(level, "", text); /* which begins with the node's name */
    }
}
