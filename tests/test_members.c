/* The table of members: whatever is heard, in whatever order, all come to believe the same. */
#include "check.h"

#include <orrery/members.h>
#include <orrery/orrery.h>

static OrrSettings settings;
static const OrrId SELF = {{0xff}};
static const OrrId HOME = {{0xfe}};

static OrrMembers *
table(void)
{
    OrrAddress address = orr_address_v4(10, 0, 0, 99, 7000, 17000);

    settings = orr_settings_default();
    return orr_members_new(&settings, &SELF, &HOME, &address, ORR_ROLE_REPLICA);
}

/* What one life of a node says of itself follows from who and which life it is; states do not.
 */
static OrrMemberRecord
record_of(unsigned node, uint64_t life, OrrMemberState state)
{
    OrrMemberRecord record = {.incarnation = life, .state = (uint8_t)state};

    record.id.bytes[0] = (uint8_t)node;
    record.shard.bytes[0] = (uint8_t)(node % 3 + life % 2);
    record.address = orr_address_v4(10, 0, 0, (uint8_t)node, 7000, (uint16_t)(17000 + life));
    record.ban_s = state == ORR_MEMBER_FORGOTTEN ? 1000 : 0;
    return record;
}

static OrrMemberRecord
random_record(OrrRng *rng)
{
    static const OrrMemberState states[] = {ORR_MEMBER_ALIVE, ORR_MEMBER_FAILED,
                                            ORR_MEMBER_FORGOTTEN};
    uint64_t life = 1 + orr_rng_below(rng, 4);

    if (orr_rng_below(rng, 4) == 0) {
        life += ORR_ADMIT_STEP; /* an administrator let it in again */
    }
    return record_of(1 + (unsigned)orr_rng_below(rng, 6), life, states[orr_rng_below(rng, 3)]);
}

/* Merging is commutative, associative and idempotent: any order, any repetition, one result. */
static void
test_merge_converges(void)
{
    OrrRng rng = orr_rng_new(t_seed(1));

    for (int run = 0; run < 300; run++) {
        OrrMembers *a = table();
        OrrMembers *b = table();
        OrrMemberRecord records[30];

        for (size_t i = 0; i < 30; i++) {
            records[i] = random_record(&rng);
            (void)orr_members_merge_member(a, 0, &records[i]);
        }
        for (size_t i = 0; i < 90; i++) {
            (void)orr_members_merge_member(b, 0, &records[orr_rng_below(&rng, 30)]);
        }
        for (size_t i = 30; i > 0; i--) {
            (void)orr_members_merge_member(b, 0, &records[i - 1]);
        }
        T_TRUE(orr_members_digest(a) == orr_members_digest(b));
        orr_members_free(a);
        orr_members_free(b);
    }
}

/* Two tables that tell each other all they know agree, whatever each had heard before. */
static void
test_exchange_converges(void)
{
    OrrRng rng = orr_rng_new(t_seed(2));

    for (int run = 0; run < 300; run++) {
        OrrMembers *tables[2] = {table(), table()};

        for (size_t i = 0; i < 40; i++) {
            OrrMemberRecord record = random_record(&rng);

            (void)orr_members_merge_member(tables[orr_rng_below(&rng, 2)], 0, &record);
        }
        for (int round = 0; round < 2; round++) {
            for (size_t k = 0; k < 2; k++) {
                for (size_t i = 0; i < tables[k]->count; i++) {
                    OrrFact fact = orr_member_fact(tables[k]->list[i], 0);

                    (void)orr_members_merge_member(tables[1 - k], 0, &fact.member);
                }
            }
        }
        T_TRUE(orr_members_digest(tables[0]) == orr_members_digest(tables[1]));
        orr_members_free(tables[0]);
        orr_members_free(tables[1]);
    }
}

/* Within one life FAILED beats ALIVE, and only a greater life refutes it: SWIM 4.2. */
static void
test_only_a_new_life_refutes(void)
{
    OrrMembers *members = table();
    OrrMemberRecord record = record_of(1, 5, ORR_MEMBER_ALIVE);

    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_ADDED);
    record.state = ORR_MEMBER_FAILED;
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_FAILED);
    record.state = ORR_MEMBER_ALIVE;
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_KNOWN);
    record = record_of(1, 4, ORR_MEMBER_ALIVE);
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_KNOWN);
    record = record_of(1, 6, ORR_MEMBER_ALIVE);
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_RETURNED);
    orr_members_free(members);
}

