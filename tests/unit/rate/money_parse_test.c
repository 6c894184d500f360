#include "accrued/money.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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

struct parse_case {
    const char *text;
    unsigned scale;
    enum decimal_result result;
    const char *units;
};

static void check_parse(const struct parse_case *c, bool exact) {
    int128 units = 4711;
    enum decimal_result result = exact ? decimal_parse_exact(text_of(c->text), c->scale, &units)
                                       : decimal_parse(text_of(c->text), c->scale, &units);
    cr_expect_eq(result, c->result, "\"%.60s\" at %u: result %d, not %d", c->text, c->scale,
                 (int)result, (int)c->result);
    if (c->result == DECIMAL_OK) {
        char got[DECIMAL_TEXT_SIZE];
        decimal_format(units, 0, got);
        cr_expect(units == units_of(c->units), "\"%.60s\" at %u: %s, not %s", c->text, c->scale,
                  got, c->units);
    } else {
        cr_expect(units == 4711, "\"%.60s\": written although it failed", c->text);
    }
}

Test(money_parse, parses_the_grammar_and_its_limits) {
    static const struct parse_case cases[] = {
        {"0", 10, DECIMAL_OK, "0"},
        {"-0", 10, DECIMAL_OK, "0"},
        {"-0.0000000000000000001", 10, DECIMAL_OK, "0"},
        {"+12.5", 2, DECIMAL_OK, "1250"},
        {"-12.5", 0, DECIMAL_OK, "-12"},
        {"-13.5", 0, DECIMAL_OK, "-14"},
        {"007.50", 1, DECIMAL_OK, "75"},
        {"1e3", 0, DECIMAL_OK, "1000"},
        {"1E+3", 2, DECIMAL_OK, "100000"},
        {"1.5e-3", 4, DECIMAL_OK, "15"},
        {"12345e-5", 5, DECIMAL_OK, "12345"},
        {"12345e-10", 5, DECIMAL_OK, "0"},
        {"5e-1", 0, DECIMAL_OK, "0"},
        {"15e-1", 0, DECIMAL_OK, "2"},
        {"5e-2", 0, DECIMAL_OK, "0"},
        {"9e-2", 0, DECIMAL_OK, "0"},
        {"99e-2", 0, DECIMAL_OK, "1"},
        {"0.5000000000000000000000000000000000000000000000000001", 0, DECIMAL_OK, "1"},
        {"0.4999999999999999999999999999999999999999999999999999", 0, DECIMAL_OK, "0"},
        {"0e999999999999999999999999", 10, DECIMAL_OK, "0"},
        {"0.000e99999999999999999999", 10, DECIMAL_OK, "0"},
        {"1e-999999999999999999999999", 10, DECIMAL_OK, "0"},
        {"1e999999999999999999999999", 10, DECIMAL_OVERFLOW, NULL},
        {"1e00000000000000000000000000000002", 0, DECIMAL_OK, "100"},
        {NINES_28, 0, DECIMAL_OK, NINES_28},
        {"-" NINES_28, 0, DECIMAL_OK, "-" NINES_28},
        {"0000000000" NINES_28, 0, DECIMAL_OK, NINES_28},
        {"0." NINES_28, 28, DECIMAL_OK, NINES_28},
        {NINES_28 ".4", 0, DECIMAL_OK, NINES_28},
        {NINES_28 ".5", 0, DECIMAL_OVERFLOW, NULL},
        {"-" NINES_28 ".5", 0, DECIMAL_OVERFLOW, NULL},
        {"1e28", 0, DECIMAL_OVERFLOW, NULL},
        {"1e27", 0, DECIMAL_OK, TEN_TO_27},
        {"1e17", 10, DECIMAL_OK, TEN_TO_27},
        {"1e18", 10, DECIMAL_OVERFLOW, NULL},
        {"999999999999999999.9999999999", 10, DECIMAL_OK, NINES_28},
        {"999999999999999999.99999999995", 10, DECIMAL_OVERFLOW, NULL},
        {"999999999999999999.99999999994999", 10, DECIMAL_OK, NINES_28},
        {"1000000000000000000000000000000000000000000000000e-40", 10, DECIMAL_OK,
         "1000000000000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_parse(&cases[i], false);
    }
}

Test(money_parse, refuses_what_the_grammar_does_not_know) {
    static const char *const malformed[] = {
        "",     "+",    "-",        ".",    ".5",    "5.",    "5.e1", "1e",   "1e+",      "1e-",
        "e5",   "1 ",   " 1",       "1,5",  "0x10",  "inf",   "nan",  "1_0",  "--1",      "+-1",
        "1-",   "1.2.", "1..2",     "1.-2", "1e1.5", "1e1e",  "1f",   "1e 5", "1\n",      "1%",
        "1.+2", "1E--", "\xD9\xA1", "-.5",  "-e1",   "1e++1", "1.e",  "- 1",  "Infinity", "1d",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct parse_case c = {malformed[i], 10, DECIMAL_MALFORMED, NULL};
        check_parse(&c, false);
        check_parse(&c, true);
    }
    int128 units = 1;
    cr_assert_eq(decimal_parse(text_null(), 2, &units), DECIMAL_MALFORMED);
    cr_assert_eq(decimal_parse((struct text){"1\0", 2}, 2, &units), DECIMAL_MALFORMED);
    /* A borrowed text ends where its size says. */
    cr_assert_eq(decimal_parse((struct text){"1234", 2}, 0, &units), DECIMAL_OK);
    cr_assert(units == 12);
}

Test(money_parse, exact_parsing_takes_zeros_and_nothing_else_behind_the_scale) {
    static const struct parse_case cases[] = {
        {"1.250", 2, DECIMAL_OK, "125"},
        {"1.251", 2, DECIMAL_INEXACT, NULL},
        {"1.2500000000000000000000000000000000000000000000001", 2, DECIMAL_INEXACT, NULL},
        {"125e-2", 2, DECIMAL_OK, "125"},
        {"125e-3", 2, DECIMAL_INEXACT, NULL},
        {"1250e-3", 2, DECIMAL_OK, "125"},
        {"1e-99999999999999", 2, DECIMAL_INEXACT, NULL},
        {"0e-99999999999999", 2, DECIMAL_OK, "0"},
        {"0.000000", 0, DECIMAL_OK, "0"},
        {"-0.01", 2, DECIMAL_OK, "-1"},
        {"1e26", 2, DECIMAL_OVERFLOW, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_parse(&cases[i], true);
    }
}

/* However long a number is spelled, it is the number that counts. */
Test(money_parse, a_spelling_longer_than_any_exponent_limit_changes_no_value) {
    enum { ZEROS = 100001 };
    static char text[ZEROS + 40];
    text[0] = '1';
    memset(text + 1, '0', ZEROS);
    (void)snprintf(text + 1 + ZEROS, 30, "e-%d", ZEROS);
    check_parse(&(struct parse_case){text, 2, DECIMAL_OK, "100"}, false);
    check_parse(&(struct parse_case){text, 2, DECIMAL_OK, "100"}, true);
    text[0] = '0';
    text[1] = '.';
    text[ZEROS + 1] = '7';
    (void)snprintf(text + 2 + ZEROS, 30, "e+%d", ZEROS);
    check_parse(&(struct parse_case){text, 0, DECIMAL_OK, "7"}, false);
}

/* Every beginning of a number, in memory that ends where it ends: nothing is read behind it. */
Test(money_parse, reads_nothing_behind_the_end) {
    static const char whole[] = "+0012.5000000000000000000000000001e-0007";
    for (size_t size = 0; size < sizeof whole; size++) {
        char *exact = malloc(size == 0 ? 1 : size);
        cr_assert(exact != NULL);
        memcpy(exact, whole, size);
        int128 units = 0;
        enum decimal_result result = decimal_parse((struct text){exact, size}, 10, &units);
        char last = size == 0 ? '+' : exact[size - 1];
        cr_expect_eq(result, last >= '0' && last <= '9' ? DECIMAL_OK : DECIMAL_MALFORMED, "%.*s",
                     (int)size, whole);
        free(exact);
    }
}
