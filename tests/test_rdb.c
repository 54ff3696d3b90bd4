/* Values as Redis exchanges them: payloads that a redis-server 7.0.15 made (DUMP), older
 * encodings put together by hand from their description, and damage. */
#include "check.h"
#include "data/rdb.h"

typedef struct Read {
    GString *text; /* "value" or "name=value," for each field */
} Read;

static void
take_string(void *context, OrrBytes value)
{
    g_string_append_len(context, (const char *)value.data, (gssize)value.size);
}

static void
take_field(void *context, OrrBytes name, OrrBytes value)
{
    take_string(context, name);
    g_string_append_c(context, '=');
    take_string(context, value);
    g_string_append_c(context, ',');
}

/* What a payload says; or "?" and the status. The caller frees it. */
static char *
read_payload(OrrBytes payload)
{
    GString *text = g_string_new(NULL);
    OrrRdbSink sink = {text, take_string, take_field};
    OrrStatus status = orr_rdb_verify(payload);

    if (status == ORR_OK) {
        status = orr_rdb_read(payload, &sink);
    }
    if (status != ORR_OK) {
        g_string_printf(text, "?%s", orr_status_name(status));
    }
    return g_string_free(text, FALSE);
}

#define T_READS(bytes, expected)                                                               \
    do {                                                                                       \
        char *read_ = read_payload(orr_bytes(bytes, sizeof(bytes) - 1));                       \
        T_STR_EQ(read_, expected);                                                             \
        g_free(read_);                                                                         \
    } while (0)

/* The checksum is the one that Redis publishes a test value for. */
static void
test_the_checksum_is_redis_s(void)
{
    T_TRUE(orr_crc64(orr_bytes_of_string("123456789")) == UINT64_C(0xe9c6d914c4b8d9ca));
}

/* Strings of every encoding that a real server chose. */
static void
test_strings_of_a_real_server_are_read(void)
{
    char long_one[361] = "";

    for (int i = 0; i < 120; i++) {
        memcpy(long_one + (size_t)i * 3, "abc", 4);
    }
    T_READS("\x00\xc0\xfb\x0a\x00\x49\xc4\xc6\xf4\xd7\x26\x3f\x68", "-5");
    T_READS("\x00\xc1\xe8\x03\x0a\x00\x89\xd1\x47\x8e\xba\xc4\xb7\x64", "1000");
    T_READS("\x00\xc2\x60\x79\xfe\xff\x0a\x00\xa1\xca\x84\x70\xcc\x21\x6d\x9d", "-100000");
    T_READS("\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a", "hello");
    T_READS("\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda", "");
    T_READS("\x00\xc3\x0e\x41\x68\x03\x61\x62\x63\x61\xe0\xff\x02\xe1\x51\x07\x01\x62\x63\x0a"
            "\x00\xd5\xf8\xb6\xea\xe9\x72\x5d\x95",
            long_one);
}

static const char LISTPACK[] =
    "\x10\xc3\x40\x54\x40\x8d\x1f\x8d\x00\x00\x00\x12\x00\x81\x61\x02\x01\x01\x81\x62\x02\xd4"
    "\x48\x02\x81\x63\x02\x85\x68\x65\x6c\x6c\x6f\x06\x81\x64\x02\xe0\x40\x00\x7a\xe0\x36\x00"
    "\x09\x42\x81\x65\x02\xf4\x35\x1c\xdc\xdf\x02\x20\x68\x1f\x09\x81\x66\x02\xf2\x70\x11\x01"
    "\x04\x81\x67\x02\xf2\x00\xee\x85\x04\x82\x62\x62\x03\xcf\xff\x02\x82\x63\x63\x03\xd0\x00"
    "\x02\xff\x0a\x00\x8a\x56\xcd\xcd\x90\xf5\xe9\x90";
#define LISTPACK_SAYS                                                                          \
    "a=1,b=-3000,c=hello,d=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz,"  \
    "e=12345678901,f=70000,g=-8000000,bb=4095,cc=-4096,"

/* A small hash of Redis 7: a listpack, compressed, with integers of all widths. */
static void
test_a_listpack_of_a_real_server_is_read(void)
{
    T_READS(LISTPACK, LISTPACK_SAYS);
}

/* A value of another type is refused as such, not misread. */
static void
test_a_list_is_refused(void)
{
    T_READS("\x12\x01\x02\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\x02\x01\xff\x0a\x00\xdd\xe7\x1a"
            "\x28\xae\x39\x1b\x98",
            "?refused");
}

/* With version and checksum behind it. */
static char *
read_sealed(const char *bytes, size_t size)
{
    GByteArray *payload = g_byte_array_new();
    char *text;

    g_byte_array_append(payload, (const guint8 *)bytes, (guint)size);
    orr_rdb_end(payload, 0);
    text = read_payload(orr_bytes(payload->data, payload->len));
    g_byte_array_unref(payload);
    return text;
}

