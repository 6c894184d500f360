#include "accrued/money.h"

#include "accrued/require.h"

#include <assert.h>

#define POWER_MAX 38
#define DIGIT_COUNT_MAX 40
/* Exponents beyond this are saturated. No text has as many digits, so the value is 0 or
 * overflows whatever they are. */
#define EXPONENT_MAX (INT64_C(1) << 48)

#define E9 ((int128)1000000000)
#define NINE_POWERS(first)                                                                         \
    (first), (first)*10, (first)*100, (first)*1000, (first)*10000, (first)*100000,                 \
        (first)*1000000, (first)*10000000, (first)*100000000

/* Looked up, as every amount of every line is held against one of them. */
static const int128 powers_of_ten[POWER_MAX + 1] = {
    NINE_POWERS((int128)1), NINE_POWERS(E9),     NINE_POWERS(E9 *E9),  NINE_POWERS(E9 *E9 *E9),
    E9 *E9 *E9 *E9,         E9 *E9 *E9 *E9 * 10, E9 *E9 *E9 *E9 * 100,
};

int128 decimal_power_of_ten(unsigned exponent) {
    REQUIRE(exponent <= POWER_MAX);
    return powers_of_ten[exponent];
}

bool decimal_fits(int128 units) {
    const int128 limit = powers_of_ten[DECIMAL_PRECISION];
    return -limit < units && units < limit;
}

/* Rounds `magnitude / divisor` half-even. */
static uint128 divide_half_even(uint128 magnitude, uint128 divisor) {
    uint128 quotient = magnitude / divisor;
    uint128 rest = magnitude - quotient * divisor; /* a second division costs ten times as much */
    uint128 half = divisor / 2;                    /* divisor is 1 or even */
    if (rest > half || (rest == half && divisor > 1 && (quotient & 1) == 1)) {
        quotient++;
    }
    return quotient;
}

/* What the grammar says: digits and where their decimal point is. */
struct decimal_literal {
    struct text whole;
    struct text fraction;
    int64_t exponent;
    bool is_negative;
};

static size_t span_digits(struct text text, size_t from) {
    size_t at = from;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9') {
        at++;
    }
    return at - from;
}

static bool scan_exponent(struct text text, size_t at, int64_t *ret_exponent) {
    bool negative = at < text.size && text.data[at] == '-';
    if (at < text.size && (text.data[at] == '-' || text.data[at] == '+')) {
        at++;
    }
    size_t count = span_digits(text, at);
    if (count == 0 || at + count != text.size) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = at; i < text.size; i++) {
        value = value * 10 + (text.data[i] - '0');
        value = value > EXPONENT_MAX ? EXPONENT_MAX : value;
    }
    *ret_exponent = negative ? -value : value;
    return true;
}

/* [+-]digits[.digits][e[+-]digits] and nothing else. */
static bool scan_literal(struct text text, struct decimal_literal *ret) {
    size_t at = 0;
    struct decimal_literal literal = {0};
    if (text.size > 0 && (text.data[0] == '+' || text.data[0] == '-')) {
        literal.is_negative = text.data[0] == '-';
        at = 1;
    }
    literal.whole = (struct text){text.data + at, span_digits(text, at)};
    if (literal.whole.size == 0) {
        return false;
    }
    at += literal.whole.size;
    if (at < text.size && text.data[at] == '.') {
        at++;
        literal.fraction = (struct text){text.data + at, span_digits(text, at)};
        if (literal.fraction.size == 0) {
            return false;
        }
        at += literal.fraction.size;
    }
    if (at < text.size) {
        if (text.data[at] != 'e' && text.data[at] != 'E') {
            return false;
        }
        if (!scan_exponent(text, at + 1, &literal.exponent)) {
            return false;
        }
    }
    *ret = literal;
    return true;
}

/* Digit i of whole and fraction put together. */
static unsigned literal_digit(const struct decimal_literal *literal, size_t i) {
    const struct text *part = &literal->whole;
    if (i >= part->size) {
        i -= part->size;
        part = &literal->fraction;
    }
    return (unsigned)(part->data[i] - '0');
}

