#include "node/clients/meter.h"

#include <glib.h>

#define PENDING_MAX 64u
#define CODE_MAX 31u

typedef struct ErrorCount {
    char code[CODE_MAX + 1];
    uint64_t count;
} ErrorCount;

struct OrrMeter {
    OrrHostProbe probe;
    OrrMeterRow *rows; /* of all numbers */
    uint64_t since_ns; /* where the present run of cheap commands began */
    uint64_t alone_ns; /* where the command that is timed alone began */
    size_t pending[PENDING_MAX];
    size_t pending_count;
    unsigned depth;
    bool alone;
    ErrorCount errors[ORR_METER_ERRORS_MAX];
    size_t error_count;
};

OrrMeter *
orr_meter_new(void)
{
    OrrMeter *meter = g_new0(OrrMeter, 1);

    meter->rows = g_new0(OrrMeterRow, orr_command_id_count());
    return meter;
}

void
orr_meter_free(OrrMeter *meter)
{
    if (meter != NULL) {
        orr_meter_reset(meter);
        g_free(meter->rows);
        g_free(meter);
    }
}

void
orr_meter_reset(OrrMeter *meter)
{
    for (size_t i = 0; i < orr_command_id_count(); i++) {
        g_free(meter->rows[i].buckets);
        meter->rows[i] = (OrrMeterRow){.calls = 0};
    }
    meter->error_count = 0;
}

void
orr_meter_set_probe(OrrMeter *meter, const OrrHostProbe *probe)
{
    meter->probe = probe == NULL ? (OrrHostProbe){.user = NULL} : *probe;
}

const OrrHostProbe *
orr_meter_probe(const OrrMeter *meter)
{
    return &meter->probe;
}

static uint64_t
read_clock(const OrrMeter *meter)
{
    return meter->probe.stopwatch_ns == NULL ? 0 : meter->probe.stopwatch_ns(meter->probe.user);
}

/* Buckets */

static size_t
bucket_of(uint64_t duration_ns)
{
    if (duration_ns < UINT64_C(1) << ORR_METER_LOW) {
        return 0;
    }

    unsigned exponent = 63u - (unsigned)__builtin_clzll(duration_ns);
    size_t part = (size_t)(duration_ns >> (exponent - 4)) & (ORR_METER_OCTAVE - 1);

    return exponent >= ORR_METER_HIGH ? ORR_METER_BUCKETS - 1
                                      : (exponent - ORR_METER_LOW) * ORR_METER_OCTAVE + part;
}

uint64_t
orr_meter_bucket_ns(size_t bucket)
{
    size_t exponent = ORR_METER_LOW + bucket / ORR_METER_OCTAVE;
    uint64_t part = bucket % ORR_METER_OCTAVE;

    return ((ORR_METER_OCTAVE + part + 1) << (exponent - 4)) - 1;
}

uint64_t
orr_meter_quantile(const OrrMeterRow *row, unsigned per_mille)
{
    uint64_t wanted = (row->calls * per_mille + 999) / 1000;
    uint64_t seen = 0;

    for (size_t i = 0; row->buckets != NULL && i < ORR_METER_BUCKETS; i++) {
        seen += row->buckets[i];
        if (seen >= wanted && seen > 0) {
            return orr_meter_bucket_ns(i);
        }
    }
    return 0;
}

static void
count(OrrMeter *meter, size_t id, uint64_t duration_ns)
{
    OrrMeterRow *row = &meter->rows[id];

    if (row->buckets == NULL) {
        row->buckets = g_new0(uint32_t, ORR_METER_BUCKETS);
    }
    row->calls++;
    row->duration_ns += duration_ns;
    row->buckets[bucket_of(duration_ns)]++;
}

/* Timing */

static void
settle(OrrMeter *meter, uint64_t now_ns)
{
    uint64_t part =
        meter->pending_count == 0 ? 0 : (now_ns - meter->since_ns) / meter->pending_count;

    for (size_t i = 0; i < meter->pending_count; i++) {
        count(meter, meter->pending[i], part);
    }
    meter->pending_count = 0;
    meter->since_ns = now_ns;
}

void
orr_meter_begin(OrrMeter *meter)
{
    meter->since_ns = read_clock(meter);
    meter->pending_count = 0;
    meter->depth = 0;
}

void
orr_meter_end(OrrMeter *meter)
{
    if (meter->pending_count > 0) {
        settle(meter, read_clock(meter));
    }
}

/* Quick by their flags, or by the nature of a single key. */
static bool
is_cheap(const OrrCommand *command)
{
    return (command->flags & ORR_COMMAND_FAST) != 0 ||
           (command->group == ORR_GROUP_STRING && command->last_key == 1);
}

void
orr_meter_enter(OrrMeter *meter, const OrrCommand *command, bool alone)
{
    if (meter->depth++ > 0) {
        return; /* inside of another: that one is timed */
    }
    meter->alone = alone || !is_cheap(command);
    if (meter->alone) {
        meter->alone_ns = meter->pending_count > 0 ? read_clock(meter) : meter->since_ns;
        settle(meter, meter->alone_ns);
    }
}

OrrMeterSpan
orr_meter_leave(OrrMeter *meter, const OrrCommand *command, uint64_t extra_ns)
{
    OrrMeterSpan span = {.alone = false};

    if (--meter->depth > 0) {
        count(meter, orr_command_id(command), 0);
        return span;
    }
    if (meter->alone) {
        uint64_t now_ns = read_clock(meter);

        span.alone = true;
        span.duration_ns = now_ns - meter->alone_ns + extra_ns;
        count(meter, orr_command_id(command), span.duration_ns);
        meter->since_ns = now_ns;
        return span;
    }
    meter->pending[meter->pending_count++] = orr_command_id(command);
    if (meter->pending_count == PENDING_MAX) {
        settle(meter, read_clock(meter));
    }
    return span;
}

void
orr_meter_rejected(OrrMeter *meter, const OrrCommand *command)
{
    meter->rows[orr_command_id(command)].rejected++;
}

void
orr_meter_failed(OrrMeter *meter, const OrrCommand *command)
{
    meter->rows[orr_command_id(command)].failed++;
}

const OrrMeterRow *
orr_meter_row(const OrrMeter *meter, size_t id)
{
    return &meter->rows[id];
}

/* Errors */

void
orr_meter_error(OrrMeter *meter, OrrBytes reply)
{
    char code[CODE_MAX + 1];
    size_t size = 0;
    size_t at = 0;
    int order = 1;

    while (size < CODE_MAX && size + 1 < reply.size && reply.data[size + 1] > ' ') {
        code[size] = (char)reply.data[size + 1];
        size++;
    }
    code[size] = '\0';
    while (at < meter->error_count && (order = strcmp(meter->errors[at].code, code)) < 0) {
        at++;
    }
    if (at < meter->error_count && order == 0) {
        meter->errors[at].count++;
        return;
    }
    if (meter->error_count == ORR_METER_ERRORS_MAX) {
        return; /* so many codes there are not */
    }
    memmove(&meter->errors[at + 1], &meter->errors[at],
            (meter->error_count - at) * sizeof meter->errors[0]);
    meter->error_count++;
    memcpy(meter->errors[at].code, code, sizeof code);
    meter->errors[at].count = 1;
}

size_t
orr_meter_error_count(const OrrMeter *meter)
{
    return meter->error_count;
}

const char *
orr_meter_error_at(const OrrMeter *meter, size_t index, uint64_t *count_out)
{
    *count_out = meter->errors[index].count;
    return meter->errors[index].code;
}
