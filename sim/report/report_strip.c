/* Strips: time from left to right, who served each shard, and how clients fared. */
#include "client.h"
#include "report.h"

#include <glib.h>
#include <inttypes.h>

#define COLUMNS 72u
#define SHARDS_SHOWN 12u

typedef struct Window {
    OrrTime from_ns;
    OrrTime to_ns;
} Window;

static Window
window_of(const SimWorld *world)
{
    const SimReportSpec *report = &world->scenario->report;
    Window window = {world->origin_ns, MAX(world->now_ns, world->origin_ns + 1)};

    if (report->given && report->strip_to_ns > report->strip_from_ns) {
        window.from_ns = sim_world_virtual_ns(world, report->strip_from_ns);
        window.to_ns = sim_world_virtual_ns(world, report->strip_to_ns);
    }
    return window;
}

static OrrTime
column_start(const Window *window, unsigned column)
{
    return window->from_ns +
           (OrrTime)((SimWide)(window->to_ns - window->from_ns) * column / COLUMNS);
}

/* The sign of a node: the last character of its name where the shard's nodes differ there. */
static char
sign_of(const SimWorld *world, uint32_t shard, uint32_t node)
{
    const SimShardSpec *spec = &world->scenario->shards[shard];
    const char *name = world->hosts[node].spec->name;
    char last = name[strlen(name) - 1];

    for (unsigned i = 0; i < spec->node_count; i++) {
        const char *other = world->hosts[spec->nodes[i]].spec->name;

        if (spec->nodes[i] != node && other[strlen(other) - 1] == last) {
            for (unsigned k = 0; k < spec->node_count; k++) {
                if (spec->nodes[k] == node) {
                    return (char)('A' + k % 26);
                }
            }
        }
    }
    return last;
}

/* Who served at one instant: a sign, '.' for nobody, '!' for more than one. */
static char
served_by(const SimWorld *world, uint32_t shard, OrrTime at)
{
    char sign = '.';
    uint32_t node = SIM_NONE;

    for (size_t i = 0; i < sim_invariants_episode_count(world->invariants); i++) {
        const SimEpisode *episode = sim_invariants_episode(world->invariants, i);

        if (episode->shard == shard && episode->from_ns <= at && episode->to_ns > at) {
            sign = node != SIM_NONE && node != episode->node
                       ? '!'
                       : sign_of(world, shard, episode->node);
            node = episode->node;
        }
    }
    return sign;
}

static void
print_shard(FILE *out, const SimWorld *world, const Window *window, uint32_t shard, bool color)
{
    const SimShardSpec *spec = &world->scenario->shards[shard];

    fprintf(out, "  %-6.6s ", spec->name);
    for (unsigned column = 0; column < COLUMNS; column++) {
        OrrTime middle = (column_start(window, column) + column_start(window, column + 1)) / 2;
        char sign = served_by(world, shard, middle);

        if (color && (sign == '.' || sign == '!')) {
            fprintf(out, "%s%c%s", SIM_COLOR_RED, sign, SIM_COLOR_OFF);
        } else {
            fputc(sign, out);
        }
    }
    for (unsigned i = 0; i < spec->node_count && i < 4; i++) {
        fprintf(out, " %c=%s", sign_of(world, shard, spec->nodes[i]),
                world->hosts[spec->nodes[i]].spec->name);
    }
    fputc('\n', out);
}

static const char *
level(uint64_t part, uint64_t whole)
{
    static const char *const levels[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

    return whole == 0 ? " " : levels[part == whole ? 7 : part * 7 / whole];
}

/* Many shards: the share of them that were served. */
static void
print_all_shards(FILE *out, const SimWorld *world, const Window *window)
{
    uint32_t served[COLUMNS] = {0};
    uint32_t shards = world->scenario->shard_count;

    for (unsigned column = 0; column < COLUMNS; column++) {
        OrrTime middle = (column_start(window, column) + column_start(window, column + 1)) / 2;

        for (size_t i = 0; i < sim_invariants_episode_count(world->invariants); i++) {
            const SimEpisode *episode = sim_invariants_episode(world->invariants, i);

            served[column] += episode->from_ns <= middle && episode->to_ns > middle;
        }
    }
    fprintf(out, "  served ");
    for (unsigned column = 0; column < COLUMNS; column++) {
        fputs(level(MIN(served[column], shards), shards), out);
    }
    fprintf(out, " of %u shards\n", shards);
}

static void
print_clients(FILE *out, const SimWorld *world, const Window *window)
{
    uint64_t all[COLUMNS] = {0};
    uint64_t fine[COLUMNS] = {0};
    bool any = false;

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);
        unsigned column;

        if (call->invoked_ns < window->from_ns || call->invoked_ns >= window->to_ns ||
            call->outcome == SIM_OUTCOME_PENDING) {
            continue;
        }
        column = (unsigned)((SimWide)(call->invoked_ns - window->from_ns) * COLUMNS /
                            (window->to_ns - window->from_ns));
        all[column]++;
        fine[column] += call->outcome == SIM_OUTCOME_OK;
        any = true;
    }
    if (!any) {
        return;
    }
    fprintf(out, "  %-6s ", "ok");
    for (unsigned column = 0; column < COLUMNS; column++) {
        fputs(level(fine[column], all[column]), out);
    }
    fprintf(out, " share of operations that succeeded\n");
}

void
sim_report_strips(FILE *out, SimWorld *world, bool color)
{
    Window window = window_of(world);
    char from[32];
    char to[32];

    sim_report_time(world, window.from_ns, from, sizeof from);
    sim_report_time(world, window.to_ns, to, sizeof to);
    fprintf(out,
            "\nwho served, %s s to %s s (a column is %.3g s; '.' nobody, '!' more than one)\n",
            from, to, (double)(window.to_ns - window.from_ns) / 1e9 / COLUMNS);
    if (world->scenario->shard_count <= SHARDS_SHOWN) {
        for (uint32_t shard = 0; shard < world->scenario->shard_count; shard++) {
            print_shard(out, world, &window, shard, color);
        }
    } else {
        print_all_shards(out, world, &window);
    }
    print_clients(out, world, &window);
}
