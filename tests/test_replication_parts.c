/* The two parts that replication is made of and that need no peers: the backlog of records, and
 * the comparison of what two nodes' data went through. */
#include "check.h"

#include "data/backlog.h"
#include "data/lineage.h"

#include <orrery/rng.h>

/* A record as the backlog sees it: a size and that many bytes after it. */
static OrrBytes
record_of(uint8_t *buffer, size_t size, uint8_t mark)
{
    uint32_t rest = (uint32_t)(size - 4);

    memset(buffer, mark, size);
    memcpy(buffer, &rest, 4);
    return orr_bytes(buffer, size);
}

/* After any sequence of appends, the backlog holds exactly the end of the line, in whole
 * records, and never more than its limit allows. */
static void
test_backlog_is_the_end_of_the_line(void)
{
    enum { LIMIT = 9000, TOTAL = 400000 };
    OrrRng rng = orr_rng_new(t_seed(11));
    uint8_t *line = calloc(1, TOTAL);
    uint64_t *starts = calloc(TOTAL / 5, sizeof *starts);
    size_t count = 0;
    uint64_t end = 0;
    OrrBacklog backlog;

    T_REQUIRE(line != NULL && starts != NULL);
    orr_backlog_init(&backlog, LIMIT);
    while (end + 12000 < TOTAL) {
        size_t size = orr_rng_chance_ppm(&rng, 5000) ? 11000 : 5 + orr_rng_below(&rng, 300);

        starts[count++] = end;
        orr_backlog_append(&backlog, record_of(line + end, size, (uint8_t)count));
        end += size;
        T_REQUIRE(backlog.end == end);
        T_REQUIRE(end - backlog.start <= (size > LIMIT ? size : LIMIT));

        size_t pick = count - 1 - orr_rng_below(&rng, count < 40 ? count : 40);
        T_REQUIRE(orr_backlog_reaches(&backlog, starts[pick]) ==
                  (starts[pick] >= backlog.start));
        if (starts[pick] >= backlog.start) {
            OrrBytes piece = orr_backlog_read(&backlog, starts[pick], 700);
            bool whole = starts[pick] + piece.size == end;

            T_REQUIRE(piece.size > 0 &&
                      memcmp(piece.data, line + starts[pick], piece.size) == 0);
            for (size_t i = pick; i < count; i++) {
                whole = whole || starts[i] == starts[pick] + piece.size;
            }
            T_REQUIRE(whole);
        }
    }
    T_TRUE(orr_backlog_reaches(&backlog, end));
    T_FALSE(orr_backlog_reaches(&backlog, end + 1));
    orr_backlog_clear(&backlog);
    free(line);
    free(starts);
}

static void
add_history(OrrLineage *lineage, uint64_t id, uint64_t epoch, uint64_t start)
{
    lineage->histories[lineage->count++] = (OrrHistory){
        .id = id, .epoch = epoch, .start_offset = start, .start_version = epoch * 1000 + start};
}

static void
expect(const OrrLineage *mine, const OrrLineage *theirs, OrrKinship kinship, uint64_t offset)
{
    OrrBranch branch = orr_lineage_compare(mine, theirs);

    T_EQ(branch.kinship, kinship);
    T_EQ(branch.offset, offset);
}

/* A replica that is merely late goes on from where it is, also across a promotion. */
static void
test_lineage_late_is_a_prefix(void)
{
    OrrLineage mine = {.offset = 500};
    OrrLineage theirs = {.offset = 900};

    add_history(&mine, 11, 1, 0);
    add_history(&theirs, 11, 1, 0);
    expect(&mine, &theirs, ORR_KINSHIP_PREFIX, 500);
    add_history(&theirs, 22, 2, 600);
    expect(&mine, &theirs, ORR_KINSHIP_PREFIX, 500);
    mine.offset = 600;
    expect(&mine, &theirs, ORR_KINSHIP_PREFIX, 600);
}

/* Whoever wrote on after the other was promoted has parted from it at the promotion, even if
 * there was a second one later. */
static void
test_lineage_parts_at_the_first_promotion_missed(void)
{
    OrrLineage mine = {.offset = 700};
    OrrLineage theirs = {.offset = 2000};

    add_history(&mine, 11, 1, 0);
    add_history(&theirs, 11, 1, 0);
    add_history(&theirs, 22, 2, 600);
    add_history(&theirs, 33, 3, 900);
    expect(&mine, &theirs, ORR_KINSHIP_DIVERGED, 600);
    T_EQ(orr_lineage_compare(&mine, &theirs).version, 2600);
}

/* Twins of one epoch part where the earlier of them began. */
static void
test_lineage_twins_part_where_the_first_began(void)
{
    OrrLineage mine = {.offset = 800};
    OrrLineage theirs = {.offset = 650};

    add_history(&mine, 11, 1, 0);
    add_history(&mine, 21, 2, 700);
    add_history(&theirs, 11, 1, 0);
    add_history(&theirs, 22, 2, 600);
    expect(&mine, &theirs, ORR_KINSHIP_DIVERGED, 600);
    expect(&theirs, &mine, ORR_KINSHIP_DIVERGED, 600);
}

/* A primary that restarted with a torn log is behind its replica as long as it has written
 * nothing; once it has, both have something that the other has not. */
