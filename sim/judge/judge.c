#include "judge_state.h"

#include "check_number.h"
#include "check_state.h"
#include "fault.h"
#include "grammar.h"
#include "live.h"

#define POLL_NS (20 * ORR_NS_PER_MS)
#define GUARD_POLL_NS (200 * ORR_NS_PER_MS)
#define SECOND_TICK UINT32_MAX

/* Rules that hold in every scenario, also where it does not list them. */
static const SimSentence IMPLIED[] = {
    {.kind = SIM_CHECK_ONE_OWNER_PER_VERSION, .text = "at most one owner per slot and version"},
    {.kind = SIM_CHECK_ONE_WINNER_PER_EPOCH, .text = "at most one winner per epoch"},
    {.kind = SIM_CHECK_ONE_VOTE_PER_EPOCH, .text = "at most one vote per voter and epoch"},
    {.kind = SIM_CHECK_EPOCHS_NEVER_DOWN, .text = "epochs never go down"},
};

bool
sim_check_is_rule(SimSentenceKind kind)
{
    return kind >= SIM_CHECK_ONE_SERVER_PER_SLOT && kind <= SIM_CHECK_NEVER_EMPTIED;
}

/* ---- verdicts */

void
sim_item_decide(SimItem *item, SimVerdict verdict, OrrTime at, const char *note)
{
    if (item->decided) {
        return;
    }
    item->decided = true;
    item->measured.verdict = verdict;
    item->measured.at_ns = at;
    if (note != NULL && note[0] != '\0') {
        g_free((char *)(uintptr_t)item->measured.note);
        item->measured.note = g_strdup(note);
    }
}

void
sim_item_fail(SimWorld *world, SimItem *item, const char *note)
{
    item->failures++;
    if (item->decided) {
        return;
    }
    sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns, "%s%s%s", item->measured.text,
                   note[0] != '\0' ? ": " : "", note);
    if (item->measured.safety) {
        world->judge->unsafe = true;
    }
    sim_item_decide(item, SIM_VERDICT_FAILED, world->now_ns, note);
}

void
sim_item_set_value(SimItem *item, SimUnit unit, int64_t value)
{
    item->measured.has_value = true;
    item->measured.unit = unit;
    item->measured.value = value;
}

/* ---- making of items */

/* A check may carry its own deadline: "... within 10s of kill". */
static void
take_deadline(SimItem *item)
{
    const SimSentence *check = item->check;

    if (sim_sentence_has(check, SIM_PART_WITHIN) && sim_sentence_has(check, SIM_PART_SINCE)) {
        item->has_deadline = true;
        item->within_ns = check->part[SIM_PART_WITHIN].number;
        item->since = check->part[SIM_PART_SINCE].moment;
    }
}

static void
init_item(SimItem *item, const SimSentence *check, const char *text, bool safety)
{
    item->check = check;
    item->measured = (SimMeasured){
        .text = text, .verdict = SIM_VERDICT_UNDECIDED, .safety = safety, .at_ns = -1};
    item->true_since_ns = -1;
    item->moment_ns = -1;
    take_deadline(item);
    if (check->kind == SIM_CHECK_AGREEMENT_TIME && sim_sentence_has(check, SIM_PART_SINCE)) {
        item->has_deadline = true; /* watched from the moment on, judged by its bound */
        item->since = check->part[SIM_PART_SINCE].moment;
    }
}

static void
init_expectation(SimItem *item, const SimExpectation *spec, bool live)
{
    init_item(item, &spec->check, spec->text, spec->safety);
    item->section = spec->section;
    item->once = spec->once;
    if (spec->section == SIM_SECTION_EVENTUALLY) {
        item->has_deadline = true;
        item->since = spec->since;
        item->within_ns = spec->within_ns;
    }
    if (!spec->applies) {
        sim_item_decide(item, SIM_VERDICT_SKIPPED, -1, spec->condition);
    }
    if (live && sim_live_unseen(spec->check.kind) != NULL) {
        sim_item_decide(item, SIM_VERDICT_SKIPPED, -1, sim_live_unseen(spec->check.kind));
    }
}