/* A tombstone beats every life, until it expires or an administrator admits the node; redis
 * 1410, valkey 2788: bans that ran out while somebody still remembered. */
static void
test_tombstones(void)
{
    OrrMembers *members = table();
    OrrMemberRecord record = record_of(1, 5, ORR_MEMBER_ALIVE);
    OrrMember *member;

    (void)orr_members_merge_member(members, 0, &record);
    member = orr_members_find(members, &record.id);
    orr_members_forget(members, 0, member);
    T_FALSE(orr_member_counts(member));
    record = record_of(1, 900, ORR_MEMBER_ALIVE);
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_KNOWN);
    T_TRUE(orr_members_admit(members, 0, &record) == member);
    T_EQ(member->state, ORR_MEMBER_ALIVE);
    record = record_of(1, 5, ORR_MEMBER_FORGOTTEN); /* an old tombstone, late */
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_KNOWN);
    orr_members_forget(members, 0, member);
    T_FALSE(orr_members_purge(members, settings.forget_ns - 1));
    T_TRUE(orr_members_purge(members, settings.forget_ns));
    T_TRUE(orr_members_find(members, &record.id) == NULL);
    T_EQ(members->count, 1);
    orr_members_free(members);
}

/* A ban is never told as longer than it is, or two nodes would keep it alive between them. */
static void
test_a_ban_only_gets_shorter(void)
{
    OrrMembers *members = table();
    OrrMemberRecord record = record_of(1, 5, ORR_MEMBER_ALIVE);
    OrrTime now = 0;
    uint32_t left = UINT32_MAX;

    (void)orr_members_merge_member(members, 0, &record);
    orr_members_forget(members, 0, orr_members_find(members, &record.id));
    for (int hop = 0; hop < 200; hop++) {
        OrrFact fact;

        now += 300 * ORR_NS_PER_MS;
        fact = orr_member_fact(orr_members_find(members, &record.id), now);
        T_TRUE(fact.member.ban_s <= left);
        left = fact.member.ban_s;
        orr_members_free(members);
        members = table();
        (void)orr_members_merge_member(members, now, &fact.member);
    }
    orr_members_free(members);
}

/* A shard's primary is ordered by epoch; two in one epoch are a collision, and change nothing.
 */
static void
test_shards_are_ordered_by_epoch(void)
{
    OrrMembers *members = table();
    OrrShardRecord record = {.shard = {{1}}, .primary = {{1}}, .epoch = 3};

    T_EQ(orr_members_merge_shard(members, &record), ORR_MERGE_CHANGED);
    record.primary.bytes[0] = 2;
    T_EQ(orr_members_merge_shard(members, &record), ORR_MERGE_COLLISION);
    T_EQ(orr_members_shard(members, &record.shard)->primary.bytes[0], 1);
    record.epoch = 2;
    T_EQ(orr_members_merge_shard(members, &record), ORR_MERGE_KNOWN);
    record.epoch = 4;
    T_EQ(orr_members_merge_shard(members, &record), ORR_MERGE_CHANGED);
    T_EQ(orr_members_shard(members, &record.shard)->primary.bytes[0], 2);
    orr_members_free(members);
}

/* What others say of this node changes nothing here: it is for the node to answer. */
static void
test_nobody_else_speaks_for_self(void)
{
    OrrMembers *members = table();
    uint64_t digest = orr_members_digest(members);
    OrrMemberRecord record = record_of(1, 5, ORR_MEMBER_FAILED);

    record.id = SELF;
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_ABOUT_SELF);
    record.state = ORR_MEMBER_FORGOTTEN;
    record.ban_s = 9;
    T_EQ(orr_members_merge_member(members, 0, &record), ORR_MERGE_ABOUT_SELF);
    T_TRUE(orr_members_digest(members) == digest);
    orr_members_free(members);
}

static const Test TESTS[] = {
    TEST(test_merge_converges),
    TEST(test_exchange_converges),
    TEST(test_only_a_new_life_refutes),
    TEST(test_tombstones),
    TEST(test_a_ban_only_gets_shorter),
    TEST(test_shards_are_ordered_by_epoch),
    TEST(test_nobody_else_speaks_for_self),
};

T_MAIN("members", TESTS)
