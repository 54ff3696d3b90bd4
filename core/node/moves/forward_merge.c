/* forward_merge.c - the answers of several nodes become one. */
#include "node/moves/forward.h"

OrrMergeKind
orr_merge_kind(const OrrCommand *command)
{
    static const struct {
        const char *name;
        OrrMergeKind kind;
    } KINDS[] = {
        {"hgetall", ORR_MERGE_MAP}, {"hkeys", ORR_MERGE_ARRAY},  {"hvals", ORR_MERGE_ARRAY},
        {"hlen", ORR_MERGE_SUM},    {"hscan", ORR_MERGE_SCAN},   {"hset", ORR_MERGE_SUM},
        {"hdel", ORR_MERGE_SUM},    {"hmget", ORR_MERGE_VALUES}, {"del", ORR_MERGE_MAX},
        {"unlink", ORR_MERGE_MAX},  {"exists", ORR_MERGE_MAX},   {"type", ORR_MERGE_STATUS},
        {"ttl", ORR_MERGE_MAX},     {"pttl", ORR_MERGE_MAX},     {"hmset", ORR_MERGE_STATUS},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(KINDS); i++) {
        if (strcmp(command->name, KINDS[i].name) == 0) {
            return KINDS[i].kind;
        }
    }
    return ORR_MERGE_NONE;
}

static OrrBytes
bytes_of(const GByteArray *array)
{
    return orr_bytes(array->data, array->len);
}

/* An error of any part is the answer. */
static const GByteArray *
find_error(GByteArray *const *answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (answers[i]->len == 0 || answers[i]->data[0] == '-') {
            return answers[i];
        }
    }
    return NULL;
}

static int64_t
integer_of(const GByteArray *answer)
{
    OrrBytes rest = bytes_of(answer);
    OrrItem item;

    return orr_item_read(&rest, &item) == ORR_OK && item.type == ORR_ITEM_INTEGER ? item.integer
                                                                                  : 0;
}

/* The elements of the array that the answer is (or, of a scan, ends with). */
static size_t
elements_of(const GByteArray *answer, bool scan, OrrBytes *elements)
{
    OrrItem item;

    *elements = bytes_of(answer);
    if (orr_item_read(elements, &item) != ORR_OK) {
        return 0;
    }
    if (scan && (orr_item_read(elements, &item) != ORR_OK ||
                 orr_item_read(elements, &item) != ORR_OK)) {
        return 0;
    }
    return item.count;
}

static void
merge_arrays(OrrMergeKind kind, GByteArray *const *answers, size_t count, OrrReply *reply)
{
    size_t total = 0;
    size_t at = orr_reply_size(reply);
    OrrBytes elements;

    for (size_t i = 0; i < count; i++) {
        total += elements_of(answers[i], kind == ORR_MERGE_SCAN, &elements);
        orr_reply_raw(reply, elements);
    }
    if (kind == ORR_MERGE_MAP) {
        orr_reply_insert_map(reply, at, total / 2);
    } else {
        orr_reply_insert_array(reply, at, total);
    }
    if (kind == ORR_MERGE_SCAN) {
        static const char CURSOR[] = "*2\r\n$1\r\n0\r\n";

        orr_reply_insert_raw(reply, at, orr_bytes(CURSOR, sizeof CURSOR - 1));
    }
}

static void
merge_integers(OrrMergeKind kind, GByteArray *const *answers, const unsigned *groups,
               size_t count, OrrReply *reply)
{
    int64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        bool first = i == 0 || groups[i] != groups[i - 1];
        int64_t best = integer_of(answers[i]);

        if (kind == ORR_MERGE_SUM) {
            total += best;
            continue;
        }
        if (!first) {
            continue;
        }
        for (size_t k = i + 1; k < count && groups[k] == groups[i]; k++) {
            best = MAX(best, integer_of(answers[k]));
        }
        total += best;
    }
    orr_reply_integer(reply, total);
}

static void
merge_types(GByteArray *const *answers, size_t count, OrrReply *reply)
{
    static const char NONE[] = "+none\r\n";
    size_t best = 0;

    for (size_t i = count; i-- > 0;) {
        if (!orr_bytes_equal(bytes_of(answers[i]), orr_bytes(NONE, sizeof NONE - 1))) {
            best = i;
        }
    }
    orr_reply_raw(reply, bytes_of(answers[best]));
}

void
orr_merge_answers(OrrMergeKind kind, GByteArray *const *answers, const unsigned *groups,
                  size_t count, OrrReply *reply)
{
    const GByteArray *error = find_error(answers, count);

    if (error != NULL && error->len == 0) {
        orr_reply_error(reply, "IOERR error or timeout waiting for another node");
        return;
    }
    if (error != NULL) {
        orr_reply_raw(reply, bytes_of(error));
        return;
    }
    switch (kind) {
    case ORR_MERGE_NONE:
        orr_reply_raw(reply, bytes_of(answers[0]));
        break;
    case ORR_MERGE_SUM:
    case ORR_MERGE_MAX:
        merge_integers(kind, answers, groups, count, reply);
        break;
    case ORR_MERGE_STATUS:
        merge_types(answers, count, reply);
        break;
    case ORR_MERGE_ARRAY:
    case ORR_MERGE_MAP:
    case ORR_MERGE_SCAN:
    case ORR_MERGE_VALUES:
        merge_arrays(kind, answers, count, reply);
        break;
    }
}