static bool
is_listed(const SimScenario *scenario, SimSentenceKind kind)
{
    for (unsigned i = 0; i < scenario->expectation_count; i++) {
        if (scenario->expectations[i].check.kind == kind) {
            return true;
        }
    }
    return false;
}

/* As its row of the grammar says. */
static bool
is_safety(const SimSentence *check)
{
    for (size_t i = 0; sim_grammar_row(i) != NULL; i++) {
        const SimRow *row = sim_grammar_row(i);

        if (row->kind == check->kind && row->context == SIM_CONTEXT_CHECK) {
            return (row->flags & SIM_IS_SAFETY) != 0;
        }
    }
    return false;
}

SimJudge *
sim_judge_new(SimWorld *world)
{
    const SimScenario *scenario = world->scenario;
    SimJudge *self = g_new0(SimJudge, 1);

    self->items = g_new0(SimItem, scenario->expectation_count + G_N_ELEMENTS(IMPLIED) +
                                      scenario->action_count + 1);
    for (unsigned i = 0; i < scenario->expectation_count; i++) {
        init_expectation(&self->items[self->count++], &scenario->expectations[i],
                         world->live != NULL);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(IMPLIED); i++) {
        if (!is_listed(scenario, IMPLIED[i].kind)) {
            SimItem *item = &self->items[self->count++];

            init_item(item, &IMPLIED[i], IMPLIED[i].text, true);
            item->section = SIM_SECTION_ALWAYS;
            item->implied = true;
        }
    }
    for (unsigned i = 0; i < scenario->action_count; i++) {
        if (scenario->timeline[i].command.kind == SIM_COMMAND_EXPECT) {
            SimItem *item = &self->items[self->count++];

            init_item(item, &scenario->timeline[i].check, scenario->timeline[i].text,
                      is_safety(&scenario->timeline[i].check));
            item->section = SIM_SECTION_FINALLY;
            item->expect = true;
            item->has_deadline = false;
            item->since.index = i;
        }
    }
    self->tally = sim_tally_new(world);
    return self;
}

void
sim_judge_free(SimJudge *self)
{
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        g_free((char *)(uintptr_t)self->items[i].measured.note);
    }
    sim_tally_free(self->tally);
    g_free(self->items);
    g_free(self);
}

/* ---- rules */

void
sim_judge_on_violation(SimSentenceKind check, OrrTime at_ns, const char *text, void *context)
{
    SimWorld *world = context;

    (void)at_ns;
    if (world->judge == NULL) {
        return;
    }
    for (uint32_t i = 0; i < world->judge->count; i++) {
        SimItem *item = &world->judge->items[i];

        if (item->check->kind == check && item->section == SIM_SECTION_ALWAYS) {
            sim_item_fail(world, item, text);
        }
    }
}

static bool
concerns(SimWorld *world, const SimSentence *check, SimPart part, uint32_t node)
{
    const SimTarget *target = sim_sentence_target(check, part);
    OrrRng rng = orr_rng_new(world->options.seed);
    SimSet *set;
    bool has;

    if (target == NULL) {
        return true;
    }
    set = sim_target_nodes(world, target, &rng, NULL);
    has = sim_set_has(set, node);
    sim_set_free(set);
    return has;
}

static void
check_never_failed(SimWorld *world, SimHost *host, const OrrTrace *trace)
{
    uint32_t accused = sim_roster_index(world->names, SIM_ROSTER_NODE, &trace->other);

    for (uint32_t i = 0; i < world->judge->count && accused != SIM_ROSTER_NONE; i++) {
        SimItem *item = &world->judge->items[i];
        char note[SIM_NOTE_SIZE];

        if (item->check->kind == SIM_CHECK_NEVER_FAILED && !item->decided &&
            concerns(world, item->check, SIM_PART_WHO, accused) &&
            concerns(world, item->check, SIM_PART_VIEW, host->index)) {
            g_snprintf(note, sizeof note, "%s declared %s failed", host->spec->name,
                       world->hosts[accused].spec->name);
            sim_item_fail(world, item, note);
        }
    }
}