/* Takes the digits up to the scale's last decimal, then looks at the rest for the rounding. */
static enum decimal_result literal_to_units(const struct decimal_literal *literal, unsigned scale,
                                            bool must_be_exact, int128 *ret_units) {
    size_t count = literal->whole.size + literal->fraction.size;
    /* How many leading digits stand at or above 10^-scale. */
    int64_t kept = (int64_t)literal->whole.size + literal->exponent + scale;
    uint128 magnitude = 0;
    uint128 limit = (uint128)decimal_power_of_ten(DECIMAL_PRECISION);
    for (int64_t i = 0; i < kept; i++) {
        bool has_digit = i < (int64_t)count;
        if (!has_digit && magnitude == 0) {
            break;
        }
        magnitude = magnitude * 10 + (has_digit ? literal_digit(literal, (size_t)i) : 0);
        if (magnitude >= limit) {
            return DECIMAL_OVERFLOW;
        }
    }
    /* The rest: first dropped digit, and whether anything stands behind it. */
    unsigned first = 0;
    bool more = false;
    for (int64_t i = kept > 0 ? kept : 0; i < (int64_t)count; i++) {
        unsigned digit = literal_digit(literal, (size_t)i);
        if (i == kept) {
            first = digit;
        } else {
            more = more || digit != 0;
        }
    }
    if (must_be_exact && (first != 0 || more)) {
        return DECIMAL_INEXACT;
    }
    if (first > 5 || (first == 5 && (more || (magnitude & 1) == 1))) {
        magnitude++;
    }
    if (magnitude >= limit) {
        return DECIMAL_OVERFLOW;
    }
    *ret_units = literal->is_negative ? -(int128)magnitude : (int128)magnitude;
    return DECIMAL_OK;
}

enum decimal_result decimal_parse(struct text text, unsigned scale, int128 *ret_units) {
    struct decimal_literal literal;
    if (!scan_literal(text, &literal)) {
        return DECIMAL_MALFORMED;
    }
    return literal_to_units(&literal, scale, false, ret_units);
}

enum decimal_result decimal_parse_exact(struct text text, unsigned scale, int128 *ret_units) {
    struct decimal_literal literal;
    if (!scan_literal(text, &literal)) {
        return DECIMAL_MALFORMED;
    }
    return literal_to_units(&literal, scale, true, ret_units);
}

bool decimal_rescale(int128 units, unsigned from_scale, unsigned to_scale, int128 *ret_units) {
    uint128 magnitude = units < 0 ? (uint128)0 - (uint128)units : (uint128)units;
    if (from_scale > to_scale) {
        unsigned narrower = from_scale - to_scale;
        /* Beyond 10^38 even the largest 127-bit value (1.7 × 10^38) rounds to 0, or, just past
         * it, to less than half a unit. */
        magnitude = narrower > POWER_MAX
                        ? 0
                        : divide_half_even(magnitude, (uint128)decimal_power_of_ten(narrower));
    } else {
        unsigned wider = to_scale - from_scale;
        if (magnitude != 0 && (wider > DECIMAL_PRECISION ||
                               magnitude >= (uint128)powers_of_ten[DECIMAL_PRECISION - wider])) {
            return false;
        }
        magnitude *= magnitude == 0 ? 0 : (uint128)powers_of_ten[wider];
    }
    if (magnitude >= (uint128)decimal_power_of_ten(DECIMAL_PRECISION)) {
        return false;
    }
    *ret_units = units < 0 ? -(int128)magnitude : (int128)magnitude;
    return true;
}

