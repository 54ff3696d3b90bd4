/* lineage.h - what two nodes' data have in common, told from the histories they went through.
 */
#ifndef ORR_DATA_LINEAGE_H
#define ORR_DATA_LINEAGE_H

#include <orrery/replication.h>

typedef enum OrrKinship {
    ORR_KINSHIP_NOTHING,   /* `mine` holds no data at all */
    ORR_KINSHIP_PREFIX,    /* all of mine is in theirs: go on from my offset */
    ORR_KINSHIP_AHEAD,     /* all of theirs is in mine, and mine has more */
    ORR_KINSHIP_DIVERGED,  /* equal up to `offset`; beyond it, each has its own */
    ORR_KINSHIP_UNRELATED, /* no history in common; `offset` is where mine begins */
} OrrKinship;

typedef struct OrrBranch {
    OrrKinship kinship;
    uint64_t offset;    /* where they part */
    OrrVersion version; /* of the data there, as far as is known */
} OrrBranch;

/* How `mine` is related to `theirs`. */
OrrBranch orr_lineage_compare(const OrrLineage *mine, const OrrLineage *theirs);
/* The history that the offset lies in: a lineage may name later ones, which began on the
 * primary and have not been reached here. NULL for none. */
const OrrHistory *orr_lineage_newest(const OrrLineage *lineage);
/* Forgets histories that were not reached. */
void orr_lineage_clip(OrrLineage *lineage);
/* Begins one at the present offset; an empty last one is replaced, the oldest forgotten. */
void orr_lineage_begin(OrrLineage *lineage, uint64_t id, uint64_t epoch, OrrVersion version);
/* The same histories, whatever the offsets. */
bool orr_lineage_equal(const OrrLineage *a, const OrrLineage *b);

#endif
