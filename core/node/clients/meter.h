/* meter.h - how often commands ran and how long they took, by the host's stopwatch. Private.
 *
 *     begin -- GET SET GET -- KEYS * -- GET -- end      one step with a pipeline of commands
 *       |______ 3 together ____|  alone  |______|
 *
 * A costly command is timed alone; cheap ones in a row are timed together, and each is given an
 * equal part: two readings of the clock for a whole pipeline. With a slow-log threshold below
 * ORR_METER_PRECISE_NS every command is timed alone. Without a stopwatch all durations are 0.
 */
#ifndef ORR_NODE_METER_H
#define ORR_NODE_METER_H

#include "node/commands/command.h"

#include <orrery/probe.h>

typedef struct OrrMeter OrrMeter;

#define ORR_METER_PRECISE_NS INT64_C(1000000)
#define ORR_METER_ERRORS_MAX 128u /* codes that are told apart */

/* What one command came to: for the slow log and for latency events. */
typedef struct OrrMeterSpan {
    uint64_t duration_ns;
    bool alone; /* it is this command's own */
} OrrMeterSpan;

OrrMeter *orr_meter_new(void);
void orr_meter_free(OrrMeter *meter);
void orr_meter_reset(OrrMeter *meter);
void orr_meter_set_probe(OrrMeter *meter, const OrrHostProbe *probe);
const OrrHostProbe *orr_meter_probe(const OrrMeter *meter);

/* Around all commands of a step. */
void orr_meter_begin(OrrMeter *meter);
void orr_meter_end(OrrMeter *meter);
/* Around one; `alone` forces a reading of its own. Spans nest: EXEC and what it runs. */
void orr_meter_enter(OrrMeter *meter, const OrrCommand *command, bool alone);
OrrMeterSpan orr_meter_leave(OrrMeter *meter, const OrrCommand *command, uint64_t extra_ns);

void orr_meter_rejected(OrrMeter *meter, const OrrCommand *command);
void orr_meter_failed(OrrMeter *meter, const OrrCommand *command);
/* Counts a reply "-CODE text". */
void orr_meter_error(OrrMeter *meter, OrrBytes reply);

typedef struct OrrMeterRow {
    uint64_t calls;
    uint64_t duration_ns;
    uint64_t rejected;
    uint64_t failed;
    uint32_t *buckets; /* ORR_METER_BUCKETS; NULL: never called */
} OrrMeterRow;

#define ORR_METER_OCTAVE 16u /* buckets of one power of two */
#define ORR_METER_LOW 8u     /* 2^8 ns and below: the first bucket */
#define ORR_METER_HIGH 38u   /* 2^38 ns and above: the last */
#define ORR_METER_BUCKETS ((ORR_METER_HIGH - ORR_METER_LOW) * ORR_METER_OCTAVE)

/* The row of a command's number; lent. */
const OrrMeterRow *orr_meter_row(const OrrMeter *meter, size_t id);
/* The greatest duration that a bucket counts, ns. */
uint64_t orr_meter_bucket_ns(size_t bucket);
/* The duration that `per_mille` of the calls did not exceed, ns; 0 without calls. */
uint64_t orr_meter_quantile(const OrrMeterRow *row, unsigned per_mille);

size_t orr_meter_error_count(const OrrMeter *meter);
/* In order of codes; index < count. */
const char *orr_meter_error_at(const OrrMeter *meter, size_t index, uint64_t *count);

#endif
