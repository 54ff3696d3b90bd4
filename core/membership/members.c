#include <orrery/members.h>

#include "membership/reports.h"

#include <glib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define INDEX_SIZE_MIN 32u

static uint64_t
hash_of_id(const OrrId *id)
{
    return XXH3_64bits(id->bytes, ORR_ID_SIZE);
}

/* Index: open addressing over the hash of the id. It grows by doubling, and is made anew when a
 * member is removed, which is rare. */

static void
index_insert(OrrMembers *members, OrrMember *member)
{
    size_t at = hash_of_id(&member->id) & (members->index_size - 1);

    while (members->index[at] != NULL) {
        at = (at + 1) & (members->index_size - 1);
    }
    members->index[at] = member;
}

static void
index_rebuild(OrrMembers *members)
{
    size_t size = INDEX_SIZE_MIN;

    while (size < members->count * 2 + 2) {
        size *= 2;
    }
    if (size != members->index_size) {
        g_free(members->index);
        members->index = g_new(OrrMember *, size);
        members->index_size = size;
    }
    memset(members->index, 0, size * sizeof(OrrMember *));
    for (size_t i = 0; i < members->count; i++) {
        index_insert(members, members->list[i]);
    }
}

OrrMember *
orr_members_find(const OrrMembers *members, const OrrId *id)
{
    size_t at = hash_of_id(id) & (members->index_size - 1);

    while (members->index[at] != NULL) {
        if (orr_id_equal(&members->index[at]->id, id)) {
            return members->index[at];
        }
        at = (at + 1) & (members->index_size - 1);
    }
    return NULL;
}

