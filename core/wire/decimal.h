/* decimal.h - decimal integers as RESP writes them; private to the core. */
#ifndef ORR_WIRE_DECIMAL_H
#define ORR_WIRE_DECIMAL_H

#include <orrery/types.h>

#define ORR_DECIMAL_SIZE_MAX 20u /* bytes: "-9223372036854775808" */

/* Reads all of `text`. Strict, as Redis's string2ll: no sign but '-', no leading zeros, no
 * spaces, no "-0". False if it is anything else or beyond 64 bits. */
static inline bool
orr_decimal_read(OrrBytes text, int64_t *value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t first = negative ? 1 : 0;
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1u : 0u);
    uint64_t sum = 0;

    if (first == text.size || (text.data[first] == '0' && text.size > 1)) {
        return false;
    }
    for (size_t i = first; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';

        if (digit > 9 || sum > (limit - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

/* Writes `value` to `buffer`, ORR_DECIMAL_SIZE_MAX bytes, without a NUL; returns how many. */
static inline size_t
orr_decimal_write(int64_t value, uint8_t *buffer)
{
    uint8_t digits[ORR_DECIMAL_SIZE_MAX];
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t at = sizeof digits;

    do {
        digits[--at] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    memcpy(buffer, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

#endif
