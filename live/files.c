#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 32u

static const char *const KIND_NAMES[ORR_FILE_KINDS] = {"state", "config", "log", "snapshot"};

typedef struct File {
    uint64_t key; /* kind and generation */
    int fd;
    off_t size;
    bool failed;
    bool dirty; /* written, not synced */
} File;

typedef struct Store {
    uint64_t op;
    OrrFileKind kind;
    uint32_t generation;
    OrrStoreAction action;
    bool sync;
    bool refused; /* its bytes found no room */
    size_t size;
    OrrStatus status;
} Store;

typedef struct Batch {
    GArray *stores;    /* of Store */
    GByteArray *bytes; /* of the stores, one after the other */
    bool slow;         /* has syncs or removals: for the other thread */
} Batch;

/* `open` and `directory_dirty` belong to whoever runs a batch; there is one at a time. */
struct LiveFiles {
    LiveLoop *loop;
    void (*stored)(void *user, uint64_t op, OrrStatus status);
    void *user;
    int directory;
    int lock;
    GHashTable *open; /* of File */
    bool directory_dirty;
    Batch *queue;
    Batch *running;
    bool under_way;
    LiveHistogram syncs;      /* of whoever runs a batch */
    LiveFilesStatistics told; /* as of the last batch that ended */
    GArray *loaded;           /* of OrrFile */
};

static uint64_t
key_of(OrrFileKind kind, uint32_t generation)
{
    return (uint64_t)kind << 32 | generation;
}

static void
file_name(OrrFileKind kind, uint32_t generation, char *name)
{
    g_snprintf(name, NAME_SIZE, "%s.%u", KIND_NAMES[kind], generation);
}

static Batch *
batch_new(void)
{
    Batch *batch = g_new0(Batch, 1);

    batch->stores = g_array_new(FALSE, FALSE, sizeof(Store));
    batch->bytes = g_byte_array_new();
    return batch;
}

static void
batch_free(Batch *batch)
{
    g_array_unref(batch->stores);
    g_byte_array_unref(batch->bytes);
    g_free(batch);
}

static void
free_file(gpointer data)
{
    File *file = data;

    (void)close(file->fd);
    g_free(file);
}

/* Running a batch, on either thread */

static File *
open_file(LiveFiles *files, OrrFileKind kind, uint32_t generation)
{
    uint64_t key = key_of(kind, generation);
    File *file = g_hash_table_lookup(files->open, &key);
    char name[NAME_SIZE];
    struct stat status;
    int fd;

    if (file != NULL) {
        return file;
    }
    file_name(kind, generation, name);
    fd = openat(files->directory, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        return NULL;
    }
    if (fstat(fd, &status) < 0) {
        (void)close(fd);
        return NULL;
    }
    file = g_new0(File, 1);
    *file = (File){.key = key, .fd = fd, .size = status.st_size};
    files->directory_dirty = true;
    g_hash_table_insert(files->open, &file->key, file);
    return file;
}

static bool
write_all(File *file, const uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t written = write(file->fd, data + done, size - done);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            (void)!ftruncate(file->fd, file->size); /* no half entry in the middle of a file */
            return false;
        }
        done += (size_t)written;
    }
    file->size += (off_t)size;
    file->dirty = file->dirty || size > 0;
    return true;
}

static bool
sync_file(LiveFiles *files, File *file)
{
    if (files->directory_dirty) {
        if (fsync(files->directory) < 0) {
            return false;
        }
        files->directory_dirty = false;
    }
    OrrTime begun_ns = live_loop_now().mono_ns;

    if (fdatasync(file->fd) < 0) {
        return false;
    }
    live_histogram_add(&files->syncs, live_loop_now().mono_ns - begun_ns);
    file->dirty = false;
    return true;
}

/* Appends of one file that follow each other: one write, and one sync for all of them. */
static OrrStatus
append_run(LiveFiles *files, const Store *first, const uint8_t *data, size_t size, bool sync)
{
    File *file = open_file(files, first->kind, first->generation);

    if (file == NULL) {
        return ORR_IO;
    }
    file->failed = file->failed || first->refused;
    if (file->failed || !write_all(file, data, size) || (sync && !sync_file(files, file))) {
        file->failed = true;
        return ORR_IO;
    }
    return ORR_OK;
}

