#include "live_state.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define EVENTS_MAX 64
#define LOOK_EVERY 64u /* events of the world between two looks at sockets */
#define WAIT_MAX_NS (50 * ORR_NS_PER_MS)

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool
sim_live_interrupted(void)
{
    return interrupted != 0;
}

/* ---- time */

static OrrTime
clock_ns(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return now.tv_sec * ORR_NS_PER_S + now.tv_nsec;
}

OrrTime
sim_live_now(const SimWorld *world)
{
    return MAX(clock_ns(CLOCK_MONOTONIC) - world->live->start_ns, world->now_ns);
}

/* ---- descriptors */

void
sim_watch_begin(SimWatch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};

    if (epoll_ctl(watch->world->live->epoll, EPOLL_CTL_ADD, watch->fd, &event) != 0) {
        g_error("epoll: %s", g_strerror(errno));
    }
}

void
sim_watch_change(SimWatch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};

    (void)epoll_ctl(watch->world->live->epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

void
sim_watch_end(SimWatch *watch)
{
    if (watch->fd >= 0) {
        /* a child between fork and exec has it, too: closing alone would not end its events */
        (void)epoll_ctl(watch->world->live->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
        (void)close(watch->fd);
        watch->fd = -1;
        g_ptr_array_add(watch->world->live->graves, watch);
    }
}

static void
bury(SimLive *live)
{
    for (guint i = 0; i < live->graves->len; i++) {
        SimWatch *watch = g_ptr_array_index(live->graves, i);

        watch->release(watch);
    }
    g_ptr_array_set_size(live->graves, 0);
}

static void
look_at_sockets(SimWorld *world, OrrTime wait_ns)
{
    SimLive *live = world->live;
    struct epoll_event events[EVENTS_MAX];
    int wait_ms = (int)((wait_ns + ORR_NS_PER_MS - 1) / ORR_NS_PER_MS);
    int count = epoll_wait(live->epoll, events, EVENTS_MAX, wait_ms);

    world->now_ns = sim_live_now(world);
    for (int i = 0; i < count; i++) {
        SimWatch *watch = events[i].data.ptr;

        if (watch->fd >= 0) {
            watch->ready(watch, events[i].events);
        }
    }
    sim_live_tell_refused(world);
    sim_live_take_lines(world);
    sim_live_ask_due(world);
    sim_live_reap(world);
    bury(live);
}

bool
sim_live_step(SimWorld *world)
{
    SimLive *live = world->live;
    OrrTime due = MIN(sim_queue_peek_ns(world->queue), world->end_ns);
    OrrTime now = sim_live_now(world);

    if (interrupted) {
        return false;
    }
    world->now_ns = now;
    if (due > now || ++live->turn % LOOK_EVERY == 0) {
        OrrTime next = MIN(due, sim_live_ask_next_ns(world));
        bool at_once = due <= now || live->refused->len > 0;

        look_at_sockets(world, at_once ? 0 : CLAMP(next - now, 0, WAIT_MAX_NS));
        return true;
    }
    return sim_world_step(world);
}

/* ---- the world's questions */

SimHost *
sim_live_host_at(SimWorld *world, const OrrAddress *address)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (world->hosts[i].address.port == address->port) {
            return &world->hosts[i];
        }
    }
    return NULL;
}

bool
sim_live_serves(const SimHost *host, uint16_t slot, uint64_t *version)
{
    const OrrNodeView *view = &host->view;
    OrrTime now = sim_host_now(host).mono_ns;

    if (!sim_host_runs(host) || view->role != ORR_ROLE_PRIMARY || !view->serving ||
        view->lease_until_ns <= now ||
        !orr_slotmap_owns(host->shadow->slots, slot, &view->shard)) {
        return false;
    }
    *version = view->shard_epoch << 32 |
               (orr_slotmap_get(host->shadow->slots, slot).version & UINT32_MAX);
    return true;
}

/* ---- cuts */

static void
write_filter(SimHost *host)
{
    SimWorld *world = host->world;
    SimProcessState *process = sim_live_process(host);
    GString *text = g_string_new(NULL);

    for (uint32_t i = 0; i < world->host_count; i++) {
        const SimHost *other = &world->hosts[i];

        if (other == host || other->process == SIM_PROCESS_OFF) {
            continue; /* who is off is silent anyhow */
        }
        if (sim_network_is_cut(world->network, other->endpoint, host->endpoint)) {
            g_string_append_printf(text, "in 127.0.0.1:%u\n", other->address.bus_port);
        }
        if (sim_network_is_cut(world->network, host->endpoint, other->endpoint)) {
            g_string_append_printf(text, "out 127.0.0.1:%u\n", other->address.bus_port);
        }
    }
    if (process->cuts == NULL || strcmp(process->cuts, text->str) != 0) {
        (void)g_file_set_contents(process->filter, text->str, (gssize)text->len, NULL);
        if (process->pid > 0 && sim_host_lives(host)) {
            (void)kill(process->pid, SIGUSR2);
        }
        g_free(process->cuts);
        process->cuts = g_strdup(text->str);
    }
    g_string_free(text, TRUE);
}

void
sim_live_apply_cuts(SimWorld *world)
{
    if (world->live == NULL) {
        return;
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        write_filter(&world->hosts[i]);
    }
    sim_live_cut_sockets(world);
}

/* ---- birth and death */

void
sim_live_file(const SimHost *host, const char *name, char *path, size_t size)
{
    g_snprintf(path, (gulong)size, "%s/%s", sim_live_process(host)->directory, name);
}

