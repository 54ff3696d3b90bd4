/* Commands to processes, disks, clocks, clients and operators. */
#include "fault_state.h"

#include "client.h"
#include "live.h"
#include "mover.h"
#include "operator.h"
#include <setting.h>

/* ---- death and return */

static OrrFileKind
kind_of_files(SimFileSet files)
{
    switch (files) {
    case SIM_FILES_STATE:
        return ORR_FILE_STATE;
    case SIM_FILES_CONFIG:
        return ORR_FILE_CONFIG;
    case SIM_FILES_SNAPSHOT:
        return ORR_FILE_SNAPSHOT;
    case SIM_FILES_LOG:
    case SIM_FILES_ANY:
        break;
    }
    return ORR_FILE_LOG;
}

static size_t
byte_of(const SimSentence *command, size_t size, OrrRng *rng)
{
    const SimValue *byte = &command->part[SIM_PART_BYTE];

    return byte->type == SIM_VALUE_NUMBER ? (size_t)byte->number
                                          : (size_t)orr_rng_below(rng, size + 1);
}

static void
tear_disk(SimWorld *world, SimHost *host, const SimSentence *command, OrrRng *rng)
{
    SimPowerCut cut = {.mode = SIM_POWER_TEAR};

    if (sim_sentence_has(command, SIM_PART_BYTE)) {
        cut.mode = SIM_POWER_TEAR_AT;
        cut.kind = kind_of_files(sim_sentence_has(command, SIM_PART_FILES)
                                     ? (SimFileSet)command->part[SIM_PART_FILES].choice
                                     : SIM_FILES_ANY);
        cut.keep_size =
            byte_of(command, sim_disk_newest_append_size(host->disk, cut.kind), rng);
    }
    sim_disk_power_cut(host->disk, world->now_ns, &cut);
}

static void
strike_disk(SimWorld *world, SimHost *host, const SimSentence *command, SimDiskFate fate,
            OrrRng *rng)
{
    SimPowerCut lose = {.mode = SIM_POWER_LOSE};

    if (world->live != NULL) {
        sim_live_wipe(host, fate);
    }
    switch (fate) {
    case SIM_DISK_KEEP:
        sim_disk_kill(host->disk, world->now_ns);
        break;
    case SIM_DISK_LOSE_UNSYNCED:
        sim_disk_power_cut(host->disk, world->now_ns, &lose);
        break;
    case SIM_DISK_LOSE_DATA:
        sim_disk_kill(host->disk, world->now_ns);
        sim_disk_wipe(host->disk, SIM_WIPE_DATA);
        break;
    case SIM_DISK_LOSE_ALL:
        sim_disk_kill(host->disk, world->now_ns);
        sim_disk_wipe(host->disk, SIM_WIPE_ALL);
        sim_invariants_wiped(world->invariants, host->index);
        break;
    case SIM_DISK_TEAR:
        tear_disk(world, host, command, rng);
        break;
    }
}

static void
plan_restart(SimWorld *world, SimHost *host, const SimDist *after, OrrRng *rng)
{
    SimDistribution drawn = sim_distribution_of(after);
    SimEvent event = {
        .at_ns = world->now_ns + MAX(sim_distribution_sample(&drawn, rng), 0),
        .kind = SIM_EVENT_TIMELINE,
        .target = host->index,
        .arg = {SIM_FAULT_RESTART, host->boots},
    };

    sim_queue_schedule(world->queue, &event);
}

