#include "client.h"
#include "report.h"

#include <glib.h>
#include <inttypes.h>

/* A text as a JSON string. Bytes are those of a file that YAML took for UTF-8, or our own. */
static char *
quoted(const char *text)
{
    GString *out = g_string_new("\"");

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            g_string_append_c(out, '\\');
            g_string_append_c(out, (char)c);
        } else if (c < 0x20) {
            g_string_append_printf(out, "\\u%04x", c);
        } else {
            g_string_append_c(out, (char)c);
        }
    }
    g_string_append_c(out, '"');
    return g_string_free(out, FALSE);
}

static void
write_line(const SimJson *json, const char *line)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(json->out); i++) {
        if (json->out[i] != NULL) {
            fputs(line, json->out[i]);
            fputc('\n', json->out[i]);
        }
    }
}

static void
append_id(GString *line, const SimRoster *names, const char *key, const OrrId *id)
{
    char name[SIM_ROSTER_NAME_SIZE];

    if (!orr_id_is_none(id)) {
        sim_roster_format(id, name, sizeof name, (void *)(uintptr_t)names);
        g_autofree char *text = quoted(name);

        g_string_append_printf(line, ",\"%s\":%s", key, text);
    }
}

static void
append_decision(GString *line, const SimRoster *names, const OrrTrace *trace)
{
    g_string_append_printf(line, ",\"what\":\"%s\"", orr_trace_kind_name(trace->kind));
    append_id(line, names, "node", &trace->node);
    append_id(line, names, "other", &trace->other);
    append_id(line, names, "shard", &trace->shard);
    if (trace->epoch != 0) {
        g_string_append_printf(line, ",\"epoch\":%" PRIu64, trace->epoch);
    }
    if (trace->count != 0) {
        g_string_append_printf(line, ",\"count\":%" PRIu64, trace->count);
    }
    if (trace->value != 0) {
        g_string_append_printf(line, ",\"value\":%" PRIu64, trace->value);
    }
    if (trace->text_size != 0) {
        g_autofree char *text = quoted(trace->text);

        g_string_append_printf(line, ",\"text\":%s", text);
    }
}

void
sim_json_on_story(SimLineKind kind, OrrTime at_ns, const OrrTrace *trace, const char *text,
                  void *context)
{
    static const char *const kinds[] = {"phase", "injected", "decided", "failed"};
    const SimJson *json = context;
    GString *line = g_string_new(NULL);

    g_string_append_printf(line, "{\"type\":\"%s\",\"at_ns\":%" PRId64, kinds[kind],
                           sim_world_scenario_ns(json->world, at_ns));
    if (trace != NULL) {
        append_decision(line, json->world->names, trace);
    } else {
        g_autofree char *quoted_text = quoted(text);

        g_string_append_printf(line, ",\"text\":%s", quoted_text);
    }
    g_string_append_c(line, '}');
    write_line(json, line->str);
    g_string_free(line, TRUE);
}

static const char *const VERDICTS[] = {"held", "failed", "undecided", "skipped"};
static const char *const UNITS[] = {
    [SIM_UNIT_COUNT] = "count",
    [SIM_UNIT_NS] = "ns",
    [SIM_UNIT_PPM] = "ppm",
    [SIM_UNIT_BYTES] = "bytes",
    [SIM_UNIT_RATE] = "per 1000000 s",
};

void
sim_json_expectations(const SimJson *json)
{
    for (size_t i = 0; i < sim_judge_count(json->world); i++) {
        const SimMeasured *measured = sim_judge_measured(json->world, i);
        GString *line = g_string_new(NULL);
        g_autofree char *text = quoted(measured->text);

        g_string_append_printf(line,
                               "{\"type\":\"expectation\",\"text\":%s,\"verdict\":\"%s\","
                               "\"safety\":%s",
                               text, VERDICTS[measured->verdict],
                               measured->safety ? "true" : "false");
        if (measured->has_value) {
            g_string_append_printf(line, ",\"value\":%" PRId64 ",\"unit\":\"%s\"",
                                   measured->value, UNITS[measured->unit]);
        }
        if (measured->at_ns >= 0) {
            g_string_append_printf(line, ",\"at_ns\":%" PRId64,
                                   sim_world_scenario_ns(json->world, measured->at_ns));
        }
        if (measured->note != NULL) {
            g_autofree char *note = quoted(measured->note);

            g_string_append_printf(line, ",\"note\":%s", note);
        }
        g_string_append_c(line, '}');
        write_line(json, line->str);
        g_string_free(line, TRUE);
    }
}

void
sim_json_verdict(const SimJson *json, const SimRunResult *result, const char *repeat)
{
    const SimLosses *losses = &sim_judge_tally(json->world)->losses;
    g_autofree char *again = quoted(repeat != NULL ? repeat : "");
    g_autofree char *name = quoted(json->world->scenario->name);
    g_autofree char *line = g_strdup_printf(
        "{\"type\":\"verdict\",\"scenario\":%s,\"exit_code\":%d,\"seed\":%" PRIu64
        ",\"digest\":\"%016" PRIx64 "\",\"virtual_ns\":%" PRId64 ",\"events\":%" PRIu64
        ",\"writes_acknowledged\":%" PRIu64 ",\"writes_lost\":%" PRIu64
        ",\"lost_in_ledger\":%" PRIu64 ",\"repeat\":%s}",
        name, result->exit_code, result->seed, result->digest, result->virtual_ns,
        result->events, losses->acknowledged, losses->lost, losses->lost_in_ledger, again);

    write_line(json, line);
}

void
sim_json_history(FILE *out, const SimWorld *world)
{
    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);
        char client[SIM_ROSTER_NAME_SIZE * 2];
        const char *field = sim_history_key_field(world->history, call->key, NULL);
        g_autofree char *key = quoted(sim_history_key_text(world->history, call->key, NULL));

        sim_clients_name(world, call->client, client, sizeof client);
        g_autofree char *who = quoted(client);

        fprintf(out, "{\"at_ns\":%" PRId64 ",\"client\":%s,\"op\":\"%s\",\"key\":%s",
                sim_world_scenario_ns(world, call->invoked_ns), who,
                sim_operation_name((SimOperation)call->kind), key);
        if (field != NULL) {
            fprintf(out, ",\"field\":\"%s\"", field);
        }
        fprintf(out, ",\"number\":%u,\"outcome\":\"%s\"", call->number,
                sim_outcome_name((SimOutcome)call->outcome));
        if (call->outcome != SIM_OUTCOME_PENDING) {
            fprintf(out, ",\"took_ns\":%" PRId64 ",\"attempts\":%u",
                    call->done_ns - call->invoked_ns, call->attempts);
        }
        if (call->node < world->host_count) {
            fprintf(out, ",\"node\":\"%s\"", world->hosts[call->node].spec->name);
        }
        fputs("}\n", out);
    }
}
