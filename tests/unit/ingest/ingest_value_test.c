/* Dates, months, ids and products as vendors write them. */
#include "ingest/product.h"
#include "ingest/value.h"

#include <criterion/criterion.h>

static void expect_day(const char *text, bool is_day_first, const char *wanted) {
    int32_t day = 0;
    char shown[CALENDAR_DAY_SIZE] = "bad";
    enum value_result result = value_day(text_of(text), is_day_first, &day);
    if (result == VALUE_GOOD) {
        calendar_format_day(day, shown);
    } else if (result == VALUE_NONE) {
        (void)strcpy(shown, "none");
    }
    cr_expect_str_eq(shown, wanted, "%s: %s, not %s", text, shown, wanted);
}

Test(ingest_value, dates) {
    expect_day("2020-03-01", false, "2020-03-01");
    expect_day("2020-03-01T00:00:00", false, "2020-03-01");
    expect_day("2020-03-01T23:59:59Z", false, "2020-03-01");
    expect_day("2019-02-04T09:22:40.1767993-08:00", false, "2019-02-04");
    expect_day("2019-01-03T19:53:55.1292512+00:00", false, "2019-01-03");
    expect_day("2024-09-18 22:00:00", false, "2024-09-18");
    expect_day("20200301", false, "2020-03-01");
    expect_day("3/1/2020", false, "2020-03-01");
    expect_day("3/1/2020", true, "2020-01-03");
    expect_day("2/28/2019 23:59", false, "2019-02-28");
    expect_day("09/21/2023", false, "2023-09-21");
    expect_day("9/30/2020 12:00:00 AM", false, "2020-09-30");
    expect_day("0001-01-01T00:00:00", false, "none");
    expect_day("1/1/0001 12:00:00 AM", false, "none");
    expect_day("", false, "none");
}

Test(ingest_value, what_is_no_date) {
    static const char *const bad[] = {"2020-13-01",  "2020-02-30",       "13/1/2020", "3/1/20",
                                      "2020-3-1",    "2020-03",          "yesterday", "2020-03-01x",
                                      "2020-03-01T", "3/1/2020 25:00",   "43891",     "1/1/2020/",
                                      "2020/03/01",  "2020-03-01 12:99", "NULL"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_day(bad[i], false, "bad");
    }
}

Test(ingest_value, months) {
    static const char *const march[] = {"2020-03",   "202003",   "2020-03-31",
                                        "3/31/2020", "20200301", "2020-03-01T00:00:00Z"};
    for (size_t i = 0; i < sizeof march / sizeof march[0]; i++) {
        int32_t month = 0;
        cr_expect_eq(value_month(text_of(march[i]), false, &month), VALUE_GOOD, "%s", march[i]);
        cr_expect_eq(month, 2020 * 12 + 2, "%s", march[i]);
    }
    int32_t month = 0;
    cr_expect_eq(value_month(TEXT("2020-13"), false, &month), VALUE_BAD);
    cr_expect_eq(value_month(TEXT("2020-00"), false, &month), VALUE_BAD);
    cr_expect_eq(value_month(TEXT("0001-01-01T00:00:00"), false, &month), VALUE_NONE);
}

Test(ingest_value, resellers_that_are_none) {
    struct text mpn;
    cr_expect_eq(value_mpn(TEXT("0"), &mpn), VALUE_NONE);
    cr_expect_eq(value_mpn(TEXT("-1"), &mpn), VALUE_NONE);
    cr_expect_eq(value_mpn(TEXT(""), &mpn), VALUE_NONE);
    cr_expect_eq(value_mpn(TEXT("6048879"), &mpn), VALUE_GOOD);
    cr_expect(text_equal(mpn, TEXT("6048879")));
    cr_expect_eq(value_mpn(TEXT("10"), &mpn), VALUE_GOOD);
}

Test(ingest_value, ids_lose_what_stands_before_them) {
    cr_expect(text_equal(value_id(TEXT("org:9060d13d")), TEXT("9060d13d")));
    cr_expect(text_equal(value_id(TEXT("ORG:9060D13D")), TEXT("9060D13D")));
    cr_expect(text_equal(value_id(TEXT("/subscriptions/64e355d7")), TEXT("64e355d7")));
    cr_expect(text_equal(value_id(TEXT("/providers/Microsoft.Billing/billingAccounts/8611537")),
                         TEXT("8611537")));
    cr_expect(text_equal(value_id(TEXT("organic")), TEXT("organic")));
    cr_expect(text_equal(value_id(TEXT("org:")), TEXT("org:")));
}

Test(ingest_value, charge_types_in_any_case) {
    cr_expect(text_equal(value_charge_type(TEXT("New")), TEXT("new")));
    cr_expect(text_equal(value_charge_type(TEXT("Cycle fee")), TEXT("cycleFee")));
    cr_expect(text_equal(value_charge_type(TEXT("ADDQUANTITY")), TEXT("addQuantity")));
    cr_expect(text_equal(value_charge_type(TEXT("Assess usage fee for current cycle")),
                         TEXT("assessUsageFeeForCurrentCycle")));
    cr_expect(text_is_null(value_charge_type(TEXT("newer"))));
    cr_expect(text_is_null(value_charge_type(TEXT("ne"))));
    cr_expect(text_is_null(value_charge_type(TEXT("Something else"))));
}

static void expect_product(const char *a, const char *b, const char *c, const char *wanted) {
    struct product product;
    int128 units = 0;
    char shown[DECIMAL_TEXT_SIZE] = "bad";
    product_init(&product);
    if (product_multiply(&product, text_of(a)) && product_multiply(&product, text_of(b)) &&
        product_multiply(&product, text_of(c)) && product_measure(&product, &units)) {
        (void)decimal_format(units, MEASURE_SCALE, shown);
    }
    cr_expect_str_eq(shown, wanted, "%s × %s × %s: %s, not %s", a, b, c, shown, wanted);
}

Test(ingest_value, products_are_exact_and_rounded_once) {
    expect_product("0.096", "24", "1", "2.304");
    expect_product("-0.096", "24", "1", "-2.304");
    expect_product("-2", "-3", "1", "6");
    expect_product("0", "24", "1", "0");
    expect_product("0.0209496384791679", "23.200004", "1", "0.4860316965"); /* …965152… */
    expect_product("0.045", "0.005001", "0.846202666", "0.0001904337");     /* …3368… */
    /* Ties go to the even neighbour, and only true ties are ties. */
    expect_product("0.00001", "0.000005", "1", "0");
    expect_product("0.00003", "0.000005", "1", "0.0000000002");
    expect_product("0.00001", "0.000005", "1.000000000000000001", "0.0000000001");
    expect_product("-0.00003", "0.000005", "1", "-0.0000000002");
    expect_product("1E3", "2.5e-3", "1", "2.5");
    expect_product("999999999", "999999999", "1", "999999998000000001");
    expect_product("9999999999", "9999999999", "1", "bad");
    expect_product("9999999999", "9999999999", "9999999999", "bad");
    expect_product("12,5", "1", "1", "bad");
}
