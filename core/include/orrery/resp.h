/* resp.h - the protocol of Redis clients, RESP2 and RESP3: bytes to commands, replies to bytes.
 *
 * No I/O. Three independent parts: a parser of requests (for servers), a writer of replies (for
 * servers), a reader of replies (for clients). Nothing is copied on the way in, and nothing is
 * allocated once buffers have grown.
 *
 * Source: "Redis serialization protocol specification"; error texts are those of Redis 7.0.
 * Threads: one at a time per object.
 */
#ifndef ORRERY_RESP_H
#define ORRERY_RESP_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

/* --- requests ------------------------------------------------------------------------------
 */

#define ORR_RESP_INLINE_MAX (64u << 10) /* bytes of an inline command, or of any other line */

typedef struct OrrRequestLimits {
    size_t args_max; /* words of a command; Redis: 1024 * 1024 */
    size_t bulk_max; /* bytes of one word */
    bool stranger;   /* of a client that has not said its password: the error says so */
} OrrRequestLimits;

#define ORR_STRANGER_ARGS_MAX 10u         /* of a client that has not said its password */
#define ORR_STRANGER_BULK_MAX (16u << 10) /* bytes; as Redis */

/* Redis's own limits, with bulk_max at ORR_VALUE_SIZE_MAX of record.h and some. */
ORR_API OrrRequestLimits orr_request_limits_default(void);

typedef struct OrrRequest {
    const OrrBytes *args; /* args[0] is the command's name */
    size_t arg_count;     /* 0: an empty command, to be skipped without a reply */
    size_t used;          /* bytes of the stream that it took */
    const char *error;    /* with ORR_MALFORMED: "Protocol error: ..." */
} OrrRequest;

typedef struct OrrRequestParser OrrRequestParser;

ORR_API OrrRequestParser *orr_request_parser_new(const OrrRequestLimits *limits);
ORR_API void orr_request_parser_free(OrrRequestParser *parser);
/* Other limits from the next command on. */
ORR_API void orr_request_parser_limit(OrrRequestParser *parser, const OrrRequestLimits *limits);
/* Forgets a half-read command: for a new connection. */
ORR_API void orr_request_parser_reset(OrrRequestParser *parser);

/* Reads the first command of `bytes`, the part of a client's stream that is not yet used up.
 * When more is needed, the next call gives the same bytes again, moved perhaps, and more after
 * them; what was understood is not read twice. Words point into `bytes` (those of quoted
 * inline commands into the parser) and are good until the next call.
 *
 * ORR_OK         *request is one command; drop `used` bytes and call again
 * ORR_AGAIN      more bytes are needed
 * ORR_MALFORMED  request->error says why: reply "-ERR " and that, then close
 */
ORR_API ORR_MUST_USE OrrStatus orr_request_parse(OrrRequestParser *parser, OrrBytes bytes,
                                                 OrrRequest *request);
/* At least how many bytes of `bytes` more are needed after ORR_AGAIN, as far as it is known;
 * for hosts that size their buffers. */
ORR_API size_t orr_request_parser_wanted(const OrrRequestParser *parser);

/* --- replies, written -----------------------------------------------------------------------
 */

/* A growing buffer of replies. In RESP2 what only RESP3 knows is written as clients of Redis
 * expect: maps as flat arrays, sets as arrays, booleans as 1 and 0, doubles as bulk strings,
 * nulls as $-1 or *-1. */
typedef struct OrrReply OrrReply;

ORR_API OrrReply *orr_reply_new(void);
ORR_API void orr_reply_free(OrrReply *reply);
/* Empties it; keeps the room and the protocol. */
ORR_API void orr_reply_clear(OrrReply *reply);
/* 2 or 3; 2 at first. */
ORR_API void orr_reply_set_protocol(OrrReply *reply, int protocol);
ORR_API int orr_reply_protocol(const OrrReply *reply);
/* All that was written since the last clear; lent until the next call that writes. */
ORR_API OrrBytes orr_reply_bytes(const OrrReply *reply);
ORR_API size_t orr_reply_size(const OrrReply *reply);
/* Cuts everything after the first `size` bytes: takes back what was written. */
ORR_API void orr_reply_truncate(OrrReply *reply, size_t size);

ORR_API void orr_reply_simple(OrrReply *reply, const char *text); /* +text */
ORR_API void orr_reply_ok(OrrReply *reply);                       /* +OK */
/* -text; the first word is the code ("ERR ..."). Line ends in it become spaces. */
ORR_API void orr_reply_error(OrrReply *reply, const char *text);
ORR_API void orr_reply_error_bytes(OrrReply *reply, OrrBytes text);
/* -before'middle'after, with `middle` cut to 128 bytes: for texts that quote what came in. */
ORR_API void orr_reply_error_about(OrrReply *reply, const char *before, OrrBytes middle,
                                   const char *after);
