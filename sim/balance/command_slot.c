/* orrery slot: which of the 16384 slots of Redis Cluster a key has. */
#include "command.h"

#include "arguments.h"
#include "fault.h"
#include "keystream.h"
#include <orrery/slots.h>
#include <unistd.h>

typedef struct Options {
    gboolean nul;
    gboolean hex;
    char **keys;
} Options;

static void
write_slot(SimWriter *out, OrrBytes shown, uint16_t slot)
{
    char digits[8];
    size_t at = sizeof digits;
    unsigned rest = slot;

    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    digits[--at] = '\t';
    sim_writer_add(out, shown.data, shown.size);
    sim_writer_add(out, digits + at, sizeof digits - at);
}

static int
answer(SimKeystream *stream, SimWriter *out)
{
    const OrrBytes *keys = NULL;
    const OrrBytes *shown = NULL;
    GError *error = NULL;
    size_t count;
    bool fine = true;

    while (fine && (count = sim_keystream_next(stream, &keys, &shown, &error)) > 0) {
        for (size_t i = 0; i < count; i++) {
            write_slot(out, shown[i], orr_slot_of_key(keys[i]));
        }
        fine = !out->failed && (!sim_keystream_drained(stream) || sim_writer_flush(out));
    }
    fine = sim_writer_flush(out) && fine;
    if (error != NULL) {
        return sim_arguments_fault("slot", error);
    }
    return fine ? 0 : SIM_FAULT_IO;
}

int
sim_command_slot(int count, char **words)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        {"null", '0', 0, G_OPTION_ARG_NONE, &options.nul,
         "Keys on standard input end with a NUL, not a newline", NULL},
        {"hex", 0, 0, G_OPTION_ARG_NONE, &options.hex, "Keys are written in hex", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.keys, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    const SimArguments arguments = {
        .command = "slot",
        .usage = "[KEY...]",
        .summary = "Prints each key, a tab and its slot of 16384, as CLUSTER KEYSLOT does.",
        .description = "Without KEY, keys are read from standard input, one a line. An empty\n"
                       "line is the empty key. Exit codes: 0 done, 64 usage, 65 a key that is\n"
                       "not hex, 74 reading or writing failed.\n",
        .entries = entries,
    };
    int exit_code = 0;

    if (sim_arguments_parse(&arguments, count, words, &exit_code)) {
        size_t key_count = options.keys != NULL ? g_strv_length(options.keys) : 0;
        g_autoptr(SimKeystream) stream = sim_keystream_new(
            options.keys, key_count, STDIN_FILENO, options.nul ? '\0' : '\n', options.hex);
        g_autofree SimWriter *out = sim_writer_new(STDOUT_FILENO);

        exit_code = answer(stream, out);
    }
    g_strfreev(options.keys);
    return exit_code;
}
