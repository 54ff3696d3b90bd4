/* In steady state a whole node allocates nothing: nine of them, with clients, probes, leases,
 * replication and the log, from the bytes that come in to the effects that go out. */
#include "check.h"

#include "box.h"

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

static Box *box;
static uint64_t allocations;
static bool stop_there; /* for a debugger: ORR_STOP_AT_ALLOCATION is set */

#if COUNTS_ALLOCATIONS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static void
count_one(void)
{
    if (box != NULL && box->in_step) {
        allocations++;
        if (stop_there) {
            __builtin_trap();
        }
    }
}

void *
malloc(size_t size)
{
    count_one();
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    count_one();
    return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
    count_one();
    return __libc_realloc(old, size);
}
#endif

#define CLIENT 1000u /* of the first node */

static void
connect_clients(void)
{
    for (size_t i = 0; i < box->count; i++) {
        OrrEvent up = {.type = ORR_EVENT_LINK,
                       .link = {.state = ORR_LINK_CLIENT_UP, .client = CLIENT + i}};

        T_REQUIRE(box_event(box, i, &up) == ORR_OK);
    }
}

static void
ask(size_t index, const char *line)
{
    OrrEvent request = {
        .type = ORR_EVENT_REQUEST,
        .request = {.client = CLIENT + index, .bytes = orr_bytes_of_string(line)}};

    g_string_truncate(box->reply, 0);
    T_REQUIRE(box_event(box, index, &request) == ORR_OK);
}

/* Two hundred commands a second for this long, each at the owner of its key. */
static void
serve(OrrTime seconds)
{
    char line[96];

    for (OrrTime i = 0; i < seconds * 200; i++) {
        unsigned key = (unsigned)(i * 7919 % 1000);
        char name[32];
        int size = snprintf(name, sizeof name, "key:%u", key);
        int owner = box_owner(box, orr_slot_of_key(orr_bytes(name, (size_t)size)));

        T_REQUIRE(owner >= 0);
        snprintf(line, sizeof line, i % 2 == 0 ? "SET %s value:%08u\r\n" : "GET %s\r\n", name,
                 (unsigned)i);
        ask((size_t)owner, line);
        box_run(box, 5 * ORR_NS_PER_MS);
    }
}

/* Once every buffer has grown, an hour costs as little as a second: nothing. */
static void
test_a_node_in_steady_state_allocates_nothing(void)
{
    OrrSettings settings = orr_settings_default();
    uint64_t steps;

    settings.node_timeout_ns = 5 * ORR_NS_PER_S;
    settings.backlog_size = 1u << 14; /* goes round before the counting begins */
    box = box_new(3, 2, &settings);
    box_boot_all(box);
    box_run(box, 10 * ORR_NS_PER_S);
    connect_clients();
    serve(30);

    steps = box->steps;
    allocations = 0;
    stop_there = getenv("ORR_STOP_AT_ALLOCATION") != NULL;
    serve(30);
    printf("%" PRIu64 " steps of nodes, %" PRIu64 " allocations\n", box->steps - steps,
           allocations);
    T_TRUE(box->steps - steps > 10000);
    T_EQ(allocations, 0);
    stop_there = false;
    box_free(box);
    box = NULL;
}

static const Test TESTS[] = {
    TEST(test_a_node_in_steady_state_allocates_nothing),
};

T_MAIN("node_allocations", TESTS)
