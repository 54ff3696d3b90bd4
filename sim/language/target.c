/* Whom a sentence is about: names, ranges, roles, places; and moments, which lines name. */
#include <nearest.h>
#include <quantity.h>
#include <string.h>

#include "parse.h"
#include "scenario.h"

static const char *const role_words[] = {
    "any",      "all",       "leader",  "primary",   "first",  "replicas", "best",
    "owner",    "primaries", "voters",  "witnesses", "spares", "random",   "minority",
    "majority", "others",    "clients", "zone",      "site",   "shard",    "cluster",
};

void
sim_target_offer(const SimNames *names, ConfigNearest *nearest)
{
    static const SimNameKind kinds[] = {SIM_NAME_NODE, SIM_NAME_SITE, SIM_NAME_SHARD,
                                        SIM_NAME_CLUSTER, SIM_NAME_FLEET};

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const char *name = NULL;
        for (unsigned j = 0; (name = sim_names_at(names, kinds[i], j)) != NULL; j++) {
            config_nearest_offer(nearest, name);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(role_words); i++) {
        config_nearest_offer(nearest, role_words[i]);
    }
}

static SimTarget *
target_new(SimParse *parse, SimTargetKind kind, unsigned index)
{
    SimTarget *target = sim_arena_new0(parse->arena, SimTarget, 1);

    target->kind = kind;
    target->index = index;
    return target;
}

static SimTarget *
target_of(SimParse *parse, SimTargetKind kind, const SimTarget *of)
{
    SimTarget *target = target_new(parse, kind, 0);

    target->of = of;
    return target;
}

