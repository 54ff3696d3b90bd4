/* files_private.h - what the files of files*.c share. */
#ifndef LIVE_FILES_PRIVATE_H
#define LIVE_FILES_PRIVATE_H

#include <glib.h>
#include <sys/types.h>

#include "files.h"

extern const char *const live_file_kinds[ORR_FILE_KINDS];

/* A file that is written to. */
typedef struct File {
    uint64_t key; /* kind and generation */
    int fd;       /* -1: it could not be opened */
    off_t size;
    int error;        /* errno: it takes no more */
    unsigned waiting; /* stores of it whose results are not told yet */
    bool dirty;       /* written, not synced */
} File;

typedef struct Store {
    uint64_t op;
    OrrFileKind kind;
    uint32_t generation;
    OrrStoreAction action;
    bool sync;
    size_t size;
    OrrStatus status;
    File *file; /* of an append that is written */
} Store;

/* One visit to the other thread: syncs, and closing what was removed, which may take long. */
typedef struct SyncItem {
    File *file;
    int error;
    OrrTime took_ns;
} SyncItem;

typedef struct SyncJob {
    GArray *stores;  /* of Store: those whose results it brings, in order */
    GArray *items;   /* of SyncItem: their files */
    GPtrArray *gone; /* of File, removed */
    bool directory;  /* has new names */
    int directory_error;
} SyncJob;

struct LiveFiles {
    LiveLoop *loop;
    void (*stored)(void *user, uint64_t op, OrrStatus status);
    void *user;
    int directory;
    int lock;
    GHashTable *open; /* of File */
    bool directory_dirty;
    GArray *queue;     /* of Store: asked for, not written yet */
    GByteArray *bytes; /* of the queue, one after the other */
    GArray *done;      /* of Store: results to be told */
    GArray *told;      /* the list that is being told */
    SyncJob next;
    SyncJob running;
    bool under_way;
    LiveFilesStatistics statistics;
    GArray *loaded; /* of OrrFile */
};

#endif
