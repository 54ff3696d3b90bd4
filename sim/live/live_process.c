/* Processes of nodes: their ports, their birth, and the ways they end. */
#include "live_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <setting.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_FIRST 10000u /* below the ports that the system deals out by itself */
#define PORT_LAST 30000u
#define PORT_TRIES 20000u
#define STOP_MAX_MS 5000u
#define SEEDS_MAX 16u

/* ---- ports */

static bool
can_bind(uint16_t port, int type)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    bool fine = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return fine;
}

static uint16_t
next_port(uint32_t *cursor)
{
    for (uint32_t i = 0; i < PORT_TRIES; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + (*cursor)++ % (PORT_LAST - PORT_FIRST));

        if (can_bind(port, SOCK_STREAM) && can_bind(port, SOCK_DGRAM)) {
            return port;
        }
    }
    return 0;
}

bool
sim_live_find_ports(SimLive *live)
{
    uint32_t cursor = g_random_int() % (PORT_LAST - PORT_FIRST);

    for (unsigned i = 0; i < live->scenario->node_count; i++) {
        SimProcessState *process = &live->processes[i];
        const char *name = live->scenario->nodes[i].name;
        uint16_t port = next_port(&cursor);
        uint16_t bus_port = next_port(&cursor);

        process->address = orr_address_v4(127, 0, 0, 1, port, bus_port);
        process->metrics_port = next_port(&cursor);
        process->directory = g_build_filename(live->directory, name, NULL);
        process->filter = g_strdup_printf("%s.cuts", process->directory);
        if (process->metrics_port == 0) {
            fprintf(stderr, "orrery: no free ports for the nodes\n");
            return false;
        }
    }
    return true;
}

/* ---- arguments */

static void
add(GPtrArray *words, char *word)
{
    g_ptr_array_add(words, word);
}

static void
add_key(GPtrArray *words, const char *key, char *value)
{
    add(words, g_strconcat("--", key, NULL));
    add(words, value);
}

static void
add_id(GPtrArray *words, const char *key, const OrrId *id)
{
    char hex[ORR_ID_HEX_SIZE + 1];

    if (!orr_id_is_none(id)) {
        orr_id_format(id, hex);
        add_key(words, key, g_strdup(hex));
    }
}

static void
add_settings(GPtrArray *words, const OrrSettings *settings)
{
    OrrSettings standard = orr_settings_default();

    for (size_t i = 0; config_setting_at(i) != NULL; i++) {
        const ConfigSetting *setting = config_setting_at(i);
        int64_t value = config_setting_get(setting, settings);

        if (value != config_setting_get(setting, &standard)) {
            add_key(words, setting->name, config_setting_format(setting, value));
        }
    }
}

/* Everybody of a small cluster; where the scenario names seeds, those. */
static void
add_seeds(GPtrArray *words, const SimHost *host)
{
    const SimWorld *world = host->world;
    unsigned count = 0;

    for (uint32_t i = 0; i < world->host_count && count < SEEDS_MAX; i++) {
        const SimHost *other = &world->hosts[i];

        if (other == host || other->spec->cluster != host->spec->cluster ||
            other->spec->spare || host->config.seed_count == 0) {
            continue;
        }
        if (count++ == 0) {
            add(words, g_strdup("--seeds"));
        }
        add(words,
            g_strdup_printf("127.0.0.1:%u@%u", other->address.port, other->address.bus_port));
    }
}

static void
add_slots(GPtrArray *words, const SimHost *host)
{
    if (host->config.slot_range_count > 0) {
        add(words, g_strdup("--slots"));
    }
    for (size_t i = 0; i < host->config.slot_range_count; i++) {
        add(words,
            g_strdup_printf("%u-%u", host->config.slots[i].first, host->config.slots[i].last));
    }
}

static GPtrArray *
arguments(const SimHost *host)
{
    static const char *const roles[] = {"primary", "replica", "witness"};
    const SimProcessState *process = sim_live_process(host);
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);

    add(words, g_strdup(host->world->live->daemon));
    add_key(words, "port", g_strdup_printf("%u", process->address.port));
    add_key(words, "bus-port", g_strdup_printf("%u", process->address.bus_port));
    add_key(words, "metrics-port", g_strdup_printf("%u", process->metrics_port));
    add_key(words, "dir", g_strdup(process->directory));
    add_key(words, "test-link-filter", g_strdup(process->filter));
    add_key(words, "log-level", g_strdup("info"));
    add_key(words, "role", g_strdup(roles[host->config.role]));
    add_id(words, "node-id", &host->config.id);
    add_id(words, "cluster", &host->config.cluster);
    add_id(words, "shard", &host->config.shard);
    add_id(words, "replica-of", &host->config.replica_of);
    add_slots(words, host);
    add_seeds(words, host);
    add_settings(words, &host->config.settings);
    g_ptr_array_add(words, NULL);
    return words;
}

/* ---- birth */

