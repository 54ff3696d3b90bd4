/* members_index.c - finding a member by id, and by address. */
#include "membership/members.h"

#include <glib.h>

#define INDEX_SIZE_MIN 32u

static uint64_t
mix(uint64_t word)
{
    word ^= word >> 32;
    word *= UINT64_C(0xe9846af9b1a615d);
    word ^= word >> 32;
    word *= UINT64_C(0xe9846af9b1a615d);
    return word ^ word >> 28;
}

/* The same on every machine: witnesses are chosen by it. */
static uint64_t
hash_of_id(const OrrId *id)
{
    uint64_t words[2];
    uint32_t rest;

    memcpy(words, id->bytes, sizeof words);
    memcpy(&rest, id->bytes + sizeof words, sizeof rest);
    return mix(GUINT64_FROM_LE(words[0]) ^
               mix(GUINT64_FROM_LE(words[1]) ^ mix(GUINT32_FROM_LE(rest) + UINT64_C(1))));
}

static uint64_t
hash_of_address(const OrrAddress *address)
{
    uint64_t words[2];

    memcpy(words, address->ip, sizeof words);
    return mix(words[0] ^ mix(words[1] ^ address->bus_port));
}

static void
insert(OrrMembers *members, OrrMember *member)
{
    uint64_t hash = hash_of_id(&member->id);
    size_t at = hash & (members->index_size - 1);

    while (members->index[at].member != NULL) {
        at = (at + 1) & (members->index_size - 1);
    }
    members->index[at] = (OrrMemberSlot){hash, member};
}

/* Of two at one address the one with the smaller id is to be found, so then all begins anew. */
static void
add_address(OrrMembers *members, OrrMember *member)
{
    size_t at = hash_of_address(&member->address) & (members->addresses_size - 1);

    if (members->addresses_stale || !orr_member_counts(member)) {
        return;
    }
    while (members->addresses[at] != NULL) {
        members->addresses_stale |=
            orr_address_compare(&members->addresses[at]->address, &member->address) == 0;
        at = (at + 1) & (members->addresses_size - 1);
    }
    members->addresses[at] = member;
}

/* It grows by doubling, and is made anew when a member is removed, which is rare. */
void
orr_members_index_rebuild(OrrMembers *members)
{
    size_t size = INDEX_SIZE_MIN;

    while (size < members->count * 2 + 2) {
        size *= 2;
    }
    if (size != members->index_size) {
        g_free(members->index);
        members->index = g_new(OrrMemberSlot, size);
        members->index_size = size;
    }
    memset(members->index, 0, size * sizeof members->index[0]);
    for (size_t i = 0; i < members->count; i++) {
        insert(members, members->list[i]);
    }
    members->addresses_stale = true;
}

void
orr_members_index_add(OrrMembers *members, OrrMember *member)
{
    if (members->count * 2 + 2 > members->index_size) {
        orr_members_index_rebuild(members);
    } else {
        insert(members, member);
        add_address(members, member);
    }
}

void
orr_members_index_free(OrrMembers *members)
{
    g_free(members->index);
    g_free(members->shard_index);
    g_free(members->addresses);
}

OrrMember *
orr_members_find(const OrrMembers *members, const OrrId *id)
{
    uint64_t hash = hash_of_id(id);
    size_t at = hash & (members->index_size - 1);

    while (members->index[at].member != NULL) {
        if (members->index[at].hash == hash &&
            orr_id_equal(&members->index[at].member->id, id)) {
            return members->index[at].member;
        }
        at = (at + 1) & (members->index_size - 1);
    }
    return NULL;
}

/* The n of all voters that are alive whose ids hash highest together with `salt`. */
size_t
orr_members_pick_voters(const OrrMembers *members, const OrrId *salt, OrrMember **voters,
                        size_t n)
{
    uint64_t seed = hash_of_id(salt);
    uint64_t scores[ORR_PICK_MAX];
    size_t count = 0;

    for (size_t i = 0; i < members->index_size; i++) {
        OrrMember *voter = members->index[i].member;
        uint64_t score = mix(members->index[i].hash ^ seed);
        size_t at;

        /* the member itself is not touched unless it may be one of them */
        if (voter == NULL || (count == n && score <= scores[n - 1]) ||
            voter->state != ORR_MEMBER_ALIVE || !orr_members_is_voter(members, voter) ||
            orr_id_equal(&voter->id, salt)) {
            continue;
        }
        count = MIN(count + 1, n);
        for (at = count - 1; at > 0 && scores[at - 1] < score; at--) {
            scores[at] = scores[at - 1];
            voters[at] = voters[at - 1];
        }
        scores[at] = score;
        voters[at] = voter;
    }
    return count;
}

