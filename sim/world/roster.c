#include "roster.h"

#include <glib.h>

typedef struct Entry {
    char *text;
    OrrId id;
} Entry;

struct SimRoster {
    GArray *kinds[SIM_ROSTER_KINDS]; /* of Entry */
};

static void
clear_entry(gpointer data)
{
    g_free(((Entry *)data)->text);
}

SimRoster *
sim_roster_new(void)
{
    SimRoster *names = g_new0(SimRoster, 1);

    for (size_t i = 0; i < SIM_ROSTER_KINDS; i++) {
        names->kinds[i] = g_array_new(FALSE, TRUE, sizeof(Entry));
        g_array_set_clear_func(names->kinds[i], clear_entry);
    }
    return names;
}

void
sim_roster_free(SimRoster *names)
{
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; i < SIM_ROSTER_KINDS; i++) {
        g_array_unref(names->kinds[i]);
    }
    g_free(names);
}

uint32_t
sim_roster_add(SimRoster *names, SimRosterKind kind, const char *name)
{
    uint32_t number = names->kinds[kind]->len + 1;
    Entry entry = {g_strdup(name), orr_id_of_name(orr_bytes_of_string(name))};

    for (unsigned i = 0; i < 4; i++) {
        entry.id.bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    }
    entry.id.bytes[4] = (uint8_t)kind;
    g_array_append_val(names->kinds[kind], entry);
    return number - 1;
}

uint32_t
sim_roster_count(const SimRoster *names, SimRosterKind kind)
{
    return names->kinds[kind]->len;
}

static const Entry *
entry_at(const SimRoster *names, SimRosterKind kind, uint32_t index)
{
    g_assert(index < names->kinds[kind]->len);
    return &g_array_index(names->kinds[kind], Entry, index);
}

const char *
sim_roster_text(const SimRoster *names, SimRosterKind kind, uint32_t index)
{
    return entry_at(names, kind, index)->text;
}

const OrrId *
sim_roster_id(const SimRoster *names, SimRosterKind kind, uint32_t index)
{
    return &entry_at(names, kind, index)->id;
}

uint32_t
sim_roster_index(const SimRoster *names, SimRosterKind kind, const OrrId *id)
{
    uint32_t number = 0;

    for (unsigned i = 0; i < 4; i++) {
        number = number << 8 | id->bytes[i];
    }
    if (id->bytes[4] != (uint8_t)kind || number == 0 || number > names->kinds[kind]->len ||
        !orr_id_equal(id, sim_roster_id(names, kind, number - 1))) {
        return SIM_ROSTER_NONE;
    }
    return number - 1;
}

uint32_t
sim_roster_find(const SimRoster *names, SimRosterKind kind, const char *name)
{
    for (uint32_t i = 0; i < names->kinds[kind]->len; i++) {
        if (strcmp(sim_roster_text(names, kind, i), name) == 0) {
            return i;
        }
    }
    return SIM_ROSTER_NONE;
}

void
sim_roster_format(const OrrId *id, char *text, size_t size, void *context)
{
    const SimRoster *names = context;

    for (unsigned kind = SIM_ROSTER_NODE; kind < SIM_ROSTER_KINDS; kind++) {
        uint32_t index = sim_roster_index(names, (SimRosterKind)kind, id);

        if (index != SIM_ROSTER_NONE) {
            g_strlcpy(text, sim_roster_text(names, (SimRosterKind)kind, index), size);
            return;
        }
    }
    g_snprintf(text, (gulong)size, "%02x%02x%02x%02x", id->bytes[0], id->bytes[1], id->bytes[2],
               id->bytes[3]);
}
