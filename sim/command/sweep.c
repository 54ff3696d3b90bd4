#include "sweep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTE_MAX 400u

/* What a child writes first; values follow, then the note. */
typedef struct Header {
    int exit_code;
    uint64_t digest;
    OrrTime virtual_ns;
    uint64_t events;
    double real_s;
    uint32_t value_count;
    uint32_t note_size;
} Header;

typedef struct Child {
    pid_t pid;
    int fd; /* -1: free */
    uint64_t index;
    GByteArray *bytes;
} Child;

typedef struct Sweep {
    const SimSweepPlan *plan;
    Child *children;
    GPtrArray *seeds; /* NULL where not yet done */
    uint64_t total;
    uint64_t started;
    uint64_t finished;
    uint64_t told; /* seeds that `done` was told of */
    uint64_t failed;
    bool stopping; /* start no more */
    bool ended;    /* tell no more */
} Sweep;

static void
seed_free(gpointer data)
{
    SimSweepSeed *seed = data;

    if (seed != NULL) {
        g_free(seed->values);
        g_free(seed->note);
        g_free(seed);
    }
}

static uint64_t
seed_at(const SimSweepPlan *plan, uint64_t index)
{
    return plan->first + plan->shard + index * plan->shards;
}

static void
write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t count = write(fd, at, size);
        if (count < 0 && errno != EINTR) {
            _exit(SIM_EXIT_IO);
        }
        at += MAX(count, 0);
        size -= (size_t)MAX(count, 0);
    }
}

static const char *
first_note(const SimRunResult *result)
{
    for (unsigned i = 0; i < result->measured_count; i++) {
        if (result->measured[i].verdict == SIM_VERDICT_FAILED &&
            result->measured[i].note != NULL) {
            return result->measured[i].note;
        }
    }
    return "";
}

static void
run_child(const SimScenario *scenario, uint64_t seed, int fd)
{
    SimRunOptions options = {.seed = seed, .output = SIM_OUTPUT_NONE, .verbosity = -1};
    SimRunResult result = {0};
    Header header = {0};
    const char *note = NULL;

    options.out = stdout;
    header.exit_code = sim_run(scenario, &options, &result);
    note = first_note(&result);
    header.digest = result.digest;
    header.virtual_ns = result.virtual_ns;
    header.events = result.events;
    header.real_s = result.real_s;
    header.value_count = result.measured_count;
    header.note_size = (uint32_t)MIN(strlen(note), NOTE_MAX);
    write_all(fd, &header, sizeof header);
    for (unsigned i = 0; i < result.measured_count; i++) {
        const SimMeasured *measured = &result.measured[i];
        SimSweepValue value;

        memset(&value, 0, sizeof value);
        g_strlcpy(value.text, measured->text, sizeof value.text);
        value.verdict = measured->verdict;
        value.has_value = measured->has_value;
        value.unit = measured->unit;
        value.value = measured->value;
        value.at_ns = measured->at_ns;
        write_all(fd, &value, sizeof value);
    }
    write_all(fd, note, header.note_size);
    _exit(0);
}

static bool
start_child(Sweep *self, Child *child)
{
    int ends[2];

    if (pipe(ends) != 0) {
        return false;
    }
    fflush(NULL);
    child->pid = fork();
    if (child->pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child->pid == 0) {
        close(ends[0]);
        run_child(self->plan->scenario, seed_at(self->plan, self->started), ends[1]);
    }
    close(ends[1]);
    child->fd = ends[0];
    child->index = self->started++;
    child->bytes = g_byte_array_new();
    return true;
}

static SimSweepSeed *
decode(const GByteArray *bytes)
{
    SimSweepSeed *seed = g_new0(SimSweepSeed, 1);
    Header header;
    size_t values = 0;

    if (bytes->len < sizeof header) {
        seed->signal = SIGKILL; /* until the parent knows better */
        return seed;
    }
    memcpy(&header, bytes->data, sizeof header);
    values = header.value_count * sizeof(SimSweepValue);
    if (bytes->len != sizeof header + values + header.note_size) {
        seed->signal = SIGKILL;
        return seed;
    }
    seed->exit_code = header.exit_code;
    seed->digest = header.digest;
    seed->virtual_ns = header.virtual_ns;
    seed->events = header.events;
    seed->real_s = header.real_s;
    seed->value_count = header.value_count;
    seed->values = g_malloc0(values + 1);
    memcpy(seed->values, bytes->data + sizeof header, values);
    seed->note =
        header.note_size == 0
            ? NULL
            : g_strndup((const char *)bytes->data + sizeof header + values, header.note_size);
    return seed;
}

