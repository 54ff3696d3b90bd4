/* link.h - the bus: frames of the CONTROL lane as datagrams, of the DATA lane over connections.
 *
 *     node --- UDP, bus port <-> bus port ---------------- node
 *     node === TCP, to the bus port, hello, then frames === node
 *
 * A connection is made by the first DATA frame to a peer; whoever connects says in a hello of
 * ten bytes on which ports it is reached, so that a peer has one name on both lanes: ip and bus
 * port. Both ends send on it. Two that call each other at once have two, and each sends on the
 * one it took first. Frames are told apart by the size in their own header, which is checked
 * before any room is made for them.
 *
 *     hello: "ORRH" | version u8 | 0 | bus port u16 | port u16      little endian
 *
 * LINK_UP when a connection stands, LINK_DOWN when it broke or was full, LINK_REFUSED when the
 * peer's host says that nobody listens, to a datagram or to a call. What was queued is lost
 * then; the next frame calls again.
 */
#ifndef LIVE_LINK_H
#define LIVE_LINK_H

#include <orrery/event.h>

#include "link_filter.h"
#include "loop.h"
#include "tls.h"

#define LIVE_LINK_QUEUE_MAX (256u << 20) /* bytes to one peer; more breaks the link */
#define LIVE_LINK_PEERS_MAX 4096u
#define LIVE_LINK_STRANGERS_MAX 256u /* accepted, and no hello yet */
#define LIVE_LINK_TIMEOUT_MS 10000u  /* without an answer of the other end's TCP */

typedef struct LiveLink LiveLink;

typedef struct LiveLinkHandlers {
    void (*received)(void *user, const OrrAddress *from, OrrLane lane, OrrBytes frame);
    void (*link)(void *user, OrrLinkState state, const OrrAddress *peer);
} LiveLinkHandlers;

/* Binds bus_port of `self` on the ip of `bind`, both lanes. NULL: *why, owned by the caller. */
LiveLink *live_link_new(LiveLoop *loop, const OrrAddress *self, const OrrAddress *bind,
                        const LiveLinkHandlers *handlers, void *user, char **why);
void live_link_free(LiveLink *link);
/* For tests: what it cuts is cut from now on. Lent; call again after each change of it. */
void live_link_set_filter(LiveLink *link, const LiveLinkFilter *filter);

typedef struct LiveLinkStatistics {
    uint64_t frames[2][2]; /* by lane, in and out */
    uint64_t bytes[2][2];
    uint32_t links; /* peers with a connection that stands */
    uint64_t breaks;
    uint64_t refusals;
} LiveLinkStatistics;

/* Lent. */
const LiveLinkStatistics *live_link_statistics(const LiveLink *link);
/* From now on connections are by TLS, both those that are called and those that come; NULL:
 * not. It is lent. */
void live_link_set_tls(LiveLink *link, LiveTls *tls);
/* Never calls a handler from inside. */
void live_link_send(LiveLink *link, const OrrAddress *to, OrrLane lane, OrrBytes frame);

#endif
