#include "check.h"

#include <orrery/ledger.h>

static OrrLoss
loss_of(const char *key, const char *field, OrrVersion version)
{
    return (OrrLoss){.kind = ORR_RECORD_STRING,
                     .version = version,
                     .wall_ms = 1000 + (int64_t)version,
                     .key = orr_bytes_of_string(key),
                     .field = orr_bytes_of_string(field)};
}

/* What was written into the ledger is read from it, in the same order. */
static void
test_ledger_lists_in_order(void)
{
    OrrLedger *ledger = orr_ledger_new();
    OrrLoss first = loss_of("order:1", "", 7);
    OrrLoss second = loss_of("cart", "apples", 8);

    T_EQ(orr_ledger_add(ledger, &first), ORR_OK);
    T_EQ(orr_ledger_add(ledger, &second), ORR_OK);

    T_EQ(orr_ledger_count(ledger), 2);
    T_EQ(orr_ledger_total(ledger), 2);
    T_TRUE(orr_bytes_equal(orr_ledger_get(ledger, 0).key, first.key));
    T_EQ(orr_ledger_get(ledger, 0).wall_ms, 1007);
    T_TRUE(orr_bytes_equal(orr_ledger_get(ledger, 1).key, second.key));
    T_TRUE(orr_bytes_equal(orr_ledger_get(ledger, 1).field, second.field));
    T_EQ(orr_ledger_get(ledger, 1).version, 8);
    orr_ledger_free(ledger);
}

/* A full ledger says so and goes on counting. */
static void
test_ledger_counts_beyond_its_entries(void)
{
    OrrLedger *ledger = orr_ledger_new();
    OrrLoss loss = loss_of("k", "", 1);
    unsigned refused = 0;

    for (unsigned i = 0; i < ORR_LEDGER_ENTRIES_MAX + 3; i++) {
        refused += orr_ledger_add(ledger, &loss) == ORR_FULL;
    }

    T_EQ(refused, 3);
    T_EQ(orr_ledger_count(ledger), ORR_LEDGER_ENTRIES_MAX);
    T_EQ(orr_ledger_total(ledger), ORR_LEDGER_ENTRIES_MAX + 3);
    orr_ledger_free(ledger);
}

/* Keys that are too large for the ledger's memory are counted, and smaller ones still fit. */
static void
test_ledger_bounds_its_bytes(void)
{
    OrrLedger *ledger = orr_ledger_new();
    size_t size = 512u << 10;
    char *key = calloc(1, size);
    OrrLoss large = loss_of("", "", 1);
    OrrLoss small = loss_of("k", "", 2);

    T_REQUIRE(key != NULL);
    large.key = orr_bytes(key, size);
    for (unsigned i = 0; i < 7; i++) {
        T_EQ(orr_ledger_add(ledger, &large), ORR_OK);
    }
    T_EQ(orr_ledger_add(ledger, &small), ORR_OK);
    T_EQ(orr_ledger_add(ledger, &large), ORR_FULL);
    T_EQ(orr_ledger_add(ledger, &small), ORR_OK);

    T_EQ(orr_ledger_count(ledger), 9);
    T_EQ(orr_ledger_total(ledger), 10);
    free(key);
    orr_ledger_free(ledger);
}

static const Test TESTS[] = {
    TEST(test_ledger_lists_in_order),
    TEST(test_ledger_counts_beyond_its_entries),
    TEST(test_ledger_bounds_its_bytes),
};

T_MAIN("ledger", TESTS)
