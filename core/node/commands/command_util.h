/* command_util.h - what handlers share: finding keys, writing records, numbers, patterns. */
#ifndef ORR_NODE_COMMAND_UTIL_H
#define ORR_NODE_COMMAND_UTIL_H

#include "node/commands/command.h"

#define ORR_ERROR_WRONGTYPE "WRONGTYPE Operation against a key holding the wrong kind of value"
#define ORR_ERROR_SYNTAX "ERR syntax error"
#define ORR_ERROR_NOT_INTEGER "ERR value is not an integer or out of range"
#define ORR_ERROR_NOT_FLOAT "ERR value is not a valid float"
#define ORR_ERROR_OVERFLOW "ERR increment or decrement would overflow"
#define ORR_ERROR_NO_KEY "ERR no such key"
#define ORR_ERROR_TOO_LARGE "ERR string exceeds maximum allowed size (proto-max-bulk-len)"

#define ORR_COMMANDS_END                                                                       \
    {                                                                                          \
        .name = NULL                                                                           \
    }

/* True if the word is `text` (lower case), in any case. */
bool orr_arg_is(OrrBytes word, const char *text);

/* The slot of a key: known already, for the first one of a call. */
uint16_t orr_key_slot(const OrrCommandContext *context, OrrBytes key);
/* The slot of a field of a hash, which is its key's unless hashes are spread by field. */
uint16_t orr_field_slot(const OrrCommandContext *context, OrrBytes key, OrrBytes field);
bool orr_hashes_are_spread(const OrrCommandContext *context);

/* Finds a key as of now. An expired one is absent, and deleted where this node may write.
 * ORR_OK or ORR_NOT_FOUND. */
OrrStatus orr_find(OrrCommandContext *context, OrrBytes key, OrrValue *value);
OrrStatus orr_find_in(OrrCommandContext *context, uint16_t slot, OrrBytes key, OrrValue *value);
/* The same for a string. ORR_REFUSED: it holds something else, and the client is told. */
OrrStatus orr_find_string(OrrCommandContext *context, OrrBytes key, OrrValue *value);

/* Whether key, field and value are small enough; if not, the client is told. */
bool orr_sizes_fit(OrrCommandContext *context, OrrBytes key, size_t field_size,
                   size_t value_size);

/* Room for a value that is being made, at the end of the reply: begin, add, take, and end
 * before the reply is written. Nothing is allocated once it has grown. */
size_t orr_scratch_begin(OrrCommandContext *context);
void orr_scratch_add(OrrCommandContext *context, OrrBytes bytes);
void orr_scratch_add_zeros(OrrCommandContext *context, size_t count);
/* All that was added; good until the next add. */
OrrBytes orr_scratch_take(OrrCommandContext *context, size_t begin, uint8_t **writable);
void orr_scratch_end(OrrCommandContext *context, size_t begin);

/* Write one record each. */
void orr_emit_string(OrrCommandContext *context, OrrBytes key, OrrBytes value,
                     int64_t expire_ms);
void orr_emit_field(OrrCommandContext *context, uint16_t slot, OrrBytes key, OrrBytes field,
                    OrrBytes value, int64_t expire_ms);
void orr_emit_delete_field(OrrCommandContext *context, uint16_t slot, OrrBytes key,
                           OrrBytes field);
void orr_emit_delete(OrrCommandContext *context, uint16_t slot, OrrBytes key);
void orr_emit_expire(OrrCommandContext *context, uint16_t slot, OrrBytes key,
                     int64_t expire_ms);

/* A whole 64-bit number, as Redis reads them: no plus sign, spaces or leading zeros. */
bool orr_parse_integer(OrrBytes text, int64_t *number);
/* The same for an argument; if it is none, the client is told. */
bool orr_integer_arg(OrrCommandContext *context, size_t index, int64_t *number);
#define ORR_INTEGER_TEXT_SIZE 24u
size_t orr_format_integer(int64_t number, char *text);

/* Glob patterns of KEYS, SCAN, CONFIG GET: * ? [a-z] [^a] and backslash. Time is bounded by the
 * product of the sizes. */
bool orr_glob_matches(OrrBytes pattern, OrrBytes text);
bool orr_glob_matches_any_case(OrrBytes pattern, OrrBytes text);

/* Expiry options. */
typedef enum OrrTimeUnit {
    ORR_UNIT_SECONDS,
    ORR_UNIT_MS,
} OrrTimeUnit;

/* `number` of units, from now or absolute, as an absolute time > 0; false: out of range, and
 * the client is told so in the name of the command. `positive` refuses numbers below 1. */
bool orr_expire_time(OrrCommandContext *context, int64_t number, OrrTimeUnit unit,
                     bool absolute, bool positive, int64_t *expire_ms);

/* A cursor argument; if it is none, the client is told. */
bool orr_cursor_arg(OrrCommandContext *context, size_t index, uint64_t *cursor);

/* Makes [cursor, what was written since `head`] of an array that was written there. */
void orr_insert_cursor(OrrCommandContext *context, size_t head, uint64_t cursor);

/* MATCH, COUNT and TYPE of the SCAN family. */
typedef struct OrrScanOptions {
    OrrBytes pattern;
    bool has_pattern;
    size_t count;
    OrrBytes type; /* empty: any */
} OrrScanOptions;
/* From word `from` on; false: wrong, and the client is told. */
bool orr_scan_options(OrrCommandContext *context, size_t from, bool with_type,
                      OrrScanOptions *options);

#endif
