/* names.h - who and what a scenario names: nodes, sites, shards, clusters, fleets, stores,
 * lines.
 *
 * Filled before the first sentence is read, so that a line may speak of a later one.
 */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include <problems.h>

#include "words.h"

typedef enum SimNameKind {
    SIM_NAME_NODE,
    SIM_NAME_SITE,
    SIM_NAME_SHARD,
    SIM_NAME_CLUSTER,
    SIM_NAME_FLEET,
    SIM_NAME_STORE,
    SIM_NAME_ACTION, /* lines of the timeline that have a name */
    SIM_NAME_KINDS,
} SimNameKind;

#define SIM_NAMES_NONE UINT32_MAX

typedef struct SimNames SimNames;

SimNames *sim_names_new(void);
void sim_names_free(SimNames *names);
/* False: the name is taken already by one of this kind. */
bool sim_names_add(SimNames *names, SimNameKind kind, const char *name, unsigned index);
/* SIM_NAMES_NONE: nothing of this kind has the name. */
unsigned sim_names_find(const SimNames *names, SimNameKind kind, const char *name);
/* All names of a kind, in order of adding. */
const char *sim_names_at(const SimNames *names, SimNameKind kind, unsigned position);
/* "node", "site", ... */
const char *sim_name_kind_text(SimNameKind kind);
/* The first word of line `index` of the timeline: "kill". */
void sim_names_add_verb(SimNames *names, const char *verb, unsigned index);
/* The only line that begins with this verb; SIM_NAMES_NONE and *count otherwise. */
unsigned sim_names_find_verb(const SimNames *names, const char *verb, unsigned *count);

/* "n2..n5" into n2, n3, n4, n5; a single name into itself. NULL: `why` says what is wrong with
 * it. g_strfreev. */
char **sim_names_expand(const char *text, char **why);

#endif
