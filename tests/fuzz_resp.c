/* Any bytes at all, as a client's stream and as a server's: nothing is read past its end, and
 * how the stream was cut into pieces does not show.
 *
 * With -fsanitize=fuzzer this is a fuzz target; built with FUZZ_REPLAY it replays the files of
 * the directory it is given, and some thousand mutations of each. */
#include <orrery/resp.h>

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#define COMMANDS_MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

#ifdef FUZZ_REPLAY
#define MUTATIONS 4000

static uint64_t
draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void
mutate(uint8_t *data, size_t size, uint64_t *chance)
{
    static const char ALPHABET[] = "*$+-:_#,(!=%~>|0123456789\r\n\"'\\x t";

    for (uint64_t left = 1 + draw(chance) % 4; left > 0; left--) {
        size_t at = draw(chance) % size;
        uint64_t kind = draw(chance) % 4;

        if (kind == 0) {
            data[at] = (uint8_t)draw(chance);
        } else if (kind == 1) {
            memmove(data + at, data + at + (at + 1 < size ? 1 : 0), size - at - 1);
        } else {
            data[at] = (uint8_t)ALPHABET[draw(chance) % (sizeof ALPHABET - 1)];
        }
    }
}

static void
replay(const char *path, uint64_t *chance)
{
    g_autofree char *content = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &content, &size, NULL) || size == 0) {
        return;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)content, size);
    for (int i = 0; i < MUTATIONS; i++) {
        size_t cut = 1 + draw(chance) % size;
        g_autofree uint8_t *copy = g_memdup2(content, cut);

        mutate(copy, cut, chance);
        LLVMFuzzerTestOneInput(copy, cut);
    }
}

int
main(int argc, char **argv)
{
    uint64_t chance = UINT64_C(88172645463325252);
    GDir *directory = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
    const char *name;
    int files = 0;

    if (directory == NULL) {
        fprintf(stderr, "usage: fuzz_resp_replay DIRECTORY\n");
        return 64;
    }
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);

        replay(path, &chance);
        files++;
    }
    g_dir_close(directory);
    printf("%d files replayed, %d mutations of each\n", files, MUTATIONS);
    return files > 0 ? 0 : 1;
}
#endif
