/* orreryd - one node of a cluster, on real sockets, files and time. */
#include <errno.h>
#include <glib.h>
#include <stdio.h>

#include "host.h"
#include "process.h"

enum {
    EXIT_OK = 0,
    EXIT_USAGE = 64,
    EXIT_BAD_FILE = 65,
    EXIT_NO_FILE = 66,
    EXIT_IO = 74,
};

static int
serve(LiveConf *conf)
{
    const OrrSettings *settings = &live_conf_options(conf)->node.settings;
    uint32_t room = live_process_raise(settings->clients_max);
    LiveLoop *loop = live_loop_new();
    g_autofree char *why = NULL;
    LiveHost *host = live_host_new(loop, conf, &why);
    int status = EXIT_OK;

    if (room < settings->clients_max) {
        live_log(LIVE_LOG_WARNING,
                 "the limit of open files leaves room for %u clients, not for the %u of "
                 "maxclients",
                 room, settings->clients_max);
    }
    if (host == NULL) {
        (void)fprintf(stderr, "orreryd: %s\n", why);
        status = EXIT_IO;
    } else {
        live_log(LIVE_LOG_NOTICE, "ready for clients on port %u",
                 live_conf_options(conf)->bind.port);
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

static int
run(LiveConf *conf)
{
    const LiveOptions *options = live_conf_options(conf);

    live_process_begin();
    if (!live_log_open(options->log_level, options->log_file)) {
        (void)fprintf(stderr, "orreryd: cannot open %s: %s\n", options->log_file,
                      g_strerror(errno));
        return EXIT_IO;
    }
    return serve(conf);
}

int
main(int argc, char **argv)
{
    LiveConfResult result;
    LiveConf *conf = live_conf_new(argc, argv, &result);
    int status = EXIT_OK;

    switch (result) {
    case LIVE_CONF_RUN:
        status = run(conf);
        break;
    case LIVE_CONF_DONE:
        break;
    case LIVE_CONF_USAGE:
        status = EXIT_USAGE;
        break;
    case LIVE_CONF_BAD:
        status = EXIT_BAD_FILE;
        break;
    case LIVE_CONF_NO_FILE:
        status = EXIT_NO_FILE;
        break;
    }
    live_conf_free(conf);
    return status;
}
