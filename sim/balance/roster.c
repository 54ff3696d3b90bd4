#include "roster.h"

#include "fault.h"
#include <string.h>

#define FIELDS_MAX 3u

typedef struct Field {
    const char *begin;
    size_t size;
    size_t column; /* from 1 */
} Field;

/* Where a fault is, for messages of the form file:line:column. */
typedef struct Place {
    const char *path;
    size_t line;
} Place;

static bool G_GNUC_PRINTF(4, 5)
    refuse(GError **error, const Place *place, size_t column, const char *format, ...)
{
    va_list arguments;
    g_autofree char *message = NULL;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, SIM_FAULT, SIM_FAULT_DATA, "%s:%zu:%zu: %s", place->path, place->line,
                column, message);
    return false;
}

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Splits a line into at most FIELDS_MAX + 1 fields, the last one telling that there are too
 * many. Returns how many. */
static size_t
split_fields(const char *line, size_t size, Field *fields)
{
    size_t count = 0;
    size_t at = 0;

    while (at < size && count <= FIELDS_MAX) {
        size_t begin;

        while (at < size && is_blank(line[at])) {
            at++;
        }
        begin = at;
        while (at < size && !is_blank(line[at])) {
            at++;
        }
        if (at > begin) {
            fields[count++] = (Field){line + begin, at - begin, begin + 1};
        }
    }
    return count;
}

/* Digits only, at most `limit`. */
static bool
parse_number(const Field *field, uint64_t limit, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < field->size; i++) {
        if (!g_ascii_isdigit(field->begin[i])) {
            return false;
        }
        value = value * 10 + (uint64_t)(field->begin[i] - '0');
        if (value > limit) {
            return false;
        }
    }
    *number = value;
    return field->size > 0;
}

static bool
parse_port(const Place *place, const Field *name, size_t colon, uint16_t *port, GError **error)
{
    Field digits = {name->begin + colon + 1, name->size - colon - 1, name->column + colon + 1};
    uint64_t number = 0;

    if (!parse_number(&digits, 65535, &number) || number == 0) {
        return refuse(error, place, digits.column, "port '%.*s' of %.*s is not 1 to 65535",
                      (int)digits.size, digits.begin, (int)name->size, name->begin);
    }
    *port = (uint16_t)number;
    return true;
}

static bool
check_bytes(const Place *place, const Field *field, GError **error)
{
    if (field->size > SIM_ROSTER_NAME_SIZE_MAX) {
        return refuse(error, place, field->column, "a name of %zu bytes; at most %u",
                      field->size, SIM_ROSTER_NAME_SIZE_MAX);
    }
    for (size_t i = 0; i < field->size; i++) {
        if ((unsigned char)field->begin[i] < 0x20 || field->begin[i] == 0x7f) {
            return refuse(error, place, field->column + i, "control byte 0x%02x in a name",
                          (unsigned char)field->begin[i]);
        }
    }
    return true;
}

/* name[:port]. The last colon begins a port where it is the only one or follows a bracket: an
 * IPv6 address without brackets has several and is a name as it stands. `*name_size` is what
 * comes before the port. */
static bool
parse_name(const Place *place, const Field *name, size_t *name_size, uint16_t *port,
           GError **error)
{
    const char *colon = memchr(name->begin, ':', name->size);
    const char *bracket = memchr(name->begin, ']', name->size);
    size_t at = colon != NULL ? (size_t)(colon - name->begin) : name->size;

    *name_size = name->size;
    if (!check_bytes(place, name, error)) {
        return false;
    }
    if (at == 0 && memchr(colon + 1, ':', name->size - 1) == NULL) { /* "::1" is an address */
        return refuse(error, place, name->column, "a port without a name before it");
    }
    if (name->begin[0] == '[' && bracket != NULL) {
        at = (size_t)(bracket + 1 - name->begin);
        if (at < name->size && name->begin[at] != ':') {
            return refuse(error, place, name->column + at, "expected ':' and a port after ']'");
        }
    } else if (at < name->size && memchr(colon + 1, ':', name->size - at - 1) != NULL) {
        return true;
    }
    if (at == name->size) {
        return true;
    }
    *name_size = at;
    return parse_port(place, name, at, port, error);
}

static bool
parse_weight(const Place *place, const Field *field, uint32_t *weight, GError **error)
{
    uint64_t number = 0;

    if (!parse_number(field, SIM_ROSTER_WEIGHT_MAX, &number)) {
        return refuse(error, place, field->column,
                      "weight '%.*s' is not a whole number of 0 to %u%s", (int)field->size,
                      field->begin, SIM_ROSTER_WEIGHT_MAX,
                      memchr(field->begin, '.', field->size) != NULL
                          ? "; multiply all weights by 10 or 100"
                          : "");
    }
    *weight = (uint32_t)number;
    return true;
}