static OrrStatus
remove_file(LiveFiles *files, const Store *store)
{
    uint64_t key = key_of(store->kind, store->generation);
    char name[NAME_SIZE];

    (void)g_hash_table_remove(files->open, &key);
    file_name(store->kind, store->generation, name);
    return unlinkat(files->directory, name, 0) == 0 || errno == ENOENT ? ORR_OK : ORR_IO;
}

static bool
same_file(const Store *a, const Store *b)
{
    return !a->refused && !b->refused && a->kind == b->kind && a->generation == b->generation &&
           a->action == ORR_STORE_APPEND && b->action == ORR_STORE_APPEND;
}

static void
run_batch(void *user)
{
    LiveFiles *files = user;
    Batch *batch = files->running;
    size_t offset = 0;
    guint next;

    for (guint i = 0; i < batch->stores->len; i = next) {
        Store *first = &g_array_index(batch->stores, Store, i);
        size_t size = first->size;
        bool sync = first->sync;
        OrrStatus status;

        for (next = i + 1; next < batch->stores->len &&
                           same_file(first, &g_array_index(batch->stores, Store, next));
             next++) {
            size += g_array_index(batch->stores, Store, next).size;
            sync = sync || g_array_index(batch->stores, Store, next).sync;
        }
        status = first->action == ORR_STORE_REMOVE
                     ? remove_file(files, first)
                     : append_run(files, first, batch->bytes->data + offset, size, sync);
        offset += size;
        for (guint j = i; j < next; j++) {
            g_array_index(batch->stores, Store, j).status = status;
        }
    }
}

/* On the loop's thread */

static void
count_store(LiveFiles *files, const Store *store)
{
    if (store->status != ORR_OK) {
        files->told.errors++;
    } else if (store->action == ORR_STORE_APPEND) {
        files->told.written += store->size;
        files->told.log_written += store->kind == ORR_FILE_LOG ? store->size : 0;
    }
}

static void
tell_stored(void *user)
{
    LiveFiles *files = user;
    Batch *batch = files->running;

    files->under_way = false;
    files->told.syncs = files->syncs;
    for (guint i = 0; i < batch->stores->len; i++) {
        Store store = g_array_index(batch->stores, Store, i);

        count_store(files, &store);
        if (store.op != 0) {
            files->stored(files->user, store.op, store.status);
        }
    }
    g_array_set_size(batch->stores, 0);
    g_byte_array_set_size(batch->bytes, 0);
    batch->slow = false;
}

void
live_files_store(LiveFiles *files, const OrrEffect *effect)
{
    OrrBytes bytes = effect->store.bytes;
    Store store = {.op = effect->store.op,
                   .kind = effect->store.kind,
                   .generation = effect->store.generation,
                   .action = effect->store.action,
                   .sync = effect->store.sync,
                   .size = bytes.size};

    g_assert((unsigned)store.kind < ORR_FILE_KINDS);
    if (files->queue->bytes->len + bytes.size > LIVE_FILES_QUEUE_MAX) {
        /* the disk hangs: bytes are missing from this file, so it is told to fail */
        store.size = 0;
        store.refused = true;
    } else if (bytes.size > 0) {
        g_byte_array_append(files->queue->bytes, bytes.data, (guint)bytes.size);
    }
    files->queue->slow = files->queue->slow || store.sync || store.action == ORR_STORE_REMOVE;
    g_array_append_val(files->queue->stores, store);
}

void
live_files_flush(LiveFiles *files)
{
    Batch *batch = files->queue;

    if (files->under_way || batch->stores->len == 0) {
        return;
    }
    files->queue = files->running;
    files->running = batch;
    files->under_way = true;
    if (batch->slow) {
        live_loop_work(files->loop, run_batch, tell_stored, files);
    } else {
        run_batch(files);
        tell_stored(files);
    }
}

LiveFilesStatistics
live_files_statistics(const LiveFiles *files)
{
    LiveFilesStatistics statistics = files->told;

    statistics.queued = files->queue->bytes->len;
    return statistics;
}

bool
live_files_idle(const LiveFiles *files)
{
    return !files->under_way && files->queue->stores->len == 0;
}

bool
live_files_sync(LiveFiles *files)
{
    GHashTableIter iter;
    gpointer value;
    bool well = true;

    g_hash_table_iter_init(&iter, files->open);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        File *file = value;

        if (file->dirty && !sync_file(files, file)) {
            well = false;
        }
    }
    return well;
}

