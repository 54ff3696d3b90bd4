/* disk_private.h - what disk.c (files, performing) and disk_crash.c (crashes, rot, restart)
 * share, and nobody else includes. */
#ifndef SIM_DISK_PRIVATE_H
#define SIM_DISK_PRIVATE_H

#include <glib.h>

#include "disk.h"

typedef struct File {
    OrrFileKind kind;
    uint32_t generation;
    GByteArray *content; /* as a process sees it */
    size_t durable_size; /* of it, what survives a power cut */
    bool exists_durably; /* after a power cut the file is there */
    bool failed;         /* a write to it failed, so all later ones do: no holes */
    bool removed; /* as a process sees it; undone by a power cut where it exists durably */
} File;

/* An operation that waits, or is being performed. */
typedef struct Waiting {
    SimDiskOp op; /* op.bytes.data is replaced by `bytes` */
    GByteArray *bytes;
    uint64_t number; /* names its draws */
    OrrTime begins_ns;
    OrrTime written_ns;
    OrrTime done_ns;
    SimDiskFault fault;
    bool written; /* in the page cache */
} Waiting;

/* What the newest append to each kind did, for tearing it afterwards. */
typedef struct Newest {
    uint32_t generation;
    size_t size;
} Newest;

struct SimHostDisk {
    SimQueue *queue;
    SimDiskModel model;
    SimDiskHandler handler;
    void *user;
    uint64_t seed;
    uint64_t next_number;
    GPtrArray *files; /* File, sorted by kind and generation */
    GQueue waiting;   /* Waiting, in order of submission */
    GPtrArray *spare; /* Waiting, for use again */
    bool completing;
    unsigned group_count; /* the first so many of `waiting` are being performed */
    uint64_t life;        /* counts crashes: events of an earlier one are void */
    Newest newest[ORR_FILE_KINDS];
    GArray *boot_files; /* OrrFile */
};

typedef enum DiskPurpose {
    DRAW_WRITE,
    DRAW_SYNC,
    DRAW_ERROR,
    DRAW_CRASH,
    DRAW_ROT,
    DRAW_PURPOSES = 8,
} DiskPurpose;

/* A draw of operation or crash `number`. */
uint64_t sim_disk_draw(const SimHostDisk *disk, uint64_t number, DiskPurpose purpose);
/* NULL when there is none; one that is removed is found. */
File *sim_disk_find_file(const SimHostDisk *disk, OrrFileKind kind, uint32_t generation);
/* The write itself: from now on a process sees it. */
void sim_disk_write_one(SimHostDisk *disk, Waiting *waiting);
/* The writes of the group that are over by now, in order; those behind them are not begun. */
void sim_disk_write_until(SimHostDisk *disk, OrrTime now_ns);

static inline File *
sim_disk_file_at(const SimHostDisk *disk, unsigned index)
{
    return g_ptr_array_index(disk->files, index);
}

#endif
