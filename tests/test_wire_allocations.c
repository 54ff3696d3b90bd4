/* Once grown, the codec of RESP and a router allocate nothing: not for a command, a reply, a
 * request, a redirection, or a pause. */
#include "check.h"

#include <orrery/orrery.h>

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

static uint64_t allocations;

#if COUNTS_ALLOCATIONS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}
#endif

#define ROUNDS 200
#define PIPELINE 24u

static void
parse_and_reply(OrrRequestParser *parser, OrrReply *reply)
{
    static const char STREAM[] =
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nGET \"a b\" c\r\n"
        "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    OrrBytes rest = orr_bytes_of_string(STREAM);
    OrrRequest request;

    orr_reply_clear(reply);
    while (rest.size > 0 && orr_request_parse(parser, rest, &request) == ORR_OK) {
        orr_reply_array(reply, request.arg_count);
        for (size_t i = 0; i < request.arg_count; i++) {
            orr_reply_bulk(reply, request.args[i]);
        }
        rest.data += request.used;
        rest.size -= request.used;
    }
    T_EQ(rest.size, 0);
}

/* The parser and the writer of replies work in what they have. */
static void
test_codec_allocates_nothing_once_grown(void)
{
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrReply *reply = orr_reply_new();

    parse_and_reply(parser, reply);
    uint64_t before = allocations;
    for (int i = 0; i < ROUNDS; i++) {
        parse_and_reply(parser, reply);
    }
    T_EQ(allocations - before, 0);
    orr_reply_free(reply);
    orr_request_parser_free(parser);
}

typedef struct Drive {
    OrrRouter *router;
    OrrTime now_ns;
    unsigned round;
} Drive;

static const char *
answer_of(unsigned number)
{
    static const char *const ANSWERS[] = {"+OK\r\n", "-TRYAGAIN x\r\n", "+OK\r\n",
                                          "-ASK 3300 10.0.0.1:7000\r\n", "-LOADING x\r\n"};

    return ANSWERS[number % 5];
}

/* Answers what was sent: commands begin with '*', and ASKING with "*1". */
static void
answer(Drive *drive, uint32_t node, unsigned commands, unsigned asking)
{
    for (unsigned i = 0; i < asking; i++) {
        orr_router_received(drive->router, drive->now_ns, node,
                            orr_bytes_of_string("+OK\r\n+OK\r\n"));
    }
    for (unsigned i = asking; i < commands; i++) {
        orr_router_received(drive->router, drive->now_ns, node,
                            orr_bytes_of_string(answer_of(drive->round + i)));
    }
}

static void
drive_until_done(Drive *drive)
{
    static const char MAP[] =
        "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$8\r\n10.0.0.1\r\n:7000\r\n$1\r\nA\r\n";

    while (orr_router_held(drive->router) > 0) {
        OrrRouterEffect effect;
        unsigned commands = 0;
        unsigned asking = 0;
        bool connect = false;
        bool map = false;

        while (orr_router_next(drive->router, &effect) == ORR_OK) {
            connect |= effect.type == ORR_ROUTER_CONNECT;
            for (size_t i = 0; effect.type == ORR_ROUTER_SEND && i < effect.bytes.size; i++) {
                const uint8_t *at = effect.bytes.data + i;

                commands += at[0] == '*' && at[1] == '3' ? 1 : 0;
                asking += at[0] == '*' && at[1] == '1' ? 1 : 0;
                map |= at[0] == '*' && at[1] == '2';
            }
        }
        if (connect) {
            orr_router_link(drive->router, drive->now_ns, 0, true);
        } else if (map) {
            orr_router_received(drive->router, drive->now_ns, 0, orr_bytes_of_string(MAP));
            answer(drive, 0, commands, asking);
        } else if (commands > 0) {
            answer(drive, 0, commands, asking);
        } else {
            drive->now_ns = orr_router_deadline(drive->router);
            orr_router_time(drive->router, drive->now_ns);
        }
    }
}

static void
submit_and_drive(Drive *drive)
{
    OrrBytes words[PIPELINE][3];
    OrrRouterCommand commands[PIPELINE];
    char keys[PIPELINE][8];

    for (unsigned i = 0; i < PIPELINE; i++) {
        keys[i][0] = (char)('a' + i % 7);
        words[i][0] = orr_bytes_of_string("SET");
        words[i][1] = orr_bytes(keys[i], 1);
        words[i][2] = orr_bytes_of_string("value");
        commands[i] = (OrrRouterCommand){.id = i, .args = words[i], .arg_count = 3};
    }
    T_EQ(orr_router_submit(drive->router, drive->now_ns, commands, PIPELINE), ORR_OK);
    drive_until_done(drive);
    drive->round++;
}

/* A router keeps its requests, groups and buffers, and uses them again. */
static void
test_router_allocates_nothing_once_grown(void)
{
    OrrAddress seed = orr_address_v4(10, 0, 0, 1, 7000, 0);
    OrrRouterConfig config = orr_router_config_default();

    config.seeds = &seed;
    config.seed_count = 1;
    Drive drive = {.router = orr_router_new(&config)};

    for (int i = 0; i < ROUNDS; i++) {
        submit_and_drive(&drive);
    }
    uint64_t before = allocations;
    for (int i = 0; i < ROUNDS; i++) {
        submit_and_drive(&drive);
    }
    T_EQ(allocations - before, 0);
    OrrRouterCounters counters;
    orr_router_counters(drive.router, &counters);
    T_TRUE(counters.retries > 0 && counters.ask > 0 && counters.tryagain > 0);
    T_EQ(counters.answered + counters.refused, 2 * ROUNDS * PIPELINE);
    orr_router_free(drive.router);
}

static const Test TESTS[] = {
    TEST(test_codec_allocates_nothing_once_grown),
    TEST(test_router_allocates_nothing_once_grown),
};

T_MAIN("wire_allocations", TESTS)
