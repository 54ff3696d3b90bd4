#include "disk_private.h"

static void
forget_waiting(SimHostDisk *disk)
{
    Waiting *waiting = NULL;

    while ((waiting = g_queue_pop_head(&disk->waiting)) != NULL) {
        g_ptr_array_add(disk->spare, waiting);
    }
    disk->group_count = 0;
    disk->life++;
}

/* What is in the kernel's hands when the process or the power goes: with a kill all that was
 * submitted, because a host has called write() before it goes on to its next effect; when the
 * power goes, what the device has begun. */
static void
finish_writes(SimHostDisk *disk, OrrTime now_ns, bool all)
{
    sim_disk_write_until(disk, now_ns);
    for (GList *link = disk->waiting.head; link != NULL; link = link->next) {
        Waiting *waiting = link->data;
        bool begun = all || (disk->group_count != 0 && waiting->begins_ns < now_ns);

        if (disk->group_count != 0) {
            disk->group_count--;
        }
        if (!waiting->written && begun) {
            sim_disk_write_one(disk, waiting);
        }
    }
}

void
sim_disk_kill(SimHostDisk *disk, OrrTime now_ns)
{
    finish_writes(disk, now_ns, true);
    forget_waiting(disk);
    memset(disk->newest, 0, sizeof disk->newest);
}

static void
keep_prefix(File *file, size_t size)
{
    g_byte_array_set_size(file->content, (guint)MIN(size, file->content->len));
    file->durable_size = file->content->len;
}

/* After the crash only what is durable exists. */
static void
settle_files(SimHostDisk *disk)
{
    for (unsigned i = disk->files->len; i-- > 0;) {
        File *file = sim_disk_file_at(disk, i);

        if (!file->exists_durably) {
            g_ptr_array_remove_index(disk->files, i);
        } else {
            file->removed = false;
            file->failed = false;
            keep_prefix(file, file->durable_size);
        }
    }
}

static void
keep_file(SimHostDisk *disk, File *file)
{
    if (file->removed) {
        g_ptr_array_remove(disk->files, file);
        return;
    }
    file->durable_size = file->content->len;
    file->exists_durably = true;
}

static bool
has_unsynced(const File *file)
{
    return file->removed || !file->exists_durably || file->content->len > file->durable_size;
}

/* A prefix of the unsynced bytes reaches the platter. */
static void
tear_file(File *file, OrrRng *rng)
{
    uint64_t unsynced = file->content->len - file->durable_size;

    if (!file->removed) {
        keep_prefix(file, file->durable_size + (size_t)orr_rng_below(rng, unsynced + 1));
        file->exists_durably = true;
    }
}

static void
crash_file(SimHostDisk *disk, File *file, SimPowerCutMode mode, OrrRng *rng)
{
    if (!has_unsynced(file)) {
        return;
    }
    switch (mode) {
    case SIM_POWER_LOSE:
        if (orr_rng_chance_ppm(rng, disk->model.torn_ppm)) {
            tear_file(file, rng);
        }
        break;
    case SIM_POWER_TEAR:
        tear_file(file, rng);
        break;
    case SIM_POWER_REORDER:
        if (orr_rng_below(rng, 2) == 0) {
            keep_file(disk, file);
        }
        break;
    case SIM_POWER_KEEP:
    case SIM_POWER_TEAR_AT:
        keep_file(disk, file);
        break;
    }
}

static void
crash_files(SimHostDisk *disk, SimPowerCutMode mode)
{
    OrrRng rng = orr_rng_new(sim_disk_draw(disk, disk->next_number++, DRAW_CRASH));

    for (unsigned i = disk->files->len; i-- > 0;) { /* a removal moves those behind it */
        crash_file(disk, sim_disk_file_at(disk, i), mode, &rng);
    }
    settle_files(disk);
}

/* Performs what was submitted up to the newest append to `kind`, and nothing after it. */
static void
write_up_to(SimHostDisk *disk, OrrFileKind kind)
{
    GList *last = NULL;

    for (GList *link = disk->waiting.head; link != NULL; link = link->next) {
        const Waiting *waiting = link->data;

        if (waiting->op.kind == kind && waiting->op.action == ORR_STORE_APPEND &&
            !waiting->written) {
            last = link;
        }
    }
    for (GList *link = disk->waiting.head; last != NULL; link = link->next) {
        Waiting *waiting = link->data;

        if (!waiting->written) {
            sim_disk_write_one(disk, waiting);
        }
        if (link == last) {
            return;
        }
    }
}