static void
end_process(SimWorld *world, SimStrike *strike, SimHost *host)
{
    const SimSentence *command = strike->command;
    bool power = command->kind == SIM_COMMAND_POWER_OFF;
    bool stop = command->kind == SIM_COMMAND_STOP;
    SimDiskFate fate = sim_sentence_has(command, SIM_PART_DISK)
                           ? (SimDiskFate)command->part[SIM_PART_DISK].choice
                           : SIM_DISK_KEEP;

    if (power && fate == SIM_DISK_KEEP) {
        fate = SIM_DISK_LOSE_UNSYNCED;
    }
    if (world->live != NULL && stop && sim_host_lives(host)) {
        sim_live_stop(host);
    }
    if (sim_host_lives(host)) {
        sim_host_kill(host, power);
    }
    if (host->process == SIM_PROCESS_ABSENT) {
        return;
    }
    if (stop) {
        sim_disk_stop(host->disk, world->now_ns);
    } else {
        strike_disk(world, host, command, fate, &strike->rng);
    }
    if (sim_sentence_has(command, SIM_PART_RESTART)) {
        plan_restart(world, host, &command->part[SIM_PART_RESTART].dist, &strike->rng);
    }
}

void
sim_fault_restart(SimWorld *world, SimHost *host, uint64_t boots)
{
    if (!sim_host_lives(host) && host->boots == boots) {
        host->left = false;
        sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns, "%s starts again",
                       host->spec->name);
        sim_host_boot(host);
        /* whatever deaths it came back from are over */
        for (guint i = 0; i < world->faults->strikes->len; i++) {
            SimStrike *strike = sim_strike_at(world->faults, i);
            bool death = strike->span.kind == SIM_COMMAND_KILL ||
                         strike->span.kind == SIM_COMMAND_POWER_OFF ||
                         strike->span.kind == SIM_COMMAND_STOP ||
                         strike->span.kind == SIM_COMMAND_TEAR_NEXT ||
                         strike->span.kind == SIM_COMMAND_CRASH_AT;

            if (death && strike->active && sim_set_has(strike->span.nodes, host->index)) {
                strike->active = false;
                strike->span.to_ns = world->now_ns;
            }
        }
    }
}

static void
start(SimWorld *world, SimStrike *strike, SimHost *host)
{
    const SimSentence *command = strike->command;
    const SimValue *settings = &command->part[SIM_PART_SETTINGS];
    const SimTarget *primary = sim_sentence_target(command, SIM_PART_WHOM);

    if (command->kind == SIM_COMMAND_RESTART && sim_host_lives(host)) {
        sim_host_kill(host, false);
        sim_disk_kill(host->disk, world->now_ns);
    }
    if (settings->type == SIM_VALUE_SETTINGS) {
        for (unsigned i = 0; i < settings->setting_count; i++) {
            config_setting_apply(settings->settings[i].setting, settings->settings[i].value,
                                 &host->config.settings);
        }
    }
    if (primary != NULL && command->kind != SIM_COMMAND_JOIN) {
        SimSet *whom = sim_target_nodes(world, primary, &strike->rng, NULL);

        host->config.replica_of =
            whom->len > 0 ? world->hosts[sim_set_at(whom, 0)].config.id : ORR_ID_NONE;
        sim_set_free(whom);
    }
    sim_fault_restart(world, host, host->boots);
}

static void
join(SimWorld *world, SimStrike *strike, SimHost *host)
{
    uint32_t shard =
        sim_target_shard(world, sim_sentence_target(strike->command, SIM_PART_WHOM));

    if (sim_host_lives(host)) {
        return;
    }
    if (shard != SIM_NONE) {
        host->config.shard = *sim_roster_id(world->names, SIM_ROSTER_SHARD, shard);
        host->config.role = ORR_ROLE_REPLICA;
    }
    sim_fault_restart(world, host, host->boots);
}

static void
leave(SimWorld *world, SimHost *host)
{
    const char *const words[] = {"CLUSTER", "FORGET", host->spec->name};

    if (sim_host_lives(host)) {
        sim_host_kill(host, false);
        sim_disk_kill(host->disk, world->now_ns);
    }
    host->left = true;
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (sim_host_runs(&world->hosts[i]) &&
            world->hosts[i].spec->cluster == host->spec->cluster) {
            sim_operator_send(world, &world->hosts[i], words, G_N_ELEMENTS(words));
        }
    }
}

/* ---- writes and decisions that are the last */

