#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 1024u
#define FILE_MODE 0640

typedef struct Line {
    char text[LINE_SIZE];
    size_t used;
} Line;

static LiveLogLevel lowest = LIVE_LOG_INFO;
static char node_name[ORR_ID_HEX_SIZE + 1] = "-";
static char *file_path;
static int file = STDOUT_FILENO;
static LiveLogStatistics statistics;

static const char *const LEVEL_NAMES[LIVE_LOG_LEVELS] = {"debug", "info", "notice", "warning"};

/* ---- the file */

static int
open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
}

bool
live_log_open(LiveLogLevel level, const char *path)
{
    bool named = path != NULL && path[0] != '\0';
    int opened = named ? open_file(path) : STDOUT_FILENO;

    if (opened < 0) {
        return false;
    }
    lowest = level;
    file = opened;
    g_free(file_path);
    file_path = named ? g_strdup(path) : NULL;
    return true;
}

void
live_log_set_level(LiveLogLevel level)
{
    lowest = level;
}

void
live_log_reopen(void)
{
    int opened = file_path != NULL ? open_file(file_path) : -1;

    if (opened >= 0) {
        (void)close(file);
        file = opened;
    } else if (file_path != NULL) {
        live_log(LIVE_LOG_WARNING, "cannot open %s: %s; the log goes on in the old file",
                 file_path, g_strerror(errno));
    }
}

const LiveLogStatistics *
live_log_statistics(void)
{
    return &statistics;
}

const char *
live_log_level_name(LiveLogLevel level)
{
    return LEVEL_NAMES[level];
}

/* ---- lines */

static void G_GNUC_PRINTF(2, 3) add(Line *line, const char *format, ...)
{
    va_list arguments;
    int wanted;

    va_start(arguments, format);
    wanted =
        g_vsnprintf(line->text + line->used, sizeof line->text - line->used, format, arguments);
    va_end(arguments);
    line->used = MIN(line->used + (size_t)MAX(wanted, 0), sizeof line->text - 1);
}

static void
add_quoted(Line *line, const char *text)
{
    add(line, " text=\"");
    for (; *text != '\0' && line->used + 4 < sizeof line->text; text++) {
        if (*text == '"' || *text == '\\') {
            line->text[line->used++] = '\\';
        }
        line->text[line->used++] = (char)((unsigned char)*text < ' ' ? ' ' : *text);
    }
    line->text[line->used++] = '"';
    line->text[line->used] = '\0';
}

static void
begin(Line *line, LiveLogLevel level, const char *event)
{
    struct timespec now;
    struct tm parts;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    line->used = strftime(line->text, sizeof line->text, "time=%Y-%m-%dT%H:%M:%S", &parts);
    add(line, ".%06ldZ level=%s node=%s event=%s", now.tv_nsec / 1000, LEVEL_NAMES[level],
        node_name, event);
}

/* One call for a whole line: lines of several processes in one file stay whole, too. */
static void
end(Line *line, LiveLogLevel level)
{
    ssize_t written;

    line->used = MIN(line->used, sizeof line->text - 1);
    line->text[line->used++] = '\n';
    do {
        written = write(file, line->text, line->used);
    } while (written < 0 && errno == EINTR);
    if (written != (ssize_t)line->used) {
        statistics.failed++;
        return;
    }
    statistics.lines[level]++;
    statistics.bytes += line->used;
}

void
live_log(LiveLogLevel level, const char *format, ...)
{
    char text[LINE_SIZE / 2];
    va_list arguments;
    Line line;

    if (level < lowest) {
        return;
    }
    va_start(arguments, format);
    (void)g_vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    begin(&line, level, "log");
    add_quoted(&line, text);
    end(&line, level);
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

static void
add_id(Line *line, const char *label, const OrrId *id)
{
    char hex[ORR_ID_HEX_SIZE + 1];

    if (!orr_id_is_none(id)) {
        orr_id_format(id, hex);
        add(line, " %s=%s", label, hex);
    }
}

static void
add_number(Line *line, const char *label, uint64_t number)
{
    if (number != 0) {
        add(line, " %s=%" G_GUINT64_FORMAT, label, number);
    }
}

void
live_log_trace(const OrrTrace *trace)
{
    LiveLogLevel level = level_of(trace->kind);
    Line line;

    if (!orr_id_is_none(&trace->node)) {
        orr_id_format(&trace->node, node_name);
    }
    if (level < lowest) {
        return;
    }
    begin(&line, level, orr_trace_kind_name(trace->kind));
    add_id(&line, "other", &trace->other);
    add_id(&line, "shard", &trace->shard);
    add_number(&line, "epoch", trace->epoch);
    add_number(&line, "count", trace->count);
    add_number(&line, "value", trace->value);
    if (trace->text_size > 0) {
        add_quoted(&line, trace->text);
    }
    end(&line, level);
}
