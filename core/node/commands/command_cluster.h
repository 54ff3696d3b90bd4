/* command_cluster.h - the files of CLUSTER: command_cluster.c has its table and what only
 * reads, command_cluster_members.c and command_cluster_slots.c what changes. Private. */
#ifndef ORR_NODE_COMMAND_CLUSTER_H
#define ORR_NODE_COMMAND_CLUSTER_H

#include "node/clients/client.h"
#include "node/commands/command_util.h"

/* For whoever reads the story: an operator said this. */
void orr_cluster_trace_admin(OrrCommandContext *context);
/* Arguments; if they are wrong, the client is told. */
bool orr_cluster_parse_slot(OrrCommandContext *context, OrrBytes text, uint16_t *slot);
/* The same without a word: NULL, there is no such member. */
OrrMember *orr_cluster_find_node(OrrCommandContext *context, OrrBytes text);
OrrMember *orr_cluster_parse_node(OrrCommandContext *context, OrrBytes text);

/* Handlers */
void orr_cluster_meet(OrrCommandContext *context);
void orr_cluster_forget(OrrCommandContext *context);
void orr_cluster_replicate(OrrCommandContext *context);
void orr_cluster_failover(OrrCommandContext *context);
void orr_cluster_reset(OrrCommandContext *context);
void orr_cluster_bumpepoch(OrrCommandContext *context);
void orr_cluster_set_config_epoch(OrrCommandContext *context);
void orr_cluster_saveconfig(OrrCommandContext *context);
void orr_cluster_addslots(OrrCommandContext *context);
void orr_cluster_addslotsrange(OrrCommandContext *context);
void orr_cluster_delslots(OrrCommandContext *context);
void orr_cluster_delslotsrange(OrrCommandContext *context);
void orr_cluster_flushslots(OrrCommandContext *context);
void orr_cluster_setslot(OrrCommandContext *context);
void orr_cluster_countkeysinslot(OrrCommandContext *context);
void orr_cluster_getkeysinslot(OrrCommandContext *context);

#endif
