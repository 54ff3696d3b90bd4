#include "host.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>

#include "clients.h"
#include "desk.h"
#include "figures.h"
#include "files.h"
#include "link.h"
#include "log.h"
#include "notify.h"
#include "pages.h"
#include "plant.h"
#include "probe.h"
#include "process.h"

struct LiveHost {
    LiveLoop *loop;
    LiveConf *conf;
    const LiveOptions *options; /* of conf */
    LiveDesk *desk;
    LiveNotify *notify;
    LiveTls *tls;      /* NULL: nobody wants it */
    LiveTls *next_tls; /* ready to take its place */
    bool reloading;
    OrrNode *node;
    OrrEffects *effects;
    LiveFiles *files;
    LiveLink *link;
    LiveClients *clients;
    LiveTimer *timer;
    LiveTimer *again;    /* wakes the loop for what must not wait for an event */
    OrrTime deadline_ns; /* that the timer is set to */
    LiveHttp *http;
    LiveLinkFilter *filter; /* for tests, or NULL */
    LiveFigures figures;
    bool stepping;
    bool leaving;
    bool leave_told; /* the node knows */
};

static void perform(LiveHost *host, const OrrEffects *effects);

/* The timer is moved only when it would come too late, as the simulator's deadline is. */
static void
plan_deadline(LiveHost *host)
{
    OrrTime at = orr_node_deadline(host->node);

    if (at < host->deadline_ns) {
        host->deadline_ns = at;
        live_timer_set(host->timer, at);
    }
}

/* One step: deliver, perform, plan. */
static OrrStatus
deliver(LiveHost *host, const OrrEvent *event)
{
    OrrNow now = live_loop_now();
    OrrStatus status;

    g_assert(!host->stepping); /* whatever is performed answers later, never from inside */
    host->stepping = true;
    orr_effects_clear(host->effects);
    status = orr_node_step(host->node, now, event, host->effects);
    perform(host, host->effects);
    host->stepping = false;
    live_histogram_add(&host->figures.steps, live_loop_mono_ns() - now.mono_ns);
    plan_deadline(host);
    return status;
}

static void
on_deadline(void *user)
{
    LiveHost *host = user;

    host->deadline_ns = ORR_NEVER;
    if (orr_node_deadline(host->node) > live_loop_now().mono_ns) {
        plan_deadline(host); /* it was put off meanwhile */
        return;
    }
    (void)deliver(host, &(OrrEvent){.type = ORR_EVENT_TIME});
}

/* Events */

static void
on_received(void *user, const OrrAddress *from, OrrLane lane, OrrBytes frame)
{
    OrrEvent event = {.type = ORR_EVENT_RECEIVED};

    event.received.from = *from;
    event.received.lane = lane;
    event.received.frame = frame;
    (void)deliver(user, &event);
}

static void
on_link(void *user, OrrLinkState state, const OrrAddress *peer)
{
    OrrEvent event = {.type = ORR_EVENT_LINK};

    event.link.state = state;
    event.link.peer = *peer;
    (void)deliver(user, &event);
}

static OrrStatus
on_client_up(void *user, uint64_t client, const OrrAddress *remote, const OrrAddress *local)
{
    OrrEvent event = {.type = ORR_EVENT_LINK};

    event.link.state = ORR_LINK_CLIENT_UP;
    event.link.peer = *remote;
    event.link.local = *local;
    event.link.client = client;
    return deliver(user, &event);
}

static void
on_client_down(void *user, uint64_t client)
{
    OrrEvent event = {.type = ORR_EVENT_LINK};

    event.link.state = ORR_LINK_CLIENT_DOWN;
    event.link.client = client;
    (void)deliver(user, &event);
}

static void
on_request(void *user, uint64_t client, OrrBytes bytes)
{
    OrrEvent event = {.type = ORR_EVENT_REQUEST};

    event.request.client = client;
    event.request.bytes = bytes;
    (void)deliver(user, &event);
}

static void
on_stored(void *user, uint64_t op, OrrStatus status)
{
    OrrEvent event = {.type = ORR_EVENT_STORED};

    event.stored.op = op;
    event.stored.status = status;
    (void)deliver(user, &event);
}

static void
leave(LiveHost *host)
{
    if (!host->leaving) {
        live_log(LIVE_LOG_NOTICE, "asked to leave");
        host->leaving = true;
        live_notify_stopping(host->notify);
        live_clients_stop(host->clients);
    }
}

/* What an operator wishes of the process. */
static void
fulfil(LiveHost *host, const OrrEffect *effect)
{
    switch (effect->host.wish) {
    case ORR_HOST_SHUTDOWN:
        leave(host);
        break;
    case ORR_HOST_SLEEP:
        live_loop_sleep((OrrTime)effect->host.value);
        break;
    }
}

