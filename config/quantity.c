#include "quantity.h"

#include <glib.h>
#include <string.h>

#include "nearest.h"

#define DECIMALS_MAX 12
#define MILLION INT64_C(1000000)

__extension__ typedef __int128 Wide;

typedef struct Unit {
    const char *name;
    int64_t factor;
    bool shown;      /* format() may use it */
    int64_t divisor; /* of factor; 1 but for rates */
} Unit;

typedef struct Kind {
    const char *name;
    const char *examples;
    const Unit *units;
    bool chain;    /* 1m30s */
    bool prefixed; /* the unit may stand before: x20 */
    bool zero;     /* a plain 0 needs no unit */
} Kind;

static const Unit duration_units[] = {
    {"d", 86400 * INT64_C(1000000000), true, 1},
    {"h", 3600 * INT64_C(1000000000), true, 1},
    {"min", 60 * INT64_C(1000000000), false, 1},
    {"m", 60 * INT64_C(1000000000), true, 1},
    {"s", INT64_C(1000000000), true, 1},
    {"ms", 1000000, true, 1},
    {"us", 1000, true, 1},
    {"ns", 1, true, 1},
    {NULL, 0, false, 1},
};

static const Unit size_units[] = {
    {"GiB", INT64_C(1) << 30, true, 1},
    {"GB", INT64_C(1000000000), true, 1},
    {"MiB", INT64_C(1) << 20, true, 1},
    {"MB", 1000000, true, 1},
    {"KiB", INT64_C(1) << 10, true, 1},
    {"kB", 1000, true, 1},
    {"KB", 1000, false, 1},
    {"B", 1, true, 1},
    {NULL, 0, false, 1},
};

static const Unit rate_units[] = {
    {"/s", MILLION, true, 1},
    {"/min", MILLION, false, 60},
    {"/h", MILLION, false, 3600},
    {NULL, 0, false, 1},
};

static const Unit bandwidth_units[] = {
    {"Gbit", 125000000, true, 1}, {"Mbit", 125000, true, 1},
    {"kbit", 125, true, 1},       {"GB/s", 1000000000, false, 1},
    {"MB/s", 1000000, false, 1},  {"kB/s", 1000, false, 1},
    {"B/s", 1, true, 1},          {NULL, 0, false, 1},
};

static const Unit percent_units[] = {
    {"%", 10000, true, 1}, {"ppm", 1, false, 1}, {NULL, 0, false, 1}};
static const Unit ratio_units[] = {
    {"", MILLION, true, 1}, {"%", 10000, false, 1}, {NULL, 0, false, 1}};
static const Unit factor_units[] = {{"x", MILLION, true, 1}, {NULL, 0, false, 1}};
static const Unit ppm_units[] = {
    {"ppm", 1, true, 1}, {"%", 10000, false, 1}, {NULL, 0, false, 1}};
static const Unit count_units[] = {
    {"", 1, true, 1}, {"k", 1000, false, 1}, {"M", MILLION, false, 1}, {NULL, 0, false, 1}};

static const Kind kinds[CONFIG_QUANTITIES] = {
    [CONFIG_DURATION] = {"a duration", "300ms, 5s, 2h", duration_units, true, false, true},
    [CONFIG_SIZE] = {"a size", "100B, 512KiB, 10MB", size_units, false, false, true},
    [CONFIG_RATE] = {"a rate", "2000/s, 1/min", rate_units, false, false, true},
    [CONFIG_BANDWIDTH] = {"a bandwidth", "1Gbit, 5MB/s", bandwidth_units, false, false, true},
    [CONFIG_PERCENT] = {"a percentage", "0.5%, 99%", percent_units, false, false, true},
    [CONFIG_RATIO] = {"a ratio", "0.99, 1.25", ratio_units, false, false, true},
    [CONFIG_FACTOR] = {"a factor", "x20, 5x", factor_units, false, true, false},
    [CONFIG_PPM] = {"a drift", "400ppm, -50ppm", ppm_units, false, false, true},
    [CONFIG_COUNT] = {"a number", "3, 10000, 16k", count_units, false, false, true},
};

/* A decimal number as it stands: digits, and how many of them follow the point. */
typedef struct Decimal {
    Wide digits;
    unsigned places;
} Decimal;

/* Returns what follows, or NULL when there is no number or it has too many digits. */
static const char *
read_decimal(const char *text, Decimal *decimal)
{
    unsigned count = 0;
    bool point = false;

    *decimal = (Decimal){0};
    for (;; text++) {
        if (*text == '.' && !point && g_ascii_isdigit(text[1])) {
            point = true;
        } else if (*text == '_' && count > 0 && g_ascii_isdigit(text[1])) {
            continue;
        } else if (g_ascii_isdigit(*text)) {
            decimal->digits = decimal->digits * 10 + (*text - '0');
            decimal->places += point;
            count++;
        } else {
            break;
        }
        if (count > 24 || decimal->places > DECIMALS_MAX) {
            return NULL;
        }
    }
    return count == 0 ? NULL : text;
}

/* False: does not fit. */
static bool
scale(Decimal decimal, const Unit *unit, int64_t *value)
{
    Wide product = 0;

    if (decimal.digits > (Wide)INT64_MAX * 1000000) {
        return false;
    }
    product = decimal.digits * unit->factor / unit->divisor;
    for (unsigned i = 0; i < decimal.places; i++) {
        product /= 10;
    }
    if (product > INT64_MAX / 4) { /* room for sums of two */
        return false;
    }
    *value = (int64_t)product;
    return true;
}