static void
die_at(SimWorld *world, SimHost *host, SimTear *tear, const char *what)
{
    sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns, "%s dies %s",
                   host->spec->name, what);
    tear->armed = false;
    if (tear->restarts) {
        plan_restart(world, host, &tear->restart, &tear->rng);
    }
}

static bool
is_meant(SimFileSet files, OrrFileKind kind)
{
    return files == SIM_FILES_ANY || kind_of_files(files) == kind;
}

bool
sim_faults_on_store(SimWorld *world, SimHost *host, const SimDiskOp *op)
{
    SimTear *tear = &world->faults->tears[host->index];
    SimPowerCut cut = {.mode = SIM_POWER_TEAR_AT, .kind = op->kind};
    char what[64];

    if (!tear->armed || tear->at_trace || op->action != ORR_STORE_APPEND ||
        !is_meant(tear->files, op->kind)) {
        return false;
    }
    (void)sim_disk_submit(host->disk, world->now_ns, op);
    cut.keep_size =
        tear->byte_given ? tear->byte : (size_t)orr_rng_below(&tear->rng, op->bytes.size + 1);
    g_snprintf(what, sizeof what, "at byte %zu of %zu of a write", cut.keep_size,
               op->bytes.size);
    sim_host_kill(host, true);
    sim_disk_power_cut(host->disk, world->now_ns, &cut);
    die_at(world, host, tear, what);
    world->torn_writes++;
    return true;
}

bool
sim_faults_on_effects(SimWorld *world, SimHost *host, const OrrEffects *effects)
{
    SimTear *tear = &world->faults->tears[host->index];
    size_t count = orr_effects_count(effects);

    if (!tear->armed || !tear->at_trace) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        if (effect.type == ORR_EFFECT_TRACE && effect.trace.kind == tear->trace) {
            sim_host_kill(host, false);
            sim_disk_kill(host->disk, world->now_ns);
            die_at(world, host, tear, orr_trace_kind_name(tear->trace));
            return true;
        }
    }
    return false;
}

static void
arm(SimWorld *world, SimStrike *strike, SimHost *host)
{
    const SimSentence *command = strike->command;
    SimTear *tear = &world->faults->tears[host->index];

    *tear = (SimTear){
        .armed = true,
        .at_trace = command->kind == SIM_COMMAND_CRASH_AT,
        .files = sim_sentence_has(command, SIM_PART_FILES)
                     ? (SimFileSet)command->part[SIM_PART_FILES].choice
                     : SIM_FILES_ANY,
        .byte_given = command->part[SIM_PART_BYTE].type == SIM_VALUE_NUMBER,
        .byte = command->part[SIM_PART_BYTE].type == SIM_VALUE_NUMBER
                    ? (size_t)command->part[SIM_PART_BYTE].number
                    : 0,
        .restarts = sim_sentence_has(command, SIM_PART_RESTART),
        .rng = strike->rng,
    };
    if (tear->restarts) {
        tear->restart = command->part[SIM_PART_RESTART].dist;
    }
    if (tear->at_trace) {
        tear->armed = false;
        for (unsigned kind = 0; kind < ORR_TRACE_KINDS; kind++) {
            if (strcmp(orr_trace_kind_name((OrrTraceKind)kind),
                       command->part[SIM_PART_TEXT].text) == 0) {
                tear->trace = (OrrTraceKind)kind;
                tear->armed = true;
            }
        }
    }
}

/* ---- speed, disks, clocks: what was there before is kept for the undoing */

static void
save(SimWorld *world, SimStrike *strike, SimHost *host)
{
    SimSaved saved = {
        .host = host->index,
        .slow_milli = host->slow_milli,
        .disk = *sim_disk_model(host->disk),
        .drift_ppb = {host->clock.piece[0].drift_ppb, host->clock.piece[1].drift_ppb},
    };

    (void)world;
    g_array_append_val(strike->saved, saved);
}

static uint32_t
times(uint32_t milli, const SimValue *factor)
{
    int64_t product =
        factor->type == SIM_VALUE_NUMBER ? (int64_t)milli * factor->number / 1000000 : milli;

    return (uint32_t)CLAMP(product, 1, INT32_MAX);
}

