#include "loop_private.h"

#include <time.h>

#define FLUSH_ROUNDS_MAX                                                                       \
    8u /* of what flushing itself causes; the rest waits for the next turn */

struct LiveTimer {
    uv_timer_t uv;
    void (*due)(void *user);
    void *user;
};

typedef struct Signal {
    uv_signal_t uv;
    void (*call)(void *user);
    void *user;
} Signal;

typedef struct Work {
    uv_work_t uv;
    void (*work)(void *user);
    void (*done)(void *user);
    void *user;
} Work;

static const uint8_t V4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

socklen_t
live_socket_address(const OrrAddress *address, uint16_t port, LiveSocketAddress *out)
{
    memset(out, 0, sizeof *out);
    if (memcmp(address->ip, V4_MAPPED, sizeof V4_MAPPED) == 0) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        memcpy(&out->v4.sin_addr, address->ip + sizeof V4_MAPPED, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    memcpy(&out->v6.sin6_addr, address->ip, sizeof address->ip);
    return sizeof out->v6;
}

void
live_address_of_socket(const LiveSocketAddress *socket, OrrAddress *address)
{
    memset(address, 0, sizeof *address);
    if (socket->any.sa_family == AF_INET) {
        memcpy(address->ip, V4_MAPPED, sizeof V4_MAPPED);
        memcpy(address->ip + sizeof V4_MAPPED, &socket->v4.sin_addr, 4);
        address->bus_port = ntohs(socket->v4.sin_port);
    } else {
        memcpy(address->ip, &socket->v6.sin6_addr, sizeof address->ip);
        address->bus_port = ntohs(socket->v6.sin6_port);
    }
}

/* Closing a stream that is flushed may make others dirty: they are looked at before the wait.
 */
static void
on_prepare(uv_prepare_t *prepare)
{
    LiveLoop *loop = prepare->data;

    for (unsigned round = 0; round < FLUSH_ROUNDS_MAX; round++) {
        if (loop->before_wait != NULL) {
            loop->before_wait(loop->before_wait_user);
        }
        if (loop->dirty->len == 0) {
            return;
        }
        live_streams_flush(loop);
    }
}

LiveLoop *
live_loop_new(void)
{
    LiveLoop *loop = g_new0(LiveLoop, 1);

    g_assert(uv_loop_init(&loop->uv) == 0);
    loop->dirty = g_ptr_array_new();
    loop->spare = g_ptr_array_new();
    loop->read_buffer = g_malloc(LIVE_READ_MAX);
    loop->plain_buffer = g_malloc(LIVE_READ_MAX);
    g_queue_init(&loop->handshakes);
    g_assert(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    loop->prepare.data = loop;
    g_assert(uv_prepare_start(&loop->prepare, on_prepare) == 0);
    return loop;
}

static void
free_handle(uv_handle_t *handle)
{
    g_free(handle->data);
}

/* Streams and datagrams are dropped by their owners before; timers and signals go here. */
static void
close_rest(uv_handle_t *handle, void *user)
{
    LiveLoop *loop = user;

    if (uv_is_closing(handle)) {
        return;
    }
    uv_close(handle, handle == (uv_handle_t *)&loop->prepare ? NULL : free_handle);
}

void
live_loop_free(LiveLoop *loop)
{
    uv_walk(&loop->uv, close_rest, loop);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) {
    }
    g_assert(uv_loop_close(&loop->uv) == 0);
    g_ptr_array_unref(loop->dirty);
    g_ptr_array_unref(loop->spare);
    g_free(loop->read_buffer);
    g_free(loop->plain_buffer);
    g_free(loop);
}

void
live_loop_run(LiveLoop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
live_loop_stop(LiveLoop *loop)
{
    uv_stop(&loop->uv);
}

OrrNow
live_loop_now(void)
{
    struct timespec mono;
    struct timespec wall;

    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (OrrNow){mono.tv_sec * ORR_NS_PER_S + mono.tv_nsec,
                    (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / ORR_NS_PER_MS};
}

void
live_loop_sleep(OrrTime duration_ns)
{
    struct timespec time = {duration_ns / ORR_NS_PER_S, (long)(duration_ns % ORR_NS_PER_S)};

    while (nanosleep(&time, &time) != 0) {
    }
}

OrrTime
live_loop_mono_ns(void)
{
    struct timespec mono;

    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    return mono.tv_sec * ORR_NS_PER_S + mono.tv_nsec;
}

void
live_loop_before_wait(LiveLoop *loop, void (*call)(void *user), void *user)
{
    loop->before_wait = call;
    loop->before_wait_user = user;
}

static void
on_signal(uv_signal_t *handle, int number)
{
    Signal *signal = handle->data;

    (void)number;
    signal->call(signal->user);
}

void
live_loop_on_signal(LiveLoop *loop, int number, void (*call)(void *user), void *user)
{
    Signal *signal = g_new0(Signal, 1);

    signal->call = call;
    signal->user = user;
    g_assert(uv_signal_init(&loop->uv, &signal->uv) == 0);
    signal->uv.data = signal;
    g_assert(uv_signal_start(&signal->uv, on_signal, number) == 0);
}

static void
on_work(uv_work_t *request)
{
    Work *work = request->data;

    work->work(work->user);
}

static void
on_worked(uv_work_t *request, int status)
{
    Work *work = request->data;

    (void)status; /* never cancelled */
    work->done(work->user);
    g_free(work);
}

void
live_loop_work(LiveLoop *loop, void (*work)(void *user), void (*done)(void *user), void *user)
{
    Work *request = g_new0(Work, 1);

    *request = (Work){.work = work, .done = done, .user = user};
    request->uv.data = request;
    g_assert(uv_queue_work(&loop->uv, &request->uv, on_work, on_worked) == 0);
}

static void
on_timer(uv_timer_t *handle)
{
    LiveTimer *timer = handle->data;

    timer->due(timer->user);
}

LiveTimer *
live_timer_new(LiveLoop *loop, void (*due)(void *user), void *user)
{
    LiveTimer *timer = g_new0(LiveTimer, 1);

    timer->due = due;
    timer->user = user;
    g_assert(uv_timer_init(&loop->uv, &timer->uv) == 0);
    timer->uv.data = timer;
    return timer;
}

void
live_timer_set(LiveTimer *timer, OrrTime at_ns)
{
    OrrTime now_ns = (OrrTime)uv_hrtime();
    OrrTime wait_ms;

    if (at_ns == ORR_NEVER) {
        (void)uv_timer_stop(&timer->uv);
        return;
    }
    wait_ms = at_ns <= now_ns ? 0 : (at_ns - now_ns + ORR_NS_PER_MS - 1) / ORR_NS_PER_MS;
    uv_update_time(timer->uv.loop); /* the wait counts from now, not from the loop's turn */
    g_assert(uv_timer_start(&timer->uv, on_timer, (uint64_t)wait_ms, 0) == 0);
}