/* Effects, in order, before anything else happens: the contract of effects.h. */
static void
perform(LiveHost *host, const OrrEffects *effects)
{
    size_t count = orr_effects_count(effects);

    for (size_t i = 0; i < count; i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        switch (effect.type) {
        case ORR_EFFECT_SEND:
            if (effect.send.lane == ORR_LANE_CONTROL) {
                live_files_write(host->files); /* datagrams leave at once */
            }
            live_link_send(host->link, &effect.send.to, effect.send.lane, effect.send.frame);
            break;
        case ORR_EFFECT_STORE:
            live_files_store(host->files, &effect);
            break;
        case ORR_EFFECT_REPLY:
            if (effect.reply.pushed) {
                live_clients_push(host->clients, effect.reply.client, effect.reply.bytes);
            } else {
                live_clients_reply(host->clients, effect.reply.client, effect.reply.bytes,
                                   effect.reply.close, effect.reply.more);
            }
            break;
        case ORR_EFFECT_ASK:
            live_desk_ask(host->desk, &effect);
            break;
        case ORR_EFFECT_TRACE:
            host->figures.decisions[effect.trace.kind]++;
            live_log_trace(&effect.trace);
            break;
        case ORR_EFFECT_HOST:
            fulfil(host, &effect);
            break;
        }
    }
}

/* Leaving: no new clients; what is queued reaches the disk; then the loop ends. */

static void
on_leave(void *user)
{
    leave(user);
}

/* What operators ask for */

static void
on_answer(void *user, uint64_t client, OrrBytes bytes)
{
    OrrEvent event = {.type = ORR_EVENT_ANSWER};

    event.answer.client = client;
    event.answer.bytes = bytes;
    (void)deliver(user, &event);
}

static bool
tls_is_as_before(const LiveTlsOptions *a, const LiveTlsOptions *b)
{
    return g_strcmp0(a->cert_file, b->cert_file) == 0 &&
           g_strcmp0(a->key_file, b->key_file) == 0 && g_strcmp0(a->ca_file, b->ca_file) == 0 &&
           a->clients == b->clients;
}

/* Certificates are read anew by SIGHUP, and when other files are named. */
static char *
on_prepare(void *user, const LiveOptions *next)
{
    LiveHost *host = user;
    char *why = live_process_check(next->node.settings.clients_max);

    g_clear_pointer(&host->next_tls, live_tls_free);
    if (why == NULL && host->tls != NULL &&
        (host->reloading || !tls_is_as_before(&host->options->tls, &next->tls))) {
        host->next_tls = live_tls_new(&next->tls, &why);
    }
    return why;
}

static void
take_tls(LiveHost *host)
{
    LiveTls *before = host->tls;

    if (host->next_tls != NULL) {
        host->tls = g_steal_pointer(&host->next_tls);
        live_link_set_tls(host->link, host->options->tls.cluster ? host->tls : NULL);
    }
    live_clients_change(host->clients, host->options, host->tls);
    if (before != host->tls) {
        live_tls_free(before);
    }
}

static void
on_changed(void *user, const LiveOptions *before, const LiveOptions *now)
{
    LiveHost *host = user;
    OrrEvent event = {.type = ORR_EVENT_SETTINGS, .settings = &now->node.settings};

    host->options = now;
    if (memcmp(&before->node.settings, &now->node.settings, sizeof now->node.settings) != 0) {
        (void)deliver(host, &event);
    }
    take_tls(host);
    live_log_set_level(now->log_level);
    if (g_strcmp0(before->log_file, now->log_file) != 0 &&
        !live_log_open(now->log_level, now->log_file)) {
        live_log(LIVE_LOG_WARNING, "cannot open %s: %s", now->log_file, g_strerror(errno));
    }
}

static void
tell_ready(LiveHost *host)
{
    g_autofree char *status =
        g_strdup_printf("clients on port %u, other nodes on %u", host->options->bind.port,
                        host->options->bind.bus_port);

    live_notify_ready(host->notify, status);
}

static void
on_reload(void *user)
{
    LiveHost *host = user;

    live_log_reopen();
    live_notify_reloading(host->notify);
    host->reloading = true;
    live_conf_reload(host->conf);
    host->reloading = false;
    tell_ready(host);
}

static void
on_reopen(void *user)
{
    (void)user;
    live_log_reopen();
}

static void
on_filter(void *user)
{
    LiveHost *host = user;
    g_autofree char *why = NULL;

    if (host->filter == NULL) {
        return;
    }
    if (!live_link_filter_read(host->filter, &why)) {
        live_log(LIVE_LOG_WARNING, "%s", why);
        return;
    }
    live_link_set_filter(host->link, host->filter);
    live_log(LIVE_LOG_NOTICE, "the link filter for tests was read");
}

/* before_wait() does it. */
static void
on_again(void *user)
{
    (void)user;
}

/* Whoever leaves lets a replica take over first; the node says when that is done, or was given
 * up. */
static bool
is_handing_over(LiveHost *host)
{
    OrrNodeView view;

    if (!host->leave_told) {
        host->leave_told = true;
        (void)deliver(host, &(OrrEvent){.type = ORR_EVENT_LEAVE});
    }
    orr_node_view(host->node, live_loop_mono_ns(), &view);
    return view.handing_over;
}

