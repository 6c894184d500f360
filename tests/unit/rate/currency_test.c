#include "accrued/currency.h"

#include <criterion/criterion.h>

static struct currency of(const char *code) {
    struct currency currency;
    cr_assert(currency_parse(text_of(code), &currency));
    return currency;
}

Test(currency, is_three_upper_case_letters) {
    static const char *const bad[] = {"", "EU", "EURO", "eur", "EuR", "E R", "EU1", "\xC3\x84R"};
    struct currency currency = {{'?', '?', '?'}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect(!currency_parse(text_of(bad[i]), &currency), "\"%s\"", bad[i]);
    }
    cr_expect(!currency_parse(text_null(), &currency));
    cr_expect(currency_equal(currency, (struct currency){{'?', '?', '?'}}));
    cr_assert(currency_parse(TEXT("AZA"), &currency));
    cr_expect(currency_equal(currency, (struct currency){{'A', 'Z', 'A'}}));
    cr_expect(!currency_equal(currency, (struct currency){{'A', 'Z', 'B'}}));
}

Test(currency, is_ordered_by_bytes) {
    cr_expect_lt(currency_compare(of("EUR"), of("USD")), 0);
    cr_expect_gt(currency_compare(of("USD"), of("USC")), 0);
    cr_expect_eq(currency_compare(of("JPY"), of("JPY")), 0);
}

Test(currency, has_the_decimals_of_its_minor_unit) {
    static const struct {
        unsigned decimals;
        const char *codes;
    } cases[] = {
        {0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
        {2, "USD EUR GBP CHF AAA ZZZ LPD FCL"}, /* the last two stand across others' ends */
        {3, "BHD IQD JOD KWD LYD OMR TND"},
        {4, "CLF UYW"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (const char *code = cases[i].codes;; code += 4) {
            char text[4] = {code[0], code[1], code[2], '\0'};
            cr_expect_eq(currency_decimals(of(text)), cases[i].decimals, "%s", text);
            if (code[3] == '\0') {
                break;
            }
        }
    }
}
