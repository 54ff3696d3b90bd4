/* metrics_own.c - what only this node knows: cluster, decisions, bus, files, steps, log. */
#include <orrery/keyspace.h>
#include <orrery/slotmap.h>

#include "log.h"
#include "metrics.h"

#define GAUGE "gauge"
#define COUNTER "counter"

static double
seconds(OrrTime ns)
{
    return (double)ns / 1e9;
}

static void
single(GString *out, const char *name, const char *type, const char *help, double value)
{
    live_metric_family(out, name, type, help);
    live_metric_line(out, name, NULL, value);
}

static void
histogram(GString *out, const char *name, const char *help, const LiveHistogram *values)
{
    g_autofree char *bucket = g_strconcat(name, "_bucket", NULL);
    g_autofree char *sum = g_strconcat(name, "_sum", NULL);
    g_autofree char *count = g_strconcat(name, "_count", NULL);
    uint64_t below = 0;
    char label[64];

    live_metric_family(out, name, "histogram", help);
    for (unsigned i = 0; i < LIVE_HISTOGRAM_BOUNDS; i++) {
        char number[G_ASCII_DTOSTR_BUF_SIZE];

        below += values->counts[i];
        (void)g_ascii_formatd(number, sizeof number, "%g", seconds(LIVE_HISTOGRAM_NS[i]));
        g_snprintf(label, sizeof label, "le=\"%s\"", number);
        live_metric_line(out, bucket, label, (double)below);
    }
    live_metric_line(out, bucket, "le=\"+Inf\"", (double)values->count);
    live_metric_line(out, sum, NULL, seconds(values->sum_ns));
    live_metric_line(out, count, NULL, (double)values->count);
}

/* ---- the cluster, as redis_exporter names what CLUSTER INFO says */

typedef struct Shards {
    uint32_t slots[3]; /* by OrrMemberState of their primary: alive, suspected, failed */
    uint32_t assigned;
    uint32_t owners;
} Shards;

static void
count_member(const OrrNode *node, const OrrMemberView *member, Shards *shards)
{
    uint32_t slots = orr_slotmap_count(orr_node_slotmap(node), &member->shard);

    if (member->role == ORR_ROLE_PRIMARY && slots > 0 && member->state < ORR_MEMBER_FORGOTTEN) {
        shards->owners++;
        shards->assigned += slots;
        shards->slots[member->state] += slots;
    }
}

static void
cluster(const OrrNode *node, const OrrNodeView *view, GString *out)
{
    static const char *const states[] = {"alive", "suspected", "failed", "forgotten"};
    uint32_t members[G_N_ELEMENTS(states)] = {0};
    Shards shards = {{0}, 0, 0};
    OrrMemberView member;

    for (size_t i = 0; orr_node_member(node, i, &member) == ORR_OK; i++) {
        members[member.state]++;
        count_member(node, &member, &shards);
    }
    single(out, "redis_cluster_state", GAUGE, "1: ok.", view->cluster_ok);
    single(out, "redis_cluster_slots_assigned", GAUGE, "Slots with an owner.",
           ORR_SLOT_COUNT - orr_slotmap_uncovered(orr_node_slotmap(node)));
    single(out, "redis_cluster_slots_ok", GAUGE, "Slots whose owner is well.", shards.slots[0]);
    single(out, "redis_cluster_slots_pfail", GAUGE, "Slots whose owner is suspected.",
           shards.slots[1]);
    single(out, "redis_cluster_slots_fail", GAUGE, "Slots whose owner has failed.",
           shards.slots[2]);
    single(out, "redis_cluster_known_nodes", GAUGE, "Members that are not forgotten.",
           view->member_count);
    single(out, "redis_cluster_size", GAUGE, "Primaries with slots.", shards.owners);
    single(out, "redis_cluster_current_epoch", GAUGE, "The greatest epoch seen.",
           (double)view->current_epoch);
    single(out, "redis_cluster_my_epoch", GAUGE, "The epoch of this node's shard.",
           (double)view->shard_epoch);
    live_metric_family(out, "orrery_members", GAUGE,
                       "Members, by what this node thinks of them.");
    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autofree char *label = g_strdup_printf("state=\"%s\"", states[i]);

        live_metric_line(out, "orrery_members", label, members[i]);
    }
    single(out, "orrery_voters", GAUGE, "Members whose votes count.", view->voter_count);
    single(out, "orrery_slots_uncovered", GAUGE, "Slots that nobody serves, as seen here.",
           view->slots_uncovered);
}

