#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files_private.h"
#include "log.h"

#define NAME_SIZE 32u
#define BUFFER_KEPT (1u << 20) /* bytes */
#define ROUNDS_MAX 16u         /* of results that lead to stores, before the loop waits */

const char *const live_file_kinds[ORR_FILE_KINDS] = {"state", "config", "log", "snapshot"};

static uint64_t
key_of(OrrFileKind kind, uint32_t generation)
{
    return (uint64_t)kind << 32 | generation;
}

static void
file_name(uint64_t key, char *name)
{
    g_snprintf(name, NAME_SIZE, "%s.%u", live_file_kinds[key >> 32], (uint32_t)key);
}

static void
free_file(gpointer data)
{
    File *file = data;

    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    g_free(file);
}

/* From now on nothing is written to it: what follows a gap could not be read back. */
static void
fail_file(File *file, const char *what, int error)
{
    char name[NAME_SIZE];

    if (file->error == 0) {
        file_name(file->key, name);
        live_log(LIVE_LOG_WARNING, "cannot %s %s: %s", what, name, g_strerror(error));
        file->error = error;
    }
}

/* Writing, on the loop's thread */

static void
open_fd(LiveFiles *files, File *file)
{
    char name[NAME_SIZE];
    struct stat status;

    file_name(file->key, name);
    file->fd = openat(files->directory, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (file->fd < 0 || fstat(file->fd, &status) < 0) {
        fail_file(file, "open", errno);
        return;
    }
    file->size = status.st_size;
    files->directory_dirty = true;
}

static File *
find_or_open(LiveFiles *files, OrrFileKind kind, uint32_t generation)
{
    uint64_t key = key_of(kind, generation);
    File *file = g_hash_table_lookup(files->open, &key);

    if (file == NULL) {
        file = g_new0(File, 1);
        file->key = key;
        open_fd(files, file);
        g_hash_table_insert(files->open, &file->key, file);
    }
    return file;
}

static void
write_all(File *file, const uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size && file->error == 0) {
        ssize_t written = write(file->fd, data + done, size - done);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            fail_file(file, "write", written < 0 ? errno : ENOSPC);
            (void)!ftruncate(file->fd, file->size); /* no half entry in the middle of a file */
            return;
        }
        done += (size_t)written;
    }
    if (file->error == 0) {
        file->size += (off_t)size;
        file->dirty = file->dirty || size > 0;
    }
}

/* The name goes at once; the bytes go when the other thread closes the file. */
static OrrStatus
remove_file(LiveFiles *files, const Store *store)
{
    uint64_t key = key_of(store->kind, store->generation);
    File *file = g_hash_table_lookup(files->open, &key);
    char name[NAME_SIZE];

    file_name(key, name);
    if (file != NULL) {
        g_hash_table_steal(files->open, &key);
    } else {
        file = g_new0(File, 1);
        file->key = key;
        file->fd = openat(files->directory, name, O_RDONLY | O_CLOEXEC);
    }
    g_ptr_array_add(files->next.gone, file);
    return unlinkat(files->directory, name, 0) == 0 || errno == ENOENT ? ORR_OK : ORR_IO;
}

static void
count_store(LiveFiles *files, const Store *store)
{
    if (store->status != ORR_OK) {
        files->statistics.errors++;
    } else if (store->action == ORR_STORE_APPEND) {
        files->statistics.written += store->size;
        files->statistics.log_written += store->kind == ORR_FILE_LOG ? store->size : 0;
    }
}

/* Results of one file are told in the order of its stores. */
static void
settle(LiveFiles *files, Store *store)
{
    if (store->action == ORR_STORE_APPEND &&
        (store->file->waiting > 0 || (store->sync && store->status == ORR_OK))) {
        store->file->waiting++;
        files->statistics.queued += store->size;
        g_array_append_val(files->next.stores, *store);
        return;
    }
    count_store(files, store);
    if (store->op != 0) {
        g_array_append_val(files->done, *store);
    }
}

static bool
same_file(const Store *a, const Store *b)
{
    return a->kind == b->kind && a->generation == b->generation &&
           a->action == ORR_STORE_APPEND && b->action == ORR_STORE_APPEND;
}

/* Appends to one file that follow each other are one write. Returns the first after them. */
static guint
write_run(LiveFiles *files, guint first, const uint8_t *data, size_t *size)
{
    Store *store = &g_array_index(files->queue, Store, first);
    guint next = first + 1;
    File *file;

    *size = store->size;
    if (store->action == ORR_STORE_REMOVE) {
        store->status = remove_file(files, store);
        settle(files, store);
        return next;
    }
    while (next < files->queue->len &&
           same_file(store, &g_array_index(files->queue, Store, next))) {
        *size += g_array_index(files->queue, Store, next++).size;
    }
    file = find_or_open(files, store->kind, store->generation);
    write_all(file, data, *size);
    for (guint i = first; i < next; i++) {
        store = &g_array_index(files->queue, Store, i);
        store->file = file;
        store->status = file->error == 0 ? ORR_OK : ORR_IO;
        settle(files, store);
    }
    return next;
}

void
live_files_write(LiveFiles *files)
{
    size_t offset = 0;
    size_t size;

    for (guint i = 0; i < files->queue->len;) {
        i = write_run(files, i, files->bytes->data + offset, &size);
        offset += size;
    }
    g_array_set_size(files->queue, 0);
    if (files->bytes->len > BUFFER_KEPT) {
        g_byte_array_unref(files->bytes);
        files->bytes = g_byte_array_new();
    }
    g_byte_array_set_size(files->bytes, 0);
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
    if (files->bytes->len + bytes.size > LIVE_FILES_GATHER_MAX) {
        live_files_write(files);
    }
    if (bytes.size > 0) {
        g_byte_array_append(files->bytes, bytes.data, (guint)bytes.size);
    }
    g_array_append_val(files->queue, store);
}

