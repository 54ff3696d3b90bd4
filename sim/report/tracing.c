#include "tracing.h"

#include <inttypes.h>
#include <orrery/bus.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The bytes of the frame's header that say what kind of message it is; bus.h. */
#define TYPE_OFFSET 5u

static uint64_t
hash_bytes(OrrBytes bytes)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.size, bytes.size);
}

static const char *
message_name(OrrBytes frame)
{
    static const char *const names[ORR_MESSAGE_TYPES] = {
        [ORR_MESSAGE_PING] = "ping",
        [ORR_MESSAGE_PONG] = "pong",
        [ORR_MESSAGE_MEET] = "meet",
        [ORR_MESSAGE_REFUSAL] = "refusal",
        [ORR_MESSAGE_DIGESTS] = "digests",
        [ORR_MESSAGE_RECORDS] = "records",
        [ORR_MESSAGE_REPORT] = "report",
        [ORR_MESSAGE_VOTE_REQUEST] = "vote-request",
        [ORR_MESSAGE_VOTE] = "vote",
        [ORR_MESSAGE_HANDOVER] = "handover",
        [ORR_MESSAGE_HANDOVER_READY] = "handover-ready",
        [ORR_MESSAGE_SYNC_REQUEST] = "sync-request",
        [ORR_MESSAGE_SYNC_CONTINUE] = "sync-continue",
        [ORR_MESSAGE_SYNC_FULL] = "sync-full",
        [ORR_MESSAGE_SYNC_CHUNK] = "sync-chunk",
        [ORR_MESSAGE_SYNC_ACK] = "sync-ack",
        [ORR_MESSAGE_SYNC_DONE] = "sync-done",
        [ORR_MESSAGE_SYNC_REFUSED] = "sync-refused",
        [ORR_MESSAGE_STREAM] = "stream",
        [ORR_MESSAGE_STREAM_ACK] = "stream-ack",
    };
    unsigned type = frame.size > TYPE_OFFSET ? frame.data[TYPE_OFFSET] : 0;

    return type < ORR_MESSAGE_TYPES && names[type] != NULL ? names[type] : "damaged";
}

static const char *
lane_name(OrrLane lane)
{
    return lane == ORR_LANE_CONTROL ? "control" : "data";
}

static const char *
peer_name(SimWorld *world, const OrrAddress *address)
{
    const SimHost *host = sim_world_host_at(world, address);

    return host != NULL ? host->spec->name : "nobody";
}

static void
print_head(SimWorld *world, const SimHost *host)
{
    OrrTime now = world->now_ns - world->origin_ns;

    fprintf(world->options.trace, "%s%" PRId64 ".%09" PRId64 " %s ", now < 0 ? "-" : "",
            (now < 0 ? -now : now) / ORR_NS_PER_S, (now < 0 ? -now : now) % ORR_NS_PER_S,
            host->spec->name);
}

/* What a client says, without the line ends. */
static void
print_bytes(FILE *file, OrrBytes bytes)
{
    for (size_t i = 0; i < bytes.size && i < 60; i++) {
        uint8_t c = bytes.data[i];

        if (c == '\r') {
            continue;
        }
        fputc(c >= 0x20 && c < 0x7f ? c : c == '\n' ? ' ' : '.', file);
    }
}

static void
print_event(SimWorld *world, const OrrEvent *event)
{
    static const char *const links[] = {"up", "down", "refused", "client-up", "client-down"};
    FILE *file = world->options.trace;

    switch (event->type) {
    case ORR_EVENT_BOOT:
        fprintf(file, "boot %zu files\n", event->boot.file_count);
        break;
    case ORR_EVENT_RECEIVED:
        fprintf(file, "received %s %s %s %zu\n", peer_name(world, &event->received.from),
                lane_name(event->received.lane), message_name(event->received.frame),
                event->received.frame.size);
        break;
    case ORR_EVENT_TIME:
        fprintf(file, "time\n");
        break;
    case ORR_EVENT_REQUEST:
        fprintf(file, "request client %" PRIu64 " ", event->request.client);
        print_bytes(file, event->request.bytes);
        fputc('\n', file);
        break;
    case ORR_EVENT_STORED:
        fprintf(file, "stored %" PRIu64 " %s\n", event->stored.op,
                orr_status_name(event->stored.status));
        break;
    case ORR_EVENT_LINK:
        fprintf(file, "link %s ", links[event->link.state]);
        if (event->link.state <= ORR_LINK_REFUSED) {
            fprintf(file, "%s\n", peer_name(world, &event->link.peer));
        } else {
            fprintf(file, "%" PRIu64 "\n", event->link.client);
        }
        break;
    case ORR_EVENT_ANSWER:
        fprintf(file, "answer client %" PRIu64 " ", event->answer.client);
        print_bytes(file, event->answer.bytes);
        fputc('\n', file);
        break;
    case ORR_EVENT_SETTINGS:
        fprintf(file, "settings\n");
        break;
    case ORR_EVENT_LEAVE:
        fprintf(file, "leave\n");
        break;
    }
}

