#include "accrued/money.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 200000

/* Money computed the naive way, on 256 bits: nothing here is shared with money.c. */
#define WIDE_LIMBS 8
struct wide {
    uint32_t limbs[WIDE_LIMBS]; /* least significant first */
};

static struct wide wide_times_plus(struct wide a, uint32_t factor, uint32_t plus) {
    uint64_t carry = plus;
    for (size_t i = 0; i < WIDE_LIMBS; i++) {
        carry += (uint64_t)a.limbs[i] * factor;
        a.limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    cr_assert_eq(carry, 0, "the naive number is too narrow");
    return a;
}

static struct wide wide_product(uint128 a, uint64_t b) {
    struct wide product = {{0}};
    for (size_t i = 0; i < 4; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; j < 4; j++) {
            uint64_t limb_b = j < 2 ? (uint32_t)(b >> (32 * j)) : 0;
            carry += (uint64_t)(uint32_t)(a >> (32 * i)) * limb_b + product.limbs[i + j];
            product.limbs[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    return product;
}

/* Shift and subtract, a bit at a time. The quotient is half-even; false: it passes 128 bits. */
static bool wide_divide_half_even(struct wide a, uint128 divisor, uint128 *ret_quotient) {
    uint128 rest = 0;
    uint128 quotient = 0;
    for (int bit = 32 * WIDE_LIMBS - 1; bit >= 0; bit--) {
        rest = rest << 1 | ((a.limbs[bit / 32] >> (bit % 32)) & 1);
        if (quotient >> 127 != 0) {
            return false;
        }
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    uint128 other = divisor - rest;
    quotient += rest > other || (rest == other && (quotient & 1) == 1) ? 1 : 0;
    *ret_quotient = quotient;
    return true;
}

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Evenly over the sizes, not the values, so that small numbers come as often as large ones. */
static uint128 random_below_power(uint64_t *state, unsigned digit_count_max) {
    uint128 value = 0;
    unsigned count = (unsigned)(random_next(state) % (digit_count_max + 1));
    for (unsigned i = 0; i < count; i++) {
        value = value * 10 + random_next(state) % 10;
    }
    return value;
}

static int128 units_of(const char *digits) {
    int128 value = 0;
    bool negative = digits[0] == '-';
    for (const char *at = digits + (negative ? 1 : 0); *at != '\0'; at++) {
        cr_assert(*at >= '0' && *at <= '9', "a bad test: %s", digits);
        value = value * 10 + (*at - '0');
    }
    return negative ? -value : value;
}

#define NINES_28 "9999999999999999999999999999"
#define TEN_TO_27 "1000000000000000000000000000"

/* Up to 60 random digits and a point anywhere, against long division. */
Test(money, parses_like_long_division) {
    uint64_t state = 20200131;
    for (int round = 0; round < ROUNDS; round++) {
        char text[96];
        struct wide wide = {{0}};
        size_t size = 0;
        unsigned digit_count = 1 + (unsigned)(random_next(&state) % 60);
        unsigned whole_count = 1 + (unsigned)(random_next(&state) % digit_count);
        unsigned style = (unsigned)(random_next(&state) % 4);
        for (unsigned i = 0; i < digit_count; i++) {
            /* Fives, zeros and nines make ties and carries. */
            unsigned digit = (unsigned)(random_next(&state) % 10);
            digit = style == 1 ? (digit == 5 ? 5 : 0) : style == 2 ? (digit == 0 ? 8 : 9) : digit;
            if (i == whole_count) {
                text[size++] = '.';
            }
            text[size++] = (char)('0' + digit);
            wide = wide_times_plus(wide, 10, digit);
        }
        int exponent = (int)(random_next(&state) % 21) - 10;
        size += (size_t)sprintf(text + size, "e%d", exponent);
        unsigned scale = (unsigned)(random_next(&state) % 11);
        int dropped = (int)(digit_count - whole_count) - exponent - (int)scale;
        uint128 expected = 0;
        while (dropped < 0 && digit_count + (unsigned)-dropped <= 76) {
            wide = wide_times_plus(wide, 10, 0);
            dropped++;
        }
        if (dropped < 0 || dropped > 37) {
            continue; /* beyond what the naive arithmetic can hold */
        }
        bool fits = wide_divide_half_even(wide, (uint128)decimal_power_of_ten((unsigned)dropped),
                                          &expected);
        fits = fits && decimal_fits((int128)expected);
        int128 units = 0;
        enum decimal_result result = decimal_parse((struct text){text, size}, scale, &units);
        cr_assert_eq(result, fits ? DECIMAL_OK : DECIMAL_OVERFLOW, "%s at %u: result %d", text,
                     scale, (int)result);
        cr_assert(!fits || units == (int128)expected, "%s at %u", text, scale);
    }
}

Test(money, rescales_half_even_and_within_28_digits) {
    static const struct {
        const char *units;
        unsigned from;
        unsigned to;
        bool fits;
        const char *expected;
    } cases[] = {
        {"0", 0, 38, true, "0"},
        {"5", 1, 0, true, "0"},
        {"15", 1, 0, true, "2"},
        {"25", 1, 0, true, "2"},
        {"-15", 1, 0, true, "-2"},
        {"-25", 1, 0, true, "-2"},
        {"-26", 1, 0, true, "-3"},
        {"251", 2, 0, true, "3"},
        {"7", 2, 10, true, "700000000"},
        {NINES_28, 10, 10, true, NINES_28},
        {NINES_28, 10, 9, true, TEN_TO_27},
        {NINES_28, 9, 10, false, NULL},
        {"-" NINES_28, 9, 10, false, NULL},
        {"10000000000000000000000000000", 10, 10, false, NULL},
        {"99999999999999999999999999994", 11, 10, true, NINES_28},
        {"99999999999999999999999999995", 11, 10, false, NULL},
        {"170141183460469231731687303715884105727", 38, 0, true, "2"},
        {"170141183460469231731687303715884105727", 39, 0, true, "0"},
        {"170141183460469231731687303715884105727", 1000, 0, true, "0"},
        {"50000000000000000000000000000000000000", 38, 0, true, "0"},
        {"50000000000000000000000000000000000001", 38, 0, true, "1"},
        {"1", 0, 27, true, TEN_TO_27},
        {"1", 0, 28, false, NULL},
        {"1", 0, 1000, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int128 units = 4711;
        bool fits = decimal_rescale(units_of(cases[i].units), cases[i].from, cases[i].to, &units);
        cr_expect_eq(fits, cases[i].fits, "case %zu: %s", i, cases[i].units);
        cr_expect(units == (fits ? units_of(cases[i].expected) : 4711), "case %zu: %s", i,
                  cases[i].units);
    }
    /* The one 128-bit number without a positive twin. */
    int128 lowest = -units_of("170141183460469231731687303715884105727") - 1;
    int128 units = 0;
    cr_assert(decimal_rescale(lowest, 38, 0, &units));
    cr_assert(units == -2);
    cr_assert(!decimal_rescale(lowest, 0, 0, &units));
}

Test(money, knows_28_digits_and_powers) {
    cr_assert(decimal_fits(units_of(NINES_28)));
    cr_assert(decimal_fits(-units_of(NINES_28)));
    cr_assert(!decimal_fits(units_of(NINES_28) + 1));
    cr_assert(!decimal_fits(-units_of(NINES_28) - 1));
    cr_assert(decimal_power_of_ten(0) == 1);
    cr_assert(decimal_power_of_ten(38) == units_of("100000000000000000000000000000000000000"));
}

Test(money, formats_without_exponent_and_trailing_zeros) {
    static const struct {
        const char *units;
        unsigned scale;
        const char *expected;
    } cases[] = {
        {"0", 0, "0"},
        {"0", 10, "0"},
        {"125", 1, "12.5"},
        {"12500", 3, "12.5"},
        {"-3000000", 6, "-3"},
        {"1", 6, "0.000001"},
        {"-1", 10, "-0.0000000001"},
        {"100", 0, "100"},
        {"100", 2, "1"},
        {"1000", 2, "10"},
        {"10", 2, "0.1"},
        {"1", 39, "0.000000000000000000000000000000000000001"},
        {"170141183460469231731687303715884105727", 0, "170141183460469231731687303715884105727"},
        {"-170141183460469231731687303715884105727", 39,
         "-0.170141183460469231731687303715884105727"},
        {"-" NINES_28, 10, "-999999999999999999.9999999999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[DECIMAL_TEXT_SIZE];
        size_t size = decimal_format(units_of(cases[i].units), cases[i].scale, text);
        cr_expect_str_eq(text, cases[i].expected, "case %zu: %s", i, text);
        cr_expect_eq(size, strlen(cases[i].expected), "case %zu", i);
    }
    char text[DECIMAL_TEXT_SIZE];
    decimal_format(-units_of("170141183460469231731687303715884105727") - 1, 10, text);
    cr_expect_str_eq(text, "-17014118346046923173168730371.5884105728");
}

Test(money, what_is_formatted_is_parsed_back) {
    uint64_t state = 42;
    for (int round = 0; round < ROUNDS; round++) {
        int128 units = (int128)random_below_power(&state, DECIMAL_PRECISION);
        units = random_next(&state) % 2 == 0 ? units : -units;
        unsigned scale = (unsigned)(random_next(&state) % 29);
        char text[DECIMAL_TEXT_SIZE];
        size_t size = decimal_format(units, scale, text);
        cr_assert(strchr(text, '.') == NULL || text[size - 1] != '0', "%s", text);
        int128 back = 0;
        cr_assert_eq(decimal_parse_exact((struct text){text, size}, scale, &back), DECIMAL_OK);
        cr_assert(back == units, "%s", text);
    }
}

Test(money, bytes_are_the_shortest_twos_complement) {
    static const struct {
        const char *units;
        size_t size;
        uint8_t bytes[4];
    } cases[] = {
        {"0", 1, {0x00}},
        {"1", 1, {0x01}},
        {"-1", 1, {0xFF}},
        {"127", 1, {0x7F}},
        {"128", 2, {0x00, 0x80}},
        {"-128", 1, {0x80}},
        {"-129", 2, {0xFF, 0x7F}},
        {"255", 2, {0x00, 0xFF}},
        {"256", 2, {0x01, 0x00}},
        {"-256", 2, {0xFF, 0x00}},
        {"32767", 2, {0x7F, 0xFF}},
        {"32768", 3, {0x00, 0x80, 0x00}},
        {"-32768", 2, {0x80, 0x00}},
        {"-32769", 3, {0xFF, 0x7F, 0xFF}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[DECIMAL_BYTES_MAX];
        size_t size = decimal_to_bytes(units_of(cases[i].units), bytes);
        cr_expect_eq(size, cases[i].size, "%s: %zu bytes", cases[i].units, size);
        cr_expect_eq(memcmp(bytes, cases[i].bytes, cases[i].size), 0, "%s", cases[i].units);
    }
}

Test(money, bytes_come_back_whatever_their_padding) {
    uint64_t state = 7;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned shift = (unsigned)(random_next(&state) % 128);
        uint128 bits = ((uint128)random_next(&state) << 64 | random_next(&state)) >> shift;
        int128 units = (int128)(round % 2 == 0 ? bits : ~bits);
        uint8_t bytes[64];
        size_t size = decimal_to_bytes(units, bytes);
        int128 back = 0;
        cr_assert(decimal_from_bytes(bytes, size, &back));
        cr_assert(back == units);
        if (size > 1) { /* a byte less is another number: it is the shortest form */
            cr_assert(decimal_from_bytes(bytes + 1, size - 1, &back));
            cr_assert(back != units);
        }
        size_t padding = (size_t)(random_next(&state) % (64 - size + 1));
        memmove(bytes + padding, bytes, size);
        memset(bytes, units < 0 ? 0xFF : 0x00, padding);
        cr_assert(decimal_from_bytes(bytes, size + padding, &back));
        cr_assert(back == units);
    }
}

Test(money, bytes_that_do_not_fit_are_refused) {
    uint8_t bytes[64] = {0};
    int128 units = 4711;
    cr_assert(!decimal_from_bytes(bytes, 0, &units));
    bytes[0] = 0x00; /* 2^127 as 17 bytes: one past the largest */
    bytes[1] = 0x80;
    cr_assert(!decimal_from_bytes(bytes, 17, &units));
    bytes[0] = 0xFF; /* −2^127 − 1 */
    memset(bytes + 1, 0xFF, 16);
    bytes[1] = 0x7F;
    cr_assert(!decimal_from_bytes(bytes, 17, &units));
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 1; /* 2^504 */
    cr_assert(!decimal_from_bytes(bytes, 64, &units));
    cr_assert(units == 4711);
    memset(bytes, 0xFF, sizeof bytes); /* −1 in 64 bytes */
    cr_assert(decimal_from_bytes(bytes, 64, &units));
    cr_assert(units == -1);
}

static void check_accrue(int128 measure, int64_t rate) {
    uint128 magnitude = (uint128)(measure < 0 ? -measure : measure);
    uint128 expected = 0;
    bool fits = wide_divide_half_even(wide_product(magnitude, (uint64_t)rate),
                                      (uint128)UINT64_C(1000000000000), &expected) &&
                expected < (uint128)units_of(NINES_28) + 1;
    struct amount amount = {4711};
    char text[DECIMAL_TEXT_SIZE];
    decimal_format(measure, MEASURE_SCALE, text);
    cr_assert_eq(money_accrue((struct measure){measure}, (struct rate){rate}, &amount), fits,
                 "%s × %lld", text, (long long)rate);
    int128 units = measure < 0 ? -(int128)expected : (int128)expected;
    cr_assert(amount.units == (fits ? units : 4711), "%s × %lld", text, (long long)rate);
}

Test(money, accrues_like_256_bit_arithmetic) {
    static const int64_t rates[] = {0,        1,         500000,    1250000,    4000000,
                                    10000000, 100000000, 999999999, 9999999999, 10000000000};
    uint64_t state = 20191001;
    for (int round = 0; round < ROUNDS; round++) {
        int128 measure = (int128)random_below_power(&state, DECIMAL_PRECISION);
        int64_t rate = round % 2 == 0
                           ? rates[random_next(&state) % (sizeof rates / sizeof rates[0])]
                           : (int64_t)(random_next(&state) % 10000000001U);
        if (round % 5 == 0) { /* the product's last digits as a tie: …5 × 10^11 */
            measure = measure / 1000000 * 1000000 + 500000;
            rate = rate / 1000000 * 1000000;
        }
        check_accrue(measure, rate);
        check_accrue(-measure, rate);
    }
    int128 largest = units_of(NINES_28);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        check_accrue(largest, rates[i]);
        check_accrue(-largest, rates[i]);
    }
}

Test(money, accrues_what_the_book_says) {
    static const struct {
        const char *measure;
        const char *rate;
        const char *amount;
    } cases[] = {
        {"100", "4%", "4"},
        {"-100", "4%", "-4"},
        {"0.0000125", "4%", "0"},        /* 0.0000005: a tie to the even 0 */
        {"0.0000375", "4%", "0.000002"}, /* 0.0000015: a tie to the even 2 */
        {"-0.0000375", "4%", "-0.000002"},
        {"0.0000625", "4%", "0.000002"}, /* 0.0000025: a tie to the even 2 */
        {"0.0000000001", "0.00000001", "0"},
        {"123.4567890123", "1.25%", "1.54321"}, /* 1.543209862…: up to …210 */
        {"999999999999999999.9999999999", "1", "1000000000000000000"},
        {"999999999999999999.9999999999", "100", "100000000000000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct measure measure;
        struct rate rate;
        struct amount amount = {0};
        char text[DECIMAL_TEXT_SIZE];
        cr_assert_eq(decimal_parse(text_of(cases[i].measure), MEASURE_SCALE, &measure.units),
                     DECIMAL_OK);
        cr_assert_eq(rate_parse(text_of(cases[i].rate), &rate), DECIMAL_OK);
        cr_assert(money_accrue(measure, rate, &amount));
        decimal_format(amount.units, AMOUNT_SCALE, text);
        cr_expect_str_eq(text, cases[i].amount, "case %zu: %s", i, text);
    }
}

Test(money, parses_rates) {
    static const struct {
        const char *text;
        enum decimal_result result;
        int64_t units;
    } cases[] = {
        {"0.04", DECIMAL_OK, 4000000},
        {"4%", DECIMAL_OK, 4000000},
        {"1.25%", DECIMAL_OK, 1250000},
        {"0%", DECIMAL_OK, 0},
        {"1", DECIMAL_OK, RATE_UNITS_ONE},
        {"100%", DECIMAL_OK, RATE_UNITS_ONE},
        {"0.00000001", DECIMAL_OK, 1},
        {"0.000001%", DECIMAL_OK, 1},
        {"0.0000010%", DECIMAL_OK, 1},
        {"0.0000001%", DECIMAL_INEXACT, 0},
        {"0.000000001", DECIMAL_INEXACT, 0},
        {"4e-2", DECIMAL_OK, 4000000},
        {"92233720368.54775807", DECIMAL_OK, INT64_MAX},
        {"92233720368.54775808", DECIMAL_OVERFLOW, 0},
        {"1e19", DECIMAL_OVERFLOW, 0},
        {"1e20", DECIMAL_OVERFLOW, 0},
        {"", DECIMAL_MALFORMED, 0},
        {"%", DECIMAL_MALFORMED, 0},
        {"4%%", DECIMAL_MALFORMED, 0},
        {"4 %", DECIMAL_MALFORMED, 0},
        {"%4", DECIMAL_MALFORMED, 0},
        {"-4%", DECIMAL_MALFORMED, 0},
        {"-0", DECIMAL_MALFORMED, 0},
        {"+4%", DECIMAL_MALFORMED, 0},
        {".04", DECIMAL_MALFORMED, 0},
        {"0,04", DECIMAL_MALFORMED, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rate rate = {-7};
        enum decimal_result result = rate_parse(text_of(cases[i].text), &rate);
        cr_expect_eq(result, cases[i].result, "\"%s\": %d", cases[i].text, (int)result);
        cr_expect_eq(rate.units, result == DECIMAL_OK ? cases[i].units : -7, "\"%s\"",
                     cases[i].text);
    }
    struct rate rate = {-7};
    cr_expect_eq(rate_parse(text_null(), &rate), DECIMAL_MALFORMED);
}
