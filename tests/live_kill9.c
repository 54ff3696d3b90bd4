/* live_kill9.c - the daemon is killed, at any moment and under load, and must have kept every
 * write that it acknowledged.
 *
 *     live_kill9 ORRERYD [ROUNDS [always|everysec [SEED]]]
 *
 * A round: start it, connect, write (new keys, deletions, counters that grow) by pipelines on
 * several connections, kill -9 after a random while, start it again, and read all of that back;
 * now and then it is killed while it starts, too. At the end everything of all rounds is read
 * once more. A small log-rotate-size has snapshots written all the time. What was not answered
 * may be there or not.
 *
 * A killed process takes nothing with it that it has written, so `everysec` must lose nothing
 * here either; what a power cut takes is the simulator's to show. */
#include <orrery/orrery.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 4u
#define PIPELINE 16u
#define START_MAX_MS 60000 /* a busy machine, and all that the rounds before have written */
#define STORY 3u /* commands per number: a new key, a counter, a deletion or a second key */

typedef struct Test {
    const char *orreryd;
    const char *fsync;
    char *directory;
    int port;
    pid_t pid;
    OrrRng rng;
    unsigned failed;
    uint64_t acknowledged; /* commands, of all rounds */
} Test;

/* What one connection of one round has written. Number n: SET r:c:n, SET of the counter r:c to
 * n, and DEL of r:c:n-1 where n is odd. */
typedef struct Writer {
    int socket;
    unsigned round;
    unsigned number;
    uint64_t sent;  /* commands */
    uint64_t acked; /* of them, in order */
    GByteArray *input;
    OrrReplyScanner scanner;
} Writer;

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
wait_ms(unsigned ms)
{
    g_usleep((gulong)ms * 1000);
}

/* The process */

