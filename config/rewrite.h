/* rewrite.h - new values in a YAML file that a person wrote: comments and order stay.
 *
 *     port: 7001      # of the first node             port: 7001      # of the first node
 *     maxmemory: 1GB  # half the machine        ->    maxmemory: 2GB  # half the machine
 *                                                     timeout: 60
 *
 * The file is a map of keys to plain values or lists of them. A value is changed where it
 * stands; a list becomes one in brackets, on one line; what is not there is added at the end.
 * Text to text: reading and writing files is the caller's.
 */
#ifndef CONFIG_REWRITE_H
#define CONFIG_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ConfigEdit {
    const char *name;  /* of the key where it is new */
    const char *other; /* another name that it may have in the file, or NULL */
    const char *value; /* a list: words with spaces between */
    bool list;
} ConfigEdit;

/* The new text, owned by the caller. NULL: *why, owned by the caller; the text is no such file.
 */
char *config_rewrite(const char *text, size_t size, const ConfigEdit *edits, size_t count,
                     char **why);
/* A value as YAML takes it for a text: plain where that is safe, otherwise in double quotes;
 * owned by the caller. */
char *config_yaml_text(const char *value);

#endif
