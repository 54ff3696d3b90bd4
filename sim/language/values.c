/* Values inside of sentences: numbers with units, spreads, comparisons, words of lists. */
#include <orrery/trace.h>
#include <quantity.h>
#include <setting.h>
#include <string.h>

#include "parse.h"

static bool
looks_like_a_number(const char *word)
{
    return g_ascii_isdigit(word[0]) ||
           ((word[0] == '-' || word[0] == '+' || word[0] == 'x') && g_ascii_isdigit(word[1]));
}

/* Reads one word as a quantity; what is no number at all may be another word of the pattern. */
static bool
read_quantity(SimParse *parse, ConfigQuantity quantity, const char *word, int64_t *number)
{
    char *why = NULL;
    char *message = NULL;

    if (word == NULL || !looks_like_a_number(word)) {
        sim_parse_expect_value(parse, false);
        return false;
    }
    if (config_quantity_read(quantity, word, number, &why)) {
        return true;
    }
    message = g_strdup_printf("`%s` %s", word, why);
    g_free(why);
    return sim_parse_fail(parse, message);
}

static bool
read_number(SimParse *parse, ConfigQuantity quantity, SimUnit unit, bool negative,
            SimValue *value)
{
    const char *word = sim_parse_word(parse);
    int64_t number = 0;

    if (!read_quantity(parse, quantity, word, &number)) {
        return false;
    }
    if (number < 0 && !negative) {
        return sim_parse_fail(parse, g_strdup_printf("`%s` is negative", word));
    }
    *value = (SimValue){.type = SIM_VALUE_NUMBER, .unit = unit, .number = number};
    parse->at++;
    return true;
}

static bool
read_duration(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_DURATION, SIM_UNIT_NS, false, value);
}

static bool
read_percent(SimParse *parse, SimValue *value)
{
    const char *word = sim_parse_word(parse);

    if (!read_number(parse, CONFIG_PERCENT, SIM_UNIT_PPM, false, value)) {
        return false;
    }
    if (value->number > 1000000) {
        parse->at--;
        return sim_parse_fail(parse, g_strdup_printf("`%s` is more than all", word));
    }
    return true;
}

static bool
read_factor(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_FACTOR, SIM_UNIT_PPM, false, value);
}

static bool
read_ratio(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_RATIO, SIM_UNIT_PPM, false, value);
}

static bool
read_ppm(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_PPM, SIM_UNIT_PPM, true, value);
}

static bool
read_count(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_COUNT, SIM_UNIT_COUNT, false, value);
}

static bool
read_size(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_SIZE, SIM_UNIT_BYTES, false, value);
}

static bool
read_rate(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_RATE, SIM_UNIT_RATE, false, value);
}

static bool
read_bandwidth(SimParse *parse, SimValue *value)
{
    return read_number(parse, CONFIG_BANDWIDTH, SIM_UNIT_BYTES, false, value);
}

/* Two quantities behind each other: `uniform A B`, `normal MEAN DEVIATION`. */
static bool
read_pair(SimParse *parse, ConfigQuantity quantity, const char *between, SimDist *dist)
{
    if (!read_quantity(parse, quantity, sim_parse_word(parse), &dist->a)) {
        return false;
    }
    parse->at++;
    if (between != NULL && !sim_parse_take(parse, between)) {
        sim_parse_expect(parse, between);
        return false;
    }
    if (!read_quantity(parse, quantity, sim_parse_word(parse), &dist->b)) {
        return false;
    }
    parse->at++;
    return true;
}

/* `100ms..3s`, or a single value. */
static bool
read_range(SimParse *parse, ConfigQuantity quantity, SimDist *dist)
{
    const char *word = sim_parse_word(parse);
    const char *dots = word == NULL ? NULL : strstr(word, "..");
    g_autofree char *low = NULL;

    if (dots == NULL) {
        dist->kind = SIM_DIST_FIXED;
        if (!read_quantity(parse, quantity, word, &dist->a)) {
            return false;
        }
        dist->b = dist->a;
        parse->at++;
        return true;
    }
    low = g_strndup(word, (size_t)(dots - word));
    dist->kind = SIM_DIST_UNIFORM;
    if (!read_quantity(parse, quantity, low, &dist->a) ||
        !read_quantity(parse, quantity, dots + 2, &dist->b)) {
        return false;
    }
    parse->at++;
    return true;
}