static void
moving_slots(const OrrSlotMap *map, GString *out)
{
    uint32_t count[3] = {0}; /* by OrrSlotState */

    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        count[orr_slotmap_get(map, (uint16_t)slot).state]++;
    }
    single(out, "orrery_slots_migrating", GAUGE, "Slots that this shard gives away.",
           count[ORR_SLOT_MIGRATING]);
    single(out, "orrery_slots_importing", GAUGE, "Slots that this shard is given.",
           count[ORR_SLOT_IMPORTING]);
}

/* ---- this node's part in it */

static void
role(const OrrNodeView *view, OrrTime now_ns, GString *out)
{
    static const char *const names[] = {"primary", "replica", "witness"};
    bool leads = view->role == ORR_ROLE_PRIMARY;
    double lease =
        view->lease_until_ns == ORR_NEVER ? 0 : seconds(view->lease_until_ns - now_ns);

    live_metric_family(out, "orrery_role", GAUGE, "1 for what this node is.");
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *label = g_strdup_printf("role=\"%s\"", names[i]);

        live_metric_line(out, "orrery_role", label, view->role == (OrrRole)i);
    }
    single(out, "orrery_serving", GAUGE, "1: a primary that acknowledges writes now.",
           leads && view->serving);
    single(out, "orrery_lease_seconds", GAUGE,
           "A primary serves so long without hearing a majority; negative: it is fenced.",
           leads ? lease : 0);
    single(out, "orrery_loading", GAUGE, "1: a full copy is coming in.", view->loading);
    single(out, "orrery_replica_link_up", GAUGE, "1: follows its primary, or is one.",
           leads || view->link_up);
    single(out, "orrery_replication_offset_bytes", GAUGE, "Of its shard's history.",
           (double)view->offset);
    single(out, "orrery_elections_total", COUNTER, "Attempts to become primary.",
           (double)view->elections);
    single(out, "orrery_elections_expired_total", COUNTER,
           "Attempts without a majority in time.", (double)view->expired_attempts);
    single(out, "orrery_full_syncs_in_total", COUNTER, "Full copies taken.",
           (double)view->full_syncs_in);
    single(out, "orrery_full_syncs_out_total", COUNTER, "Full copies given.",
           (double)view->full_syncs_out);
    single(out, "orrery_partial_syncs_in_total", COUNTER, "Partial copies taken.",
           (double)view->partial_syncs_in);
    single(out, "orrery_loss_ledger_entries_total", COUNTER,
           "Acknowledged writes that this node dropped.", (double)view->writes_dropped);
    single(out, "orrery_writes_fenced_total", COUNTER, "Writes refused for want of a majority.",
           (double)view->writes_fenced);
    single(out, "orrery_frames_refused_total", COUNTER,
           "Frames of strangers and forgotten nodes.", (double)view->frames_refused);
    single(out, "orrery_frames_unsealed_total", COUNTER,
           "Frames by another bus key, or by none.", (double)view->frames_unsealed);
    single(out, "orrery_frames_replayed_total", COUNTER,
           "Sealed frames that were heard before.", (double)view->frames_replayed);
    single(out, "orrery_frames_malformed_total", COUNTER, "Frames that are none.",
           (double)view->frames_malformed);
}

static void
decisions(const LiveFigures *figures, GString *out)
{
    live_metric_family(out, "orrery_decisions_total", COUNTER,
                       "Decisions of the core, by their name in the log.");
    for (unsigned i = 0; i < ORR_TRACE_KINDS; i++) {
        g_autofree char *label =
            g_strdup_printf("decision=\"%s\"", orr_trace_kind_name((OrrTraceKind)i));

        live_metric_line(out, "orrery_decisions_total", label, (double)figures->decisions[i]);
    }
}

