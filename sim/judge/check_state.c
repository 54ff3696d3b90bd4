#include "check_state.h"

#include "judge.h"
#include "mover.h"

#include <inttypes.h>

typedef struct Why {
    char *text; /* or NULL */
    size_t size;
} Why;

static bool G_GNUC_PRINTF(2, 3) no(const Why *why, const char *format, ...)
{
    va_list arguments;

    if (why->text != NULL) {
        va_start(arguments, format);
        g_vsnprintf(why->text, (gulong)why->size, format, arguments);
        va_end(arguments);
    }
    return false;
}

static const char *
name_of(const SimWorld *world, uint32_t host)
{
    return world->hosts[host].spec->name;
}

/* What a node thinks at this very instant, leases included. */
static const OrrNodeView *
fresh_view(SimHost *host)
{
    host->dirty = true;
    return sim_host_view(host);
}

/* The running nodes that the sentence asks: those of `part`, or all. */
static SimSet *
running(SimWorld *world, const SimSentence *check, SimPart part)
{
    const SimTarget *target = sim_sentence_target(check, part);
    OrrRng rng = orr_rng_new(world->options.seed);
    SimSet *set = sim_set_new();
    SimSet *named = target != NULL ? sim_target_nodes(world, target, &rng, NULL) : NULL;

    for (uint32_t i = 0; i < world->host_count; i++) {
        if (sim_host_runs(&world->hosts[i]) && (named == NULL || sim_set_has(named, i))) {
            sim_set_add(set, i);
        }
    }
    sim_set_free(named);
    return set;
}

static SimSet *
named(SimWorld *world, const SimSentence *check, SimPart part)
{
    const SimTarget *target = sim_sentence_target(check, part);
    OrrRng rng = orr_rng_new(world->options.seed);

    return target != NULL ? sim_target_nodes(world, target, &rng, NULL) : sim_set_new();
}

static uint32_t
shard_of(SimWorld *world, const SimSentence *check)
{
    return sim_target_shard(world, sim_sentence_target(check, SIM_PART_OF));
}

static bool
bound_holds(const SimSentence *check, int64_t value)
{
    const SimBound *bound = &check->part[SIM_PART_BOUND].bound;

    return check->part[SIM_PART_BOUND].type != SIM_VALUE_BOUND || sim_bound_holds(bound, value);
}

/* ---- owners */

/* True when the node serves at least one slot at this instant. */
static bool
serves_now(SimWorld *world, uint32_t node)
{
    SimHost *host = &world->hosts[node];

    return sim_host_runs(host) && fresh_view(host)->role == ORR_ROLE_PRIMARY &&
           host->view.serving && host->view.lease_until_ns > sim_host_now(host).mono_ns;
}

static uint32_t
count_primaries(SimWorld *world, uint32_t shard, const SimSet *among)
{
    uint32_t count = 0;

    for (guint i = 0; i < among->len; i++) {
        uint32_t node = sim_set_at(among, i);
        const OrrNodeView *view = fresh_view(&world->hosts[node]);

        count += view->role == ORR_ROLE_PRIMARY && serves_now(world, node) &&
                 sim_roster_index(world->names, SIM_ROSTER_SHARD, &view->shard) == shard;
    }
    return count;
}

static bool
one_primary(SimWorld *world, const SimSentence *check, uint32_t shard, SimPart among,
            const Why *why)
{
    SimSet *nodes = running(world, check, among);
    uint32_t count = count_primaries(world, shard, nodes);

    sim_set_free(nodes);
    return count == 1 || no(why, "%u nodes serve as primary", count);
}

static bool
shard_is_served(SimWorld *world, uint32_t shard)
{
    return sim_invariants_server(world->invariants, world->now_ns, shard) != SIM_ROSTER_NONE;
}

static bool
slots_served(SimWorld *world, const SimSentence *check, const Why *why)
{
    uint32_t only = shard_of(world, check);

    for (uint32_t i = 0; i < world->scenario->shard_count; i++) {
        if ((only == SIM_NONE || only == i) && !shard_is_served(world, i)) {
            return no(why, "nobody serves shard %s", world->scenario->shards[i].name);
        }
    }
    return true;
}

