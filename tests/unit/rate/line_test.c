#include "accrued/line.h"

#include <criterion/criterion.h>
#include <signal.h>

static char filler[LINE_TEXT_SIZE_MAX + 2];

static void fill(void) {
    memset(filler, 'x', sizeof filler);
}

static struct billing_line good_line(void) {
    return (struct billing_line){
        .line_id = TEXT("inv-1/7"),
        .customer_id = TEXT("9a1f"),
        .charge_type = TEXT("cycleFee"),
        .currency = {{'E', 'U', 'R'}},
        .charge_start_date = 18170,
        .charge_end_date = 18170,
    };
}

#define TEXT_COUNT 12
struct line_text {
    const char *name;
    struct text *text;
    size_t size_max;
    bool required;
};

static void line_texts(struct billing_line *line, struct line_text texts[TEXT_COUNT]) {
    const struct line_text all[TEXT_COUNT] = {
        {"line_id", &line->line_id, 128, true},
        {"customer_id", &line->customer_id, 1024, true},
        {"charge_type", &line->charge_type, 1024, true},
        {"invoice_id", &line->invoice_id, 1024, false},
        {"subscription_id", &line->subscription_id, 1024, false},
        {"reseller_mpn_id", &line->reseller_mpn_id, 1024, false},
        {"product_id", &line->product_id, 1024, false},
        {"sku_id", &line->sku_id, 1024, false},
        {"product_name", &line->product_name, 1024, false},
        {"meter_category", &line->meter_category, 1024, false},
        {"product_family", &line->product_family, 1024, false},
        {"workload", &line->workload, 1024, false},
    };
    memcpy(texts, all, sizeof all);
}

static void expect_good(struct billing_line *line, const char *what) {
    struct reject reject = {REJECT_NONE, "untouched"};
    cr_expect(line_check(line, &reject), "%s: %s", what, reject.message);
    cr_expect_eq(reject.code, REJECT_NONE, "%s", what);
    cr_expect_str_eq(reject.message, "untouched", "%s", what);
}

/* Bad, and the message begins with the field's name. */
static void expect_bad(struct billing_line *line, const char *field, const char *what) {
    struct reject reject = {REJECT_NONE, ""};
    cr_expect(!line_check(line, &reject), "%s: %s", field, what);
    cr_expect_eq(reject.code, REJECT_FIELD_INVALID, "%s: %s", field, what);
    size_t size = strlen(field);
    cr_expect(strncmp(reject.message, field, size) == 0 && reject.message[size] == ':',
              "%s, %s: the message is \"%s\"", field, what, reject.message);
}

Test(line, a_line_with_only_what_is_required_is_good) {
    struct billing_line line = good_line();
    expect_good(&line, "the smallest line");
    cr_expect(text_is_null(line.invoice_id));
}

Test(line, sizes_are_bytes_up_to_and_with_the_limit, .init = fill) {
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        struct billing_line line = good_line();
        struct line_text texts[TEXT_COUNT];
        line_texts(&line, texts);
        *texts[i].text = (struct text){filler, texts[i].size_max};
        expect_good(&line, texts[i].name);
        texts[i].text->size++;
        expect_bad(&line, texts[i].name, "a byte too long");
    }
}

Test(line, empty_optional_texts_become_null_and_required_ones_are_bad) {
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        struct billing_line line = good_line();
        struct line_text texts[TEXT_COUNT];
        line_texts(&line, texts);
        *texts[i].text = TEXT("");
        if (texts[i].required) {
            expect_bad(&line, texts[i].name, "empty");
            *texts[i].text = text_null();
            expect_bad(&line, texts[i].name, "null");
        } else {
            expect_good(&line, texts[i].name);
            cr_expect(text_is_null(*texts[i].text), "%s: empty, not null", texts[i].name);
        }
    }
}

Test(line, texts_are_utf8) {
    static const char *const bad[] = {
        "\x80", "\xC0\x80", "a\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80", "ok\xFF", "\xE2\x82",
    };
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        struct billing_line line = good_line();
        struct line_text texts[TEXT_COUNT];
        line_texts(&line, texts);
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            *texts[i].text = text_of(bad[k]);
            expect_bad(&line, texts[i].name, "not UTF-8");
        }
        *texts[i].text = TEXT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
        expect_good(&line, texts[i].name);
    }
}

