/* Logs of processes: lines of logfmt that become decisions again. */
#include "judge.h"
#include "live_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LINE_MAX_SIZE 4096u

typedef struct SimLog {
    SimWatch watch;
    uint32_t host;
    GString *rest; /* the beginning of a line */
} SimLog;

/* ---- one line */

/* The value of `key` in a line of logfmt: ` key=value`; quoted ones without their quotes, as
 * they stand. */
static bool
find(const char *line, const char *key, const char **value, size_t *size)
{
    size_t length = strlen(key);
    const char *quote = strstr(line, " text=\"");

    for (const char *at = strstr(line, key); at != NULL; at = strstr(at + 1, key)) {
        if (quote != NULL && at > quote + 1) {
            return false; /* inside of the text */
        }
        if (at[length] == '=' && (at == line || at[-1] == ' ')) {
            *value = at + length + 1;
            if (**value == '"') {
                *size = strlen(++*value);
                *size -= *size > 0; /* the closing quote ends the line */
            } else {
                *size = strcspn(*value, " ");
            }
            return true;
        }
    }
    return false;
}

static void
read_id(const char *line, const char *key, OrrId *id)
{
    const char *value;
    size_t size;

    if (find(line, key, &value, &size) && orr_id_parse(orr_bytes(value, size), id) != ORR_OK) {
        *id = ORR_ID_NONE;
    }
}

static void
read_number(const char *line, const char *key, uint64_t *number)
{
    const char *value;
    size_t size;

    if (find(line, key, &value, &size)) {
        *number = g_ascii_strtoull(value, NULL, 10);
    }
}

/* A text was escaped twice: by the trace, and for the quotes. The second is taken away. */
static void
read_text(const char *line, OrrTrace *trace)
{
    const char *value;
    size_t size;

    if (!find(line, "text", &value, &size)) {
        return;
    }
    for (size_t i = 0; i < size && trace->text_size < ORR_TRACE_TEXT_MAX; i++) {
        if (value[i] == '\\' && i + 1 < size) {
            i++;
        }
        trace->text[trace->text_size++] = value[i];
    }
}

static bool
read_trace(const char *line, OrrTrace *trace)
{
    const char *event;
    size_t size;

    if (!find(line, "event", &event, &size)) {
        return false;
    }
    for (unsigned kind = 0; kind < ORR_TRACE_KINDS; kind++) {
        const char *name = orr_trace_kind_name((OrrTraceKind)kind);

        if (strlen(name) == size && memcmp(name, event, size) == 0) {
            *trace = orr_trace((OrrTraceKind)kind);
            read_id(line, "other", &trace->other);
            read_id(line, "shard", &trace->shard);
            read_number(line, "epoch", &trace->epoch);
            read_number(line, "count", &trace->count);
            read_number(line, "value", &trace->value);
            read_text(line, trace);
            return true;
        }
    }
    return false;
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(((const SimLogLine *)a)->text, ((const SimLogLine *)b)->text);
}

/* What the decision says of the view is believed at once; the rest is asked for. */
static void
believe(SimHost *host, const OrrTrace *trace)
{
    if (host->shadow == NULL) {
        return;
    }
    if (host->shadow->seen &&
        (trace->kind == ORR_TRACE_FENCED || trace->kind == ORR_TRACE_DEMOTED)) {
        host->view.serving = false;
        sim_judge_on_change(host->world, host);
    }
    sim_live_ask(host);
}

static void
take_line(SimWorld *world, const SimLogLine *line)
{
    SimHost *host = &world->hosts[line->host];
    OrrTrace trace;

    if (read_trace(line->text, &trace)) {
        trace.node = host->config.id;
        sim_host_trace(host, &trace);
        believe(host, &trace);
    } else if (!g_str_has_prefix(line->text, "time=")) {
        sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns, "%s says: %s",
                       host->spec->name, line->text);
    }
}

void
sim_live_take_lines(SimWorld *world)
{
    GArray *lines = world->live->lines;

    if (lines->len > 1) {
        g_array_sort(lines, compare_lines); /* they begin with their time */
    }
    for (guint i = 0; i < lines->len; i++) {
        SimLogLine line = g_array_index(lines, SimLogLine, i);

        take_line(world, &line);
        g_free(line.text);
    }
    g_array_set_size(lines, 0);
}

/* ---- the pipe */

static void
cut_lines(SimLog *log)
{
    SimWorld *world = log->watch.world;
    char *end;

    while ((end = memchr(log->rest->str, '\n', log->rest->len)) != NULL) {
        size_t size = (size_t)(end - log->rest->str);
        SimLogLine line = {log->host, g_strndup(log->rest->str, size)};

        if (world->live->processes[log->host].copy != NULL) {
            (void)fprintf(world->live->processes[log->host].copy, "%s\n", line.text);
        }
        g_array_append_val(world->live->lines, line);
        g_string_erase(log->rest, 0, (gssize)size + 1);
    }
    if (log->rest->len > LINE_MAX_SIZE) {
        g_string_truncate(log->rest, 0);
    }
}

static void
on_ready(SimWatch *watch, uint32_t events)
{
    SimLog *log = (SimLog *)(void *)watch;
    char buffer[65536];
    ssize_t size;

    (void)events;
    while ((size = read(watch->fd, buffer, sizeof buffer)) > 0) {
        g_string_append_len(log->rest, buffer, size);
        cut_lines(log);
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        SimProcessState *process = &watch->world->live->processes[log->host];

        process->log = process->log == watch ? NULL : process->log;
        sim_watch_end(watch);
    }
}

static void
release(SimWatch *watch)
{
    SimLog *log = (SimLog *)(void *)watch;

    g_string_free(log->rest, TRUE);
    g_free(log);
}

void
sim_live_read_log(SimHost *host, int fd)
{
    SimProcessState *process = sim_live_process(host);
    SimLog *log = g_new0(SimLog, 1);
    g_autofree char *path = g_strdup_printf("%s.log", process->directory);

    if (process->copy == NULL) {
        process->copy = fopen(path, "w");
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    log->watch = (SimWatch){fd, on_ready, release, host->world};
    log->host = host->index;
    log->rest = g_string_new(NULL);
    process->log = &log->watch;
    sim_watch_begin(&log->watch, EPOLLIN);
}
