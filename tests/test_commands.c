#include "check.h"

#include <orrery/orrery.h>
#include <orrery/slots.h>

#include "node/commands/command.h"
#include "node/commands/decimal.h"

#include <glib.h>

#define WALL_MS INT64_C(1800000000000)

/* A node reduced to what handlers need: a keyspace, and a counter of versions. */
typedef struct Rig {
    OrrKeyspace *keyspace;
    OrrReply *reply;
    OrrRequestParser *parser;
    OrrRng rng;
    OrrVersion version;
    int64_t wall_ms;
    OrrHashSlotBy hash_slot_by;
    GString *records; /* what was emitted, in short */
} Rig;

static Rig
rig_new(void)
{
    OrrRequestLimits limits = orr_request_limits_default();

    return (Rig){.keyspace = orr_keyspace_new(1),
                 .reply = orr_reply_new(),
                 .parser = orr_request_parser_new(&limits),
                 .rng = orr_rng_new(1),
                 .wall_ms = WALL_MS,
                 .records = g_string_new(NULL)};
}

static void
rig_free(Rig *rig)
{
    orr_keyspace_free(rig->keyspace);
    orr_reply_free(rig->reply);
    orr_request_parser_free(rig->parser);
    g_string_free(rig->records, TRUE);
}

static void
emit(OrrCommandContext *context, const OrrRecord *record)
{
    Rig *rig = context->owner;
    OrrRecord stamped = *record;

    stamped.version = ++rig->version;
    stamped.wall_ms = rig->wall_ms;
    context->writes++;
    g_string_append_printf(rig->records, "%d:%.*s%s%.*s ", (int)record->kind,
                           (int)record->key.size, (const char *)record->key.data,
                           record->field.size > 0 ? "." : "", (int)record->field.size,
                           (const char *)record->field.data);
    T_EQ(orr_keyspace_apply(rig->keyspace, &stamped), ORR_OK);
}

/* Runs an inline command as the node would; the reply is in rig->reply. */
static void
run(Rig *rig, const char *line)
{
    g_autofree char *text = g_strconcat(line, "\r\n", NULL);
    OrrRequest request;

    T_REQUIRE(orr_request_parse(rig->parser, orr_bytes_of_string(text), &request) == ORR_OK);

    OrrCommandContext context = {.command =
                                     orr_command_resolve(request.args, request.arg_count),
                                 .args = request.args,
                                 .arg_count = request.arg_count,
                                 .keyspace = rig->keyspace,
                                 .reply = rig->reply,
                                 .rng = &rig->rng,
                                 .wall_ms = rig->wall_ms,
                                 .wall_us = rig->wall_ms * 1000,
                                 .hash_slot_by = rig->hash_slot_by,
                                 .primary = true,
                                 .emit = emit,
                                 .owner = rig};

    orr_reply_clear(rig->reply);
    if (context.command == NULL) {
        orr_command_reply_unknown(rig->reply, request.args, request.arg_count);
    } else if (!orr_command_arity_fits(context.command, request.arg_count)) {
        orr_command_reply_arity(rig->reply, context.command);
    } else if (orr_command_slot(context.command, context.args, context.arg_count,
                                rig->hash_slot_by, &context.slot) == ORR_SLOT_CROSS) {
        orr_reply_error(rig->reply, "CROSSSLOT Keys in request don't hash to the same slot");
    } else {
        context.slot_known = rig->hash_slot_by == ORR_HASH_SLOT_BY_KEY;
        orr_command_run(&context);
    }
}

static char *
escaped_reply(const Rig *rig)
{
    GString *text = g_string_new(NULL);
    OrrBytes bytes = orr_reply_bytes(rig->reply);

    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];

        if (c == '\n' || c == '\r' || c == '\\') {
            g_string_append_printf(text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : '\\');
        } else if (c < 32 || c >= 127) {
            g_string_append_printf(text, "\\x%02x", c);
        } else {
            g_string_append_c(text, (char)c);
        }
    }
    return g_string_free(text, FALSE);
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The same elements in the order of their texts; pairs of HGETALL are apart, which is enough
 * where fields and values differ. */
static char *
sorted_elements(const char *reply)
{
    g_auto(GStrv) parts = g_strsplit(reply, "\\r\\n$", -1);

    qsort(parts, g_strv_length(parts), sizeof *parts, compare_texts);
    return g_strjoinv("|", parts);
}