static bool
dist_makes_sense(SimParse *parse, size_t start, const SimDist *dist, bool negative)
{
    const char *wrong = NULL;

    if (dist->kind == SIM_DIST_UNIFORM && dist->b < dist->a) {
        wrong = "runs backwards";
    } else if (dist->kind == SIM_DIST_NORMAL && dist->b < 0) {
        wrong = "has a negative deviation";
    } else if (dist->kind == SIM_DIST_LOGNORMAL && (dist->a <= 0 || dist->b < dist->a)) {
        wrong = "has a 99th percentile below its median";
    } else if (!negative && dist->a < 0) {
        wrong = "is negative";
    }
    if (wrong == NULL) {
        return true;
    }
    parse->at = start;
    return sim_parse_fail(parse, g_strdup_printf("`%s` %s", sim_parse_word(parse), wrong));
}

static bool
read_spread(SimParse *parse, ConfigQuantity quantity, SimUnit unit, bool negative,
            SimValue *value)
{
    size_t start = parse->at;
    SimDist dist = {SIM_DIST_FIXED, 0, 0};
    bool fine = false;

    if (sim_parse_take(parse, "uniform")) {
        dist.kind = SIM_DIST_UNIFORM;
        fine = read_pair(parse, quantity, NULL, &dist);
    } else if (sim_parse_take(parse, "normal")) {
        dist.kind = SIM_DIST_NORMAL;
        fine = read_pair(parse, quantity, NULL, &dist);
    } else if (sim_parse_take(parse, "lognormal")) {
        dist.kind = SIM_DIST_LOGNORMAL;
        fine = read_pair(parse, quantity, "p99", &dist);
    } else if (sim_parse_take(parse, "exp")) {
        fine = read_range(parse, quantity, &dist) && dist.kind == SIM_DIST_FIXED;
        dist.kind = SIM_DIST_EXP;
        dist.b = 0;
    } else {
        fine = read_range(parse, quantity, &dist);
    }
    if (!fine || !dist_makes_sense(parse, start, &dist, negative)) {
        parse->at = start;
        return false;
    }
    *value = (SimValue){.type = SIM_VALUE_DIST, .unit = unit, .dist = dist};
    return true;
}

static bool
read_dist(SimParse *parse, SimValue *value)
{
    return read_spread(parse, CONFIG_DURATION, SIM_UNIT_NS, false, value);
}

static bool
read_step(SimParse *parse, SimValue *value)
{
    return read_spread(parse, CONFIG_DURATION, SIM_UNIT_NS, true, value);
}

static bool
read_drift(SimParse *parse, SimValue *value)
{
    return read_spread(parse, CONFIG_PPM, SIM_UNIT_PPM, true, value);
}

static bool
take_op(SimParse *parse, SimOp *op)
{
    static const struct {
        const char *first;
        const char *second;
        SimOp op;
    } ops[] = {
        {"<=", NULL, SIM_OP_LE},   {">=", NULL, SIM_OP_GE},    {"=", NULL, SIM_OP_EQ},
        {"<", NULL, SIM_OP_LT},    {">", NULL, SIM_OP_GT},     {"exactly", NULL, SIM_OP_EQ},
        {"at", "most", SIM_OP_LE}, {"at", "least", SIM_OP_GE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ops); i++) {
        size_t start = parse->at;

        if (!sim_parse_take(parse, ops[i].first)) {
            sim_parse_expect(parse, ops[i].first);
        } else if (ops[i].second == NULL || sim_parse_take(parse, ops[i].second)) {
            *op = ops[i].op;
            return true;
        }
        parse->at = start;
    }
    return false;
}

static bool
read_bound(SimParse *parse, ConfigQuantity quantity, SimUnit unit, SimValue *value)
{
    size_t start = parse->at;
    SimBound bound = {.unit = unit};

    if (!take_op(parse, &bound.op)) {
        return false;
    }
    if (!read_quantity(parse, quantity, sim_parse_word(parse), &bound.value)) {
        parse->at = start;
        return false;
    }
    parse->at++;
    *value = (SimValue){.type = SIM_VALUE_BOUND, .unit = unit, .bound = bound};
    return true;
}

