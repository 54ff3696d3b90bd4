/* leave.c - a primary that is asked to leave hands its shard to a replica first: it
 * acknowledges no more writes, waits until a replica has all of them, and lets that one stand
 * with its consent. Without a replica that follows, or a majority that votes, it just goes. */
#include "node/internal.h"

#define LEAVE_MAX (5 * ORR_NS_PER_S)   /* a process manager does not wait for ever */
#define ACK_PAUSE (20 * ORR_NS_PER_MS) /* between two looks at how far replicas are */

typedef struct Replicas {
    const OrrMember *ready; /* has everything; or NULL */
    size_t following;
} Replicas;

static Replicas
look_at_replicas(const OrrNode *node)
{
    Replicas result = {NULL, 0};
    OrrReplicaView view;

    for (size_t i = 0; orr_replication_replica(node->replication, i, &view) == ORR_OK; i++) {
        const OrrMember *member = orr_members_find(node->context.members, &view.id);

        if (member == NULL || view.copying || member->state != ORR_MEMBER_ALIVE ||
            member->probe.refused_since != 0) {
            continue;
        }
        result.following++;
        if (result.ready == NULL && view.acked_offset >= node->context.offset) {
            result.ready = member;
        }
    }
    return result;
}

OrrStatus
orr_node_on_leave(OrrNode *node, OrrEffects *out)
{
    OrrTime wait_ns = MIN(LEAVE_MAX, node->config.settings.node_timeout_ns);

    if (node->life != ORR_LIFE_UP || node->leaving_until != 0 || !orr_node_is_primary(node) ||
        node->fence != ORR_FENCE_NONE || orr_node_self(node)->shard->slot_count == 0 ||
        look_at_replicas(node).following == 0) {
        return ORR_REFUSED;
    }
    node->leaving_until = node->now.mono_ns + wait_ns;
    node->paused_until = node->leaving_until;
    node->leave_again_at = node->leave_tell_at = node->now.mono_ns;
    orr_node_trace(node, ORR_TRACE_NOTE, NULL, "hands over before it leaves", out);
    orr_node_leave_time(node, out);
    return ORR_OK;
}

void
orr_node_leave_time(OrrNode *node, OrrEffects *out)
{
    OrrTime now_ns = node->now.mono_ns;
    Replicas replicas;

    if (node->leaving_until == 0 || now_ns < node->leave_again_at) {
        return;
    }
    node->leave_again_at = now_ns + ACK_PAUSE;
    replicas = look_at_replicas(node);
    if (!orr_node_is_primary(node) || replicas.following == 0 ||
        now_ns >= node->leaving_until) {
        node->leaving_until = 0;
        return;
    }
    if (replicas.ready != NULL && now_ns >= node->leave_tell_at) {
        orr_node_send_handover(node, ORR_MESSAGE_HANDOVER, replicas.ready, out);
        node->leave_tell_at = now_ns + orr_heartbeat_ns(&node->config.settings);
    } else if (replicas.ready == NULL) {
        orr_replication_flush(node->replication, node->now, out);
        orr_replication_ask_acks(node->replication, node->now, out);
    }
    node->leave_again_at = MIN(node->leave_again_at, node->leaving_until);
}

OrrTime
orr_node_leave_deadline(const OrrNode *node)
{
    return node->leaving_until == 0 ? ORR_NEVER : node->leave_again_at;
}