static void
tear_at(SimHostDisk *disk, const SimPowerCut *cut)
{
    write_up_to(disk, cut->kind);
    const Newest *newest = &disk->newest[cut->kind];
    File *file = sim_disk_find_file(disk, cut->kind, newest->generation);

    if (newest->size != 0 && file != NULL && !file->removed) {
        size_t before = file->content->len - newest->size;

        size_t size = before + MIN(cut->keep_size, newest->size);

        keep_prefix(file, MAX(size, file->durable_size)); /* what was synced stays */
        file->exists_durably = true;
    }
}

void
sim_disk_stop(SimHostDisk *disk, OrrTime now_ns)
{
    sim_disk_kill(disk, now_ns);
    crash_files(disk, SIM_POWER_KEEP);
}

void
sim_disk_power_cut(SimHostDisk *disk, OrrTime now_ns, const SimPowerCut *cut)
{
    sim_disk_write_until(disk, now_ns);
    if (cut->mode == SIM_POWER_TEAR || cut->mode == SIM_POWER_LOSE) {
        finish_writes(disk, now_ns, false); /* the write in flight is what is torn or lost */
    }
    if (cut->mode == SIM_POWER_TEAR_AT) {
        tear_at(disk, cut);
    }
    crash_files(disk, cut->mode);
    forget_waiting(disk);
    memset(disk->newest, 0, sizeof disk->newest);
}

size_t
sim_disk_newest_append_size(const SimHostDisk *disk, OrrFileKind kind)
{
    size_t size = disk->newest[kind].size;

    for (GList *link = disk->waiting.head; link != NULL; link = link->next) {
        const Waiting *waiting = link->data;

        if (!waiting->written && waiting->op.kind == kind &&
            waiting->op.action == ORR_STORE_APPEND) {
            size = waiting->bytes->len;
        }
    }
    return size;
}

void
sim_disk_wipe(SimHostDisk *disk, SimWipe what)
{
    for (unsigned i = disk->files->len; i-- > 0;) {
        OrrFileKind kind = sim_disk_file_at(disk, i)->kind;

        if (what == SIM_WIPE_ALL || kind == ORR_FILE_LOG || kind == ORR_FILE_SNAPSHOT) {
            g_ptr_array_remove_index(disk->files, i);
        }
    }
}

static uint64_t
size_of_kind(const SimHostDisk *disk, OrrFileKind kind)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < disk->files->len; i++) {
        const File *file = sim_disk_file_at(disk, i);

        size += file->kind == kind && !file->removed ? file->content->len : 0;
    }
    return size;
}

static void
flip_bit(SimHostDisk *disk, OrrFileKind kind, uint64_t bit)
{
    for (unsigned i = 0; i < disk->files->len; i++) {
        const File *file = sim_disk_file_at(disk, i);

        if (file->kind != kind || file->removed) {
            continue;
        }
        if (bit < (uint64_t)file->content->len * 8) {
            file->content->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            return;
        }
        bit -= (uint64_t)file->content->len * 8;
    }
}

uint32_t
sim_disk_rot(SimHostDisk *disk, OrrFileKind kind, uint32_t bits)
{
    OrrRng rng = orr_rng_new(sim_disk_draw(disk, disk->next_number++, DRAW_ROT));
    uint64_t size = size_of_kind(disk, kind);

    for (uint32_t i = 0; i < bits && size != 0; i++) {
        flip_bit(disk, kind, orr_rng_below(&rng, size * 8));
    }
    return size != 0 ? bits : 0;
}

static void
rot_at_boot(SimHostDisk *disk)
{
    OrrRng rng = orr_rng_new(sim_disk_draw(disk, disk->next_number++, DRAW_ROT));

    for (unsigned i = 0; i < disk->files->len; i++) {
        const File *file = sim_disk_file_at(disk, i);
        bool rots = orr_rng_chance_ppm(&rng, disk->model.bitrot_ppm);
        uint64_t bit = orr_rng_below(&rng, (uint64_t)file->content->len * 8 + 1);

        if (rots && bit < (uint64_t)file->content->len * 8) {
            file->content->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

const OrrFile *
sim_disk_boot(SimHostDisk *disk, size_t *file_count)
{
    rot_at_boot(disk);
    g_array_set_size(disk->boot_files, 0);
    for (unsigned i = 0; i < disk->files->len; i++) {
        const File *file = sim_disk_file_at(disk, i);
        OrrFile shown = {file->kind, file->generation,
                         orr_bytes(file->content->data, file->content->len)};

        if (!file->removed) {
            g_array_append_val(disk->boot_files, shown);
        }
    }
    *file_count = disk->boot_files->len;
    return (const OrrFile *)(void *)disk->boot_files->data;
}
