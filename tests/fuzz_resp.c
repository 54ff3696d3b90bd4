/* Any bytes at all, as a client's stream and as a server's: nothing is read past its end, and
 * how the stream was cut into pieces does not show.
 *
 * With -fsanitize=fuzzer this is a fuzz target; built with FUZZ_REPLAY it replays the files of
 * the directory it is given, and some thousand mutations of each. */
#include "fuzz_replay.h"

#include <orrery/resp.h>

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#define COMMANDS_MAX 10000

static uint64_t
mix(uint64_t digest, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    digest = (digest ^ size) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

/* A block of just that size, so that a sanitizer sees the first byte read past it. */
static uint8_t *
exact_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = g_malloc(size > 0 ? size : 1);

    memcpy(copy, data, size);
    return copy;
}

/* What a stream means, when `step` bytes more come each time, each time at another address. */
static uint64_t
digest_of_requests(const uint8_t *data, size_t size, size_t step)
{
    OrrRequestLimits limits = {.args_max = 1000, .bulk_max = 1000};
    OrrRequestParser *parser = orr_request_parser_new(&limits);
    uint64_t digest = 1;
    size_t begin = 0;
    size_t end = 0;
    OrrStatus status = ORR_AGAIN;

    while (status != ORR_MALFORMED && (status == ORR_OK || end < size)) {
        end = status == ORR_OK ? end : MIN(size, end + step);
        uint8_t *moved = exact_copy(data + begin, end - begin);
        OrrRequest request;

        status = orr_request_parse(parser, orr_bytes(moved, end - begin), &request);
        if (status == ORR_OK) {
            g_assert(request.used > 0 && request.used <= end - begin);
            digest = mix(digest, &request.used, sizeof request.used);
            for (size_t i = 0; i < request.arg_count; i++) {
                digest = mix(digest, request.args[i].data, request.args[i].size);
            }
            begin += request.used;
        } else if (status == ORR_MALFORMED) {
            digest = mix(digest, request.error, strlen(request.error));
        } else {
            g_assert(orr_request_parser_wanted(parser) > 0);
        }
        g_free(moved);
    }
    orr_request_parser_free(parser);
    return digest;
}

/* Reads the items of one reply; they must be there, and end where it ends. */
static uint64_t
digest_of_items(OrrBytes reply)
{
    uint64_t digest = 1;
    uint64_t missing = 1;

    while (missing > 0) {
        OrrItem item;

        g_assert(orr_item_read(&reply, &item) == ORR_OK);
        digest = mix(digest, item.text.data, item.text.size);
        digest = mix(digest, &item.integer, sizeof item.integer);
        digest = mix(digest, &item.type, sizeof item.type);
        missing = missing - 1 + item.count;
    }
    g_assert(reply.size == 0);
    return digest;
}

static uint64_t
digest_of_replies(const uint8_t *data, size_t size, size_t step)
{
    OrrReplyScanner scanner = {0};
    uint64_t digest = 1;
    size_t begin = 0;
    size_t end = 0;
    OrrStatus status = ORR_AGAIN;

    while (status != ORR_MALFORMED && (status == ORR_OK || end < size)) {
        end = status == ORR_OK ? end : MIN(size, end + step);
        uint8_t *moved = exact_copy(data + begin, end - begin);
        size_t used = 0;

        status = orr_reply_scan(&scanner, orr_bytes(moved, end - begin), &used);
        if (status == ORR_OK) {
            g_assert(used > 0 && used <= end - begin);
            digest ^= digest_of_items(orr_bytes(moved, used)) + begin;
            begin += used;
        } else if (status == ORR_MALFORMED) {
            digest = mix(digest, "malformed", 9);
        }
        g_free(moved);
    }
    return digest;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = size > 0 ? 1 + data[size - 1] % 7u : 1;

    g_assert(digest_of_requests(data, size, size + 1) == digest_of_requests(data, size, step));
    g_assert(digest_of_replies(data, size, size + 1) == digest_of_replies(data, size, step));
    return 0;
}
