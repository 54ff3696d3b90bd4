/* options_value.c - how words become values of options, and back. */
#include <arpa/inet.h>
#include <quantity.h>
#include <setting.h>
#include <stdlib.h>

#include "options_key.h"

#define PORT_MAX 65535u
#define BUS_PORT_SHIFT 10000u
#define SLOT_MAX 16383u
#define COUNT_MAX 65535u
#define SECONDS_MAX (365 * 86400)

static void *
field(const LiveKey *key, LiveOptions *options)
{
    return (char *)options + key->offset;
}

static const void *
const_field(const LiveKey *key, const LiveOptions *options)
{
    return (const char *)options + key->offset;
}

static bool
read_number(const char *word, guint64 max, guint64 *number)
{
    return g_ascii_string_to_unsigned(word, 10, 0, max, number, NULL);
}

/* Ports, counts, times */

char *
live_take_port(const LiveKey *key, LiveOptions *options, const char *word)
{
    guint64 port;

    if (!read_number(word, PORT_MAX, &port)) {
        return g_strdup("is not a port, 0 to 65535");
    }
    *(uint16_t *)field(key, options) = (uint16_t)port;
    return NULL;
}

char *
live_show_port(const LiveKey *key, const LiveOptions *options)
{
    return g_strdup_printf("%u", *(const uint16_t *)const_field(key, options));
}

char *
live_take_count(const LiveKey *key, LiveOptions *options, const char *word)
{
    guint64 count;

    if (!read_number(word, COUNT_MAX, &count) || count == 0) {
        return g_strdup("is not a number, 1 to 65535");
    }
    *(uint32_t *)field(key, options) = (uint32_t)count;
    return NULL;
}

char *
live_show_count(const LiveKey *key, const LiveOptions *options)
{
    return g_strdup_printf("%u", *(const uint32_t *)const_field(key, options));
}

/* Seconds, or a duration with a unit, in whole seconds. NULL, or why not. */
static char *
read_seconds(const char *word, int64_t *seconds)
{
    guint64 plain;
    char *why = NULL;

    if (read_number(word, SECONDS_MAX, &plain)) {
        *seconds = (int64_t)plain;
        return NULL;
    }
    if (!config_quantity_read(CONFIG_DURATION, word, seconds, &why)) {
        return why;
    }
    if (*seconds < 0 || *seconds % ORR_NS_PER_S != 0 || *seconds / ORR_NS_PER_S > SECONDS_MAX) {
        return g_strdup("is not a number of whole seconds, up to a year");
    }
    *seconds /= ORR_NS_PER_S;
    return NULL;
}

char *
live_take_seconds(const LiveKey *key, LiveOptions *options, const char *word)
{
    int64_t seconds = 0;
    char *why = read_seconds(word, &seconds);

    if (why == NULL) {
        *(uint32_t *)field(key, options) = (uint32_t)seconds;
    }
    return why;
}

char *
live_show_seconds(const LiveKey *key, const LiveOptions *options)
{
    return g_strdup_printf("%u", *(const uint32_t *)const_field(key, options));
}

/* Texts and words */

char *
live_take_text(const LiveKey *key, LiveOptions *options, const char *word)
{
    char **text = field(key, options);

    g_free(*text);
    *text = word[0] == '\0' ? NULL : g_strdup(word);
    return NULL;
}

char *
live_show_text(const LiveKey *key, const LiveOptions *options)
{
    const char *text = *(char *const *)const_field(key, options);

    return g_strdup(text == NULL ? "" : text);
}

static char *
is_none_of(const LiveKey *key)
{
    g_autofree char *words = g_strjoinv(", ", (char **)(uintptr_t)key->words);

    return g_strdup_printf("is none of %s", words);
}

char *
live_take_word(const LiveKey *key, LiveOptions *options, const char *word)
{
    if (g_strcmp0(key->redis, "loglevel") == 0 && strcmp(word, "verbose") == 0) {
        word = "info"; /* Redis's level between debug and notice */
    }
    for (unsigned i = 0; key->words[i] != NULL; i++) {
        if (strcmp(key->words[i], word) == 0) {
            *(unsigned *)field(key, options) = i;
            return NULL;
        }
    }
    return is_none_of(key);
}

char *
live_show_word(const LiveKey *key, const LiveOptions *options)
{
    return g_strdup(key->words[*(const unsigned *)const_field(key, options)]);
}

char *
live_take_yes_no(const LiveKey *key, LiveOptions *options, const char *word)
{
    bool yes = strcmp(word, "yes") == 0 || strcmp(word, "true") == 0;

    if (!yes && strcmp(word, "no") != 0 && strcmp(word, "false") != 0) {
        return g_strdup("is neither yes nor no");
    }
    *(bool *)field(key, options) = yes;
    return NULL;
}

