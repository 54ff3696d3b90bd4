#include "node/clients/pipeline.h"

#include <glib.h>

/* Where the command goes, as far as its words tell. */
static void
find_way(OrrPipelined *item, OrrHashSlotBy hash_slot_by)
{
    item->command = orr_command_resolve(item->args, item->arg_count);
    item->kind = ORR_SLOT_NONE;
    if (item->command != NULL && orr_command_arity_fits(item->command, item->arg_count)) {
        item->kind = orr_command_slot(item->command, item->args, item->arg_count, hash_slot_by,
                                      &item->slot);
    }
}

/* Keeps the words apart from those of the next command. False: the next one must wait, for
 * there is no room, or the parser has these words itself. */
static bool
keep_words(OrrPipeline *pipeline, OrrPipelined *item, bool in_stream)
{
    size_t room = ORR_PIPELINE_WORDS - pipeline->word_count;

    if (!in_stream || item->arg_count > room) {
        return false;
    }
    memcpy(pipeline->words + pipeline->word_count, item->args,
           item->arg_count * sizeof item->args[0]);
    item->args = pipeline->words + pipeline->word_count;
    pipeline->word_count += item->arg_count;
    return true;
}

OrrStatus
orr_pipeline_read(OrrPipeline *pipeline, OrrRequestParser *parser, OrrBytes bytes,
                  OrrHashSlotBy hash_slot_by)
{
    size_t used = 0;
    bool more = true;

    pipeline->count = 0;
    pipeline->word_count = 0;
    while (more && pipeline->count < ORR_PIPELINE_MAX) {
        OrrBytes rest = orr_bytes(bytes.data + used, bytes.size - used);
        OrrPipelined *item = &pipeline->commands[pipeline->count];
        OrrRequest request;
        OrrStatus status = orr_request_parse(parser, rest, &request);

        if (status != ORR_OK) {
            pipeline->error = request.error;
            return status;
        }
        used += request.used;
        *item =
            (OrrPipelined){.args = request.args, .arg_count = request.arg_count, .used = used};
        pipeline->count++;
        if (request.arg_count > 0) {
            more = keep_words(pipeline, item, rest.data[0] == '*');
            find_way(item, hash_slot_by);
        }
    }
    return ORR_OK;
}

void
orr_pipeline_fetch(const OrrPipeline *pipeline, const OrrKeyspace *keyspace,
                   const OrrSlotMap *slotmap)
{
    OrrKeyRef keys[ORR_PREFETCH_MAX];
    size_t count = 0;

    for (size_t i = 0; i < pipeline->count; i++) {
        const OrrPipelined *item = &pipeline->commands[i];

        if (item->kind == ORR_SLOT_ONE && item->command->first_key > 0) {
            keys[count].key = item->args[item->command->first_key];
            keys[count++].slot = item->slot;
            orr_slotmap_prefetch(slotmap, item->slot);
        }
    }
    if (count > 1) { /* one alone would only be looked up twice */
        orr_keyspace_prefetch(keyspace, keys, count);
    }
}
