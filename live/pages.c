#include "pages.h"

#include <inttypes.h>
#include <orrery/keyspace.h>
#include <orrery/slotmap.h>
#include <string.h>

#include "metrics.h"

static const char *const ROLES[] = {"primary", "replica", "witness"};
static const char *const STATES[] = {"alive", "suspected", "failed", "forgotten"};

/* ---- JSON */

static void
put_id(GString *out, const char *key, const OrrId *id)
{
    char hex[ORR_ID_HEX_SIZE + 1] = "";

    if (!orr_id_is_none(id)) {
        orr_id_format(id, hex);
    }
    g_string_append_printf(out, "\"%s\": \"%s\", ", key, hex);
}

static void
put_number(GString *out, const char *key, uint64_t value)
{
    g_string_append_printf(out, "\"%s\": %" PRIu64 ", ", key, value);
}

static void
put_flag(GString *out, const char *key, bool value)
{
    g_string_append_printf(out, "\"%s\": %s, ", key, value ? "true" : "false");
}

/* Takes the comma after the last member away. */
static void
close_with(GString *out, const char *bracket)
{
    if (out->len >= 2 && out->str[out->len - 2] == ',') {
        g_string_truncate(out, out->len - 2);
    }
    g_string_append(out, bracket);
}

static void
put_self(GString *out, const LiveFigures *figures, const OrrNodeView *view, OrrTime now_ns)
{
    bool endless = view->lease_until_ns == ORR_NEVER;

    g_string_append(out, "{\"node\": {");
    put_id(out, "id", &view->id);
    put_id(out, "cluster", &view->cluster);
    put_id(out, "shard", &view->shard);
    put_id(out, "primary", &view->primary);
    g_string_append_printf(out, "\"role\": \"%s\", ", ROLES[view->role]);
    put_flag(out, "serving", view->role == ORR_ROLE_PRIMARY && view->serving);
    put_flag(out, "loading", view->loading);
    put_flag(out, "link_up", view->link_up);
    g_string_append_printf(out, "\"lease_ms\": %" PRId64 ", ",
                           endless ? INT64_C(-1)
                                   : MAX(view->lease_until_ns - now_ns, 0) / ORR_NS_PER_MS);
    put_number(out, "monotonic_ns", (uint64_t)now_ns);
    put_number(out, "lease_until_ns", endless ? 0 : (uint64_t)view->lease_until_ns);
    put_number(out, "incarnation", view->incarnation);
    put_number(out, "epoch", view->current_epoch);
    put_number(out, "shard_epoch", view->shard_epoch);
    put_number(out, "vote_epoch", view->vote_epoch);
    put_number(out, "offset", view->offset);
    put_number(out, "keys", view->key_count);
    put_number(out, "memory", orr_keyspace_memory(orr_node_keyspace(figures->node)));
    put_number(out, "elections", view->elections);
    put_number(out, "elections_expired", view->expired_attempts);
    put_number(out, "full_syncs_out", view->full_syncs_out);
    put_number(out, "full_syncs_in", view->full_syncs_in);
    put_number(out, "partial_syncs_in", view->partial_syncs_in);
    put_number(out, "frames_refused", view->frames_refused);
    put_number(out, "frames_malformed", view->frames_malformed);
    put_number(out, "frames_unsealed", view->frames_unsealed);
    put_number(out, "frames_replayed", view->frames_replayed);
    put_number(out, "writes_dropped", view->writes_dropped);
    put_number(out, "writes_fenced", view->writes_fenced);
    put_number(out, "change", view->change);
    close_with(out, "},\n");
}

static void
put_cluster(GString *out, const OrrNodeView *view)
{
    g_string_append_printf(out, " \"cluster\": {\"state\": \"%s\", ",
                           view->cluster_ok ? "ok" : "fail");
    put_number(out, "slots_uncovered", view->slots_uncovered);
    put_number(out, "members", view->member_count);
    put_number(out, "failed", view->failed_count);
    put_number(out, "voters", view->voter_count);
    g_string_append_printf(
        out, "\"members_digest\": \"%016" PRIx64 "\", \"slots_digest\": \"%016" PRIx64 "\"},\n",
        view->members_digest, view->slots_digest);
}