static void
slow_down(SimStrike *strike, SimHost *host)
{
    SimDiskModel rule = *sim_disk_model(host->disk);

    host->slow_milli = times(host->slow_milli, &strike->command->part[SIM_PART_AMOUNT]);
    rule.slow_milli = times(rule.slow_milli, &strike->command->part[SIM_PART_AMOUNT2]);
    sim_disk_set_model(host->disk, &rule);
}

static void
change_disk(SimStrike *strike, SimHost *host)
{
    const SimSentence *command = strike->command;
    SimDiskModel rule = *sim_disk_model(host->disk);

    switch ((int)command->kind) {
    case SIM_COMMAND_DISK_FULL:
        rule.capacity = MAX(sim_disk_size(host->disk), 1);
        break;
    case SIM_COMMAND_DISK_ERRORS:
        rule.error_ppm = (uint32_t)command->part[SIM_PART_AMOUNT].number;
        break;
    case SIM_COMMAND_DISK_SLOW:
        rule.sync_latency = sim_distribution_of(&command->part[SIM_PART_DIST].dist);
        break;
    default:
        rule.sync_lies = true;
        break;
    }
    sim_disk_set_model(host->disk, &rule);
}

static void
change_clock(SimWorld *world, SimStrike *strike, SimHost *host)
{
    const SimSentence *command = strike->command;
    SimClockChoice which = sim_sentence_has(command, SIM_PART_CHOICE)
                               ? (SimClockChoice)command->part[SIM_PART_CHOICE].choice
                               : SIM_WHICH_CLOCK_BOTH;

    for (unsigned id = 0; id < 2; id++) {
        bool wall = id == SIM_HOST_CLOCK_WALL;
        OrrStatus status;

        if ((which == SIM_WHICH_CLOCK_WALL && !wall) ||
            (which == SIM_WHICH_CLOCK_MONO && wall)) {
            continue;
        }
        if (command->kind == SIM_COMMAND_CLOCK_DRIFT) {
            status = sim_clock_set_drift(&host->clock, (SimHostClockId)id, world->now_ns,
                                         command->part[SIM_PART_AMOUNT].number * 1000);
        } else {
            SimDistribution drawn = sim_distribution_of(&command->part[SIM_PART_DIST].dist);
            OrrTime step = sim_distribution_sample(&drawn, &strike->rng);

            if (!wall && step < 0) {
                continue; /* a monotonic clock cannot */
            }
            status = sim_clock_step(&host->clock, (SimHostClockId)id, world->now_ns, step);
        }
        if (status != ORR_OK) {
            sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns,
                           "the clock of %s cannot go there", host->spec->name);
        }
    }
    host->dirty = true;
    sim_host_replan(host);
}

static void
move_address(SimWorld *world, SimStrike *strike, SimHost *host)
{
    const SimTarget *from = sim_sentence_target(strike->command, SIM_PART_WHOM);
    OrrAddress address = sim_address_of_number(world->host_count + 1 + world->moved_addresses);
    bool runs = host->node != NULL;

    if (from != NULL) {
        SimSet *whom = sim_target_nodes(world, from, &strike->rng, NULL);

        address = whom->len > 0 ? world->hosts[sim_set_at(whom, 0)].address : address;
        sim_set_free(whom);
    } else {
        world->moved_addresses++;
    }
    /* an address is told at boot: the process starts anew where it now lives */
    if (runs) {
        sim_host_kill(host, false);
        sim_disk_kill(host->disk, world->now_ns);
    }
    sim_host_set_address(host, &address);
    if (runs) {
        sim_host_boot(host);
    }
}

/* ---- operators */