void
sim_tracing_event(SimWorld *world, const SimHost *host, const OrrEvent *event)
{
    sim_world_digest(world, (uint64_t)event->type << 32 | host->index, (uint64_t)world->now_ns);
    if (world->options.trace != NULL) {
        print_head(world, host);
        print_event(world, event);
    }
}

static void
print_effect(SimWorld *world, const OrrEffect *effect)
{
    static const char *const files[ORR_FILE_KINDS] = {"state", "config", "log", "snapshot"};
    FILE *file = world->options.trace;
    char text[400];

    switch (effect->type) {
    case ORR_EFFECT_SEND:
        fprintf(file, "  send %s %s %s %zu\n", peer_name(world, &effect->send.to),
                lane_name(effect->send.lane), message_name(effect->send.frame),
                effect->send.frame.size);
        break;
    case ORR_EFFECT_STORE:
        fprintf(file, "  store %" PRIu64 " %s.%u %s %zu%s\n", effect->store.op,
                files[effect->store.kind], effect->store.generation,
                effect->store.action == ORR_STORE_APPEND ? "append" : "remove",
                effect->store.bytes.size, effect->store.sync ? " sync" : "");
        break;
    case ORR_EFFECT_REPLY:
        fprintf(file, "  reply client %" PRIu64 " ", effect->reply.client);
        print_bytes(file, effect->reply.bytes);
        fprintf(file, "%s\n", effect->reply.close ? " close" : "");
        break;
    case ORR_EFFECT_ASK:
        fprintf(file, "  ask client %" PRIu64 " ", effect->ask.client);
        print_bytes(file, effect->ask.words);
        fputc('\n', file);
        break;
    case ORR_EFFECT_TRACE:
        orr_trace_format(&effect->trace, sim_roster_format, world->names, text, sizeof text);
        fprintf(file, "  trace %s\n", text);
        break;
    case ORR_EFFECT_HOST:
        fprintf(file, "  host %d %" PRIu64 "\n", (int)effect->host.wish, effect->host.value);
        break;
    }
}

static void
digest_effect(SimWorld *world, const OrrEffect *effect)
{
    switch (effect->type) {
    case ORR_EFFECT_SEND:
        sim_world_digest(world, 0x100 + (uint64_t)effect->send.lane,
                         hash_bytes(effect->send.frame));
        break;
    case ORR_EFFECT_STORE:
        sim_world_digest(world, 0x200 + (uint64_t)effect->store.kind,
                         hash_bytes(effect->store.bytes) ^ effect->store.op);
        break;
    case ORR_EFFECT_REPLY:
        sim_world_digest(world, 0x300 ^ effect->reply.client, hash_bytes(effect->reply.bytes));
        break;
    case ORR_EFFECT_ASK:
        sim_world_digest(world, 0x500 ^ effect->ask.client, hash_bytes(effect->ask.words));
        break;
    case ORR_EFFECT_TRACE:
        sim_world_digest(world, 0x400 + (uint64_t)effect->trace.kind,
                         hash_bytes(orr_bytes(effect->trace.text, effect->trace.text_size)) ^
                             effect->trace.epoch << 40 ^ effect->trace.value);
        break;
    case ORR_EFFECT_HOST:
        sim_world_digest(world, 0x500 + (uint64_t)effect->host.wish, effect->host.value);
        break;
    }
}

void
sim_tracing_effect(SimWorld *world, const SimHost *host, const OrrEffect *effect)
{
    digest_effect(world, effect);
    if (world->options.trace != NULL) {
        print_head(world, host);
        print_effect(world, effect);
    }
}