static struct sockaddr_in
at_port(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static bool
port_is_free(int port)
{
    struct sockaddr_in at = at_port(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool is_free = bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;

    (void)close(fd);
    return is_free;
}

static void
find_port(Test *test)
{
    do {
        test->port =
            10000 + (int)(((unsigned)getpid() * 7919u + orr_rng_next(&test->rng)) % 12000);
    } while (!port_is_free(test->port) || !port_is_free(test->port + 10000));
}

static void
start(Test *test)
{
    g_autofree char *port = g_strdup_printf("%d", test->port);
    g_autofree char *log = g_build_filename(test->directory, "orreryd.log", NULL);

    test->pid = fork();
    if (test->pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        (void)dup2(fd, 1);
        (void)dup2(fd, 2);
        (void)execl(test->orreryd, test->orreryd, "--port", port, "--dir", test->directory,
                    "--cluster", "kill9", "--slots", "0-16383", "--appendfsync", test->fsync,
                    "--log-rotate-size", "1MB", (char *)NULL);
        _exit(127);
    }
}

static void
end(Test *test)
{
    if (test->pid > 0) {
        (void)kill(test->pid, SIGKILL);
        (void)waitpid(test->pid, NULL, 0);
        test->pid = 0;
    }
}

static int
connect_once(int port)
{
    struct sockaddr_in at = at_port(port);
    struct timeval limit = {10, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    if (connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
        (void)close(fd);
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static bool
send_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        text += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* One line answers one inline command. */
static bool
answers(int fd, const char *command, const char *wanted)
{
    char text[256] = "";
    size_t size = 0;

    if (!send_all(fd, command, strlen(command))) {
        return false;
    }
    while (size < sizeof text - 1 && strchr(text, '\n') == NULL) {
        ssize_t got = recv(fd, text + size, sizeof text - 1 - size, 0);

        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        text[size] = '\0';
    }
    return g_str_has_prefix(text, wanted);
}

/* A connection to a daemon that serves writes, or -1: it never does. */
static int
connect_when_up(Test *test)
{
    int64_t until = now_ms() + START_MAX_MS;

    while (now_ms() < until) {
        int fd = connect_once(test->port);

        if (fd >= 0 && answers(fd, "SET warm up\r\n", "+OK")) {
            return fd;
        }
        if (fd >= 0) {
            (void)close(fd);
        }
        if (waitpid(test->pid, NULL, WNOHANG) == test->pid) {
            test->pid = 0;
            break;
        }
        wait_ms(5);
    }
    printf("FAIL it does not start\n");
    test->failed++;
    return -1;
}

/* Writing */

static void
add_command(GString *text, const Writer *writer, uint64_t index)
{
    uint64_t n = index / STORY;
    unsigned r = writer->round;
    unsigned c = writer->number;

    switch (index % STORY) {
    case 0:
        g_string_append_printf(text, "SET %u:%u:%" PRIu64 " v%" PRIu64 "\r\n", r, c, n, n);
        break;
    case 1:
        g_string_append_printf(text, "SET %u:%u %" PRIu64 "\r\n", r, c, n);
        break;
    default:
        if (n % 2 == 1) {
            g_string_append_printf(text, "DEL %u:%u:%" PRIu64 "\r\n", r, c, n - 1);
        } else {
            g_string_append_printf(text, "SET %u:%u:%" PRIu64 ":x w\r\n", r, c, n);
        }
        break;
    }
}

static bool
send_pipeline(Writer *writer)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < PIPELINE; i++) {
        add_command(text, writer, writer->sent + i);
    }
    writer->sent += PIPELINE;
    return send_all(writer->socket, text->str, text->len);
}

/* Whole answers at the front of what came; false: one is an error. */
static bool
take_answers(Writer *writer)
{
    size_t used = 0;
    size_t done = 0;
    OrrBytes rest = orr_bytes(writer->input->data, writer->input->len);

    while (rest.size > 0 && orr_reply_scan(&writer->scanner, rest, &used) == ORR_OK) {
        if (rest.data[0] == '-') {
            printf("FAIL an answer is %.*s\n", (int)used - 2, (const char *)rest.data);
            return false;
        }
        writer->acked++;
        done += used;
        rest = orr_bytes(rest.data + used, rest.size - used);
    }
    g_byte_array_remove_range(writer->input, 0, (guint)done);
    return true;
}

/* One turn of all connections; false: the daemon is gone. */
static bool
turn(Test *test, Writer *writers)
{
    struct pollfd polls[CONNECTIONS];

    for (unsigned i = 0; i < CONNECTIONS; i++) {
        polls[i] = (struct pollfd){.fd = writers[i].socket, .events = POLLIN};
    }
    (void)poll(polls, CONNECTIONS, 1);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        uint8_t bytes[4096];
        ssize_t got;

        if (polls[i].revents == 0) {
            continue;
        }
        got = recv(writers[i].socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got <= 0) {
            return false;
        }
        g_byte_array_append(writers[i].input, bytes, (guint)got);
        if (!take_answers(&writers[i])) {
            test->failed++;
            return false;
        }
        while (writers[i].sent - writers[i].acked <= PIPELINE) {
            if (!send_pipeline(&writers[i])) {
                return false;
            }
        }
    }
    return true;
}

/* What was answered before the kill and is still on its way. */
static void
read_the_rest(Test *test, Writer *writer)
{
    uint8_t bytes[4096];
    ssize_t got;

    while ((got = recv(writer->socket, bytes, sizeof bytes, 0)) > 0) {
        g_byte_array_append(writer->input, bytes, (guint)got);
    }
    if (!take_answers(writer)) {
        test->failed++;
    }
    (void)close(writer->socket);
}

/* Reading back */

typedef struct Reader {
    Test *test;
    FILE *in;
    GString *commands;
    GPtrArray *wanted; /* texts; "?": anything; "-": nothing; "x+": a number, x at least */
    GPtrArray *keys;
    uint64_t missing;
} Reader;

static void
flush_reader(Reader *reader)
{
    char line[256];

    if (!send_all(fileno(reader->in), reader->commands->str, reader->commands->len)) {
        reader->missing += reader->wanted->len;
    }
    for (guint i = 0; i < reader->wanted->len; i++) {
        const char *wanted = g_ptr_array_index(reader->wanted, i);
        char got[256] = "-";
        bool right;

        if (fgets(line, sizeof line, reader->in) == NULL) {
            reader->missing += reader->wanted->len - i;
            break;
        }
        if (line[0] == '$' && line[1] != '-' && fgets(got, sizeof got, reader->in) != NULL) {
            g_strchomp(got);
        }
        if (g_str_has_suffix(wanted, "+")) {
            right = strcmp(got, "-") != 0 &&
                    g_ascii_strtoull(got, NULL, 10) >= g_ascii_strtoull(wanted, NULL, 10);
        } else {
            right = strcmp(got, wanted) == 0;
        }
        if (!right && reader->missing++ < 5) {
            printf("FAIL %s is %s, not %s\n", (const char *)g_ptr_array_index(reader->keys, i),
                   got, wanted);
        }
    }
    g_string_truncate(reader->commands, 0);
    g_ptr_array_set_size(reader->wanted, 0);
    g_ptr_array_set_size(reader->keys, 0);
}

static void
want(Reader *reader, char *key, char *wanted)
{
    g_string_append_printf(reader->commands, "GET %s\r\n", key);
    g_ptr_array_add(reader->keys, key);
    g_ptr_array_add(reader->wanted, wanted);
    if (reader->wanted->len >= 256) {
        flush_reader(reader);
    }
}

static void
want_all(Reader *reader, const Writer *writer)
{
    unsigned r = writer->round;
    unsigned c = writer->number;
    uint64_t numbers = writer->acked / STORY; /* whose three commands were all acknowledged */

    for (uint64_t n = 0; n < numbers; n++) {
        char *key = g_strdup_printf("%u:%u:%" PRIu64, r, c, n);
        bool deleted = n % 2 == 0 && n + 1 < numbers;
        bool perhaps = n % 2 == 0 && !deleted && writer->sent / STORY > n + 1;

        if (n % 2 == 0) {
            want(reader, g_strdup_printf("%u:%u:%" PRIu64 ":x", r, c, n), g_strdup("w"));
        }
        if (perhaps) { /* its deletion was sent, and not answered */
            g_free(key);
        } else {
            want(reader, key, deleted ? g_strdup("-") : g_strdup_printf("v%" PRIu64, n));
        }
    }
    if (numbers > 0) {
        want(reader, g_strdup_printf("%u:%u", r, c),
             g_strdup_printf("%" PRIu64 "+", numbers - 1));
    }
}

static void
read_back(Test *test, int fd, const Writer *writers, unsigned count)
{
    Reader reader = {.test = test,
                     .in = fdopen(fd, "r"),
                     .commands = g_string_new(NULL),
                     .wanted = g_ptr_array_new_with_free_func(g_free),
                     .keys = g_ptr_array_new_with_free_func(g_free)};

    for (unsigned i = 0; i < count; i++) {
        want_all(&reader, &writers[i]);
    }
    flush_reader(&reader);
    if (reader.missing > 0) {
        printf("FAIL %" PRIu64 " acknowledged writes are not as they were\n", reader.missing);
        test->failed++;
    }
    g_string_free(reader.commands, TRUE);
    g_ptr_array_unref(reader.wanted);
    g_ptr_array_unref(reader.keys);
    (void)fclose(reader.in);
}

/* Rounds */

static void
kill_while_it_starts(Test *test)
{
    unsigned times = (unsigned)orr_rng_below(&test->rng, 3);

    for (unsigned i = 0; i < times; i++) {
        start(test);
        wait_ms((unsigned)orr_rng_below(&test->rng, 30));
        end(test);
    }
}

static bool
write_until_killed(Test *test, Writer *writers, unsigned round)
{
    int64_t until;

    for (unsigned i = 0; i < CONNECTIONS; i++) {
        int fd = i == 0 ? connect_when_up(test) : connect_once(test->port);

        if (fd < 0) {
            return false;
        }
        writers[i] =
            (Writer){.socket = fd, .round = round, .number = i, .input = g_byte_array_new()};
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        (void)send_pipeline(&writers[i]);
    }
    until = now_ms() + (int64_t)orr_rng_below(&test->rng, 400);
    while (now_ms() < until && turn(test, writers)) {
    }
    end(test);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        read_the_rest(test, &writers[i]);
        test->acknowledged += writers[i].acked;
        g_byte_array_unref(writers[i].input);
        writers[i].input = NULL;
    }
    return true;
}

static void
run_rounds(Test *test, unsigned rounds)
{
    Writer *writers = g_new0(Writer, CONNECTIONS * (rounds + 1));
    unsigned done = 0;
    int fd;

    for (unsigned round = 0; round < rounds && test->failed == 0; round++) {
        start(test);
        if (!write_until_killed(test, writers + round * CONNECTIONS, round)) {
            break;
        }
        done++;
        kill_while_it_starts(test);
        start(test);
        fd = connect_when_up(test);
        if (fd >= 0) {
            read_back(test, fd, writers + round * CONNECTIONS, CONNECTIONS);
        }
        end(test);
    }
    if (done == rounds && test->failed == 0) {
        start(test);
        fd = connect_when_up(test);
        if (fd >= 0) {
            read_back(test, fd, writers, CONNECTIONS * rounds);
        }
        end(test);
    }
    printf("%s kill -9 in %u of %u rounds, appendfsync %s: %" PRIu64
           " acknowledged writes, %s\n",
           test->failed == 0 && done == rounds ? "ok" : "FAIL", done, rounds, test->fsync,
           test->acknowledged, test->failed == 0 ? "none lost" : "see above");
    test->failed += done < rounds;
    g_free(writers);
}

static void
remove_directory(const char *path)
{
    GDir *directory = g_dir_open(path, 0, NULL);
    const char *name;

    while (directory != NULL && (name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        (void)g_unlink(file);
    }
    if (directory != NULL) {
        g_dir_close(directory);
    }
    (void)g_rmdir(path);
}

int
main(int argc, char **argv)
{
    Test test = {.fsync = argc > 3 ? argv[3] : "always"};
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : (uint64_t)now_ms();

    if (argc < 2) {
        fprintf(stderr, "usage: live_kill9 ORRERYD [ROUNDS [always|everysec [SEED]]]\n");
        return 64;
    }
    test.orreryd = argv[1];
    test.rng = orr_rng_new(seed);
    test.directory = g_dir_make_tmp("orrery-kill9-XXXXXX", NULL);
    if (test.directory == NULL) {
        return 74;
    }
    printf("seed=%" PRIu64 "\n", seed);
    find_port(&test);
    run_rounds(&test, argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5);
    if (test.failed > 0) {
        printf("the files are in %s\n", test.directory);
    } else {
        remove_directory(test.directory);
    }
    g_free(test.directory);
    return test.failed > 0;
}