static void
send_for_each(SimWorld *world, SimStrike *strike, SimHost *host, const char *command)
{
    const SimTarget *target = sim_sentence_target(strike->command, SIM_PART_WHOM);
    SimSet *whom = sim_target_nodes(world, target, &strike->rng, NULL);

    for (guint i = 0; i < whom->len; i++) {
        SimHost *other = &world->hosts[sim_set_at(whom, i)];
        char ip[ORR_ADDRESS_TEXT_SIZE];
        char port[8];
        char bus_port[8];

        orr_address_format_ip(&other->address, ip);
        g_snprintf(port, sizeof port, "%u", other->address.port);
        g_snprintf(bus_port, sizeof bus_port, "%u", other->address.bus_port);
        const char *const meet[] = {"CLUSTER", "MEET", ip, port, bus_port};
        const char *const forget[] = {"CLUSTER", "FORGET", other->spec->name};

        if (strcmp(command, "MEET") == 0) {
            sim_operator_send(world, host, meet, G_N_ELEMENTS(meet));
        } else {
            sim_operator_send(world, host, forget, G_N_ELEMENTS(forget));
        }
    }
    sim_set_free(whom);
}

static void
fail_over(SimWorld *world, SimStrike *strike, SimHost *host)
{
    static const char *const lines[] = {"CLUSTER FAILOVER", "CLUSTER FAILOVER FORCE",
                                        "CLUSTER FAILOVER TAKEOVER"};
    unsigned choice = sim_sentence_has(strike->command, SIM_PART_CHOICE)
                          ? strike->command->part[SIM_PART_CHOICE].choice
                          : 0;

    sim_operator_send_line(world, host, lines[MIN(choice, 2)]);
}

/* ---- one host, one command */

static void
strike_host(SimWorld *world, SimStrike *strike, SimHost *host)
{
    switch ((int)strike->command->kind) {
    case SIM_COMMAND_KILL:
    case SIM_COMMAND_POWER_OFF:
    case SIM_COMMAND_STOP:
        end_process(world, strike, host);
        break;
    case SIM_COMMAND_RESTART:
    case SIM_COMMAND_START:
        start(world, strike, host);
        break;
    case SIM_COMMAND_PAUSE:
        sim_host_pause(host);
        break;
    case SIM_COMMAND_SLOW:
        save(world, strike, host);
        slow_down(strike, host);
        break;
    case SIM_COMMAND_JOIN:
        join(world, strike, host);
        break;
    case SIM_COMMAND_LEAVE:
        leave(world, host);
        break;
    case SIM_COMMAND_MOVE_ADDRESS:
        move_address(world, strike, host);
        break;
    case SIM_COMMAND_CRASH_AT:
    case SIM_COMMAND_TEAR_NEXT:
        arm(world, strike, host);
        break;
    case SIM_COMMAND_DISK_FULL:
    case SIM_COMMAND_DISK_ERRORS:
    case SIM_COMMAND_DISK_SLOW:
    case SIM_COMMAND_FSYNC_LIES:
        save(world, strike, host);
        change_disk(strike, host);
        break;
    case SIM_COMMAND_CLOCK_JUMP:
    case SIM_COMMAND_CLOCK_DRIFT:
        save(world, strike, host);
        change_clock(world, strike, host);
        break;
    case SIM_COMMAND_FAILOVER:
        fail_over(world, strike, host);
        break;
    case SIM_COMMAND_BUMP_EPOCH:
        sim_operator_send_line(world, host, "CLUSTER BUMPEPOCH");
        break;
    case SIM_COMMAND_FORGET:
        send_for_each(world, strike, host, "FORGET");
        break;
    case SIM_COMMAND_MEET:
        send_for_each(world, strike, host, "MEET");
        break;
    case SIM_COMMAND_ADMIN:
        sim_operator_send_line(world, host, strike->command->part[SIM_PART_TEXT].text);
        break;
    default:
        break;
    }
}

/* Network faults of one name, or of every name. */
static void
heal(SimWorld *world, SimStrike *strike)
{
    const SimValue *named = &strike->command->part[SIM_PART_ACTION];

    for (guint i = 0; i < world->faults->strikes->len; i++) {
        SimStrike *other = sim_strike_at(world->faults, i);
        bool meant = named->type == SIM_VALUE_ACTION
                         ? other->span.action == (uint32_t)named->number
                         : sim_fault_is_network(other->command->kind);

        if (meant && other != strike) {
            sim_fault_undo(world, other, "healed");
        }
    }
}

