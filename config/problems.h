/* problems.h - what is wrong with a file, collected, and told all at once.
 *
 *     first-steps.yaml:12:19: no node is called n9; did you mean n5?
 *        12 |   - 20s: kill n9
 *           |               ^~
 *
 * Texts that problems point into are registered as sources and stay until the list is freed.
 * The list keeps at most CONFIG_PROBLEMS_MAX problems, one per place; more are only counted.
 * Threads: one at a time.
 */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CONFIG_PROBLEMS_MAX 40u

/* One text with a name: a file, or an argument of the command line. */
typedef struct ConfigSource {
    char *name;
    char *text;
    size_t size;
} ConfigSource;

/* A piece of a source. `line` and `column` from 1, column in characters; line 0: the whole. */
typedef struct ConfigPlace {
    const ConfigSource *source;
    unsigned line;
    unsigned column;
    unsigned length; /* characters that the caret underlines; 0 counts as 1 */
} ConfigPlace;

typedef struct ConfigProblems ConfigProblems;

ConfigProblems *config_problems_new(void);
void config_problems_free(ConfigProblems *problems);
/* Keeps a copy of name and text, for as long as the list lives. */
const ConfigSource *config_problems_source(ConfigProblems *problems, const char *name,
                                           const char *text, size_t size);
/* Adds one, unless a problem was already found at exactly this place, other than the start. */
void config_problems_add(ConfigProblems *problems, ConfigPlace place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t config_problems_count(const ConfigProblems *problems);
/* Message number `index`, in order of adding; NULL past the last. */
const char *config_problems_message(const ConfigProblems *problems, size_t index);
/* The same with its place, on one line; owned by the caller. */
char *config_problems_text(const ConfigProblems *problems, size_t index);
/* Writes them all in order of place: position, message, the line and a caret. */
void config_problems_print(const ConfigProblems *problems, FILE *out, bool color);

#endif
