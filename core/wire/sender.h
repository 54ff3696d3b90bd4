/* sender.h - puts this node's name on a message and the message into a list of effects. */
#ifndef ORR_WIRE_SENDER_H
#define ORR_WIRE_SENDER_H

#include <orrery/bus.h>

typedef struct OrrSender {
    OrrId cluster;
    OrrId self;
    uint64_t incarnation;
    uint64_t sequence; /* of the last frame sent */
    OrrBusKey *key;    /* frames carry a tag by it; or NULL */
} OrrSender;

/* Fills in the header of `message` and appends the frame to `out`. */
static inline void
orr_sender_send(OrrSender *sender, OrrEffects *out, const OrrAddress *to, OrrMessage *message)
{
    message->cluster = sender->cluster;
    message->sender = sender->self;
    message->incarnation = sender->incarnation;
    message->sequence = ++sender->sequence;

    uint8_t *room = orr_effects_reserve(out, orr_bus_size_max(message));

    orr_effects_commit_send(out, to, orr_message_lane(message->type),
                            orr_bus_encode_sealed(message, sender->key, room));
}

#endif