static bool
slots_not_served(SimWorld *world, const SimSentence *check, const Why *why)
{
    uint32_t shard = shard_of(world, check);
    uint32_t server = shard != SIM_NONE
                          ? sim_invariants_server(world->invariants, world->now_ns, shard)
                          : SIM_ROSTER_NONE;

    return server == SIM_ROSTER_NONE || no(why, "%s serves them", name_of(world, server));
}

static bool
covers_all(SimWorld *world, const SimSet *nodes, const Why *why)
{
    for (guint i = 0; i < nodes->len; i++) {
        const OrrNodeView *view = sim_host_view(&world->hosts[sim_set_at(nodes, i)]);
        const OrrNodeView *first = NULL;

        if (view->slots_uncovered != 0) {
            return no(why, "%s sees %u slots without an owner",
                      name_of(world, sim_set_at(nodes, i)), view->slots_uncovered);
        }
        for (guint k = 0; k < i && first == NULL; k++) {
            const OrrNodeView *other = sim_host_view(&world->hosts[sim_set_at(nodes, k)]);

            first = orr_id_equal(&other->cluster, &view->cluster) ? other : NULL;
        }
        if (first != NULL && first->slots_digest != view->slots_digest) {
            return no(why, "%s sees another map of slots than others",
                      name_of(world, sim_set_at(nodes, i)));
        }
    }
    return true;
}

static bool
slots_have_owner(SimWorld *world, const SimSentence *check, const Why *why)
{
    SimSet *nodes = running(world, check, SIM_PART_VIEW);
    bool fine = covers_all(world, nodes, why);

    sim_set_free(nodes);
    return fine && slots_served(world, check, why);
}

static bool
slots_have_copies(SimWorld *world, const SimSentence *check, const Why *why)
{
    int64_t wanted = check->part[SIM_PART_COUNT].number;

    if (!slots_have_owner(world, check, why)) {
        return false;
    }
    for (uint32_t shard = 0; shard < world->scenario->shard_count; shard++) {
        int64_t copies = 0;

        for (uint32_t i = 0; i < world->host_count; i++) {
            SimHost *host = &world->hosts[i];
            const OrrNodeView *view = sim_host_runs(host) ? fresh_view(host) : NULL;

            copies += view != NULL && view->role == ORR_ROLE_REPLICA && view->link_up &&
                      sim_roster_index(world->names, SIM_ROSTER_SHARD, &view->shard) == shard;
        }
        if (copies < wanted) {
            return no(why, "shard %s has %" G_GINT64_FORMAT " replicas",
                      world->scenario->shards[shard].name, copies);
        }
    }
    return true;
}

#define FIRST_EPOCH 1u /* what every shard begins with: nobody was elected at it */

static bool
epochs_distinct(SimWorld *world, const Why *why)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        const OrrNodeView *view = sim_host_view(&world->hosts[i]);

        for (uint32_t k = 0; view != NULL && view->role == ORR_ROLE_PRIMARY && k < i; k++) {
            const OrrNodeView *other = sim_host_view(&world->hosts[k]);

            if (other != NULL && other->role == ORR_ROLE_PRIMARY &&
                orr_id_equal(&other->cluster, &view->cluster) &&
                other->shard_epoch == view->shard_epoch &&
                (view->shard_epoch > FIRST_EPOCH ||
                 orr_id_equal(&other->shard, &view->shard))) {
                return no(why, "%s and %s are both at epoch %" G_GUINT64_FORMAT,
                          name_of(world, k), name_of(world, i), view->shard_epoch);
            }
        }
    }
    return true;
}

/* ---- views */

static bool
views_agree(SimWorld *world, const SimSentence *check, const Why *why)
{
    SimSet *nodes = running(world, check, SIM_PART_WHO);
    g_autofree const OrrNodeView **first =
        g_new0(const OrrNodeView *, world->scenario->cluster_count + 1);
    bool agree = true;

    for (guint i = 0; i < nodes->len && agree; i++) {
        uint32_t node = sim_set_at(nodes, i);
        const OrrNodeView *view = sim_host_view(&world->hosts[node]);
        uint32_t cluster = world->hosts[node].spec->cluster;

        if (first[cluster] == NULL) {
            first[cluster] = view;
        } else if (view->members_digest != first[cluster]->members_digest) {
            agree = no(why, "%s sees other members than others", name_of(world, node));
        } else if (view->slots_digest != first[cluster]->slots_digest) {
            agree = no(why, "%s sees other owners than others", name_of(world, node));
        }
    }
    sim_set_free(nodes);
    return agree;
}