/* Reading at start */

static bool
parse_name(const char *name, OrrFile *file)
{
    for (unsigned kind = 0; kind < ORR_FILE_KINDS; kind++) {
        size_t size = strlen(KIND_NAMES[kind]);
        guint64 generation;

        if (strncmp(name, KIND_NAMES[kind], size) == 0 && name[size] == '.' &&
            g_ascii_string_to_unsigned(name + size + 1, 10, 1, UINT32_MAX, &generation, NULL)) {
            file->kind = (OrrFileKind)kind;
            file->generation = (uint32_t)generation;
            return true;
        }
    }
    return false;
}

static bool
map_file(const LiveFiles *files, const char *name, OrrFile *file, char **why)
{
    int fd = openat(files->directory, name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *data = NULL;

    if (fd < 0 || fstat(fd, &status) < 0) {
        *why = g_strdup_printf("cannot open %s: %s", name, g_strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    file->content = ORR_BYTES_EMPTY;
    if (status.st_size > 0) {
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (data == MAP_FAILED) {
            *why = g_strdup_printf("cannot read %s: %s", name, g_strerror(errno));
            (void)close(fd);
            return false;
        }
        file->content = orr_bytes(data, (size_t)status.st_size);
    }
    (void)close(fd);
    return true;
}

bool
live_files_load(LiveFiles *files, const OrrFile **list, size_t *count, char **why)
{
    DIR *directory = fdopendir(dup(files->directory));
    bool well = directory != NULL;

    if (!well) {
        *why = g_strdup_printf("cannot read the directory: %s", g_strerror(errno));
        return false;
    }
    for (struct dirent *entry = readdir(directory); well && entry != NULL;
         entry = readdir(directory)) {
        OrrFile file = {0};

        if (parse_name(entry->d_name, &file)) {
            well = map_file(files, entry->d_name, &file, why);
            if (well) {
                g_array_append_val(files->loaded, file);
            }
        }
    }
    (void)closedir(directory);
    *list = (const OrrFile *)(const void *)files->loaded->data;
    *count = files->loaded->len;
    return well;
}

void
live_files_unload(LiveFiles *files)
{
    for (guint i = 0; i < files->loaded->len; i++) {
        OrrBytes content = g_array_index(files->loaded, OrrFile, i).content;

        if (content.size > 0) {
            (void)munmap((void *)(uintptr_t)content.data, content.size);
        }
    }
    g_array_set_size(files->loaded, 0);
}

/* Birth and death */

static bool
lock_directory(LiveFiles *files, const char *directory, char **why)
{
    files->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->directory < 0) {
        *why = g_strdup_printf("cannot open %s: %s", directory, g_strerror(errno));
        return false;
    }
    files->lock = openat(files->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (files->lock < 0) {
        *why = g_strdup_printf("cannot write in %s: %s", directory, g_strerror(errno));
        return false;
    }
    if (flock(files->lock, LOCK_EX | LOCK_NB) < 0) {
        *why = g_strdup_printf("%s is in use by another node", directory);
        return false;
    }
    return true;
}

LiveFiles *
live_files_new(LiveLoop *loop, const char *directory,
               void (*stored)(void *user, uint64_t op, OrrStatus status), void *user,
               char **why)
{
    LiveFiles *files = g_new0(LiveFiles, 1);

    *files = (LiveFiles){.loop = loop, .stored = stored, .user = user};
    files->directory = files->lock = -1;
    files->open = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_file);
    files->queue = batch_new();
    files->running = batch_new();
    files->loaded = g_array_new(FALSE, FALSE, sizeof(OrrFile));
    if (g_mkdir_with_parents(directory, 0750) < 0) {
        *why = g_strdup_printf("cannot make %s: %s", directory, g_strerror(errno));
    } else if (lock_directory(files, directory, why)) {
        return files;
    }
    live_files_free(files);
    return NULL;
}

void
live_files_free(LiveFiles *files)
{
    if (files == NULL) {
        return;
    }
    live_files_unload(files);
    g_hash_table_unref(files->open);
    batch_free(files->queue);
    batch_free(files->running);
    g_array_unref(files->loaded);
    if (files->directory >= 0) {
        (void)close(files->directory);
    }
    if (files->lock >= 0) {
        (void)close(files->lock);
    }
    g_free(files);
}