char *
live_show_yes_no(const LiveKey *key, const LiveOptions *options)
{
    return g_strdup(*(const bool *)const_field(key, options) ? "yes" : "no");
}

/* What Redis knows more values of than this daemon. */
char *
live_take_only(const LiveKey *key, LiveOptions *options, const char *word)
{
    (void)options;
    if (g_strv_contains(key->words, word)) {
        return NULL;
    }
    g_autofree char *words = g_strjoinv(", ", (char **)(uintptr_t)key->words);

    return g_strdup_printf("is not taken here, only %s: %s",
                           words[0] == '\0' ? "an empty text" : words, key->doc);
}

char *
live_show_only(const LiveKey *key, const LiveOptions *options)
{
    (void)options;
    return g_strdup(key->words[0]);
}

/* Addresses */

static bool
read_ip(const char *word, OrrAddress *address)
{
    uint8_t v4[4];

    if (strcmp(word, "localhost") == 0) {
        word = "127.0.0.1";
    } else if (strcmp(word, "*") == 0) {
        word = "0.0.0.0";
    }
    if (inet_pton(AF_INET, word, v4) == 1) {
        OrrAddress mapped = orr_address_v4(v4[0], v4[1], v4[2], v4[3], 0, 0);

        memcpy(address->ip, mapped.ip, sizeof address->ip);
        return true;
    }
    return inet_pton(AF_INET6, word, address->ip) == 1;
}

static char *
format_ip(const OrrAddress *address)
{
    char ip[ORR_ADDRESS_TEXT_SIZE];

    orr_address_format_ip(address, ip);
    return g_strdup(ip);
}

char *
live_take_bind(const LiveKey *key, LiveOptions *options, const char *word)
{
    (void)key;
    return read_ip(word, &options->bind) ? NULL
                                         : g_strdup("is not an IP address; one is taken, "
                                                    "0.0.0.0 or :: stands for all");
}

char *
live_show_bind(const LiveKey *key, const LiveOptions *options)
{
    (void)key;
    return format_ip(&options->bind);
}

char *
live_take_announce_ip(const LiveKey *key, LiveOptions *options, const char *word)
{
    (void)key;
    options->announced = word[0] != '\0';
    return !options->announced || read_ip(word, &options->announce)
               ? NULL
               : g_strdup("is not an IP address");
}

char *
live_show_announce_ip(const LiveKey *key, const LiveOptions *options)
{
    (void)key;
    return options->announced ? format_ip(&options->announce) : g_strdup("");
}

/* The port after the last colon of `text`, which is cut there. */
static bool
cut_port(char *text, guint64 *port)
{
    char *colon = strrchr(text, ':');

    if (colon == NULL || !read_number(colon + 1, PORT_MAX, port) || *port == 0) {
        return false;
    }
    *colon = '\0';
    return true;
}

/* ip:port, ip:port@busport, [ipv6]:port */
char *
live_take_seed(const LiveKey *key, LiveOptions *options, const char *word)
{
    g_autofree char *copy = g_strdup(word);
    char *at = strchr(copy, '@');
    char *ip = copy;
    guint64 port = 0;
    guint64 bus_port = 0;
    OrrAddress address = {.ip = {0}};

    (void)key;
    if (at != NULL) {
        *at = '\0';
        if (!read_number(at + 1, PORT_MAX, &bus_port)) {
            return g_strdup("has no bus port after the @");
        }
    }
    if (!cut_port(copy, &port)) {
        return g_strdup("is not written as 10.0.0.1:7001");
    }
    if (ip[0] == '[' && ip[strlen(ip) - 1] == ']') {
        ip[strlen(ip) - 1] = '\0';
        ip++;
    }
    bus_port = bus_port == 0 ? port + BUS_PORT_SHIFT : bus_port;
    if (!read_ip(ip, &address) || bus_port > PORT_MAX) {
        return g_strdup("is not an IP address with a port; 10.0.0.1:7001@17001 names the bus "
                        "port, otherwise the port and 10000");
    }
    if (options->node.seed_count == LIVE_SEEDS_MAX) {
        return g_strdup("is one seed too many");
    }
    address.port = (uint16_t)port;
    address.bus_port = (uint16_t)bus_port;
    options->seeds[options->node.seed_count++] = address;
    return NULL;
}

char *
live_show_seeds(const LiveKey *key, const LiveOptions *options)
{
    GString *text = g_string_new(NULL);

    (void)key;
    for (size_t i = 0; i < options->node.seed_count; i++) {
        const OrrAddress *seed = &options->seeds[i];
        g_autofree char *ip = format_ip(seed);
        bool v6 = strchr(ip, ':') != NULL;

        g_string_append_printf(text, "%s%s%s%s:%u@%u", i == 0 ? "" : " ", v6 ? "[" : "", ip,
                               v6 ? "]" : "", seed->port, seed->bus_port);
    }
    return g_string_free(text, FALSE);
}

/* Slots */