ORR_API void orr_reply_integer(OrrReply *reply, int64_t value);
ORR_API void orr_reply_bulk(OrrReply *reply, OrrBytes bytes);
ORR_API void orr_reply_bulk_string(OrrReply *reply, const char *text);
ORR_API void orr_reply_bulk_integer(OrrReply *reply, int64_t value);
ORR_API void orr_reply_null(OrrReply *reply);
ORR_API void orr_reply_null_array(OrrReply *reply);
ORR_API void orr_reply_bool(OrrReply *reply, bool value);
/* The shortest text that reads back as the same double; inf and -inf. */
ORR_API void orr_reply_double(OrrReply *reply, double value);
/* `format`: three letters, "txt" or "mkd". */
ORR_API void orr_reply_verbatim(OrrReply *reply, const char *format, OrrBytes bytes);
/* Headers: `count` elements (pairs, for a map) must follow. */
ORR_API void orr_reply_array(OrrReply *reply, size_t count);
ORR_API void orr_reply_map(OrrReply *reply, size_t count);
ORR_API void orr_reply_set(OrrReply *reply, size_t count);
ORR_API void orr_reply_push(OrrReply *reply, size_t count);
/* For counts that are known afterwards: remember orr_reply_size(), write the elements, then put
 * the header in before them. O(bytes written since). */
ORR_API void orr_reply_insert_array(OrrReply *reply, size_t at, size_t count);
ORR_API void orr_reply_insert_map(OrrReply *reply, size_t at, size_t count);
/* The same with bytes that are replies already, or the head of one. */
ORR_API void orr_reply_insert_raw(OrrReply *reply, size_t at, OrrBytes bytes);
/* Bytes that are replies already. */
ORR_API void orr_reply_raw(OrrReply *reply, OrrBytes bytes);

/* --- replies, read ---------------------------------------------------------------------------
 */

typedef enum OrrItemType {
    ORR_ITEM_SIMPLE,  /* text */
    ORR_ITEM_ERROR,   /* text; also RESP3's bulk errors */
    ORR_ITEM_INTEGER, /* integer; RESP3 booleans are BOOL */
    ORR_ITEM_BULK,    /* text; also verbatim strings, without their format */
    ORR_ITEM_NULL,    /* of any kind */
    ORR_ITEM_BOOL,    /* integer: 1 or 0 */
    ORR_ITEM_DOUBLE,  /* text */
    ORR_ITEM_BIG,     /* text */
    ORR_ITEM_ARRAY,   /* count items follow */
    ORR_ITEM_MAP,     /* count items follow: twice the pairs */
    ORR_ITEM_SET,     /* count items follow */
    ORR_ITEM_PUSH,    /* count items follow; not an answer to a request */
} OrrItemType;

typedef struct OrrItem {
    OrrItemType type;
    OrrBytes text;
    int64_t integer;
    size_t count;
} OrrItem;

/* Takes one item off the front of `bytes`: a whole scalar, or the header of a container, whose
 * items come next. An attribute of RESP3 before it is skipped. Streamed strings and containers
 * ("$?"), which no server sends, are malformed.
 *
 * ORR_OK, ORR_AGAIN (the item is not complete), ORR_MALFORMED; then `bytes` is unchanged */
ORR_API ORR_MUST_USE OrrStatus orr_item_read(OrrBytes *bytes, OrrItem *item);

#define ORR_REPLY_DEPTH_MAX 16u                  /* containers within containers */
#define ORR_REPLY_ITEMS_MAX (UINT64_C(1) << 32)  /* of one container */
#define ORR_REPLY_BULK_MAX (UINT64_C(512) << 20) /* bytes */

/* Finds where one whole reply ends in a stream that grows. A plain value; all zeros begins. */
typedef struct OrrReplyScanner {
    size_t offset;                         /* bytes understood of the present reply */
    uint32_t depth;                        /* open containers */
    uint64_t missing[ORR_REPLY_DEPTH_MAX]; /* items each of them still lacks */
} OrrReplyScanner;

/* `bytes` begins with the present reply; each call gives at least the bytes of the last one.
 *
 * ORR_OK         *used bytes are one reply (an attribute before it included); the scanner is
 *                ready for the next
 * ORR_AGAIN      more bytes are needed
 * ORR_MALFORMED  this is no RESP, or deeper or larger than the limits above
 */
ORR_API ORR_MUST_USE OrrStatus orr_reply_scan(OrrReplyScanner *scanner, OrrBytes bytes,
                                              size_t *used);

ORR_END_DECLS

#endif