static bool
read_bound_count(SimParse *parse, SimValue *value)
{
    return read_bound(parse, CONFIG_COUNT, SIM_UNIT_COUNT, value);
}

static bool
read_bound_duration(SimParse *parse, SimValue *value)
{
    return read_bound(parse, CONFIG_DURATION, SIM_UNIT_NS, value);
}

static bool
read_bound_percent(SimParse *parse, SimValue *value)
{
    return read_bound(parse, CONFIG_PERCENT, SIM_UNIT_PPM, value);
}

static bool
read_bound_factor(SimParse *parse, SimValue *value)
{
    return read_bound(parse, CONFIG_FACTOR, SIM_UNIT_PPM, value);
}

static bool
read_bound_ratio(SimParse *parse, SimValue *value)
{
    return read_bound(parse, CONFIG_RATIO, SIM_UNIT_PPM, value);
}

static bool
read_bound_size(SimParse *parse, SimValue *value)
{
    return read_bound(parse, CONFIG_SIZE, SIM_UNIT_BYTES, value);
}

static bool
read_listed(SimParse *parse, const char *const *words, SimValue *value)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (sim_parse_take(parse, words[i])) {
            *value = (SimValue){.type = SIM_VALUE_CHOICE, .choice = i};
            return true;
        }
        sim_parse_expect(parse, words[i]);
    }
    return false;
}

static bool
read_message(SimParse *parse, SimValue *value)
{
    return read_listed(parse, sim_words_message, value);
}

static bool
read_operation(SimParse *parse, SimValue *value)
{
    if (sim_parse_take(parse, "put")) {
        *value = (SimValue){.type = SIM_VALUE_CHOICE, .choice = SIM_DO_SET};
        return true;
    }
    return read_listed(parse, sim_words_operation, value);
}

static bool
read_percentile(SimParse *parse, SimValue *value)
{
    return read_listed(parse, sim_words_percentile, value);
}

static bool
read_decision(SimParse *parse, SimValue *value)
{
    for (unsigned kind = 0; kind < ORR_TRACE_KINDS; kind++) {
        const char *name = orr_trace_kind_name((OrrTraceKind)kind);

        if (sim_parse_take(parse, name)) {
            *value = (SimValue){.type = SIM_VALUE_CHOICE, .choice = kind};
            return true;
        }
        sim_parse_expect(parse, name);
    }
    return false;
}

static bool
read_mix(SimParse *parse, SimValue *value)
{
    size_t start = parse->at;
    GArray *words = g_array_new(FALSE, FALSE, sizeof(SimWord));
    SimValue operation = {0};
    SimValue weight = {0};

    while (read_operation(parse, &operation)) {
        SimWord word = {operation.choice, 0};

        if (!read_count(parse, &weight)) {
            g_array_free(words, TRUE);
            parse->at = start;
            return false;
        }
        word.number = weight.number;
        g_array_append_val(words, word);
    }
    *value = (SimValue){.type = SIM_VALUE_WORDS, .word_count = words->len};
    value->words = (SimWord *)sim_arena_keep(parse->arena, g_array_free(words, FALSE));
    return value->word_count > 0;
}

static bool
read_arrow(SimParse *parse, SimValue *value)
{
    bool both = sim_parse_take(parse, "<->");

    if (!both && !sim_parse_take(parse, "->")) {
        sim_parse_expect(parse, "->");
        sim_parse_expect(parse, "<->");
        return false;
    }
    *value = (SimValue){.type = SIM_VALUE_CHOICE,
                        .choice = both ? SIM_DIRECTION_BOTH : SIM_DIRECTION_TO};
    return true;
}

static bool
read_name(SimParse *parse, SimValue *value)
{
    const char *word = sim_parse_word(parse);

    if (word == NULL) {
        sim_parse_expect_value(parse, false);
        return false;
    }
    *value = (SimValue){.type = SIM_VALUE_TEXT, .text = word};
    parse->at++;
    return true;
}

