#include "setting.h"

#include <glib.h>
#include <string.h>

#include "nearest.h"
#include "quantity.h"

#define FIELD(field) offsetof(OrrSettings, field), sizeof(((OrrSettings *)NULL)->field)
#define MS ORR_NS_PER_MS
#define SECOND ORR_NS_PER_S
#define DAY (INT64_C(86400) * ORR_NS_PER_S)
#define TB (INT64_C(1) << 40)

static const char *const coordination_words[] = {"lowest-id", "epoch-vote", NULL};
static const char *const voters_words[] = {"primaries", "all", NULL};
static const char *const replication_words[] = {"async", "cache", NULL};
static const char *const hash_slot_words[] = {"key", "field", NULL};
static const char *const fsync_words[] = {"always", "everysec", "no", NULL};

static const ConfigSetting table[] = {
    {"coordination", NULL, "Decisions", CONFIG_SETTING_WORD, coordination_words,
     FIELD(coordination), 0, 1,
     "Who may become primary: `lowest-id` is naive on purpose, the smallest connected id "
     "rules; "
     "`epoch-vote` are Redis Cluster's rules with the known bugs mended"},
    {"voters", NULL, "Decisions", CONFIG_SETTING_WORD, voters_words, FIELD(voters), 0, 1,
     "Whose votes and failure reports count: the primaries of shards that own slots, as in "
     "Redis "
     "Cluster, or every member"},
    {"replication", NULL, "Decisions", CONFIG_SETTING_WORD, replication_words,
     FIELD(replication), 0, 1,
     "`async`: the primary alone acknowledges, loss is bounded and reported; `cache`: no "
     "copies, "
     "loss is legal"},
    {"hash-slot-by", NULL, "Decisions", CONFIG_SETTING_WORD, hash_slot_words,
     FIELD(hash_slot_by), 0, 1,
     "Whether a hash lives on the slot of its key, as in Redis, or each field on its own"},
    {"require-full-coverage", "cluster-require-full-coverage", "Decisions",
     CONFIG_SETTING_YES_NO, NULL, FIELD(require_full_coverage), 0, 1,
     "Refuse every slot while one slot is without an owner"},
    {"unsafe-promotion", NULL, "Decisions", CONFIG_SETTING_YES_NO, NULL,
     FIELD(unsafe_promotion), 0, 1,
     "Let a replica stand whose data is older than what its shard has acknowledged"},

    {"node-timeout", "cluster-node-timeout", "Failure detection", CONFIG_SETTING_DURATION, NULL,
     FIELD(node_timeout_ns), 50 * MS, DAY,
     "Silence for so long makes a suspect, and a majority of suspicions a failure; an owner "
     "without a majority stops acknowledging in the same time"},
    {"heartbeat", NULL, "Failure detection", CONFIG_SETTING_DURATION, NULL, FIELD(heartbeat_ns),
     0, DAY, "Between two probes of one peer; 0: a fifth of node-timeout"},
    {"process-evidence", NULL, "Failure detection", CONFIG_SETTING_YES_NO, NULL,
     FIELD(process_evidence), 0, 1,
     "Believe hosts that refuse connections that the process there is dead"},
    {"process-grace", NULL, "Failure detection", CONFIG_SETTING_DURATION, NULL,
     FIELD(process_grace_ns), 0, DAY,
     "A refusing host is given so long to start the process again"},
    {"probe-fanout", NULL, "Failure detection", CONFIG_SETTING_COUNT, NULL, FIELD(probe_fanout),
     1, 4096, "Peers probed in one heartbeat at least, where there are so many"},
    {"slow-threshold", NULL, "Failure detection", CONFIG_SETTING_DURATION, NULL,
     FIELD(slow_threshold_ns), 0, DAY,
     "Answers later than this, and than ten times the median, make a node slow; 0: off"},
    {"slow-window", NULL, "Failure detection", CONFIG_SETTING_DURATION, NULL,
     FIELD(slow_window_ns), 0, DAY, "Slow for so long before anyone says so"},
    {"slow-return", NULL, "Failure detection", CONFIG_SETTING_DURATION, NULL,
     FIELD(slow_return_ns), 0, DAY, "Well again for so long before a node gets its slots back"},

    {"replica-validity", NULL, "Election", CONFIG_SETTING_DURATION, NULL,
     FIELD(replica_validity_ns), 0, 365 * DAY,
     "A replica whose data is older than this does not stand; 0: ten times node-timeout"},
    {"rank-delay", NULL, "Election", CONFIG_SETTING_DURATION, NULL, FIELD(rank_delay_ns), 0,
     DAY, "A replica waits so long for each better one before it stands"},
    {"failover", NULL, "Election", CONFIG_SETTING_YES_NO, NULL, FIELD(failover), 0, 1,
     "Replicas stand by themselves; `no` is cluster-replica-no-failover yes in Redis"},

    {"forget", NULL, "Membership", CONFIG_SETTING_DURATION, NULL, FIELD(forget_ns), 0,
     365 * DAY, "A forgotten node stays banned for so long"},

    {"backlog-size", "repl-backlog-size", "Replication", CONFIG_SETTING_SIZE, NULL,
     FIELD(backlog_size), 1024, TB, "Bytes of history kept for partial resynchronisation"},
    {"full-syncs-max", NULL, "Replication", CONFIG_SETTING_COUNT, NULL, FIELD(full_syncs_max),
     1, 1000, "Full copies out of one primary at once"},
    {"sync-window-size", NULL, "Replication", CONFIG_SETTING_SIZE, NULL,
     FIELD(sync_window_size), 4096, TB,
     "Bytes sent to a replica and not yet answered for, at most"},
    {"replica-ack", NULL, "Replication", CONFIG_SETTING_DURATION, NULL, FIELD(replica_ack_ns),
     1 * MS, DAY, "Between two acknowledgements of a replica, at most"},
    {"min-replicas-to-write", NULL, "Replication", CONFIG_SETTING_COUNT, NULL,
     FIELD(min_replicas_to_write), 0, 1000,
     "Refuse writes with fewer replicas connected; 0: off"},

    {"appendfsync", NULL, "Data", CONFIG_SETTING_WORD, fsync_words, FIELD(appendfsync), 0, 2,
     "When a write is synced: before it is acknowledged, once a second, or never by us"},
    {"log-rotate-size", NULL, "Data", CONFIG_SETTING_SIZE, NULL, FIELD(log_rotate_size), 4096,
     TB, "Bytes of log after which a snapshot is written"},
    {"maxmemory", NULL, "Data", CONFIG_SETTING_SIZE, NULL, FIELD(maxmemory), 0, 1024 * TB,
     "Bytes that keys and values may take; 0: no limit"},
    {"clients-max", "maxclients", "Data", CONFIG_SETTING_COUNT, NULL, FIELD(clients_max), 1,
     1000000, "Connections of clients at once"},
};

