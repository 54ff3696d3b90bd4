/* Any bytes at all, as a scenario: read or refused, and every refusal says where and why.
 *
 * With -fsanitize=fuzzer this is a fuzz target; built with FUZZ_REPLAY it replays the files of
 * the directories it is given, and a hundred mutations of each: bytes changed, words
 * swapped, pieces cut out. */
#include <glib.h>
#include <orrery/rng.h>
#include <scenario.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *messages = NULL;
    size_t message_size = 0;
    FILE *err = open_memstream(&messages, &message_size);
    int exit_code = -1;
    SimScenario *scenario =
        sim_scenario_parse("fuzz", (const char *)data, size, NULL, err, false, &exit_code);

    fclose(err);
    if (scenario == NULL && (exit_code != 65 || message_size == 0)) {
        abort(); /* refused without a word */
    }
    if (scenario != NULL && (exit_code != 0 || scenario->node_count == 0)) {
        abort();
    }
    sim_scenario_free(scenario);
    free(messages);
    return 0;
}

#ifdef FUZZ_REPLAY
#define MUTATIONS 100u

/* A line is the unit in which a scenario goes wrong: take pieces out, put them elsewhere. */
static void
mutate(GByteArray *bytes, OrrRng *rng)
{
    uint32_t at = 0;
    uint32_t size = 0;

    if (bytes->len < 2) {
        return;
    }
    at = (uint32_t)orr_rng_below(rng, bytes->len);
    size = 1 + (uint32_t)orr_rng_below(rng, 24);
    size = MIN(size, bytes->len - at);
    switch (orr_rng_below(rng, 4)) {
    case 0:
        bytes->data[at] = (uint8_t)orr_rng_next(rng);
        break;
    case 1:
        g_byte_array_remove_range(bytes, at, size);
        break;
    case 2: {
        uint32_t to = (uint32_t)orr_rng_below(rng, bytes->len - size + 1);
        memmove(bytes->data + to, bytes->data + at, size);
        break;
    }
    default: {
        static const char *const words[] = {
            " ", ":",   "-",   "..", "|",  "<->", "{",           "}", "[", "&", "*",
            "9", "n99", "for", "as", "\n", "of ", "99999999999", "%", "s", "'", "\""};
        const char *word = words[orr_rng_below(rng, G_N_ELEMENTS(words))];
        size = (uint32_t)MIN(strlen(word), bytes->len - at);
        memcpy(bytes->data + at, word, size);
        break;
    }
    }
}

static void
replay(const char *path, const char *name)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    OrrRng rng = orr_rng_stream(1, orr_bytes_of_string(name));

    if (!g_file_get_contents(path, &text, &size, NULL)) {
        return;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)text, size);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        GByteArray *bytes = g_byte_array_new();
        uint64_t count = 1 + orr_rng_below(&rng, 4);

        g_byte_array_append(bytes, (const uint8_t *)text, (guint)size);
        for (uint64_t j = 0; j < count; j++) {
            mutate(bytes, &rng);
        }
        LLVMFuzzerTestOneInput(bytes->data, bytes->len);
        g_byte_array_unref(bytes);
    }
}

int
main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        GDir *directory = g_dir_open(argv[i], 0, NULL);
        const char *name = NULL;

        while (directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
            g_autofree char *path = g_build_filename(argv[i], name, NULL);
            if (g_str_has_suffix(name, ".yaml")) {
                replay(path, name);
                files++;
            }
        }
        if (directory != NULL) {
            g_dir_close(directory);
        }
    }
    printf("%d files replayed, %u mutations of each\n", files, MUTATIONS);
    return files > 0 ? 0 : 1;
}
#endif