static bool
read_rest(SimParse *parse, SimValue *value)
{
    if (sim_parse_word(parse) == NULL) {
        sim_parse_expect_value(parse, false);
        return false;
    }
    *value = (SimValue){
        .type = SIM_VALUE_TEXT,
        .text = sim_words_join(parse->arena, parse->words, parse->at, parse->words->count)};
    parse->at = parse->words->count;
    return true;
}

static bool
read_slots(SimParse *parse, SimValue *value)
{
    SimValue spread = {0};
    size_t start = parse->at;

    if (!read_spread(parse, CONFIG_COUNT, SIM_UNIT_COUNT, false, &spread)) {
        return false;
    }
    if (spread.dist.b > 16383) {
        parse->at = start;
        return sim_parse_fail(parse, g_strdup("slots are numbered 0 to 16383"));
    }
    *value = (SimValue){.type = SIM_VALUE_SLOTS,
                        .first = (uint16_t)spread.dist.a,
                        .last = (uint16_t)spread.dist.b};
    return true;
}

static bool
read_setting(SimParse *parse, const char *word, SimSetting *out)
{
    const char *equal = strchr(word, '=');
    g_autofree char *name = g_strndup(word, (size_t)(equal - word));
    g_autofree char *why = NULL;
    const ConfigSetting *setting = config_setting_find(name);

    if (setting == NULL) {
        const char *near = config_setting_nearest(name);
        return sim_parse_fail(
            parse, near == NULL ? g_strdup_printf("there is no setting `%s`", name)
                                : g_strdup_printf("there is no setting `%s`; did you mean "
                                                  "`%s`?",
                                                  name, near));
    }
    if (!config_setting_read(setting, equal + 1, &out->value, &why)) {
        return sim_parse_fail(parse, g_strdup_printf("`%s` %s", equal + 1, why));
    }
    out->setting = setting;
    out->text = sim_arena_text(parse->arena, equal + 1);
    out->shown = sim_arena_format(parse->arena, "%s = %s", setting->name, equal + 1);
    return true;
}

static bool
read_settings(SimParse *parse, SimValue *value)
{
    size_t start = parse->at;
    GArray *settings = g_array_new(FALSE, FALSE, sizeof(SimSetting));
    const char *word = NULL;

    while ((word = sim_parse_word(parse)) != NULL && strchr(word, '=') != NULL &&
           word[0] != '=') {
        SimSetting setting = {0};

        if (!read_setting(parse, word, &setting)) {
            g_array_free(settings, TRUE);
            parse->at = start;
            return false;
        }
        g_array_append_val(settings, setting);
        parse->at++;
    }
    *value = (SimValue){.type = SIM_VALUE_SETTINGS, .setting_count = settings->len};
    value->settings = (SimSetting *)sim_arena_keep(parse->arena, g_array_free(settings, FALSE));
    if (value->setting_count == 0) {
        sim_parse_expect_value(parse, false);
    }
    return value->setting_count > 0;
}

SimValueReader
sim_value_reader(const char *type)
{
    static const struct {
        const char *type;
        SimValueReader reader;
    } readers[] = {
        {"target", sim_read_target},
        {"sides", sim_read_sides},
        {"shard", sim_read_shard},
        {"arrow", read_arrow},
        {"duration", read_duration},
        {"dist", read_dist},
        {"step", read_step},
        {"drift", read_drift},
        {"percent", read_percent},
        {"ratio", read_ratio},
        {"factor", read_factor},
        {"ppm", read_ppm},
        {"count", read_count},
        {"size", read_size},
        {"rate", read_rate},
        {"bandwidth", read_bandwidth},
        {"message", read_message},
        {"operation", read_operation},
        {"percentile", read_percentile},
        {"mix", read_mix},
        {"decision", read_decision},
        {"name", read_name},
        {"rest", read_rest},
        {"check", read_rest},
        {"moment", sim_read_moment},
        {"action", sim_read_action},
        {"slots", read_slots},
        {"settings", read_settings},
        {"bound-count", read_bound_count},
        {"bound-duration", read_bound_duration},
        {"bound-percent", read_bound_percent},
        {"bound-factor", read_bound_factor},
        {"bound-ratio", read_bound_ratio},
        {"bound-size", read_bound_size},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(readers); i++) {
        if (strcmp(readers[i].type, type) == 0) {
            return readers[i].reader;
        }
    }
    return NULL;
}
