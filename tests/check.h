/* check.h - what every unit test starts with: a table of tests, run by CUnit, exit code 1 when
 * one of them failed. Random tests print `seed=` first and take it again from ORR_TEST_SEED. */
#ifndef ORR_TESTS_CHECK_H
#define ORR_TESTS_CHECK_H

#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Test {
    const char *name;
    void (*run)(void);
} Test;

#define TEST(function)                                                                         \
    {                                                                                          \
#function, function                                                                    \
    }

#define T_TRUE(condition) CU_ASSERT_TRUE(condition)
#define T_FALSE(condition) CU_ASSERT_FALSE(condition)
/* For conditions without which the rest of the test makes no sense. */
#define T_REQUIRE(condition) CU_ASSERT_TRUE_FATAL(condition)

#define T_EQ(actual, expected)                                                                 \
    t_equal_integers((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)
#define T_STR_EQ(actual, expected)                                                             \
    t_equal_strings((actual), (expected), #actual, __FILE__, __LINE__)

static inline void
t_equal_integers(int64_t actual, int64_t expected, const char *what, const char *file, int line)
{
    if (actual != expected) {
        fprintf(stderr, "%s:%d: %s is %" PRId64 ", not %" PRId64 "\n", file, line, what, actual,
                expected);
    }
    CU_assertImplementation(actual == expected, (unsigned)line, what, file, "", CU_FALSE);
}

static inline void
t_equal_strings(const char *actual, const char *expected, const char *what, const char *file,
                int line)
{
    bool equal = strcmp(actual, expected) == 0;

    if (!equal) {
        fprintf(stderr, "%s:%d: %s is\n  \"%s\", not\n  \"%s\"\n", file, line, what, actual,
                expected);
    }
    CU_assertImplementation(equal, (unsigned)line, what, file, "", CU_FALSE);
}

/* The seed of this run's random tests: ORR_TEST_SEED, or `standard`; printed. */
static inline uint64_t
t_seed(uint64_t standard)
{
    const char *text = getenv("ORR_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : standard;

    printf("seed=%" PRIu64 "\n", seed);
    return seed;
}

/* Runs them all; what main() returns. */
static inline int
t_main(const char *unit, const Test *tests, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 2;
    }
    CU_pSuite suite = CU_add_suite(unit, NULL, NULL);
    for (size_t i = 0; suite != NULL && i < count; i++) {
        CU_add_test(suite, tests[i].name, tests[i].run);
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failures != 0 || run != count ? 1 : 0;
}

#define T_MAIN(unit, tests)                                                                    \
    int main(void)                                                                             \
    {                                                                                          \
        return t_main(unit, tests, sizeof(tests) / sizeof((tests)[0]));                        \
    }

#endif