void
sim_judge_on_keys(SimWorld *world, SimHost *host)
{
    uint64_t keys;

    if (!sim_host_lives(host)) {
        return;
    }
    keys = sim_host_key_count(host);
    for (uint32_t i = 0; i < world->judge->count && keys == 0 && host->keys_seen > 0; i++) {
        SimItem *item = &world->judge->items[i];
        char note[SIM_NOTE_SIZE];

        if (item->check->kind == SIM_CHECK_NEVER_EMPTIED && !item->decided &&
            concerns(world, item->check, SIM_PART_WHO, host->index)) {
            g_snprintf(note, sizeof note, "%s dropped its %" G_GUINT64_FORMAT " keys",
                       host->spec->name, host->keys_seen);
            sim_item_fail(world, item, note);
        }
    }
    host->keys_seen = keys;
}

/* ---- told by the world */

void
sim_judge_on_change(SimWorld *world, SimHost *host)
{
    const OrrNodeView *view = sim_host_view(host);
    OrrTime lease_end =
        sim_clock_virtual_of_mono(&host->clock, world->now_ns, view->lease_until_ns);
    bool moved = host->slots_moved;

    host->slots_moved = false;
    host->lease_told_ns = view->lease_until_ns;
    if (view->lease_until_ns <= sim_host_now(host).mono_ns) {
        lease_end = world->now_ns;
    }
    sim_invariants_look(world->invariants, world->now_ns, host->index, view, lease_end, moved);
    sim_faults_on_change(world);
}

void
sim_judge_on_gone(SimWorld *world, SimHost *host)
{
    sim_invariants_gone(world->invariants, world->now_ns, host->index);
    host->keys_seen = 0;
    if (!sim_host_lives(host)) {
        sim_tally_on_gone(world, host);
    }
}

void
sim_judge_on_trace(SimWorld *world, SimHost *host, const OrrTrace *trace)
{
    switch ((int)trace->kind) {
    case ORR_TRACE_SLOTS_CLAIMED:
    case ORR_TRACE_SLOTS_LOST:
    case ORR_TRACE_PROMOTED:
    case ORR_TRACE_DEMOTED:
        host->slots_moved = true;
        break;
    case ORR_TRACE_FAILED:
        check_never_failed(world, host, trace);
        break;
    case ORR_TRACE_SYNC_FULL_BEGUN:
    case ORR_TRACE_SYNC_FULL_DONE:
    case ORR_TRACE_LEDGER_CLOSED:
        sim_judge_on_keys(world, host);
        break;
    default:
        break;
    }
    if (world->begun) {
        sim_tally_on_trace(world, host, trace);
    }
}

void
sim_judge_on_call(SimWorld *world, size_t op)
{
    sim_tally_on_call(world, op);
}

void
sim_judge_on_spin(SimWorld *world, SimHost *host)
{
    sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns,
                   "%s asks to be stepped again and again", host->spec->name);
    world->broken = true;
}

/* ---- states with deadlines */

static void
plan_poll(SimWorld *world, uint32_t index, OrrTime after)
{
    world->judge->items[index].polling = true;
    sim_world_plan(world, world->now_ns + after, SIM_EVENT_CHECK, index, 0);
}

static void
begin_item(SimWorld *world, uint32_t index)
{
    SimItem *item = &world->judge->items[index];

    item->started = true;
    item->moment_ns = world->now_ns;
    item->true_since_ns = -1;
    item->guarded = false;
    if (!item->polling) {
        plan_poll(world, index, 0);
    }
}

static bool
counts_from(const SimItem *item, SimMomentKind kind, uint32_t action)
{
    if (!item->has_deadline || item->decided || item->since.kind != kind) {
        return false;
    }
    return kind == SIM_MOMENT_SETTLE || item->since.index == action;
}

