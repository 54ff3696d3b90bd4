/* What processes cannot do, and what cannot be seen of them from outside. */
#include "live_state.h"

const char *
sim_live_unseen(SimSentenceKind check)
{
    switch ((int)check) {
    case SIM_CHECK_MESSAGES_IN_FLIGHT:
    case SIM_CHECK_BYTES_PER_LINK:
    case SIM_CHECK_MESSAGES_RATE:
    case SIM_CHECK_BYTES_RATE:
        return "live, the network is the machine's own and is not looked into";
    default:
        return NULL;
    }
}

static const char *
undoable_death(const SimSentence *command)
{
    bool fate = command->part[SIM_PART_DISK].type == SIM_VALUE_CHOICE;

    if (fate && command->part[SIM_PART_DISK].choice == SIM_DISK_TEAR) {
        return "no write of a real disk can be torn";
    }
    return fate && command->part[SIM_PART_DISK].choice == SIM_DISK_LOSE_UNSYNCED
               ? "the kernel keeps what a process has written"
               : NULL;
}

const char *
sim_live_undoable(const SimSentence *command)
{
    switch ((int)command->kind) {
    case SIM_COMMAND_HOLD:
    case SIM_COMMAND_RELEASE:
    case SIM_COMMAND_DROP:
    case SIM_COMMAND_CORRUPT:
    case SIM_COMMAND_DUPLICATE:
    case SIM_COMMAND_REORDER:
    case SIM_COMMAND_LATENCY:
    case SIM_COMMAND_BANDWIDTH:
        return "real links can only be cut";
    case SIM_COMMAND_SLOW:
        return "a real processor cannot be slowed down";
    case SIM_COMMAND_CRASH_AT:
        return "a process cannot be ended before it acts on its decision";
    case SIM_COMMAND_MOVE_ADDRESS:
        return "all nodes are on one address";
    case SIM_COMMAND_DISK_FULL:
    case SIM_COMMAND_DISK_ERRORS:
    case SIM_COMMAND_DISK_SLOW:
    case SIM_COMMAND_FSYNC_LIES:
    case SIM_COMMAND_TEAR_NEXT:
        return "the disk is the machine's own";
    case SIM_COMMAND_CLOCK_JUMP:
    case SIM_COMMAND_CLOCK_DRIFT:
        return "the clock is the machine's own";
    case SIM_COMMAND_KILL:
    case SIM_COMMAND_POWER_OFF:
        return undoable_death(command);
    default:
        return NULL;
    }
}

static void
refuse(const SimLive *live, const SimWhere *where, const char *text, const char *why)
{
    fprintf(stderr, "%s:%u:%u: `%s` cannot be done live: %s\n", live->scenario->path,
            where->line, where->column, text, why);
}

bool
sim_live_check_limits(SimLive *live, bool skip)
{
    const SimScenario *scenario = live->scenario;
    unsigned refused = 0;

    if (scenario->node_count > SIM_LIVE_NODES_MAX) {
        fprintf(stderr,
                "%s: %u nodes are too many to be processes of one machine; at most %u\n",
                scenario->path, scenario->node_count, SIM_LIVE_NODES_MAX);
        return false;
    }
    for (unsigned i = 0; i < scenario->action_count; i++) {
        const SimAction *action = &scenario->timeline[i];
        const char *why = sim_live_undoable(&action->command);

        live->left_out[i] = why != NULL;
        if (why != NULL && !skip) {
            refuse(live, &action->where, action->text, why);
            refused++;
        }
    }
    for (unsigned i = 0; i < scenario->chaos.line_count; i++) {
        const SimChaosLine *line = &scenario->chaos.lines[i];
        const char *why = sim_live_undoable(&line->command);

        if (why != NULL && !skip) {
            refuse(live, &line->command.where, line->text, why);
            refused++;
        }
    }
    if (refused > 0) {
        fprintf(stderr, "orrery: --skip leaves such lines out\n");
    }
    return refused == 0;
}

bool
sim_live_leaves_out(const SimWorld *world, uint32_t action)
{
    return world->live != NULL && world->live->left_out[action];
}

void
sim_live_notes(const SimLive *live, FILE *out)
{
    const SimScenario *scenario = live->scenario;

    fprintf(out, "live: %u processes of %s in real time; ", scenario->node_count, live->daemon);
    fputs("latency, loss, disks and clocks are this machine's own;\n"
          "a host without power is a stopped process, and keeps what it wrote\n",
          out);
    for (unsigned i = 0; i < scenario->action_count; i++) {
        if (live->left_out[i]) {
            fprintf(out, "left out: %s (%s)\n", scenario->timeline[i].text,
                    sim_live_undoable(&scenario->timeline[i].command));
        }
    }
}
