/* keyset.h - the keys that a measurement is made on, each with how often it is asked for.
 *
 * A source is named by one word:
 *
 *     words        the system's word list (/usr/share/dict/words, Debian package wamerican)
 *     packages     the names of the packages that dpkg knows, on any Debian
 *     paths        the files that those packages installed
 *     250000       so many synthetic keys, "key-<16 hex digits>", drawn from the seed
 *     keys:FILE    one key a line; one that stands on several lines is asked for that often
 *     counts:FILE  lines of a key, blanks, and how often it is asked for
 *     trace:FILE   a recorded request trace: little-endian 32-bit ids, one a request
 *     FILE         any of the last three: NUL bytes make a trace, a number at the end of every
 *                  line makes counts
 *
 * The ids of a trace become keys as decimal text. Keys keep the order of their first
 * appearance. Memory: one block for the bytes and one for the offsets. Threads: read-only once
 * loaded.
 */
#ifndef SIM_BALANCE_KEYSET_H
#define SIM_BALANCE_KEYSET_H

#include <glib.h>
#include <orrery/types.h>

typedef struct SimKeyset {
    char *name;       /* as the user said it */
    char *bytes;      /* all keys, one behind the other */
    size_t *offsets;  /* count + 1 of them */
    uint64_t *counts; /* how often each is asked for, at least once */
    size_t count;     /* different keys, at least 1 */
    uint64_t total;   /* sum of counts */
    bool recorded;    /* the source told different counts: popularity is real */
} SimKeyset;

#define SIM_KEYSET_SYNTHETIC_MAX 100000000u

/* NULL and `error` (fault.h) where there is no such source or it has no keys. */
SimKeyset *sim_keyset_load(const char *source, uint64_t seed, GError **error);
void sim_keyset_free(SimKeyset *keyset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimKeyset, sim_keyset_free)

static inline OrrBytes
sim_keyset_key(const SimKeyset *keyset, size_t index)
{
    size_t begin = keyset->offsets[index];

    return orr_bytes(keyset->bytes + begin, keyset->offsets[index + 1] - begin);
}

#endif
