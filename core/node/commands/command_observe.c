/* command_observe.c - SLOWLOG, LATENCY and MONITOR: what a node noticed of its commands. */
#include "node/clients/observe.h"
#include "node/commands/command_util.h"

/* SLOWLOG */

static void
reply_entry(OrrReply *reply, const OrrSlowEntry *entry)
{
    orr_reply_array(reply, 6);
    orr_reply_integer(reply, (int64_t)entry->id);
    orr_reply_integer(reply, entry->wall_s);
    orr_reply_integer(reply, (int64_t)entry->duration_us);
    orr_reply_array(reply, entry->words->len);
    for (guint i = 0; i < entry->words->len; i++) {
        gsize size;
        const void *data = g_bytes_get_data(g_ptr_array_index(entry->words, i), &size);

        orr_reply_bulk(reply, orr_bytes(data, size));
    }
    orr_reply_bulk_string(reply, entry->place);
    orr_reply_bulk_string(reply, entry->name);
}

static void
run_slowlog_get(OrrCommandContext *context)
{
    const OrrSlowlog *log = orr_command_node(context)->slowlog;
    int64_t wanted = 10;
    size_t count;

    if (context->arg_count > 3) {
        orr_command_reply_subcommand_syntax(context);
        return;
    }
    if (context->arg_count == 3 &&
        (!orr_parse_integer(context->args[2], &wanted) || wanted < -1)) {
        orr_reply_error(context->reply, "ERR count should be greater than or equal to -1");
        return;
    }
    count = orr_slowlog_count(log);
    count = wanted < 0 ? count : MIN(count, (size_t)wanted);
    orr_reply_array(context->reply, count);
    for (size_t i = 0; i < count; i++) {
        reply_entry(context->reply, orr_slowlog_at(log, i));
    }
}

static void
run_slowlog_len(OrrCommandContext *context)
{
    orr_reply_integer(context->reply,
                      (int64_t)orr_slowlog_count(orr_command_node(context)->slowlog));
}

static void
run_slowlog_reset(OrrCommandContext *context)
{
    orr_slowlog_reset(orr_command_node(context)->slowlog);
    orr_reply_ok(context->reply);
}

/* LATENCY */

static void
run_latest(OrrCommandContext *context)
{
    const OrrLatency *latency = &orr_command_node(context)->latency;
    size_t at = orr_reply_size(context->reply);
    size_t count = 0;

    for (int i = 0; i < ORR_LATENCY_EVENTS; i++) {
        const OrrLatencySeries *series = &latency->series[i];

        if (series->count == 0) {
            continue;
        }

        OrrLatencySample last = orr_latency_at(series, series->count - 1);

        orr_reply_array(context->reply, 4);
        orr_reply_bulk_string(context->reply, orr_latency_event_name((OrrLatencyEvent)i));
        orr_reply_integer(context->reply, last.wall_s);
        orr_reply_integer(context->reply, last.ms);
        orr_reply_integer(context->reply, series->longest_ms);
        count++;
    }
    orr_reply_insert_array(context->reply, at, count);
}

static void
run_history(OrrCommandContext *context)
{
    OrrLatencyEvent event = orr_latency_event_parse(context->args[2]);
    const OrrLatencySeries *series;

    if (event == ORR_LATENCY_EVENTS) {
        orr_reply_array(context->reply, 0);
        return;
    }
    series = &orr_command_node(context)->latency.series[event];
    orr_reply_array(context->reply, series->count);
    for (size_t i = 0; i < series->count; i++) {
        OrrLatencySample sample = orr_latency_at(series, i);

        orr_reply_array(context->reply, 2);
        orr_reply_integer(context->reply, sample.wall_s);
        orr_reply_integer(context->reply, sample.ms);
    }
}

