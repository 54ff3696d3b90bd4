/* files.h - the files of a node in a directory: `state.1`, `log.7`, ... and a lock.
 *
 * Writes are done in the order in which they were asked for, many at a time: what is queued
 * while a sync is under way goes out together after it (group commit). Syncs and removals run
 * on another thread; writes that need none are done before the loop waits, unless a sync is
 * under way. A write that failed is cut off again, and its file takes no more: what follows a
 * gap could not be read back.
 *
 * Memory: LIVE_FILES_QUEUE_MAX bytes of writes at most wait; more fail. Threads: the loop's.
 */
#ifndef LIVE_FILES_H
#define LIVE_FILES_H

#include <orrery/effects.h>

#include "histogram.h"
#include "loop.h"

#define LIVE_FILES_QUEUE_MAX (256u << 20) /* bytes */

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
/* Does, or begins, what is queued; before the loop waits. Calls stored(). */
void live_files_flush(LiveFiles *files);
typedef struct LiveFilesStatistics {
    uint64_t written;     /* bytes, of all files */
    uint64_t log_written; /* of those, of the log of writes */
    uint64_t errors;      /* stores that failed */
    uint64_t queued;      /* bytes that wait now */
    LiveHistogram syncs;
} LiveFilesStatistics;

/* As of the last batch that ended. */
LiveFilesStatistics live_files_statistics(const LiveFiles *files);
/* Nothing is queued or under way. */
bool live_files_idle(const LiveFiles *files);
/* Syncs every file; only when idle. False: one could not be. */
bool live_files_sync(LiveFiles *files);

#endif
