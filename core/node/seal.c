/* seal.c - what a frame must show before anybody here reads it. */
#include "node/internal.h"

static bool
is_told(OrrNode *node, const OrrAddress *from)
{
    for (size_t i = 0; i < node->unsealed_count; i++) {
        if (orr_address_compare(&node->unsealed[i], from) == 0) {
            return true;
        }
    }
    if (node->unsealed_count == ORR_UNSEALED_MAX) {
        return true;
    }
    node->unsealed[node->unsealed_count++] = *from;
    return false;
}

/* Once for each address: a wrong key is a mistake that lasts, or an attack that must not fill
 * a disk. */
static void
refuse_seal(OrrNode *node, const OrrAddress *from, OrrSeal seal, OrrEffects *out)
{
    char ip[ORR_ADDRESS_TEXT_SIZE];
    char text[ORR_ADDRESS_TEXT_SIZE + 64];

    node->frames_unsealed++;
    if (is_told(node, from)) {
        return;
    }
    orr_address_format_ip(from, ip);
    g_snprintf(text, sizeof text, "%s, bus %s:%u", orr_seal_name(seal), ip, from->bus_port);
    orr_node_trace(node, ORR_TRACE_FRAME_REFUSED, NULL, text, out);
}

bool
orr_node_open_frame(OrrNode *node, const OrrEvent *event, OrrMessage *message, OrrEffects *out)
{
    OrrBytes frame = event->received.frame;
    OrrSeal seal;
    size_t size;

    if (orr_bus_frame_size(frame, &size) != ORR_OK || size != frame.size) {
        node->frames_malformed++;
        return false;
    }
    seal = orr_bus_check_seal(frame, node->sender.key);
    if (seal != ORR_SEAL_RIGHT) {
        refuse_seal(node, &event->received.from, seal, out);
        return false;
    }
    if (orr_bus_decode(frame, message) != ORR_OK) {
        node->frames_malformed++;
        return false;
    }
    if (node->replay != NULL &&
        !orr_replay_admit(node->replay, &message->sender, event->received.lane,
                          message->incarnation, message->sequence)) {
        node->frames_replayed++;
        return false;
    }
    return true;
}
