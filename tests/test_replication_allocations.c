/* In steady state a primary and its replica allocate nothing: not for a write, not for a frame,
 * not for an acknowledgement. */
#include "check.h"

#include "wire/sender.h"

#include <orrery/orrery.h>

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
#endif
#else
#define COUNTS_ALLOCATIONS 1
#endif

static uint64_t allocations;

#if COUNTS_ALLOCATIONS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}
#endif

typedef struct Side {
    OrrId id;
    OrrAddress address;
    OrrSender sender;
    OrrKeyspace *keyspace;
    OrrReplication *replication;
    OrrEffects *out;
} Side;

static void
on_applied(void *context, OrrBytes records)
{
    (void)context;
    (void)records;
}

static void
on_lineage(void *context, const OrrLineage *lineage)
{
    (void)context;
    (void)lineage;
}

static void
side_init(Side *side, uint8_t number)
{
    OrrReplicationConfig config = {.settings = orr_settings_default(),
                                   .sender = &side->sender,
                                   .sink = {side, on_applied, on_lineage, NULL, NULL}};

    config.settings.backlog_size = 1u << 20; /* soon full */
    memset(side, 0, sizeof *side);
    side->id.bytes[0] = number;
    side->sender.self = side->id;
    side->address = orr_address_v4(10, 0, 0, number, 7000, 17000);
    side->keyspace = orr_keyspace_new(1);
    side->out = orr_effects_new();
    config.self = side->id;
    config.keyspace = side->keyspace;
    side->replication = orr_replication_new(&config);
}

static void
side_clear(Side *side)
{
    orr_replication_free(side->replication);
    orr_keyspace_free(side->keyspace);
    orr_effects_free(side->out);
}

static void
carry(Side *from, Side *to, OrrNow now)
{
    for (size_t i = 0; i < orr_effects_count(from->out); i++) {
        OrrEffect effect = orr_effects_get(from->out, i);
        OrrMessage message;

        if (effect.type == ORR_EFFECT_SEND) {
            T_REQUIRE(orr_bus_decode(effect.send.frame, &message) == ORR_OK);
            T_REQUIRE(orr_replication_received(to->replication, now, &from->address, &message,
                                               to->out) == ORR_OK);
        }
    }
    orr_effects_clear(from->out);
}

static void
write_one(Side *primary, Side *replica, OrrNow *now, uint64_t number)
{
    char key[16];
    uint8_t bytes[128];
    OrrRecord record = {.kind = ORR_RECORD_STRING,
                        .version = (UINT64_C(1) << ORR_VERSION_EPOCH_SHIFT) + number,
                        .value = orr_bytes_of_string("0123456789abcdef")};

    snprintf(key, sizeof key, "key:%03u", (unsigned)(number % 500));
    record.key = orr_bytes_of_string(key);
    record.slot = orr_slot_of_key(record.key);
    now->mono_ns += 5 * ORR_NS_PER_MS;
    T_REQUIRE(orr_keyspace_apply(primary->keyspace, &record) == ORR_OK);
    T_REQUIRE(orr_replication_append(primary->replication, *now,
                                     orr_bytes(bytes, orr_record_encode(&record, bytes)),
                                     primary->out) == ORR_OK);
    orr_replication_step(primary->replication, *now, primary->out);
    orr_replication_flush(primary->replication, *now, primary->out);
    carry(primary, replica, *now);
    orr_replication_step(replica->replication, *now, replica->out);
    carry(replica, primary, *now);
}

static void
test_replication_allocates_nothing_in_steady_state(void)
{
    OrrNow now = {ORR_NS_PER_S, 1600000000000};
    Side primary;
    Side replica;

    side_init(&primary, 1);
    side_init(&replica, 2);
    T_EQ(orr_replication_lead(primary.replication, now, 1, 0, primary.out), ORR_OK);
    orr_replication_follow(replica.replication, now, &primary.id, &primary.address, 1, 0,
                           replica.out);
    carry(&replica, &primary, now);
    carry(&primary, &replica, now);
    carry(&replica, &primary, now);
    for (uint64_t i = 1; i <= 20000; i++) { /* until the backlog is full and turns over */
        write_one(&primary, &replica, &now, i);
    }

    uint64_t before = allocations;

    for (uint64_t i = 20001; i <= 60000; i++) {
        write_one(&primary, &replica, &now, i);
    }
    T_EQ(allocations - before, 0);
#if COUNTS_ALLOCATIONS
    T_TRUE(before > 0);
#else
    puts("skipped: allocations are not counted in this build");
#endif
    T_TRUE(orr_keyspace_digest(primary.keyspace) == orr_keyspace_digest(replica.keyspace));
    T_EQ(orr_replication_acked(primary.replication,
                               orr_replication_offset(primary.replication) - 3000),
         1);
    side_clear(&primary);
    side_clear(&replica);
}

static const Test TESTS[] = {
    TEST(test_replication_allocates_nothing_in_steady_state),
};

T_MAIN("replication allocations", TESTS)
