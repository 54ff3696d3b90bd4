/* ledger.h - the loss ledger: acknowledged writes that a node had to drop, by key and time.
 *
 * Asynchronous replication acknowledges before a copy exists, so a change of primary can cost
 * the last writes of the old one. They are not merged and not hidden: the node that drops them
 * lists them here (and traces each, ORR_TRACE_WRITE_DROPPED), for an operator to read.
 *
 * Memory: bounded by the two maxima; what exceeds them is counted and no longer listed.
 * Threads: one at a time.
 */
#ifndef ORRERY_LEDGER_H
#define ORRERY_LEDGER_H

#include <orrery/record.h>

ORR_BEGIN_DECLS

#define ORR_LEDGER_ENTRIES_MAX 65536u
#define ORR_LEDGER_BYTES_MAX (4u << 20) /* of keys and field names */

typedef struct OrrLedger OrrLedger;

/* A write that is gone; byte strings are lent until the next add. */
typedef struct OrrLoss {
    OrrRecordKind kind;
    OrrVersion version;
    int64_t
        wall_ms; /* when it was acknowledged, by the writer's clock; 0: not known any more */
    OrrBytes key;
    OrrBytes field;
} OrrLoss;

ORR_API OrrLedger *orr_ledger_new(void);
ORR_API void orr_ledger_free(OrrLedger *ledger);
/* Copies. ORR_OK, or ORR_FULL: counted, not listed. */
ORR_API OrrStatus orr_ledger_add(OrrLedger *ledger, const OrrLoss *loss);
/* Losses listed. */
ORR_API size_t orr_ledger_count(const OrrLedger *ledger);
/* Losses counted, listed or not. */
ORR_API uint64_t orr_ledger_total(const OrrLedger *ledger);
/* In order of adding; index < count. */
ORR_API OrrLoss orr_ledger_get(const OrrLedger *ledger, size_t index);

ORR_END_DECLS

#endif
