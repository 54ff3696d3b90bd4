/* members_index.c - finding a member by id, and by address. */
#include "membership/members.h"

#include <glib.h>

#define INDEX_SIZE_MIN 32u

/* Ids are random, or hashes; this only has to spread those that are not. */
static uint64_t
hash_of_id(const OrrId *id)
{
    uint64_t words[2];
    uint32_t rest;
    uint64_t hash;

    memcpy(words, id->bytes, sizeof words);
    memcpy(&rest, id->bytes + sizeof words, sizeof rest);
    hash = (words[0] ^ rest) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32 ^ words[1]) * UINT64_C(0xe9846af9b1a615d);
    return hash ^ hash >> 29;
}

static uint64_t
hash_of_address(const OrrAddress *address)
{
    uint64_t words[2];
    uint64_t hash;

    memcpy(words, address->ip, sizeof words);
    hash = (words[0] ^ address->bus_port) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32 ^ words[1]) * UINT64_C(0xe9846af9b1a615d);
    return hash ^ hash >> 29;
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
    }
    members->addresses_stale = true;
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
    for (size_t i = 0; i < members->count; i++) {
        OrrMember *member = members->list[i];
        size_t at = hash_of_address(&member->address) & (members->addresses_size - 1);

        if (!orr_member_counts(member)) {
            continue;
        }
        while (members->addresses[at] != NULL) {
            at = (at + 1) & (members->addresses_size - 1);
        }
        members->addresses[at] = member;
    }
    members->addresses_stale = false;
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