void
sim_live_adopt(SimLive *live, SimWorld *world)
{
    OrrTime wall_ns = clock_ns(CLOCK_REALTIME);

    live->world = world;
    world->live = live;
    live->start_ns = clock_ns(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];

        host->address = live->processes[i].address;
        host->config.address = host->address;
        host->clock = sim_clock_new();
        host->clock.piece[SIM_HOST_CLOCK_MONO].base_ns = live->start_ns;
        host->clock.piece[SIM_HOST_CLOCK_WALL].base_ns = wall_ns;
    }
}

static bool
make_directory(SimLive *live, const char *wanted)
{
    g_autoptr(GError) error = NULL;

    live->keep = wanted != NULL;
    live->directory = wanted != NULL ? g_canonicalize_filename(wanted, NULL)
                                     : g_dir_make_tmp("orrery-live-XXXXXX", &error);
    if (live->directory == NULL || g_mkdir_with_parents(live->directory, 0755) != 0) {
        fprintf(stderr, "orrery: no directory for the nodes: %s\n",
                error != NULL ? error->message : g_strerror(errno));
        return false;
    }
    return true;
}

static char *
find_daemon(const char *wanted)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : g_strdup(".");
    g_autofree char *beside = g_build_filename(folder, "orreryd", NULL);

    if (wanted != NULL) {
        return g_file_test(wanted, G_FILE_TEST_IS_EXECUTABLE) ? g_strdup(wanted) : NULL;
    }
    return g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer(&beside)
                                                          : g_find_program_in_path("orreryd");
}

static void
catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void
remove_tree(const char *path)
{
    GDir *directory = g_dir_open(path, 0, NULL);
    const char *name;

    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR) &&
            !g_file_test(child, G_FILE_TEST_IS_SYMLINK)) {
            remove_tree(child);
        } else {
            (void)g_remove(child);
        }
    }
    if (directory != NULL) {
        g_dir_close(directory);
    }
    (void)g_rmdir(path);
}

SimLive *
sim_live_new(const SimScenario *scenario, const SimLiveOptions *options, int *exit_code)
{
    SimLive *live = g_new0(SimLive, 1);

    live->scenario = scenario;
    live->left_out = g_new0(bool, scenario->action_count + 1);
    live->processes = g_new0(SimProcessState, scenario->node_count + 1);
    live->connections = g_hash_table_new(g_int64_hash, g_int64_equal);
    live->graves = g_ptr_array_new();
    live->refused = g_array_new(FALSE, FALSE, sizeof(SimConnection));
    live->lines = g_array_new(FALSE, FALSE, sizeof(SimLogLine));
    live->epoll = epoll_create1(EPOLL_CLOEXEC);
    live->daemon = find_daemon(options->daemon);
    *exit_code = SIM_EXIT_HELD;
    if (!sim_live_check_limits(live, options->skip)) {
        *exit_code = SIM_EXIT_BAD_SCENARIO;
    } else if (live->daemon == NULL) {
        fprintf(stderr, "orrery: there is no program `%s`; --daemon names it\n",
                options->daemon != NULL ? options->daemon : "orreryd");
        *exit_code = SIM_EXIT_NO_FILE;
    } else if (live->epoll < 0 || !make_directory(live, options->directory) ||
               !sim_live_find_ports(live)) {
        *exit_code = SIM_EXIT_IO;
    }
    for (unsigned i = 0; *exit_code == SIM_EXIT_HELD && i < scenario->node_count; i++) {
        remove_tree(live->processes[i].directory); /* of a run before */
    }
    if (*exit_code != SIM_EXIT_HELD) {
        sim_live_free(live);
        return NULL;
    }
    catch_signals();
    return live;
}

static void
free_process(SimProcessState *process)
{
    if (process->copy != NULL) {
        (void)fclose(process->copy);
    }
    g_free(process->directory);
    g_free(process->filter);
    g_free(process->cuts);
    g_free(process->finals);
}

void
sim_live_end(SimLive *live)
{
    for (uint32_t i = 0; live != NULL && i < live->world->host_count; i++) {
        SimHost *host = &live->world->hosts[i];

        if (sim_host_lives(host)) {
            sim_live_stop(host);
        }
        sim_live_kill(host, false);
    }
}

static void
end_connections(SimLive *live)
{
    g_autoptr(GList) numbers = g_hash_table_get_keys(live->connections);

    for (GList *i = numbers; i != NULL; i = i->next) {
        sim_live_close(live->world, *(SimConnection *)i->data);
    }
    for (uint32_t i = 0; i < live->world->host_count; i++) {
        sim_live_kill(&live->world->hosts[i], false);
        if (live->processes[i].log != NULL) {
            sim_watch_end(live->processes[i].log);
        }
    }
}

void
sim_live_free(SimLive *live)
{
    if (live == NULL) {
        return;
    }
    if (live->world != NULL) {
        end_connections(live);
        bury(live);
    }
    for (unsigned i = 0; i < live->scenario->node_count; i++) {
        free_process(&live->processes[i]);
    }
    if (live->directory != NULL && !live->keep) {
        remove_tree(live->directory);
    }
    if (live->epoll >= 0) {
        (void)close(live->epoll);
    }
    for (guint i = 0; i < live->lines->len; i++) {
        g_free(g_array_index(live->lines, SimLogLine, i).text);
    }
    g_array_unref(live->lines);
    g_hash_table_unref(live->connections);
    g_array_unref(live->refused);
    g_ptr_array_unref(live->graves);
    g_free(live->processes);
    g_free(live->left_out);
    g_free(live->daemon);
    g_free(live->directory);
    g_free(live);
}
