#include "check.h"

#include <orrery/orrery.h>

/* A stream depends on the seed and its name only, and two names share no draws. */
static void
test_streams_are_named(void)
{
    OrrRng a = orr_rng_stream(7, orr_bytes_of_string("link a"));
    OrrRng again = orr_rng_stream(7, orr_bytes_of_string("link a"));
    OrrRng b = orr_rng_stream(7, orr_bytes_of_string("link b"));

    uint64_t first = orr_rng_next(&a);

    T_TRUE(first == orr_rng_next(&again));
    T_TRUE(first != orr_rng_next(&b));
}

/* Draws stay inside their bounds, also at the ends of the range of integers. */
static void
test_draws_stay_inside(void)
{
    OrrRng rng = orr_rng_new(t_seed(1));

    for (int i = 0; i < 10000; i++) {
        int64_t small = orr_rng_between(&rng, -3, 3);

        T_TRUE(small >= -3 && small <= 3);
        T_TRUE(orr_rng_below(&rng, 7) < 7);
    }
    (void)orr_rng_between(&rng, INT64_MIN, INT64_MAX);
}

/* xoshiro256** seeded by splitmix64: the first draws of seed 1 are those of the reference. */
static void
test_generator_is_the_published_one(void)
{
    OrrRng rng = {{1, 2, 3, 4}};

    T_TRUE(orr_rng_next(&rng) == 11520);
    T_TRUE(orr_rng_next(&rng) == 0);
    T_TRUE(orr_rng_next(&rng) == 1509978240);
}

/* Effects come back in order, with their bytes, however often the buffer has grown. */
static void
test_effects_keep_their_order(void)
{
    OrrEffects *effects = orr_effects_new();
    OrrAddress to = orr_address_v4(10, 0, 0, 1, 7000, 17000);

    for (unsigned i = 0; i < 1000; i++) {
        orr_effects_send(effects, &to, ORR_LANE_CONTROL, orr_bytes(&i, sizeof i));
    }

    T_EQ(orr_effects_count(effects), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        T_REQUIRE(effect.type == ORR_EFFECT_SEND);
        T_TRUE(orr_bytes_equal(effect.send.frame, orr_bytes(&i, sizeof i)));
    }
    orr_effects_free(effects);
}

/* An id survives being written and read; anything that is not 40 hex digits is refused. */
static void
test_ids_are_forty_hex_digits(void)
{
    OrrId id = orr_id_of_name(orr_bytes_of_string("n1"));
    OrrId read = ORR_ID_NONE;
    char text[ORR_ID_HEX_SIZE + 1];

    orr_id_format(&id, text);

    T_EQ(orr_id_parse(orr_bytes_of_string(text), &read), ORR_OK);
    T_TRUE(orr_id_equal(&id, &read));
    text[3] = 'g';
    T_EQ(orr_id_parse(orr_bytes_of_string(text), &read), ORR_MALFORMED);
    T_EQ(orr_id_parse(orr_bytes_of_string("abc"), &read), ORR_MALFORMED);
}

static const Test TESTS[] = {
    TEST(test_streams_are_named),
    TEST(test_draws_stay_inside),
    TEST(test_generator_is_the_published_one),
    TEST(test_effects_keep_their_order),
    TEST(test_ids_are_forty_hex_digits),
};

T_MAIN("base", TESTS)
