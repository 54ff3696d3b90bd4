/* Any bytes at all, as a frame of a peer's: nothing is read past its end, and whatever is taken
 * for a message says the same when it is written and read again.
 *
 * The checksum would keep every invented frame out, so the first thing done is to make magic,
 * version, size and checksum right; the bytes as they are are tried as well.
 *
 * With -fsanitize=fuzzer this is a fuzz target; built with FUZZ_REPLAY it replays the files of
 * the directory it is given, and some thousand mutations of each. Files that are missing there
 * are written when the second argument is "--seed". */
#include "bus_samples.h"

#include "wire/bytes.h"

#include <orrery/replication.h>

#include <glib.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_facts(OrrBytes rest)
{
    OrrFact fact;
    uint8_t buffer[ORR_FACT_SIZE_MAX];

    while (orr_fact_next(&rest, &fact) == ORR_OK) {
        g_assert(orr_fact_encode(&fact, buffer, sizeof buffer) > 0);
    }
}

static void
read_message(const OrrMessage *message)
{
    OrrLineage lineage;

    switch ((int)message->type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_MEET:
        read_facts(message->pulse.facts);
        break;
    case ORR_MESSAGE_RECORDS:
        read_facts(message->facts);
        break;
    case ORR_MESSAGE_VOTE:
        read_facts(message->vote.facts);
        break;
    case ORR_MESSAGE_SYNC_REQUEST:
    case ORR_MESSAGE_SYNC_FULL:
        if (orr_lineage_decode(message->sync.records, &lineage) == ORR_OK) {
            uint8_t buffer[ORR_LINEAGE_SIZE_MAX];

            g_assert(orr_lineage_encode(&lineage, buffer) == message->sync.records.size);
        }
        break;
    default:
        break;
    }
}

static void
try_frame(const uint8_t *data, size_t size)
{
    uint8_t *frame = g_memdup2(data, MAX(size, 1)); /* its end is the end of the memory */
    OrrMessage first;
    OrrMessage second;

    if (orr_bus_decode(orr_bytes(frame, size), &first) == ORR_OK) {
        uint8_t *written = g_malloc(orr_bus_size_max(&first) + size);
        uint8_t *rewritten = g_malloc(orr_bus_size_max(&first) + size);
        size_t length = orr_bus_encode(&first, written);

        g_assert(length == size);
        g_assert(orr_bus_decode(orr_bytes(written, length), &second) == ORR_OK);
        g_assert(orr_bus_encode(&second, rewritten) == length);
        g_assert(memcmp(written, rewritten, length) == 0);
        g_assert(*orr_message_name(first.type) != '\0');
        read_message(&second);
        g_free(written);
        g_free(rewritten);
    }
    g_free(frame);
}

static void
make_plausible(uint8_t *frame, size_t size)
{
    memcpy(frame, "ORRB", 4);
    frame[4] = ORR_BUS_VERSION;
    orr_store_u32(frame + 64, (uint32_t)(size - ORR_BUS_HEADER_SIZE));

    uint64_t head = XXH3_64bits(frame, 68);

    orr_store_u32(frame + 68, (uint32_t)XXH3_64bits_withSeed(frame + ORR_BUS_HEADER_SIZE,
                                                             size - ORR_BUS_HEADER_SIZE, head));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_frame(data, size);
    if (size >= ORR_BUS_HEADER_SIZE) {
        uint8_t *copy = g_memdup2(data, size);

        make_plausible(copy, size);
        try_frame(copy, size);
        g_free(copy);
    }
    return 0;
}

#ifdef FUZZ_REPLAY
#define MUTATIONS 2000u

static void
mutate(OrrRng *rng, uint8_t *data, size_t size)
{
    for (uint64_t left = 1 + orr_rng_below(rng, 4); left > 0; left--) {
        size_t at = orr_rng_below(rng, 4) == 0 ? 5 : orr_rng_below(rng, size);

        data[at % size] = orr_rng_below(rng, 3) == 0
                              ? (uint8_t)orr_rng_next(rng)
                              : (uint8_t)orr_rng_below(rng, ORR_MESSAGE_TYPES + 1);
    }
}

static void
replay(const char *path, OrrRng *rng)
{
    g_autofree char *content = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &content, &size, NULL) || size == 0) {
        return;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)content, size);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size_t cut = orr_rng_below(rng, 2) == 0 ? size : 1 + orr_rng_below(rng, size);
        g_autofree uint8_t *copy = g_memdup2(content, cut);

        mutate(rng, copy, cut);
        LLVMFuzzerTestOneInput(copy, cut);
    }
}

/* One frame of each type, for a corpus to begin with. */
static void
write_seeds(const char *directory)
{
    OrrRng rng = orr_rng_new(1);

    for (int type = ORR_MESSAGE_PING; type < ORR_MESSAGE_TYPES; type++) {
        uint8_t strings[SAMPLE_BYTES_MAX];
        uint8_t frame[4096];
        OrrMessage message = sample_message(&rng, (OrrMessageType)type, strings);
        g_autofree char *path =
            g_build_filename(directory, orr_message_name((OrrMessageType)type), NULL);

        if (!g_file_test(path, G_FILE_TEST_EXISTS) &&
            !g_file_set_contents(path, (const char *)frame,
                                 (gssize)orr_bus_encode(&message, frame), NULL)) {
            fprintf(stderr, "cannot write %s\n", path);
        }
    }
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], "--seed") == 0) {
        write_seeds(argv[1]);
    }

    GDir *directory = argc >= 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
    const char *name;
    int files = 0;

    if (directory == NULL) {
        fprintf(stderr, "usage: fuzz_bus_replay DIRECTORY [--seed]\n");
        return 64;
    }
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);

        OrrRng rng = orr_rng_stream(1, orr_bytes_of_string(name)); /* whatever the order */

        replay(path, &rng);
        files++;
    }
    g_dir_close(directory);
    printf("%d files replayed, %u mutations of each\n", files, MUTATIONS);
    return files > 0 ? 0 : 1;
}
#endif
