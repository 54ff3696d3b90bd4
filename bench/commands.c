/* commands.c - what a command costs a node besides its socket: bytes of a pipeline in, bytes of
 * replies out.
 *
 *     build/bench/commands [KEYS]        100000 keys, values of 64 bytes, pipelines of 16
 *
 * CSV: what, keys, figure, unit. Parsing, finding the command and its slot, running it and
 * writing the reply; no log, no replication. "together": the keys of a pipeline are fetched
 * into the cache before its commands run. CPU time, best of five. */
#include <orrery/orrery.h>
#include <orrery/slots.h>

#include "bench.h"
#include "node/commands/command.h"

#include <glib.h>
#include <stdlib.h>

#define PIPELINE 16u
#define ROUNDS 5u

typedef struct Bench {
    OrrKeyspace *keyspace;
    OrrReply *reply;
    OrrRequestParser *parser;
    OrrVersion version;
    OrrRng rng;
    size_t replies;
} Bench;

static double
cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void
emit(OrrCommandContext *context, const OrrRecord *record)
{
    Bench *bench = context->owner;
    OrrRecord stamped = *record;

    stamped.version = ++bench->version;
    (void)orr_keyspace_apply(bench->keyspace, &stamped);
}

static void
run_one(Bench *bench, const OrrRequest *request)
{
    OrrCommandContext context = {.command = orr_command_find(request->args[0]),
                                 .args = request->args,
                                 .arg_count = request->arg_count,
                                 .keyspace = bench->keyspace,
                                 .reply = bench->reply,
                                 .rng = &bench->rng,
                                 .wall_ms = INT64_C(1800000000000),
                                 .primary = true,
                                 .emit = emit,
                                 .owner = bench};

    if (context.command == NULL ||
        !orr_command_arity_fits(context.command, context.arg_count) ||
        orr_command_slot(context.command, context.args, context.arg_count, ORR_HASH_SLOT_BY_KEY,
                         &context.slot) != ORR_SLOT_ONE) {
        exit(1);
    }
    context.slot_known = true;
    orr_command_run(&context);
    bench->replies++;
}

/* Looks the keys of a whole pipeline up in the stream before any command runs. */
static void
prefetch(Bench *bench, OrrBytes rest)
{
    OrrKeyRef keys[PIPELINE];
    size_t count = 0;
    OrrRequest request;

    while (count < PIPELINE && orr_request_parse(bench->parser, rest, &request) == ORR_OK) {
        keys[count].key = request.args[1];
        keys[count++].slot = orr_slot_of_key(request.args[1]);
        rest = orr_bytes(rest.data + request.used, rest.size - request.used);
    }
    orr_keyspace_prefetch(bench->keyspace, keys, count);
}

static void
run_pipeline(Bench *bench, OrrBytes rest, bool together)
{
    OrrRequest request;

    orr_reply_clear(bench->reply);
    if (together) {
        prefetch(bench, rest);
    }
    while (orr_request_parse(bench->parser, rest, &request) == ORR_OK) {
        run_one(bench, &request);
        rest = orr_bytes(rest.data + request.used, rest.size - request.used);
    }
}

/* Pipelines one after the other; *ends are where each of them ends. */
static GByteArray *
pipelines(const char *command, const char *rest, size_t keys, size_t count, uint64_t seed,
          size_t *ends)
{
    GByteArray *bytes = g_byte_array_new();
    OrrRng rng = orr_rng_new(seed);

    for (size_t i = 0; i < count * PIPELINE; i++) {
        g_autofree char *text = g_strdup_printf("*%d\r\n$3\r\n%s\r\n$16\r\nkey:%012u\r\n%s",
                                                rest[0] != '\0' ? 3 : 2, command,
                                                (unsigned)orr_rng_below(&rng, keys), rest);

        g_byte_array_append(bytes, (const uint8_t *)text, (guint)strlen(text));
        ends[i / PIPELINE] = bytes->len;
    }
    return bytes;
}

static void
measure(Bench *bench, const char *what, const char *command, const char *rest, size_t keys,
        bool together)
{
    size_t count = keys / PIPELINE;
    g_autofree size_t *ends = g_new(size_t, count);
    GByteArray *bytes = pipelines(command, rest, keys, count, 7, ends);
    double best = 1e300;

    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = cpu_ns();
        size_t at = 0;

        for (size_t i = 0; i < count; at = ends[i++]) {
            run_pipeline(bench, orr_bytes(bytes->data + at, ends[i] - at), together);
        }
        best = MIN(best, (cpu_ns() - start) / (double)(count * PIPELINE));
    }
    printf("%s%s,%zu,%.1f,ns per command\n", what, together ? " together" : "", keys, best);
    fflush(stdout);
    g_byte_array_unref(bytes);
}

int
main(int argc, char **argv)
{
    static const char VALUE[] =
        "$64\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n";
    size_t keys = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    OrrRequestLimits limits = orr_request_limits_default();
    Bench bench = {.keyspace = orr_keyspace_new(1),
                   .reply = orr_reply_new(),
                   .parser = orr_request_parser_new(&limits),
                   .rng = orr_rng_new(1)};

    printf("what,keys,figure,unit\n");
    measure(&bench, "set", "SET", VALUE, keys, false);
    measure(&bench, "set", "SET", VALUE, keys, true);
    measure(&bench, "get", "GET", "", keys, false);
    measure(&bench, "get", "GET", "", keys, true);
    measure(&bench, "get one key", "GET", "", PIPELINE * 4, false);
    orr_request_parser_free(bench.parser);
    orr_reply_free(bench.reply);
    orr_keyspace_free(bench.keyspace);
    return 0;
}
