/* wire.c - nanoseconds a command on the way in and out of RESP, and through a router.
 *
 *     build/bench/wire
 *
 * CSV: what, who, figure, unit. hiredis, where it is installed, reads the same bytes in the
 * same run; it builds a tree of each, as a client needs it. Each figure is the best of ten. */
#include "bench.h"

#include <orrery/orrery.h>

#if HAVE_HIREDIS
#include <hiredis/hiredis.h>
#endif

#define COMMANDS 20000u
#define STREAM_SIZE_MAX (COMMANDS * 64u)
#define PIPELINE 16u
#define READ_SIZE ((size_t)16 << 10) /* bytes that a client reads at once */
#define RUNS 10

volatile uint64_t bench_sink;

static char stream[STREAM_SIZE_MAX];
static size_t stream_size;

/* SETs and GETs of 16-byte keys in turn. */
static void
fill_stream(void)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        const char *format =
            i % 2 == 0 ? "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012u\r\n$16\r\n0123456789abcdef\r\n"
                       : "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012u\r\n";
        int size = snprintf(stream + stream_size, STREAM_SIZE_MAX - stream_size, format, i);

        stream_size += (size_t)size;
    }
}

static uint64_t
parse_stream(OrrRequestParser *parser)
{
    OrrBytes rest = orr_bytes(stream, stream_size);
    uint64_t sum = 0;
    OrrRequest request;

    while (rest.size > 0 && orr_request_parse(parser, rest, &request) == ORR_OK) {
        sum += request.args[1].size + request.arg_count;
        rest.data += request.used;
        rest.size -= request.used;
    }
    return sum;
}

static uint64_t
scan_stream(void)
{
    OrrBytes rest = orr_bytes(stream, stream_size);
    OrrReplyScanner scanner = {0};
    uint64_t count = 0;
    size_t used = 0;

    while (rest.size > 0 && orr_reply_scan(&scanner, rest, &used) == ORR_OK) {
        rest.data += used;
        rest.size -= used;
        count++;
    }
    return count;
}

static uint64_t
write_replies(OrrReply *reply)
{
    OrrBytes value = orr_bytes_of_string("0123456789abcdef");

    orr_reply_clear(reply);
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (i % 2 == 0) {
            orr_reply_ok(reply);
        } else {
            orr_reply_bulk(reply, value);
        }
    }
    return orr_reply_size(reply);
}

#if HAVE_HIREDIS
static uint64_t
read_by_hiredis(void)
{
    redisReader *reader = redisReaderCreate();
    uint64_t count = 0;

    for (size_t at = 0; at < stream_size; at += READ_SIZE) {
        size_t left = stream_size - at;
        void *reply = NULL;

        redisReaderFeed(reader, stream + at, left < READ_SIZE ? left : READ_SIZE);
        while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
            freeReplyObject(reply);
            count++;
        }
    }
    redisReaderFree(reader);
    return count;
}
#endif

/* A router with one node, which answers each pipeline at once. */
static uint64_t
route(OrrRouter *router)
{
    static const char OK[] = "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n"
                             "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n";
    OrrBytes words[3] = {orr_bytes_of_string("SET"), orr_bytes_of_string("key:000000000001"),
                         orr_bytes_of_string("0123456789abcdef")};
    OrrRouterCommand commands[PIPELINE];
    OrrRouterEffect effect;
    uint64_t done = 0;

    for (unsigned i = 0; i < PIPELINE; i++) {
        commands[i] = (OrrRouterCommand){.id = i, .args = words, .arg_count = 3};
    }
    for (unsigned i = 0; i < COMMANDS / PIPELINE; i++) {
        if (orr_router_submit(router, i, commands, PIPELINE) != ORR_OK) {
            return 0;
        }
        while (orr_router_next(router, &effect) == ORR_OK) {
        }
        orr_router_received(router, i, 0, orr_bytes_of_string(OK));
        while (orr_router_next(router, &effect) == ORR_OK) {
            done += effect.type == ORR_ROUTER_DONE ? 1 : 0;
        }
    }
    return done;
}

static OrrRouter *
new_router(void)
{
    static const char MAP[] =
        "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$8\r\n10.0.0.1\r\n:7000\r\n$1\r\nA\r\n";
    OrrAddress seed = orr_address_v4(10, 0, 0, 1, 7000, 0);
    OrrRouterConfig config = orr_router_config_default();
    OrrBytes ping = orr_bytes_of_string("PING");
    OrrRouterCommand command = {.id = 1, .args = &ping, .arg_count = 1};

    config.seeds = &seed;
    config.seed_count = 1;
    OrrRouter *router = orr_router_new(&config);

    if (orr_router_submit(router, 0, &command, 1) == ORR_OK) {
        orr_router_link(router, 0, 0, true);
        orr_router_received(router, 0, 0, orr_bytes_of_string(MAP));
        orr_router_received(router, 0, 0, orr_bytes_of_string("+PONG\r\n"));
    }
    return router;
}

static void
report(const char *what, const char *who, double figure)
{
    printf("%s,%s,%.1f,ns\n", what, who, figure);
}

int
main(void)
{
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrReply *reply = orr_reply_new();
    OrrRouter *router = new_router();
    double figure;

    fill_stream();
    printf("what,who,figure,unit\n");
    BENCH_BEST(figure, RUNS, COMMANDS, bench_sink += parse_stream(parser));
    report("request parse", "orrery", figure);
    BENCH_BEST(figure, RUNS, COMMANDS, bench_sink += scan_stream());
    report("reply scan", "orrery", figure);
#if HAVE_HIREDIS
    BENCH_BEST(figure, RUNS, COMMANDS, bench_sink += read_by_hiredis());
    report("reply read", "hiredis", figure);
#endif
    BENCH_BEST(figure, RUNS, COMMANDS, bench_sink += write_replies(reply));
    report("reply write", "orrery", figure);
    BENCH_BEST(figure, RUNS, COMMANDS, bench_sink += route(router));
    report("request through a router", "orrery", figure);
    orr_router_free(router);
    orr_reply_free(reply);
    orr_request_parser_free(parser);
    return 0;
}
