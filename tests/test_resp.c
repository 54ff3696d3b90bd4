#include "check.h"

#include <glib.h>
#include <math.h>
#include <orrery/resp.h>

/* --- requests ------------------------------------------------------------------------------
 */

/* What a stream of bytes means, as text: "[SET][k][v];" for each command, then the error. */
static GString *
meaning_in_steps(const char *data, size_t size, const OrrRequestLimits *limits, size_t step)
{
    OrrRequestParser *parser = orr_request_parser_new(limits);
    GString *text = g_string_new(NULL);
    size_t begin = 0;
    size_t end = 0;
    OrrStatus status = ORR_AGAIN;

    while (status != ORR_MALFORMED && (status == ORR_OK || end < size)) {
        end = status == ORR_OK ? end : MIN(size, end + step);
        char *moved = g_malloc(end - begin + 1);
        OrrRequest request;

        memcpy(moved, data + begin, end - begin);
        status = orr_request_parse(parser, orr_bytes(moved, end - begin), &request);
        for (size_t i = 0; status == ORR_OK && i < request.arg_count; i++) {
            g_string_append_c(text, '[');
            g_string_append_len(text, (const char *)request.args[i].data,
                                (gssize)request.args[i].size);
            g_string_append_c(text, ']');
        }
        if (status == ORR_OK) {
            g_string_append_c(text, ';');
            begin += request.used;
        } else if (status == ORR_MALFORMED) {
            g_string_append(text, request.error);
        }
        g_free(moved);
    }
    orr_request_parser_free(parser);
    return text;
}

static void
expect_meaning(const char *data, size_t size, const char *expected)
{
    for (size_t step = 1; step <= size; step = step * 2 + (step == size)) {
        GString *text = meaning_in_steps(data, size, NULL, step);

        T_STR_EQ(text->str, expected);
        g_string_free(text, TRUE);
    }
}

typedef struct Sample {
    const char *data;
    const char *meaning;
} Sample;

