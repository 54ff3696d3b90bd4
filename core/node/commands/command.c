#include "node/commands/command.h"

#include <orrery/slots.h>

#include <glib.h>

static const OrrCommand *const ARRAYS[] = {
    orr_commands_string,  orr_commands_number,      orr_commands_bits,    orr_commands_hash,
    orr_commands_fields,  orr_commands_key,         orr_commands_expire,  orr_commands_scan,
    orr_commands_object,  orr_commands_connection,  orr_commands_table,   orr_commands_cluster,
    orr_commands_server,  orr_commands_client,      orr_commands_config,  orr_commands_function,
    orr_commands_info,    orr_commands_transaction, orr_commands_pubsub,  orr_commands_dump,
    orr_commands_migrate, orr_commands_lcs,         orr_commands_observe, orr_commands_memory,
    orr_commands_process,
};

#define COMMANDS_MAX 400u
#define INDEX_SIZE 2048u /* a power of two, several times COMMANDS_MAX */
#define UNKNOWN_WORDS_MAX 128u

/* A name as two words that overlap where it is short, letters in lower case. Up to
 * NAME_SIZE_MAX bytes they are the name; only the bit that tells cases apart is lost, in
 * characters that are no letters, too, which no name has but '-'. */
typedef struct Name {
    uint64_t first;
    uint64_t last;
    size_t size;
} Name;

#define NAME_SIZE_MAX 16u

/* Made from the arrays at the first use, never changed again: a constant that C cannot write
 * down. */
typedef struct Index {
    OrrCommand rows[COMMANDS_MAX]; /* `count` in order of names, then subcommands */
    size_t count;
    size_t total;
    Name names[INDEX_SIZE]; /* of those in by_hash */
    const OrrCommand *by_hash[INDEX_SIZE];
} Index;