static void
before_wait(void *user)
{
    LiveHost *host = user;

    live_desk_work(host->desk);
    if (live_clients_resume(host->clients)) {
        live_timer_set(host->again, live_loop_now().mono_ns);
    }
    live_files_flush(host->files);
    if (host->leaving && !is_handing_over(host) && live_files_idle(host->files)) {
        live_loop_stop(host->loop);
    }
}

/* Birth and death */

static bool
open_all(LiveHost *host, char **why)
{
    static const LiveLinkHandlers link_handlers = {on_received, on_link};
    static const LiveClientsHandlers client_handlers = {on_client_up, on_request,
                                                        on_client_down};
    const LiveOptions *options = host->options;

    if (options->tls.port != 0 || options->tls.cluster) {
        host->tls = live_tls_new(&options->tls, why);
        if (host->tls == NULL) {
            return false;
        }
    }
    host->files = live_files_new(host->loop, options->directory, on_stored, host, why);
    if (host->files == NULL) {
        return false;
    }
    host->link = live_link_new(host->loop, &options->node.address, &options->bind,
                               &link_handlers, host, why);
    if (host->link == NULL) {
        return false;
    }
    if (options->tls.cluster) {
        live_link_set_tls(host->link, host->tls);
    }
    host->clients =
        live_clients_new(host->loop, options, host->tls, &client_handlers, host, why);
    if (host->clients == NULL) {
        return false;
    }
    if (options->link_filter != NULL) {
        host->filter = live_link_filter_new(options->link_filter);
        on_filter(host);
    }
    return true;
}

/* The port for figures opens when there is a node to ask. */
static bool
open_pages(LiveHost *host, char **why)
{
    OrrNow now = live_loop_now();

    host->figures.node = host->node;
    host->figures.files = host->files;
    host->figures.link = host->link;
    host->figures.started_ns = now.mono_ns;
    host->figures.started_ms = now.wall_ms;
    if (host->options->metrics_port == 0) {
        return true;
    }
    host->http = live_http_new(host->loop, &host->options->bind, host->options->metrics_port,
                               live_pages_answer, &host->figures, why);
    host->figures.http = host->http;
    return host->http != NULL;
}

static bool
boot(LiveHost *host, char **why)
{
    OrrEvent event = {.type = ORR_EVENT_BOOT};
    OrrHostProbe probe = live_probe(NULL);
    OrrNodeConfig config = host->options->node;
    OrrStatus status;

    if (!live_files_load(host->files, &event.boot.files, &event.boot.file_count, why)) {
        return false;
    }
    config.settings.planted = live_planted();
    host->node = orr_node_new(&config);
    orr_node_set_probe(host->node, &probe);
    status = deliver(host, &event);
    live_files_unload(host->files);
    if (status != ORR_OK) {
        *why = g_strdup_printf("the files in %s are damaged; the line above says where",
                               host->options->directory);
        return false;
    }
    return true;
}

LiveHost *
live_host_new(LiveLoop *loop, LiveConf *conf, char **why)
{
    static const LiveConfHandlers conf_handlers = {on_prepare, on_changed};
    LiveHost *host = g_new0(LiveHost, 1);

    host->loop = loop;
    host->conf = conf;
    host->options = live_conf_options(conf);
    host->desk = live_desk_new(conf, on_answer, host);
    host->deadline_ns = ORR_NEVER;
    host->effects = orr_effects_new();
    host->timer = live_timer_new(loop, on_deadline, host);
    host->again = live_timer_new(loop, on_again, host);
    live_loop_before_wait(loop, before_wait, host);
    live_loop_on_signal(loop, SIGTERM, on_leave, host);
    live_loop_on_signal(loop, SIGINT, on_leave, host);
    live_loop_on_signal(loop, SIGHUP, on_reload, host);
    live_loop_on_signal(loop, SIGUSR1, on_reopen, host);
    live_loop_on_signal(loop, SIGUSR2, on_filter, host);
    if (!open_all(host, why) || !boot(host, why) || !open_pages(host, why)) {
        live_host_free(host);
        return NULL;
    }
    live_conf_watch(conf, &conf_handlers, host);
    host->notify = live_notify_new(loop);
    tell_ready(host);
    return host;
}

bool
live_host_run(LiveHost *host)
{
    live_loop_run(host->loop);
    return live_files_sync(host->files);
}

void
live_host_free(LiveHost *host)
{
    if (host == NULL) {
        return;
    }
    live_loop_before_wait(host->loop, NULL, NULL);
    live_desk_free(host->desk);
    live_notify_free(host->notify);
    live_tls_free(host->tls);
    live_tls_free(host->next_tls);
    live_http_free(host->http);
    live_clients_free(host->clients);
    live_link_free(host->link);
    live_link_filter_free(host->filter);
    live_files_free(host->files);
    orr_effects_free(host->effects);
    orr_node_free(host->node);
    g_free(host);
}
