#include "node/clients/slowlog.h"

#define WORDS_MAX 32u
#define WORD_SIZE_MAX 128u

struct OrrSlowlog {
    GQueue entries; /* of OrrSlowEntry, newest first */
    uint64_t next_id;
};

OrrSlowlog *
orr_slowlog_new(void)
{
    OrrSlowlog *log = g_new0(OrrSlowlog, 1);

    g_queue_init(&log->entries);
    return log;
}

static void
free_entry(gpointer data)
{
    OrrSlowEntry *entry = data;

    g_ptr_array_unref(entry->words);
    g_free(entry->place);
    g_free(entry->name);
    g_free(entry);
}

void
orr_slowlog_reset(OrrSlowlog *log)
{
    g_queue_clear_full(&log->entries, free_entry);
}

void
orr_slowlog_free(OrrSlowlog *log)
{
    if (log != NULL) {
        orr_slowlog_reset(log);
        g_free(log);
    }
}

static GBytes *
cut_word(OrrBytes word)
{
    GString *text;

    if (word.size <= WORD_SIZE_MAX) {
        return g_bytes_new(word.data, word.size);
    }
    text = g_string_new_len((const char *)word.data, WORD_SIZE_MAX);
    g_string_append_printf(text, "... (%zu more bytes)", word.size - WORD_SIZE_MAX);
    return g_string_free_to_bytes(text);
}

static GPtrArray *
cut_words(const OrrBytes *args, size_t arg_count)
{
    GPtrArray *words = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    size_t kept = arg_count > WORDS_MAX ? WORDS_MAX - 1 : arg_count;

    for (size_t i = 0; i < kept; i++) {
        g_ptr_array_add(words, cut_word(args[i]));
    }
    if (arg_count > WORDS_MAX) {
        char *text = g_strdup_printf("... (%zu more arguments)", arg_count - kept);

        g_ptr_array_add(words, g_bytes_new_take(text, strlen(text)));
    }
    return words;
}

void
orr_slowlog_add(OrrSlowlog *log, size_t count_max, int64_t wall_s, uint64_t duration_us,
                const OrrBytes *args, size_t arg_count, const char *place, const char *name)
{
    OrrSlowEntry *entry = g_new0(OrrSlowEntry, 1);

    entry->id = log->next_id++;
    entry->wall_s = wall_s;
    entry->duration_us = duration_us;
    entry->place = g_strdup(place);
    entry->name = g_strdup(name);
    entry->words = cut_words(args, arg_count);
    g_queue_push_head(&log->entries, entry);
    while (log->entries.length > count_max) {
        free_entry(g_queue_pop_tail(&log->entries));
    }
}

size_t
orr_slowlog_count(const OrrSlowlog *log)
{
    return log->entries.length;
}

const OrrSlowEntry *
orr_slowlog_at(const OrrSlowlog *log, size_t index)
{
    return g_queue_peek_nth((GQueue *)(uintptr_t)&log->entries, (guint)index);
}
