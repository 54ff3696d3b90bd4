/* pubsub.h - publish/subscribe: messages for whoever listens now, kept nowhere.
 *
 *     PUBLISH news x ---> subscribers of "news", of patterns "n*", here
 *           `-----------> every other node, by the bus ---> its subscribers
 *     SPUBLISH news x --> subscribers of "news" at the nodes of the slot's shard
 *
 * A channel exists while it has subscribers. Subscribers hear in the order in which they
 * subscribed; channels are listed by name. A shard channel belongs to a slot: when that leaves
 * this node's shard, its subscribers are told (sunsubscribe). Whoever does not take his
 * messages is for the host to cut off (effects.h: `pushed`). Private to a node.
 */
#ifndef ORR_NODE_PUBSUB_H
#define ORR_NODE_PUBSUB_H

#include "node/clients/client.h"

typedef enum OrrChannelKind {
    ORR_CHANNEL,
    ORR_CHANNEL_PATTERN,
    ORR_CHANNEL_SHARD,
} OrrChannelKind;
#define ORR_CHANNEL_KINDS 3u

#define ORR_SUBSCRIPTIONS_MAX 100000u      /* of one client and kind */
#define ORR_CHANNEL_NAME_MAX (64u << 10)   /* bytes */
#define ORR_PUBLISH_SIZE_MAX (4000u << 10) /* bytes of a message: it fits one data frame */

typedef struct OrrPubsub OrrPubsub;

OrrPubsub *orr_pubsub_new(void);
void orr_pubsub_free(OrrPubsub *pubsub);

/* Tells everybody here who listens; returns how many. */
size_t orr_pubsub_deliver(OrrNode *node, bool shard, OrrBytes channel, OrrBytes message,
                          OrrEffects *out);
/* A frame of a peer. */
void orr_pubsub_on_publish(OrrNode *node, const OrrPublication *publication, OrrEffects *out);
/* The client goes away: no answers. */
void orr_pubsub_drop_client(OrrNode *node, OrrClient *client);
/* Slots have changed their owner: subscribers of those that left are told. */
void orr_pubsub_slots_changed(OrrNode *node, OrrEffects *out);

size_t orr_subscriptions_count(const OrrClient *client, OrrChannelKind kind);
size_t orr_pubsub_channel_count(const OrrPubsub *pubsub, OrrChannelKind kind);

/* For PUBSUB: names in order, matching `pattern` unless it is NULL; the array is the caller's,
 * the names (OrrBytes) are lent. */
GArray *orr_pubsub_names(const OrrPubsub *pubsub, OrrChannelKind kind, const OrrBytes *pattern);
size_t orr_pubsub_subscribers(const OrrPubsub *pubsub, OrrChannelKind kind, OrrBytes name);

/* For the commands. Subscribe is false where a named maximum is reached; unsubscribe where
 * there was no such subscription. */
bool orr_pubsub_subscribe(OrrNode *node, OrrClient *client, OrrChannelKind kind, OrrBytes name);
bool orr_pubsub_unsubscribe(OrrNode *node, OrrClient *client, OrrChannelKind kind,
                            OrrBytes name);
/* The first subscription of a kind; false: none. */
bool orr_pubsub_first(const OrrClient *client, OrrChannelKind kind, OrrBytes *name);

#endif