Test(line, numbers_dates_and_currency) {
    struct billing_line line = good_line();
    line.revision = INT64_MAX;
    expect_good(&line, "the highest revision");
    line.revision = -1;
    expect_bad(&line, "revision", "negative");
    line.revision = INT64_MIN;
    expect_bad(&line, "revision", "the lowest");
    line = good_line();
    line.charge_end_date--;
    expect_bad(&line, "charge_end_date", "before start");
    line = good_line();
    line.charge_end_date++;
    expect_good(&line, "two days");
    static const char currencies[][3] = {
        {'e', 'u', 'r'}, {'E', 'U', 'r'}, {'E', 'U', ' '}, {'1', '2', '3'},
        {0, 0, 0},       {'E', 'U', 0},   {'@', 'A', 'A'}, {'A', '[', 'A'},
    };
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++) {
        line = good_line();
        memcpy(line.currency.code, currencies[i], 3);
        expect_bad(&line, "currency", "not three upper-case letters");
    }
}

Test(line, an_id_that_was_not_folded_is_a_bug, .signal = SIGABRT) {
    struct billing_line line = good_line();
    struct reject reject;
    line.customer_id = TEXT("9A1F");
    (void)line_check(&line, &reject);
}

Test(line, a_subscription_that_was_not_folded_is_a_bug, .signal = SIGABRT) {
    struct billing_line line = good_line();
    struct reject reject;
    line.subscription_id = TEXT("S-1");
    (void)line_check(&line, &reject);
}

Test(line, the_message_names_the_value) {
    struct billing_line line = good_line();
    struct reject reject;
    line.charge_end_date--;
    cr_assert(!line_check(&line, &reject));
    cr_expect(strstr(reject.message, "2019-09-30") && strstr(reject.message, "2019-10-01"), "%s",
              reject.message);
    line = good_line();
    line.revision = -7;
    cr_assert(!line_check(&line, &reject));
    cr_expect(strstr(reject.message, "-7"), "%s", reject.message);
    line = good_line();
    memcpy(line.currency.code, "eUR", 3);
    cr_assert(!line_check(&line, &reject));
    cr_expect(strstr(reject.message, "\"eUR\""), "%s", reject.message);
}

Test(line, a_reject_message_is_utf8_wherever_it_is_cut) {
    struct reject reject;
    for (size_t lead = 0; lead < 4; lead++) {
        char long_text[1200];
        memset(long_text, 'x', lead);
        for (size_t i = lead; i + 4 < sizeof long_text; i += 4) {
            memcpy(long_text + i, "\xF0\x9F\x98\x80", 5);
        }
        cr_assert(!reject_set(&reject, REJECT_FIELD_INVALID, "%s", long_text));
        size_t size = strlen(reject.message);
        cr_expect_eq(size, sizeof reject.message - 1);
        cr_expect(text_is_utf8(text_of(reject.message)), "lead %zu", lead);
        cr_expect_eq(strncmp(reject.message, long_text, size - 3), 0);
    }
    cr_assert(!reject_set(&reject, REJECT_AMOUNT_OVERFLOW, "%d\xF0\x9F\x98 \xC3\xA9\xFF", 7));
    cr_expect_str_eq(reject.message, "7??? \xC3\xA9?");
    cr_expect_eq(reject.code, REJECT_AMOUNT_OVERFLOW);
    cr_assert(!reject_set(&reject, REJECT_FIELD_INVALID, "%s", ""));
    cr_expect_str_eq(reject.message, "");
}

Test(line, every_reject_code_has_its_own_name) {
    for (int i = 0; i < REJECT_CODE_COUNT; i++) {
        const char *name = reject_code_name((enum reject_code)i);
        for (int k = 0; k < i; k++) {
            cr_expect_str_neq(name, reject_code_name((enum reject_code)k));
        }
    }
    cr_expect_str_eq(reject_code_name(REJECT_AVRO_MALFORMED), "avro_malformed");
    cr_expect_str_eq(reject_code_name(REJECT_SCHEMA_UNKNOWN), "schema_unknown");
    cr_expect_str_eq(reject_code_name(REJECT_SCHEMA_INCOMPATIBLE), "schema_incompatible");
    cr_expect_str_eq(reject_code_name(REJECT_FIELD_INVALID), "field_invalid");
    cr_expect_str_eq(reject_code_name(REJECT_AMOUNT_OVERFLOW), "amount_overflow");
    cr_expect_str_eq(reject_code_name(REJECT_WRONG_PARTITION), "wrong_partition");
    cr_expect_str_eq(reject_code_name(REJECT_REFERENCE_UNREADABLE), "reference_unreadable");
    cr_expect_str_eq(reject_code_name(REJECT_JSON_MALFORMED), "json_malformed");
}
