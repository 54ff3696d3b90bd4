/* quantity.h - numbers with units, as people write them, read exactly into integers.
 *
 *     duration  5s  300ms  2h  1m30s  -3d  0         ns
 *     size      10MB  512KiB  100B  1GB              bytes; kB, MB, GB are powers of 1000
 *     rate      2000/s  1/min  30/h                  events per 1,000,000 s
 *     bandwidth 1Gbit  100Mbit  5MB/s                bytes per second
 *     percent   99%  0.5%                            parts per million
 *     ratio     0.99  1.25                           parts per million
 *     factor    x20  20x                             parts per million
 *     ppm       400ppm  -50ppm                       parts per million
 *     count     10000  10_000  16k  2M               itself; k, M are powers of 1000
 *
 * A reader returns true and the number, or false and why not, in words that follow the text
 * ("has no unit; durations are written 300ms, 5s, 2h"), owned by the caller. Nothing is rounded
 * but what is finer than the integer, towards zero; what does not fit 64 bits is refused.
 */
#ifndef CONFIG_QUANTITY_H
#define CONFIG_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ConfigQuantity {
    CONFIG_DURATION,
    CONFIG_SIZE,
    CONFIG_RATE,
    CONFIG_BANDWIDTH,
    CONFIG_PERCENT,
    CONFIG_RATIO,
    CONFIG_FACTOR,
    CONFIG_PPM,
    CONFIG_COUNT,
    CONFIG_QUANTITIES,
} ConfigQuantity;

bool config_quantity_read(ConfigQuantity quantity, const char *text, int64_t *value,
                          char **why);
/* "a duration" */
const char *config_quantity_name(ConfigQuantity quantity);
/* "300ms, 5s, 2h" */
const char *config_quantity_examples(ConfigQuantity quantity);
/* The shortest way to write it that reads back as the same number; owned by the caller. */
char *config_quantity_format(ConfigQuantity quantity, int64_t value);

#endif
