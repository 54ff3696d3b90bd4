/* members_tally.c - shards and their members; who votes, who serves; and how many of each there
 * are, kept up as entries change, so that nobody walks the table to count. */
#include "membership/members.h"

#include <glib.h>

/* As what a member is counted. */
#define TALLY_COUNTS 1u
#define TALLY_VOTES 2u
#define TALLY_FAILED 4u
#define TALLY_THERE 8u /* a voter that is alive, and seems so */

/* Shards */

static OrrShard *
add_shard(OrrMembers *members, const OrrId *id)
{
    OrrShard *shard;
    size_t at = members->shard_count;

    if (members->shard_count == ORR_SHARDS_MAX) {
        return NULL;
    }
    if (members->shard_count == members->shard_room) {
        members->shard_room = MAX(8, members->shard_room * 2);
        members->shards = g_renew(OrrShard *, members->shards, members->shard_room);
    }
    for (; at > 0 && orr_id_compare(id, &members->shards[at - 1]->id) < 0; at--) {
        members->shards[at] = members->shards[at - 1];
    }
    shard = g_new0(OrrShard, 1);
    shard->id = *id;
    members->shards[at] = shard;
    members->shard_count++;
    orr_members_index_add_shard(members, shard);
    return shard;
}

OrrShard *
orr_members_shard(OrrMembers *members, const OrrId *id)
{
    OrrShard *shard = orr_members_index_shard(members, id);

    return shard != NULL ? shard : add_shard(members, id);
}

/* Its slots are unserved while it has no primary that is a member of it and not failed. */
static void
count_unserved(OrrMembers *members, OrrShard *shard)
{
    const OrrMember *primary;
    uint32_t unserved = shard->slot_count;

    if (unserved > 0) {
        primary = orr_members_primary_of(members, shard);
        unserved =
            primary == NULL || primary->state == ORR_MEMBER_FAILED ? shard->slot_count : 0;
    }
    members->slots_unserved += unserved - shard->unserved;
    shard->unserved = unserved;
}

void
orr_members_join_shard(OrrMembers *members, OrrMember *member, OrrShard *shard)
{
    OrrMember **at = &shard->mates;

    while (*at != NULL && orr_id_compare(&(*at)->id, &member->id) < 0) {
        at = &(*at)->next_mate;
    }
    member->shard = shard;
    member->next_mate = *at;
    *at = member;
    if (orr_member_is_primary(member)) {
        count_unserved(members, shard);
    }
}

void
orr_members_leave_shard(OrrMembers *members, OrrMember *member)
{
    OrrMember **at = &member->shard->mates;
    OrrShard *shard = member->shard;

    while (*at != member) {
        at = &(*at)->next_mate;
    }
    *at = member->next_mate;
    member->next_mate = NULL;
    member->shard = NULL;
    if (orr_member_counts(member) && orr_id_equal(&shard->primary, &member->id)) {
        count_unserved(members, shard);
    }
}

void
orr_members_set_primary(OrrMembers *members, const OrrShardRecord *record)
{
    OrrShard *shard = orr_members_shard(members, &record->shard);
    OrrMember *before;

    g_return_if_fail(shard != NULL);
    orr_members_hash_shard(members, shard, -1);
    before = orr_members_find(members, &shard->primary);
    shard->primary = record->primary;
    shard->epoch = record->epoch;
    shard->start_offset = record->start_offset;
    orr_members_hash_shard(members, shard, 1);
    members->change++;
    orr_members_tally(members, before);
    orr_members_tally(members, orr_members_find(members, &shard->primary));
    count_unserved(members, shard);
}

void
orr_members_set_slot_count(OrrMembers *members, OrrShard *shard, uint32_t count)
{
    if (shard->slot_count != count) {
        shard->slot_count = count;
        members->change++;
        orr_members_tally(members, orr_members_find(members, &shard->primary));
        count_unserved(members, shard);
    }
}

/* Counts */