static void
expect_line(Rig *rig, const char *line, const char *expected)
{
    bool any_order = line[0] == '~';
    const char *command = line + (any_order ? 1 : 0);
    bool three = g_str_has_prefix(command, "3 ");

    orr_reply_set_protocol(rig->reply, three ? 3 : 2);
    run(rig, command + (three ? 2 : 0));

    g_autofree char *reply = escaped_reply(rig);

    if (any_order) {
        g_autofree char *a = sorted_elements(reply);
        g_autofree char *b = g_strconcat(expected, "", NULL);
        g_autofree char *c = sorted_elements(b);
        size_t end = strlen(a);

        T_EQ(end, strlen(c));
        T_TRUE(strlen(reply) == strlen(expected));
        /* the last element carries the line's end */
        g_auto(GStrv) mine = g_strsplit_set(a, "|\\", -1);
        g_auto(GStrv) theirs = g_strsplit_set(c, "|\\", -1);

        qsort(mine, g_strv_length(mine), sizeof *mine, compare_texts);
        qsort(theirs, g_strv_length(theirs), sizeof *theirs, compare_texts);
        T_TRUE(g_strv_equal((const char *const *)mine, (const char *const *)theirs));
    } else if (strcmp(reply, expected) != 0) {
        fprintf(stderr, "> %s\n", line);
        T_STR_EQ(reply, expected);
    } else {
        T_TRUE(true);
    }
}

/* Several hundred commands, right and wrong ones, are answered byte by byte as redis-server
 * 7.0.15 answered them when tests/record_commands.py asked it. */
