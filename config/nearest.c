#include "nearest.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64u

static size_t
least(size_t a, size_t b, size_t c)
{
    return MIN(MIN(a, b), c);
}

size_t
config_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t a_size = MIN(strlen(a), WORD_MAX);
    size_t b_size = MIN(strlen(b), WORD_MAX);

    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *over = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            char x = g_ascii_tolower(a[i - 1]);
            char y = g_ascii_tolower(b[j - 1]);

            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) &&
                y == g_ascii_tolower(a[i - 2])) {
                row[j] = MIN(row[j], over[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

ConfigNearest
config_nearest(const char *word)
{
    return (ConfigNearest){.word = word};
}

static bool
begins_alike(const char *a, const char *b)
{
    return g_ascii_tolower(a[0]) == g_ascii_tolower(b[0]);
}

void
config_nearest_offer(ConfigNearest *nearest, const char *candidate)
{
    size_t size = strlen(nearest->word);
    size_t longer = MAX(size, strlen(candidate));
    size_t distance = config_distance(nearest->word, candidate);
    size_t limit = MAX(longer / 3, 1u);
    const char *inside = strstr(candidate, nearest->word);

    if (inside != NULL && size >= 3 && (inside == candidate || inside[-1] == '-')) {
        distance = MIN(distance, 1u);
    }
    if (size <= 1 && distance > 0) {
        return; /* everything is near to a single letter */
    }
    if (distance <= limit &&
        (nearest->best == NULL || distance < nearest->distance ||
         (distance == nearest->distance && begins_alike(nearest->word, candidate) &&
          !begins_alike(nearest->word, nearest->best)))) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}
