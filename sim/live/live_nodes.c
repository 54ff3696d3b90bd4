/* The end of a run, as operators' tools see it: CLUSTER NODES of each node names at most one
 * owner for every slot, and the one that the node's own page names. */
#include <string.h>

#include "live_state.h"
#include "live_talk.h"

#define FIELDS 8 /* of a line before its slots */

/* By slot: the owner that the answer names, or none. */
typedef struct Owners {
    OrrId *owner;
    char why[160]; /* what is wrong with it; empty: nothing */
} Owners;

static void
take_range(Owners *owners, const OrrId *id, const char *word)
{
    char *end = NULL;
    uint64_t first = g_ascii_strtoull(word, &end, 10);
    uint64_t last = *end == '-' ? g_ascii_strtoull(end + 1, NULL, 10) : first;

    for (uint64_t slot = first; slot <= last && slot < ORR_SLOT_COUNT; slot++) {
        if (!orr_id_is_none(&owners->owner[slot])) {
            g_snprintf(owners->why, sizeof owners->why, "slot %u has two owners",
                       (unsigned)slot);
        }
        owners->owner[slot] = *id;
    }
}

static void
take_line(Owners *owners, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    guint count = g_strv_length(words);
    OrrId id;

    if (count < FIELDS || orr_id_parse(orr_bytes_of_string(words[0]), &id) != ORR_OK) {
        return;
    }
    for (guint i = FIELDS; i < count; i++) {
        if (g_ascii_isdigit(words[i][0])) { /* [slot->-id] is on its way */
            take_range(owners, &id, words[i]);
        }
    }
}

/* The primary of a shard, as the node's page has it. */
static const OrrId *
primary_of(const SimShadow *shadow, const OrrId *shard)
{
    static const OrrId none = {{0}};

    for (guint i = 0; i < shadow->members->len; i++) {
        const OrrMemberView *member = &g_array_index(shadow->members, OrrMemberView, i);

        if (member->role == ORR_ROLE_PRIMARY && member->state != ORR_MEMBER_FORGOTTEN &&
            orr_id_equal(&member->shard, shard)) {
            return &member->id;
        }
    }
    return &none;
}

static void
compare(SimHost *host, Owners *owners)
{
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT && owners->why[0] == '\0'; slot++) {
        OrrSlotView view = orr_slotmap_get(host->shadow->slots, (uint16_t)slot);
        const OrrId *page = primary_of(host->shadow, &view.shard);

        if (!orr_id_equal(page, &owners->owner[slot])) {
            char one[ORR_ID_HEX_SIZE + 1];
            char other[ORR_ID_HEX_SIZE + 1];

            sim_roster_format(&owners->owner[slot], one, sizeof one, host->world->names);
            sim_roster_format(page, other, sizeof other, host->world->names);
            g_snprintf(owners->why, sizeof owners->why,
                       "slot %u is of %s in CLUSTER NODES, of %s on its page", slot, one,
                       other);
        }
    }
}

static bool
read_owners(SimHost *host, Owners *owners)
{
    static const char question[] = "CLUSTER NODES\r\n";
    SimTalk talk;
    OrrItem item;
    bool fine = sim_talk_to(&talk, host) &&
                sim_talk_send(&talk, question, sizeof question - 1) &&
                sim_talk_answer(&talk, &item) && item.type == ORR_ITEM_BULK;

    if (fine) {
        g_autofree char *text = g_strndup((const char *)item.text.data, item.text.size);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (size_t i = 0; lines[i] != NULL; i++) {
            take_line(owners, lines[i]);
        }
    }
    sim_talk_end(&talk);
    return fine;
}

void
sim_live_compare_nodes(SimWorld *world)
{
    g_autofree OrrId *owner = g_new(OrrId, ORR_SLOT_COUNT);

    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];
        Owners owners = {owner, ""};

        memset(owner, 0, sizeof *owner * ORR_SLOT_COUNT);
        if (!sim_host_runs(host) || !host->shadow->seen) {
            continue;
        }
        if (!read_owners(host, &owners)) {
            g_strlcpy(owners.why, "it does not answer CLUSTER NODES", sizeof owners.why);
        } else if (owners.why[0] == '\0') {
            compare(host, &owners);
        }
        if (owners.why[0] != '\0') {
            sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns, "%s: %s",
                           host->spec->name, owners.why);
            world->broken = true;
        }
    }
}
