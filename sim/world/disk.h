/* disk.h - the disk of one simulated node: files that grow, and what a crash leaves of them.
 *
 *     submit --> queue --> page cache --sync--> platter
 *                  |           |                   |
 *       kill:   kept         kept                kept
 *       power:   lost     lost, torn or kept     kept
 *
 * Files are (kind, generation) as in event.h and only grow, or are removed. Operations complete
 * in the order in which they were submitted. A sync makes durable the file that it names, with
 * its existence or removal, and nothing else; what waits while a sync runs shares the next one
 * (group commit). Time is (write latency + size / bandwidth) for each operation and one sync
 * latency for each group, times the slow factor.
 *
 * The disk plans SIM_EVENT_DISK events in the caller's queue with itself in `data`; the caller
 * hands each of them to sim_disk_complete(), and gets the results by handler.
 *
 * Chance: operation k of a disk takes its draws from (seed, disk name, k, purpose).
 *
 * Failed writes leave nothing behind (the host truncates), and all later writes to that file
 * fail, until it is removed or the node restarts: effects.h. Memory: contents are held in
 * memory; grown buffers are kept. Threads: one user at a time.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <orrery/effects.h>

#include "distribution.h"
#include "queue.h"

typedef struct SimHostDisk SimHostDisk;

/* One operation, as the STORE effect gives it. */
typedef struct SimDiskOp {
    uint64_t op; /* the machine's number; told back in the result */
    OrrFileKind kind;
    uint32_t generation;
    OrrStoreAction action;
    bool sync;
    OrrBytes bytes; /* copied */
} SimDiskOp;

typedef enum SimDiskFault {
    SIM_DISK_FINE,
    SIM_DISK_FULL,  /* ENOSPC: the bytes would exceed `capacity` */
    SIM_DISK_ERROR, /* EIO */
} SimDiskFault;

typedef struct SimDiskResult {
    uint64_t op;
    OrrStatus status; /* ORR_OK or ORR_IO */
    SimDiskFault why;
    OrrTime at_ns;
} SimDiskResult;

typedef void (*SimDiskHandler)(void *user, SimHostDisk *disk, const SimDiskResult *result);

typedef struct SimDiskModel {
    SimDistribution write_latency; /* ns of each operation; negative counts as 0 */
    SimDistribution sync_latency;  /* ns of each group that wants a sync */
    uint64_t bandwidth;            /* bytes per second; 0: no limit */
    uint64_t capacity;             /* bytes of all files; 0: no limit */
    uint32_t queue_max;            /* operations waiting; at least 1 */
    uint32_t slow_milli;           /* times by which everything takes longer, x 1000 */
    uint32_t error_ppm;            /* operations that end with EIO */
    uint32_t torn_ppm;             /* chance that a power cut tears rather than loses */
    uint32_t bitrot_ppm;           /* chance, per file and boot, of one flipped bit */
    bool sync_lies;                /* syncs are reported done and make nothing durable */
} SimDiskModel;

/* write 20 us, sync 1 ms, no limits but 65,536 operations waiting, no faults. */
SimDiskModel sim_disk_model_default(void);

/* An empty disk. `name` and `seed` name its draws. `user` is handed to the handler. */
SimHostDisk *sim_disk_new(SimQueue *queue, uint64_t seed, const char *name,
                          const SimDiskModel *model, SimDiskHandler handler, void *user);
void sim_disk_free(SimHostDisk *disk);

/* How it behaves from the next group on. */
void sim_disk_set_model(SimHostDisk *disk, const SimDiskModel *model);
const SimDiskModel *sim_disk_model(const SimHostDisk *disk);

/* Takes an operation. The handler hears of it once, when it is done, unless the node crashes
 * first; also when op->op is 0.
 * ORR_OK, or ORR_FULL when queue_max are waiting: nothing changed. */
OrrStatus sim_disk_submit(SimHostDisk *disk, OrrTime now_ns, const SimDiskOp *op);

/* An event with this disk in `data` has come due: calls the handler for what is done. */
void sim_disk_complete(SimHostDisk *disk, const SimEvent *event);

/* Operations submitted and not done. */
size_t sim_disk_waiting(const SimHostDisk *disk);
/* Bytes of all files, as a process would see them. */
uint64_t sim_disk_size(const SimHostDisk *disk);

/* ------- crashes: what was waiting is never reported */

/* The process is killed: what it submitted is in the kernel's hands and is written, but never
 * reported. */
void sim_disk_kill(SimHostDisk *disk, OrrTime now_ns);

/* The process ends cleanly: what it submitted is written and synced. */
void sim_disk_stop(SimHostDisk *disk, OrrTime now_ns);

typedef enum SimPowerCutMode {
    SIM_POWER_LOSE,    /* everything unsynced is gone; or torn, with torn_ppm of the model */
    SIM_POWER_KEEP,    /* everything that was written is kept, as luck may have it */
    SIM_POWER_TEAR,    /* of each file a drawn prefix of the unsynced bytes is kept */
    SIM_POWER_TEAR_AT, /* exactly `keep_size` bytes of the newest append to a file of `kind` are
                          kept, with all that was submitted before it; nothing after it */
    SIM_POWER_REORDER, /* each file on its own keeps all its unsynced bytes or none: a later
                          write may survive an earlier one */
} SimPowerCutMode;

typedef struct SimPowerCut {
    SimPowerCutMode mode;
    OrrFileKind kind; /* TEAR_AT */
    size_t keep_size; /* TEAR_AT; more than the append holds keeps all of it */
} SimPowerCut;

/* The host loses power. Unsynced removals come undone where the bytes are lost. */
void sim_disk_power_cut(SimHostDisk *disk, OrrTime now_ns, const SimPowerCut *cut);

/* Bytes of the newest append to a file of `kind`, done or waiting, 0 when there is none since
 * the last crash: a scenario that sweeps TEAR_AT goes from 0 to this. */
size_t sim_disk_newest_append_size(const SimHostDisk *disk, OrrFileKind kind);

typedef enum SimWipe {
    SIM_WIPE_ALL,  /* a new disk */
    SIM_WIPE_DATA, /* LOG and SNAPSHOT go; STATE and CONFIG, the identity, stay */
} SimWipe;

void sim_disk_wipe(SimHostDisk *disk, SimWipe what);

/* Flips `bits` drawn bits in files of `kind`, 0 when they are empty. Returns how many. */
uint32_t sim_disk_rot(SimHostDisk *disk, OrrFileKind kind, uint32_t bits);

/* ------- restart */

/* What is on the disk, sorted by kind and generation, for BOOT; lent until the next call on
 * this disk. Applies bitrot_ppm. */
const OrrFile *sim_disk_boot(SimHostDisk *disk, size_t *file_count);

#endif
