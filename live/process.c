#include "process.h"

#include <glib.h>
#include <signal.h>
#include <sys/resource.h>

void
live_process_begin(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

uint32_t
live_process_raise(uint32_t clients)
{
    rlim_t wanted = (rlim_t)clients + LIVE_PROCESS_OTHER_FILES;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return clients;
    }
    if (limit.rlim_cur < wanted) {
        struct rlimit higher = {.rlim_cur = wanted, .rlim_max = MAX(limit.rlim_max, wanted)};

        if (setrlimit(RLIMIT_NOFILE, &higher) < 0) { /* only root goes past the hard limit */
            higher = (struct rlimit){limit.rlim_max, limit.rlim_max};
            (void)setrlimit(RLIMIT_NOFILE, &higher);
        }
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= wanted) {
        return clients;
    }
    return limit.rlim_cur > LIVE_PROCESS_OTHER_FILES
               ? (uint32_t)(limit.rlim_cur - LIVE_PROCESS_OTHER_FILES)
               : 1;
}

char *
live_process_check(uint32_t clients)
{
    uint32_t room = live_process_raise(clients);

    return room >= clients
               ? NULL
               : g_strdup_printf("The operating system is not able to handle the specified "
                                 "number of clients, try with %u",
                                 room);
}
