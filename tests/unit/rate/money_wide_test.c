/* Decimals wider than 128 bits, as a writer with a large scale sends them (accrual-model.md §2: a
 * larger scale is rounded half-even once). Against long multiplication, digit by digit. */
#include "accrued/money.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define BYTES_MAX 72

/* [-]digits → big-endian two's complement in exactly `size` bytes. */
static void bytes_of(const char *digits, uint8_t *to, size_t size) {
    bool is_negative = digits[0] == '-';
    memset(to, 0, size);
    for (const char *at = digits + (is_negative ? 1 : 0); *at != '\0'; at++) {
        unsigned carry = (unsigned)(*at - '0');
        for (size_t i = size; i-- > 0;) {
            carry += to[i] * 10U;
            to[i] = (uint8_t)carry;
            carry >>= 8;
        }
        cr_assert_eq(carry, 0, "a bad test: %s", digits);
    }
    unsigned carry = 1;
    for (size_t i = size; is_negative && i-- > 0;) {
        carry += (uint8_t)~to[i];
        to[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void expect_units(const char *digits, unsigned from, unsigned to, const char *expected) {
    for (size_t size = 40; size <= 64; size += 8) {
        uint8_t bytes[BYTES_MAX];
        char got[DECIMAL_TEXT_SIZE] = "overflow";
        int128 units = 4711;
        bytes_of(digits, bytes, size);
        if (decimal_from_bytes_rescaled(bytes, size, from, to, &units)) {
            (void)decimal_format(units, 0, got);
        } else {
            cr_expect(units == 4711, "written although it failed");
        }
        cr_expect_str_eq(got, expected, "%s in %zu bytes: %s, not %s", digits, size, got, expected);
    }
}

#define ZEROS_30 "000000000000000000000000000000"
#define NINES_28 "9999999999999999999999999999"

Test(money_wide, a_value_that_fits_when_rounded_is_good) {
    /* 100.5 at scale 40, and what Java's BigDecimal makes of a third of ten million. */
    expect_units("1005" ZEROS_30 "000000000", 40, 10, "1005000000000");
    expect_units("-1005" ZEROS_30 "000000000", 40, 10, "-1005000000000");
    expect_units("3333333333333333333333333333333333333333333333333", 42, 10, "33333333333333333");
    /* Half-even, and a trifle behind a half counts, however far away it stands. */
    expect_units("5" ZEROS_30 ZEROS_30, 61, 0, "0");
    expect_units("15" ZEROS_30 ZEROS_30, 61, 0, "2");
    expect_units("-25" ZEROS_30 ZEROS_30, 61, 0, "-2");
    expect_units("25" ZEROS_30 "000000000000000000000000000001", 61, 0, "3");
    expect_units("24" ZEROS_30 "000000000000000000000000000000", 61, 0, "2");
    expect_units("4" NINES_28 NINES_28, 57, 0, "0");
    /* The limit, from either side. */
    expect_units(NINES_28 "4" ZEROS_30, 41, 10, NINES_28);
    expect_units("-" NINES_28 "4" ZEROS_30, 41, 10, "-" NINES_28);
    expect_units(NINES_28 "5" ZEROS_30, 41, 10, "overflow");
    expect_units("10000000000000000000000000000" ZEROS_30, 40, 10, "overflow");
    expect_units("1" ZEROS_30 ZEROS_30 ZEROS_30, 50, 10, "overflow");
    expect_units("1" ZEROS_30 ZEROS_30 ZEROS_30, 1000, 10, "0");
    /* Nothing to round: as before. */
    expect_units("1" ZEROS_30 "0000000000", 10, 10, "overflow");
    expect_units("1" ZEROS_30 "0000000000", 0, 10, "overflow");
    expect_units("12", 1, 10, "12000000000");
}

Test(money_wide, sizes_and_signs) {
    uint8_t bytes[BYTES_MAX] = {0};
    int128 units = 4711;
    cr_expect(!decimal_from_bytes_rescaled(bytes, 0, 40, 10, &units));
    memset(bytes, 0x55, sizeof bytes);
    cr_expect(!decimal_from_bytes_rescaled(bytes, 65, 160, 0, &units), "more than 64 bytes");
    cr_expect(units == 4711);
    cr_expect(decimal_from_bytes_rescaled(bytes, 64, 160, 0, &units));
    cr_expect(units == 0);
    /* −2^511, the number without a positive twin: −6.7 × 10^153. */
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 0x80;
    cr_expect(decimal_from_bytes_rescaled(bytes, 64, 153, 0, &units));
    cr_expect(units == -7);
    /* Longer, but nothing than its sign: any size. */
    memset(bytes, 0xFF, sizeof bytes);
    bytes[71] = 0xF6;
    cr_expect(decimal_from_bytes_rescaled(bytes, 72, 1, 0, &units));
    cr_expect(units == -1);
}

/* Up to 60 random digits: cut by hand at the scale, rounded by looking at what was cut off. */
Test(money_wide, agrees_with_digits_cut_by_hand) {
    srand(31);
    for (int round = 0; round < 20000; round++) {
        char digits[64];
        char kept[64];
        size_t count = 30 + (size_t)(rand() % 31);
        size_t dropped = count - (size_t)(rand() % 29);
        for (size_t i = 0; i < count; i++) {
            /* Fives and zeros make ties. */
            int digit = round % 3 == 0 ? rand() % 10 : i + dropped <= count ? rand() % 10 : 0;
            digits[i] = (char)('0' + (i + dropped == count && rand() % 2 == 0 ? 5 : digit));
        }
        digits[count] = '\0';
        size_t whole = count - dropped;
        memcpy(kept, digits, whole);
        kept[whole] = '\0';
        int128 expected = 0;
        for (size_t i = 0; i < whole; i++) {
            expected = expected * 10 + (kept[i] - '0');
        }
        char first = digits[whole];
        bool more = strspn(digits + whole + 1, "0") != dropped - 1;
        expected += first > '5' || (first == '5' && (more || expected % 2 == 1)) ? 1 : 0;
        uint8_t bytes[BYTES_MAX];
        int128 units = 0;
        bytes_of(digits, bytes, 32);
        bool fits = decimal_from_bytes_rescaled(bytes, 32, (unsigned)dropped + 3, 3, &units);
        cr_assert_eq(fits, decimal_fits(expected), "%s / 10^%zu", digits, dropped);
        cr_assert(!fits || units == expected, "%s / 10^%zu", digits, dropped);
    }
}
