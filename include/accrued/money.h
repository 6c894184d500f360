/* money.h: exact quantities and the one rounding. Room: rate. Pure.
 *
 * Three quantities that must not mix, each a 128-bit integer at a fixed scale:
 * a measure (10 decimals: billed, consumed, quantity), a rate (8 decimals) and
 * an amount (6 decimals: accrued money). cumulative = half-even(measure × rate, 6).
 * No float or double anywhere. Source of the rules: accrual-model.md §2. */
#ifndef ACCRUED_MONEY_H
#define ACCRUED_MONEY_H

#include "accrued/text.h"

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

#define MEASURE_SCALE 10
#define RATE_SCALE 8
#define AMOUNT_SCALE 6
#define DECIMAL_PRECISION 28 /* of measures and amounts on the wire */
#define RATE_UNITS_ONE INT64_C(100000000)

struct measure {
    int128 units; /* 10^-10 */
};
struct rate {
    int64_t units; /* 10^-8 */
};
struct amount {
    int128 units; /* 10^-6 */
};

enum decimal_result {
    DECIMAL_OK,
    DECIMAL_MALFORMED, /* not [+-]digits[.digits][e[+-]digits] */
    DECIMAL_OVERFLOW,  /* more than DECIMAL_PRECISION digits at the scale */
    DECIMAL_INEXACT,   /* only from decimal_parse_exact: more decimals than the scale */
};

/* 10^exponent, 0 ≤ exponent ≤ 38. */
int128 decimal_power_of_ten(unsigned exponent);
/* |units| < 10^28 */
bool decimal_fits(int128 units);

/* Parses text into units at `scale`, rounding half-even once where it has more decimals. */
enum decimal_result decimal_parse(struct text text, unsigned scale, int128 *ret_units);
/* The same, but more significant decimals than the scale are DECIMAL_INEXACT. */
enum decimal_result decimal_parse_exact(struct text text, unsigned scale, int128 *ret_units);
/* Units at `from_scale` to units at `to_scale`; half-even when narrowing. false: overflow. */
bool decimal_rescale(int128 units, unsigned from_scale, unsigned to_scale, int128 *ret_units);

#define DECIMAL_TEXT_SIZE 48
/* Without exponent and trailing zeros: "12.5", "0", "-3". Returns the size without NUL. */
size_t decimal_format(int128 units, unsigned scale, char to[DECIMAL_TEXT_SIZE]);

/* Big-endian two's complement, Avro's decimal. Writes the shortest form, returns its size. */
#define DECIMAL_BYTES_MAX 16
size_t decimal_to_bytes(int128 units, uint8_t to[DECIMAL_BYTES_MAX]);
/* Any size from 1 to 64 bytes; a value that does not fit 127 bits: false. Empty: false. */
bool decimal_from_bytes(const uint8_t *data, size_t size, int128 *ret_units);
/* The same at any scale, to units at `to_scale`, rounded half-even once: also a value that fits
 * only when rounded, of up to 64 bytes. false: empty, or overflow. */
bool decimal_from_bytes_rescaled(const uint8_t *data, size_t size, unsigned from_scale,
                                 unsigned to_scale, int128 *ret_units);

/* half-even(measure × rate, 6). false: the result does not fit decimal(28,6). */
bool money_accrue(struct measure measure, struct rate rate, struct amount *ret_amount);

/* "0.04" or "4%": at most 8 decimals, not negative. */
enum decimal_result rate_parse(struct text text, struct rate *ret_rate);

#endif
