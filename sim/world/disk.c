#include "disk_private.h"

#define PPM 1000000u
#define FACTOR_MAX 1000000u

__extension__ typedef unsigned __int128 Wide;

static uint64_t
mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t
sim_disk_draw(const SimHostDisk *disk, uint64_t number, DiskPurpose purpose)
{
    uint64_t position = number * DRAW_PURPOSES + (uint64_t)purpose + 1;

    return mix(disk->seed + position * UINT64_C(0x9e3779b97f4a7c15));
}

static bool
chance(uint64_t uniform, uint32_t ppm)
{
    return (uint64_t)(((Wide)uniform * PPM) >> 64) < ppm;
}

/* ------- files */

static void
file_free(void *data)
{
    File *file = data;

    g_byte_array_unref(file->content);
    g_free(file);
}

File *
sim_disk_find_file(const SimHostDisk *disk, OrrFileKind kind, uint32_t generation)
{
    for (unsigned i = 0; i < disk->files->len; i++) {
        File *file = sim_disk_file_at(disk, i);

        if (file->kind == kind && file->generation == generation) {
            return file;
        }
    }
    return NULL;
}

static File *
make_file(SimHostDisk *disk, OrrFileKind kind, uint32_t generation)
{
    File *file = g_new0(File, 1);
    unsigned place = 0;

    file->kind = kind;
    file->generation = generation;
    file->content = g_byte_array_new();
    while (place < disk->files->len &&
           (sim_disk_file_at(disk, place)->kind < kind ||
            (sim_disk_file_at(disk, place)->kind == kind &&
             sim_disk_file_at(disk, place)->generation < generation))) {
        place++;
    }
    g_ptr_array_insert(disk->files, (int)place, file);
    return file;
}

/* The file of an append, made if it is not there. */
static File *
file_to_write(SimHostDisk *disk, const SimDiskOp *op)
{
    File *file = sim_disk_find_file(disk, op->kind, op->generation);

    if (file == NULL) {
        file = make_file(disk, op->kind, op->generation);
    } else if (file->removed) { /* made anew under an old name: nothing of the old one stays */
        g_byte_array_set_size(file->content, 0);
        file->durable_size = 0;
        file->exists_durably = false;
        file->removed = false;
        file->failed = false;
    }
    return file;
}

static void
append(SimHostDisk *disk, const Waiting *waiting)
{
    const SimDiskOp *op = &waiting->op;
    File *file = file_to_write(disk, op);

    g_byte_array_append(file->content, waiting->bytes->data, waiting->bytes->len);
    disk->newest[op->kind] = (Newest){op->generation, waiting->bytes->len};
}

static void
remove_file(SimHostDisk *disk, const Waiting *waiting)
{
    File *file = sim_disk_find_file(disk, waiting->op.kind, waiting->op.generation);

    if (file == NULL) {
        return;
    }
    file->removed = true;
    if (!file->exists_durably) {
        g_ptr_array_remove(disk->files, file);
    }
}

static void
sync_file(SimHostDisk *disk, const SimDiskOp *op)
{
    File *file = sim_disk_find_file(disk, op->kind, op->generation);

    if (file == NULL || disk->model.sync_lies) {
        return;
    }
    if (file->removed) {
        g_ptr_array_remove(disk->files, file);
        return;
    }
    file->durable_size = file->content->len;
    file->exists_durably = true;
}

uint64_t
sim_disk_size(const SimHostDisk *disk)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < disk->files->len; i++) {
        size +=
            sim_disk_file_at(disk, i)->removed ? 0 : sim_disk_file_at(disk, i)->content->len;
    }
    return size;
}

/* ------- life */

SimDiskModel
sim_disk_model_default(void)
{
    return (SimDiskModel){
        .write_latency = sim_distribution_fixed(20 * ORR_NS_PER_US),
        .sync_latency = sim_distribution_fixed(ORR_NS_PER_MS),
        .queue_max = 65536,
        .slow_milli = 1000,
    };
}

