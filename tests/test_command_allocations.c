/* In steady state a command allocates nothing, from its bytes to its reply and its record in
 * the log: however many keys come and go, blocks are used again. */
#include "check.h"

#include <orrery/orrery.h>

#include "node/commands/command.h"

#include <glib.h>

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

typedef struct Rig {
    OrrKeyspace *keyspace;
    OrrReply *reply;
    OrrRequestParser *parser;
    OrrEffects *effects;
    OrrLog *log;
    OrrVersion version;
    OrrRng rng;
    int64_t wall_ms;
} Rig;

static void
emit(OrrCommandContext *context, const OrrRecord *record)
{
    Rig *rig = context->owner;
    OrrRecord stamped = *record;

    stamped.version = ++rig->version;
    T_REQUIRE(orr_keyspace_apply(rig->keyspace, &stamped) == ORR_OK);
    orr_log_record(rig->log, &stamped);
}

static void
delete_expired(const OrrRecord *record, void *context)
{
    OrrCommandContext command = {.owner = context};

    emit(&command, record);
}

static void
run(Rig *rig, OrrBytes bytes)
{
    OrrRequest request;

    T_REQUIRE(orr_request_parse(rig->parser, bytes, &request) == ORR_OK);

    OrrCommandContext context = {.command = orr_command_find(request.args[0]),
                                 .args = request.args,
                                 .arg_count = request.arg_count,
                                 .keyspace = rig->keyspace,
                                 .reply = rig->reply,
                                 .rng = &rig->rng,
                                 .wall_ms = rig->wall_ms,
                                 .primary = true,
                                 .emit = emit,
                                 .owner = rig};

    T_REQUIRE(context.command != NULL);
    orr_command_run(&context);
}

/* Command number `i` of an endless mixture, as an inline command. */
static size_t
write_command(Rig *rig, char *text, size_t room)
{
    static const char *const FORMATS[] = {
        "set k%u %.*s\r\n",
        "get k%u\r\n",
        "getdel k%u\r\n",
        "hset h%u f%.*s v\r\n",
        "hset h%u f%.*s vv\r\n",
        "hdel h%u f%.*s\r\n",
        "set k%u %.*s px 50\r\n",
        "hgetall h%u\r\n",
        "incr n%u\r\n",
        "append a%u x\r\n",
        "mget k%u k1 k2 k3\r\n",
        "expire h%u 10\r\n",
        "del a%u\r\n",
        "setbit b%u 100 1\r\n",
        "hincrby h%u n 1\r\n",
        "incrbyfloat i%u 0.5\r\n",
    };
    static const char FILL[] =
        "0123456789012345678901234567890123456789012345678901234567890123"
        "4567890123456789";
    const char *format = FORMATS[orr_rng_below(&rig->rng, G_N_ELEMENTS(FORMATS))];
    unsigned key = (unsigned)orr_rng_below(&rig->rng, 500);
    int fill = (int)orr_rng_below(&rig->rng, 80);

    return (size_t)snprintf(text, room, format, key, fill, FILL);
}

static void
run_many(Rig *rig, unsigned count)
{
    char text[256];

    for (unsigned i = 0; i < count; i++) {
        rig->wall_ms++;
        run(rig, orr_bytes(text, write_command(rig, text, sizeof text)));
        if (i % 16 == 0) {
            orr_reply_clear(rig->reply);
            (void)orr_keyspace_expire_step(rig->keyspace, rig->wall_ms, 100, delete_expired,
                                           rig);
            (void)orr_log_flush(rig->log, 1, true, rig->effects);
            orr_effects_clear(rig->effects);
        }
    }
}

static void
test_commands_allocate_nothing_in_steady_state(void)
{
    OrrRequestLimits limits = orr_request_limits_default();
    OrrLogMeta meta = {.size = 0};
    OrrId node = orr_id_of_name(orr_bytes_of_string("n"));
    Rig rig = {.keyspace = orr_keyspace_new(1),
               .reply = orr_reply_new(),
               .parser = orr_request_parser_new(&limits),
               .effects = orr_effects_new(),
               .log = orr_log_new(&node, NULL, &meta),
               .rng = orr_rng_new(t_seed(3)),
               .wall_ms = INT64_C(1800000000000)};

    run_many(&rig, 200000);

    uint64_t before = allocations;

    run_many(&rig, 100000);
    T_EQ(allocations - before, 0);
#if COUNTS_ALLOCATIONS
    T_TRUE(before > 0);
#else
    puts("skipped: allocations are not counted in this build");
#endif
    T_TRUE(orr_keyspace_count(rig.keyspace) > 500);
    orr_log_free(rig.log);
    orr_effects_free(rig.effects);
    orr_request_parser_free(rig.parser);
    orr_reply_free(rig.reply);
    orr_keyspace_free(rig.keyspace);
}

static const Test TESTS[] = {
    TEST(test_commands_allocate_nothing_in_steady_state),
};

T_MAIN("command allocations", TESTS)
