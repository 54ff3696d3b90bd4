/* info.h - the sections of INFO, one function each; command_info.c has their table. Private.
 *
 *     info_process.c  the process: server, clients, memory, persistence, cpu
 *     info_counts.c   what was counted: stats, commandstats, errorstats, latencystats
 *     info_cluster.c  the cluster and the data: replication, cluster, keyspace, modules
 */
#ifndef ORR_NODE_INFO_H
#define ORR_NODE_INFO_H

#include "node/clients/client.h"
#include "node/clients/meter.h"
#include "node/clients/slowlog.h"

typedef struct OrrInfo {
    const OrrNode *node;
    OrrStatistics statistics;
    OrrReplicationView data;
    OrrHostFacts facts;
    GString *text;
} OrrInfo;

/* A line "name:value". */
void orr_info_number(OrrInfo *info, const char *name, uint64_t value);
void orr_info_text(OrrInfo *info, const char *name, const char *value);
/* Thousandths, with `places` of them: 1234, 2 is "1.23". */
void orr_info_thousandths(OrrInfo *info, const char *name, uint64_t value, int places);

void orr_info_server(OrrInfo *info);
void orr_info_clients(OrrInfo *info);
void orr_info_memory(OrrInfo *info);
void orr_info_persistence(OrrInfo *info);
void orr_info_cpu(OrrInfo *info);
void orr_info_stats(OrrInfo *info);
void orr_info_commandstats(OrrInfo *info);
void orr_info_errorstats(OrrInfo *info);
void orr_info_latencystats(OrrInfo *info);
void orr_info_replication(OrrInfo *info);
void orr_info_cluster(OrrInfo *info);
void orr_info_keyspace(OrrInfo *info);

#endif
