#include "membership/members.h"

#include "membership/reports.h"

#include <glib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

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

/* Digests are sums of hashes, so that order does not matter. */

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
    return id->bytes[ORR_ID_SIZE - 1];
}

static uint64_t
fold(uint32_t bucket, uint64_t sum)
{
    uint64_t word = sum + (bucket + 1) * UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ word >> 32) * UINT64_C(0xe9846af9b1a615d);
    word = (word ^ word >> 32) * UINT64_C(0xe9846af9b1a615d);
    return word ^ word >> 28;
}

/* The only place where a digest changes. */
static void
add_hash(OrrMembers *members, const OrrId *id, uint64_t hash)
{
    uint32_t bucket = orr_members_bucket_of(id);

    members->digest -= fold(bucket, members->buckets[bucket]);
    members->buckets[bucket] += hash;
    members->digest += fold(bucket, members->buckets[bucket]);
}

void
orr_members_hash_shard(OrrMembers *members, const OrrShard *shard, int sign)
{
    add_hash(members, &shard->id, sign < 0 ? -shard_hash(shard) : shard_hash(shard));
}

static void
count_in(OrrMembers *members, OrrMember *member)
{
    add_hash(members, &member->id, member_hash(member));
    members->change++;
    orr_members_tally(members, member);
}

static void
count_out(OrrMembers *members, const OrrMember *member)
{
    add_hash(members, &member->id, -member_hash(member));
}

uint64_t
orr_members_digest(const OrrMembers *members)
{
    return members->digest;
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
    member->address = record->address;
    member->incarnation = record->incarnation;
    member->state = (OrrMemberState)record->state;
    member->role = (OrrRole)record->role;
    member->state_since = now_ns;
    member->ban_until = now_ns + (OrrTime)record->ban_s * ORR_NS_PER_S;
    member->probe.probe_again = ORR_NEVER;
    members->list[at] = member;
    members->count++;
    orr_members_index_add(members, member);
    orr_members_join_shard(members, member, shard);
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
    orr_members_index_rebuild(members);
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
    orr_members_index_free(members);
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

/* NULL: there is no room for another shard, so it stays where it is. */
static void
move_to_shard(OrrMembers *members, OrrMember *member, OrrShard *shard)
{
    if (shard != NULL && shard != member->shard) {
        orr_members_leave_shard(members, member);
        orr_members_join_shard(members, member, shard);
        /* what was granted it, it was granted as primary of the shard that it has left */
        member->probe.granted_until = 0;
        member->probe.promised = 0;
    }
}

static void
take_record(OrrMembers *members, OrrTime now_ns, OrrMember *member,
            const OrrMemberRecord *record)
{
    OrrShard *shard = orr_members_shard(members, &record->shard);

    count_out(members, member);
    members->addresses_stale |= record->state == ORR_MEMBER_FORGOTTEN ||
                                member->state == ORR_MEMBER_FORGOTTEN ||
                                orr_address_compare(&record->address, &member->address) != 0;
    if (record->state != (uint8_t)member->state) {
        member->state = (OrrMemberState)record->state;
        member->state_since = now_ns;
        member->ban_until = now_ns + (OrrTime)record->ban_s * ORR_NS_PER_S;
    }
    if (record->state != ORR_MEMBER_FORGOTTEN) {
        member->address = record->address;
        move_to_shard(members, member, shard);
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
    members->addresses_stale |=
        state == ORR_MEMBER_FORGOTTEN || member->state == ORR_MEMBER_FORGOTTEN;
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
    members->addresses_stale = true;
    move_to_shard(members, self, entry);
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

static bool
counts(const OrrMember *member)
{
    return orr_member_counts(member);
}

bool
orr_members_purge(OrrMembers *members, OrrTime now_ns)
{
    size_t kept = 0;
    size_t before = members->count;

    if (members->counting == members->count) {
        return false; /* no tombstones */
    }
    orr_members_watch_only(members, counts);

    for (size_t i = 0; i < before; i++) {
        OrrMember *member = members->list[i];

        if (member->state == ORR_MEMBER_FORGOTTEN && member->ban_until <= now_ns) {
            count_out(members, member);
            orr_members_uncount(members, member);
            orr_members_leave_shard(members, member);
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
    orr_members_index_rebuild(members);
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
