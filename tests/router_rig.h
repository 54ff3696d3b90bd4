/* router_rig.h - a router, and the text of what it wants done. Slots 0-8191 belong to node A,
 * its number 0 and its seed, the others to B, number 1. Key "b" has slot 3300, "a" 15495. */
#ifndef ORR_TESTS_ROUTER_RIG_H
#define ORR_TESTS_ROUTER_RIG_H

#include "check.h"

#include <glib.h>
#include <orrery/resp.h>
#include <orrery/router.h>
#include <orrery/slots.h>

#define MS ORR_NS_PER_MS

typedef struct Rig {
    OrrRouter *router;
    OrrTime now_ns;
    GString *text;
} Rig;

static const char MAP[] =
    "*2\r\n*3\r\n:0\r\n:8191\r\n*3\r\n$8\r\n10.0.0.1\r\n:7000\r\n$1\r\nA\r\n"
    "*4\r\n:8192\r\n:16383\r\n*3\r\n$8\r\n10.0.0.2\r\n:7000\r\n$1\r\nB\r\n"
    "*3\r\n$8\r\n10.0.0.3\r\n:7000\r\n$1\r\nC\r\n";
static const char MAP_ALL_B[] = "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$8\r\n10.0.0.2\r\n:7000\r\n"
                                "$1\r\nB\r\n*2\r\n$8\r\nhostname\r\n$3\r\nb.c\r\n";

static inline OrrRouterConfig
config_of_rig(OrrAddress *seed)
{
    OrrRouterConfig config = orr_router_config_default();

    *seed = orr_address_v4(10, 0, 0, 1, 7000, 0);
    config.seeds = seed;
    config.seed_count = 1;
    config.seed = 1;
    config.refresh_ns = 0;
    return config;
}

static inline void
append_words(GString *text, OrrBytes bytes)
{
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrRequest request;

    while (bytes.size > 0 && orr_request_parse(parser, bytes, &request) == ORR_OK) {
        g_string_append(text, " [");
        for (size_t i = 0; i < request.arg_count; i++) {
            g_string_append_printf(text, "%s%.*s", i > 0 ? " " : "", (int)request.args[i].size,
                                   (const char *)request.args[i].data);
        }
        g_string_append_c(text, ']');
        bytes.data += request.used;
        bytes.size -= request.used;
    }
    T_EQ(bytes.size, 0);
    orr_request_parser_free(parser);
}

static inline void
append_done(GString *text, const OrrRouterEffect *effect)
{
    static const char *const OUTCOMES[] = {"answered", "refused", "timed out", "lost",
                                           "overload"};

    g_string_append_printf(text, "%" PRIu64 " %s%s", effect->id, OUTCOMES[effect->outcome],
                           effect->maybe_executed ? " maybe" : "");
    if (effect->bytes.size > 2) {
        g_string_append_printf(text, " %.*s", (int)effect->bytes.size - 2,
                               (const char *)effect->bytes.data);
    }
}

/* What the router wants done now, a line each. */
static inline const char *
wants(Rig *rig)
{
    OrrRouterEffect effect;

    g_string_truncate(rig->text, 0);
    while (orr_router_next(rig->router, &effect) == ORR_OK) {
        switch (effect.type) {
        case ORR_ROUTER_CONNECT:
            g_string_append_printf(rig->text, "connect %u", effect.node);
            break;
        case ORR_ROUTER_CLOSE:
            g_string_append_printf(rig->text, "close %u", effect.node);
            break;
        case ORR_ROUTER_SEND:
            g_string_append_printf(rig->text, "send %u", effect.node);
            append_words(rig->text, effect.bytes);
            break;
        case ORR_ROUTER_DONE:
            append_done(rig->text, &effect);
            break;
        }
        g_string_append_c(rig->text, '\n');
    }
    return rig->text->str;
}

#define WANTS(rig, expected) T_STR_EQ(wants(rig), expected)

/* "GET a|SET b 1" as one pipeline; its requests are numbered from `id`. */
static inline OrrStatus
submit(Rig *rig, uint64_t id, const char *pipeline)
{
    g_auto(GStrv) lines = g_strsplit(pipeline, "|", 0);
    OrrRouterCommand commands[64];
    OrrBytes words[64][4];
    char **split[64];
    size_t count = 0;

    for (; lines[count] != NULL; count++) {
        split[count] = g_strsplit(lines[count], " ", 0);
        commands[count] = (OrrRouterCommand){.id = id + count, .args = words[count]};
        for (size_t i = 0; split[count][i] != NULL && split[count][i][0] != '\0'; i++) {
            words[count][i] = orr_bytes_of_string(split[count][i]);
            commands[count].arg_count++;
        }
    }
    OrrStatus status = orr_router_submit(rig->router, rig->now_ns, commands, count);

    for (size_t i = 0; i < count; i++) {
        g_strfreev(split[i]);
    }
    return status;
}

static inline void
hear(Rig *rig, uint32_t node, const char *text)
{
    orr_router_received(rig->router, rig->now_ns, node, orr_bytes_of_string(text));
}

static inline void
link_of(Rig *rig, uint32_t node, bool up)
{
    orr_router_link(rig->router, rig->now_ns, node, up);
}

static inline void
pass(Rig *rig, OrrTime wait)
{
    rig->now_ns += wait;
    orr_router_time(rig->router, rig->now_ns);
}

/* Time passes up to the next deadline, which must come within `most`. */
static inline void
pass_to_deadline(Rig *rig, OrrTime most)
{
    OrrTime due = orr_router_deadline(rig->router);

    T_TRUE(due <= rig->now_ns + most);
    rig->now_ns = MAX(rig->now_ns, due);
    orr_router_time(rig->router, rig->now_ns);
}

static inline Rig
rig_with(const OrrRouterConfig *config)
{
    return (Rig){.router = orr_router_new(config), .now_ns = 1000, .text = g_string_new(NULL)};
}

/* A router that has read its map and has a connection to A and B each. */
static inline Rig
rig_connected(const OrrRouterConfig *config)
{
    Rig rig = rig_with(config);

    submit(&rig, 1000, "GET b|GET a");
    link_of(&rig, 0, true);
    hear(&rig, 0, MAP);
    link_of(&rig, 1, true);
    hear(&rig, 0, "+x\r\n");
    hear(&rig, 1, "+x\r\n");
    wants(&rig);
    T_EQ(orr_router_held(rig.router), 0);
    return rig;
}

static inline Rig
rig_new(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    return rig_connected(&config);
}

static inline void
rig_free(Rig *rig)
{
    orr_router_free(rig->router);
    g_string_free(rig->text, TRUE);
}

static inline OrrRouterCounters
counters_of(const Rig *rig)
{
    OrrRouterCounters counters;

    orr_router_counters(rig->router, &counters);
    return counters;
}

#endif