static void
run_latency_reset(OrrCommandContext *context)
{
    OrrLatency *latency = &orr_command_node(context)->latency;
    int64_t count = 0;

    for (int i = 0; context->arg_count == 2 && i < ORR_LATENCY_EVENTS; i++) {
        count += orr_latency_reset(latency, (OrrLatencyEvent)i);
    }
    for (size_t i = 2; i < context->arg_count; i++) {
        OrrLatencyEvent event = orr_latency_event_parse(context->args[i]);

        count += event != ORR_LATENCY_EVENTS && orr_latency_reset(latency, event);
    }
    orr_reply_integer(context->reply, count);
}

/* One line a second, the longer the slower. */
static void
run_graph(OrrCommandContext *context)
{
    OrrLatencyEvent event = orr_latency_event_parse(context->args[2]);
    const OrrLatencySeries *series =
        event == ORR_LATENCY_EVENTS ? NULL : &orr_command_node(context)->latency.series[event];
    g_autoptr(GString) text = NULL;

    if (series == NULL || series->count == 0) {
        orr_reply_error_about(context->reply, "ERR No samples available for event '",
                              context->args[2], "'");
        return;
    }
    text = g_string_new(NULL);
    g_string_append_printf(text, "%s - longest %u ms\n", orr_latency_event_name(event),
                           series->longest_ms);
    for (size_t i = 0; i < series->count; i++) {
        OrrLatencySample sample = orr_latency_at(series, i);
        unsigned length = 1 + sample.ms * 50 / MAX(series->longest_ms, 1u);

        g_string_append_printf(text, "%6" G_GINT64_FORMAT " s ago %6u ms ",
                               context->wall_ms / 1000 - sample.wall_s, sample.ms);
        for (unsigned k = 0; k < length; k++) {
            g_string_append_c(text, '#');
        }
        g_string_append_c(text, '\n');
    }
    orr_reply_verbatim(context->reply, "txt", orr_bytes(text->str, text->len));
}

static void
run_latency_doctor(OrrCommandContext *context)
{
    const OrrNode *node = orr_command_node(context);
    g_autoptr(GString) text = g_string_new(NULL);

    if (node->config.settings.latency_threshold_ns == 0) {
        g_string_append(text, "Nothing is watched: CONFIG SET latency-monitor-threshold "
                              "<milliseconds> says from when on an event is slow.\n");
    }
    for (int i = 0; i < ORR_LATENCY_EVENTS; i++) {
        const OrrLatencySeries *series = &node->latency.series[i];
        uint64_t sum = 0;

        for (size_t k = 0; k < series->count; k++) {
            sum += orr_latency_at(series, k).ms;
        }
        if (series->count > 0) {
            g_string_append_printf(text,
                                   "%s: slow in %zu seconds, %" G_GUINT64_FORMAT
                                   " ms on average, %u ms at worst. SLOWLOG GET shows which.\n",
                                   orr_latency_event_name((OrrLatencyEvent)i), series->count,
                                   sum / series->count, series->longest_ms);
        }
    }
    if (text->len == 0) {
        g_string_append(text, "No event was slow.\n");
    }
    orr_reply_verbatim(context->reply, "txt", orr_bytes(text->str, text->len));
}

/* Calls that took no longer than 1, 2, 4, ... microseconds, as Redis labels them. */
static void
reply_histogram(OrrReply *reply, const OrrCommand *command, const OrrMeterRow *row)
{
    size_t at;
    size_t count = 0;
    size_t bucket = 0;
    uint64_t seen = 0;

    orr_reply_bulk_string(reply, command->name);
    orr_reply_map(reply, 2);
    orr_reply_bulk_string(reply, "calls");
    orr_reply_integer(reply, (int64_t)row->calls);
    orr_reply_bulk_string(reply, "histogram_usec");
    at = orr_reply_size(reply);
    for (unsigned power = 10; seen < row->calls && power <= ORR_METER_HIGH; power++) {
        uint64_t end_ns = UINT64_C(1) << power;
        uint64_t before = seen;

        while (bucket < ORR_METER_BUCKETS &&
               (orr_meter_bucket_ns(bucket) < end_ns || power == ORR_METER_HIGH)) {
            seen += row->buckets[bucket++];
        }
        if (seen > before) {
            orr_reply_integer(reply, (int64_t)((end_ns + end_ns / 128 - 1) / 1000));
            orr_reply_integer(reply, (int64_t)seen);
            count++;
        }
    }
    orr_reply_insert_map(reply, at, count);
}

