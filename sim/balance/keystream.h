/* keystream.h - keys in, lines out, at the speed of the pipe between them.
 *
 * Keys come from the command line or, where that has none, from a file descriptor: one a line
 * or, for keys that hold newlines, each ended by a NUL; in hex where they hold anything. They
 * are handed out in batches as they stand in the buffer, nothing is copied. Whatever has been
 * read is answered before more is waited for, so the other end of a pipe may ask and listen.
 *
 * Every byte string is a key: an empty line is the empty key, a carriage return belongs to it.
 * Memory: one buffer, which grows up to the longest key. Threads: one user at a time.
 */
#ifndef SIM_BALANCE_KEYSTREAM_H
#define SIM_BALANCE_KEYSTREAM_H

#include <glib.h>
#include <orrery/types.h>

#define SIM_KEYSTREAM_BATCH 256u
#define SIM_KEYSTREAM_KEY_MAX (64u << 20) /* bytes of one key with its ending */

typedef struct SimKeystream SimKeystream;

/* `words` are the keys of the command line, NULL-terminated, lent; none of them reads
 * `descriptor` instead. `ending` is '\n' or 0. With `hex` each key is an even number of hex
 * digits. */
SimKeystream *sim_keystream_new(char *const *words, int descriptor, char ending, bool hex);
void sim_keystream_free(SimKeystream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimKeystream, sim_keystream_free)

/* Up to SIM_KEYSTREAM_BATCH keys, valid until the next call. `shown` is each key as it was
 * given, `keys` its bytes; the same unless hex. 0 at the end, with `error` set on a fault. */
size_t sim_keystream_next(SimKeystream *stream, const OrrBytes **keys, const OrrBytes **shown,
                          GError **error);
/* Nothing read is left: the next call of next() may wait. */
bool sim_keystream_drained(const SimKeystream *stream);

/* Bytes out through one buffer. */
typedef struct SimWriter {
    int descriptor;
    size_t size; /* bytes waiting */
    bool failed; /* a write failed; later bytes are dropped */
    char buffer[1 << 16];
} SimWriter;

SimWriter *sim_writer_new(int descriptor);
void sim_writer_add(SimWriter *writer, const void *bytes, size_t size);
static inline void
sim_writer_add_byte(SimWriter *writer, char byte)
{
    sim_writer_add(writer, &byte, 1);
}
/* False when this or an earlier write failed. */
bool sim_writer_flush(SimWriter *writer);

#endif
