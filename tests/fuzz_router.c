/* Nodes that say anything at all, at any moment: a router reads nothing past its end, keeps its
 * limits, and ends every request once.
 *
 * The input is a script: a byte says what happens next (a request, a connection up or down,
 * time, bytes from a node), and for bytes how many of the input's next ones they are. */
#include "fuzz_replay.h"

#include <orrery/router.h>

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#define NODES 8u
#define HELD_MAX 16u

typedef struct Script {
    const uint8_t *data;
    size_t size;
    OrrTime now_ns;
    OrrRouter *router;
    uint64_t submitted;
    uint64_t done;
} Script;

static uint8_t
take(Script *script)
{
    uint8_t byte = script->size > 0 ? script->data[0] : 0;

    script->data += script->size > 0 ? 1 : 0;
    script->size -= script->size > 0 ? 1 : 0;
    return byte;
}

static void
drain(Script *script)
{
    OrrRouterEffect effect;
    uint64_t digest = 0;

    while (orr_router_next(script->router, &effect) == ORR_OK) {
        script->done += effect.type == ORR_ROUTER_DONE ? 1 : 0;
        for (size_t i = 0; i < effect.bytes.size; i++) {
            digest += effect.bytes.data[i]; /* a sanitizer looks at each */
        }
    }
    g_assert(digest < UINT64_MAX);
    g_assert(orr_router_held(script->router) <= HELD_MAX);
    g_assert(script->done + orr_router_held(script->router) == script->submitted);
    g_assert(orr_router_deadline(script->router) > script->now_ns);
}

static void
submit(Script *script, uint8_t what)
{
    static const char *const KEYS[] = {"a", "b", "{a}c", "d"};
    OrrBytes words[4][2];
    OrrRouterCommand commands[4];
    size_t count = 1 + what % 4u;

    for (size_t i = 0; i < count; i++) {
        words[i][0] = orr_bytes_of_string("GET");
        words[i][1] = orr_bytes_of_string(KEYS[(what / 4u + i) % 4]);
        commands[i] = (OrrRouterCommand){.id = i, .args = words[i], .arg_count = 2};
    }
    if (orr_router_submit(script->router, script->now_ns, commands, count) == ORR_OK) {
        script->submitted += count;
    }
}

/* The bytes in a block of just their size, so that a sanitizer sees the first one read past. */
static void
receive(Script *script, uint32_t node)
{
    size_t size = MIN(script->size, (size_t)take(script) * 2 + 1);

    size = MIN(size, script->size);
    uint8_t *copy = g_malloc(size > 0 ? size : 1);

    memcpy(copy, script->data, size);
    orr_router_received(script->router, script->now_ns, node, orr_bytes(copy, size));
    g_free(copy);
    script->data += size;
    script->size -= size;
}

static void
step(Script *script)
{
    uint8_t op = take(script);
    uint32_t node = op / 8u % NODES;

    switch (op % 8u) {
    case 0:
        submit(script, take(script));
        break;
    case 1:
    case 2:
        orr_router_link(script->router, script->now_ns, node, true);
        break;
    case 3:
        orr_router_link(script->router, script->now_ns, node, false);
        break;
    case 4:
        script->now_ns += (OrrTime)take(script) * 10 * ORR_NS_PER_MS;
        orr_router_time(script->router, script->now_ns);
        break;
    default:
        receive(script, node);
        break;
    }
    drain(script);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OrrAddress seed = orr_address_v4(10, 0, 0, 1, 7000, 0);
    OrrRouterConfig config = orr_router_config_default();
    Script script = {.data = data, .size = size, .now_ns = 1};

    config.seeds = &seed;
    config.seed_count = 1;
    config.requests_max = HELD_MAX;
    config.pipeline_max = 3;
    config.attempts_max = 4;
    config.retry_unanswered = size > 0 && data[size - 1] % 2 == 1;
    script.router = orr_router_new(&config);
    while (script.size > 0) {
        step(&script);
    }
    script.now_ns += 2 * config.request_ns;
    orr_router_time(script.router, script.now_ns);
    drain(&script);
    g_assert(script.done == script.submitted);
    orr_router_free(script.router);
    return 0;
}