static size_t
reply_if_called(OrrNode *node, OrrReply *reply, const OrrCommand *command)
{
    const OrrMeterRow *row = orr_meter_row(node->meter, orr_command_id(command));

    if (row->calls == 0) {
        return 0;
    }
    reply_histogram(reply, command, row);
    return 1;
}

static size_t
reply_family(OrrNode *node, OrrReply *reply, const OrrCommand *command)
{
    size_t count = reply_if_called(node, reply, command);

    for (const OrrCommand *row = command->subcommands; row != NULL && row->name != NULL;
         row++) {
        count += reply_if_called(node, reply, row);
    }
    return count;
}

static void
run_histogram(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    size_t at = orr_reply_size(context->reply);
    size_t count = 0;

    for (size_t i = 0; context->arg_count == 2 && i < orr_command_count(); i++) {
        count += reply_family(node, context->reply, orr_command_at(i));
    }
    for (size_t i = 2; i < context->arg_count; i++) {
        const OrrCommand *command = orr_command_find_full(context->args[i]);

        count += command == NULL ? 0 : reply_family(node, context->reply, command);
    }
    orr_reply_insert_map(context->reply, at, count);
}

/* MONITOR */

static void
run_monitor(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);

    if (!client->monitor) {
        client->monitor = true;
        g_ptr_array_add(node->monitors, client);
    }
    orr_reply_ok(context->reply);
}

#define LOOK (ORR_COMMAND_ADMIN | ORR_COMMAND_LOADING | ORR_COMMAND_STALE)
#define ROW(name_, arity_, flags_, syntax_, since_, run_, summary_)                            \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .syntax = syntax_,                    \
        .group = ORR_GROUP_SERVER, .summary = summary_, .since = since_, .run = run_           \
    }

static const OrrCommand SLOWLOG_ROWS[] = {
    ROW("slowlog|get", -2, LOOK, "[<count>]", "2.2.12", run_slowlog_get,
        "The newest entries; -1: all."),
    ROW("slowlog|len", 2, LOOK, NULL, "2.2.12", run_slowlog_len, "How many entries there are."),
    ROW("slowlog|reset", 2, LOOK, NULL, "2.2.12", run_slowlog_reset, "Forgets all entries."),
    ORR_COMMAND_HELP_ROW("slowlog", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

#define WATCH (LOOK | ORR_COMMAND_NOSCRIPT)

static const OrrCommand LATENCY_ROWS[] = {
    ROW("latency|doctor", 2, WATCH, NULL, "2.8.13", run_latency_doctor, "What was slow."),
    ROW("latency|graph", 3, WATCH, "<event>", "2.8.13", run_graph, "An event over time."),
    ROW("latency|histogram", -2, WATCH, "[<command> ...]", "7.0.0", run_histogram,
        "How long commands took, in powers of two of microseconds."),
    ROW("latency|history", 3, WATCH, "<event>", "2.8.13", run_history,
        "The seconds in which an event was slow."),
    ROW("latency|latest", 2, WATCH, NULL, "2.8.13", run_latest,
        "The last time each event was slow."),
    ROW("latency|reset", -2, WATCH, "[<event> ...]", "2.8.13", run_latency_reset,
        "Forgets events."),
    ORR_COMMAND_HELP_ROW("latency", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_observe[] = {
    {.name = "latency",
     .arity = -2,
     .group = ORR_GROUP_SERVER,
     .summary = "How long things take.",
     .since = "2.8.13",
     .subcommands = LATENCY_ROWS},
    ROW("monitor", 1, WATCH, NULL, "1.0.0", run_monitor, "Shows every command from now on."),
    {.name = "slowlog",
     .arity = -2,
     .group = ORR_GROUP_SERVER,
     .summary = "The commands that took long.",
     .since = "2.2.12",
     .subcommands = SLOWLOG_ROWS},
    ORR_COMMANDS_END,
};
