/* nearest.h - the word that was probably meant.
 *
 * Distance: insertions, deletions, changes and swaps of neighbours (optimal string alignment),
 * case aside. A candidate counts as near within a third of the longer word's length, at
 * least 1. A word that the candidate begins with, or that it contains after a dash, counts as
 * distance 1.
 */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include <stddef.h>

/* Usage: start with CONFIG_NEAREST_NONE, offer every candidate, read `best`. Of
 * equals the first that begins with the same letter wins, else the first. Candidates are lent.
 */
typedef struct ConfigNearest {
    const char *word;
    const char *best; /* NULL: nothing is near */
    size_t distance;
} ConfigNearest;

ConfigNearest config_nearest(const char *word);
void config_nearest_offer(ConfigNearest *nearest, const char *candidate);

/* Edits between two words, as above; words longer than 64 bytes are cut. */
size_t config_distance(const char *a, const char *b);

#endif
