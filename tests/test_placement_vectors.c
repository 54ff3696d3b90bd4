#include "check.h"

#include <orrery/orrery.h>

#include "placement/md5.h"
#include "placement/siphash.h"

#define LINE_SIZE 4096
#define FIELDS_MAX 8

/* A row of a table of known answers, cut at its tabs. */
typedef struct Row {
    char line[LINE_SIZE];
    char *field[FIELDS_MAX];
} Row;

static FILE *
open_vectors(const char *name)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/vectors/%s", ORR_SHARED_DIR, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        printf("SKIP: no %s beside the source tree\n", name);
    }
    return file;
}

static bool
read_row(FILE *file, Row *row)
{
    if (fgets(row->line, sizeof row->line, file) == NULL) {
        fclose(file);
        return false;
    }
    row->line[strcspn(row->line, "\n")] = '\0';
    char *at = row->line;
    for (size_t i = 0; i < FIELDS_MAX; i++) {
        row->field[i] = at;
        char *tab = at != NULL ? strchr(at, '\t') : NULL;
        if (tab != NULL) {
            *tab++ = '\0';
        }
        at = tab;
    }
    return true;
}

static OrrPlacement *
placement_of(OrrPlacementAlgorithm algorithm)
{
    OrrPlacementOptions options = orr_placement_options(algorithm);
    OrrPlacement *placement = NULL;

    T_REQUIRE(orr_placement_new(&options, &placement) == ORR_OK);
    return placement;
}

/* "host:port" as a name with a port. */
static void
add_server(OrrPlacement *placement, const char *server, uint32_t weight)
{
    const char *colon = strrchr(server, ':');
    OrrPlacementNode node = {.name = orr_bytes_of_string(server), .weight = weight};

    if (colon != NULL) {
        node.name.size = (size_t)(colon - server);
        node.port = (uint16_t)atoi(colon + 1);
    }
    T_REQUIRE(orr_placement_add(placement, &node) == ORR_OK);
}

static void
name_of(const OrrPlacement *placement, uint32_t number, char *text, size_t size)
{
    OrrPlacementNode node = {0};

    T_REQUIRE(orr_placement_node(placement, number, &node));
    int written =
        snprintf(text, size, "%.*s", (int)node.name.size, (const char *)node.name.data);
    if (node.port != 0) {
        snprintf(text + written, size - (size_t)written, ":%u", node.port);
    }
}

static const char *
owner_of(const OrrPlacement *placement, const char *key)
{
    static char text[256];

    name_of(placement, orr_placement_find(placement, orr_bytes_of_string(key)), text,
            sizeof text);
    return text;
}

static uint64_t
number(const char *text)
{
    return strtoull(text, NULL, 10);
}

/* RFC 1321, A.5, and the SipHash paper, appendix A. */
static void
test_md5_and_siphash_are_the_published_ones(void)
{
    static const char eighty[] =
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
    uint8_t bytes[15];

    T_TRUE(orr_md5_of(ORR_BYTES_EMPTY).word[0] == 0xd98c1dd4);
    T_TRUE(orr_md5_of(orr_bytes_of_string("abc")).word[0] == 0x98500190);
    T_TRUE(orr_md5_of(orr_bytes_of_string("abc")).word[3] == 0x727fe128);
    T_TRUE(orr_md5_of(orr_bytes_of_string(eighty)).word[0] == 0xa2f4ed57);
    T_TRUE(orr_md5_of(orr_bytes_of_string(eighty)).word[3] == 0x7ab60721);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    T_TRUE(orr_siphash_2_4(UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
                           orr_bytes(bytes, sizeof bytes)) == UINT64_C(0xa129ca6149be45e5));
    /* the reference implementation's first vectors: 0 to 9 bytes */
    static const uint64_t answers[10] = {
        UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd),
        UINT64_C(0x0d6c8009d9a94f5a), UINT64_C(0x85676696d7fb7e2d),
        UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
        UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137),
        UINT64_C(0x93f5f5799a932462), UINT64_C(0x9e0082df0ba9e4b0)};
    for (size_t size = 0; size < 10; size++) {
        T_TRUE(orr_siphash_2_4(UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
                               orr_bytes(bytes, size)) == answers[size]);
    }
}