#define T_SEALED_READS(bytes, expected)                                                        \
    do {                                                                                       \
        char *read_ = read_sealed(bytes, sizeof(bytes) - 1);                                   \
        T_STR_EQ(read_, expected);                                                             \
        g_free(read_);                                                                         \
    } while (0)

/* A small hash of Redis 2.6 to 6.2: a ziplist, with integers of all widths. */
static void
test_a_ziplist_is_read(void)
{
    /* head; then previous size, encoding, content */
    T_SEALED_READS("\x0d\x30"
                   "\x30\x00\x00\x00\x2d\x00\x00\x00\x0a\x00"
                   "\x00\x01"
                   "a\x03\xf1" /* 0 */
                   "\x02\x01"
                   "b\x03\xfe\x80" /* -128 */
                   "\x03\x01"
                   "c\x03\xc0\x18\xfc" /* -1000 */
                   "\x04\x01"
                   "d\x03\xf0\xff\xff\x7f" /* 8388607 */
                   "\x05\x01"
                   "e\x03\x40\x05"
                   "hello"
                   "\xff",
                   "a=0,b=-128,c=-1000,d=8388607,e=hello,");
}

/* A small hash of Redis 2.4. */
static void
test_a_zipmap_is_read(void)
{
    T_SEALED_READS("\x09\x1a"
                   "\x02\x03"
                   "foo\x03\x00"
                   "bar\x05"
                   "hello\x05\x02"
                   "world\0\0\xff",
                   "foo=bar,hello=world,");
}

/* What is written is read back, whatever its size. */
static void
test_what_is_written_is_read(void)
{
    static const size_t SIZES[] = {0, 1, 63, 64, 16383, 16384, 70000};

    for (size_t i = 0; i < G_N_ELEMENTS(SIZES); i++) {
        GByteArray *out = g_byte_array_new();
        char *text = g_strnfill(SIZES[i], 'x');
        char *expected = g_strdup_printf("n=%s,%s=v,", text, text);
        char *said;

        orr_rdb_begin(out, ORR_RDB_HASH);
        orr_rdb_put_length(out, 2);
        orr_rdb_put_string(out, orr_bytes_of_string("n"));
        orr_rdb_put_string(out, orr_bytes_of_string(text));
        orr_rdb_put_string(out, orr_bytes_of_string(text));
        orr_rdb_put_string(out, orr_bytes_of_string("v"));
        orr_rdb_end(out, 0);
        said = read_payload(orr_bytes(out->data, out->len));
        T_TRUE(strcmp(said, expected) == 0);
        g_free(said);
        g_free(expected);
        g_free(text);
        g_byte_array_unref(out);
    }
}

/* A payload with any one byte changed is not taken for a payload. */
static void
test_damage_is_seen(void)
{
    for (size_t i = 0; i < sizeof LISTPACK - 1; i++) {
        char copy[sizeof LISTPACK];
        char *said;

        memcpy(copy, LISTPACK, sizeof copy);
        copy[i] = (char)(copy[i] ^ 0x10);
        said = read_payload(orr_bytes(copy, sizeof copy - 1));
        T_STR_EQ(said, "?malformed");
        g_free(said);
    }
    T_READS("", "?malformed");
    T_READS("\x00\x0a\x00", "?malformed");
}

/* Nonsense with a right checksum may be anything but a read beyond its end (the sanitizers
 * look). */
static void
test_nonsense_is_survived(void)
{
    uint64_t seed = t_seed(7);

    for (int round = 0; round < 20000; round++) {
        static const uint8_t TYPES[] = {0, 4, 9, 13, 16};
        char bytes[100];
        size_t size = sizeof LISTPACK - 11;
        char *said;

        memcpy(bytes, LISTPACK, size);
        for (int i = 0; i < 4; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            bytes[(seed >> 33) % size] = (char)(seed >> 57);
        }
        bytes[0] = (char)TYPES[(seed >> 40) % 5];
        said = read_sealed(bytes, 1 + (seed >> 20) % size);
        g_free(said);
    }
}

static const Test tests[] = {
    TEST(test_the_checksum_is_redis_s),
    TEST(test_strings_of_a_real_server_are_read),
    TEST(test_a_listpack_of_a_real_server_is_read),
    TEST(test_a_list_is_refused),
    TEST(test_a_ziplist_is_read),
    TEST(test_a_zipmap_is_read),
    TEST(test_what_is_written_is_read),
    TEST(test_damage_is_seen),
    TEST(test_nonsense_is_survived),
};

T_MAIN("rdb", tests)
