#include "accrued/ratio.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <signal.h>

/* Decimal digits → an integer of up to 128 bits. */
static int128 whole(const char *digits) {
    int128 value = 0;
    bool is_negative = *digits == '-';
    for (const char *at = digits + is_negative; *at != '\0'; at++) {
        value = value * 10 + (*at - '0');
    }
    return is_negative ? -value : value;
}

static int128 applied(const char *units, const char *numerator, const char *denominator) {
    int128 result = 0;
    cr_assert(ratio_apply(whole(units), whole(numerator), whole(denominator), &result),
              "%s × %s ÷ %s", units, numerator, denominator);
    return result;
}

Test(ratio, rounds_half_to_even_on_both_sides_of_0) {
    static const struct {
        const char *units;
        const char *numerator;
        const char *denominator;
        const char *want;
    } cases[] = {
        {"0", "7", "3", "0"},
        {"5", "0", "3", "0"},
        {"1", "1", "2", "0"},
        {"3", "1", "2", "2"},
        {"5", "1", "2", "2"},
        {"7", "1", "2", "4"},
        {"-1", "1", "2", "0"},
        {"-3", "1", "2", "-2"},
        {"-5", "1", "2", "-2"},
        {"-7", "1", "2", "-4"},
        {"1", "1", "3", "0"},
        {"2", "1", "3", "1"},
        {"-2", "1", "3", "-1"},
        {"200000000", "10000000000", "92000000", "21739130435"}, /* 200 USD at 0.0092 a JPY */
        /* Denominators that are odd have no ties. */
        {"4", "3", "7", "2"},
        {"5", "3", "7", "2"},
        /* Products beyond 128 bits: 10^27 × 10^28 ÷ 10^28. */
        {"9999999999999999999999999999", "9999999999999999999999999999",
         "9999999999999999999999999999", "9999999999999999999999999999"},
        {"-1000000000000000000000000001", "9999999999999999999999999998",
         "9999999999999999999999999999", "-1000000000000000000000000001"},
        /* A tie, and one beside it, behind the long division. */
        {"5000000000000000000000000003", "5000000000000000000000000000",
         "10000000000000000000000000000", "2500000000000000000000000002"},
        {"5000000000000000000000000001", "5000000000000000000000000000",
         "10000000000000000000000000000", "2500000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect(applied(cases[i].units, cases[i].numerator, cases[i].denominator) ==
                      whole(cases[i].want),
                  "case %zu", i);
    }
}

Test(ratio, what_does_not_fit_is_refused_and_nothing_is_written) {
    static const char most[] = "9999999999999999999999999999"; /* 10^28 − 1 */
    int128 result = 42;
    cr_expect(applied(most, "1", "1") == whole(most));
    cr_expect(!ratio_apply(whole(most) + 1, 1, 1, &result));
    cr_expect(!ratio_apply(-whole(most) - 1, 1, 1, &result));
    /* 10^28 − 1/2 rounds to 10^28. */
    cr_expect(!ratio_apply(2 * whole(most) + 1, 1, 2, &result));
    cr_expect(applied(most, "3", "3") == whole(most));
    /* The quotient passes 10^28, passes 128 bits. */
    cr_expect(!ratio_apply(whole(most), whole(most), whole("100"), &result));
    cr_expect(!ratio_apply(whole(most), whole(most), 1, &result));
    cr_expect(result == 42);
}

Test(ratio, a_sum_of_products_is_exact) {
    /* A thousand products of 197 bits each. */
    const int128 most = whole("9999999999999999999999999999");
    struct wide sum = {0, 0};
    int128 result = 0;
    for (int i = 0; i < 1000; i++) {
        wide_add_product(&sum, most, most);
    }
    cr_assert(wide_divide(sum, most * 1000, &result));
    cr_expect(result == most);
    /* The lower half carries into the upper one. */
    sum = (struct wide){0, ~(uint128)0};
    wide_add_product(&sum, 1, 1);
    cr_expect(sum.high == 1 && sum.low == 0);
    cr_assert(wide_divide(sum, whole("170141183460469231731687303715884105727"), &result));
    cr_expect(result == 2);
}

Test(ratio, factors_below_0_are_a_bug, .signal = SIGABRT) {
    struct wide sum = {0, 0};
    wide_add_product(&sum, -1, 1);
}

Test(ratio, a_divisor_of_0_is_a_bug, .signal = SIGABRT) {
    int128 result = 0;
    (void)ratio_apply(1, 1, 0, &result);
}

Test(ratio, a_sum_that_passes_256_bits_is_a_bug, .signal = SIGABRT) {
    struct wide sum = {~(uint128)0, ~(uint128)0};
    wide_add_product(&sum, 1, 1);
}

/* The quotient times the divisor lies within half a divisor of the product: compared in wide sums,
 * so that the division is held against the multiplication. */
Test(ratio, the_quotient_is_the_nearest) {
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct dice dice = {.state = seed};
        int128 units = (int128)(dice_next(&dice) >> 2) * (int128)(dice_next(&dice) >> (seed % 60));
        int128 numerator = (int128)(dice_next(&dice) >> (seed % 37)) + 1;
        int128 denominator = ((int128)(dice_next(&dice) >> 3) << (seed % 63)) + 1;
        int128 quotient = 0;
        if (!ratio_apply(units, numerator, denominator, &quotient)) {
            continue;
        }
        /* |2 × product − 2 × quotient × divisor| ≤ divisor */
        struct wide product = {0, 0};
        struct wide back = {0, 0};
        wide_add_product(&product, units, numerator);
        wide_add_product(&product, units, numerator);
        wide_add_product(&back, quotient, denominator);
        wide_add_product(&back, quotient, denominator);
        bool is_more =
            back.high > product.high || (back.high == product.high && back.low > product.low);
        struct wide larger = is_more ? back : product;
        struct wide smaller = is_more ? product : back;
        uint128 high = larger.high - smaller.high - (larger.low < smaller.low ? 1 : 0);
        uint128 low = larger.low - smaller.low;
        cr_assert(high == 0 && low <= (uint128)denominator, "seed %llu", (unsigned long long)seed);
    }
}
