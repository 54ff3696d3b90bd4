#include "operator.h"

#include "live.h"

#include <glib.h>

static void
append_word(GString *text, const char *word)
{
    g_string_append_printf(text, "$%zu\r\n%s\r\n", strlen(word), word);
}

static void
deliver(SimHost *host, const GString *text)
{
    if (host->world->live != NULL) {
        sim_live_operator(host, orr_bytes(text->str, text->len));
        return;
    }
    uint64_t client = SIM_OPERATOR_FIRST + host->world->operators++;
    OrrEvent up = {.type = ORR_EVENT_LINK,
                   .link = {.state = ORR_LINK_CLIENT_UP, .client = client}};
    OrrEvent request = {
        .type = ORR_EVENT_REQUEST,
        .request = {.client = client, .bytes = orr_bytes(text->str, text->len)}};

    sim_host_deliver(host, &up);
    sim_host_deliver(host, &request);
}

void
sim_operator_send(SimWorld *world, SimHost *host, const char *const *words, size_t count)
{
    GString *text;

    if (!sim_host_runs(host)) {
        sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns,
                       "the operator finds %s not running", host->spec->name);
        return;
    }
    text = g_string_new(NULL);
    g_string_append_printf(text, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        uint32_t node = sim_roster_find(world->names, SIM_ROSTER_NODE, words[i]);
        char hex[ORR_ID_HEX_SIZE + 1];

        if (node == SIM_ROSTER_NONE || i == 0) {
            append_word(text, words[i]);
        } else {
            orr_id_format(sim_roster_id(world->names, SIM_ROSTER_NODE, node), hex);
            append_word(text, hex);
        }
    }
    deliver(host, text);
    g_string_free(text, TRUE);
}

void
sim_operator_send_line(SimWorld *world, SimHost *host, const char *line)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
    const char *used[64];
    size_t count = 0;

    for (size_t i = 0; words[i] != NULL && count < G_N_ELEMENTS(used); i++) {
        if (words[i][0] != '\0') {
            used[count++] = words[i];
        }
    }
    if (count > 0) {
        sim_operator_send(world, host, used, count);
    }
}

void
sim_operator_on_reply(SimWorld *world, SimHost *host, OrrBytes bytes)
{
    char text[100];
    size_t used = 0;

    for (size_t i = 1; i < bytes.size && used + 1 < sizeof text; i++) {
        if (bytes.data[i] == '\r') {
            break;
        }
        text[used++] = (char)bytes.data[i];
    }
    text[used] = '\0';
    if (bytes.size > 0 && bytes.data[0] == '-') {
        sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns,
                       "%s refused the operator: %s", host->spec->name, text);
    } else {
        sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns,
                       "%s answered the operator: %s", host->spec->name, text);
    }
}
