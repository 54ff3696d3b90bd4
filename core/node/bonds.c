/* bonds.c - what binds a node over its restarts: to whom it promised a shard, by whom it was
 * elected, how many have a vote. */
#include "node/internal.h"

#define VOTERS_FEW 64u
#define PROMISES_MAX 256u /* on disk; of more at once a restart forgets the rest */

/* Whom this node has promised their shards by a vote, and for how long yet: on disk with it. */
void
orr_node_save_promises(OrrNode *node, const OrrId *candidate)
{
    const OrrMembers *members = node->context.members;
    g_autofree OrrId *ids = g_new(OrrId, members->count + 1);
    size_t count = 0;

    ids[count++] = *candidate;
    for (size_t i = 0; i < members->count && count < PROMISES_MAX; i++) {
        const OrrMember *member = members->list[i];

        if (member->probe.promised != 0 && member->probe.granted_until > node->now.mono_ns &&
            !orr_id_equal(&member->id, candidate)) {
            ids[count++] = member->id;
        }
    }
    orr_persist_promises(node->persist, ids, count);
}

static OrrId
take_id(OrrBytes *ids)
{
    OrrId id;

    memcpy(id.bytes, ids->data, ORR_ID_SIZE);
    *ids = orr_bytes(ids->data + ORR_ID_SIZE, ids->size - ORR_ID_SIZE);
    return id;
}

/* What this node bound itself to, and by whom it was elected: a restart changes neither. */
void
orr_node_restore_bonds(OrrNode *node, const OrrSavedState *saved)
{
    OrrBytes promises = saved->promises;
    OrrBytes electors = saved->electors;
    g_autofree OrrId *voters = g_new(OrrId, electors.size / ORR_ID_SIZE + 1);
    size_t count = 0;

    while (promises.size >= ORR_ID_SIZE) {
        OrrId id = take_id(&promises);
        OrrMember *candidate = orr_members_find(node->context.members, &id);

        if (candidate != NULL && !orr_member_is_primary(candidate)) {
            orr_detector_promise(node->detector, node->now.mono_ns, candidate,
                                 saved->vote.epoch);
        }
    }
    while (electors.size >= ORR_ID_SIZE) {
        voters[count++] = take_id(&electors);
    }
    node->voters_saved = saved->voters;
    node->context.members->voters_once = saved->voters;
    orr_detector_elected(node->detector, node->now.mono_ns, voters, count);
    node->electors_saved = count;
}

/* True when all who voted before the restart are known again, or known to vote no more: a shard
 * without slots, a member that was forgotten. That somebody else knows no more than this node
 * proves nothing: it may have restarted, too. */
static bool
knows_as_many(const OrrMembers *members)
{
    size_t known = 0;

    if (members->settings->voters == ORR_VOTERS_ALL) {
        return members->count >= members->voters_once; /* with the forgotten */
    }
    for (size_t i = 0; i < members->shard_count && known < members->voters_once; i++) {
        known += members->shards[i]->epoch > 0;
    }
    return known >= members->voters_once;
}

/* How many voters there are is kept, so that a restart with an older list of them does not take
 * a few for the majority. More of them goes to disk at once where that is cheap; fewer only
 * when this node knows what the others know. */
void
orr_node_save_voters(OrrNode *node, bool in_time, OrrEffects *out)
{
    OrrMembers *members = node->context.members;
    uint32_t voters = orr_members_voters(members);
    bool more = voters > node->voters_saved && (in_time || voters <= VOTERS_FEW);
    bool fewer = voters < node->voters_saved && in_time && members->voters_once == 0 &&
                 orr_detector_synced(node->detector);

    if (members->voters_once > 0 && knows_as_many(members)) {
        members->voters_once = 0;
        members->voters_change++;
    }
    if ((more || fewer) && voters > 0 && !(voters == 1 && orr_node_is_part_of_more(node))) {
        node->voters_saved = voters;
        orr_persist_voters(node->persist, voters);
        (void)orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out);
    }
}

/* Those who elected this node know it by now: a restart need not ask them again. */
void
orr_node_forget_electors(OrrNode *node, OrrEffects *out)
{
    const OrrId *electors;

    if (node->electors_saved > 0 && !node->claim_pending &&
        orr_detector_electorate(node->detector, &electors) == 0) {
        node->electors_saved = 0;
        orr_persist_electors(node->persist, NULL, 0);
        (void)orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out);
    }
}