/* SipHash word for word from its paper, with every byte fetched by itself. */
static uint64_t
naive_siphash(uint64_t k0, const uint8_t *bytes, size_t size)
{
    uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d),
                     k0 ^ UINT64_C(0x6c7967656e657261), UINT64_C(0x7465646279746573)};

    for (size_t word = 0; word <= size / 8 + 1; word++) {
        bool end = word == size / 8 + 1;
        uint64_t m = word == size / 8 ? (uint64_t)size << 56 : 0;

        for (size_t i = word * 8; i < size && i < word * 8 + 8; i++) {
            m |= (uint64_t)bytes[i] << (i % 8 * 8);
        }
        v[3] ^= m;
        v[2] ^= end ? 0xff : 0;
        for (int round = 0; round < (end ? 4 : 2); round++) {
            v[0] += v[1], v[2] += v[3];
            v[1] = v[1] << 13 | v[1] >> 51, v[3] = v[3] << 16 | v[3] >> 48;
            v[1] ^= v[0], v[3] ^= v[2];
            v[0] = v[0] << 32 | v[0] >> 32;
            v[2] += v[1], v[0] += v[3];
            v[1] = v[1] << 17 | v[1] >> 47, v[3] = v[3] << 21 | v[3] >> 43;
            v[1] ^= v[2], v[3] ^= v[0];
            v[2] = v[2] << 32 | v[2] >> 32;
        }
        v[0] ^= m;
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Of every length, from any place, what the naive one says. */
static void
test_siphash_of_any_length(void)
{
    OrrRng rng = orr_rng_new(t_seed(51));
    uint8_t bytes[80];

    for (unsigned round = 0; round < 3000; round++) {
        uint64_t seed = orr_rng_next(&rng);
        size_t size = round % 40;

        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)orr_rng_next(&rng);
        }
        const uint8_t *at = bytes + orr_rng_below(&rng, 30);
        T_TRUE(orr_siphash_2_4(seed, 0, orr_bytes(at, size)) == naive_siphash(seed, at, size));
    }
}

/* Digests side by side are those made one by one, for every length about the block's. */
static void
test_md5_of_many_is_md5_of_each(void)
{
    static uint8_t text[256];
    OrrBytes pieces[40];
    Md5 digests[40];

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 37);
    }
    for (size_t base = 0; base < 130; base++) {
        for (size_t i = 0; i < 40; i++) {
            pieces[i] = orr_bytes(text + i, i % 8 == 0 ? base : (base * i) % 56);
        }
        for (unsigned vectors = VECTORS_NONE; vectors <= vectors_here(); vectors++) {
            orr_md5_of_many((Vectors)vectors, pieces, 40, digests);
            for (size_t i = 0; i < 40; i++) {
                Md5 alone = orr_md5_of(pieces[i]);
                T_REQUIRE(memcmp(&alone, &digests[i], sizeof alone) == 0);
            }
        }
    }
}

static void
check_ketama(OrrPlacementAlgorithm algorithm, const char *servers, const char *answers)
{
    OrrPlacement *placement = placement_of(algorithm);
    Row row;
    FILE *file = open_vectors(servers);

    while (file != NULL && read_row(file, &row)) {
        add_server(placement, row.field[0], (uint32_t)number(row.field[1]));
    }
    file = file != NULL ? open_vectors(answers) : NULL;
    while (file != NULL && read_row(file, &row)) {
        bool hashed = row.field[2] != NULL;

        if (hashed) {
            T_TRUE(orr_placement_hash(placement, orr_bytes_of_string(row.field[0])) ==
                   number(row.field[1]));
        }
        T_STR_EQ(owner_of(placement, row.field[0]), hashed ? row.field[2] : row.field[1]);
    }
    orr_placement_free(placement);
}

/* Two of the three dialects of ketama, on the answers of their own libraries. */
static void
test_ketama_agrees_with_its_libraries(void)
{
    check_ketama(ORR_PLACEMENT_KETAMA_LIBKETAMA, "servers_uniform10.tsv",
                 "ketama_libketama_uniform10.tsv");
    check_ketama(ORR_PLACEMENT_KETAMA_LIBKETAMA, "servers_weighted8.tsv",
                 "ketama_libketama_weighted8.tsv");
    check_ketama(ORR_PLACEMENT_KETAMA_LIBMEMCACHED, "servers_weighted8.tsv",
                 "ketama_libmemcached_weighted8.tsv");
}

/* Guava's consistentHash and Ertl's JumpBackHash. */
static void
test_jump_and_jumpback_agree(void)
{
    Row row;
    FILE *file = open_vectors("jump.tsv");

    while (file != NULL && read_row(file, &row)) {
        T_EQ(orr_jump(number(row.field[0]), (uint32_t)number(row.field[1])),
             number(row.field[2]));
    }
    file = open_vectors("jumpback.tsv");
    while (file != NULL && read_row(file, &row)) {
        T_EQ(orr_jumpback(number(row.field[0]), (uint32_t)number(row.field[1])),
             number(row.field[2]));
    }
}