static const ConfigQuantity quantities[] = {
    [CONFIG_SETTING_DURATION] = CONFIG_DURATION,
    [CONFIG_SETTING_SIZE] = CONFIG_SIZE,
    [CONFIG_SETTING_COUNT] = CONFIG_COUNT,
};

const ConfigSetting *
config_setting_at(size_t index)
{
    return index < G_N_ELEMENTS(table) ? &table[index] : NULL;
}

const ConfigSetting *
config_setting_find(const char *name)
{
    g_autofree char *dashed = g_strdup(name);

    g_strdelimit(dashed, "_", '-');
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(table[i].name, dashed) == 0 ||
            (table[i].alias != NULL && strcmp(table[i].alias, dashed) == 0)) {
            return &table[i];
        }
    }
    return NULL;
}

const char *
config_setting_nearest(const char *name)
{
    ConfigNearest nearest = config_nearest(name);

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        config_nearest_offer(&nearest, table[i].name);
        if (table[i].alias != NULL) {
            config_nearest_offer(&nearest, table[i].alias);
        }
    }
    return nearest.best;
}

static char *
list_words(const ConfigSetting *setting)
{
    g_autofree char *joined = g_strjoinv(", ", (char **)(uintptr_t)setting->words);

    return g_strdup(joined);
}

static bool
read_word(const ConfigSetting *setting, const char *text, int64_t *value, char **why)
{
    ConfigNearest nearest = config_nearest(text);
    g_autofree char *words = NULL;

    for (size_t i = 0; setting->words[i] != NULL; i++) {
        if (strcmp(setting->words[i], text) == 0) {
            *value = (int64_t)i;
            return true;
        }
        config_nearest_offer(&nearest, setting->words[i]);
    }
    words = list_words(setting);
    *why = nearest.best == NULL
               ? g_strdup_printf("is none of %s", words)
               : g_strdup_printf("is none of %s; did you mean `%s`?", words, nearest.best);
    return false;
}

