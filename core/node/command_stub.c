/* TEMPORARY: stands in until command.c lands; whoever lands it (data) deletes this file and its
 * line in meson.build, and lists orr_commands_cluster and orr_commands_server (client.h) in
 * orr_command_arrays[]. */
#include "node/client.h"
const OrrCommand *
orr_command_find(OrrBytes name)
{
    for (const OrrCommand *c = orr_commands_cluster; c->name; c++)
        if (orr_word_is(name, c->name))
            return c;
    for (const OrrCommand *c = orr_commands_server; c->name; c++)
        if (orr_word_is(name, c->name))
            return c;
    return NULL;
}
bool
orr_command_arity_fits(const OrrCommand *command, size_t n)
{
    (void)command;
    (void)n;
    return true;
}
size_t
orr_command_keys(const OrrCommand *command, size_t n, size_t *words, size_t room)
{
    (void)command;
    (void)n;
    (void)words;
    (void)room;
    return 0;
}
OrrCommandSlot
orr_command_slot(const OrrCommand *command, const OrrBytes *args, size_t n, OrrHashSlotBy by,
                 uint16_t *slot)
{
    (void)command;
    (void)args;
    (void)n;
    (void)by;
    (void)slot;
    return ORR_SLOT_NONE;
}
void
orr_command_reply_unknown(OrrReply *reply, const OrrBytes *args, size_t n)
{
    (void)args;
    (void)n;
    orr_reply_error(reply, "ERR unknown");
}
void
orr_command_reply_arity(OrrReply *reply, const OrrCommand *command)
{
    (void)command;
    orr_reply_error(reply, "ERR arity");
}