SimHostDisk *
sim_disk_new(SimQueue *queue, uint64_t seed, const char *name, const SimDiskModel *model,
             SimDiskHandler handler, void *user)
{
    SimHostDisk *disk = g_new0(SimHostDisk, 1);
    char *stream = g_strdup_printf("disk %s", name);
    OrrRng rng = orr_rng_stream(seed, orr_bytes_of_string(stream));

    g_free(stream);
    disk->queue = queue;
    disk->handler = handler;
    disk->user = user;
    disk->seed = orr_rng_next(&rng);
    disk->files = g_ptr_array_new_with_free_func(file_free);
    disk->spare = g_ptr_array_new();
    disk->boot_files = g_array_new(FALSE, FALSE, sizeof(OrrFile));
    sim_disk_set_model(disk, model);
    return disk;
}

static void
waiting_free(void *data)
{
    Waiting *waiting = data;

    g_byte_array_unref(waiting->bytes);
    g_free(waiting);
}

void
sim_disk_free(SimHostDisk *disk)
{
    if (disk == NULL) {
        return;
    }
    g_queue_clear_full(&disk->waiting, waiting_free);
    g_ptr_array_set_free_func(disk->spare, waiting_free);
    g_ptr_array_free(disk->spare, TRUE);
    g_ptr_array_free(disk->files, TRUE);
    g_array_free(disk->boot_files, TRUE);
    g_free(disk);
}

void
sim_disk_set_model(SimHostDisk *disk, const SimDiskModel *model)
{
    disk->model = *model;
    disk->model.queue_max = MAX(model->queue_max, 1u);
    disk->model.slow_milli = CLAMP(model->slow_milli, 1u, FACTOR_MAX);
}

const SimDiskModel *
sim_disk_model(const SimHostDisk *disk)
{
    return &disk->model;
}

size_t
sim_disk_waiting(const SimHostDisk *disk)
{
    return disk->waiting.length;
}

/* ------- performing */

static OrrTime
slowed(const SimHostDisk *disk, int64_t ns)
{
    Wide slow = (Wide)(uint64_t)MAX(ns, 0) * disk->model.slow_milli / 1000;

    return (OrrTime)MIN(slow, (Wide)SIM_SAMPLE_MAX);
}

static OrrTime
write_ns(const SimHostDisk *disk, const Waiting *waiting)
{
    int64_t ns = sim_distribution_quantile(&disk->model.write_latency,
                                           sim_disk_draw(disk, waiting->number, DRAW_WRITE));

    ns = MAX(ns, 0);
    if (disk->model.bandwidth != 0) {
        Wide sending = (Wide)waiting->bytes->len * (Wide)ORR_NS_PER_S / disk->model.bandwidth;

        ns += (int64_t)MIN(sending, (Wide)SIM_SAMPLE_MAX);
    }
    return slowed(disk, ns);
}

static void
plan(SimHostDisk *disk, OrrTime at_ns)
{
    SimEvent event = {
        .at_ns = at_ns, .kind = SIM_EVENT_DISK, .arg = {disk->life}, .data = disk};

    (void)sim_queue_schedule(disk->queue, &event);
}

static void
plan_next(SimHostDisk *disk)
{
    const Waiting *head = g_queue_peek_head(&disk->waiting);

    plan(disk, head->written ? head->done_ns : head->written_ns);
}

/* Everything that waits now is one group: the writes one after the other, then one sync for
 * all of them. What wants no sync, and comes before what does, is done when it is written. */
static void
begin_group(SimHostDisk *disk, OrrTime now_ns)
{
    OrrTime at_ns = now_ns;
    bool syncs = false;
    uint64_t last = 0;

    for (GList *link = disk->waiting.head; link != NULL; link = link->next) {
        Waiting *waiting = link->data;

        waiting->begins_ns = at_ns;
        at_ns += write_ns(disk, waiting);
        waiting->written_ns = at_ns;
        syncs |= waiting->op.sync;
        waiting->done_ns = syncs ? ORR_NEVER : at_ns;
        last = waiting->number;
        disk->group_count++;
    }
    if (syncs) {
        at_ns += slowed(disk, sim_distribution_quantile(&disk->model.sync_latency,
                                                        sim_disk_draw(disk, last, DRAW_SYNC)));
    }
    for (GList *link = disk->waiting.head; link != NULL; link = link->next) {
        Waiting *waiting = link->data;

        waiting->done_ns = MIN(waiting->done_ns, at_ns);
    }
    plan_next(disk);
}

