#include "check.h"
#include "fault.h"
#include "keyset.h"
#include "roster.h"

#include <glib/gstdio.h>
#include <unistd.h>

static char *directory;

static char *
write_file(const char *name, const void *data, size_t size)
{
    char *path = g_build_filename(directory, name, NULL);

    T_REQUIRE(g_file_set_contents(path, data, (gssize)size, NULL));
    return path;
}

/* A node file with comments, ports, weights and zones reads as it is written. */
static void
test_node_file_reads_as_written(void)
{
    static const char text[] = "# the first rack\n"
                               "10.0.1.1:11211\t600 a\n"
                               "\n"
                               "  cache-2   300 # half\r\n"
                               "[2001:db8::7]:6379 1 rack#7\n"
                               "2001:db8::8\n";
    g_autoptr(GError) error = NULL;
    g_autoptr(SimRoster) roster = sim_roster_parse("nodes", text, strlen(text), &error);

    T_REQUIRE(roster != NULL);
    T_EQ(roster->count, 4);
    T_STR_EQ(roster->members[0].label, "10.0.1.1:11211");
    T_STR_EQ(roster->members[0].name, "10.0.1.1");
    T_EQ(roster->members[0].port, 11211);
    T_EQ(roster->members[0].weight, 600);
    T_STR_EQ(roster->members[0].zone, "a");
    T_STR_EQ(roster->members[1].name, "cache-2");
    T_TRUE(roster->members[1].zone == NULL);
    T_STR_EQ(roster->members[2].name, "[2001:db8::7]");
    T_EQ(roster->members[2].port, 6379);
    T_STR_EQ(roster->members[2].zone, "rack#7");
    T_STR_EQ(roster->members[3].name, "2001:db8::8");
    T_EQ(roster->members[3].port, 0);
    T_EQ(roster->members[3].weight, 1);
    T_EQ(roster->members[3].line, 6);
    T_TRUE(roster->weighted && roster->zoned);
    T_EQ(sim_roster_weight_sum(roster), 902);
    T_EQ(sim_balance_roster_find(roster, "cache-2"), 1);
    T_EQ(sim_balance_roster_find(roster, "cache-3"), 4);
}

/* Every fault of a node file names file, line and column, and what is wrong there. */
static void
test_node_file_faults_have_a_place(void)
{
    static const struct {
        const char *text;
        const char *place;
        const char *said;
    } faults[] = {
        {"", "f:1:1: ", "no nodes"},
        {"# nothing\n\n", "f:2:1: ", "no nodes"},
        {"a -1\n", "f:1:3: ", "weight '-1'"},
        {"a 1.5\n", "f:1:3: ", "multiply all weights"},
        {"a  4294967296\n", "f:1:4: ", "0 to 4294967295"},
        {"a 18446744073709551617\n", "f:1:3: ", "0 to 4294967295"},
        {"a 99999999999999999999999999\n", "f:1:3: ", "0 to 4294967295"},
        {"a zone\n", "f:1:3: ", "weight 'zone'"},
        {"a 1 z extra\n", "f:1:7: ", "fourth field 'extra'"},
        {"a\nb\na 2\n", "f:3:1: ", "on line 1 already"},
        {"host:0\n", "f:1:6: ", "port '0'"},
        {"host:65536 1\n", "f:1:6: ", "port '65536'"},
        {"host: 1\n", "f:1:6: ", "port ''"},
        {"host:http\n", "f:1:6: ", "port 'http'"},
        {" :80\n", "f:1:2: ", "without a name"},
        {"[::1]80\n", "f:1:6: ", "expected ':'"},
        {"ab\001c\n", "f:1:3: ", "control byte 0x01"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autoptr(GError) error = NULL;
        SimRoster *roster =
            sim_roster_parse("f", faults[i].text, strlen(faults[i].text), &error);

        T_TRUE(roster == NULL);
        T_REQUIRE(error != NULL);
        T_EQ(error->code, SIM_FAULT_DATA);
        if (!g_str_has_prefix(error->message, faults[i].place) ||
            strstr(error->message, faults[i].said) == NULL) {
            printf("line '%s' said: %s\n", faults[i].text, error->message);
            T_TRUE(false);
        }
    }
}

/* A NUL inside a node file is a control byte, not the end of the file. */
static void
test_node_file_with_nul_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    SimRoster *roster = sim_roster_parse("f", "a\nb\0c\n", 6, &error);

    T_TRUE(roster == NULL);
    T_REQUIRE(error != NULL);
    T_TRUE(g_str_has_prefix(error->message, "f:2:2: "));
}

/* Two salts give two clusters without a common name. */
static void
test_generated_names_depend_on_the_salt(void)
{
    g_autoptr(SimRoster) a = sim_roster_generate(3, 1);
    g_autoptr(SimRoster) b = sim_roster_generate(3, 2);

    for (size_t i = 0; i < 3; i++) {
        T_EQ(sim_balance_roster_find(a, b->members[i].name), 3);
    }
}

/* A file of keys: each different key once, counted as often as it stands there. */
static void
test_keys_are_counted(void)
{
    g_autofree char *path = write_file("keys", "b\na\r\n\nb\nno newline", 18);
    g_autoptr(GError) error = NULL;
    g_autoptr(SimKeyset) keys = sim_keyset_load(path, 1, &error);

    T_REQUIRE(keys != NULL);
    T_EQ(keys->count, 3);
    T_EQ(keys->total, 4);
    T_EQ(keys->counts[0], 2);
    T_TRUE(keys->recorded);
    T_TRUE(orr_bytes_equal(sim_keyset_key(keys, 1), orr_bytes_of_string("a")));
    T_TRUE(orr_bytes_equal(sim_keyset_key(keys, 2), orr_bytes_of_string("no newline")));
}