static const Unit *
find_unit(const Kind *kind, const char *text, size_t size)
{
    for (const Unit *unit = kind->units; unit->name != NULL; unit++) {
        if (strlen(unit->name) == size && strncmp(unit->name, text, size) == 0) {
            return unit;
        }
    }
    return NULL;
}

static char *
unknown_unit(const Kind *kind, const char *text, size_t size)
{
    g_autofree char *word = g_strndup(text, size);
    ConfigNearest nearest = config_nearest(word);

    if (size == 0) {
        return g_strdup_printf("has no unit; %s is written %s", kind->name, kind->examples);
    }
    for (const Unit *unit = kind->units; unit->name != NULL; unit++) {
        if (unit->name[0] != '\0' && g_ascii_strcasecmp(unit->name, word) == 0) {
            return g_strdup_printf("has the unit `%s`, which is written `%s`", word,
                                   unit->name);
        }
        config_nearest_offer(&nearest, unit->name);
    }
    return g_strdup_printf("is not %s: there is no unit `%s` for it%s%s%s (%s)", kind->name,
                           word, nearest.best == NULL ? "" : "; did you mean `",
                           nearest.best == NULL ? "" : nearest.best,
                           nearest.best == NULL ? "" : "`?", kind->examples);
}

static bool
refuse(char **why, char *message)
{
    *why = message;
    return false;
}

/* One number with its unit after the sign; several where the kind chains. */
static bool
read_terms(const Kind *kind, const char *text, int64_t *value, char **why)
{
    *value = 0;
    while (*text != '\0') {
        Decimal decimal;
        const char *begin = text;
        int64_t term = 0;
        size_t size = 0;
        const Unit *unit = NULL;

        text = read_decimal(text, &decimal);
        if (text == NULL) {
            return refuse(why,
                          g_ascii_isdigit(*begin)
                              ? g_strdup("has too many digits")
                              : g_strdup_printf("is not %s (%s)", kind->name, kind->examples));
        }
        size = kind->chain ? strcspn(text, "0123456789") : strlen(text);
        unit = find_unit(kind, text, size);
        if (unit == NULL && size == 0 && kind->zero && decimal.digits == 0) {
            return true;
        }
        if (unit == NULL) {
            return refuse(why, unknown_unit(kind, text, size));
        }
        if (!scale(decimal, unit, &term) || *value > INT64_MAX / 4 - term) {
            return refuse(why, g_strdup("is too large"));
        }
        *value += term;
        text += size;
    }
    return true;
}

bool
config_quantity_read(ConfigQuantity quantity, const char *text, int64_t *value, char **why)
{
    const Kind *kind = &kinds[quantity];
    bool negative = false;
    int64_t number = 0;

    if (*text == '+' || *text == '-') {
        negative = *text == '-';
        text++;
    }
    if (kind->prefixed && *text == 'x') {
        text++;
        kind = &kinds[CONFIG_RATIO];
    }
    if (*text == '\0') {
        return refuse(why, g_strdup_printf("is not %s (%s)", kind->name, kind->examples));
    }
    if (!read_terms(kind, text, &number, why)) {
        return false;
    }
    if (quantity == CONFIG_COUNT && strchr(text, '.') != NULL && strpbrk(text, "kM") == NULL) {
        return refuse(why, g_strdup("is not a whole number"));
    }
    *value = negative ? -number : number;
    return true;
}

const char *
config_quantity_name(ConfigQuantity quantity)
{
    return kinds[quantity].name;
}

const char *
config_quantity_examples(ConfigQuantity quantity)
{
    return kinds[quantity].examples;
}

/* `value` / `factor` as a decimal number without needless zeros. */
static char *
decimal_text(uint64_t value, uint64_t factor)
{
    GString *text = g_string_new(NULL);
    uint64_t rest = value % factor;

    g_string_append_printf(text, "%" G_GUINT64_FORMAT, value / factor);
    if (rest != 0) {
        g_string_append_c(text, '.');
    }
    for (int i = 0; i < DECIMALS_MAX && rest != 0; i++) {
        Wide next = (Wide)rest * 10;

        g_string_append_c(text, (char)('0' + (int)(next / (Wide)factor)));
        rest = (uint64_t)(next % (Wide)factor);
    }
    return g_string_free(text, FALSE);
}

char *
config_quantity_format(ConfigQuantity quantity, int64_t value)
{
    const Kind *kind = &kinds[quantity];
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    g_autofree char *best = NULL;
    const char *sign = value < 0 ? "-" : "";

    if (value == 0 && kind->zero) {
        return g_strdup(quantity == CONFIG_DURATION ? "0s" : "0");
    }
    for (const Unit *unit = kind->units; unit->name != NULL; unit++) {
        g_autofree char *number = NULL;
        g_autofree char *text = NULL;

        if (!unit->shown) {
            continue;
        }
        number = decimal_text(size, (uint64_t)unit->factor);
        text = g_strconcat(sign, number, unit->name, NULL);
        if (best == NULL || strlen(text) < strlen(best)) {
            g_free(best);
            best = g_steal_pointer(&text);
        }
    }
    return g_steal_pointer(&best);
}
