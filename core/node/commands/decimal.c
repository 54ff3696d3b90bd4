#include "node/commands/decimal.h"

#include <glib.h>

#define EXPONENT_MAX 100000 /* beyond it a number is 0 or infinite whatever its digits */

static bool
word_is(OrrBytes text, const char *word)
{
    return text.size == strlen(word) &&
           g_ascii_strncasecmp((const char *)text.data, word, text.size) == 0;
}

static void
clear(OrrDecimal *number)
{
    number->negative = false;
    number->infinite = false;
    number->count = 0;
}

static void
trim(OrrDecimal *number)
{
    while (number->count > 0 && number->digits[number->count - 1] == 0) {
        number->count--;
    }
}

/* The digit that stands for 10^`power`; those beyond the highest are 0. */
static void
set_digit(OrrDecimal *number, int64_t power, uint8_t digit)
{
    int64_t place = power + (int64_t)ORR_DECIMAL_PLACES;

    if (place < 0 || digit == 0) {
        return;
    }
    if (place >= (int64_t)ORR_DECIMAL_DIGITS) {
        number->infinite = true;
        return;
    }
    if ((size_t)place >= number->count) {
        memset(number->digits + number->count, 0, (size_t)place + 1 - number->count);
        number->count = (size_t)place + 1;
    }
    number->digits[place] = digit;
}

/* One more in the last place: what was cut off was a half or more. */
static void
round_up(OrrDecimal *number)
{
    size_t i = 0;

    for (; i < number->count && number->digits[i] == 9; i++) {
        number->digits[i] = 0;
    }
    if (i == number->count) {
        number->digits[number->count++] = 0;
        number->infinite = number->count > ORR_DECIMAL_DIGITS;
    }
    number->digits[i]++;
}

/* "digits[.digits]" split into its parts. */
typedef struct Parts {
    OrrBytes before;
    OrrBytes after; /* the point */
    int64_t exponent;
} Parts;

static OrrBytes
take_digits(OrrBytes *rest)
{
    size_t size = 0;

    while (size < rest->size && g_ascii_isdigit((char)rest->data[size])) {
        size++;
    }

    OrrBytes digits = orr_bytes(rest->data, size);

    *rest = orr_bytes(rest->data + size, rest->size - size);
    return digits;
}

/* "e+5" or nothing; false: something else. */
static bool
read_exponent(OrrBytes rest, int64_t *exponent)
{
    bool negative = false;

    *exponent = 0;
    if (rest.size == 0) {
        return true;
    }
    if (rest.data[0] != 'e' && rest.data[0] != 'E') {
        return false;
    }
    rest = orr_bytes(rest.data + 1, rest.size - 1);
    if (rest.size > 0 && (rest.data[0] == '-' || rest.data[0] == '+')) {
        negative = rest.data[0] == '-';
        rest = orr_bytes(rest.data + 1, rest.size - 1);
    }

    OrrBytes digits = take_digits(&rest);

    for (size_t i = 0; i < digits.size; i++) {
        *exponent = MIN(*exponent * 10 + (digits.data[i] - '0'), EXPONENT_MAX);
    }
    *exponent = negative ? -*exponent : *exponent;
    return digits.size > 0 && rest.size == 0;
}

static bool
read_parts(OrrBytes text, Parts *parts)
{
    parts->before = take_digits(&text);
    parts->after = ORR_BYTES_EMPTY;
    if (text.size > 0 && text.data[0] == '.') {
        text = orr_bytes(text.data + 1, text.size - 1);
        parts->after = take_digits(&text);
    }
    return parts->before.size + parts->after.size > 0 && read_exponent(text, &parts->exponent);
}

bool
orr_decimal_parse(OrrBytes text, OrrDecimal *number)
{
    Parts parts;
    bool negative = false;
    uint8_t cut_off = 0; /* the first digit behind the last place */

    clear(number);
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        negative = text.data[0] == '-';
        text = orr_bytes(text.data + 1, text.size - 1);
    }
    if (word_is(text, "inf") || word_is(text, "infinity")) {
        number->infinite = true;
        number->negative = negative;
        return true;
    }
    if (!read_parts(text, &parts)) {
        return false;
    }
    for (size_t i = 0; i < parts.before.size + parts.after.size; i++) {
        bool before = i < parts.before.size;
        uint8_t c = before ? parts.before.data[i] : parts.after.data[i - parts.before.size];
        int64_t power = (int64_t)parts.before.size - 1 - (int64_t)i + parts.exponent;

        set_digit(number, power, (uint8_t)(c - '0'));
        if (power == -(int64_t)ORR_DECIMAL_PLACES - 1) {
            cut_off = (uint8_t)(c - '0');
        }
    }
    if (cut_off >= 5) {
        round_up(number);
    }
    number->negative = negative && number->count > 0;
    return true;
}

static int
compare_sizes(const OrrDecimal *a, const OrrDecimal *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i-- > 0;) {
        if (a->digits[i] != b->digits[i]) {
            return a->digits[i] < b->digits[i] ? -1 : 1;
        }
    }
    return 0;
}

static int
digit_at(const OrrDecimal *number, size_t i)
{
    return i < number->count ? number->digits[i] : 0;
}

static void
add_sizes(OrrDecimal *number, const OrrDecimal *other)
{
    size_t count = MAX(number->count, other->count);
    int carry = 0;

    for (size_t i = 0; i < count; i++) {
        int sum = digit_at(number, i) + digit_at(other, i) + carry;

        number->digits[i] = (uint8_t)(sum % 10);
        number->count = MAX(number->count, i + 1);
        carry = sum / 10;
    }
    if (carry > 0) {
        number->digits[count] = 1;
        number->count = count + 1;
        number->infinite = number->count > ORR_DECIMAL_DIGITS;
    }
}

/* number = larger - smaller, where number is one of the two. */
static void
subtract_sizes(OrrDecimal *number, const OrrDecimal *larger, const OrrDecimal *smaller)
{
    size_t count = larger->count;
    int borrow = 0;

    for (size_t i = 0; i < count; i++) {
        int difference = digit_at(larger, i) - digit_at(smaller, i) - borrow;

        borrow = difference < 0;
        number->digits[i] = (uint8_t)(difference + 10 * borrow);
        number->count = MAX(number->count, i + 1);
    }
    trim(number);
}

bool
orr_decimal_add(OrrDecimal *number, const OrrDecimal *other)
{
    if (number->infinite || other->infinite) {
        return false;
    }
    if (number->negative == other->negative) {
        add_sizes(number, other);
    } else if (compare_sizes(number, other) >= 0) {
        subtract_sizes(number, number, other);
    } else {
        number->negative = other->negative;
        subtract_sizes(number, other, number);
    }
    number->negative = number->negative && number->count > 0;
    return !number->infinite;
}

size_t
orr_decimal_format(const OrrDecimal *number, char *text)
{
    size_t size = 0;
    size_t last = 0; /* lowest digit that is not 0 */

    if (number->negative) {
        text[size++] = '-';
    }
    if (number->count <= ORR_DECIMAL_PLACES) {
        text[size++] = '0';
    }
    for (size_t i = number->count; i-- > ORR_DECIMAL_PLACES;) {
        text[size++] = (char)('0' + number->digits[i]);
    }
    while (last < ORR_DECIMAL_PLACES && digit_at(number, last) == 0) {
        last++;
    }
    if (last < ORR_DECIMAL_PLACES) {
        text[size++] = '.';
    }
    for (size_t i = ORR_DECIMAL_PLACES; i-- > last;) {
        text[size++] = (char)('0' + digit_at(number, i));
    }
    return size;
}