/* Lines that all end in a number are counts, unless the user says that they are keys. */
static void
test_counts_are_read(void)
{
    static const char text[] = "a b\t3\nc 4294967295\n";
    g_autofree char *path = write_file("counts", text, strlen(text));
    g_autofree char *forced = g_strconcat("keys:", path, NULL);
    g_autoptr(SimKeyset) counts = sim_keyset_load(path, 1, NULL);
    g_autoptr(SimKeyset) keys = sim_keyset_load(forced, 1, NULL);

    T_REQUIRE(counts != NULL && keys != NULL);
    T_EQ(counts->count, 2);
    T_EQ(counts->counts[0], 3);
    T_EQ(counts->total, UINT64_C(4294967298));
    T_TRUE(orr_bytes_equal(sim_keyset_key(counts, 0), orr_bytes_of_string("a b")));
    T_EQ(keys->count, 2);
    T_EQ(keys->total, 2);
    T_TRUE(orr_bytes_equal(sim_keyset_key(keys, 0), orr_bytes_of_string("a b\t3")));
}

/* Counts that are no counts are refused where they stand. */
static void
test_count_faults_have_a_place(void)
{
    static const struct {
        const char *text;
        const char *said;
    } faults[] = {
        {"a 1\nb\n", ":2:2: expected"},
        {"a 1\n\nb 0\n", ":3:3: a count of 0"},
        {"a 4294967296\n", ":1:3: a count is at most"},
        {"17\n", ":1:1: expected"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autofree char *path = write_file("bad", faults[i].text, strlen(faults[i].text));
        g_autofree char *source = g_strconcat("counts:", path, NULL);
        g_autoptr(GError) error = NULL;

        T_TRUE(sim_keyset_load(source, 1, &error) == NULL);
        T_REQUIRE(error != NULL);
        T_EQ(error->code, SIM_FAULT_DATA);
        if (strstr(error->message, faults[i].said) == NULL) {
            printf("'%s' said: %s\n", faults[i].text, error->message);
            T_TRUE(false);
        }
    }
}

/* A binary trace: little-endian ids, each as decimal text, as often as it was asked for. */
static void
test_traces_are_little_endian(void)
{
    static const unsigned char data[] = {1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0};
    g_autofree char *path = write_file("trace", data, sizeof data);
    g_autofree char *torn = write_file("torn", data, 7);
    g_autoptr(GError) error = NULL;
    g_autoptr(SimKeyset) keys = sim_keyset_load(path, 1, NULL);

    T_REQUIRE(keys != NULL);
    T_EQ(keys->count, 2);
    T_EQ(keys->counts[0], 2);
    T_TRUE(orr_bytes_equal(sim_keyset_key(keys, 1), orr_bytes_of_string("256")));
    T_TRUE(sim_keyset_load(torn, 1, &error) == NULL);
    T_REQUIRE(error != NULL);
    T_TRUE(strstr(error->message, "multiple of 4") != NULL);
}

/* Synthetic keys depend on the seed and on nothing else. */
static void
test_synthetic_keys_come_from_the_seed(void)
{
    g_autoptr(SimKeyset) a = sim_keyset_load("1000", 1, NULL);
    g_autoptr(SimKeyset) again = sim_keyset_load("1000", 1, NULL);
    g_autoptr(SimKeyset) b = sim_keyset_load("1000", 2, NULL);
    g_autoptr(GError) error = NULL;

    T_REQUIRE(a != NULL && again != NULL && b != NULL);
    T_EQ(a->count, 1000);
    T_TRUE(memcmp(a->bytes, again->bytes, 20000) == 0);
    T_TRUE(memcmp(a->bytes, b->bytes, 20000) != 0);
    T_TRUE(sim_keyset_load("0", 1, &error) == NULL);
    T_REQUIRE(error != NULL);
    T_EQ(error->code, SIM_FAULT_USAGE);
}

/* What is missing is said to be missing; what is empty, to be empty. */
static void
test_missing_and_empty_key_files(void)
{
    g_autofree char *path = write_file("empty", "\n\n", 2);
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) empty = NULL;

    T_TRUE(sim_keyset_load("/no/such/file", 1, &missing) == NULL);
    T_TRUE(sim_keyset_load(path, 1, &empty) == NULL);
    T_REQUIRE(missing != NULL && empty != NULL);
    T_EQ(missing->code, SIM_FAULT_NO_FILE);
    T_EQ(empty->code, SIM_FAULT_DATA);
}

static const Test TESTS[] = {
    TEST(test_node_file_reads_as_written),
    TEST(test_node_file_faults_have_a_place),
    TEST(test_node_file_with_nul_is_refused),
    TEST(test_generated_names_depend_on_the_salt),
    TEST(test_keys_are_counted),
    TEST(test_counts_are_read),
    TEST(test_count_faults_have_a_place),
    TEST(test_traces_are_little_endian),
    TEST(test_synthetic_keys_come_from_the_seed),
    TEST(test_missing_and_empty_key_files),
};

int
main(void)
{
    int result;

    directory = g_dir_make_tmp("orrery-balance-XXXXXX", NULL);
    result = t_main("balance_input", TESTS, G_N_ELEMENTS(TESTS));
    for (size_t i = 0; i < 6; i++) {
        static const char *const names[] = {"keys", "counts", "bad", "trace", "torn", "empty"};
        g_autofree char *path = g_build_filename(directory, names[i], NULL);

        (void)g_unlink(path);
    }
    (void)g_rmdir(directory);
    g_free(directory);
    return result;
}
