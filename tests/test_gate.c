/* What a node promises, and when it may be told; and whose clock it goes by. */
#include "check.h"

#include <orrery/orrery.h>

#include <glib.h>

#include "node/clock.h"
#include "node/gate.h"

static void
say(OrrEffects *effects, const char *text)
{
    orr_effects_reply(effects, 1, orr_bytes_of_string(text), false);
}

static void
told(const OrrEffects *effects, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < orr_effects_count(effects); i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        g_autofree char *piece =
            g_strndup((const char *)effect.reply.bytes.data, effect.reply.bytes.size);

        g_strlcat(text, piece, size);
    }
}

static void
note(void *owner, OrrStatus status, uint64_t argument, OrrNow now, OrrEffects *out)
{
    (void)now;
    (void)out;
    g_string_append_printf(owner, "%s %u;", orr_status_name(status), (unsigned)argument);
}

/* Nothing held leaks before STORED names its op; then it goes out in order. What a failed write
 * held is dropped. An op that is not under way, or answered already, is refused. */
static void
test_held_until_stored(void)
{
    OrrGate *gate = orr_gate_new();
    OrrEffects *out = orr_effects_new();
    g_autoptr(GString) log = g_string_new(NULL);
    OrrNow now = {0, 0};
    uint64_t first = orr_gate_next_op(gate);
    uint64_t second = orr_gate_next_op(gate);
    char text[64];

    say(orr_gate_hold(gate, first, note, log, 1), "a");
    say(orr_gate_hold(gate, second, note, log, 2), "x");
    say(orr_gate_hold(gate, first, note, log, 3), "b");
    T_EQ(orr_effects_count(out), 0);
    T_EQ(orr_gate_stored(gate, 99, ORR_OK, now, out), ORR_REFUSED);
    T_EQ(orr_gate_stored(gate, first, ORR_OK, now, out), ORR_OK);
    told(out, text, sizeof text);
    T_STR_EQ(text, "ab");
    T_EQ(orr_gate_stored(gate, first, ORR_OK, now, out), ORR_REFUSED);
    T_EQ(orr_gate_stored(gate, second, ORR_IO, now, out), ORR_OK);
    told(out, text, sizeof text);
    T_STR_EQ(text, "ab");
    T_STR_EQ(log->str, "ok 1;ok 3;i/o error 2;");
    orr_effects_free(out);
    orr_gate_free(gate);
}

/* What may not be promised any more is dropped, though the write succeeds. */
static void
test_doomed_promises(void)
{
    OrrGate *gate = orr_gate_new();
    OrrEffects *out = orr_effects_new();
    g_autoptr(GString) log = g_string_new(NULL);
    OrrNow now = {0, 0};
    uint64_t op = orr_gate_next_op(gate);
    char text[64];

    say(orr_gate_hold(gate, op, note, log, 1), "a");
    say(orr_gate_hold(gate, op, NULL, NULL, 0), "b");
    orr_gate_doom(gate, note);
    T_EQ(orr_gate_stored(gate, op, ORR_OK, now, out), ORR_OK);
    told(out, text, sizeof text);
    T_STR_EQ(text, "b");
    T_STR_EQ(log->str, "i/o error 1;");
    orr_effects_free(out);
    orr_gate_free(gate);
}

/* A node alone, looked at each second, whose host's clock does as it likes. */
typedef struct Clock {
    OrrClusterClock clock;
    OrrContext context;
    OrrSettings settings;
    OrrEffects *out;
    OrrTime mono_ns;
} Clock;

#define START INT64_C(1700000000000)

static void
clock_begin(Clock *clock)
{
    OrrId id = {{1}};
    OrrAddress address = orr_address_v4(10, 0, 0, 1, 1, 1);

    memset(clock, 0, sizeof *clock);
    clock->settings = orr_settings_default();
    clock->context.settings = &clock->settings;
    clock->context.members =
        orr_members_new(&clock->settings, &id, &id, &address, ORR_ROLE_PRIMARY);
    clock->out = orr_effects_new();
    orr_cluster_clock_boot(&clock->clock, (OrrNow){0, START});
}

static void
clock_end(Clock *clock)
{
    orr_members_free(clock->context.members);
    orr_effects_free(clock->out);
}

/* One second on; the host's wall clock is `ahead_ms` of the true time. By how much the
 * cluster's is. */
static int64_t
second(Clock *clock, int64_t ahead_ms)
{
    OrrNow now;

    clock->mono_ns += ORR_NS_PER_S;
    now = (OrrNow){clock->mono_ns, START + clock->mono_ns / ORR_NS_PER_MS + ahead_ms};
    orr_cluster_clock_discipline(&clock->clock, now, &clock->context, clock->out);
    return orr_cluster_clock_ms(&clock->clock, now) - START - clock->mono_ns / ORR_NS_PER_MS;
}

/* An hour back, three days ahead, leap seconds again and again: a time to live is off by a
 * second at most, and the clock never goes back. redis 6416; Cloudflare, 2016-12-31. */
static void
test_steps_of_the_wall_clock(void)
{
    static const int64_t steps[] = {-3600000,     3600000, -3 * 86400000,
                                    3 * 86400000, -1000,   1000};
    Clock clock;

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        clock_begin(&clock);
        for (int k = 0; k < 300; k++) {
            int64_t off = second(&clock, k % 20 < 10 ? 0 : steps[i]);

            T_TRUE(off >= -1000 && off <= 1000);
        }
        clock_end(&clock);
    }
}

/* Drift is followed: 100 ppm for a day, less than a second off its host. */
static void
test_drift_is_followed(void)
{
    Clock clock;
    int64_t off = 0;

    clock_begin(&clock);
    for (int64_t k = 0; k < 86400; k++) {
        off = second(&clock, k / 10);
        T_TRUE(off <= k / 10 && k / 10 - off < 1000);
    }
    T_TRUE(off > 8000);
    clock_end(&clock);
}

static const Test TESTS[] = {
    TEST(test_held_until_stored),
    TEST(test_doomed_promises),
    TEST(test_steps_of_the_wall_clock),
    TEST(test_drift_is_followed),
};

T_MAIN("gate", TESTS)
