#include "clock.h"

#include <glib.h>

__extension__ typedef __int128 Wide;

#define PPB INT64_C(1000000000)
#define CLOCK_MAX_NS (INT64_C(1) << 61)
#define BOOT_START_MAX_NS (30 * 86400 * ORR_NS_PER_S)

/* Rounded towards minus infinity, so that time never runs ahead of what it should show. */
static Wide
divide_down(Wide value, Wide divisor)
{
    Wide quotient = value / divisor;

    return value % divisor < 0 ? quotient - 1 : quotient;
}

static int64_t
divide_down_64(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;

    return value % divisor < 0 ? quotient - 1 : quotient;
}

/* In 64 bits, which hold hours of any usual drift, or else in 128, which take their time. */
static int64_t
shows_ns(const SimClockPiece *piece, OrrTime virtual_ns)
{
    Wide elapsed = (Wide)virtual_ns - piece->from_ns;
    int64_t product;

    if (!__builtin_mul_overflow(virtual_ns - piece->from_ns, piece->drift_ppb, &product)) {
        return piece->base_ns + (virtual_ns - piece->from_ns) + divide_down_64(product, PPB);
    }

    return (int64_t)(piece->base_ns + elapsed + divide_down(elapsed * piece->drift_ppb, PPB));
}

/* Begins a new piece at virtual_ns, without a jump. */
static void
rebase(SimClockPiece *piece, OrrTime virtual_ns)
{
    piece->base_ns = shows_ns(piece, virtual_ns);
    piece->from_ns = virtual_ns;
}

SimHostClock
sim_clock_new(void)
{
    SimHostClock clock = {0};

    clock.piece[SIM_HOST_CLOCK_WALL].base_ns = SIM_CLOCK_EPOCH_MS * ORR_NS_PER_MS;
    return clock;
}

void
sim_clock_boot(SimHostClock *clock, OrrTime virtual_ns, OrrRng *rng)
{
    SimClockPiece *piece = &clock->piece[SIM_HOST_CLOCK_MONO];

    piece->from_ns = virtual_ns;
    piece->base_ns = orr_rng_between(rng, ORR_NS_PER_S, BOOT_START_MAX_NS);
}

OrrNow
sim_clock_now(const SimHostClock *clock, OrrTime virtual_ns)
{
    int64_t wall_ns = shows_ns(&clock->piece[SIM_HOST_CLOCK_WALL], virtual_ns);

    return (OrrNow){
        .mono_ns = shows_ns(&clock->piece[SIM_HOST_CLOCK_MONO], virtual_ns),
        .wall_ms = divide_down_64(wall_ns, ORR_NS_PER_MS),
    };
}

OrrTime
sim_clock_virtual_of_mono(const SimHostClock *clock, OrrTime virtual_ns, OrrTime mono_ns)
{
    const SimClockPiece *piece = &clock->piece[SIM_HOST_CLOCK_MONO];

    if (mono_ns == ORR_NEVER) {
        return ORR_NEVER;
    }
    if (shows_ns(piece, virtual_ns) >= mono_ns) {
        return virtual_ns;
    }
    if (piece->drift_ppb == 0) {
        Wide at = (Wide)piece->from_ns + mono_ns - piece->base_ns;

        return at < ORR_NEVER ? (OrrTime)at : ORR_NEVER;
    }
    /* the least e with floor(e x rate / PPB) >= wanted is ceil(wanted x PPB / rate) */
    Wide wanted = (Wide)mono_ns - piece->base_ns;
    Wide rate = (Wide)PPB + piece->drift_ppb;
    Wide elapsed = (wanted * PPB + rate - 1) / rate;

    return piece->from_ns + elapsed < ORR_NEVER ? (OrrTime)(piece->from_ns + elapsed)
                                                : ORR_NEVER;
}

OrrStatus
sim_clock_set_drift(SimHostClock *clock, SimHostClockId id, OrrTime virtual_ns,
                    int64_t drift_ppb)
{
    if (drift_ppb < SIM_CLOCK_DRIFT_MIN_PPB || drift_ppb > SIM_CLOCK_DRIFT_MAX_PPB) {
        return ORR_INVALID;
    }
    rebase(&clock->piece[id], virtual_ns);
    clock->piece[id].drift_ppb = drift_ppb;
    return ORR_OK;
}

OrrStatus
sim_clock_step(SimHostClock *clock, SimHostClockId id, OrrTime virtual_ns, int64_t delta_ns)
{
    SimClockPiece *piece = &clock->piece[id];
    Wide after = (Wide)shows_ns(piece, virtual_ns) + delta_ns;

    if ((id == SIM_HOST_CLOCK_MONO && delta_ns < 0) || after > CLOCK_MAX_NS ||
        after < -CLOCK_MAX_NS) {
        return ORR_INVALID;
    }
    rebase(piece, virtual_ns);
    piece->base_ns = (int64_t)after;
    return ORR_OK;
}

int64_t
sim_clock_wall_error_ns(const SimHostClock *clock, OrrTime virtual_ns)
{
    return shows_ns(&clock->piece[SIM_HOST_CLOCK_WALL], virtual_ns) -
           SIM_CLOCK_EPOCH_MS * ORR_NS_PER_MS - virtual_ns;
}
