/* orrery slot: which of the 16384 slots of Redis Cluster a key has. */
#include "command.h"

#include "arguments.h"
#include "fault.h"
#include "keystream.h"
#include "option.h"
#include <orrery/slots.h>
#include <unistd.h>

const SimOption sim_command_slot_options[] = {
    {"null", '0', NULL, "Keys on standard input end with a NUL, not a newline"},
    {"hex", 0, NULL, "Keys are written in hex"},
    {"help", 'h', NULL, "Show this help"},
    {NULL, 0, NULL, NULL},
};

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
    g_autoptr(SimOptions) options =
        sim_options_parse("slot", sim_command_slot_options, count, words);
    g_autoptr(SimKeystream) stream = NULL;
    g_autofree SimWriter *out = NULL;

    if (options == NULL) {
        return SIM_EXIT_USAGE;
    }
    stream = sim_keystream_new(sim_options_words(options), STDIN_FILENO,
                               sim_options_has(options, "null") ? '\0' : '\n',
                               sim_options_has(options, "hex"));
    out = sim_writer_new(STDOUT_FILENO);
    return answer(stream, out);
}
