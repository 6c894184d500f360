#include "accrued/ratio.h"

#include "accrued/require.h"

#define HALF_BITS 64
#define LOW_HALF(value) ((value)&UINT64_MAX)

/* 128 × 128 → 256 bits, by halves of 64. */
static struct wide multiply(uint128 a, uint128 b) {
    uint128 a_high = a >> HALF_BITS;
    uint128 b_high = b >> HALF_BITS;
    uint128 low = LOW_HALF(a) * LOW_HALF(b);
    uint128 middle = a_high * LOW_HALF(b) + (low >> HALF_BITS);
    uint128 other = LOW_HALF(a) * b_high + LOW_HALF(middle);
    return (struct wide){
        .high = a_high * b_high + (middle >> HALF_BITS) + (other >> HALF_BITS),
        .low = other << HALF_BITS | LOW_HALF(low),
    };
}

void wide_add_product(struct wide *sum, int128 a, int128 b) {
    REQUIRE(a >= 0 && b >= 0);
    struct wide product = multiply((uint128)a, (uint128)b);
    uint128 low = sum->low + product.low;
    uint128 high = sum->high + product.high + (low < product.low ? 1 : 0);
    REQUIRE(high >= sum->high);
    sum->low = low;
    sum->high = high;
}

/* Long division bit by bit, for the rare dividend that passes 128 bits. The divisor is below 2^127,
 * so that the remainder, doubled, still fits. */
static uint128 divide_long(struct wide dividend, uint128 divisor, uint128 *ret_rest) {
    REQUIRE(dividend.high < divisor);
    uint128 rest = dividend.high;
    uint128 quotient = 0;
    for (unsigned bit = 128; bit-- > 0;) {
        rest = rest << 1 | (dividend.low >> bit & 1);
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    *ret_rest = rest;
    return quotient;
}

bool wide_divide(struct wide sum, int128 divisor, int128 *ret_units) {
    REQUIRE(divisor > 0);
    uint128 by = (uint128)divisor;
    if (sum.high >= by) {
        return false; /* the quotient has more than 128 bits */
    }
    uint128 rest = sum.high == 0 ? sum.low % by : 0;
    uint128 quotient = sum.high == 0 ? sum.low / by : divide_long(sum, by, &rest);
    uint128 left = by - rest; /* to the next whole; compared so that nothing is doubled */
    uint128 limit = (uint128)decimal_power_of_ten(DECIMAL_PRECISION);
    if (quotient >= limit) {
        return false;
    }
    if (rest > left || (rest == left && (quotient & 1) == 1)) {
        quotient++;
    }
    if (quotient >= limit) {
        return false;
    }
    *ret_units = (int128)quotient;
    return true;
}

bool ratio_apply(int128 units, int128 numerator, int128 denominator, int128 *ret_units) {
    struct wide product = {0, 0};
    int128 magnitude = 0;
    wide_add_product(&product, units < 0 ? -units : units, numerator);
    if (!wide_divide(product, denominator, &magnitude)) {
        return false;
    }
    *ret_units = units < 0 ? -magnitude : magnitude;
    return true;
}
