/* notify.h - words to a service manager: sd_notify(3)'s protocol, datagrams to NOTIFY_SOCKET.
 *
 * Without that variable nothing is sent. Process-wide state, read once from the environment.
 */
#ifndef LIVE_NOTIFY_H
#define LIVE_NOTIFY_H

#include "loop.h"

typedef struct LiveNotify LiveNotify;

/* Says WATCHDOG=1 twice in each period that the manager asks for (WATCHDOG_USEC), for as long
 * as the loop turns: one that hangs is started again. */
LiveNotify *live_notify_new(LiveLoop *loop);
void live_notify_free(LiveNotify *notify);
/* READY=1, with a line for `systemctl status`. */
void live_notify_ready(LiveNotify *notify, const char *status);
/* RELOADING=1; then READY=1 must follow. */
void live_notify_reloading(LiveNotify *notify);
void live_notify_stopping(LiveNotify *notify);

#endif
