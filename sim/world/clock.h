/* clock.h - what one node's two clocks show at a moment of virtual time.
 *
 *     virtual time --> monotonic: start of this boot + elapsed x (1 + drift)   OrrNow.mono_ns
 *                  `-> wall:      offset + steps     + elapsed x (1 + drift)   OrrNow.wall_ms
 *
 * Both are piecewise linear in virtual time, computed in integers, with a drift in parts per
 * billion (400 ppm = 400,000; a clock at double speed = 1,000,000,000). The monotonic clock
 * never goes back within a boot and begins each boot at a start of its own; the wall clock
 * goes wherever it is stepped.
 *
 * Memory: a plain value without pointers. Threads: one user at a time.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <orrery/rng.h>

typedef enum SimHostClockId {
    SIM_HOST_CLOCK_MONO,
    SIM_HOST_CLOCK_WALL,
} SimHostClockId;
#define SIM_CLOCKS 2u

#define SIM_CLOCK_DRIFT_MIN_PPB (-INT64_C(999000000))  /* a thousandth of real speed */
#define SIM_CLOCK_DRIFT_MAX_PPB INT64_C(1000000000000) /* a thousand times real speed */
#define SIM_CLOCK_EPOCH_MS INT64_C(1577836800000) /* virtual time 0 is 2020-01-01 00:00 UTC */

/* One linear piece: shows base_ns at from_ns and `ppb` more than real speed after. */
typedef struct SimClockPiece {
    OrrTime from_ns; /* virtual */
    int64_t base_ns;
    int64_t drift_ppb;
} SimClockPiece;

typedef struct SimHostClock {
    SimClockPiece piece[SIM_CLOCKS];
} SimHostClock;

/* A clock without drift or offset: wall SIM_CLOCK_EPOCH_MS, monotonic 0, at virtual time 0. */
SimHostClock sim_clock_new(void);

/* The node boots: the monotonic clock starts anew, between 1 s and 30 days, drawn from `rng`
 * (one draw). Its drift stays; the wall clock goes on. */
void sim_clock_boot(SimHostClock *clock, OrrTime virtual_ns, OrrRng *rng);

/* What the node sees. `virtual_ns` does not go back below the last change of this clock. */
OrrNow sim_clock_now(const SimHostClock *clock, OrrTime virtual_ns);

/* The first moment at which the monotonic clock shows `mono_ns` or more: virtual_ns itself when
 * it does already, ORR_NEVER for ORR_NEVER or when it lies beyond the end of time. */
OrrTime sim_clock_virtual_of_mono(const SimHostClock *clock, OrrTime virtual_ns,
                                  OrrTime mono_ns);

/* From now on at another speed. ORR_OK, or ORR_INVALID outside MIN to MAX: nothing changed.
 * What the clock shows at virtual_ns stays the same. A deadline planned with the function
 * above is to be planned again. */
ORR_MUST_USE OrrStatus sim_clock_set_drift(SimHostClock *clock, SimHostClockId id,
                                           OrrTime virtual_ns, int64_t drift_ppb);

/* Jumps by `delta_ns`. ORR_OK, or ORR_INVALID: the monotonic clock does not go back, neither
 * clock leaves +-2^61 ns; nothing changed. */
ORR_MUST_USE OrrStatus sim_clock_step(SimHostClock *clock, SimHostClockId id,
                                      OrrTime virtual_ns, int64_t delta_ns);

/* How far the wall clock is ahead of the right time, ns; negative: behind. */
int64_t sim_clock_wall_error_ns(const SimHostClock *clock, OrrTime virtual_ns);

#endif