/* A moment with an offset comes later (or is taken as now, where the offset is negative). */
static void
start_counting(SimWorld *world, uint32_t index)
{
    OrrTime offset = world->judge->items[index].since.offset_ns;

    if (offset <= 0) {
        begin_item(world, index);
    } else {
        sim_world_plan(world, world->now_ns + offset, SIM_EVENT_CHECK, index, 1);
    }
}

void
sim_judge_on_moment(SimWorld *world, SimMomentKind kind, uint32_t action)
{
    SimJudge *self = world->judge;

    for (uint32_t i = 0; self != NULL && i < self->count; i++) {
        if (counts_from(&self->items[i], kind, action)) {
            start_counting(world, i);
        }
    }
}

void
sim_judge_begin(SimWorld *world)
{
    SimJudge *self = world->judge;

    for (uint32_t i = 0; i < self->count; i++) {
        const SimItem *item = &self->items[i];

        if (item->has_deadline && !item->decided && item->since.kind == SIM_MOMENT_TIME) {
            sim_world_plan(world, sim_world_virtual_ns(world, MAX(item->since.offset_ns, 0)),
                           SIM_EVENT_CHECK, i, 1);
        }
    }
    sim_world_plan(world, world->now_ns, SIM_EVENT_CHECK, SECOND_TICK, 0);
}

OrrTime
sim_item_deadline_ns(const SimItem *item)
{
    return item->moment_ns + item->within_ns;
}

/* All requests from the deadline on: decided when their time is over. */
static void
poll_requests(SimWorld *world, uint32_t index)
{
    SimItem *item = &world->judge->items[index];
    const SimValue *hold = &item->check->part[SIM_PART_HOLD];
    OrrTime from = sim_item_deadline_ns(item);
    OrrTime to = hold->type == SIM_VALUE_NUMBER ? from + hold->number : world->end_ns;
    char note[SIM_NOTE_SIZE] = "";

    if (world->now_ns < to + ORR_NS_PER_S) { /* and time for the last to be answered */
        plan_poll(world, index, MIN(to + ORR_NS_PER_S, world->end_ns) - world->now_ns + 1);
        return;
    }
    if (!sim_check_requests(world, item->check, from, to, note, sizeof note)) {
        sim_item_fail(world, item, note);
    } else {
        sim_item_decide(item, SIM_VERDICT_HELD, world->now_ns, NULL);
    }
}

/* A state that must stay: so long as `for` says, or until something else is done to the cluster
 * or comes to its end. */
static bool
may_let_go(SimWorld *world, const SimItem *item)
{
    const SimValue *hold = &item->check->part[SIM_PART_HOLD];

    if (hold->type == SIM_VALUE_NUMBER) {
        return world->now_ns > sim_item_deadline_ns(item) + hold->number;
    }
    for (size_t i = sim_faults_span_count(world); i-- > 0;) {
        const SimFaultSpan *span = sim_faults_span(world, i);

        bool ended = span->to_ns != ORR_NEVER && span->to_ns > sim_item_deadline_ns(item);

        if (span->kind != SIM_COMMAND_EXPECT &&
            (span->from_ns > sim_item_deadline_ns(item) || ended)) {
            return true;
        }
    }
    return false;
}

