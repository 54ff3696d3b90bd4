/* orrery place: which node, or which r nodes, a key belongs to. */
#include "command.h"

#include "arguments.h"
#include "cluster.h"
#include "fault.h"
#include "keystream.h"
#include "option.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define REPLICAS_MAX 1024u
#define NODES_DEFAULT 10u

const SimOption sim_command_place_options[] = {
    {"algorithm", 'a', "NAME", "Which algorithm (ring); --list shows all"},
    {"nodes", 'n', "FILE|N", "Node file, or a number of nodes node-0, node-1, ... (10)"},
    {"replicas", 'r', "R", "Distinct nodes for each key, zones kept apart (1)"},
    {"remove", 0, "NODE,...", "Remove these nodes first, in this order; may be repeated"},
    {"in-order", 0, NULL, "Add nodes as they stand in the file, not by name"},
    {"null", '0', NULL, "Keys on standard input end with a NUL, not a newline"},
    {"hex", 0, NULL, "Keys are written in hex"},
    {"hashes", 0, NULL, "Keys are hashes already: numbers, hex after 0x"},
    {"hash", 0, "NAME", "xxh3, xxh32, siphash, md5, fnv1a (the algorithm's own)"},
    {"seed", 's', "N", "Of the hash (0)"},
    {"points", 0, "V", "Points of a node on a ring (160)"},
    {"probes", 0, "K", "Probes of a key, multi-probe (21)"},
    {"table-size", 0, "M", "Entries, maglev (65537); most buckets, anchor and dx"},
    {"bound", 0, "E", "Excess over the due share, ring-bounded (0.25)"},
    {"digest", 0, NULL, "Print 16 hex digits that stand for the whole mapping"},
    {"list", 'l', NULL, "List the algorithms and what they can"},
    {"help", 'h', NULL, "Show this help"},
    {NULL, 0, NULL, NULL},
};

static int
list_algorithms(void)
{
    size_t count = 0;
    const OrrPlacementInfo *rows = orr_placement_algorithms(&count);

    for (size_t i = 0; i < count; i++) {
        printf("%-20s %-8s %-10s %-8s %s\n", rows[i].name,
               rows[i].weighted ? "weights" : "equal",
               rows[i].removes_any ? "remove any" : "remove last",
               rows[i].minimal ? "minimal" : "wasteful", rows[i].description);
    }
    return fflush(stdout) == 0 ? 0 : SIM_FAULT_IO;
}

static bool
read_number(const SimOptions *options, const char *name, uint32_t low, uint32_t high,
            uint32_t *number, GError **error)
{
    const char *text = sim_options_get(options, name);
    g_autofree char *what = g_strconcat("--", name, NULL);
    uint64_t value = 0;

    if (text == NULL) {
        return true;
    }
    if (!sim_arguments_number(what, text, low, high, &value, error)) {
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

static bool
read_options(const SimOptions *options, OrrPlacementOptions *placement, uint32_t *replicas,
             GError **error)
{
    const char *algorithm = sim_options_get(options, "algorithm");
    const char *hash = sim_options_get(options, "hash");
    const char *seed = sim_options_get(options, "seed");
    const char *bound_text = sim_options_get(options, "bound");
    const OrrPlacementInfo *info =
        sim_cluster_algorithm(algorithm != NULL ? algorithm : "ring", error);
    double bound = 0;

    if (info == NULL) {
        return false;
    }
    *placement = orr_placement_options(info->algorithm);
    if (seed != NULL &&
        !sim_arguments_number("--seed", seed, 0, UINT64_MAX, &placement->seed, error)) {
        return false;
    }
    if (bound_text != NULL) {
        if (!sim_arguments_decimal("--bound", bound_text, 0.000001, 1000, &bound, error)) {
            return false;
        }
        placement->bound_ppm = (uint32_t)lround(bound * 1e6);
    }
    return (hash == NULL || sim_cluster_hash(hash, &placement->hash, error)) &&
           read_number(options, "replicas", 1, REPLICAS_MAX, replicas, error) &&
           read_number(options, "points", 1, 65536, &placement->points, error) &&
           read_number(options, "probes", 1, 65536, &placement->probes, error) &&
           read_number(options, "table-size", 1, 1u << 26, &placement->table_size, error) &&
           sim_cluster_check_options(placement, error);
}

static bool
is_number(const char *text)
{
    return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* A file, or a number of nodes node-0, node-1, ... `*path` is NULL for the latter. */
static SimRoster *
read_nodes(const char *nodes, const char **path, GError **error)
{
    uint64_t count = NODES_DEFAULT;

    *path = NULL;
    if (nodes == NULL || is_number(nodes)) {
        return nodes == NULL || sim_arguments_number("--nodes", nodes, 1, SIM_ROSTER_NODES_MAX,
                                                     &count, error)
                   ? sim_roster_generate((size_t)count, 0)
                   : NULL;
    }
    *path = nodes;
    return sim_roster_load(nodes, error);
}

static bool
remove_one(SimCluster *cluster, const char *label, GError **error)
{
    size_t member = sim_balance_roster_find(cluster->roster, label);
    uint32_t number = member < cluster->roster->count ? sim_cluster_number(cluster, member)
                                                      : ORR_PLACEMENT_NO_NODE;
    uint32_t last = sim_cluster_member(cluster, orr_placement_last(cluster->placement));

    if (number == ORR_PLACEMENT_NO_NODE) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE, "--remove %s: no node is called so%s",
                    label, member < cluster->roster->count ? " any more" : "");
        return false;
    }
    switch (orr_placement_remove(cluster->placement, number)) {
    case ORR_OK:
        sim_cluster_renumber(cluster);
        return true;
    case ORR_REFUSED:
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "--remove %s: %s removes only the node added last, which is %s", label,
                    cluster->info->name, cluster->roster->members[last].label);
        return false;
    case ORR_EXISTS:
    case ORR_NOT_FOUND:
    case ORR_FULL:
    case ORR_AGAIN:
    case ORR_MALFORMED:
    case ORR_INVALID:
    case ORR_STALE:
    case ORR_IO:
        break;
    }
    g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE, "--remove %s: refused", label);
    return false;
}

