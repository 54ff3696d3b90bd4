/* pipeline.h - the commands that came in one piece, understood before the first of them runs.
 *
 *     bytes --> parse, find the row, compute the slot --> fetch their keys into the cache
 *                                                     --> run them one by one
 *
 * A lookup in a large keyspace waits for memory several times in a row; looked up together, the
 * keys of a pipeline wait at the same time. Private to a node. Threads: one at a time.
 */
#ifndef ORR_NODE_PIPELINE_H
#define ORR_NODE_PIPELINE_H

#include <orrery/slotmap.h>

#include "node/commands/command.h"

#define ORR_PIPELINE_MAX ORR_PREFETCH_MAX /* commands understood at once */
#define ORR_PIPELINE_WORDS 256u /* of all of them together; a longer one comes alone */

typedef struct OrrPipelined {
    const OrrBytes *args;
    size_t arg_count;          /* 0: an empty command */
    size_t used;               /* bytes up to its end, from the beginning of the pipeline */
    const OrrCommand *command; /* NULL: unknown, or empty */
    OrrCommandSlot kind;       /* good where the number of words fits the command */
    uint16_t slot;
} OrrPipelined;

typedef struct OrrPipeline {
    OrrPipelined commands[ORR_PIPELINE_MAX];
    size_t count;
    OrrBytes words[ORR_PIPELINE_WORDS];
    size_t word_count;
    const char *error; /* with ORR_MALFORMED: what to tell after the last of the commands */
} OrrPipeline;

/* Understands as many whole commands at the front of `bytes` as there is room for. The words
 * are good until the next use of the parser. If not all commands are run, the parser must be
 * reset, and sees the bytes of the others again.
 *
 * ORR_OK         there may be more commands behind them
 * ORR_AGAIN      more bytes are needed for the next one
 * ORR_MALFORMED  what comes next is no command: `error`
 */
OrrStatus orr_pipeline_read(OrrPipeline *pipeline, OrrRequestParser *parser, OrrBytes bytes,
                            OrrHashSlotBy hash_slot_by);
/* Fetches what looking up their keys and slots will touch into the cache. */
void orr_pipeline_fetch(const OrrPipeline *pipeline, const OrrKeyspace *keyspace,
                        const OrrSlotMap *slotmap);

#endif