static void
test_lineage_knows_a_primary_that_lost_its_tail(void)
{
    OrrLineage replica = {.offset = 520};
    OrrLineage primary = {.offset = 500};

    add_history(&replica, 11, 1, 0);
    add_history(&primary, 11, 1, 0);
    expect(&replica, &primary, ORR_KINSHIP_AHEAD, 500);
    add_history(&primary, 12, 1, 500);
    expect(&replica, &primary, ORR_KINSHIP_AHEAD, 500);
    primary.offset = 530;
    expect(&replica, &primary, ORR_KINSHIP_DIVERGED, 500);
}

/* A promoted replica that has written nothing yet is not behind the old primary: it parted. */
static void
test_lineage_fresh_promotion_is_not_behind(void)
{
    OrrLineage old = {.offset = 520};
    OrrLineage promoted = {.offset = 500};

    add_history(&old, 11, 1, 0);
    add_history(&promoted, 11, 1, 0);
    add_history(&promoted, 22, 2, 500);
    expect(&old, &promoted, ORR_KINSHIP_DIVERGED, 500);
}

/* No data is nobody's enemy; data of nobody's history is unrelated from its start. */
static void
test_lineage_nothing_and_unrelated(void)
{
    OrrLineage none = {.offset = 0};
    OrrLineage mine = {.offset = 100};
    OrrLineage theirs = {.offset = 900};

    add_history(&mine, 44, 1, 0);
    add_history(&theirs, 11, 1, 0);
    expect(&none, &theirs, ORR_KINSHIP_NOTHING, 0);
    expect(&mine, &theirs, ORR_KINSHIP_UNRELATED, 0);
}

/* Histories that a replica has only heard of do not count as its own. */
static void
test_lineage_not_reached_does_not_count(void)
{
    OrrLineage mine = {.offset = 500};

    add_history(&mine, 11, 1, 0);
    add_history(&mine, 22, 2, 600);
    T_EQ(orr_lineage_newest(&mine)->id, 11);
    orr_lineage_begin(&mine, 33, 3, 77);
    T_EQ(mine.count, 2);
    T_EQ(orr_lineage_newest(&mine)->id, 33);
    T_EQ(orr_lineage_newest(&mine)->start_offset, 500);
}

/* A lineage survives its encoding, and no damage of it is taken for one. */
static void
test_lineage_encodes(void)
{
    OrrLineage lineage = {.offset = 0};
    OrrLineage again;
    uint8_t buffer[ORR_LINEAGE_SIZE_MAX];

    for (unsigned i = 0; i < ORR_LINEAGE_MAX + 4; i++) {
        lineage.offset += 10;
        orr_lineage_begin(&lineage, 100 + i, i, i);
    }
    T_EQ(lineage.count, ORR_LINEAGE_MAX);
    T_EQ(lineage.histories[0].id, 104);

    size_t size = orr_lineage_encode(&lineage, buffer);

    T_TRUE(size <= ORR_LINEAGE_SIZE_MAX);
    T_EQ(orr_lineage_decode(orr_bytes(buffer, size), &again), ORR_OK);
    T_TRUE(orr_lineage_equal(&lineage, &again));
    T_EQ(again.offset, lineage.offset);
    for (size_t cut = 0; cut < size; cut++) {
        T_EQ(orr_lineage_decode(orr_bytes(buffer, cut), &again), ORR_MALFORMED);
    }
    buffer[0] = ORR_LINEAGE_MAX + 1;
    T_EQ(orr_lineage_decode(orr_bytes(buffer, size), &again), ORR_MALFORMED);
}

/* A log that goes on elsewhere than it ended holds a copy that never became whole: what came
 * before it counts, and nothing after it. */
static void
test_recovery_stops_where_a_copy_began(void)
{
    OrrReplicationConfig config = {.settings = orr_settings_default()};
    OrrReplication *replication = orr_replication_new(&config);
    OrrLineage lineage = {.offset = 1000};
    uint8_t buffer[100];
    OrrBytes record = record_of(buffer, sizeof buffer, 1);

    add_history(&lineage, 11, 1, 0);
    T_EQ(orr_replication_restore(replication, &lineage), ORR_OK);
    T_EQ(orr_replication_replay(replication, record), ORR_OK);
    lineage.offset = 1100;
    add_history(&lineage, 22, 2, 1100);
    T_EQ(orr_replication_restore(replication, &lineage), ORR_OK);
    T_EQ(orr_replication_replay(replication, orr_bytes(buffer, 99)), ORR_INVALID);
    T_EQ(orr_replication_replay(replication, record), ORR_OK);
    T_EQ(orr_replication_offset(replication), 1200);

    lineage.offset = 9000;
    T_EQ(orr_replication_restore(replication, &lineage), ORR_REFUSED);
    T_EQ(orr_replication_replay(replication, record), ORR_REFUSED);
    T_EQ(orr_replication_offset(replication), 1200);
    T_EQ(orr_lineage_newest(orr_replication_lineage(replication))->id, 22);
    orr_replication_free(replication);
}

static const Test TESTS[] = {
    TEST(test_backlog_is_the_end_of_the_line),
    TEST(test_lineage_late_is_a_prefix),
    TEST(test_lineage_parts_at_the_first_promotion_missed),
    TEST(test_lineage_twins_part_where_the_first_began),
    TEST(test_lineage_knows_a_primary_that_lost_its_tail),
    TEST(test_lineage_fresh_promotion_is_not_behind),
    TEST(test_lineage_nothing_and_unrelated),
    TEST(test_lineage_not_reached_does_not_count),
    TEST(test_lineage_encodes),
    TEST(test_recovery_stops_where_a_copy_began),
};

T_MAIN("replication parts", TESTS)
