#include "product.h"

#include "accrued/require.h"

#define FACTOR_SCALE 18

void product_init(struct product *product) {
    *product = (struct product){.limbs = {1}};
}

static void multiply(struct product *product, uint128 factor) {
    uint32_t result[PRODUCT_LIMB_COUNT] = {0};
    for (size_t shift = 0; factor >> (32 * shift) != 0; shift++) {
        uint64_t limb = (uint32_t)(factor >> (32 * shift));
        uint64_t carry = 0;
        for (size_t i = 0; i + shift < PRODUCT_LIMB_COUNT; i++) {
            uint64_t sum = product->limbs[i] * limb + result[i + shift] + carry;
            result[i + shift] = (uint32_t)sum;
            carry = sum >> 32;
        }
        REQUIRE(carry == 0);
        if (shift == 3) {
            break;
        }
    }
    memcpy(product->limbs, result, sizeof result);
}

bool product_multiply(struct product *product, struct text factor) {
    int128 units = 0;
    unsigned scale = FACTOR_SCALE;
    if (decimal_parse(factor, FACTOR_SCALE, &units) != DECIMAL_OK) {
        return false;
    }
    while (scale > 0 && units % 10 == 0) {
        units /= 10;
        scale--;
    }
    product->is_negative = product->is_negative != (units < 0);
    product->scale += scale;
    multiply(product, (uint128)(units < 0 ? -units : units));
    return true;
}

/* Divides by ten and returns the rest. */
static uint32_t divide_by_ten(uint32_t limbs[PRODUCT_LIMB_COUNT]) {
    uint64_t rest = 0;
    for (size_t i = PRODUCT_LIMB_COUNT; i-- > 0;) {
        uint64_t part = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(part / 10);
        rest = part % 10;
    }
    return (uint32_t)rest;
}

bool product_measure(const struct product *product, int128 *ret_units) {
    struct product left = *product;
    uint32_t digit = 0;    /* the first that is cut off */
    bool has_more = false; /* is any behind it not 0? */
    for (; left.scale > MEASURE_SCALE; left.scale--) {
        has_more = has_more || digit != 0;
        digit = divide_by_ten(left.limbs);
    }
    for (; left.scale < MEASURE_SCALE; left.scale++) {
        if (left.limbs[PRODUCT_LIMB_COUNT - 1] != 0) {
            return false;
        }
        multiply(&left, 10);
    }
    if (digit > 5 || (digit == 5 && (has_more || left.limbs[0] % 2 == 1))) {
        for (size_t i = 0; i < PRODUCT_LIMB_COUNT && ++left.limbs[i] == 0; i++) {
        }
    }
    for (size_t i = 3; i < PRODUCT_LIMB_COUNT; i++) {
        if (left.limbs[i] != 0) {
            return false; /* 96 bits are more than 28 digits */
        }
    }
    int128 units = (int128)left.limbs[2] << 64 | (int128)left.limbs[1] << 32 | left.limbs[0];
    *ret_units = left.is_negative ? -units : units;
    return decimal_fits(*ret_units);
}
