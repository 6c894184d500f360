/* ratio.h: exact products and quotients that pass 128 bits, rounded once. Room: rate. Pure.
 *
 * What the second stage computes is products of an amount and a rate over a power of ten
 * (settlement-model.md §4) and conversions, an amount × one rate ÷ another (§6). Each is computed
 * exactly in 256 bits and rounded half-even at the end, once. */
#ifndef ACCRUED_RATIO_H
#define ACCRUED_RATIO_H

#include "accrued/money.h"

/* A sum of products of non-negative factors; start with zeros. */
struct wide {
    uint128 high;
    uint128 low;
};

/* sum += a × b; both ≥ 0. The sum must stay below 2^256. */
void wide_add_product(struct wide *sum, int128 a, int128 b);
/* half-even(sum ÷ divisor), divisor > 0. false: that is not below 10^28. */
bool wide_divide(struct wide sum, int128 divisor, int128 *ret_units);

/* half-even(units × numerator ÷ denominator); numerator ≥ 0, denominator > 0, |units| < 2^127.
 * false: the result does not fit decimal(28, …). */
bool ratio_apply(int128 units, int128 numerator, int128 denominator, int128 *ret_units);

#endif