static Waiting *
take_spare(SimHostDisk *disk)
{
    if (disk->spare->len != 0) {
        return g_ptr_array_steal_index_fast(disk->spare, disk->spare->len - 1);
    }
    Waiting *waiting = g_new0(Waiting, 1);

    waiting->bytes = g_byte_array_new();
    return waiting;
}

OrrStatus
sim_disk_submit(SimHostDisk *disk, OrrTime now_ns, const SimDiskOp *op)
{
    if (disk->waiting.length >= disk->model.queue_max) {
        return ORR_FULL;
    }
    Waiting *waiting = take_spare(disk);
    GByteArray *bytes = waiting->bytes;

    g_byte_array_set_size(bytes, 0);
    if (op->bytes.size != 0) {
        g_byte_array_append(bytes, op->bytes.data, (guint)op->bytes.size);
    }
    *waiting = (Waiting){.op = *op, .bytes = bytes, .number = disk->next_number++};
    g_queue_push_tail(&disk->waiting, waiting);
    if (disk->group_count == 0 && !disk->completing) {
        begin_group(disk, now_ns);
    }
    return ORR_OK;
}

static SimDiskFault
fault_of(const SimHostDisk *disk, const Waiting *waiting)
{
    bool appends = waiting->op.action == ORR_STORE_APPEND;
    const File *file =
        appends ? sim_disk_find_file(disk, waiting->op.kind, waiting->op.generation) : NULL;

    if (file != NULL && file->failed && !file->removed) {
        return SIM_DISK_ERROR;
    }
    if (chance(sim_disk_draw(disk, waiting->number, DRAW_ERROR), disk->model.error_ppm)) {
        return SIM_DISK_ERROR;
    }
    if (appends && disk->model.capacity != 0 &&
        sim_disk_size(disk) + waiting->bytes->len > disk->model.capacity) {
        return SIM_DISK_FULL;
    }
    return SIM_DISK_FINE;
}

/* The write itself: from now on a process sees it. */
void
sim_disk_write_one(SimHostDisk *disk, Waiting *waiting)
{
    waiting->written = true;
    waiting->fault = fault_of(disk, waiting);
    if (waiting->fault != SIM_DISK_FINE) {
        if (waiting->op.action == ORR_STORE_APPEND) {
            file_to_write(disk, &waiting->op)->failed = true;
        }
        return;
    }
    if (waiting->op.action == ORR_STORE_APPEND) {
        append(disk, waiting);
    } else {
        remove_file(disk, waiting);
    }
}

static void
finish_one(SimHostDisk *disk, OrrTime now_ns)
{
    Waiting *waiting = g_queue_pop_head(&disk->waiting);
    SimDiskResult result = {.op = waiting->op.op,
                            .status = waiting->fault == SIM_DISK_FINE ? ORR_OK : ORR_IO,
                            .why = waiting->fault,
                            .at_ns = now_ns};

    disk->group_count--;
    if (waiting->op.sync && waiting->fault == SIM_DISK_FINE) {
        sync_file(disk, &waiting->op);
    }
    g_ptr_array_add(disk->spare, waiting);
    disk->handler(disk->user, disk, &result);
}

/* The writes that are over by now, in order; those behind them are not begun. */
void
sim_disk_write_until(SimHostDisk *disk, OrrTime now_ns)
{
    unsigned left = disk->group_count;

    for (GList *link = disk->waiting.head; left-- > 0; link = link->next) {
        Waiting *waiting = link->data;

        if (!waiting->written) {
            if (waiting->written_ns > now_ns) {
                return;
            }
            sim_disk_write_one(disk, waiting);
        }
    }
}

void
sim_disk_complete(SimHostDisk *disk, const SimEvent *event)
{
    OrrTime now_ns = event->at_ns;
    uint64_t life = disk->life;

    if (event->arg[0] != life) {
        return;
    }
    disk->completing = true; /* what the handler submits waits for the next group */
    sim_disk_write_until(disk, now_ns);
    while (disk->group_count != 0) {
        const Waiting *head = g_queue_peek_head(&disk->waiting);

        if (!head->written || head->done_ns > now_ns) {
            break;
        }
        finish_one(disk, now_ns);
        if (disk->life != life) { /* the handler crashed it */
            break;
        }
    }
    disk->completing = false;
    if (disk->group_count != 0) {
        plan_next(disk);
    } else if (disk->waiting.length != 0) {
        begin_group(disk, now_ns);
    }
}