/* What `viewer` thinks of `node`; false when it does not list it. */
static bool
find_member(SimWorld *world, uint32_t viewer, uint32_t node, OrrMemberView *member)
{
    const OrrId *id = sim_roster_id(world->names, SIM_ROSTER_NODE, node);

    for (size_t i = 0; sim_host_member(&world->hosts[viewer], i, member) == ORR_OK; i++) {
        if (orr_id_equal(&member->id, id)) {
            return true;
        }
    }
    return false;
}

static bool
state_is(SimSentenceKind kind, bool listed, OrrMemberState state)
{
    bool known = listed && state != ORR_MEMBER_FORGOTTEN;

    switch ((int)kind) {
    case SIM_CHECK_IS_FAILED:
        return known && state == ORR_MEMBER_FAILED;
    case SIM_CHECK_IS_SUSPECTED:
        return known && state != ORR_MEMBER_ALIVE;
    case SIM_CHECK_IS_ALIVE:
        return known && state == ORR_MEMBER_ALIVE;
    case SIM_CHECK_IS_MEMBER:
        return known;
    default: /* SIM_CHECK_IN_NO_LIST */
        return !known;
    }
}

/* Each of WHO, in the view of each of VIEW but itself. */
static bool
members_are(SimWorld *world, const SimSentence *check, const Why *why)
{
    SimSet *viewers = running(world, check, SIM_PART_VIEW);
    SimSet *who = named(world, check, SIM_PART_WHO);
    bool fine = true;

    for (guint i = 0; i < viewers->len && fine; i++) {
        for (guint k = 0; k < who->len && fine; k++) {
            uint32_t viewer = sim_set_at(viewers, i);
            uint32_t node = sim_set_at(who, k);
            OrrMemberView member = {.state = ORR_MEMBER_FORGOTTEN};
            bool listed;

            if (viewer == node ||
                world->hosts[viewer].spec->cluster != world->hosts[node].spec->cluster) {
                continue;
            }
            listed = find_member(world, viewer, node, &member);
            if (!state_is(check->kind, listed, member.state)) {
                static const char *const states[] = {"alive", "suspected", "failed",
                                                     "forgotten"};

                fine = no(why, "in the view of %s, %s is %s", name_of(world, viewer),
                          name_of(world, node), listed ? states[member.state] : "unknown");
            }
        }
    }
    sim_set_free(viewers);
    sim_set_free(who);
    return fine;
}

/* The member lists of VIEW hold exactly WHO. */
static bool
members_exactly(SimWorld *world, const SimSentence *check, const Why *why)
{
    SimSet *viewers = running(world, check, SIM_PART_VIEW);
    SimSet *who = named(world, check, SIM_PART_WHO);
    bool fine = true;

    for (guint i = 0; i < viewers->len && fine; i++) {
        uint32_t viewer = sim_set_at(viewers, i);
        OrrMemberView member;
        guint seen = 0;

        for (size_t k = 0; fine && sim_host_member(&world->hosts[viewer], k, &member) == ORR_OK;
             k++) {
            uint32_t node = sim_roster_index(world->names, SIM_ROSTER_NODE, &member.id);

            if (member.state == ORR_MEMBER_FORGOTTEN) {
                continue;
            }
            seen++;
            if (node == SIM_ROSTER_NONE || !sim_set_has(who, node)) {
                fine = no(why, "%s also lists %s", name_of(world, viewer),
                          node == SIM_ROSTER_NONE ? "a stranger" : name_of(world, node));
            }
        }
        if (fine && seen != who->len) {
            fine = no(why, "%s lists %u of %u", name_of(world, viewer), seen, who->len);
        }
    }
    sim_set_free(viewers);
    sim_set_free(who);
    return fine;
}

static bool
cluster_state(SimWorld *world, const SimSentence *check, const Why *why)
{
    SimSet *viewers = running(world, check, SIM_PART_VIEW);
    bool wanted = check->part[SIM_PART_CHOICE].choice == 0;
    bool fine = true;

    for (guint i = 0; i < viewers->len && fine; i++) {
        uint32_t node = sim_set_at(viewers, i);

        if (fresh_view(&world->hosts[node])->cluster_ok != wanted) {
            fine = no(why, "%s sees it %s", name_of(world, node), wanted ? "failed" : "well");
        }
    }
    sim_set_free(viewers);
    return fine;
}