static void
poll_state(SimWorld *world, uint32_t index)
{
    SimItem *item = &world->judge->items[index];
    SimSentence agree = {.kind = SIM_CHECK_VIEWS_AGREE};
    bool measures = item->check->kind == SIM_CHECK_AGREEMENT_TIME;
    char note[SIM_NOTE_SIZE] = "";
    bool holds = sim_check_state(world, measures ? &agree : item->check, note, sizeof note);

    if (holds && item->true_since_ns < 0) {
        item->true_since_ns = world->now_ns;
        sim_item_set_value(item, SIM_UNIT_NS, world->now_ns - item->moment_ns);
    } else if (!holds) {
        item->true_since_ns = -1;
    }
    if (measures) {
        plan_poll(world, index, item->true_since_ns < 0 ? POLL_NS : GUARD_POLL_NS);
        return;
    }
    if (holds && item->once) {
        sim_item_decide(item, SIM_VERDICT_HELD, world->now_ns, NULL);
    } else if (!holds && world->now_ns >= sim_item_deadline_ns(item) &&
               !may_let_go(world, item)) {
        sim_item_fail(world, item, note);
    } else if (item->guarded && may_let_go(world, item)) {
        sim_item_decide(item, SIM_VERDICT_HELD, world->now_ns, NULL);
    }
    item->guarded = world->now_ns >= sim_item_deadline_ns(item);
    if (!item->decided) {
        OrrTime left = sim_item_deadline_ns(item) - world->now_ns;

        plan_poll(world, index, item->guarded ? GUARD_POLL_NS : MIN(POLL_NS, MAX(left, 1)));
    }
}

/* A number with a deadline: "writes lost = 0 within ..." makes no sense, so it is looked at
 * then.
 */
static void
poll_number(SimWorld *world, SimItem *item)
{
    SimNumber number = sim_check_measure(world, item->check);

    if (item->check->part[SIM_PART_BOUND].type == SIM_VALUE_BOUND && number.known) {
        sim_item_set_value(item, item->check->part[SIM_PART_BOUND].bound.unit, number.value);
        if (!sim_bound_holds(&item->check->part[SIM_PART_BOUND].bound, number.value)) {
            sim_item_fail(world, item, number.note);
            return;
        }
    }
    sim_item_decide(item, SIM_VERDICT_HELD, world->now_ns, number.note);
}

static void
poll(SimWorld *world, uint32_t index)
{
    SimItem *item = &world->judge->items[index];

    item->polling = false;
    if (item->decided) {
        return;
    }
    if (item->check->kind == SIM_CHECK_REQUESTS_SUCCEED) {
        poll_requests(world, index);
    } else if (sim_check_is_state(item->check->kind) ||
               item->check->kind == SIM_CHECK_AGREEMENT_TIME) {
        poll_state(world, index);
    } else if (world->now_ns >= sim_item_deadline_ns(item)) {
        poll_number(world, item);
    } else {
        plan_poll(world, index, sim_item_deadline_ns(item) - world->now_ns);
    }
}

static void
on_second(SimWorld *world)
{
    sim_tally_on_second(world);
    for (uint32_t i = 0; i < world->host_count; i++) {
        sim_judge_on_keys(world, &world->hosts[i]);
    }
    for (uint32_t i = 0; i < world->judge->count; i++) {
        SimItem *item = &world->judge->items[i];
        char note[SIM_NOTE_SIZE] = "";

        /* a state under `always` is looked at each second */
        if (item->section == SIM_SECTION_ALWAYS && !item->decided && !item->has_deadline &&
            sim_check_is_state(item->check->kind) &&
            !sim_check_state(world, item->check, note, sizeof note)) {
            sim_item_fail(world, item, note);
        }
    }
    sim_world_plan(world, world->now_ns + ORR_NS_PER_S, SIM_EVENT_CHECK, SECOND_TICK, 0);
}

void
sim_judge_on_event(SimWorld *world, const SimEvent *event)
{
    if (event->target == SECOND_TICK) {
        on_second(world);
    } else if (event->arg[0] == 1) {
        begin_item(world, event->target);
    } else {
        poll(world, event->target);
    }
}

void
sim_judge_expect(SimWorld *world, uint32_t action)
{
    for (uint32_t i = 0; i < world->judge->count; i++) {
        SimItem *item = &world->judge->items[i];
        char note[SIM_NOTE_SIZE] = "";

        if (!item->expect || item->since.index != action || item->decided) {
            continue;
        }
        if (!sim_check_is_state(item->check->kind)) {
            poll_number(world, item);
        } else if (sim_check_state(world, item->check, note, sizeof note)) {
            sim_item_decide(item, SIM_VERDICT_HELD, world->now_ns, NULL);
        } else {
            sim_item_fail(world, item, note);
        }
    }
}
