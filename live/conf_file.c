/* conf_file.c - CONFIG REWRITE: what counts now becomes what the file says. */
#include <errno.h>
#include <fcntl.h>
#include <rewrite.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_private.h"

typedef struct Edits {
    GArray *list;   /* of ConfigEdit */
    GPtrArray *own; /* texts that the edits point to */
} Edits;

static Edits
edits_new(void)
{
    return (Edits){g_array_new(FALSE, FALSE, sizeof(ConfigEdit)),
                   g_ptr_array_new_with_free_func(g_free)};
}

static void
edits_free(Edits *edits)
{
    g_array_unref(edits->list);
    g_ptr_array_unref(edits->own);
}

/* What the file alone says. */
static LiveOptions *
options_of_text(const LiveConf *conf, const char *text, size_t size)
{
    ConfigProblems *problems = config_problems_new();
    LiveLayers layers = {.file = conf->name, .text = text, .text_size = size};
    LiveOptions *options = live_options_new(&layers, conf->options, problems);

    if (options->file_bad) {
        live_options_free(options);
        options = NULL;
    }
    config_problems_free(problems);
    return options;
}

/* A key that came out of another file stays there. */
static bool
belongs_elsewhere(LiveRow row, const LiveOptions *options)
{
    return options->bus_key_file != NULL && strcmp(live_row_name(row), "bus-key") == 0;
}

/* An edit for each row whose value in the file is not the one that counts. */
static Edits
find_edits(const LiveConf *conf, const LiveOptions *file)
{
    Edits edits = edits_new();
    LiveRow row;

    for (size_t i = 0; live_row_at(i, &row); i++) {
        const char *name = live_row_name(row);
        g_autofree char *old = live_row_text(row, file);
        g_autofree char *new = live_row_text(row, conf->options);
        bool list = row.key != NULL && row.key->list;
        ConfigEdit edit = {name, live_row_redis(row), new, list};

        if (strcmp(old, new) != 0 && !belongs_elsewhere(row, conf->options)) {
            g_array_append_val(edits.list, edit);
            g_ptr_array_add(edits.own, g_steal_pointer(&new));
        }
    }
    return edits;
}

/* Whether a text says all that counts; a rewriting that does not is not written. */
static bool
says_all(const LiveConf *conf, const char *text)
{
    LiveOptions *options = options_of_text(conf, text, strlen(text));
    Edits edits;
    bool all;

    if (options == NULL) {
        return false;
    }
    edits = find_edits(conf, options);
    all = edits.list->len == 0;
    edits_free(&edits);
    live_options_free(options);
    return all;
}

static char *
io_error(const char *what)
{
    return g_strdup_printf("ERR Rewriting config file: %s: %s", what, g_strerror(errno));
}

static bool
write_whole(int fd, const char *text)
{
    size_t size = strlen(text);

    while (size > 0) {
        ssize_t written = write(fd, text, size);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        text += written;
        size -= (size_t)written;
    }
    return true;
}

/* The new file has the owner and the rights of the old one, where that can be. */
static bool
fill(int fd, const char *path, const char *text)
{
    struct stat status;

    if (stat(path, &status) == 0) {
        if (fchown(fd, status.st_uid, status.st_gid) < 0 && errno != EPERM) {
            return false;
        }
        if (fchmod(fd, status.st_mode & 07777) < 0) {
            return false;
        }
    }
    return write_whole(fd, text) && fsync(fd) == 0;
}

static void
sync_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

/* The old file or the new one, never a part of either. */
static char *
replace_file(const char *path, const char *text)
{
    g_autofree char *temporary = g_strdup_printf("%s.XXXXXX", path);
    int fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0600);
    bool filled;

    if (fd < 0) {
        return io_error(temporary);
    }
    filled = fill(fd, path, text);
    filled = close(fd) == 0 && filled;
    if (!filled || rename(temporary, path) < 0) {
        char *why = io_error(path);

        (void)unlink(temporary);
        return why;
    }
    sync_folder(path);
    return NULL;
}

/* The text that the file is to have. NULL: *why. */
static char *
new_text(LiveConf *conf, char **why)
{
    LiveOptions *file = options_of_text(conf, conf->text, conf->text_size);
    g_autofree char *reason = NULL;
    char *text = NULL;
    Edits edits;

    if (file == NULL) {
        *why = g_strdup("ERR Rewriting config file: what it holds is not understood any more");
        return NULL;
    }
    edits = find_edits(conf, file);
    text = config_rewrite(conf->text, conf->text_size,
                          (const ConfigEdit *)(const void *)edits.list->data, edits.list->len,
                          &reason);
    edits_free(&edits);
    live_options_free(file);
    if (text != NULL && !says_all(conf, text)) {
        g_clear_pointer(&text, g_free);
        reason = g_strdup("it is written in a way that cannot be changed here");
    }
    if (text == NULL) {
        *why = g_strdup_printf("ERR Rewriting config file: %s", reason);
    }
    return text;
}

char *
live_conf_rewrite(LiveConf *conf)
{
    char *text;
    char *why = NULL;
    g_autofree char *now = NULL;
    gsize size = 0;

    if (conf->path == NULL) {
        return g_strdup("ERR The server is running without a config file");
    }
    /* what somebody wrote into it meanwhile, comments above all, is not taken back */
    if (g_file_get_contents(conf->path, &now, &size, NULL) && size <= LIVE_CONF_FILE_MAX) {
        g_free(conf->text);
        conf->text = g_steal_pointer(&now);
        conf->text_size = size;
    }
    text = new_text(conf, &why);
    if (text != NULL) {
        why = replace_file(conf->path, text);
    }
    if (why != NULL) {
        g_free(text);
        return why;
    }
    g_free(conf->text);
    conf->text = text;
    conf->text_size = strlen(text);
    return NULL;
}