/* n9 where there are n1 to n6: whoever writes a number means the nearest number. */
static const char *
nearest_number(const SimNames *names, SimNameKind kind, const char *word)
{
    size_t letters = strcspn(word, "0123456789");
    int64_t number = (int64_t)MIN(g_ascii_strtoull(word + letters, NULL, 10), G_MAXINT32);
    int64_t best_distance = G_MAXINT64;
    const char *best = NULL;
    const char *name = NULL;

    for (unsigned i = 0; word[letters] != '\0' && (name = sim_names_at(names, kind, i)) != NULL;
         i++) {
        int64_t other = (int64_t)g_ascii_strtoull(name + MIN(letters, strlen(name)), NULL, 10);
        int64_t distance = number > other ? number - other : other - number;

        if (strncmp(name, word, letters) == 0 && g_ascii_isdigit(name[letters]) &&
            distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

/* What was probably meant goes into the message. */
static bool
fail_unknown(SimParse *parse, SimNameKind kind, const char *word)
{
    ConfigNearest nearest = config_nearest(word);
    const char *best = nearest_number(parse->names, kind, word);
    const char *name = NULL;

    for (unsigned i = 0; (name = sim_names_at(parse->names, kind, i)) != NULL; i++) {
        config_nearest_offer(&nearest, name);
    }
    if (kind == SIM_NAME_ACTION) { /* moments that are no lines */
        config_nearest_offer(&nearest, "settle");
        config_nearest_offer(&nearest, "end");
    }
    best = best == NULL ? nearest.best : best;
    if (best != NULL) {
        return sim_parse_fail(parse, g_strdup_printf("no %s is called `%s`; did you mean `%s`?",
                                                     sim_name_kind_text(kind), word, best));
    }
    return sim_parse_fail(
        parse, g_strdup_printf("no %s is called `%s`", sim_name_kind_text(kind), word));
}

static SimTarget *
named(SimParse *parse, SimNameKind name_kind, SimTargetKind kind)
{
    const char *word = sim_parse_word(parse);
    unsigned index = 0;

    if (word == NULL) {
        sim_parse_expect_value(parse, true);
        return NULL;
    }
    index = sim_names_find(parse->names, name_kind, word);
    if (index == SIM_NAMES_NONE) {
        fail_unknown(parse, name_kind, word);
        return NULL;
    }
    parse->at++;
    return target_new(parse, kind, index);
}

static SimTarget *
shard(SimParse *parse)
{
    sim_parse_take(parse, "shard");
    return named(parse, SIM_NAME_SHARD, SIM_TARGET_SHARD);
}

/* `primary of SHARD` and its like, behind the first words. */
static SimTarget *
of_shard(SimParse *parse, SimTargetKind kind)
{
    const SimTarget *of = NULL;

    if (!sim_parse_take(parse, "of")) {
        sim_parse_expect(parse, "of");
        return NULL;
    }
    of = shard(parse);
    return of == NULL ? NULL : target_of(parse, kind, of);
}

/* A word that only means a role when the right words follow; otherwise nothing is taken. */
static bool
take_words(SimParse *parse, const char *first, const char *second)
{
    size_t start = parse->at;

    if (sim_parse_take(parse, first) && (second == NULL || sim_parse_take(parse, second))) {
        return true;
    }
    parse->at = start;
    return false;
}

static SimTarget *read_union(SimParse *parse);

static SimTarget *
owner_of_slot(SimParse *parse)
{
    SimValue slots = {0};

    if (!sim_parse_take(parse, "slot")) {
        sim_parse_expect(parse, "slot");
        return NULL;
    }
    if (!sim_value_reader("slots")(parse, &slots)) {
        return NULL;
    }
    return target_new(parse, SIM_TARGET_OWNER, slots.first);
}

static SimTarget *
random_of(SimParse *parse)
{
    SimValue count = {.number = 0};
    SimTarget *target = NULL;

    if (!sim_parse_take(parse, "halves") && !sim_value_reader("count")(parse, &count)) {
        sim_parse_expect(parse, "halves");
        return NULL;
    }
    target = target_new(parse, SIM_TARGET_RANDOM, (unsigned)MIN(count.number, UINT32_MAX));
    if (sim_parse_take(parse, "of")) {
        target->of = read_union(parse);
        return target->of == NULL ? NULL : target;
    }
    target->of = target_new(parse, SIM_TARGET_ALL, 0);
    return target;
}

static SimTarget *
clients(SimParse *parse)
{
    if (take_words(parse, "in", NULL) || take_words(parse, "at", NULL) ||
        take_words(parse, "of", NULL)) {
        const SimTarget *of = read_union(parse);
        return of == NULL ? NULL : target_of(parse, SIM_TARGET_CLIENTS, of);
    }
    return target_new(parse, SIM_TARGET_CLIENTS, 0);
}

/* Roles, which are words of the language. NULL with *tried: it was one, and went wrong. */
static SimTarget *
read_role(SimParse *parse, bool *tried)
{
    static const struct {
        const char *word;
        SimTargetKind kind;
    } plain[] = {
        {"any", SIM_TARGET_ALL},           {"all", SIM_TARGET_ALL},
        {"leader", SIM_TARGET_LEADER},     {"primaries", SIM_TARGET_PRIMARIES},
        {"voters", SIM_TARGET_VOTERS},     {"witnesses", SIM_TARGET_WITNESSES},
        {"spares", SIM_TARGET_SPARES},     {"minority", SIM_TARGET_MINORITY},
        {"majority", SIM_TARGET_MAJORITY}, {"others", SIM_TARGET_OTHERS},
        {"rest", SIM_TARGET_OTHERS},
    };

    *tried = true;
    if (take_words(parse, "the", "others") || take_words(parse, "everyone", "else")) {
        return target_new(parse, SIM_TARGET_OTHERS, 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (sim_parse_take(parse, plain[i].word)) {
            return target_new(parse, plain[i].kind, 0);
        }
    }
    if (take_words(parse, "first", "primary")) {
        return of_shard(parse, SIM_TARGET_FIRST_PRIMARY);
    }
    if (sim_parse_take(parse, "primary")) {
        return of_shard(parse, SIM_TARGET_PRIMARY);
    }
    if (take_words(parse, "best", "replica")) {
        return of_shard(parse, SIM_TARGET_BEST_REPLICA);
    }
    if (take_words(parse, "owner", "of")) {
        return owner_of_slot(parse);
    }
    if (sim_parse_take(parse, "random")) {
        return random_of(parse);
    }
    if (sim_parse_take(parse, "clients")) {
        return clients(parse);
    }
    *tried = false;
    return NULL;
}

/* `replicas` alone are all; `replicas of a` those of a shard. */
static SimTarget *
replicas(SimParse *parse)
{
    size_t start = parse->at;
    SimTarget *target = of_shard(parse, SIM_TARGET_REPLICAS);

    if (target != NULL) {
        return target;
    }
    parse->at = start;
    return target_new(parse, SIM_TARGET_ALL_REPLICAS, 0);
}

static SimTarget *
node_range(SimParse *parse, const char *word)
{
    char *why = NULL;
    g_auto(GStrv) names = sim_names_expand(word, &why);
    SimTarget *target = NULL;
    SimTarget **items = NULL;
    unsigned count = 0;

    if (names == NULL) {
        g_autofree char *owned = why;
        sim_parse_fail(parse, g_strdup_printf("`%s` %s", word, owned));
        return NULL;
    }
    items = sim_arena_new0(parse->arena, SimTarget *, g_strv_length(names));
    for (; names[count] != NULL; count++) {
        unsigned index = sim_names_find(parse->names, SIM_NAME_NODE, names[count]);
        if (index == SIM_NAMES_NONE) {
            fail_unknown(parse, SIM_NAME_NODE, names[count]);
            return NULL;
        }
        items[count] = target_new(parse, SIM_TARGET_NODE, index);
        items[count]->text = sim_names_at(parse->names, SIM_NAME_NODE, index);
    }
    parse->at++;
    target = target_new(parse, SIM_TARGET_UNION, 0);
    target->items = items;
    target->item_count = count;
    return target;
}

/* n9 where there are n1 to n5: meant as a node, whatever else could have stood here. */
static bool
looks_like_a_node(const SimNames *names, const char *word)
{
    const char *node = sim_names_at(names, SIM_NAME_NODE, 0);
    size_t letters = strcspn(word, "0123456789");

    return node != NULL && word[letters] != '\0' &&
           strspn(word + letters, "0123456789") == strlen(word + letters) &&
           strcspn(node, "0123456789") == letters && strncmp(node, word, letters) == 0;
}

static SimTarget *
read_name(SimParse *parse)
{
    static const struct {
        SimNameKind name;
        SimTargetKind target;
    } kinds[] = {
        {SIM_NAME_NODE, SIM_TARGET_NODE},   {SIM_NAME_SITE, SIM_TARGET_SITE},
        {SIM_NAME_SHARD, SIM_TARGET_SHARD}, {SIM_NAME_CLUSTER, SIM_TARGET_CLUSTER},
        {SIM_NAME_FLEET, SIM_TARGET_FLEET}, {SIM_NAME_ACTION, SIM_TARGET_STRUCK},
    };
    const char *word = sim_parse_word(parse);

    if (word != NULL && strstr(word, "..") != NULL && !g_ascii_isdigit(word[0])) {
        return node_range(parse, word);
    }
    for (size_t i = 0; word != NULL && i < G_N_ELEMENTS(kinds); i++) {
        unsigned index = sim_names_find(parse->names, kinds[i].name, word);

        /* in a row of names, `failover n5 takeover` must not mean a line called takeover */
        if (index != SIM_NAMES_NONE && (kinds[i].name != SIM_NAME_ACTION || !parse->in_a_row)) {
            parse->at++;
            return target_new(parse, kinds[i].target, index);
        }
    }
    if (word != NULL && looks_like_a_node(parse->names, word)) {
        fail_unknown(parse, SIM_NAME_NODE, word);
    }
    sim_parse_expect_value(parse, true);
    return NULL;
}

static SimTarget *
read_term(SimParse *parse)
{
    size_t start = parse->at;
    bool tried = false;
    SimTarget *target = NULL;

    if (sim_parse_take(parse, "zone") || sim_parse_take(parse, "site")) {
        target = named(parse, SIM_NAME_SITE, SIM_TARGET_SITE);
    } else if (sim_parse_take(parse, "cluster")) {
        target = named(parse, SIM_NAME_CLUSTER, SIM_TARGET_CLUSTER);
    } else if (sim_parse_take(parse, "fleet")) {
        target = named(parse, SIM_NAME_FLEET, SIM_TARGET_FLEET);
    } else if (sim_parse_take(parse, "node")) {
        target = named(parse, SIM_NAME_NODE, SIM_TARGET_NODE);
    } else if (sim_parse_take(parse, "shard")) {
        target = named(parse, SIM_NAME_SHARD, SIM_TARGET_SHARD);
    } else if (sim_parse_take(parse, "replicas")) {
        target = replicas(parse);
    } else {
        target = read_role(parse, &tried);
        target = target == NULL && !tried ? read_name(parse) : target;
    }
    if (target == NULL) {
        parse->at = start;
        return NULL;
    }
    target->text = sim_words_join(parse->arena, parse->words, start, parse->at);
    return target;
}

/* Terms in a row, until a word that is none. */
static SimTarget *
read_union(SimParse *parse)
{
    size_t start = parse->at;
    SimTarget *first = read_term(parse);
    GPtrArray *items = NULL;
    SimTarget *target = NULL;

    if (first == NULL) {
        return NULL;
    }
    items = g_ptr_array_new();
    g_ptr_array_add(items, first);
    for (;;) {
        size_t before = parse->at;
        SimTarget *next = NULL;
        bool outer = parse->in_a_row;

        parse->in_a_row = !sim_parse_take(parse, ",") && !sim_parse_take(parse, "and");
        next = read_term(parse);
        parse->in_a_row = outer;
        if (next == NULL) {
            parse->at = before;
            break;
        }
        g_ptr_array_add(items, next);
    }
    if (items->len == 1) {
        g_ptr_array_free(items, TRUE);
        return first;
    }
    target = target_new(parse, SIM_TARGET_UNION, 0);
    target->item_count = items->len;
    target->items = (SimTarget **)sim_arena_keep(parse->arena, g_ptr_array_free(items, FALSE));
    target->text = sim_words_join(parse->arena, parse->words, start, parse->at);
    return target;
}

static SimTarget *
read_whole(SimParse *parse)
{
    size_t start = parse->at;
    SimTarget *all = read_union(parse);
    SimTarget *less = NULL;
    SimTarget **items = NULL;
    SimTarget *target = NULL;

    if (all == NULL || !sim_parse_take(parse, "except")) {
        return all;
    }
    less = read_union(parse);
    if (less == NULL) {
        parse->at = start;
        return NULL;
    }
    items = sim_arena_new0(parse->arena, SimTarget *, 2);
    items[0] = all;
    items[1] = less;
    target = target_new(parse, SIM_TARGET_EXCEPT, 0);
    target->items = items;
    target->item_count = 2;
    target->text = sim_words_join(parse->arena, parse->words, start, parse->at);
    return target;
}

bool
sim_read_target(SimParse *parse, SimValue *value)
{
    SimTarget *target = read_whole(parse);

    *value = (SimValue){.type = SIM_VALUE_TARGET, .target = target};
    return target != NULL;
}

bool
sim_read_sides(SimParse *parse, SimValue *value)
{
    size_t start = parse->at;
    GPtrArray *sides = g_ptr_array_new();
    SimTarget *side = NULL;

    do {
        side = read_whole(parse);
        if (side != NULL) {
            g_ptr_array_add(sides, side);
        }
    } while (side != NULL && sim_parse_take(parse, "|"));
    if (side == NULL || sides->len < 2) {
        if (side != NULL) {
            sim_parse_expect(parse, "|");
        }
        g_ptr_array_free(sides, TRUE);
        parse->at = start;
        return false;
    }
    *value = (SimValue){.type = SIM_VALUE_SIDES, .target_count = sides->len};
    value->targets = (SimTarget **)sim_arena_keep(parse->arena, g_ptr_array_free(sides, FALSE));
    return true;
}

bool
sim_read_shard(SimParse *parse, SimValue *value)
{
    size_t start = parse->at;
    SimTarget *target = shard(parse);

    if (target == NULL) {
        parse->at = start;
        return false;
    }
    target->text = sim_words_join(parse->arena, parse->words, start, parse->at);
    *value = (SimValue){.type = SIM_VALUE_TARGET, .target = target};
    return true;
}

/* A line by its name, or by its verb if no other line begins with it. */
static bool
find_action(SimParse *parse, const char *word, unsigned *index)
{
    unsigned count = 0;

    *index = sim_names_find(parse->names, SIM_NAME_ACTION, word);
    if (*index == SIM_NAMES_NONE) {
        *index = sim_names_find_verb(parse->names, word, &count);
    }
    if (*index != SIM_NAMES_NONE) {
        return true;
    }
    if (count > 1) {
        return sim_parse_fail(parse, g_strdup_printf("%u lines begin with `%s`; give the one "
                                                     "you mean a name with `as`",
                                                     count, word));
    }
    return false;
}

bool
sim_read_action(SimParse *parse, SimValue *value)
{
    const char *word = sim_parse_word(parse);
    unsigned index = 0;

    if (word == NULL) {
        sim_parse_expect_value(parse, false);
        return false;
    }
    if (!find_action(parse, word, &index)) {
        return fail_unknown(parse, SIM_NAME_ACTION, word);
    }
    parse->at++;
    *value = (SimValue){.type = SIM_VALUE_ACTION, .number = index};
    return true;
}

/* `+5.5s`, `-100ms` behind the base of a moment. */
static bool
take_offset(SimParse *parse, OrrTime *offset)
{
    const char *word = sim_parse_word(parse);
    char *why = NULL;

    if (word == NULL || (word[0] != '+' && word[0] != '-') || !g_ascii_isdigit(word[1])) {
        return true;
    }
    if (!config_quantity_read(CONFIG_DURATION, word, offset, &why)) {
        g_autofree char *owned = why;
        return sim_parse_fail(parse, g_strdup_printf("`%s` %s", word, owned));
    }
    parse->at++;
    return true;
}

static bool
moment_base(SimParse *parse, const char *word, SimMoment *moment)
{
    SimValue time = {0};
    bool end = sim_parse_take(parse, "heal") || take_words(parse, "end", "of");

    if (end) {
        const char *name = sim_parse_word(parse);
        moment->kind = SIM_MOMENT_END;
        if (name == NULL || !find_action(parse, name, &moment->index)) {
            return fail_unknown(parse, SIM_NAME_ACTION, name == NULL ? "" : name);
        }
        parse->at++;
        return true;
    }
    if (sim_parse_take(parse, "settle")) {
        moment->kind = SIM_MOMENT_SETTLE;
        return true;
    }
    if (sim_parse_take(parse, "end")) {
        moment->kind = SIM_MOMENT_STOP;
        return true;
    }
    if (sim_parse_take(parse, "start")) {
        return true;
    }
    if (g_ascii_isdigit(word[0])) {
        if (!sim_value_reader("duration")(parse, &time)) {
            return false;
        }
        moment->offset_ns = time.number;
        return true;
    }
    moment->kind = SIM_MOMENT_BEGIN;
    if (!find_action(parse, word, &moment->index)) {
        sim_parse_expect(parse, "settle");
        return fail_unknown(parse, SIM_NAME_ACTION, word);
    }
    parse->at++;
    return true;
}

bool
sim_read_moment(SimParse *parse, SimValue *value)
{
    size_t start = parse->at;
    const char *word = sim_parse_word(parse);
    SimMoment moment = {.kind = SIM_MOMENT_TIME};
    OrrTime offset = 0;

    if (word == NULL) {
        sim_parse_expect_value(parse, false);
        return false;
    }
    if (!moment_base(parse, word, &moment) || !take_offset(parse, &offset)) {
        parse->at = start;
        return false;
    }
    moment.offset_ns += offset;
    moment.text = sim_words_join(parse->arena, parse->words, start, parse->at);
    *value = (SimValue){.type = SIM_VALUE_MOMENT, .moment = moment};
    return true;
}