static void
put_members(GString *out, const OrrNode *node)
{
    OrrMemberView member;

    g_string_append(out, " \"members\": [");
    for (size_t i = 0; orr_node_member(node, i, &member) == ORR_OK; i++) {
        char ip[ORR_ADDRESS_TEXT_SIZE];

        orr_address_format_ip(&member.address, ip);
        g_string_append(out, "\n  {");
        put_id(out, "id", &member.id);
        put_id(out, "shard", &member.shard);
        g_string_append_printf(
            out,
            "\"ip\": \"%s\", \"port\": %u, \"bus_port\": %u, \"role\": \"%s\", "
            "\"state\": \"%s\", \"incarnation\": %" PRIu64 ", \"slots\": %u}, ",
            ip, member.address.port, member.address.bus_port, ROLES[member.role],
            STATES[member.state], member.incarnation,
            orr_slotmap_count(orr_node_slotmap(node), &member.shard));
    }
    close_with(out, "],\n");
}

static void
put_slots(GString *out, const OrrNode *node)
{
    OrrSlotsRecord claim;
    uint32_t cursor = 0;

    g_string_append(out, " \"slots\": [");
    while (cursor < ORR_SLOT_COUNT && orr_slotmap_next(orr_node_slotmap(node), &cursor,
                                                       ORR_SLOT_COUNT - 1, &claim) == ORR_OK) {
        g_string_append(out, "\n  {");
        put_id(out, "shard", &claim.shard);
        g_string_append_printf(out, "\"first\": %u, \"last\": %u, \"version\": %" PRIu64 "}, ",
                               claim.range.first, claim.range.last, claim.version);
    }
    close_with(out, "]}\n");
}

static void
answer_cluster(const LiveFigures *figures, LiveHttpAnswer *answer)
{
    OrrTime now_ns = live_loop_now().mono_ns;
    OrrNodeView view;

    orr_node_view(figures->node, now_ns, &view);
    if (orr_node_slotmap(figures->node) == NULL) {
        answer->status = 503;
        return;
    }
    answer->status = 200;
    answer->type = "application/json";
    put_self(answer->text, figures, &view, now_ns);
    put_cluster(answer->text, &view);
    put_members(answer->text, figures->node);
    put_slots(answer->text, figures->node);
}

/* ---- readiness */

/* NULL: the node serves. */
static const char *
why_not_ready(const OrrNodeView *view)
{
    if (!view->cluster_ok) {
        return "the cluster is not ok";
    }
    if (view->role == ORR_ROLE_PRIMARY && !view->serving) {
        return "this primary is fenced";
    }
    if (view->role == ORR_ROLE_REPLICA && view->loading) {
        return "a full copy is coming in";
    }
    if (view->role == ORR_ROLE_REPLICA && !view->link_up) {
        return "this replica does not follow its primary";
    }
    return NULL;
}

static void
answer_ready(const LiveFigures *figures, LiveHttpAnswer *answer)
{
    const char *why;
    OrrNodeView view;

    orr_node_view(figures->node, live_loop_now().mono_ns, &view);
    why = why_not_ready(&view);
    answer->status = why == NULL ? 200 : 503;
    g_string_append_printf(answer->text, "%s\n", why == NULL ? "ready" : why);
}

void
live_pages_answer(void *user, const char *path, LiveHttpAnswer *answer)
{
    const LiveFigures *figures = user;

    if (strcmp(path, "/metrics") == 0) {
        answer->status = 200;
        answer->type = "text/plain; version=0.0.4; charset=utf-8";
        live_metrics_write(figures, live_loop_now().mono_ns, answer->text);
    } else if (strcmp(path, "/healthz") == 0) {
        answer->status = 200;
        g_string_append(answer->text, "ok\n");
    } else if (strcmp(path, "/readyz") == 0) {
        answer_ready(figures, answer);
    } else if (strcmp(path, "/cluster") == 0) {
        answer_cluster(figures, answer);
    } else if (strcmp(path, "/") == 0) {
        answer->status = 200;
        g_string_append(answer->text, "orreryd: /metrics /healthz /readyz /cluster\n");
    }
}