/* Bugs on purpose are told by the environment: the daemon's ORRERYD_PLANT. */
static void
export_plants(const OrrSettings *settings)
{
#define PLANT_NAME(plant, text, meaning) text,
    static const char *const names[] = {ORR_PLANTS(PLANT_NAME)};
#undef PLANT_NAME
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if ((settings->planted >> i & 1u) != 0) {
            g_string_append_printf(text, "%s,", names[i]);
        }
    }
    (void)g_setenv("ORRERYD_PLANT", text->str, TRUE);
}

static void
become(char **words, int out, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) {
        _exit(127);
    }
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execv(words[0], words);
    _exit(127);
}

static void
spawn(SimHost *host)
{
    SimProcessState *process = sim_live_process(host);
    g_autoptr(GPtrArray) words = arguments(host);
    pid_t parent = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        g_error("pipe: %s", g_strerror(errno));
    }
    export_plants(&host->config.settings); /* the daemon inherits it */
    process->pid = fork();
    if (process->pid == 0) {
        become((char **)words->pdata, ends[1], parent);
    }
    (void)close(ends[1]);
    if (process->pid < 0) {
        g_error("fork: %s", g_strerror(errno));
    }
    sim_live_read_log(host, ends[0]);
}

static void
end_old(SimProcessState *process)
{
    if (process->pid > 0) {
        (void)kill(process->pid, SIGKILL);
        (void)waitpid(process->pid, NULL, 0);
        process->pid = 0;
        process->stopped = false;
    }
}

void
sim_live_boot(SimHost *host)
{
    SimProcessState *process = sim_live_process(host);

    end_old(process); /* one whose host had no power */
    host->shadow = g_new0(SimShadow, 1);
    host->shadow->slots = orr_slotmap_new();
    host->shadow->members = g_array_new(FALSE, TRUE, sizeof(OrrMemberView));
    host->view = (OrrNodeView){.id = host->config.id,
                               .cluster = host->config.cluster,
                               .shard = host->config.shard,
                               .role = ORR_ROLE_REPLICA};
    (void)g_mkdir_with_parents(process->directory, 0755);
    sim_live_apply_cuts(host->world);
    spawn(host);
    process->ask_at = host->world->now_ns + 20 * ORR_NS_PER_MS;
}

/* ---- ends */

static void
forget(SimHost *host)
{
    if (host->shadow != NULL) {
        sim_live_drop_ask(host);
        orr_slotmap_free(host->shadow->slots);
        g_array_unref(host->shadow->members);
        g_free(host->shadow);
        host->shadow = NULL;
    }
}

void
sim_live_kill(SimHost *host, bool power)
{
    SimProcessState *process = sim_live_process(host);

    if (process->pid > 0 && power) {
        (void)kill(process->pid, SIGSTOP);
        process->stopped = true;
    } else {
        end_old(process);
    }
    forget(host);
}

/* An orderly end: everything synced, exit code 0, within STOP_MAX_MS. */
void
sim_live_stop(SimHost *host)
{
    SimProcessState *process = sim_live_process(host);
    int status = -1;

    if (process->pid <= 0) {
        return;
    }
    (void)kill(process->pid, SIGTERM);
    (void)kill(process->pid, SIGCONT);
    for (unsigned waited = 0; waited < STOP_MAX_MS; waited += 5) {
        if (waitpid(process->pid, &status, WNOHANG) == process->pid) {
            process->pid = 0;
            break;
        }
        g_usleep(5000);
    }
    if (process->pid != 0 || status != 0) {
        fprintf(stderr, "orrery: %s did not leave in order when it was asked to\n",
                host->spec->name);
        host->world->broken = true;
    }
}

void
sim_live_pause(SimHost *host, bool pause)
{
    SimProcessState *process = sim_live_process(host);

    (void)kill(process->pid, pause ? SIGSTOP : SIGCONT);
    process->stopped = pause;
    if (pause) {
        sim_live_drop_ask(host);
    } else {
        sim_live_ask(host);
    }
}

void
sim_live_wipe(SimHost *host, SimDiskFate fate)
{
    const char *folder = sim_live_process(host)->directory;
    GDir *directory = g_dir_open(folder, 0, NULL);
    const char *name;

    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        bool data = g_str_has_prefix(name, "log.") || g_str_has_prefix(name, "snapshot.");

        if (fate == SIM_DISK_LOSE_ALL || (fate == SIM_DISK_LOSE_DATA && data)) {
            (void)g_remove(path);
        }
    }
    if (directory != NULL) {
        g_dir_close(directory);
    }
}

void
sim_live_reap(SimWorld *world)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimProcessState *process = &world->live->processes[i];
        SimHost *host = &world->hosts[i];
        int status;

        if (process->pid <= 0 || waitpid(process->pid, &status, WNOHANG) != process->pid) {
            continue;
        }
        process->pid = 0;
        sim_live_take_lines(world); /* its last words */
        sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns,
                       "%s ended by itself, %s %d", host->spec->name,
                       WIFSIGNALED(status) ? "by signal" : "with exit code",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        world->broken = true;
        sim_host_kill(host, false);
    }
}