/* Syncing, on the other thread */

static void
run_job(void *user)
{
    LiveFiles *files = user;
    SyncJob *job = &files->running;

    if (job->directory && fsync(files->directory) < 0) {
        job->directory_error = errno;
    }
    for (guint i = 0; i < job->items->len; i++) {
        SyncItem *item = &g_array_index(job->items, SyncItem, i);
        OrrTime begun_ns = live_loop_now().mono_ns;

        item->error = job->directory_error;
        if (item->error == 0 && fdatasync(item->file->fd) < 0) {
            item->error = errno;
        }
        item->took_ns = live_loop_now().mono_ns - begun_ns;
    }
    for (guint i = 0; i < job->gone->len; i++) {
        File *file = g_ptr_array_index(job->gone, i);

        (void)close(file->fd);
        file->fd = -1;
    }
}

/* And back on the loop's */

static void
end_job(void *user)
{
    LiveFiles *files = user;
    SyncJob *job = &files->running;

    files->under_way = false;
    files->directory_dirty = files->directory_dirty || job->directory_error != 0;
    for (guint i = 0; i < job->items->len; i++) {
        SyncItem item = g_array_index(job->items, SyncItem, i);

        if (item.error != 0) {
            fail_file(item.file, "sync", item.error);
        } else {
            live_histogram_add(&files->statistics.syncs, item.took_ns);
        }
    }
    for (guint i = 0; i < job->stores->len; i++) {
        Store *store = &g_array_index(job->stores, Store, i);

        store->file->waiting--;
        files->statistics.queued -= store->size;
        if (store->sync && store->file->error != 0) {
            store->status = ORR_IO;
        }
        count_store(files, store);
        if (store->op != 0) {
            g_array_append_val(files->done, *store);
        }
    }
    g_array_set_size(job->stores, 0);
    g_array_set_size(job->items, 0);
    g_ptr_array_set_size(job->gone, 0);
}

static void
add_item(SyncJob *job, File *file)
{
    SyncItem item = {.file = file};

    for (guint i = 0; i < job->items->len; i++) {
        if (g_array_index(job->items, SyncItem, i).file == file) {
            return;
        }
    }
    file->dirty = false; /* what is written meanwhile marks it again */
    g_array_append_val(job->items, item);
}

static void
begin_job(LiveFiles *files)
{
    SyncJob job = files->next;

    files->next = files->running;
    for (guint i = 0; i < job.stores->len; i++) {
        const Store *store = &g_array_index(job.stores, Store, i);

        if (store->sync && store->file->error == 0) {
            add_item(&job, store->file);
        }
    }
    job.directory = job.items->len > 0 && files->directory_dirty;
    job.directory_error = 0;
    files->directory_dirty = files->directory_dirty && !job.directory;
    files->running = job;
    files->under_way = true;
    live_loop_work(files->loop, run_job, end_job, files);
}

static void
tell_results(LiveFiles *files)
{
    GArray *list = files->done;

    files->done = files->told;
    files->told = list;
    for (guint i = 0; i < list->len; i++) {
        Store store = g_array_index(list, Store, i);

        files->stored(files->user, store.op, store.status);
    }
    g_array_set_size(list, 0);
}

void
live_files_flush(LiveFiles *files)
{
    unsigned rounds = 0;

    do { /* results lead to more stores */
        live_files_write(files);
        if (!files->under_way && (files->next.stores->len > 0 || files->next.gone->len > 0)) {
            begin_job(files);
        }
        tell_results(files);
    } while ((files->queue->len > 0 || files->done->len > 0) && ++rounds < ROUNDS_MAX);
}

LiveFilesStatistics
live_files_statistics(const LiveFiles *files)
{
    return files->statistics;
}

bool
live_files_idle(const LiveFiles *files)
{
    return !files->under_way && files->queue->len == 0 && files->done->len == 0 &&
           files->next.stores->len == 0 && files->next.gone->len == 0;
}

bool
live_files_sync(LiveFiles *files)
{
    GHashTableIter iter;
    gpointer value;
    bool well = fsync(files->directory) == 0;

    g_hash_table_iter_init(&iter, files->open);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        File *file = value;

        if (file->error != 0 || (file->dirty && fdatasync(file->fd) < 0)) {
            well = false;
        }
    }
    return well;
}

/* Birth and death */

static void
job_init(SyncJob *job)
{
    job->stores = g_array_new(FALSE, FALSE, sizeof(Store));
    job->items = g_array_new(FALSE, FALSE, sizeof(SyncItem));
    job->gone = g_ptr_array_new_with_free_func(free_file);
}

static void
job_clear(SyncJob *job)
{
    g_array_unref(job->stores);
    g_array_unref(job->items);
    g_ptr_array_unref(job->gone);
}

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
    files->queue = g_array_new(FALSE, FALSE, sizeof(Store));
    files->bytes = g_byte_array_new();
    files->done = g_array_new(FALSE, FALSE, sizeof(Store));
    files->told = g_array_new(FALSE, FALSE, sizeof(Store));
    job_init(&files->next);
    job_init(&files->running);
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
    g_array_unref(files->queue);
    g_byte_array_unref(files->bytes);
    g_array_unref(files->done);
    g_array_unref(files->told);
    job_clear(&files->next);
    job_clear(&files->running);
    g_array_unref(files->loaded);
    if (files->directory >= 0) {
        (void)close(files->directory);
    }
    if (files->lock >= 0) {
        (void)close(files->lock);
    }
    g_free(files);
}