static inline uint64_t
load_64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint32_t
load_32(const uint8_t *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* 1 <= size <= NAME_SIZE_MAX */
static inline Name
name_of(OrrBytes text)
{
    const uint8_t *at = text.data;
    Name name = {.size = text.size};

    if (text.size >= 8) {
        name.first = load_64(at);
        name.last = load_64(at + text.size - 8);
    } else if (text.size >= 4) {
        name.first = load_32(at);
        name.last = load_32(at + text.size - 4);
    } else {
        name.first = at[0];
        name.last = (uint64_t)at[text.size / 2] << 8 | at[text.size - 1];
    }
    name.first |= UINT64_C(0x2020202020202020);
    name.last |= UINT64_C(0x2020202020202020);
    return name;
}

static inline size_t
hash_of(Name name)
{
    uint64_t hash = (name.first ^ name.size) * UINT64_C(0x9e3779b97f4a7c15);

    hash = (hash ^ hash >> 32 ^ name.last) * UINT64_C(0xd6e8feb86659fd93);
    return (size_t)(hash >> 32) & (INDEX_SIZE - 1);
}

static void
insert_by_name(Index *index, const OrrCommand *command)
{
    size_t at = index->count++;

    g_assert(index->count <= COMMANDS_MAX);
    for (; at > 0 && strcmp(index->rows[at - 1].name, command->name) > 0; at--) {
        index->rows[at] = index->rows[at - 1];
    }
    index->rows[at] = *command;
}

/* Behind all others, in order of their names, and ended by a row without one. */
static void
add_subcommands(Index *index, OrrCommand *parent)
{
    const OrrCommand *given = parent->subcommands;
    size_t first = index->total;

    for (; given->name != NULL; given++) {
        size_t at = index->total++;

        g_assert(index->total < COMMANDS_MAX);
        for (; at > first && strcmp(index->rows[at - 1].name, given->name) > 0; at--) {
            index->rows[at] = index->rows[at - 1];
        }
        index->rows[at] = *given;
        index->rows[at].parent = parent;
    }
    index->rows[index->total++] = (OrrCommand){.name = NULL};
    parent->subcommands = &index->rows[first];
}

static void
insert_by_hash(Index *index, const OrrCommand *command)
{
    Name name = name_of(orr_bytes_of_string(command->name));
    size_t at = hash_of(name);

    g_assert(name.size <= NAME_SIZE_MAX);
    while (index->by_hash[at] != NULL) {
        at = (at + 1) & (INDEX_SIZE - 1);
    }
    index->by_hash[at] = command;
    index->names[at] = name;
}

static const Index *
command_index(void)
{
    static gsize made;

    if (g_once_init_enter(&made)) {
        Index *index = g_new0(Index, 1);

        for (size_t i = 0; i < G_N_ELEMENTS(ARRAYS); i++) {
            for (const OrrCommand *row = ARRAYS[i]; row->name != NULL; row++) {
                insert_by_name(index, row);
            }
        }
        index->total = index->count;
        for (size_t i = 0; i < index->count; i++) {
            insert_by_hash(index, &index->rows[i]);
            if (index->rows[i].subcommands != NULL) {
                add_subcommands(index, &index->rows[i]);
            }
        }
        for (size_t i = 0; i < index->total; i++) {
            index->rows[i].id = i;
        }
        g_once_init_leave(&made, (gsize)index);
    }
    return (const Index *)made;
}

const OrrCommand *
orr_command_find(OrrBytes text)
{
    const Index *index = command_index();

    if (text.size == 0 || text.size > NAME_SIZE_MAX) {
        return NULL;
    }

    Name name = name_of(text);

    for (size_t at = hash_of(name); index->by_hash[at] != NULL;
         at = (at + 1) & (INDEX_SIZE - 1)) {
        const Name *other = &index->names[at];

        if (other->first == name.first && other->last == name.last &&
            other->size == name.size) {
            return index->by_hash[at];
        }
    }
    return NULL;
}

const OrrCommand *
orr_command_find_sub(const OrrCommand *command, OrrBytes text)
{
    size_t prefix = strlen(command->name) + 1;

    for (const OrrCommand *row = command->subcommands; row != NULL && row->name != NULL;
         row++) {
        if (strlen(row->name) == prefix + text.size &&
            g_ascii_strncasecmp(row->name + prefix, (const char *)text.data, text.size) == 0) {
            return row;
        }
    }
    return NULL;
}

const OrrCommand *
orr_command_resolve(const OrrBytes *args, size_t arg_count)
{
    const OrrCommand *command = orr_command_find(args[0]);

    if (command == NULL || command->subcommands == NULL || arg_count < 2) {
        return command;
    }
    return orr_command_find_sub(command, args[1]);
}

const OrrCommand *
orr_command_find_full(OrrBytes text)
{
    const uint8_t *bar = text.size == 0 ? NULL : memchr(text.data, '|', text.size);

    if (bar == NULL) {
        return orr_command_find(text);
    }

    size_t size = (size_t)(bar - text.data);
    const OrrCommand *command = orr_command_find(orr_bytes(text.data, size));

    return command == NULL
               ? NULL
               : orr_command_find_sub(command, orr_bytes(bar + 1, text.size - size - 1));
}

size_t
orr_command_id_count(void)
{
    return command_index()->total;
}

const OrrCommand *
orr_command_of_id(size_t id)
{
    const Index *index = command_index();

    return id < index->total && index->rows[id].name != NULL ? &index->rows[id] : NULL;
}

size_t
orr_command_count(void)
{
    return command_index()->count;
}

const OrrCommand *
orr_command_at(size_t index)
{
    return index < command_index()->count ? &command_index()->rows[index] : NULL;
}

const char *
orr_command_group_name(OrrCommandGroup group)
{
    static const char *const NAMES[] = {
        [ORR_GROUP_STRING] = "string",         [ORR_GROUP_HASH] = "hash",
        [ORR_GROUP_BITMAP] = "bitmap",         [ORR_GROUP_GENERIC] = "generic",
        [ORR_GROUP_CONNECTION] = "connection", [ORR_GROUP_SERVER] = "server",
        [ORR_GROUP_CLUSTER] = "cluster",       [ORR_GROUP_TRANSACTIONS] = "transactions",
        [ORR_GROUP_PUBSUB] = "pubsub",
    };

    return NAMES[group];
}

void
orr_command_flag_names(const OrrCommand *command, void (*name)(const char *flag, void *context),
                       void *context)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } NAMES[] = {
        {ORR_COMMAND_WRITE, "write"},
        {ORR_COMMAND_READONLY, "readonly"},
        {ORR_COMMAND_DENYOOM, "denyoom"},
        {ORR_COMMAND_ADMIN, "admin"},
        {ORR_COMMAND_PUBSUB, "pubsub"},
        {ORR_COMMAND_NOSCRIPT, "noscript"},
        {ORR_COMMAND_LOADING, "loading"},
        {ORR_COMMAND_STALE, "stale"},
        {ORR_COMMAND_SKIP_MONITOR, "skip_monitor"},
        {ORR_COMMAND_SKIP_SLOWLOG, "skip_slowlog"},
        {ORR_COMMAND_ASKING, "asking"},
        {ORR_COMMAND_FAST, "fast"},
        {ORR_COMMAND_NO_AUTH, "no_auth"},
        {ORR_COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
        {ORR_COMMAND_NO_MULTI, "no_multi"},
        {ORR_COMMAND_MOVABLE_KEYS, "movablekeys"},
        {ORR_COMMAND_ALLOW_BUSY, "allow_busy"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        if ((command->flags & NAMES[i].flag) != 0) {
            name(NAMES[i].name, context);
        }
    }
}

bool
orr_command_arity_fits(const OrrCommand *command, size_t arg_count)
{
    if (command->arity >= 0) {
        return arg_count == (size_t)command->arity;
    }
    return arg_count >= (size_t)-command->arity;
}

size_t
orr_command_keys(const OrrCommand *command, const OrrBytes *args, size_t arg_count,
                 size_t *words, size_t room)
{
    int64_t last =
        command->last_key < 0 ? (int64_t)arg_count + command->last_key : command->last_key;
    size_t count = 0;

    if (command->keys != NULL) {
        return command->keys(args, arg_count, words, room);
    }
    if (command->first_key == 0) {
        return 0;
    }
    for (int64_t i = command->first_key; i <= last && i < (int64_t)arg_count;
         i += MAX(command->key_step, 1)) {
        if (count < room) {
            words[count] = (size_t)i;
        }
        count++;
    }
    return count;
}

/* All words from `first` to `last` in steps: their common slot. */
static OrrCommandSlot
common_slot(const OrrBytes *args, size_t first, size_t last, size_t step, uint16_t *slot)
{
    *slot = orr_slot_of_key(args[first]);
    for (size_t i = first + step; i <= last; i += step) {
        if (orr_slot_of_key(args[i]) != *slot) {
            return ORR_SLOT_CROSS;
        }
    }
    return ORR_SLOT_ONE;
}

#define MOVABLE_KEYS_MAX 1024u

static OrrCommandSlot
movable_slot(const OrrCommand *command, const OrrBytes *args, size_t arg_count, uint16_t *slot)
{
    size_t words[MOVABLE_KEYS_MAX];
    size_t count =
        MIN(command->keys(args, arg_count, words, MOVABLE_KEYS_MAX), (size_t)MOVABLE_KEYS_MAX);

    for (size_t i = 0; i < count; i++) {
        uint16_t its = orr_slot_of_key(args[words[i]]);

        if (i > 0 && its != *slot) {
            return ORR_SLOT_CROSS;
        }
        *slot = its;
    }
    return count == 0 ? ORR_SLOT_NONE : ORR_SLOT_ONE;
}

OrrCommandSlot
orr_command_slot(const OrrCommand *command, const OrrBytes *args, size_t arg_count,
                 OrrHashSlotBy hash_slot_by, uint16_t *slot)
{
    int64_t last =
        command->last_key < 0 ? (int64_t)arg_count + command->last_key : command->last_key;

    if (command->keys != NULL) {
        return movable_slot(command, args, arg_count, slot);
    }
    if (command->first_key == 0 || (size_t)command->first_key >= arg_count) {
        return ORR_SLOT_NONE;
    }
    if (hash_slot_by == ORR_HASH_SLOT_BY_FIELD && command->group == ORR_GROUP_HASH) {
        size_t field = (size_t)command->field;

        if (command->field == 0) {
            return ORR_SLOT_SPREAD;
        }
        return common_slot(args, field, command->field_step > 0 ? arg_count - 1 : field,
                           MAX((size_t)command->field_step, (size_t)1), slot);
    }
    return common_slot(args, (size_t)command->first_key,
                       (size_t)MIN(last, (int64_t)arg_count - 1),
                       (size_t)MAX(command->key_step, 1), slot);
}

/* "... Try CLIENT HELP." */
static void
reply_unknown_sub(OrrReply *reply, const OrrCommand *command, OrrBytes word)
{
    g_autofree char *upper = g_ascii_strup(command->name, -1);
    g_autofree char *after = g_strdup_printf("'. Try %s HELP.", upper);

    orr_reply_error_about(reply, "ERR unknown subcommand '", word, after);
}

static void
add_cut(GString *text, OrrBytes word, gsize room)
{
    const uint8_t *end = word.size == 0 ? NULL : memchr(word.data, 0, word.size);
    gsize size = end == NULL ? word.size : (gsize)(end - word.data); /* as C reads it */

    g_string_append_len(text, (const char *)word.data, (gssize)MIN(size, room));
}

void
orr_command_reply_unknown(OrrReply *reply, const OrrBytes *args, size_t arg_count)
{
    const OrrCommand *command = orr_command_find(args[0]);
    const char *what;

    if (command != NULL && arg_count > 1) {
        reply_unknown_sub(reply, command, args[1]);
        return;
    }
    if (orr_command_is_absent(args[0], &what)) {
        g_autofree char *after = g_strdup_printf("' is not supported: %s", what);

        orr_reply_error_about(reply, "ERR command '", args[0], after);
        return;
    }

    GString *text = g_string_new("ERR unknown command '");
    gsize before;

    add_cut(text, args[0], UNKNOWN_WORDS_MAX);
    g_string_append(text, "', with args beginning with: ");
    before = text->len;
    for (size_t i = 1; i < arg_count && text->len - before < UNKNOWN_WORDS_MAX; i++) {
        gsize room = UNKNOWN_WORDS_MAX - (text->len - before);

        g_string_append_c(text, '\'');
        add_cut(text, args[i], room);
        g_string_append(text, "' ");
    }
    orr_reply_error_bytes(reply, orr_bytes(text->str, text->len));
    g_string_free(text, TRUE);
}

void
orr_command_reply_arity(OrrReply *reply, const OrrCommand *command)
{
    orr_reply_error_about(reply, "ERR wrong number of arguments for '",
                          orr_bytes_of_string(command->name), "' command");
}
