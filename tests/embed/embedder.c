/* What an embedder writes: the library alone, no header of ours but the installed ones. */
#include <orrery/orrery.h>

#include <stdio.h>
#include <string.h>

/* A single node that owns all slots answers SET and GET: events in, effects out. */
static int
serve_one_request(void)
{
    OrrSlotRange all;
    OrrNodeConfig config;
    OrrNode *node;
    OrrEffects *effects = orr_effects_new();
    OrrEvent event;
    OrrNow now;
    const char *request = "SET planet earth\r\nGET planet\r\n";
    int found = 0;

    all.first = 0;
    all.last = ORR_SLOT_COUNT - 1;
    memset(&config, 0, sizeof config);
    config.settings = orr_settings_default();
    config.role = ORR_ROLE_PRIMARY;
    config.address = orr_address_v4(127, 0, 0, 1, 7001, 17001);
    config.slots = &all;
    config.slot_range_count = 1;
    config.seed = 1;
    node = orr_node_new(&config);
    now.mono_ns = 1;
    now.wall_ms = 1700000000000;
    memset(&event, 0, sizeof event);
    event.type = ORR_EVENT_BOOT;
    if (orr_node_step(node, now, &event, effects) != ORR_OK) {
        return 1;
    }
    for (size_t i = 0; i < orr_effects_count(effects); i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        if (effect.type == ORR_EFFECT_STORE && effect.store.op != 0) { /* "it is on disk" */
            OrrEffects *more = orr_effects_new();

            event.type = ORR_EVENT_STORED;
            event.stored.op = effect.store.op;
            event.stored.status = ORR_OK;
            (void)orr_node_step(node, now, &event, more);
            orr_effects_free(more);
        }
    }
    orr_effects_clear(effects);
    now.mono_ns += ORR_NS_PER_S;
    now.wall_ms += 1000;
    event.type = ORR_EVENT_TIME;
    (void)orr_node_step(node, now, &event, effects);
    event.type = ORR_EVENT_LINK;
    event.link.state = ORR_LINK_CLIENT_UP;
    event.link.client = 7;
    (void)orr_node_step(node, now, &event, effects);
    event.type = ORR_EVENT_REQUEST;
    event.request.client = 7;
    event.request.bytes = orr_bytes_of_string(request);
    orr_effects_clear(effects);
    (void)orr_node_step(node, now, &event, effects);
    for (size_t i = 0; i < orr_effects_count(effects); i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        if (effect.type == ORR_EFFECT_REPLY) {
            const char *answer = "+OK\r\n$5\r\nearth\r\n";

            found = effect.reply.bytes.size == strlen(answer) &&
                    memcmp(effect.reply.bytes.data, answer, strlen(answer)) == 0;
        }
    }
    orr_effects_free(effects);
    orr_node_free(node);
    return found ? 0 : 1;
}

int
main(void)
{
    if (orr_slot_of_key(orr_bytes_of_string("123456789")) != 12739) {
        return 1;
    }
    return serve_one_request();
}