/* Several commands in one stream come out one by one, however the stream was cut. */
static void
test_pipelines_come_out_command_by_command(void)
{
    static const Sample SAMPLES[] = {
        {"*1\r\n$4\r\nPING\r\n", "[PING];"},
        {"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
         "[SET][k][hello];[GET][k];"},
        {"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "[GET][];"},
        {"*2\r\n$3\r\nGET\r\n$6\r\na\r\nb\r\n\r\nPING\r\n", "[GET][a\r\nb\r\n];[PING];"},
        {"*2\r\n$3\r\nGET\r\n$12\r\nabcdefghijkl\r\n", "[GET][abcdefghijkl];"},
        {"*0\r\nPING\r\n", ";[PING];"},
        {"*-1\r\nPING\r\n", ";[PING];"},
        {"*-5\r\nPING\r\n", ";[PING];"},
        {"*1\r\n$4\r\nPINGxxPING\r\n", "[PING];[PING];"}, /* Redis takes any two bytes */
        {"*1\rx$4\r\nPING\r\n", "[PING];"},
        {"*1\r\n$4\r\nPIN", ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        expect_meaning(SAMPLES[i].data, strlen(SAMPLES[i].data), SAMPLES[i].meaning);
    }
}

/* People may type commands, with quotes as in a shell. */
static void
test_inline_commands_with_quotes(void)
{
    static const Sample SAMPLES[] = {
        {"PING\r\n", "[PING];"},
        {"PING\n", "[PING];"},
        {"\r\n\nPING\n", ";;[PING];"},
        {"   \r\n  SET  k\tv  \r\n", ";[SET][k][v];"},
        {"PING 'a\\'b'\r\n", "[PING][a'b];"},
        {"PING \"\\x41\\n\\q\"\r\n", "[PING][A\nq];"},
        {"PING \"\\xg1\\t\\a\\b\\r\\\\\\\"\\0\"\r\n", "[PING][xg1\t\a\b\r\\\"0];"},
        {"PING \"\" ''\r\n", "[PING][][];"},
        {"PING a\"b\"\r\n", "[PING][ab];"},
        {"PING a\rb\r\n", "[PING][a][b];"},
        {"PING\x0b"
         "a\r\n",
         "[PING\x0b"
         "a];"},
        {"PING '\\n\\\\ '\r\n", "[PING][\\n\\\\ ];"},
        {"ECHO \x80\xff\r\n", "[ECHO][\x80\xff];"},
        {"PING\r", ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        expect_meaning(SAMPLES[i].data, strlen(SAMPLES[i].data), SAMPLES[i].meaning);
    }
}

/* What breaks the protocol is refused in the words of redis-server 7.0.15. */
static void
test_errors_are_worded_as_redis_words_them(void)
{
    static const char MULTIBULK[] = "Protocol error: invalid multibulk length";
    static const char BULK[] = "Protocol error: invalid bulk length";
    static const char QUOTES[] = "Protocol error: unbalanced quotes in request";
    static const Sample SAMPLES[] = {
        {"*abc\r\n", MULTIBULK},
        {"*\r\n", MULTIBULK},
        {"*2147483648\r\n", MULTIBULK},
        {"*+1\r\n$4\r\nPING\r\n", MULTIBULK},
        {"* 1\r\n$4\r\nPING\r\n", MULTIBULK},
        {"*01\r\n$4\r\nPING\r\n", MULTIBULK},
        {"*-0\r\n$4\r\nPING\r\n", MULTIBULK},
        {"*1\n$4\r\nPING\r\n", MULTIBULK},
        {"*1\r\n$abc\r\n", BULK},
        {"*1\r\n$\r\n", BULK},
        {"*1\r\n$-1\r\n", BULK},
        {"*1\r\n$-0\r\n", BULK},
        {"*2\r\n$4\r\nPING\r\n$00\r\n\r\n", BULK},
        {"*1\r\n$536870913\r\n", BULK},
        {"*1\r\n$9223372036854775808\r\n", BULK},
        {"*1\r\n$4\nxPING\r\n", BULK},
        {"*1\r\n:1\r\n", "Protocol error: expected '$', got ':'"},
        {"*1\r\n\r\n", "Protocol error: expected '$', got ' '"},
        {"*1\r\n\xff\r\n", "Protocol error: expected '$', got '\xff'"},
        {"PING \"a\r\n", QUOTES},
        {"PING \"a\"b\r\n", QUOTES},
        {"PING 'a'b\r\n", QUOTES},
        {"PING a\"b c\"d\r\n", QUOTES},
        {"\"PI\"NG\r\n", QUOTES},
        {"PING '\\n\\\\'x\r\n", QUOTES},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        expect_meaning(SAMPLES[i].data, strlen(SAMPLES[i].data), SAMPLES[i].meaning);
    }
}

static void
expect_filled(const char *before, char fill, size_t count, const char *after,
              const char *expected)
{
    GString *stream = g_string_new(before);

    for (size_t i = 0; i < count; i++) {
        g_string_append_c(stream, fill);
    }
    g_string_append(stream, after);
    for (size_t step = 1000; step < 200000; step *= 199) {
        GString *text = meaning_in_steps(stream->str, stream->len, NULL, step);

        T_TRUE(g_str_has_prefix(text->str, expected));
        g_string_free(text, TRUE);
    }
    g_string_free(stream, TRUE);
}

/* A line without an end, a word or a command too large: refused at their limits, not before. */
static void
test_limits_hold_to_the_byte(void)
{
    OrrRequestLimits limits = {.args_max = 2, .bulk_max = 5};

    expect_filled("PING ", 'b', ORR_RESP_INLINE_MAX - 6, "\r\n", "[PING][bbb");
    expect_filled("PING ", 'b', ORR_RESP_INLINE_MAX - 4, "\n",
                  "Protocol error: too big inline request");
    expect_filled("", 'b', ORR_RESP_INLINE_MAX, "", "");
    expect_filled("", 'b', ORR_RESP_INLINE_MAX + 1, "",
                  "Protocol error: too big inline request");
    expect_filled("*", '1', ORR_RESP_INLINE_MAX, "",
                  "Protocol error: too big mbulk count string");
    expect_filled("*1\r\n$", '1', ORR_RESP_INLINE_MAX, "",
                  "Protocol error: too big bulk count string");

    GString *text = meaning_in_steps("*2\r\n$1\r\na\r\n$5\r\nabcde\r\n", 22, &limits, 22);
    T_STR_EQ(text->str, "[a][abcde];");
    g_string_free(text, TRUE);
    text = meaning_in_steps("*3\r\n$1\r\na\r\n", 11, &limits, 11);
    T_STR_EQ(text->str, "Protocol error: invalid multibulk length");
    g_string_free(text, TRUE);
    text = meaning_in_steps("*2\r\n$6\r\n", 8, &limits, 8);
    T_STR_EQ(text->str, "Protocol error: invalid bulk length");
    g_string_free(text, TRUE);
    text = meaning_in_steps("a b c\r\n", 7, &limits, 7);
    T_STR_EQ(text->str, "Protocol error: invalid multibulk length");
    g_string_free(text, TRUE);
}

/* Words are not copied: they lie in the stream itself. */
static void
test_words_point_into_the_stream(void)
{
    static const char STREAM[] = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\nGET key\r\n";
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrRequest request;

    T_EQ(orr_request_parse(parser, orr_bytes_of_string(STREAM), &request), ORR_OK);
    T_EQ(request.args[1].data - (const uint8_t *)STREAM, 17);
    OrrBytes rest = orr_bytes_of_string(STREAM + request.used);
    T_EQ(orr_request_parse(parser, rest, &request), ORR_OK);
    T_EQ(request.args[1].data - rest.data, 4);
    orr_request_parser_free(parser);
}

/* A host learns how much more a half-read word needs, and a new connection starts afresh. */
static void
test_parser_tells_what_it_wants(void)
{
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrRequest request;
    OrrBytes part = orr_bytes_of_string("*2\r\n$3\r\nGET\r\n$1000\r\nab");

    T_EQ(orr_request_parse(parser, part, &request), ORR_AGAIN);
    T_EQ(orr_request_parser_wanted(parser), 1000);

    orr_request_parser_reset(parser);
    T_EQ(orr_request_parse(parser, orr_bytes_of_string("PING\r\n"), &request), ORR_OK);
    T_EQ(request.arg_count, 1);
    orr_request_parser_free(parser);
}

/* --- replies, written -----------------------------------------------------------------------
 */

static void
write_all(OrrReply *reply)
{
    orr_reply_clear(reply);
    orr_reply_simple(reply, "a\nb");
    orr_reply_ok(reply);
    orr_reply_error(reply, "ERR no\r\nway");
    orr_reply_error_about(reply, "ERR unknown '", orr_bytes("x\ny", 3), "'");
    orr_reply_integer(reply, INT64_MIN);
    orr_reply_bulk(reply, orr_bytes("a\0b", 3));
    orr_reply_bulk(reply, ORR_BYTES_EMPTY);
    orr_reply_bulk_integer(reply, -10);
    orr_reply_null(reply);
    orr_reply_null_array(reply);
    orr_reply_bool(reply, true);
    orr_reply_bool(reply, false);
    orr_reply_double(reply, 1.5);
    orr_reply_verbatim(reply, "txt", orr_bytes_of_string("hi"));
    orr_reply_array(reply, 0);
    orr_reply_map(reply, 2);
    orr_reply_set(reply, 3);
    orr_reply_push(reply, 4);
}

static void
expect_bytes(const OrrReply *reply, const char *expected, size_t size)
{
    OrrBytes bytes = orr_reply_bytes(reply);

    T_TRUE(orr_bytes_equal(bytes, orr_bytes(expected, size)));
    if (!orr_bytes_equal(bytes, orr_bytes(expected, size))) {
        fprintf(stderr, "got %.*s\n", (int)bytes.size, (const char *)bytes.data);
    }
}

/* Every shape of reply, as RESP2 knows it and as RESP3 knows it. */
static void
test_replies_have_the_shape_of_their_protocol(void)
{
    static const char TWO[] = "+a b\r\n+OK\r\n-ERR no  way\r\n-ERR unknown 'x y'\r\n"
                              ":-9223372036854775808\r\n$3\r\na\0b\r\n$0\r\n\r\n$3\r\n-10\r\n"
                              "$-1\r\n*-1\r\n:1\r\n:0\r\n$3\r\n1.5\r\n$2\r\nhi\r\n*0\r\n*4\r\n"
                              "*3\r\n*4\r\n";
    static const char THREE[] = "+a b\r\n+OK\r\n-ERR no  way\r\n-ERR unknown 'x y'\r\n"
                                ":-9223372036854775808\r\n$3\r\na\0b\r\n$0\r\n\r\n$3\r\n-10\r\n"
                                "_\r\n_\r\n#t\r\n#f\r\n,1.5\r\n=6\r\ntxt:hi\r\n*0\r\n%2\r\n"
                                "~3\r\n>4\r\n";
    OrrReply *reply = orr_reply_new();

    T_EQ(orr_reply_protocol(reply), 2);
    write_all(reply);
    expect_bytes(reply, TWO, sizeof TWO - 1);

    orr_reply_set_protocol(reply, 3);
    write_all(reply);
    expect_bytes(reply, THREE, sizeof THREE - 1);
    orr_reply_free(reply);
}

/* Headers can come after their elements, and what was written can be taken back. */
static void
test_headers_can_be_put_in_afterwards(void)
{
    static const char EXPECTED[] = "+OK\r\n*2\r\n:1\r\n*2\r\n:2\r\n:3\r\n";
    OrrReply *reply = orr_reply_new();

    orr_reply_ok(reply);
    size_t outer = orr_reply_size(reply);
    orr_reply_integer(reply, 1);
    size_t inner = orr_reply_size(reply);
    orr_reply_integer(reply, 2);
    orr_reply_integer(reply, 3);
    orr_reply_insert_map(reply, inner, 1);
    orr_reply_insert_array(reply, outer, 2);
    size_t all = orr_reply_size(reply);
    orr_reply_error(reply, "ERR taken back");
    orr_reply_truncate(reply, all);

    expect_bytes(reply, EXPECTED, sizeof EXPECTED - 1);
    orr_reply_free(reply);
}

static void
expect_double(double value, const char *expected)
{
    OrrReply *reply = orr_reply_new();
    OrrItem item;

    orr_reply_set_protocol(reply, 3);
    orr_reply_double(reply, value);
    OrrBytes bytes = orr_reply_bytes(reply);
    T_EQ(orr_item_read(&bytes, &item), ORR_OK);
    T_EQ(item.type, ORR_ITEM_DOUBLE);
    char *text = g_strndup((const char *)item.text.data, item.text.size);
    T_STR_EQ(text, expected);
    g_free(text);
    orr_reply_free(reply);
}

/* A double is the shortest text that reads back as the same double. */
static void
test_doubles_are_short_and_exact(void)
{
    expect_double(0.1, "0.1");
    expect_double(3, "3");
    expect_double(-100, "-100");
    expect_double(1234567890123, "1234567890123");
    expect_double(1e100, "1e+100");
    expect_double(0.1 + 0.2, "0.30000000000000004");
    expect_double(5e-324, "5e-324");
    expect_double(INFINITY, "inf");
    expect_double(-INFINITY, "-inf");
    expect_double(NAN, "nan");
    expect_double(-0.0, "-0");
}

/* --- replies, read ---------------------------------------------------------------------------
 */

/* What one reply means, as text. */
static void
describe(OrrBytes *bytes, GString *text)
{
    static const char *const NAMES[] = {"simple", "error", "int",   "bulk", "null", "bool",
                                        "double", "big",   "array", "map",  "set",  "push"};
    OrrItem item;

    T_REQUIRE(orr_item_read(bytes, &item) == ORR_OK);
    g_string_append(text, NAMES[item.type]);
    if (item.text.data != NULL) {
        g_string_append_printf(text, "'%.*s'", (int)item.text.size,
                               (const char *)item.text.data);
    }
    if (item.type == ORR_ITEM_INTEGER || item.type == ORR_ITEM_BOOL) {
        g_string_append_printf(text, "%" PRId64, item.integer);
    }
    if (item.type >= ORR_ITEM_ARRAY) {
        g_string_append_c(text, '(');
        for (size_t i = 0; i < item.count; i++) {
            g_string_append(text, i > 0 ? " " : "");
            describe(bytes, text);
        }
        g_string_append_c(text, ')');
    }
}

/* Any reply of a server is found whole and read, and found at the same place when its bytes
 * come one by one. */
static void
test_replies_are_found_and_read(void)
{
    static const Sample SAMPLES[] = {
        {"+OK\r\n", "simple'OK'"},
        {"-ERR x y\r\n", "error'ERR x y'"},
        {":-42\r\n", "int-42"},
        {":+7\r\n", "int7"},
        {"$5\r\na\r\nbc\r\n", "bulk'a\r\nbc'"},
        {"$0\r\n\r\n", "bulk''"},
        {"$-1\r\n", "null"},
        {"*-1\r\n", "null"},
        {"_\r\n", "null"},
        {"#t\r\n", "bool1"},
        {"#f\r\n", "bool0"},
        {",-1.5e3\r\n", "double'-1.5e3'"},
        {"(3492890328409238509324850943850943825024385\r\n",
         "big'3492890328409238509324850943850943825024385'"},
        {"!9\r\nERR a\r\nbc\r\n", "error'ERR a\r\nbc'"},
        {"=6\r\ntxt:hi\r\n", "bulk'hi'"},
        {"*0\r\n", "array()"},
        {"*2\r\n*1\r\n:1\r\n$1\r\na\r\n", "array(array(int1) bulk'a')"},
        {"%1\r\n+k\r\n~2\r\n:1\r\n:2\r\n", "map(simple'k' set(int1 int2))"},
        {">2\r\n+message\r\n+x\r\n", "push(simple'message' simple'x')"},
        {"|1\r\n+ttl\r\n:9\r\n+OK\r\n", "simple'OK'"},
        {"*2\r\n|1\r\n+ttl\r\n|0\r\n:9\r\n:1\r\n:2\r\n", "array(int1 int2)"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        OrrReplyScanner scanner = {0};
        size_t size = strlen(SAMPLES[i].data);
        GString *text = g_string_new(NULL);
        size_t used = 0;

        for (size_t part = 0; part < size; part++) {
            char *copy = g_memdup2(SAMPLES[i].data, part + 1);

            T_EQ(orr_reply_scan(&scanner, orr_bytes(copy, part), &used), ORR_AGAIN);
            g_free(copy);
        }
        OrrBytes bytes = orr_bytes(SAMPLES[i].data, size);
        T_EQ(orr_reply_scan(&scanner, bytes, &used), ORR_OK);
        T_EQ(used, size);
        describe(&bytes, text);
        T_STR_EQ(text->str, SAMPLES[i].meaning);
        T_EQ(bytes.size, 0);
        g_string_free(text, TRUE);
    }
}

/* What is not RESP, or without bounds, is refused; it reads nothing past its end. */
static void
test_nonsense_is_no_reply(void)
{
    static const char *const SAMPLES[] = {
        "hello\r\n",
        "$x\r\n",
        "$-2\r\n",
        "*-2\r\n",
        ":1x\r\n",
        ":\r\n",
        "+a\nb\r\n",
        "+a\rb\r\n",
        "#x\r\n",
        "_x\r\n",
        "$1\r\nabc\r",
        "=2\r\nab\r\n",
        "*?\r\n",
        "%-1\r\n",
        "$536870913\r\n",
        "*4294967297\r\n",
        ":+-1\r\n",
        "!-1\r\n",
        ":1111111111111111111111111",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        OrrReplyScanner scanner = {0};
        OrrBytes bytes = orr_bytes_of_string(SAMPLES[i]);
        size_t used = 0;
        OrrItem item;

        T_EQ(orr_reply_scan(&scanner, bytes, &used), ORR_MALFORMED);
        T_EQ(orr_item_read(&bytes, &item), ORR_MALFORMED);
        T_EQ(bytes.size, strlen(SAMPLES[i]));
    }
}

/* Containers within containers have a named limit. */
static void
test_depth_is_bounded(void)
{
    GString *deep = g_string_new(NULL);
    OrrReplyScanner scanner = {0};
    size_t used = 0;

    for (unsigned i = 0; i < ORR_REPLY_DEPTH_MAX; i++) {
        g_string_append(deep, "*1\r\n");
    }
    OrrBytes most = orr_bytes(deep->str, deep->len);
    T_EQ(orr_reply_scan(&scanner, most, &used), ORR_AGAIN);
    g_string_append(deep, "*1\r\n");
    T_EQ(orr_reply_scan(&scanner, orr_bytes(deep->str, deep->len), &used), ORR_MALFORMED);
    g_string_free(deep, TRUE);
}

static const Test TESTS[] = {
    TEST(test_pipelines_come_out_command_by_command),
    TEST(test_inline_commands_with_quotes),
    TEST(test_errors_are_worded_as_redis_words_them),
    TEST(test_limits_hold_to_the_byte),
    TEST(test_words_point_into_the_stream),
    TEST(test_parser_tells_what_it_wants),
    TEST(test_replies_have_the_shape_of_their_protocol),
    TEST(test_headers_can_be_put_in_afterwards),
    TEST(test_doubles_are_short_and_exact),
    TEST(test_replies_are_found_and_read),
    TEST(test_nonsense_is_no_reply),
    TEST(test_depth_is_bounded),
};

T_MAIN("resp", TESTS)
