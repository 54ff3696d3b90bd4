/* orreryd - one node of a cluster, on real sockets, files and time. */
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "host.h"

enum {
    EXIT_OK = 0,
    EXIT_USAGE = 64,
    EXIT_BAD_FILE = 65,
    EXIT_NO_FILE = 66,
    EXIT_IO = 74,
};

/* Many clients are many descriptors. A failed write is an answer, never a signal. */
static void
prepare_process(void)
{
    struct rlimit limit;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int
serve(const LiveOptions *options)
{
    LiveLoop *loop = live_loop_new();
    g_autofree char *why = NULL;
    LiveHost *host = live_host_new(loop, options, &why);
    int status = EXIT_OK;

    if (host == NULL) {
        (void)fprintf(stderr, "orreryd: %s\n", why);
        status = EXIT_IO;
    } else {
        live_log(LIVE_LOG_NOTICE, "ready for clients on port %u", options->bind.port);
        if (!live_host_run(host)) {
            live_log(LIVE_LOG_WARNING, "not everything could be synced");
            status = EXIT_IO;
        }
        live_log(LIVE_LOG_NOTICE, "left");
        live_host_free(host);
    }
    live_loop_free(loop);
    return status;
}

int
main(int argc, char **argv)
{
    static LiveOptions options;
    int status = EXIT_OK;

    switch (live_options_read(argc, argv, &options)) {
    case LIVE_OPTIONS_RUN:
        prepare_process();
        if (live_log_open(options.log_level, options.log_file)) {
            status = serve(&options);
        } else {
            (void)fprintf(stderr, "orreryd: cannot open %s: %s\n", options.log_file,
                          g_strerror(errno));
            status = EXIT_IO;
        }
        break;
    case LIVE_OPTIONS_DONE:
        break;
    case LIVE_OPTIONS_USAGE:
        status = EXIT_USAGE;
        break;
    case LIVE_OPTIONS_BAD:
        status = EXIT_BAD_FILE;
        break;
    case LIVE_OPTIONS_NO_FILE:
        status = EXIT_NO_FILE;
        break;
    }
    live_options_clear(&options);
    return status;
}
