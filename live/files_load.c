/* files_load.c - what a directory holds when a node starts, mapped into memory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files_private.h"

static bool
parse_name(const char *name, OrrFile *file)
{
    for (unsigned kind = 0; kind < ORR_FILE_KINDS; kind++) {
        size_t size = strlen(live_file_kinds[kind]);
        guint64 generation;

        if (strncmp(name, live_file_kinds[kind], size) == 0 && name[size] == '.' &&
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
