/* The table. */
#include <string.h>

#include "top.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define OFF "\033[0m"

typedef struct Page {
    FILE *out;
    bool color;
    unsigned rows; /* left; G_MAXUINT: no end */
    unsigned columns;
    bool screen;
} Page;

/* One line, cut to the width; the colour is not counted. */
static void
put(Page *page, const char *color, const char *text)
{
    g_autofree char *cut = NULL;

    if (page->rows == 0) {
        return;
    }
    page->rows--;
    cut = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), (glong)page->columns));
    if (page->color && color[0] != '\0') {
        fprintf(page->out, "%s%s" OFF, color, cut);
    } else {
        fputs(cut, page->out);
    }
    fputs(page->screen ? "\033[K\n" : "\n", page->out); /* what stood there before goes */
}

static void
size_text(char *text, size_t room, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1000 && unit + 1 < G_N_ELEMENTS(units)) {
        value /= 1000;
        unit++;
    }
    g_snprintf(text, (gulong)room, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void
time_text(char *text, size_t room, uint64_t seconds)
{
    if (seconds >= 86400) {
        g_snprintf(text, (gulong)room, "%ud%02uh", (unsigned)(seconds / 86400),
                   (unsigned)(seconds / 3600 % 24));
    } else if (seconds >= 3600) {
        g_snprintf(text, (gulong)room, "%uh%02um", (unsigned)(seconds / 3600),
                   (unsigned)(seconds / 60 % 60));
    } else {
        g_snprintf(text, (gulong)room, "%um%02us", (unsigned)(seconds / 60),
                   (unsigned)(seconds % 60));
    }
}

static void
put_head(Page *page, const Top *top)
{
    double rate = 0;
    uint64_t keys = 0;
    uint64_t memory = 0;
    char size[32];
    g_autofree char *text = NULL;

    for (guint i = 0; i < top->nodes->len; i++) {
        const TopNode *node = g_ptr_array_index(top->nodes, i);

        rate += node->answered ? top_rate(node) : 0;
        keys += node->answered && node->primary[0] == '\0' ? node->facts.keys : 0;
        memory += node->answered ? node->facts.memory : 0;
    }
    size_text(size, sizeof size, memory);
    text = g_strdup_printf(
        "cluster %s   %u of 16384 slots   %u of %u nodes answer   epoch "
        "%" G_GUINT64_FORMAT "   %.0f ops/s   %" G_GUINT64_FORMAT " keys   %s%s",
        top->cluster_ok ? "ok" : "FAIL", top->slots_served, top->answered, top->nodes->len,
        top->epoch, rate, keys, size, top->views > 1 ? "   NODES DISAGREE ABOUT OWNERS" : "");
    put(page, !top->cluster_ok || top->views > 1 ? RED : GREEN, text);
    put(page, "", "");
    put(page, BOLD,
        "  NODE      ADDRESS                ROLE     STATE  SLOTS      KEYS    OPS/S     "
        "MEMORY  "
        "CLIENTS        LAG  LINK      UP");
}

static const char *
color_of(const TopNode *node)
{
    if (!node->answered || strcmp(node->state, "fail") == 0) {
        return RED;
    }
    if (strcmp(node->state, "ok") != 0 || (node->facts.replica && !node->facts.link_up)) {
        return YELLOW;
    }
    return node->primary[0] == '\0' ? "" : DIM;
}

static void
put_node(Page *page, const Top *top, const TopNode *node)
{
    const TopFacts *facts = &node->facts;
    bool primary = node->primary[0] == '\0';
    gint64 lag = primary ? -1 : top_lag(top, node);
    char address[96];
    char memory[32];
    char behind[32] = "-";
    char up[32];
    g_autofree char *text = NULL;

    g_snprintf(address, sizeof address, "%s:%u", node->host, node->port);
    size_text(memory, sizeof memory, facts->memory);
    time_text(up, sizeof up, facts->uptime_s);
    if (lag >= 0) {
        size_text(behind, sizeof behind, (uint64_t)lag);
    }
    if (!node->answered) {
        text = g_strdup_printf("  %-9.8s %-22s %-8s %-5s %6u  %s",
                               node->id[0] != '\0' ? node->id : "?", address,
                               primary ? "primary" : "replica", node->state, node->slots,
                               node->error[0] != '\0' ? node->error : "no answer");
    } else {
        text = g_strdup_printf("  %-9.8s %-22s %-8s %-5s %6u %9" G_GUINT64_FORMAT
                               " %8.0f %10s %8" G_GUINT64_FORMAT " %10s  %-5s %7s",
                               node->id, address, primary ? "primary" : " replica", node->state,
                               node->slots, facts->keys, top_rate(node), memory, facts->clients,
                               behind,
                               primary          ? "-"
                               : facts->loading ? "copy"
                               : facts->link_up ? "up"
                                                : "down",
                               up);
    }
    put(page, color_of(node), text);
}

void
top_draw(const Top *top, FILE *out, bool color, unsigned rows, unsigned columns)
{
    Page page = {out, color, rows == 0 ? G_MAXUINT : rows - 1,
                 columns == 0 ? (unsigned)G_MAXINT : columns, rows != 0};
    guint shown;

    put_head(&page, top);
    for (guint i = 0; i < top->nodes->len; i++) {
        put_node(&page, top, g_ptr_array_index(top->nodes, i));
    }
    if (top->news->len > 0) {
        put(&page, "", "");
        put(&page, BOLD, "  WHAT CHANGED");
    }
    shown = MIN(top->news->len, rows == 0 ? top->news->len : page.rows);
    for (guint i = top->news->len - shown; i < top->news->len; i++) {
        g_autofree char *text =
            g_strdup_printf("  %s", (const char *)g_ptr_array_index(top->news, i));

        put(&page, "", text);
    }
}