void
orr_members_expect(const OrrMembers *members, const OrrId *id, unsigned stage)
{
    const OrrMemberSlot *slot = &members->index[hash_of_id(id) & (members->index_size - 1)];

    if (stage == 0) {
        __builtin_prefetch(slot);
        __builtin_prefetch(members->self);
    } else if (slot->member != NULL) {
        for (size_t at = 0; at < sizeof(OrrMember); at += 64) {
            __builtin_prefetch((const char *)slot->member + at);
        }
        __builtin_prefetch(members->self->shard);
    }
}

void
orr_members_expect_shard(const OrrMembers *members, const OrrId *id, unsigned stage)
{
    const OrrShardSlot *slot;

    if (members->shard_index_size == 0) {
        return;
    }
    slot = &members->shard_index[hash_of_id(id) & (members->shard_index_size - 1)];
    if (stage == 0) {
        __builtin_prefetch(slot);
    } else if (slot->shard != NULL) {
        __builtin_prefetch(slot->shard);
        __builtin_prefetch((const char *)slot->shard + 64);
    }
}

/* Shards are never removed. */

OrrShard *
orr_members_index_shard(const OrrMembers *members, const OrrId *id)
{
    uint64_t hash = hash_of_id(id);
    size_t at = hash & (members->shard_index_size - 1);

    if (members->shard_index_size == 0) {
        return NULL;
    }
    while (members->shard_index[at].shard != NULL) {
        if (members->shard_index[at].hash == hash &&
            orr_id_equal(&members->shard_index[at].shard->id, id)) {
            return members->shard_index[at].shard;
        }
        at = (at + 1) & (members->shard_index_size - 1);
    }
    return NULL;
}

static void
insert_shard(OrrMembers *members, OrrShard *shard)
{
    uint64_t hash = hash_of_id(&shard->id);
    size_t at = hash & (members->shard_index_size - 1);

    while (members->shard_index[at].shard != NULL) {
        at = (at + 1) & (members->shard_index_size - 1);
    }
    members->shard_index[at] = (OrrShardSlot){hash, shard};
}

void
orr_members_index_add_shard(OrrMembers *members, OrrShard *shard)
{
    if (members->shard_count * 2 + 2 <= members->shard_index_size) {
        insert_shard(members, shard);
        return;
    }
    members->shard_index_size = MAX(INDEX_SIZE_MIN, members->shard_index_size * 2);
    g_free(members->shard_index);
    members->shard_index = g_new0(OrrShardSlot, members->shard_index_size);
    for (size_t i = 0; i < members->shard_count; i++) {
        insert_shard(members, members->shards[i]);
    }
}

/* In order of id, so that of two at one address the first is found. */
static void
index_addresses(OrrMembers *members)
{
    if (members->addresses_size != members->index_size) {
        g_free(members->addresses);
        members->addresses = g_new(OrrMember *, members->index_size);
        members->addresses_size = members->index_size;
    }
    memset(members->addresses, 0, members->addresses_size * sizeof(OrrMember *));
    members->addresses_stale = false;
    for (size_t i = 0; i < members->count; i++) {
        add_address(members, members->list[i]);
        members->addresses_stale = false;
    }
}

OrrMember *
orr_members_find_address(const OrrMembers *members, const OrrAddress *address)
{
    size_t at;

    if (members->addresses_stale) {
        index_addresses((OrrMembers *)(uintptr_t)members);
    }
    at = hash_of_address(address) & (members->addresses_size - 1);
    while (members->addresses[at] != NULL) {
        if (orr_address_compare(&members->addresses[at]->address, address) == 0) {
            return members->addresses[at];
        }
        at = (at + 1) & (members->addresses_size - 1);
    }
    return NULL;
}