/* Removes in the order of the command line; a word may hold several names, with commas. */
static bool
remove_all(SimCluster *cluster, char *const *words, GError **error)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        g_auto(GStrv) labels = g_strsplit(words[i], ",", -1);

        for (size_t j = 0; labels[j] != NULL; j++) {
            if (!remove_one(cluster, labels[j], error)) {
                return false;
            }
        }
    }
    return true;
}

static bool
has_owner(const SimCluster *cluster, const char *path, GError **error)
{
    if (orr_placement_find(cluster->placement, ORR_BYTES_EMPTY) != ORR_PLACEMENT_NO_NODE) {
        return true;
    }
    g_set_error(error, SIM_FAULT, path != NULL ? SIM_FAULT_DATA : SIM_FAULT_USAGE,
                "%s: no node is left that may own a key (%zu nodes, all of weight 0)",
                path != NULL ? path : "--nodes", orr_placement_count(cluster->placement));
    return false;
}

/* What answers one batch of keys. */
typedef struct Placer {
    SimCluster *cluster;
    size_t *label_sizes; /* of the members' labels */
    size_t replicas;
    bool hashes; /* the keys are hashes, written as numbers */
    uint32_t owners[SIM_KEYSTREAM_BATCH];
    uint32_t copies[REPLICAS_MAX];
    uint64_t hash[SIM_KEYSTREAM_BATCH];
} Placer;

/* Decimal, or hex after 0x. */
static bool
read_hashes(Placer *self, const OrrBytes *keys, size_t count, GError **error)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *text = g_strndup((const char *)keys[i].data, keys[i].size);
        bool hex = g_str_has_prefix(text, "0x");
        guint64 value = 0;

        if (!g_ascii_string_to_unsigned(text + (hex ? 2 : 0), hex ? 16 : 10, 0, UINT64_MAX,
                                        &value, NULL)) {
            g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                        "--hashes: '%s' is not a number of 0 to 2^64 - 1", text);
            return false;
        }
        self->hash[i] = value;
    }
    return true;
}

static void
write_owner(const Placer *self, SimWriter *out, uint32_t number)
{
    uint32_t member = sim_cluster_member(self->cluster, number);

    sim_writer_add_byte(out, '\t');
    sim_writer_add(out, self->cluster->roster->members[member].label,
                   self->label_sizes[member]);
}

/* One owner each. Where find() depends on the load, every key counts as one unit of it. */
static void
place_single(Placer *self, const OrrBytes *keys, const OrrBytes *shown, size_t count,
             SimWriter *out)
{
    OrrPlacement *placement = self->cluster->placement;
    bool loaded = self->cluster->info->loaded;

    if (self->hashes && !loaded) {
        orr_placement_find_hash_batch(placement, self->hash, count, self->owners);
    } else if (!loaded) {
        orr_placement_find_batch(placement, keys, count, self->owners);
    }
    for (size_t i = 0; i < count; i++) {
        if (loaded) {
            self->owners[i] = self->hashes
                                  ? orr_placement_assign_hash(placement, self->hash[i], 1)
                                  : orr_placement_assign(placement, keys[i], 1);
        }
        sim_writer_add(out, shown[i].data, shown[i].size);
        write_owner(self, out, self->owners[i]);
        sim_writer_add_byte(out, '\n');
    }
}