static void
test_replies_are_those_of_redis(void)
{
    Rig rig = rig_new();
    g_autofree char *text = NULL;
    size_t compared = 0;

    T_REQUIRE(
        g_file_get_contents(ORR_TESTS_DIR "/transcripts/commands.golden", &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (size_t i = 0; lines[i] != NULL && lines[i + 1] != NULL; i += 2) {
        T_REQUIRE(g_str_has_prefix(lines[i], "> ") && g_str_has_prefix(lines[i + 1], "< "));
        expect_line(&rig, lines[i] + 2, lines[i + 1] + 2);
        compared++;
    }
    printf("%zu replies compared\n", compared);
    T_TRUE(compared > 450);
    rig_free(&rig);
}

static void
expect_records(Rig *rig, const char *line, const char *records)
{
    g_string_truncate(rig->records, 0);
    run(rig, line);
    T_STR_EQ(rig->records->str, records);
}

/* What a command writes is what must be written, and no more: this is what replicas get. (1
 * string, 2 field, 3 delete, 4 delete field, 5 expire, 6 flush) */
static void
test_commands_write_what_is_needed(void)
{
    Rig rig = rig_new();

    expect_records(&rig, "set a 1", "1:a ");
    expect_records(&rig, "get a", "");
    expect_records(&rig, "set a 2 nx", "");
    expect_records(&rig, "set a x ex 0", "");
    expect_records(&rig, "incr a", "1:a ");
    expect_records(&rig, "append a \"\"", "");
    expect_records(&rig, "hset h f 1 g 2", "2:h.f 2:h.g ");
    expect_records(&rig, "hset a f 1", "");
    expect_records(&rig, "hdel h f x", "4:h.f ");
    expect_records(&rig, "expire h 10", "5:h ");
    expect_records(&rig, "expire h 20 nx", "");
    expect_records(&rig, "expireat h 1", "3:h ");
    expect_records(&rig, "persist a", "");
    expect_records(&rig, "del a x{a}", "3:a ");
    expect_records(&rig, "hset h f 1", "2:h.f ");
    expect_records(&rig, "rename h i{h}", "2:i{h}.f 3:h ");
    expect_records(&rig, "mset a 1 b{a} 2", "1:a 1:b{a} ");
    expect_records(&rig, "msetnx b{a} 1 c{a} 2", "");
    expect_records(&rig, "getdel a", "3:a ");
    expect_records(&rig, "flushall", "6: ");
    rig_free(&rig);
}

/* An expired key that a command meets is deleted for replicas, too; on a replica it is only
 * not there. */
static void
test_expired_keys_are_deleted_when_met(void)
{
    Rig rig = rig_new();

    run(&rig, "set a 1 px 1000");
    run(&rig, "hset h f 1");
    run(&rig, "pexpire h 1000");
    rig.wall_ms += 999;
    expect_records(&rig, "get a", "");
    rig.wall_ms += 1;
    expect_records(&rig, "exists a", "3:a ");
    expect_records(&rig, "exists a", "");
    expect_records(&rig, "hset h g 2", "3:h 2:h.g ");
    expect_records(&rig, "hgetall h", "");
    T_TRUE(orr_bytes_equal(orr_reply_bytes(rig.reply),
                           orr_bytes_of_string("*2\r\n$1\r\ng\r\n$1\r\n2\r\n")));
    rig_free(&rig);
}

static OrrCommandSlot
slot_of(const char *line, OrrHashSlotBy by, uint16_t *slot)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    OrrBytes args[16];
    size_t count = 0;

    for (; words[count] != NULL; count++) {
        args[count] = orr_bytes_of_string(words[count]);
    }
    return orr_command_slot(orr_command_resolve(args, count), args, count, by, slot);
}

/* The slot of a command is that of its keys, if they agree; with hashes spread by field, that
 * of the fields. */
static void
test_commands_have_a_slot(void)
{
    uint16_t a = orr_slot_of_key(orr_bytes_of_string("a"));
    uint16_t slot = 0;

    T_EQ(slot_of("get a", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_ONE);
    T_EQ(slot, a);
    T_EQ(slot_of("ping", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_NONE);
    T_EQ(slot_of("mget a b", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_CROSS);
    T_EQ(slot_of("mget a x{a}", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_ONE);
    T_EQ(slot_of("mset a b x{a} c", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_ONE);
    T_EQ(slot_of("rename a b", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_CROSS);
    T_EQ(slot_of("object encoding a", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_ONE);
    T_EQ(slot_of("object help", ORR_HASH_SLOT_BY_KEY, &slot), ORR_SLOT_NONE);
    T_EQ(slot_of("hset users a 1 x{a} 2", ORR_HASH_SLOT_BY_FIELD, &slot), ORR_SLOT_ONE);
    T_EQ(slot, a);
    T_EQ(slot_of("hset users a 1 b 2", ORR_HASH_SLOT_BY_FIELD, &slot), ORR_SLOT_CROSS);
    T_EQ(slot_of("hget users a", ORR_HASH_SLOT_BY_FIELD, &slot), ORR_SLOT_ONE);
    T_EQ(slot, a);
    T_EQ(slot_of("hgetall users", ORR_HASH_SLOT_BY_FIELD, &slot), ORR_SLOT_SPREAD);
    T_EQ(slot_of("get a", ORR_HASH_SLOT_BY_FIELD, &slot), ORR_SLOT_ONE);
}

/* With hashes spread by field, each field is kept, found and deleted in the slot of its name.
 */
static void
test_fields_can_be_spread(void)
{
    Rig rig = rig_new();
    uint16_t alice = orr_slot_of_key(orr_bytes_of_string("alice"));

    rig.hash_slot_by = ORR_HASH_SLOT_BY_FIELD;
    run(&rig, "hset users alice 1");
    run(&rig, "hset users bob 2");
    T_EQ(orr_keyspace_count_slot(rig.keyspace, alice), 1);
    T_EQ(orr_keyspace_count(rig.keyspace), 2);
    run(&rig, "hincrby users alice 5");
    run(&rig, "hget users alice");
    T_TRUE(orr_bytes_equal(orr_reply_bytes(rig.reply), orr_bytes_of_string("$1\r\n6\r\n")));
    run(&rig, "hdel users alice");
    T_EQ(orr_keyspace_count(rig.keyspace), 1);
    rig_free(&rig);
}

/* Every row can be found by its name, however written; nothing else can. */
static void
test_the_table_is_sound(void)
{
    T_TRUE(orr_command_count() > 70);
    for (size_t i = 0; i < orr_command_count(); i++) {
        const OrrCommand *row = orr_command_at(i);
        g_autofree char *upper = g_ascii_strup(row->name, -1);
        g_autofree char *longer = g_strconcat(row->name, "x", NULL);

        T_TRUE(orr_command_find(orr_bytes_of_string(row->name)) == row);
        T_TRUE(orr_command_find(orr_bytes_of_string(upper)) == row);
        T_TRUE(orr_command_find(orr_bytes_of_string(longer)) == NULL);
        T_TRUE(row->summary != NULL && row->since != NULL);
        T_TRUE(row->run != NULL || row->subcommands != NULL);
        T_TRUE(orr_command_of_id(orr_command_id(row)) == row);
        T_TRUE(i == 0 || strcmp(orr_command_at(i - 1)->name, row->name) < 0);
    }
    T_TRUE(orr_command_find(ORR_BYTES_EMPTY) == NULL);
    T_TRUE(orr_command_find(orr_bytes("get\0", 4)) == NULL);
    T_TRUE(orr_command_find(orr_bytes_of_string("g\xc5t")) == NULL);
}

/* a + b as decimals, or why not. */
static const char *
sum_of(const char *a, const char *b)
{
    static char text[ORR_DECIMAL_TEXT_SIZE + 1];
    OrrDecimal number;
    OrrDecimal other;

    if (!orr_decimal_parse(orr_bytes_of_string(a), &number) ||
        !orr_decimal_parse(orr_bytes_of_string(b), &other)) {
        return "no number";
    }
    if (!orr_decimal_add(&number, &other)) {
        return "infinite";
    }
    text[orr_decimal_format(&number, text)] = '\0';
    return text;
}

/* Sums of decimals are what a person gets on paper, to 17 places. */
static void
test_decimals_are_exact(void)
{
    static const char *const SUMS[][3] = {
        {"0.1", "0.2", "0.3"},
        {"10.5", "0.1", "10.6"},
        {"1", "-1", "0"},
        {"-0", "0", "0"},
        {"1", "-0.00000000000000001", "0.99999999999999999"},
        {"0.00000000000000001", "-1", "-0.99999999999999999"},
        {"999.5", "0.5", "1000"},
        {"-5", "3", "-2"},
        {"3", "-5", "-2"},
        {"5.0e3", "2.0E+2", "5200"},
        {"12345e-2", ".05", "123.5"},
        {"1e-17", "0", "0.00000000000000001"},
        {"1e-18", "0", "0"},
        {"5e-18", "0", "0.00000000000000001"},
        {"0.999999999999999999", "0", "1"},
        {"5.", "+.5", "5.5"},
        {"123456789012345678901234567890", "0.1", "123456789012345678901234567890.1"},
        {"1e4932", "-1e4932", "0"},
        {"1e4933", "0", "infinite"},
        {"0e99999999999999999999", "1", "1"},
        {"9e4932", "9e4932", "infinite"},
        {"inf", "1", "infinite"},
        {"-Infinity", "inf", "infinite"},
        {"nan", "1", "no number"},
        {"", "1", "no number"},
        {".", "1", "no number"},
        {"-", "1", "no number"},
        {"1e", "1", "no number"},
        {"1e+", "1", "no number"},
        {" 1", "1", "no number"},
        {"1 ", "1", "no number"},
        {"0x10", "1", "no number"},
        {"1.2.3", "1", "no number"},
        {"--1", "1", "no number"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SUMS); i++) {
        T_STR_EQ(sum_of(SUMS[i][0], SUMS[i][1]), SUMS[i][2]);
    }
}

static bool
reply_contains(const Rig *rig, const char *text)
{
    OrrBytes bytes = orr_reply_bytes(rig->reply);

    return g_strstr_len((const char *)bytes.data, (gssize)bytes.size, text) != NULL;
}

/* Clients learn from COMMAND where the keys of a command are, as Redis describes its own. */
static void
test_the_table_describes_itself(void)
{
    Rig rig = rig_new();
    OrrReplyScanner scanner = {.offset = 0};
    size_t used = 0;

    run(&rig, "command info get nosuch");
    T_TRUE(reply_contains(&rig, "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n"
                                ":1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n"));
    T_TRUE(reply_contains(&rig, "$-1\r\n"));
    run(&rig, "command getkeys mset a 1 b 2");
    T_TRUE(orr_bytes_equal(orr_reply_bytes(rig.reply),
                           orr_bytes_of_string("*2\r\n$1\r\na\r\n$1\r\nb\r\n")));
    run(&rig, "command getkeys echo a");
    T_TRUE(reply_contains(&rig, "-ERR The command has no key arguments"));
    run(&rig, "command docs hset");
    T_TRUE(reply_contains(&rig, "$4\r\nhset\r\n*6\r\n$7\r\nsummary\r\n"));
    static const char *const WHOLE[] = {"command", "command count", "command list",
                                        "command docs"};
    for (size_t i = 0; i < G_N_ELEMENTS(WHOLE); i++) {
        run(&rig, WHOLE[i]);
        T_EQ(orr_reply_scan(&scanner, orr_reply_bytes(rig.reply), &used), ORR_OK);
        T_EQ(used, orr_reply_size(rig.reply));
    }
    rig_free(&rig);
}

/* Values that no record can carry are refused, and nothing is written. */
static void
test_too_large_values_are_refused(void)
{
    Rig rig = rig_new();
    char *value = g_strnfill(60000, 'x');
    g_autofree char *append = g_strconcat("append big ", value, NULL);

    for (unsigned i = 0; i < ORR_VALUE_SIZE_MAX / 60000; i++) {
        run(&rig, append);
    }
    expect_records(&rig, append, "");
    T_TRUE(g_str_has_prefix((const char *)orr_reply_bytes(rig.reply).data,
                            "-ERR string exceeds maximum"));
    expect_records(&rig, "setrange big 3145728 x", "");
    expect_records(&rig, "setbit big 25165824 1", "");
    g_free(value);
    rig_free(&rig);
}

static const Test TESTS[] = {
    TEST(test_replies_are_those_of_redis),
    TEST(test_commands_write_what_is_needed),
    TEST(test_expired_keys_are_deleted_when_met),
    TEST(test_commands_have_a_slot),
    TEST(test_fields_can_be_spread),
    TEST(test_the_table_is_sound),
    TEST(test_decimals_are_exact),
    TEST(test_the_table_describes_itself),
    TEST(test_too_large_values_are_refused),
};

T_MAIN("commands", TESTS)