static bool
judge_vote(const OrrMembers *members, const OrrMember *member)
{
    if (member->state == ORR_MEMBER_FORGOTTEN) {
        return false;
    }
    switch (members->settings->voters) {
    case ORR_VOTERS_PRIMARIES:
        return member->shard->slot_count > 0 && orr_member_is_primary(member);
    case ORR_VOTERS_ALL:
        return true;
    }
    return false;
}

static bool
seems_there(const OrrMember *member)
{
    return member->state == ORR_MEMBER_ALIVE &&
           member->probe.suspicion != ORR_SUSPICION_SILENT &&
           member->probe.suspicion != ORR_SUSPICION_DEAD;
}

static void
set_tally(OrrMembers *members, OrrMember *member, uint8_t tally)
{
    members->voters_change += ((member->tally ^ tally) & TALLY_VOTES) != 0;
    members->counting -= (member->tally & TALLY_COUNTS) != 0;
    members->voters -= (member->tally & TALLY_VOTES) != 0;
    members->failed -= (member->tally & TALLY_FAILED) != 0;
    members->voters_there -= (member->tally & TALLY_THERE) != 0;
    member->tally = tally;
    members->counting += (member->tally & TALLY_COUNTS) != 0;
    members->voters += (member->tally & TALLY_VOTES) != 0;
    members->failed += (member->tally & TALLY_FAILED) != 0;
    members->voters_there += (member->tally & TALLY_THERE) != 0;
}

void
orr_members_tally(OrrMembers *members, OrrMember *member)
{
    unsigned bits = 0;

    if (member == NULL) {
        return;
    }
    bits |= member->state != ORR_MEMBER_FORGOTTEN ? TALLY_COUNTS : 0;
    bits |= member->state == ORR_MEMBER_FAILED ? TALLY_FAILED : 0;
    bits |= judge_vote(members, member) ? TALLY_VOTES : 0;
    bits |= (bits & TALLY_VOTES) != 0 && seems_there(member) ? TALLY_THERE : 0;
    set_tally(members, member, (uint8_t)bits);
    if (orr_member_is_primary(member)) {
        count_unserved(members, member->shard);
    }
}

void
orr_members_uncount(OrrMembers *members, OrrMember *member)
{
    set_tally(members, member, 0);
}

void
orr_members_set_suspicion(OrrMembers *members, OrrMember *member, OrrSuspicion suspicion)
{
    member->probe.suspicion = suspicion;
    members->change++;
    orr_members_tally(members, member);
}

/* The watched */

void
orr_members_watch(OrrMembers *members, OrrMember *member)
{
    if (member->watched) {
        return;
    }
    member->watched = true;
    member->next_watched = NULL;
    if (members->watched == NULL) {
        members->watched = member;
    } else {
        members->watched_last->next_watched = member;
    }
    members->watched_last = member;
}

void
orr_members_watch_only(OrrMembers *members, bool (*keep)(const OrrMember *member))
{
    OrrMember *next = NULL;
    OrrMember *member = members->watched;

    members->watched = NULL;
    members->watched_last = NULL;
    for (; member != NULL; member = next) {
        next = member->next_watched;
        member->watched = false;
        if (keep(member)) {
            orr_members_watch(members, member);
        }
    }
}

/* Roles and voters */

bool
orr_member_is_primary(const OrrMember *member)
{
    return orr_id_equal(&member->shard->primary, &member->id);
}

bool
orr_member_counts(const OrrMember *member)
{
    return member->state != ORR_MEMBER_FORGOTTEN;
}

bool
orr_members_is_voter(const OrrMembers *members, const OrrMember *member)
{
    (void)members;
    return (member->tally & TALLY_VOTES) != 0;
}

uint32_t
orr_members_voters(const OrrMembers *members)
{
    return members->voters;
}

uint32_t
orr_members_majority(const OrrMembers *members)
{
    return MAX(members->voters, members->voters_once) / 2 + 1;
}

OrrMember *
orr_members_primary_of(const OrrMembers *members, const OrrShard *shard)
{
    OrrMember *member = orr_members_find(members, &shard->primary);

    return member != NULL && member->shard == shard && orr_member_counts(member) ? member
                                                                                 : NULL;
}