size_t decimal_format(int128 units, unsigned scale, char to[DECIMAL_TEXT_SIZE]) {
    REQUIRE(scale < DIGIT_COUNT_MAX);
    uint128 magnitude = units < 0 ? (uint128)0 - (uint128)units : (uint128)units;
    char reversed[DIGIT_COUNT_MAX + 2];
    size_t count = 0;
    while (magnitude > 0 || count <= scale) {
        reversed[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    }
    size_t skipped = 0;
    while (skipped < scale && reversed[skipped] == '0') {
        skipped++;
    }
    size_t size = 0;
    if (units < 0) {
        to[size++] = '-';
    }
    for (size_t i = count; i-- > skipped;) {
        to[size++] = reversed[i];
        if (i == scale && skipped < scale) {
            to[size++] = '.';
        }
    }
    to[size] = '\0';
    REQUIRE(size < DECIMAL_TEXT_SIZE);
    return size;
}

/* The same for what fits into 64 bits: all but the rarest amounts. */
static size_t small_to_bytes(int64_t units, uint8_t to[DECIMAL_BYTES_MAX]) {
    uint64_t magnitude = (uint64_t)(units < 0 ? ~units : units);
    size_t bits = magnitude == 0 ? 1 : (size_t)(65 - __builtin_clzll(magnitude)); /* and a sign */
    size_t size = (bits + 7) / 8;
    uint64_t big_endian = __builtin_bswap64((uint64_t)units << (64 - 8 * size));
    memcpy(to, &big_endian, sizeof big_endian);
    return size;
}

size_t decimal_to_bytes(int128 units, uint8_t to[DECIMAL_BYTES_MAX]) {
    if (units >= INT64_MIN && units <= INT64_MAX) {
        return small_to_bytes((int64_t)units, to);
    }
    uint8_t bytes[DECIMAL_BYTES_MAX];
    for (size_t i = 0; i < DECIMAL_BYTES_MAX; i++) {
        bytes[DECIMAL_BYTES_MAX - 1 - i] = (uint8_t)((uint128)units >> (8 * i));
    }
    uint8_t sign = units < 0 ? 0xFF : 0x00;
    size_t skipped = 0;
    while (skipped + 1 < DECIMAL_BYTES_MAX && bytes[skipped] == sign &&
           (bytes[skipped + 1] & 0x80) == (sign & 0x80)) {
        skipped++;
    }
    memcpy(to, bytes + skipped, DECIMAL_BYTES_MAX - skipped);
    return DECIMAL_BYTES_MAX - skipped;
}

static inline uint32_t four_bytes(const uint8_t *data) {
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

/* Of four to eight bytes, which nearly all amounts have: the first four and the last four, and what
 * they share is the same. */
static inline int64_t small_from_bytes(const uint8_t *data, size_t size) {
    size_t shift = 8 * (size - 4);
    uint64_t word = (uint64_t)four_bytes(data) << shift | four_bytes(data + size - 4);
    return (int64_t)(word << (32 - shift)) >> (32 - shift);
}

bool decimal_from_bytes(const uint8_t *data, size_t size, int128 *ret_units) {
    if (size >= 4 && size <= 8) {
        *ret_units = small_from_bytes(data, size);
        return true;
    }
    if (size == 0) {
        return false;
    }
    uint8_t sign = (data[0] & 0x80) != 0 ? 0xFF : 0x00;
    while (size > 1 && data[0] == sign && (data[1] & 0x80) == (sign & 0x80)) {
        data++;
        size--;
    }
    if (size > DECIMAL_BYTES_MAX) {
        return false;
    }
    uint128 value = sign == 0xFF ? ~(uint128)0 : 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | data[i];
    }
    *ret_units = (int128)value;
    return true;
}

/* Magnitudes beyond 128 bits, least significant limb first. */
#define WIDE_LIMB_COUNT 16
#define WIDE_SIZE_MAX (WIDE_LIMB_COUNT * sizeof(uint32_t))

/* Divides in place; returns the rest. */
static uint32_t wide_divide(uint32_t limbs[WIDE_LIMB_COUNT], uint32_t divisor) {
    uint64_t rest = 0;
    for (size_t i = WIDE_LIMB_COUNT; i-- > 0;) {
        rest = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

/* Two's complement, big-endian, 1 to WIDE_SIZE_MAX bytes. */
static void wide_magnitude(const uint8_t *data, size_t size, uint32_t limbs[WIDE_LIMB_COUNT]) {
    bool is_negative = (data[0] & 0x80) != 0;
    unsigned carry = is_negative ? 1 : 0;
    memset(limbs, 0, WIDE_LIMB_COUNT * sizeof limbs[0]);
    for (size_t i = 0; i < size; i++) {
        unsigned byte = data[size - 1 - i];
        byte = (is_negative ? byte ^ 0xFF : byte) + carry;
        carry = byte >> 8;
        limbs[i / 4] |= (uint32_t)(byte & 0xFF) << (8 * (i % 4));
    }
}

bool decimal_from_bytes_rescaled(const uint8_t *data, size_t size, unsigned from_scale,
                                 unsigned to_scale, int128 *ret_units) {
    int128 units = 0;
    if (decimal_from_bytes(data, size, &units)) {
        if (from_scale != to_scale || !decimal_fits(units)) {
            return decimal_rescale(units, from_scale, to_scale, ret_units);
        }
        *ret_units = units;
        return true;
    }
    if (size == 0 || size > WIDE_SIZE_MAX || from_scale <= to_scale) {
        return false;
    }
    uint32_t limbs[WIDE_LIMB_COUNT];
    wide_magnitude(data, size, limbs);
    uint32_t last = 0; /* the first dropped digit */
    bool more = false; /* something stands behind it */
    for (unsigned dropped = from_scale - to_scale; dropped > 0; dropped--) {
        more = more || last != 0;
        last = wide_divide(limbs, 10);
    }
    for (size_t i = 3; i < WIDE_LIMB_COUNT; i++) {
        if (limbs[i] != 0) {
            return false; /* 10^28 needs 94 bits */
        }
    }
    uint128 magnitude = (uint128)limbs[2] << 64 | (uint128)limbs[1] << 32 | limbs[0];
    if (last > 5 || (last == 5 && (more || (magnitude & 1) == 1))) {
        magnitude++;
    }
    units = (data[0] & 0x80) != 0 ? -(int128)magnitude : (int128)magnitude;
    if (!decimal_fits(units)) {
        return false;
    }
    *ret_units = units;
    return true;
}

#define ACCRUE_DROPPED (MEASURE_SCALE + RATE_SCALE - AMOUNT_SCALE)
static_assert(ACCRUE_DROPPED == 12, "accrue_round divides by 10^12, which is 5^12 and twelve bits");

/* Rounds `product / 10^12` half-even. Nearly every product lies below 2^76, and is then divided by
 * a constant of 64 bits, which is a multiplication. */
static uint128 accrue_round(uint128 product) {
    if (product >> (64 + ACCRUE_DROPPED) != 0) {
        return divide_half_even(product, (uint128)powers_of_ten[ACCRUE_DROPPED]);
    }
    const uint64_t divisor = UINT64_C(1000000000000);
    uint64_t quotient = (uint64_t)(product >> ACCRUE_DROPPED) / (divisor >> ACCRUE_DROPPED);
    uint64_t rest = (uint64_t)product - quotient * divisor; /* below the divisor: no high half */
    return quotient + (rest > divisor / 2 || (rest == divisor / 2 && (quotient & 1) == 1) ? 1 : 0);
}

bool money_accrue(struct measure measure, struct rate rate, struct amount *ret_amount) {
    REQUIRE(decimal_fits(measure.units));
    REQUIRE(rate.units >= 0 && rate.units <= 100 * RATE_UNITS_ONE);
    /* |measure| < 10^28 and rate ≤ 10^10, so the product stays under 10^38 < 2^127. */
    int128 product = measure.units * rate.units;
    uint128 magnitude = product < 0 ? (uint128)0 - (uint128)product : (uint128)product;
    uint128 rounded = accrue_round(magnitude);
    int128 units = product < 0 ? -(int128)rounded : (int128)rounded;
    if (!decimal_fits(units)) {
        return false;
    }
    ret_amount->units = units;
    return true;
}

enum decimal_result rate_parse(struct text text, struct rate *ret_rate) {
    bool is_percent = text.size > 0 && text.data[text.size - 1] == '%';
    if (is_percent) {
        text.size--;
    }
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        return DECIMAL_MALFORMED;
    }
    int128 units = 0;
    enum decimal_result result =
        decimal_parse_exact(text, is_percent ? RATE_SCALE - 2 : RATE_SCALE, &units);
    if (result != DECIMAL_OK) {
        return result;
    }
    if (units > INT64_MAX) {
        return DECIMAL_OVERFLOW;
    }
    ret_rate->units = (int64_t)units;
    return DECIMAL_OK;
}