static bool
uncovered(SimWorld *world, const SimSentence *check, const Why *why)
{
    SimSet *viewers = running(world, check, SIM_PART_VIEW);
    uint32_t worst = 0;

    for (guint i = 0; i < viewers->len; i++) {
        worst = MAX(worst, fresh_view(&world->hosts[sim_set_at(viewers, i)])->slots_uncovered);
    }
    sim_set_free(viewers);
    return bound_holds(check, worst) || no(why, "%u slots are uncovered", worst);
}

/* ---- single nodes */

static bool
owns_no_slot(SimWorld *world, uint32_t node, const Why *why)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        const OrrNodeView *view = sim_host_view(&world->hosts[i]);
        uint32_t shard;

        if (view == NULL) {
            continue;
        }
        shard = sim_roster_index(world->names, SIM_ROSTER_SHARD, &view->shard);
        if (i == node && view->role == ORR_ROLE_PRIMARY &&
            orr_slotmap_count(sim_host_slotmap(&world->hosts[i]), &view->shard) > 0) {
            return no(why, "it believes that it owns some");
        }
        if (shard != SIM_ROSTER_NONE &&
            orr_id_equal(&view->primary, sim_roster_id(world->names, SIM_ROSTER_NODE, node)) &&
            orr_slotmap_count(sim_host_slotmap(&world->hosts[i]), &view->shard) > 0) {
            return no(why, "%s believes that it owns some", name_of(world, i));
        }
    }
    return true;
}

static bool
follows(SimWorld *world, const SimSentence *check, const OrrNodeView *view)
{
    SimSet *whom = named(world, check, SIM_PART_WHOM);
    uint32_t primary = sim_roster_index(world->names, SIM_ROSTER_NODE, &view->primary);
    bool does = whom->len == 0 || (primary != SIM_ROSTER_NONE && sim_set_has(whom, primary));

    sim_set_free(whom);
    return does;
}

static bool
node_state(SimWorld *world, const SimSentence *check, uint32_t node, const Why *why)
{
    SimHost *host = &world->hosts[node];
    bool runs = sim_host_runs(host);
    const OrrNodeView *view = runs ? fresh_view(host) : NULL;
    uint32_t shard = shard_of(world, check);
    const char *name = name_of(world, node);

    switch ((int)check->kind) {
    case SIM_CHECK_IS_UP:
        return runs || no(why, "%s is not running", name);
    case SIM_CHECK_IS_DOWN:
        return !runs || no(why, "%s is running", name);
    case SIM_CHECK_SERVES_WRITES:
        return serves_now(world, node) || no(why, "%s does not", name);
    case SIM_CHECK_REFUSES_WRITES:
        return !serves_now(world, node) || no(why, "%s serves", name);
    case SIM_CHECK_OWNS_NO_SLOT:
        return owns_no_slot(world, node, why);
    case SIM_CHECK_EPOCH_OF:
        return (view != NULL && bound_holds(check, (int64_t)view->current_epoch)) ||
               no(why, "%s is at epoch %" G_GUINT64_FORMAT, name,
                  view != NULL ? view->current_epoch : 0);
    case SIM_CHECK_IS_PRIMARY:
        return (serves_now(world, node) &&
                (shard == SIM_NONE ||
                 sim_roster_index(world->names, SIM_ROSTER_SHARD, &view->shard) == shard)) ||
               no(why, "%s does not serve as one", name);
    default: /* SIM_CHECK_IS_REPLICA */
        return (view != NULL && view->role == ORR_ROLE_REPLICA &&
                follows(world, check, view)) ||
               no(why, "%s is not", name);
    }
}

static bool
each_node(SimWorld *world, const SimSentence *check, const Why *why)
{
    SimSet *who = named(world, check, SIM_PART_WHO);
    bool fine = who->len > 0 || no(why, "there is no such node");

    for (guint i = 0; i < who->len && fine; i++) {
        fine = node_state(world, check, sim_set_at(who, i), why);
    }
    sim_set_free(who);
    return fine;
}

/* ---- copies */

#define COMPARE_NS ORR_NS_PER_S /* data is compared this often at most: it costs O(keys) */