static bool
read_yes_no(const char *text, int64_t *value, char **why)
{
    static const char *const yes[] = {"yes", "true", "on", NULL};
    static const char *const no[] = {"no", "false", "off", NULL};

    *value = g_strv_contains(yes, text);
    if (*value == 0 && !g_strv_contains(no, text)) {
        *why = g_strdup("is neither yes nor no");
        return false;
    }
    return true;
}

static bool
in_range(const ConfigSetting *setting, int64_t value, char **why)
{
    g_autofree char *min = config_setting_format(setting, setting->min);
    g_autofree char *max = config_setting_format(setting, setting->max);

    if (value >= setting->min && value <= setting->max) {
        return true;
    }
    *why =
        g_strdup_printf("is outside of %s to %s, which `%s` may be", min, max, setting->name);
    return false;
}

bool
config_setting_read(const ConfigSetting *setting, const char *text, int64_t *value, char **why)
{
    switch (setting->type) {
    case CONFIG_SETTING_WORD:
        return read_word(setting, text, value, why);
    case CONFIG_SETTING_YES_NO:
        return read_yes_no(text, value, why);
    case CONFIG_SETTING_DURATION:
    case CONFIG_SETTING_SIZE:
    case CONFIG_SETTING_COUNT:
        return config_quantity_read(quantities[setting->type], text, value, why) &&
               in_range(setting, *value, why);
    }
    g_assert_not_reached();
}

void
config_setting_apply(const ConfigSetting *setting, int64_t value, OrrSettings *settings)
{
    char *field = (char *)settings + setting->offset;
    uint32_t narrow = (uint32_t)value;
    bool flag = value != 0;

    if (setting->size == sizeof(int64_t)) {
        memcpy(field, &value, sizeof value);
    } else if (setting->size == sizeof(uint32_t)) {
        memcpy(field, &narrow, sizeof narrow);
    } else {
        memcpy(field, &flag, sizeof flag);
    }
}

int64_t
config_setting_get(const ConfigSetting *setting, const OrrSettings *settings)
{
    const char *field = (const char *)settings + setting->offset;
    int64_t value = 0;
    uint32_t narrow = 0;
    bool flag = false;

    if (setting->size == sizeof value) {
        memcpy(&value, field, sizeof value);
        return value;
    }
    if (setting->size == sizeof narrow) {
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    }
    memcpy(&flag, field, sizeof flag);
    return flag;
}

char *
config_setting_format(const ConfigSetting *setting, int64_t value)
{
    switch (setting->type) {
    case CONFIG_SETTING_WORD:
        return g_strdup(setting->words[value]);
    case CONFIG_SETTING_YES_NO:
        return g_strdup(value != 0 ? "yes" : "no");
    case CONFIG_SETTING_DURATION:
    case CONFIG_SETTING_SIZE:
    case CONFIG_SETTING_COUNT:
        return config_quantity_format(quantities[setting->type], value);
    }
    g_assert_not_reached();
}

char *
config_setting_describe(const ConfigSetting *setting)
{
    OrrSettings defaults = orr_settings_default();
    g_autofree char *standard =
        config_setting_format(setting, config_setting_get(setting, &defaults));
    g_autofree char *min = NULL;
    g_autofree char *max = NULL;
    g_autofree char *words = NULL;

    switch (setting->type) {
    case CONFIG_SETTING_WORD:
        words = list_words(setting);
        return g_strdup_printf("one of %s; default %s", words, standard);
    case CONFIG_SETTING_YES_NO:
        return g_strdup_printf("yes or no; default %s", standard);
    case CONFIG_SETTING_DURATION:
    case CONFIG_SETTING_SIZE:
    case CONFIG_SETTING_COUNT:
        min = config_setting_format(setting, setting->min);
        max = config_setting_format(setting, setting->max);
        return g_strdup_printf("%s, %s to %s; default %s",
                               config_quantity_name(quantities[setting->type]), min, max,
                               standard);
    }
    g_assert_not_reached();
}
