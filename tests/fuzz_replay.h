/* fuzz_replay.h - what a fuzz target is without a fuzzer: main() replays the files of the
 * directory it is given, and some thousand mutations of each, the same ones every time. */
#ifndef ORR_TESTS_FUZZ_REPLAY_H
#define ORR_TESTS_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_REPLAY
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t
fuzz_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void
fuzz_mutate(GByteArray *bytes, uint64_t *state)
{
    uint8_t byte = (uint8_t)fuzz_random(state);
    guint at = bytes->len > 0 ? (guint)(fuzz_random(state) % bytes->len) : 0;

    switch (bytes->len > 0 ? fuzz_random(state) % 5 : 3) {
    case 0:
        bytes->data[at] = byte;
        break;
    case 1:
        bytes->data[at] ^= (uint8_t)(1u << byte % 8);
        break;
    case 2:
        g_byte_array_remove_range(bytes, at, MIN(1u + byte % 16u, bytes->len - at));
        break;
    case 3:
        g_byte_array_append(bytes, &byte, 1);
        break;
    default: {
        g_autofree uint8_t *piece = g_memdup2(bytes->data + at, MIN(64u, bytes->len - at));

        g_byte_array_append(bytes, piece, MIN(64u, bytes->len - at));
        break;
    }
    }
}

static void
fuzz_replay(const char *path, unsigned mutations)
{
    g_autofree char *content = NULL;
    gsize size = 0;
    uint64_t state = 1;

    if (!g_file_get_contents(path, &content, &size, NULL)) {
        exit(2);
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)content, size);
    for (unsigned i = 0; i < mutations; i++) {
        GByteArray *bytes = g_byte_array_new();

        g_byte_array_append(bytes, (const uint8_t *)content, (guint)size);
        for (uint64_t n = 1 + fuzz_random(&state) % 8; n > 0; n--) {
            fuzz_mutate(bytes, &state);
        }
        (void)LLVMFuzzerTestOneInput(bytes->data, bytes->len);
        g_byte_array_unref(bytes);
    }
}

int
main(int argc, char **argv)
{
    unsigned mutations = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2000;
    GDir *directory = argc > 1 ? g_dir_open(argv[1], 0, NULL) : NULL;
    unsigned files = 0;

    if (directory == NULL) {
        fprintf(stderr, "usage: %s DIRECTORY [MUTATIONS]\n", argv[0]);
        return 2;
    }
    for (const char *name; (name = g_dir_read_name(directory)) != NULL; files++) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);

        fuzz_replay(path, mutations);
    }
    g_dir_close(directory);
    printf("%u files, %u mutations each\n", files, mutations);
    return files > 0 ? 0 : 2;
}
#endif

#endif