/* While clients write, a copy is always a little behind: it has converged when it has what its
 * primary had a second or two ago, and where both stand at one offset, the same data. */
static bool
has_converged(SimWorld *world, SimHost *replica, SimHost *primary, const Why *why)
{
    uint64_t behind = fresh_view(replica)->offset;
    uint64_t ahead = fresh_view(primary)->offset;

    if (behind > ahead || behind < primary->offset_before) {
        return no(why, "%s is at offset %" G_GUINT64_FORMAT ", %s at %" G_GUINT64_FORMAT,
                  replica->spec->name, behind, primary->spec->name, ahead);
    }
    if (behind != ahead ||
        (replica->compared_ns >= 0 && world->now_ns - replica->compared_ns < COMPARE_NS)) {
        return true;
    }
    if (!sim_host_same_data(replica, primary)) {
        return no(why, "%s and %s hold different data", replica->spec->name,
                  primary->spec->name);
    }
    replica->compared_ns = world->now_ns;
    return true;
}

static bool
converged(SimWorld *world, const SimSentence *check, const Why *why)
{
    uint32_t only = shard_of(world, check);

    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];
        const OrrNodeView *view = sim_host_runs(host) ? fresh_view(host) : NULL;
        uint32_t shard;
        uint32_t primary;

        if (view == NULL || view->role != ORR_ROLE_REPLICA) {
            continue;
        }
        shard = sim_roster_index(world->names, SIM_ROSTER_SHARD, &view->shard);
        if (shard == SIM_ROSTER_NONE || (only != SIM_NONE && shard != only)) {
            continue;
        }
        primary = sim_shard_primary(world, shard);
        if (primary == SIM_NONE || primary == i) {
            return no(why, "shard %s has no primary",
                      sim_roster_text(world->names, SIM_ROSTER_SHARD, shard));
        }
        if (!has_converged(world, host, &world->hosts[primary], why)) {
            return false;
        }
    }
    return true;
}

bool
sim_check_is_state(SimSentenceKind kind)
{
    return kind >= SIM_CHECK_ONE_PRIMARY && kind <= SIM_CHECK_EPOCH_OF;
}

bool
sim_check_state(SimWorld *world, const SimSentence *check, char *text, size_t size)
{
    Why why = {text, size};

    switch ((int)check->kind) {
    case SIM_CHECK_ONE_PRIMARY:
        return one_primary(world, check, shard_of(world, check), SIM_PART_VIEW, &why);
    case SIM_CHECK_ONE_LEADER:
        return one_primary(world, check, 0, SIM_PART_WHO, &why);
    case SIM_CHECK_SLOTS_HAVE_OWNER:
        return slots_have_owner(world, check, &why);
    case SIM_CHECK_MOVES_DONE:
        return sim_movers_are_done(world) ||
               no(&why, "%" PRIu64 " slots have moved, others not yet",
                  sim_movers_moved(world));
    case SIM_CHECK_SLOTS_HAVE_COPIES:
        return slots_have_copies(world, check, &why);
    case SIM_CHECK_VIEWS_AGREE:
        return views_agree(world, check, &why);
    case SIM_CHECK_SLOTS_SERVED:
        return slots_served(world, check, &why);
    case SIM_CHECK_SLOTS_NOT_SERVED:
        return slots_not_served(world, check, &why);
    case SIM_CHECK_EPOCHS_DISTINCT:
        return epochs_distinct(world, &why);
    case SIM_CHECK_IS_FAILED:
    case SIM_CHECK_IS_SUSPECTED:
    case SIM_CHECK_IS_ALIVE:
    case SIM_CHECK_IN_NO_LIST:
    case SIM_CHECK_IS_MEMBER:
        return members_are(world, check, &why);
    case SIM_CHECK_MEMBERS:
        return members_exactly(world, check, &why);
    case SIM_CHECK_CLUSTER_STATE:
        return cluster_state(world, check, &why);
    case SIM_CHECK_REPLICAS_CONVERGE:
        return converged(world, check, &why);
    case SIM_CHECK_SLOTS_UNCOVERED:
        return uncovered(world, check, &why);
    case SIM_CHECK_REQUESTS_SUCCEED:
        return true; /* decided from the history, when its time is over: judge.c */
    default:
        return each_node(world, check, &why);
    }
}