static void
finish_child(Sweep *self, Child *child)
{
    SimSweepSeed *seed = decode(child->bytes);
    int status = 0;

    close(child->fd);
    child->fd = -1;
    g_byte_array_unref(child->bytes);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
        continue;
    }
    seed->seed = seed_at(self->plan, child->index);
    if (WIFSIGNALED(status)) {
        seed->signal = WTERMSIG(status);
    }
    if (seed->signal != 0) {
        seed->exit_code = SIM_EXIT_UNSAFE; /* a crash is the worst that can be seen */
    }
    self->finished++;
    self->failed += seed->exit_code != SIM_EXIT_HELD;
    self->stopping =
        self->stopping || (self->plan->stop_at_failure && seed->exit_code != SIM_EXIT_HELD);
    self->seeds->pdata[child->index] = seed;
}

/* Tells of finished seeds, as far as no earlier one is still under way. What ran beyond the
 * first failure, where that ends the sweep, depends on luck and is not told. */
static void
tell(Sweep *self)
{
    while (self->told < self->started && self->seeds->pdata[self->told] != NULL &&
           !self->ended) {
        const SimSweepSeed *seed = self->seeds->pdata[self->told];

        if (self->plan->done != NULL) {
            self->plan->done(seed, self->plan->context);
        }
        self->told++;
        self->ended = self->plan->stop_at_failure && seed->exit_code != SIM_EXIT_HELD;
    }
    if (self->plan->progress != NULL) {
        self->plan->progress(self->finished, self->total, self->failed, self->plan->context);
    }
}

static void
read_child(Sweep *self, Child *child)
{
    uint8_t buffer[65536];
    ssize_t count = read(child->fd, buffer, sizeof buffer);

    if (count > 0) {
        g_byte_array_append(child->bytes, buffer, (guint)count);
    } else if (count == 0 || errno != EINTR) {
        finish_child(self, child);
        tell(self);
    }
}

static bool
fill(Sweep *self)
{
    for (unsigned i = 0; i < self->plan->jobs; i++) {
        if (self->children[i].fd < 0 && self->started < self->total && !self->stopping &&
            !start_child(self, &self->children[i])) {
            fprintf(stderr, "orrery sweep: no process for a seed: %s\n", g_strerror(errno));
            return false;
        }
    }
    return true;
}

/* Waits until at least one child has said something; false: none is under way. */
static bool
wait_for_children(Sweep *self, struct pollfd *polls)
{
    unsigned active = 0;

    for (unsigned i = 0; i < self->plan->jobs; i++) {
        polls[i] = (struct pollfd){.fd = self->children[i].fd, .events = POLLIN};
        active += self->children[i].fd >= 0;
    }
    if (active == 0) {
        return false;
    }
    if (poll(polls, self->plan->jobs, -1) < 0) {
        return true; /* interrupted: look again */
    }
    for (unsigned i = 0; i < self->plan->jobs; i++) {
        if (self->children[i].fd >= 0 && (polls[i].revents & (POLLIN | POLLHUP)) != 0) {
            read_child(self, &self->children[i]);
        }
    }
    return true;
}

static uint64_t
count_seeds(const SimSweepPlan *plan)
{
    uint64_t seeds = plan->last - plan->first + 1;

    return seeds <= plan->shard ? 0 : (seeds - plan->shard + plan->shards - 1) / plan->shards;
}

GPtrArray *
sim_sweep(const SimSweepPlan *plan)
{
    Sweep self = {.plan = plan, .total = count_seeds(plan)};
    g_autofree struct pollfd *polls = g_new0(struct pollfd, plan->jobs);
    bool fine = true;

    self.children = g_new0(Child, plan->jobs);
    self.seeds = g_ptr_array_new_with_free_func(seed_free);
    g_ptr_array_set_size(self.seeds, (int)self.total);
    for (unsigned i = 0; i < plan->jobs; i++) {
        self.children[i].fd = -1;
    }
    do {
        fine = fine && fill(&self);
        self.stopping = self.stopping || !fine;
    } while (wait_for_children(&self, polls));
    g_free(self.children);
    g_ptr_array_set_size(self.seeds, (int)self.told);
    if (!fine) {
        g_ptr_array_unref(self.seeds);
        return NULL;
    }
    return self.seeds;
}
