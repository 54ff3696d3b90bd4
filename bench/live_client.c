/* live_client.c - the client's side of what bench/live_store.sh measures, at any server that
 * speaks RESP.
 *
 *     live_client load PORT KEYS VALUE_SIZE [EXPIRE_AT_MS]   SET key:000000000000 ...,
 * pipelined live_client probe PORT SECONDS      a PING every millisecond: "p50 p99 p99.9 max"
 * in us live_client idle PORT COUNT SECONDS connections that say nothing; prints "held" when
 * all are
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIPELINE 500u
#define PROBES_MAX 1000000u

static void
fail(const char *what)
{
    perror(what);
    exit(1);
}

static int
connect_to(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
        fail("connect");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void
send_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

        if (sent <= 0) {
            fail("send");
        }
        text += sent;
        size -= (size_t)sent;
    }
}

/* So many lines. */
static void
receive_lines(int fd, size_t lines)
{
    char text[65536];

    while (lines > 0) {
        ssize_t got = recv(fd, text, sizeof text, 0);

        if (got <= 0) {
            fail("recv");
        }
        for (ssize_t i = 0; i < got; i++) {
            lines -= text[i] == '\n';
            if (text[i] == '-') {
                fprintf(stderr, "live_client: %.*s\n", (int)got, text);
                exit(1);
            }
        }
    }
}

static int
load(const char *port, size_t keys, size_t value_size, const char *expire_at)
{
    size_t room = PIPELINE * (value_size + 160);
    char *text = malloc(room);
    char *value = malloc(value_size + 1);
    int fd = connect_to(port);

    if (text == NULL || value == NULL) {
        fail("malloc");
    }
    memset(value, 'v', value_size);
    value[value_size] = '\0';
    for (size_t i = 0; i < keys;) {
        size_t used = 0;
        size_t count = 0;

        for (; count < PIPELINE && i < keys; count++, i++) {
            used += (size_t)snprintf(text + used, room - used,
                                     "*%d\r\n$3\r\nSET\r\n$16\r\nkey:%012zu\r\n$%zu\r\n%s\r\n",
                                     expire_at != NULL ? 5 : 3, i, value_size, value);
            if (expire_at != NULL) {
                used +=
                    (size_t)snprintf(text + used, room - used, "$4\r\nPXAT\r\n$%zu\r\n%s\r\n",
                                     strlen(expire_at), expire_at);
            }
        }
        send_all(fd, text, used);
        receive_lines(fd, count);
    }
    free(text);
    free(value);
    return 0;
}

static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int
probe(const char *port, double seconds)
{
    int64_t *took = malloc(PROBES_MAX * sizeof *took);
    int64_t until = now_ns() + (int64_t)(seconds * 1e9);
    size_t count = 0;
    int fd = connect_to(port);

    if (took == NULL) {
        fail("malloc");
    }
    while (now_ns() < until && count < PROBES_MAX) {
        int64_t begun = now_ns();

        send_all(fd, "PING\r\n", 6);
        receive_lines(fd, 1);
        took[count++] = now_ns() - begun;
        usleep(1000);
    }
    qsort(took, count, sizeof *took, compare);
    printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", took[count / 2] / 1000,
           took[count * 99 / 100] / 1000, took[count * 999 / 1000] / 1000,
           took[count - 1] / 1000);
    free(took);
    return 0;
}

static int
idle(const char *port, size_t count, unsigned seconds)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (size_t i = 0; i < count; i++) {
        int fd = connect_to(port);

        send_all(fd, "PING\r\n", 6);
        receive_lines(fd, 1);
    }
    printf("held\n");
    fflush(stdout);
    sleep(seconds);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "load") == 0) {
        return load(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10),
                    argc > 5 ? argv[5] : NULL);
    }
    if (argc == 4 && strcmp(argv[1], "probe") == 0) {
        return probe(argv[2], strtod(argv[3], NULL));
    }
    if (argc == 5 && strcmp(argv[1], "idle") == 0) {
        return idle(argv[2], strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    }
    fprintf(stderr, "usage: live_client load|probe|idle PORT ...\n");
    return 64;
}
