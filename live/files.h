/* files.h - the files of a node in a directory: `state.1`, `log.7`, ... and a lock.
 *
 * Writes go to the kernel in the order in which they were asked for, many in one call, before
 * anything that was asked for later leaves the process: a killed process has written whatever
 * it acknowledged. Syncs are done on another thread, so that a slow disk stalls nobody; what
 * wants one while one is under way shares the next (group commit). A write that failed is cut
 * off again, and its file takes no more: what follows a gap could not be read back.
 *
 * Memory: nothing waits but results. Threads: the loop's.
 */
#ifndef LIVE_FILES_H
#define LIVE_FILES_H

#include <orrery/effects.h>

#include "histogram.h"
#include "loop.h"

#define LIVE_FILES_GATHER_MAX (1u << 20) /* bytes that are gathered for one write */

typedef struct LiveFiles LiveFiles;

/* Makes the directory if it is missing and locks it. NULL: *why, owned by the caller. */
LiveFiles *live_files_new(LiveLoop *loop, const char *directory,
                          void (*stored)(void *user, uint64_t op, OrrStatus status), void *user,
                          char **why);
void live_files_free(LiveFiles *files);
/* What the directory holds, in memory until live_files_unload(). False: *why. */
bool live_files_load(LiveFiles *files, const OrrFile **list, size_t *count, char **why);
void live_files_unload(LiveFiles *files);
/* Queues a STORE effect. */
void live_files_store(LiveFiles *files, const OrrEffect *effect);
/* Writes what is queued; calls nobody. */
void live_files_write(LiveFiles *files);
/* The same, begins what is to be synced, and tells results by stored(): before the loop waits
 * or sends. */
void live_files_flush(LiveFiles *files);
typedef struct LiveFilesStatistics {
    uint64_t written;     /* bytes, of all files */
    uint64_t log_written; /* of those, of the log of writes */
    uint64_t errors;      /* stores that failed */
    uint64_t queued;      /* bytes that are written, and wait for a sync now */
    LiveHistogram syncs;
} LiveFilesStatistics;

LiveFilesStatistics live_files_statistics(const LiveFiles *files);
/* Nothing is queued or under way. */
bool live_files_idle(const LiveFiles *files);
/* Syncs every file; only when idle. False: one could not be. */
bool live_files_sync(LiveFiles *files);

#endif