static void
place_copies(Placer *self, const OrrBytes *keys, const OrrBytes *shown, size_t count,
             SimWriter *out)
{
    const OrrPlacement *placement = self->cluster->placement;

    for (size_t i = 0; i < count; i++) {
        size_t copies =
            self->hashes
                ? orr_placement_find_hash_replicas(placement, self->hash[i], self->replicas,
                                                   self->copies)
                : orr_placement_find_replicas(placement, keys[i], self->replicas, self->copies);

        sim_writer_add(out, shown[i].data, shown[i].size);
        for (size_t copy = 0; copy < copies; copy++) {
            write_owner(self, out, self->copies[copy]);
        }
        sim_writer_add_byte(out, '\n');
    }
}

static bool
place_keys(Placer *self, SimKeystream *stream, SimWriter *out, GError **error)
{
    const OrrBytes *keys = NULL;
    const OrrBytes *shown = NULL;
    bool fine = true;
    size_t count;

    while (fine && (count = sim_keystream_next(stream, &keys, &shown, error)) > 0) {
        if (self->hashes && !read_hashes(self, keys, count, error)) {
            break;
        }
        if (self->replicas > 1) {
            place_copies(self, keys, shown, count, out);
        } else {
            place_single(self, keys, shown, count, out);
        }
        fine = !out->failed && (!sim_keystream_drained(stream) || sim_writer_flush(out));
    }
    fine = sim_writer_flush(out) && fine;
    if (!fine) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_IO, "standard output: cannot write");
    }
    return fine && (error == NULL || *error == NULL);
}

static bool
place_stream(const SimOptions *options, SimCluster *cluster, uint32_t replicas, GError **error)
{
    g_autoptr(SimKeystream) stream = sim_keystream_new(
        sim_options_words(options), STDIN_FILENO,
        sim_options_has(options, "null") ? '\0' : '\n', sim_options_has(options, "hex"));
    g_autofree SimWriter *out = sim_writer_new(STDOUT_FILENO);
    g_autofree Placer *placer = g_new0(Placer, 1);
    bool fine;

    placer->cluster = cluster;
    placer->replicas = replicas;
    placer->hashes = sim_options_has(options, "hashes");
    placer->label_sizes = g_new(size_t, cluster->roster->count);
    for (size_t i = 0; i < cluster->roster->count; i++) {
        placer->label_sizes[i] = strlen(cluster->roster->members[i].label);
    }
    fine = place_keys(placer, stream, out, error);
    g_free(placer->label_sizes);
    return fine;
}

static bool
place(const SimOptions *options, GError **error)
{
    OrrPlacementOptions placement = {0};
    g_autoptr(SimRoster) roster = NULL;
    g_autoptr(SimCluster) cluster = NULL;
    const char *path = NULL;
    uint32_t replicas = 1;

    if (!read_options(options, &placement, &replicas, error)) {
        return false;
    }
    roster = read_nodes(sim_options_get(options, "nodes"), &path, error);
    if (roster == NULL) {
        return false;
    }
    cluster =
        sim_cluster_new(roster, &placement, sim_options_has(options, "in-order"), path, error);
    if (cluster == NULL || !remove_all(cluster, sim_options_all(options, "remove"), error) ||
        !has_owner(cluster, path, error)) {
        return false;
    }
    if (sim_options_has(options, "digest")) {
        printf("%016" G_GINT64_MODIFIER "x\n", orr_placement_digest(cluster->placement));
        return fflush(stdout) == 0;
    }
    return place_stream(options, cluster, replicas, error);
}

int
sim_command_place(int count, char **words)
{
    g_autoptr(SimOptions) options =
        sim_options_parse("place", sim_command_place_options, count, words);
    GError *error = NULL;

    if (options == NULL) {
        return SIM_EXIT_USAGE;
    }
    if (sim_options_has(options, "list")) {
        return list_algorithms();
    }
    if (place(options, &error)) {
        return SIM_EXIT_HELD;
    }
    return error != NULL ? sim_arguments_fault("place", error) : SIM_EXIT_IO;
}