static bool
parse_member(const Place *place, const char *line, size_t size, SimMember *member,
             GError **error)
{
    Field fields[FIELDS_MAX + 1];
    size_t count = split_fields(line, size, fields);
    size_t name_size = 0;

    if (count > FIELDS_MAX) {
        return refuse(error, place, fields[FIELDS_MAX].column,
                      "a fourth field '%.*s'; a node is: name[:port] [weight] [zone]",
                      (int)fields[FIELDS_MAX].size, fields[FIELDS_MAX].begin);
    }
    *member = (SimMember){.weight = 1, .line = place->line};
    if (!parse_name(place, &fields[0], &name_size, &member->port, error) ||
        (count > 1 && !parse_weight(place, &fields[1], &member->weight, error)) ||
        (count > 2 && !check_bytes(place, &fields[2], error))) {
        return false;
    }
    member->label = g_strndup(fields[0].begin, fields[0].size);
    member->name = g_strndup(fields[0].begin, name_size);
    member->zone = count > 2 ? g_strndup(fields[2].begin, fields[2].size) : NULL;
    return true;
}

/* The line without its comment. `#` counts where a field could begin, so "rack#7" is a name. */
static size_t
size_without_comment(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) {
            return i;
        }
    }
    return size;
}

static bool
is_empty_line(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_blank(line[i])) {
            return false;
        }
    }
    return true;
}

static void
member_clear(gpointer data)
{
    SimMember *member = data;

    g_free(member->label);
    g_free(member->name);
    g_free(member->zone);
}

/* Reads all lines; a name that was there before is refused with the line of the first. */
static bool
parse_lines(const char *path, const char *text, size_t size, GArray *members, GError **error)
{
    g_autoptr(GHashTable) lines = g_hash_table_new(g_str_hash, g_str_equal);
    const char *end = text + size;
    Place place = {path, 0};

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line = text;
        size_t length = (size_t)((newline != NULL ? newline : end) - line);
        SimMember member = {0};
        size_t first;

        text = newline != NULL ? newline + 1 : end;
        place.line++;
        length = size_without_comment(line, length);
        if (is_empty_line(line, length)) {
            continue;
        }
        if (!parse_member(&place, line, length, &member, error)) {
            return false;
        }
        g_array_append_val(members, member);
        first = GPOINTER_TO_SIZE(g_hash_table_lookup(lines, member.label));
        if (first > 0) {
            return refuse(error, &place, 1,
                          "%s is on line %zu already; a heavier node has a"
                          " higher weight, not two lines",
                          member.label, first);
        }
        if (members->len > SIM_ROSTER_NODES_MAX) {
            return refuse(error, &place, 1, "more than %u nodes", SIM_ROSTER_NODES_MAX);
        }
        g_hash_table_insert(lines, member.label, GSIZE_TO_POINTER(place.line));
    }
    if (members->len == 0) {
        place.line = MAX(place.line, 1);
        return refuse(error, &place, 1,
                      "no nodes; write one a line: name[:port] [weight] [zone]");
    }
    return true;
}

SimRoster *
sim_roster_parse(const char *path, const char *text, size_t size, GError **error)
{
    GArray *members = g_array_new(FALSE, FALSE, sizeof(SimMember));
    SimRoster *roster;

    g_array_set_clear_func(members, member_clear);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* some editors put a mark first */
        text += 3;
        size -= 3;
    }
    if (!parse_lines(path, text, size, members, error)) {
        g_array_unref(members);
        return NULL;
    }
    g_array_set_clear_func(members, NULL);
    roster = g_new0(SimRoster, 1);
    roster->count = members->len;
    roster->members = (SimMember *)(void *)g_array_free(members, FALSE);
    for (size_t i = 0; i < roster->count; i++) {
        roster->weighted |= roster->members[i].weight != roster->members[0].weight;
        roster->zoned |= roster->members[i].zone != NULL;
    }
    return roster;
}

SimRoster *
sim_roster_load(const char *path, GError **error)
{
    size_t size = 0;
    g_autofree char *text = sim_fault_read_file(path, &size, error);

    return text != NULL ? sim_roster_parse(path, text, size, error) : NULL;
}

SimRoster *
sim_roster_generate(size_t count, uint64_t salt)
{
    SimRoster *roster = g_new0(SimRoster, 1);

    roster->count = count;
    roster->generated = true;
    roster->members = g_new0(SimMember, count);
    for (size_t i = 0; i < count; i++) {
        roster->members[i].name =
            salt == 0 ? g_strdup_printf("node-%zu", i)
                      : g_strdup_printf("node-%" G_GUINT64_FORMAT "-%zu", salt, i);
        roster->members[i].label = g_strdup(roster->members[i].name);
        roster->members[i].weight = 1;
    }
    return roster;
}

void
sim_balance_roster_free(SimRoster *roster)
{
    if (roster == NULL) {
        return;
    }
    for (size_t i = 0; i < roster->count; i++) {
        member_clear(&roster->members[i]);
    }
    g_free(roster->members);
    g_free(roster);
}

uint64_t
sim_roster_weight_sum(const SimRoster *roster)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < roster->count; i++) {
        sum += roster->members[i].weight;
    }
    return sum;
}

size_t
sim_balance_roster_find(const SimRoster *roster, const char *label)
{
    size_t at = 0;

    while (at < roster->count && strcmp(roster->members[at].label, label) != 0) {
        at++;
    }
    return at;
}

OrrPlacementNode
sim_roster_node(const SimRoster *roster, size_t index)
{
    const SimMember *member = &roster->members[index];

    return (OrrPlacementNode){
        .name = orr_bytes_of_string(member->name),
        .port = member->port,
        .weight = member->weight,
        .zone = member->zone != NULL ? orr_bytes_of_string(member->zone) : ORR_BYTES_EMPTY,
    };
}
