#include "notify.h"

#include <glib.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct LiveNotify {
    LiveTimer *timer;
    OrrTime period_ns; /* between two signs of life; 0: none are wanted */
    int fd;            /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t address_size;
};

static void
say(const LiveNotify *notify, const char *text)
{
    if (notify->fd >= 0) {
        (void)sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                     (const struct sockaddr *)&notify->address, notify->address_size);
    }
}

static void
on_period(void *user)
{
    LiveNotify *notify = user;

    say(notify, "WATCHDOG=1");
    live_timer_set(notify->timer, live_loop_mono_ns() + notify->period_ns);
}

/* A path, or a name with an @ before it, which stands for a NUL. */
static void
find_manager(LiveNotify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = path == NULL ? 0 : strlen(path);

    notify->fd = -1;
    if (size < 2 || size >= sizeof notify->address.sun_path ||
        (path[0] != '/' && path[0] != '@')) {
        return;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, path, size);
    if (path[0] == '@') {
        notify->address.sun_path[0] = '\0';
    }
    notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static OrrTime
watchdog_period(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    const char *text = getenv("WATCHDOG_USEC");
    guint64 usec = 0;
    guint64 whose = 0;

    if (text == NULL ||
        !g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64 / 1000, &usec, NULL)) {
        return 0;
    }
    if (pid != NULL && (!g_ascii_string_to_unsigned(pid, 10, 0, G_MAXUINT32, &whose, NULL) ||
                        whose != (guint64)getpid())) {
        return 0;
    }
    return (OrrTime)usec * 1000 / 2;
}

LiveNotify *
live_notify_new(LiveLoop *loop)
{
    LiveNotify *notify = g_new0(LiveNotify, 1);

    find_manager(notify);
    notify->period_ns = notify->fd < 0 ? 0 : watchdog_period();
    notify->timer = live_timer_new(loop, on_period, notify);
    if (notify->period_ns > 0) {
        on_period(notify);
    }
    return notify;
}

void
live_notify_free(LiveNotify *notify)
{
    if (notify != NULL) {
        live_timer_set(notify->timer, ORR_NEVER);
        if (notify->fd >= 0) {
            (void)close(notify->fd);
        }
        g_free(notify);
    }
}

void
live_notify_ready(LiveNotify *notify, const char *status)
{
    g_autofree char *text = g_strdup_printf("READY=1\nSTATUS=%s", status);

    say(notify, text);
}

void
live_notify_reloading(LiveNotify *notify)
{
    g_autofree char *text = g_strdup_printf("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
                                            live_loop_mono_ns() / 1000);

    say(notify, text);
}

void
live_notify_stopping(LiveNotify *notify)
{
    say(notify, "STOPPING=1\nSTATUS=what was acknowledged goes to the disk");
}
