/* orrery top: the command, and what it does to the terminal. */
#include "top.h"

#include <quantity.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"

#define INTERVAL_NS ORR_NS_PER_S
#define INTERVAL_MIN_NS (100 * ORR_NS_PER_MS)
#define INTERVAL_MAX_NS (INT64_C(3600) * ORR_NS_PER_S)
#define ANSWER_MAX_MS 1000

/* Another screen, no cursor; and back. */
#define ENTER "\033[?1049h\033[?25l\033[2J"
#define HOME "\033[H"
#define CLEAR_REST "\033[J"
#define LEAVE "\033[?25h\033[?1049l"

const SimOption sim_command_top_options[] = {
    {"interval", 'i', "TIME", "Between two looks; 1s if not given"},
    {"once", '1', NULL, "Look twice, print one table and end"},
    {"count", 'n', "N", "End after so many tables"},
    {"password", 'a', "TEXT", "For AUTH; otherwise the variable REDISCLI_AUTH"},
    {"color", 0, "auto|always|never", "Colour; NO_COLOR is respected"},
    {"help", 'h', NULL, NULL},
    {0},
};

typedef struct View {
    int64_t interval_ns;
    uint64_t count; /* of tables; 0: no end */
    bool screen;    /* a terminal of its own; otherwise plain tables, one after the other */
    bool color;
} View;

/* ---- the terminal */

static volatile sig_atomic_t stopped;
static struct termios before;
static bool raw;

static void
on_signal(int number)
{
    stopped = number;
}

static bool
is_stopped(void)
{
    return stopped != 0;
}

static void
enter_screen(void)
{
    struct termios now;

    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0) {
        now = before;
        now.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        now.c_cc[VMIN] = 0;
        now.c_cc[VTIME] = 0;
        raw = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
    }
    fputs(ENTER, stdout);
}

static void
leave_screen(void)
{
    fputs(LEAVE, stdout);
    fflush(stdout);
    if (raw) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
        raw = false;
    }
}

static void
catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        (void)sigaction(signals[i], &action, NULL);
    }
    (void)signal(SIGPIPE, SIG_IGN);
}

/* q ends it. */
static bool
asks_to_end(void)
{
    char key = '\0';

    while (raw && read(STDIN_FILENO, &key, 1) == 1) {
        if (key == 'q' || key == 'Q') {
            return true;
        }
    }
    return false;
}

static bool
pause_for(int64_t wait_ns)
{
    gint64 until = g_get_monotonic_time() + wait_ns / 1000;

    while (!is_stopped() && g_get_monotonic_time() < until) {
        if (asks_to_end()) {
            return false;
        }
        g_usleep((gulong)CLAMP(until - g_get_monotonic_time(), 0, 50000));
    }
    return !is_stopped();
}

/* ---- the loop */

static void
show(const Top *top, const View *view)
{
    struct winsize size = {0};

    if (view->screen && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        fputs(HOME, stdout);
    }
    top_draw(top, stdout, view->color, size.ws_row, size.ws_col);
    fputs(view->screen ? CLEAR_REST : "", stdout);
    fflush(stdout);
}

/* False: nobody answered at the first look. */
static bool
look(Top *top, const View *view)
{
    int wait_ms = (int)CLAMP(view->interval_ns / ORR_NS_PER_MS, 300, ANSWER_MAX_MS);

    (void)top_sample(top, wait_ms, is_stopped);
    top_understand(top);
    if (top->samples == 1 && top->answered < top->nodes->len) {
        (void)top_sample(top, wait_ms, is_stopped); /* those that were just found */
        top_understand(top);
    }
    return top->samples > 0;
}

static int
run(Top *top, const View *view)
{
    uint64_t shown = 0;

    if (!look(top, view)) {
        const TopNode *node = g_ptr_array_index(top->nodes, 0);

        fprintf(stderr, "orrery top: %s:%u: %s\n", node->host, node->port,
                node->error[0] != '\0' ? node->error : "no answer");
        return SIM_EXIT_IO;
    }
    if (view->screen) {
        enter_screen();
    }
    while (pause_for(view->interval_ns) && ferror(stdout) == 0) {
        (void)look(top, view);
        if (is_stopped()) {
            break;
        }
        show(top, view);
        if (++shown == view->count) {
            break;
        }
    }
    if (view->screen) {
        leave_screen();
    }
    return stopped != 0 && stopped != SIGINT ? 128 + stopped : SIM_EXIT_HELD;
}

/* ---- the command line */

static bool
read_address(const char *text, char **host, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    guint64 number = 6379;
    size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);

    if (colon != NULL && !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &number, NULL)) {
        return false;
    }
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    *host = size > 0 ? g_strndup(text, size) : g_strdup("127.0.0.1");
    *port = (uint16_t)number;
    return true;
}

static bool
read_view(const SimOptions *options, View *view)
{
    const char *interval = sim_options_get(options, "interval");
    g_autofree char *why = NULL;

    *view = (View){.interval_ns = INTERVAL_NS};
    if (interval != NULL &&
        (!config_quantity_read(CONFIG_DURATION, interval, &view->interval_ns, &why) ||
         view->interval_ns < INTERVAL_MIN_NS || view->interval_ns > INTERVAL_MAX_NS)) {
        sim_options_usage("top", "--interval %s %s", interval,
                          why != NULL ? why : "is not within 100ms and 1h");
        return false;
    }
    if (!sim_options_number(options, "count", 1, UINT32_MAX, &view->count) ||
        !sim_options_when(options, "color", stdout, &view->color)) {
        return false;
    }
    if (sim_options_has(options, "once")) {
        view->count = 1;
    }
    view->screen = view->count == 0 && isatty(STDOUT_FILENO);
    return true;
}

int
sim_command_top(int count, char **words)
{
    g_autoptr(SimOptions) options =
        sim_options_parse("top", sim_command_top_options, count, words);
    g_autofree char *host = NULL;
    const char *password;
    uint16_t port;
    View view;
    Top *top;
    int status;

    if (options == NULL || !read_view(options, &view)) {
        return SIM_EXIT_USAGE;
    }
    char *const *given = sim_options_words(options);

    if (given[0] != NULL && given[1] != NULL) {
        return sim_options_usage("top", "one address is enough: the node tells of the others");
    }
    if (!read_address(given[0] != NULL ? given[0] : "127.0.0.1:7001", &host, &port)) {
        return sim_options_usage("top", "`%s` is not written as 127.0.0.1:7001", given[0]);
    }
    password = sim_options_get(options, "password");
    catch_signals();
    top = top_new(host, port, password != NULL ? password : g_getenv("REDISCLI_AUTH"));
    status = run(top, &view);
    top_free(top);
    return status;
}