char *
live_take_slots(const LiveKey *key, LiveOptions *options, const char *word)
{
    g_auto(GStrv) ends = g_strsplit(word, "-", 2);
    guint64 first;
    guint64 last;

    (void)key;
    if (ends[0] == NULL || !read_number(ends[0], SLOT_MAX, &first) ||
        !read_number(ends[1] == NULL ? ends[0] : ends[1], SLOT_MAX, &last) || first > last) {
        return g_strdup("is not a range of slots such as 0-5460, within 0 to 16383");
    }
    if (options->node.slot_range_count == LIVE_SLOT_RANGES_MAX) {
        return g_strdup("is one range too many");
    }
    options->slots[options->node.slot_range_count++] =
        (OrrSlotRange){(uint16_t)first, (uint16_t)last};
    return NULL;
}

char *
live_show_slots(const LiveKey *key, const LiveOptions *options)
{
    GString *text = g_string_new(NULL);

    (void)key;
    for (size_t i = 0; i < options->node.slot_range_count; i++) {
        g_string_append_printf(text, "%s%u-%u", i == 0 ? "" : " ", options->slots[i].first,
                               options->slots[i].last);
    }
    return g_string_free(text, FALSE);
}

/* Identities: 40 hex digits are an id; any other word names one. */

char *
live_take_id(const LiveKey *key, LiveOptions *options, const char *word)
{
    OrrBytes text = orr_bytes_of_string(word);
    OrrId *id = field(key, options);

    if (word[0] == '\0') {
        *id = ORR_ID_NONE;
    } else if (orr_id_parse(text, id) != ORR_OK) {
        *id = orr_id_of_name(text);
    }
    return NULL;
}

char *
live_show_id(const LiveKey *key, const LiveOptions *options)
{
    const OrrId *id = const_field(key, options);
    char text[ORR_ID_HEX_SIZE + 1] = "";

    if (!orr_id_is_none(id)) {
        orr_id_format(id, text);
    }
    return g_strdup(text);
}

char *
live_take_replica_of(const LiveKey *key, LiveOptions *options, const char *word)
{
    options->node.role = word[0] == '\0' ? options->node.role : ORR_ROLE_REPLICA;
    return live_take_id(key, options, word);
}

char *
live_take_random_seed(const LiveKey *key, LiveOptions *options, const char *word)
{
    guint64 number;

    (void)key;
    if (!read_number(word, G_MAXUINT64, &number)) {
        return g_strdup("is not a number");
    }
    options->node.seed = number;
    options->seed_given = true;
    return NULL;
}

char *
live_show_random_seed(const LiveKey *key, const LiveOptions *options)
{
    (void)key;
    return options->seed_given ? g_strdup_printf("%" G_GUINT64_FORMAT, options->node.seed)
                               : g_strdup("");
}

/* client-output-buffer-limit: four words each */

static const char *const class_words[LIVE_CLASSES] = {"normal", "replica", "pubsub"};

static char *
take_class(LiveOptions *options, const char *word)
{
    if (strcmp(word, "slave") == 0) {
        word = "replica";
    }
    for (unsigned i = 0; i < LIVE_CLASSES; i++) {
        if (strcmp(class_words[i], word) == 0) {
            options->output_class = (LiveClientClass)i;
            return NULL;
        }
    }
    return g_strdup("is no class of clients: normal, replica, pubsub");
}

static char *
take_size(size_t *size, const char *word)
{
    /* any row that is a size under Redis's name reads as Redis's sizes do */
    const ConfigSetting *sizes = config_setting_find("maxmemory");
    int64_t value = 0;
    char *why = NULL;

    if (config_setting_read_as(sizes, "maxmemory", word, &value, &why)) {
        *size = (size_t)value;
    }
    return why;
}

char *
live_take_output(const LiveKey *key, LiveOptions *options, const char *word)
{
    LiveOutputLimit *limit = &options->output[options->output_class];
    int64_t seconds = 0;
    char *why = NULL;

    (void)key;
    switch (options->output_word++ % 4) {
    case 0:
        return take_class(options, word);
    case 1:
        return take_size(&limit->hard, word);
    case 2:
        return take_size(&limit->soft, word);
    default:
        why = read_seconds(word, &seconds);
        limit->soft_ns = seconds * ORR_NS_PER_S;
        return why;
    }
}

char *
live_show_output(const LiveKey *key, const LiveOptions *options)
{
    GString *text = g_string_new(NULL);

    (void)key;
    for (unsigned i = 0; i < LIVE_CLASSES; i++) {
        const LiveOutputLimit *limit = &options->output[i];

        g_string_append_printf(text, "%s%s %zu %zu %" G_GINT64_FORMAT, i == 0 ? "" : " ",
                               class_words[i], limit->hard, limit->soft,
                               limit->soft_ns / ORR_NS_PER_S);
    }
    return g_string_free(text, FALSE);
}
