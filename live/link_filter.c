#include "link_filter.h"

#include <arpa/inet.h>
#include <glib.h>

typedef struct Cut {
    OrrAddress peer;
    bool in;
} Cut;

struct LiveLinkFilter {
    char *path;
    GArray *cuts;
};

LiveLinkFilter *
live_link_filter_new(const char *path)
{
    LiveLinkFilter *filter = g_new0(LiveLinkFilter, 1);

    filter->path = g_strdup(path);
    filter->cuts = g_array_new(FALSE, TRUE, sizeof(Cut));
    return filter;
}

void
live_link_filter_free(LiveLinkFilter *filter)
{
    if (filter != NULL) {
        g_array_unref(filter->cuts);
        g_free(filter->path);
        g_free(filter);
    }
}

/* "in 127.0.0.1:17002" */
static bool
parse_line(const char *line, Cut *cut)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 2);
    char *colon = words[0] != NULL && words[1] != NULL ? strrchr(words[1], ':') : NULL;
    guint64 port;
    uint8_t ip[4];

    if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL)) {
        return false;
    }
    *colon = '\0';
    if (inet_pton(AF_INET, words[1], ip) != 1 ||
        (strcmp(words[0], "in") != 0 && strcmp(words[0], "out") != 0)) {
        return false;
    }
    cut->peer = orr_address_v4(ip[0], ip[1], ip[2], ip[3], 0, (uint16_t)port);
    cut->in = strcmp(words[0], "in") == 0;
    return true;
}

bool
live_link_filter_read(LiveLinkFilter *filter, char **why)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GArray *cuts = g_array_new(FALSE, TRUE, sizeof(Cut));

    if (!g_file_get_contents(filter->path, &text, NULL, NULL)) {
        text = g_strdup("");
    }
    lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i] != NULL; i++) {
        Cut cut;

        if (lines[i][0] != '\0' && !parse_line(lines[i], &cut)) {
            *why = g_strdup_printf("%s:%zu: `%s` is not written as `in 127.0.0.1:17002`",
                                   filter->path, i + 1, lines[i]);
            g_array_unref(cuts);
            return false;
        }
        if (lines[i][0] != '\0') {
            g_array_append_val(cuts, cut);
        }
    }
    g_array_unref(filter->cuts);
    filter->cuts = cuts;
    return true;
}

static bool
has(const LiveLinkFilter *filter, const OrrAddress *peer, bool in)
{
    for (guint i = 0; filter != NULL && i < filter->cuts->len; i++) {
        const Cut *cut = &g_array_index(filter->cuts, Cut, i);

        if (cut->in == in && cut->peer.bus_port == peer->bus_port &&
            memcmp(cut->peer.ip, peer->ip, sizeof peer->ip) == 0) {
            return true;
        }
    }
    return false;
}

bool
live_link_filter_in(const LiveLinkFilter *filter, const OrrAddress *peer)
{
    return has(filter, peer, true);
}

bool
live_link_filter_out(const LiveLinkFilter *filter, const OrrAddress *peer)
{
    return has(filter, peer, false);
}