/* Where in the list an id is, or would be. */
static size_t
position_of(const OrrMembers *members, const OrrId *id)
{
    size_t low = 0;
    size_t high = members->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (orr_id_compare(&members->list[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

OrrMember *
orr_members_find_address(const OrrMembers *members, const OrrAddress *at)
{
    for (size_t i = 0; i < members->count; i++) {
        OrrMember *member = members->list[i];

        if (orr_member_counts(member) && orr_address_compare(&member->address, at) == 0) {
            return member;
        }
    }
    return NULL;
}

/* Digests: each bucket is the sum of the hashes of its records, so order does not matter. */

static uint64_t
member_hash(const OrrMember *member)
{
    struct {
        OrrId id;
        OrrId shard;
        uint8_t ip[16];
        uint16_t ports[2];
        uint32_t state;
        uint64_t incarnation;
    } text;

    memset(&text, 0, sizeof text);
    text.id = member->id;
    text.state = GUINT32_TO_LE((uint32_t)member->state);
    if (member->state != ORR_MEMBER_FORGOTTEN) {
        text.shard = member->shard->id;
        memcpy(text.ip, member->address.ip, sizeof text.ip);
        text.ports[0] = GUINT16_TO_LE(member->address.port);
        text.ports[1] = GUINT16_TO_LE(member->address.bus_port);
        text.incarnation = GUINT64_TO_LE(member->incarnation);
    }
    return XXH3_64bits(&text, sizeof text);
}

static uint64_t
shard_hash(const OrrShard *shard)
{
    uint64_t epoch = GUINT64_TO_LE(shard->epoch);
    uint64_t hash;

    if (shard->epoch == 0) {
        return 0;
    }
    hash = XXH3_64bits_withSeed(shard->id.bytes, ORR_ID_SIZE, 1);
    hash = XXH3_64bits_withSeed(shard->primary.bytes, ORR_ID_SIZE, hash);
    return XXH3_64bits_withSeed(&epoch, sizeof epoch, hash);
}

uint32_t
orr_members_bucket_of(const OrrId *id)
{
    return id->bytes[ORR_ID_SIZE - 1] % ORR_MEMBER_BUCKETS;
}

/* Tallies: how many vote, count and failed, kept up as entries change. */
#define TALLY_COUNTS 1u
#define TALLY_VOTES 2u
#define TALLY_FAILED 4u

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

static void
set_tally(OrrMembers *members, OrrMember *member, uint8_t tally)
{
    members->counting -= (member->tally & TALLY_COUNTS) != 0;
    members->voters -= (member->tally & TALLY_VOTES) != 0;
    members->failed -= (member->tally & TALLY_FAILED) != 0;
    member->tally = tally;
    members->counting += (member->tally & TALLY_COUNTS) != 0;
    members->voters += (member->tally & TALLY_VOTES) != 0;
    members->failed += (member->tally & TALLY_FAILED) != 0;
}

static void
tally(OrrMembers *members, OrrMember *member)
{
    unsigned bits = 0;

    if (member == NULL) {
        return;
    }
    bits |= member->state != ORR_MEMBER_FORGOTTEN ? TALLY_COUNTS : 0;
    bits |= member->state == ORR_MEMBER_FAILED ? TALLY_FAILED : 0;
    bits |= judge_vote(members, member) ? TALLY_VOTES : 0;
    set_tally(members, member, (uint8_t)bits);
}

static void
count_in(OrrMembers *members, OrrMember *member)
{
    members->buckets[orr_members_bucket_of(&member->id)] += member_hash(member);
    members->change++;
    tally(members, member);
}

static void
count_out(OrrMembers *members, const OrrMember *member)
{
    members->buckets[orr_members_bucket_of(&member->id)] -= member_hash(member);
}

uint64_t
orr_members_digest(const OrrMembers *members)
{
    OrrMembers *cache = (OrrMembers *)(uintptr_t)members;

    if (members->digest_change != members->change) {
        cache->digest = XXH3_64bits(members->buckets, sizeof members->buckets);
        cache->digest_change = members->change;
    }
    return members->digest;
}

/* Shards */

OrrShard *
orr_members_shard(OrrMembers *members, const OrrId *id)
{
    size_t low = 0;
    size_t high = members->shard_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = orr_id_compare(id, &members->shards[middle]->id);

        if (order == 0) {
            return members->shards[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if (members->shard_count == ORR_SHARDS_MAX) {
        return NULL;
    }
    if (members->shard_count == members->shard_room) {
        members->shard_room = MAX(8, members->shard_room * 2);
        members->shards = g_renew(OrrShard *, members->shards, members->shard_room);
    }
    memmove(members->shards + low + 1, members->shards + low,
            (members->shard_count - low) * sizeof members->shards[0]);
    members->shards[low] = g_new0(OrrShard, 1);
    members->shards[low]->id = *id;
    members->shard_count++;
    return members->shards[low];
}

void
orr_members_set_primary(OrrMembers *members, const OrrShardRecord *record)
{
    OrrShard *shard = orr_members_shard(members, &record->shard);
    OrrMember *before;

    g_return_if_fail(shard != NULL);
    members->buckets[orr_members_bucket_of(&shard->id)] -= shard_hash(shard);
    before = orr_members_find(members, &shard->primary);
    shard->primary = record->primary;
    shard->epoch = record->epoch;
    shard->start_offset = record->start_offset;
    members->buckets[orr_members_bucket_of(&shard->id)] += shard_hash(shard);
    members->change++;
    tally(members, before);
    tally(members, orr_members_find(members, &shard->primary));
}

void
orr_members_set_slot_count(OrrMembers *members, OrrShard *shard, uint32_t count)
{
    if (shard->slot_count != count) {
        shard->slot_count = count;
        members->change++;
        tally(members, orr_members_find(members, &shard->primary));
    }
}

OrrMerge
orr_members_merge_shard(OrrMembers *members, const OrrShardRecord *record)
{
    OrrShard *shard = orr_members_shard(members, &record->shard);

    if (shard == NULL) {
        return ORR_MERGE_REFUSED;
    }
    if (record->epoch == shard->epoch && orr_id_equal(&record->primary, &shard->primary)) {
        return ORR_MERGE_KNOWN;
    }
    if (!ORR_PLANTED(members->settings, CLAIMS_UNVERSIONED)) {
        if (record->epoch < shard->epoch) {
            return ORR_MERGE_KNOWN;
        }
        if (record->epoch == shard->epoch) {
            return ORR_MERGE_COLLISION;
        }
    }
    orr_members_set_primary(members, record);
    return ORR_MERGE_CHANGED;
}

/* Members */

static OrrMember *
add_member(OrrMembers *members, OrrTime now_ns, const OrrMemberRecord *record)
{
    OrrShard *shard = orr_members_shard(members, &record->shard);
    size_t at = position_of(members, &record->id);

    if (shard == NULL || members->count == ORR_MEMBERS_MAX) {
        return NULL;
    }
    if (members->count == members->list_room) {
        members->list_room = MAX(16, members->list_room * 2);
        members->list = g_renew(OrrMember *, members->list, members->list_room);
    }
    memmove(members->list + at + 1, members->list + at,
            (members->count - at) * sizeof members->list[0]);

    OrrMember *member = g_new0(OrrMember, 1);

    member->id = record->id;
    member->shard = shard;
    member->address = record->address;
    member->incarnation = record->incarnation;
    member->state = (OrrMemberState)record->state;
    member->role = (OrrRole)record->role;
    member->state_since = now_ns;
    member->ban_until = now_ns + (OrrTime)record->ban_s * ORR_NS_PER_S;
    member->probe.probe_again = ORR_NEVER;
    members->list[at] = member;
    members->count++;
    if (members->count * 2 + 2 > members->index_size) {
        index_rebuild(members);
    } else {
        index_insert(members, member);
    }
    count_in(members, member);
    return member;
}

static void
free_member(OrrMember *member)
{
    orr_reports_free(member->probe.reports);
    g_free(member);
}

OrrMembers *
orr_members_new(const OrrSettings *settings, const OrrId *self, const OrrId *shard,
                const OrrAddress *address, OrrRole role)
{
    OrrMembers *members = g_new0(OrrMembers, 1);
    OrrMemberRecord record = {.id = *self,
                              .shard = *shard,
                              .address = *address,
                              .state = ORR_MEMBER_ALIVE,
                              .role = (uint8_t)role};

    members->settings = settings;
    index_rebuild(members);
    members->self = add_member(members, 0, &record);
    return members;
}

void
orr_members_free(OrrMembers *members)
{
    if (members == NULL) {
        return;
    }
    for (size_t i = 0; i < members->count; i++) {
        free_member(members->list[i]);
    }
    for (size_t i = 0; i < members->shard_count; i++) {
        g_free(members->shards[i]);
    }
    g_free(members->list);
    g_free(members->shards);
    g_free(members->index);
    g_free(members);
}

/* What a newer record means for an entry that is there. */
static OrrMerge
compare_records(const OrrMember *member, const OrrMemberRecord *record)
{
    bool newer = record->incarnation > member->incarnation;

    if (record->state == ORR_MEMBER_FORGOTTEN) {
        bool known = member->state == ORR_MEMBER_FORGOTTEN ||
                     member->incarnation >= record->incarnation + ORR_ADMIT_STEP;

        return known ? ORR_MERGE_KNOWN : ORR_MERGE_FORGOTTEN;
    }
    if (member->state == ORR_MEMBER_FORGOTTEN) {
        bool admitted = record->incarnation >= member->incarnation + ORR_ADMIT_STEP;

        return admitted ? ORR_MERGE_RETURNED : ORR_MERGE_KNOWN;
    }
    if (record->incarnation < member->incarnation ||
        (!newer && record->state <= (uint8_t)member->state)) {
        return ORR_MERGE_KNOWN;
    }
    if (record->state != (uint8_t)member->state) {
        return record->state == ORR_MEMBER_FAILED ? ORR_MERGE_FAILED : ORR_MERGE_RETURNED;
    }
    return orr_address_compare(&record->address, &member->address) != 0 ? ORR_MERGE_MOVED
                                                                        : ORR_MERGE_CHANGED;
}

static void
take_record(OrrMembers *members, OrrTime now_ns, OrrMember *member,
            const OrrMemberRecord *record)
{
    OrrShard *shard = orr_members_shard(members, &record->shard);

    count_out(members, member);
    if (record->state != (uint8_t)member->state) {
        member->state = (OrrMemberState)record->state;
        member->state_since = now_ns;
        member->ban_until = now_ns + (OrrTime)record->ban_s * ORR_NS_PER_S;
    }
    if (record->state != ORR_MEMBER_FORGOTTEN) {
        member->address = record->address;
        member->shard = shard != NULL ? shard : member->shard;
        member->role = (OrrRole)record->role;
    }
    /* a tombstone is of the life it was made for, not of the later one that it beats: else
     * whether an admitted node is let in would depend on the order in which the two were heard
     */
    member->incarnation = record->incarnation;
    count_in(members, member);
}

OrrMerge
orr_members_merge_member(OrrMembers *members, OrrTime now_ns, const OrrMemberRecord *record)
{
    OrrMember *member = orr_members_find(members, &record->id);

    if (record->state == ORR_MEMBER_SUSPECTED || orr_id_is_none(&record->id)) {
        return ORR_MERGE_REFUSED;
    }
    if (record->state == ORR_MEMBER_FORGOTTEN && record->ban_s == 0) {
        return ORR_MERGE_KNOWN; /* a tombstone in its last second */
    }
    if (member == NULL) {
        return add_member(members, now_ns, record) != NULL ? ORR_MERGE_ADDED
                                                           : ORR_MERGE_REFUSED;
    }
    if (member == members->self) {
        bool same =
            record->incarnation < member->incarnation ||
            (record->incarnation == member->incarnation && record->state == ORR_MEMBER_ALIVE);
        bool banned = record->state == ORR_MEMBER_FORGOTTEN &&
                      member->incarnation < record->incarnation + ORR_ADMIT_STEP;

        return same && !banned ? ORR_MERGE_KNOWN : ORR_MERGE_ABOUT_SELF;
    }

    OrrMerge verdict = compare_records(member, record);

    if (verdict == ORR_MERGE_KNOWN && record->state == ORR_MEMBER_FORGOTTEN &&
        member->state == ORR_MEMBER_FORGOTTEN) {
        /* two tombstones: whoever is admitted must be above both */
        member->incarnation = MAX(member->incarnation, record->incarnation);
    }
    if (verdict != ORR_MERGE_KNOWN) {
        take_record(members, now_ns, member, record);
    }
    return verdict;
}

void
orr_members_set_state(OrrMembers *members, OrrTime now_ns, OrrMember *member,
                      OrrMemberState state)
{
    count_out(members, member);
    member->state = state;
    member->state_since = now_ns;
    count_in(members, member);
}

void
orr_members_set_self(OrrMembers *members, uint64_t incarnation, const OrrAddress *address,
                     const OrrId *shard)
{
    OrrMember *self = members->self;
    OrrShard *entry = orr_members_shard(members, shard);

    count_out(members, self);
    self->incarnation = incarnation;
    self->address = *address;
    self->shard = entry != NULL ? entry : self->shard;
    count_in(members, self);
}

OrrMember *
orr_members_admit(OrrMembers *members, OrrTime now_ns, const OrrMemberRecord *record)
{
    OrrMember *member = orr_members_find(members, &record->id);
    OrrMemberRecord admitted = *record;

    if (member == NULL) {
        return add_member(members, now_ns, record);
    }
    if (member->state == ORR_MEMBER_FORGOTTEN) {
        admitted.incarnation = MAX(record->incarnation, member->incarnation) + ORR_ADMIT_STEP;
        take_record(members, now_ns, member, &admitted);
    }
    return member;
}

void
orr_members_forget(OrrMembers *members, OrrTime now_ns, OrrMember *member)
{
    OrrTime ban = members->settings->forget_ns;

    if (ORR_PLANTED(members->settings, TOMBSTONES_SHORT)) {
        ban = 60 * ORR_NS_PER_S;
    }
    orr_members_set_state(members, now_ns, member, ORR_MEMBER_FORGOTTEN);
    member->ban_until = now_ns + ban;
}

bool
orr_members_purge(OrrMembers *members, OrrTime now_ns)
{
    size_t kept = 0;
    size_t before = members->count;

    for (size_t i = 0; i < before; i++) {
        OrrMember *member = members->list[i];

        if (member->state == ORR_MEMBER_FORGOTTEN && member->ban_until <= now_ns) {
            count_out(members, member);
            set_tally(members, member, 0);
            free_member(member);
        } else {
            members->list[kept++] = member;
        }
    }
    members->count = kept;
    if (kept == before) {
        return false;
    }
    members->change++;
    index_rebuild(members);
    return true;
}

OrrFact
orr_member_fact(const OrrMember *member, OrrTime now_ns)
{
    OrrFact fact = {.kind = ORR_FACT_MEMBER};
    OrrTime left = member->ban_until - now_ns;

    fact.member.id = member->id;
    fact.member.shard = member->shard->id;
    fact.member.address = member->address;
    fact.member.incarnation = member->incarnation;
    fact.member.state = (uint8_t)member->state;
    fact.member.role = (uint8_t)member->role;
    if (member->state == ORR_MEMBER_FORGOTTEN && left > 0) {
        fact.member.ban_s = (uint32_t)MIN(left / ORR_NS_PER_S, UINT32_MAX);
    }
    return fact;
}

OrrFact
orr_shard_fact(const OrrShard *shard)
{
    OrrFact fact = {.kind = ORR_FACT_SHARD};

    fact.shard.shard = shard->id;
    fact.shard.primary = shard->primary;
    fact.shard.epoch = shard->epoch;
    fact.shard.start_offset = shard->start_offset;
    return fact;
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
    return members->voters / 2 + 1;
}

OrrMember *
orr_members_primary_of(const OrrMembers *members, const OrrShard *shard)
{
    OrrMember *member = orr_members_find(members, &shard->primary);

    return member != NULL && member->shard == shard && orr_member_counts(member) ? member
                                                                                 : NULL;
}