/* A table of 1009 entries and five backends, then four of them. */
static void
test_maglev_agrees(void)
{
    Row row;
    FILE *file = open_vectors("maglev_5_1009.tsv");
    static uint32_t table[1009];
    static uint32_t without[1009];
    uint64_t hashes[5];
    uint32_t weights[5] = {1, 1, 1, 0, 1};

    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "backend-%u", i);
        hashes[i] = orr_maglev_hash(ORR_MAGLEV_SEED, orr_bytes_of_string(name));
    }
    T_EQ(orr_maglev_fill(hashes, NULL, 5, table, 1009), ORR_OK);
    T_EQ(orr_maglev_fill(hashes, weights, 5, without, 1009), ORR_OK);
    while (file != NULL && read_row(file, &row)) {
        T_EQ(table[number(row.field[0])], number(row.field[1]));
        T_EQ(without[number(row.field[0])], number(row.field[2]));
    }
}

static void
add_named(OrrPlacement *placement, const char *format, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char name[32];
        snprintf(name, sizeof name, format[0] == 'n' ? "node-%02u" : "shard-%u", i);
        add_server(placement, name, 1);
    }
}

/* SipHash and xorshift64*: twenty nodes, nineteen, ten. */
static void
test_rendezvous_agrees(void)
{
    Row row;
    FILE *file = open_vectors("rendezvous.tsv");
    OrrPlacement *all = placement_of(ORR_PLACEMENT_RENDEZVOUS);
    OrrPlacement *ten = placement_of(ORR_PLACEMENT_RENDEZVOUS);

    add_named(all, "node", 0, 20);
    add_named(ten, "node", 0, 10);
    OrrPlacement *without = orr_placement_copy(all);
    T_EQ(orr_placement_remove(without, 7), ORR_OK);
    while (file != NULL && read_row(file, &row)) {
        T_TRUE(orr_placement_hash(all, orr_bytes_of_string(row.field[0])) ==
               number(row.field[1]));
        T_STR_EQ(owner_of(all, row.field[0]), row.field[2]);
        T_STR_EQ(owner_of(without, row.field[0]), row.field[3]);
        T_STR_EQ(owner_of(ten, row.field[0]), row.field[4]);
    }
    orr_placement_free(all);
    orr_placement_free(without);
    orr_placement_free(ten);
}

static void
test_multi_probe_agrees(void)
{
    Row row;
    FILE *file = open_vectors("multiprobe_10.tsv");
    OrrPlacement *placement = placement_of(ORR_PLACEMENT_MULTI_PROBE);

    add_named(placement, "shard", 1, 10);
    while (file != NULL && read_row(file, &row)) {
        T_STR_EQ(owner_of(placement, row.field[0]), row.field[1]);
    }
    orr_placement_free(placement);
}

/* A hundred buckets, ten removed in a certain order, three of them back. Node numbers are
 * bucket numbers here: both go back to whoever comes next, the lowest number and the last
 * bucket, so the table of nodes is kept by name instead. */
static void
check_removals(OrrPlacementAlgorithm algorithm, const char *answers)
{
    static const unsigned gone[] = {5, 17, 42, 99, 0, 63, 64, 31, 88, 12};
    static const unsigned back[] = {12, 88, 31};
    Row row;
    FILE *file = open_vectors(answers);
    OrrPlacement *at[3] = {placement_of(algorithm)};

    OrrPlacementNode nodes[100];
    char names[100][8];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "%02u", i);
        nodes[i] = (OrrPlacementNode){.name = orr_bytes_of_string(names[i]), .weight = 1};
    }
    T_EQ(orr_placement_add_all(at[0], nodes, 100, NULL), ORR_OK);
    at[1] = orr_placement_copy(at[0]);
    for (unsigned i = 0; i < 10; i++) {
        uint32_t who = orr_placement_number(at[1], nodes[gone[i]].name, 0);
        T_EQ(orr_placement_remove(at[1], who), ORR_OK);
    }
    at[2] = orr_placement_copy(at[1]);
    for (unsigned i = 0; i < 3; i++) {
        T_EQ(orr_placement_add(at[2], &nodes[back[i]]), ORR_OK);
    }
    while (file != NULL && read_row(file, &row)) {
        for (unsigned i = 0; i < 3; i++) {
            T_EQ(number(owner_of(at[i], row.field[0])), number(row.field[2 + i]));
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        orr_placement_free(at[i]);
    }
}

/* SUPSI's engines. */
static void
test_memento_anchor_and_dx_agree(void)
{
    check_removals(ORR_PLACEMENT_MEMENTO, "memento.tsv");
    check_removals(ORR_PLACEMENT_ANCHOR, "anchor.tsv");
    check_removals(ORR_PLACEMENT_DX, "dx.tsv");
}

static const Test TESTS[] = {
    TEST(test_md5_and_siphash_are_the_published_ones),
    TEST(test_siphash_of_any_length),
    TEST(test_md5_of_many_is_md5_of_each),
    TEST(test_ketama_agrees_with_its_libraries),
    TEST(test_jump_and_jumpback_agree),
    TEST(test_maglev_agrees),
    TEST(test_rendezvous_agrees),
    TEST(test_multi_probe_agrees),
    TEST(test_memento_anchor_and_dx_agree),
};

T_MAIN("placement_vectors", TESTS)