static void
bus(const LiveFigures *figures, GString *out)
{
    static const char *const lanes[] = {"control", "data"};
    static const char *const directions[] = {"in", "out"};
    const LiveLinkStatistics *link = live_link_statistics(figures->link);

    for (unsigned bytes = 0; bytes < 2; bytes++) {
        const char *name = bytes ? "orrery_bus_bytes_total" : "orrery_bus_frames_total";

        live_metric_family(out, name, COUNTER, bytes ? "Bytes of frames." : "Frames of peers.");
        for (unsigned i = 0; i < 4; i++) {
            unsigned lane = i / 2;
            unsigned way = i % 2;
            uint64_t value = bytes ? link->bytes[lane][way] : link->frames[lane][way];
            g_autofree char *label =
                g_strdup_printf("lane=\"%s\",direction=\"%s\"", lanes[lane], directions[way]);

            live_metric_line(out, name, label, (double)value);
        }
    }
    single(out, "redis_cluster_messages_sent_total", COUNTER, "Frames to peers.",
           (double)(link->frames[0][1] + link->frames[1][1]));
    single(out, "redis_cluster_messages_received_total", COUNTER, "Frames of peers.",
           (double)(link->frames[0][0] + link->frames[1][0]));
    single(out, "redis_cluster_connections", GAUGE, "Connections to peers that stand.",
           link->links);
    single(out, "orrery_bus_links", GAUGE, "Connections to peers that stand.", link->links);
    single(out, "orrery_bus_link_breaks_total", COUNTER, "Connections that broke.",
           (double)link->breaks);
    single(out, "orrery_bus_refusals_total", COUNTER, "Peers' hosts that said: nobody listens.",
           (double)link->refusals);
}

static void
disk(const LiveFigures *figures, GString *out)
{
    LiveFilesStatistics files = live_files_statistics(figures->files);

    single(out, "orrery_disk_written_bytes_total", COUNTER, "Bytes written to all files.",
           (double)files.written);
    single(out, "orrery_log_bytes_total", COUNTER, "Bytes appended to the log of writes.",
           (double)files.log_written);
    single(out, "orrery_disk_queue_bytes", GAUGE, "Bytes that wait for the disk.",
           (double)files.queued);
    single(out, "orrery_disk_errors_total", COUNTER, "Writes and syncs that failed.",
           (double)files.errors);
    histogram(out, "orrery_fsync_duration_seconds", "How long one sync takes.", &files.syncs);
}

static void
process(const LiveFigures *figures, OrrTime now_ns, GString *out)
{
    const LiveLogStatistics *log = live_log_statistics();

    histogram(out, "orrery_step_duration_seconds",
              "How long the node takes for one event, with all that follows from it.",
              &figures->steps);
    single(out, "orrery_start_time_seconds", GAUGE, "When the process began.",
           (double)figures->started_ms / 1e3);
    single(out, "redis_start_time_seconds", GAUGE, "When the process began.",
           (double)figures->started_ms / 1e3);
    single(out, "orrery_uptime_seconds", GAUGE, "Since then.",
           seconds(now_ns - figures->started_ns));
    single(out, "orrery_keys", GAUGE, "Keys held.",
           (double)orr_keyspace_count(orr_node_keyspace(figures->node)));
    single(out, "orrery_memory_bytes", GAUGE, "Bytes of keys, values and their index.",
           (double)orr_keyspace_memory(orr_node_keyspace(figures->node)));
    live_metric_family(out, "orrery_log_lines_total", COUNTER, "Lines of the log, by level.");
    for (unsigned i = 0; i < LIVE_LOG_LEVELS; i++) {
        g_autofree char *label =
            g_strdup_printf("level=\"%s\"", live_log_level_name((LiveLogLevel)i));

        live_metric_line(out, "orrery_log_lines_total", label, (double)log->lines[i]);
    }
    single(out, "orrery_log_lines_failed_total", COUNTER, "Lines that could not be written.",
           (double)log->failed);
    single(out, "orrery_http_requests_total", COUNTER, "Requests to this port.",
           (double)live_http_answered(figures->http));
    single(out, "orrery_http_refused_total", COUNTER, "Of these, answered with an error.",
           (double)live_http_refused(figures->http));
}

void
live_metrics_own(const LiveFigures *figures, const OrrNodeView *view, OrrTime now_ns,
                 GString *out)
{
    cluster(figures->node, view, out);
    moving_slots(orr_node_slotmap(figures->node), out);
    role(view, now_ns, out);
    decisions(figures, out);
    bus(figures, out);
    disk(figures, out);
    process(figures, now_ns, out);
}