static uint32_t
shard_of(SimWorld *world, SimStrike *strike, SimPart part)
{
    const SimTarget *target = sim_sentence_target(strike->command, part);
    SimSet *nodes = sim_target_nodes(world, target, &strike->rng, NULL);
    uint32_t shard =
        nodes->len == 0 ? SIM_NONE : world->hosts[sim_set_at(nodes, 0)].spec->shard;

    sim_set_free(nodes);
    return shard;
}

static void
move_slots(SimWorld *world, SimStrike *strike)
{
    const SimValue *slots = &strike->command->part[SIM_PART_SLOT];
    uint32_t from = shard_of(world, strike, SIM_PART_WHO);
    uint32_t to = shard_of(world, strike, SIM_PART_WHOM);

    if (from == SIM_NONE || to == SIM_NONE || from == to) {
        sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns,
                       "there are no two shards to move slots between");
        return;
    }
    sim_mover_begin(world, slots->first, slots->last, from, to);
}

void
sim_fault_strike_node(SimWorld *world, SimStrike *strike)
{
    const SimSentence *command = strike->command;
    const SimTarget *target = sim_sentence_target(command, SIM_PART_WHO);

    switch ((int)command->kind) {
    case SIM_COMMAND_HEAL:
    case SIM_COMMAND_RELEASE:
        heal(world, strike);
        return;
    case SIM_COMMAND_MIGRATE:
        move_slots(world, strike);
        return;
    case SIM_COMMAND_RATE:
        sim_clients_set_rate(world, target, command->part[SIM_PART_AMOUNT].number);
        return;
    case SIM_COMMAND_DELETE:
        sim_clients_delete(world, command->part[SIM_PART_TEXT].text);
        return;
    default:
        break;
    }
    for (guint i = 0; i < strike->span.nodes->len; i++) {
        strike_host(world, strike, &world->hosts[sim_set_at(strike->span.nodes, i)]);
    }
}

static void
restore(SimWorld *world, SimStrike *strike, const SimSaved *saved)
{
    SimHost *host = &world->hosts[saved->host];

    switch ((int)strike->command->kind) {
    case SIM_COMMAND_CLOCK_DRIFT:
        for (unsigned id = 0; id < 2; id++) {
            OrrStatus status = sim_clock_set_drift(&host->clock, (SimHostClockId)id,
                                                   world->now_ns, saved->drift_ppb[id]);

            g_assert(status == ORR_OK); /* it ran like that before */
        }
        sim_host_replan(host);
        break;
    case SIM_COMMAND_CLOCK_JUMP:
        break; /* a jump is not undone: time has gone on */
    case SIM_COMMAND_SLOW:
        host->slow_milli = saved->slow_milli;
        sim_disk_set_model(host->disk, &saved->disk);
        break;
    default:
        sim_disk_set_model(host->disk, &saved->disk);
        break;
    }
}

void
sim_fault_undo_node(SimWorld *world, SimStrike *strike)
{
    for (guint i = 0; i < strike->saved->len; i++) {
        restore(world, strike, &g_array_index(strike->saved, SimSaved, i));
    }
    for (guint i = 0; i < strike->span.nodes->len; i++) {
        SimHost *host = &world->hosts[sim_set_at(strike->span.nodes, i)];

        switch ((int)strike->command->kind) {
        case SIM_COMMAND_PAUSE:
            sim_host_resume(host);
            break;
        case SIM_COMMAND_KILL:
        case SIM_COMMAND_POWER_OFF:
        case SIM_COMMAND_STOP:
            sim_fault_restart(world, host, host->boots);
            break;
        case SIM_COMMAND_TEAR_NEXT:
        case SIM_COMMAND_CRASH_AT:
            world->faults->tears[host->index].armed = false;
            break;
        default:
            break;
        }
    }
}
