/* decimal.h - decimal numbers for INCRBYFLOAT and HINCRBYFLOAT: exact, and the same everywhere.
 *
 * Redis computes these with the C type long double and prints 17 decimals; what that is differs
 * between machines and knows the locale. Here a number is a row of decimal digits, 17 of them
 * behind the point, so that 0.1 + 0.2 is 0.3, and a sum is the same on a primary and wherever
 * it is computed again. Where long double has digits enough the results are those of Redis.
 */
#ifndef ORR_NODE_DECIMAL_H
#define ORR_NODE_DECIMAL_H

#include <orrery/types.h>

#define ORR_DECIMAL_PLACES 17u    /* behind the point; what is beyond is rounded */
#define ORR_DECIMAL_INTEGER 4933u /* digits before the point; more is infinite */
#define ORR_DECIMAL_DIGITS (ORR_DECIMAL_PLACES + ORR_DECIMAL_INTEGER)
#define ORR_DECIMAL_TEXT_SIZE (ORR_DECIMAL_DIGITS + 8u)

typedef struct OrrDecimal {
    bool negative;
    bool infinite;
    size_t count;                           /* digits in use, the highest is not 0 */
    uint8_t digits[ORR_DECIMAL_DIGITS + 1]; /* digits[0] stands for 10^-17 */
} OrrDecimal;

/* Reads "-12.5", "3e4", ".5", "inf", "infinity"; no spaces, not "nan", no hexadecimal. False:
 * it is none. */
bool orr_decimal_parse(OrrBytes text, OrrDecimal *number);
/* number += other. False: the result is infinite or undefined. */
bool orr_decimal_add(OrrDecimal *number, const OrrDecimal *other);
/* Without trailing zeros, and without a point that nothing follows. `text` has room for
 * ORR_DECIMAL_TEXT_SIZE; returns the length. Not for infinite numbers. */
size_t orr_decimal_format(const OrrDecimal *number, char *text);

#endif
