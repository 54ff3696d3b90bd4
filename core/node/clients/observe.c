#include "node/clients/observe.h"

#include "node/clients/client_line.h"

bool
orr_observe_needs_precision(const OrrNode *node)
{
    OrrTime slower_ns = node->config.settings.slowlog_slower_ns;

    return slower_ns >= 0 && slower_ns < ORR_METER_PRECISE_NS;
}

/* Words that are secrets: a password is shown to nobody. */
static bool
is_secret(const OrrCommandContext *context, size_t word)
{
    const char *name = context->command->name;

    return (strcmp(name, "auth") == 0 && word > 0) ||
           (strcmp(name, "hello") == 0 && word > 1) ||
           (strcmp(name, "config|set") == 0 && word > 2 && word % 2 == 1 &&
            (orr_word_is(context->args[word - 1], "requirepass") ||
             orr_word_is(context->args[word - 1], "bus-key")));
}

static OrrBytes
shown_word(const OrrCommandContext *context, size_t word)
{
    return is_secret(context, word) ? orr_bytes_of_string("(redacted)") : context->args[word];
}

static void
add_to_slowlog(OrrNode *node, const OrrCommandContext *context, uint64_t duration_us)
{
    const OrrClient *client = context->client;
    g_autofree OrrBytes *words = g_new(OrrBytes, context->arg_count);
    char place[ORR_CLIENT_PLACE_SIZE];

    for (size_t i = 0; i < context->arg_count; i++) {
        words[i] = shown_word(context, i);
    }
    orr_client_format_place(&client->remote, place);
    orr_slowlog_add(node->slowlog, node->config.settings.slowlog_max,
                    node->context.cluster_ms / 1000, duration_us, words, context->arg_count,
                    place, client->name == NULL ? "" : client->name);
    node->statistics.slow_commands++;
}

void
orr_observe_span(OrrNode *node, const OrrCommandContext *context, OrrMeterSpan span)
{
    const OrrSettings *settings = &node->config.settings;
    bool fast = (context->command->flags & ORR_COMMAND_FAST) != 0;

    if (!span.alone || orr_meter_probe(node->meter)->stopwatch_ns == NULL) {
        return;
    }
    if (settings->slowlog_slower_ns >= 0 &&
        span.duration_ns >= (uint64_t)settings->slowlog_slower_ns &&
        (context->command->flags & ORR_COMMAND_SKIP_SLOWLOG) == 0) {
        add_to_slowlog(node, context, span.duration_ns / 1000);
    }
    if (settings->latency_threshold_ns > 0 &&
        span.duration_ns >= (uint64_t)settings->latency_threshold_ns) {
        orr_latency_add(&node->latency, fast ? ORR_LATENCY_FAST_COMMAND : ORR_LATENCY_COMMAND,
                        node->context.cluster_ms / 1000,
                        (uint32_t)MIN(span.duration_ns / 1000000, (uint64_t)UINT32_MAX));
    }
}

/* As a C string in quotes. */
static void
add_quoted(GString *text, OrrBytes word)
{
    static const char PLAIN[] = "\n\r\t\a\b\"\\";
    static const char LETTERS[] = "nrtab\"\\";

    g_string_append_c(text, '"');
    for (size_t i = 0; i < word.size; i++) {
        char c = (char)word.data[i];
        const char *at = c == '\0' ? NULL : strchr(PLAIN, c);

        if (at != NULL) {
            g_string_append_printf(text, "\\%c", LETTERS[at - PLAIN]);
        } else if (c >= ' ' && c <= '~') {
            g_string_append_c(text, c);
        } else {
            g_string_append_printf(text, "\\x%02x", word.data[i]);
        }
    }
    g_string_append_c(text, '"');
}

void
orr_observe_monitors(OrrNode *node, const OrrCommandContext *context)
{
    const OrrClient *client = context->client;
    g_autoptr(GString) text = NULL;
    char place[ORR_CLIENT_PLACE_SIZE];

    if (node->monitors->len == 0 ||
        (context->command->flags & (ORR_COMMAND_SKIP_MONITOR | ORR_COMMAND_ADMIN)) != 0) {
        return;
    }
    orr_client_format_place(&client->remote, place);
    text = g_string_new(NULL);
    g_string_append_printf(text, "+%" G_GINT64_FORMAT ".%06" G_GINT64_FORMAT " [0 %s]",
                           context->wall_us / 1000000, context->wall_us % 1000000, place);
    for (size_t i = 0; i < context->arg_count; i++) {
        g_string_append_c(text, ' ');
        add_quoted(text, shown_word(context, i));
    }
    g_string_append(text, "\r\n");
    for (guint i = 0; i < node->monitors->len; i++) {
        orr_client_push(node, g_ptr_array_index(node->monitors, i),
                        orr_bytes(text->str, text->len), node->out);
    }
}
