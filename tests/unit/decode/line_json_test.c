#include "accrued/line_json.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define PLAIN                                                                                      \
    "\"line_id\":\"L-1\",\"customer_id\":\"C-1\",\"billing_period\":\"2020-01\","                  \
    "\"charge_type\":\"new\",\"charge_start_date\":\"2020-01-01\","                                \
    "\"charge_end_date\":\"2020-01-31\",\"currency\":\"EUR\",\"billed_amount\":\"12.5\""

static struct arena arena;
static struct buffer source;

static void begin(void) {
    arena_init(&arena);
    buffer_init(&source);
}

static void end(void) {
    arena_release(&arena);
    buffer_release(&source);
}

/* The plain line, and members that stand before its own: of equal names the last one counts, so
 * `members` go behind. */
static enum reject_code read_line(const char *members, struct billing_line *ret_line,
                                  struct reject *ret_reject) {
    buffer_clear(&source);
    buffer_append_format(&source, "{" PLAIN "%s%s}", members[0] != 0 ? "," : "", members);
    struct fault fault = {""};
    const struct json *object = json_parse(&arena, buffer_text(&source), &fault);
    cr_assert(object != NULL, "%s: %s", members, fault.text);
    *ret_reject = (struct reject){REJECT_NONE, ""};
    bool is_read = line_from_json(object, &arena, ret_line, ret_reject);
    cr_assert_eq(is_read, ret_reject->code == REJECT_NONE);
    return ret_reject->code;
}

Test(line_json, reads_a_line_with_its_defaults, .init = begin, .fini = end) {
    struct billing_line line;
    struct reject reject;
    cr_assert_eq(read_line("", &line, &reject), REJECT_NONE, "%s", reject.message);
    struct billing_line wanted = {
        .line_id = TEXT("l-1"),
        .customer_id = TEXT("c-1"),
        .charge_type = TEXT("new"),
        .billing_period = 2020 * 12,
        .charge_start_date = 18262,
        .charge_end_date = 18292,
        .currency = {{'E', 'U', 'R'}},
        .billed_amount = {INT64_C(125000000000)},
    };
    cr_assert(dice_lines_equal(&line, &wanted));
    cr_assert_eq(read_line("\"revision\":7,\"status\":\"VOID\",\"subscription_id\":\"S-\\u00c9\","
                           "\"product_id\":\"P\",\"consumed_amount\":-1e2,\"quantity\":0,"
                           "\"event_time\":\"2020-01-31T23:59:59.9999+02:00\",\"unknown\":[1]",
                           &line, &reject),
                 REJECT_NONE, "%s", reject.message);
    wanted.revision = 7;
    wanted.is_void = true;
    wanted.subscription_id = TEXT("s-\xC3\x89");
    wanted.product_id = TEXT("P");
    wanted.has_consumed_amount = true;
    wanted.consumed_amount.units = INT64_C(-1000000000000);
    wanted.has_quantity = true;
    wanted.has_event_time = true;
    wanted.event_time_ms = INT64_C(1580507999999);
    cr_assert(dice_lines_equal(&line, &wanted));
    cr_assert_eq(read_line("\"revision\":null,\"status\":null,\"subscription_id\":null,"
                           "\"product_id\":\"\",\"consumed_amount\":null,\"event_time\":null",
                           &line, &reject),
                 REJECT_NONE, "%s", reject.message);
    cr_assert(!line.has_consumed_amount && !line.has_event_time && !line.is_void);
    cr_assert(text_is_null(line.subscription_id) && text_is_null(line.product_id));
    cr_assert_eq(line.revision, 0);
}

/* Every member: missing, null, each wrong type. */
Test(line_json, refuses_what_is_missing_or_of_a_wrong_type, .init = begin, .fini = end) {
    static const struct {
        const char *name;
        bool is_required;
        const char *good; /* the types that are none of the wrong ones: s string, n number */
    } fields[] = {
        {"line_id", true, "s"},          {"revision", false, "n"},
        {"status", false, "s"},          {"invoice_id", false, "s"},
        {"billing_period", true, "s"},   {"customer_id", true, "s"},
        {"subscription_id", false, "s"}, {"reseller_mpn_id", false, "s"},
        {"product_id", false, "s"},      {"sku_id", false, "s"},
        {"product_name", false, "s"},    {"meter_category", false, "s"},
        {"product_family", false, "s"},  {"workload", false, "s"},
        {"charge_type", true, "s"},      {"charge_start_date", true, "s"},
        {"charge_end_date", true, "s"},  {"currency", true, "s"},
        {"billed_amount", true, "sn"},   {"consumed_amount", false, "sn"},
        {"quantity", false, "sn"},       {"event_time", false, "s"},
    };
    struct billing_line line;
    struct reject reject;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        static const char *const values[] = {"true",    "false", "[]",     "{}",
                                             "[\"x\"]", "1",     "\"\\n\""};
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            bool is_good_type = (v == 5 && strchr(fields[i].good, 'n') != NULL) ||
                                (v == 6 && strchr(fields[i].good, 's') != NULL);
            char members[100];
            (void)snprintf(members, sizeof members, "\"%s\":%s", fields[i].name, values[v]);
            enum reject_code code = read_line(members, &line, &reject);
            cr_assert(is_good_type || code == REJECT_FIELD_INVALID, "%s", members);
            cr_assert(code == REJECT_NONE ||
                          strncmp(reject.message, fields[i].name, strlen(fields[i].name)) == 0,
                      "%s: %s", members, reject.message);
        }
        char members[100];
        (void)snprintf(members, sizeof members, "\"%s\":null", fields[i].name);
        cr_assert_eq(read_line(members, &line, &reject),
                     fields[i].is_required ? REJECT_FIELD_INVALID : REJECT_NONE, "%s", members);
        cr_assert(!fields[i].is_required || strstr(reject.message, fields[i].name) != NULL);
        /* Missing altogether: under another name. */
        if (fields[i].is_required) {
            (void)read_line("", &line, &reject);
            char *at = strstr((char *)source.data, fields[i].name);
            cr_assert(at != NULL);
            at[0] = '_';
            struct fault fault;
            const struct json *object = json_parse(&arena, buffer_text(&source), &fault);
            cr_assert(object != NULL && !line_from_json(object, &arena, &line, &reject));
            cr_assert_eq(reject.code, REJECT_FIELD_INVALID);
            cr_assert(strstr(reject.message, fields[i].name) != NULL, "%s", reject.message);
        }
    }
}

Test(line_json, values, .init = begin, .fini = end) {
    static const struct {
        const char *members;
        enum reject_code code;
    } cases[] = {
        {"\"revision\":-1", REJECT_FIELD_INVALID},
        {"\"revision\":-0", REJECT_NONE},
        {"\"revision\":1.0", REJECT_FIELD_INVALID},
        {"\"revision\":1e3", REJECT_FIELD_INVALID},
        {"\"revision\":9223372036854775807", REJECT_NONE},
        {"\"revision\":9223372036854775808", REJECT_FIELD_INVALID},
        {"\"status\":\"active\"", REJECT_FIELD_INVALID},
        {"\"status\":\"VOID \"", REJECT_FIELD_INVALID},
        {"\"status\":\"ACTIVE\"", REJECT_NONE},
        {"\"billing_period\":\"2020-00\"", REJECT_FIELD_INVALID},
        {"\"billing_period\":\"2020-12\"", REJECT_NONE},
        {"\"billing_period\":\"2020-01-01\"", REJECT_FIELD_INVALID},
        {"\"charge_end_date\":\"2020-02-30\"", REJECT_FIELD_INVALID},
        {"\"charge_end_date\":\"2020-02-29\"", REJECT_NONE},
        {"\"charge_end_date\":\"2021-02-29\"", REJECT_FIELD_INVALID},
        {"\"charge_end_date\":\"2020-02-29T00:00:00Z\"", REJECT_FIELD_INVALID},
        {"\"charge_end_date\":\"2020-1-31\"", REJECT_FIELD_INVALID},
        {"\"charge_end_date\":\"2019-12-31\"", REJECT_FIELD_INVALID}, /* before the start */
        {"\"charge_end_date\":\"2020-01-01\"", REJECT_NONE},
        {"\"currency\":\"eur\"", REJECT_FIELD_INVALID},
        {"\"currency\":\"EURO\"", REJECT_FIELD_INVALID},
        {"\"currency\":\"E\\u0000R\"", REJECT_FIELD_INVALID},
        {"\"line_id\":\"\"", REJECT_FIELD_INVALID},
        {"\"customer_id\":\"\"", REJECT_FIELD_INVALID},
        {"\"charge_type\":\"\"", REJECT_FIELD_INVALID},
        {"\"billed_amount\":\"\"", REJECT_FIELD_INVALID},
        {"\"billed_amount\":\"1,5\"", REJECT_FIELD_INVALID},
        {"\"billed_amount\":\" 1\"", REJECT_FIELD_INVALID},
        {"\"billed_amount\":\"NaN\"", REJECT_FIELD_INVALID},
        {"\"billed_amount\":\"0x10\"", REJECT_FIELD_INVALID},
        {"\"billed_amount\":\"+1.5E+2\"", REJECT_NONE},
        {"\"billed_amount\":999999999999999999.9999999999", REJECT_NONE},
        {"\"billed_amount\":-999999999999999999.9999999999", REJECT_NONE},
        {"\"billed_amount\":999999999999999999.99999999995", REJECT_AMOUNT_OVERFLOW},
        {"\"billed_amount\":1e18", REJECT_AMOUNT_OVERFLOW},
        {"\"billed_amount\":\"-1e18\"", REJECT_AMOUNT_OVERFLOW},
        {"\"billed_amount\":1e999999999999999999999", REJECT_AMOUNT_OVERFLOW},
        {"\"billed_amount\":1e-999999999999999999999", REJECT_NONE},
        {"\"billed_amount\":0e999999999999999999999", REJECT_NONE},
        {"\"quantity\":1e18", REJECT_AMOUNT_OVERFLOW},
        {"\"event_time\":\"2020-01-01\"", REJECT_FIELD_INVALID},
        {"\"event_time\":\"2020-01-01T00:00:00\"", REJECT_FIELD_INVALID},
        {"\"event_time\":\"2020-01-01T00:00:00Z\"", REJECT_NONE},
        {"\"event_time\":\"2020-01-01T24:00:00Z\"", REJECT_FIELD_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct billing_line line;
        struct reject reject;
        enum reject_code code = read_line(cases[i].members, &line, &reject);
        cr_assert_eq(code, cases[i].code, "%s: %s", cases[i].members, reject.message);
        /* The message names the field; of the two dates, the later one. */
        const char *name = cases[i].members + 1;
        cr_assert(code == REJECT_NONE ||
                      strncmp(reject.message, name, (size_t)(strchr(name, '"') - name)) == 0,
                  "%s: %s", cases[i].members, reject.message);
    }
}

Test(line_json, sizes_are_of_bytes, .init = begin, .fini = end) {
    static const struct {
        const char *name;
        size_t size_max;
    } fields[] = {{"line_id", LINE_ID_SIZE_MAX},
                  {"customer_id", LINE_TEXT_SIZE_MAX},
                  {"invoice_id", LINE_TEXT_SIZE_MAX},
                  {"workload", LINE_TEXT_SIZE_MAX},
                  {"charge_type", LINE_TEXT_SIZE_MAX}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        for (size_t size = fields[i].size_max - 2; size <= fields[i].size_max + 2; size += 2) {
            char members[2000];
            int at = snprintf(members, sizeof members, "\"%s\":\"", fields[i].name);
            for (size_t n = 0; n < size; n += 2) {
                at += snprintf(members + at, sizeof members - (size_t)at, "\xC3\xA9");
            }
            (void)snprintf(members + at, sizeof members - (size_t)at, "\"");
            struct billing_line line;
            struct reject reject;
            cr_assert_eq(read_line(members, &line, &reject),
                         size <= fields[i].size_max ? REJECT_NONE : REJECT_FIELD_INVALID);
        }
    }
}

/* Decimals are exact in both forms and come out without exponent and trailing zeros. */
Test(line_json, decimals_are_exact, .init = begin, .fini = end) {
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"0.1", "0.1"},
        {"\"0.30000000000000004\"", "0.3"},
        {"-0", "0"},
        {"\"-0.00\"", "0"},
        {"123456789012345678.0123456789", "123456789012345678.0123456789"},
        {"\"1.50e1\"", "15"},
        {"5e-11", "0"},
        {"15e-11", "0.0000000002"},
        {"-25e-11", "-0.0000000002"},
        {"0.00000000005000000000000000000000000001", "0.0000000001"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char members[100];
        (void)snprintf(members, sizeof members, "\"billed_amount\":%s", cases[i].in);
        struct billing_line line;
        struct reject reject;
        cr_assert_eq(read_line(members, &line, &reject), REJECT_NONE, "%s", reject.message);
        struct buffer out;
        struct fault fault;
        buffer_init(&out);
        line_append_json(&out, &line);
        const struct json *object = json_parse(&arena, buffer_text(&out), &fault);
        cr_assert(object != NULL);
        const struct json *value = json_member(object, "billed_amount");
        cr_assert_eq(value->type, JSON_STRING);
        cr_assert(text_equal(value->text, text_of(cases[i].out)), "%s: %.*s", cases[i].in,
                  TEXT_ARGS(value->text));
        buffer_release(&out);
    }
}

/* Written lines, damaged anywhere: refused or read, never worse. */
Test(line_json, survives_damage, .init = begin, .fini = end, .timeout = 240) {
    struct dice dice = {51};
    size_t refused = 0;
    for (int round = 0; round < 20000; round++) {
        arena_clear(&arena);
        buffer_clear(&source);
        struct billing_line line = dice_line(&dice, &arena);
        line_append_json(&source, &line);
        for (size_t count = dice_below(&dice, 3); count > 0; count--) {
            source.data[dice_below(&dice, source.size)] = (uint8_t)(32 + dice_below(&dice, 95));
        }
        struct fault fault;
        const struct json *object = json_parse(&arena, buffer_text(&source), &fault);
        struct reject reject = {REJECT_NONE, ""};
        if (object == NULL || object->type != JSON_OBJECT ||
            !line_from_json(object, &arena, &line, &reject)) {
            refused++;
            continue;
        }
        cr_assert(line_check(&line, &reject), "%s", reject.message);
    }
    cr_assert(refused > 3000 && refused < 15000, "%zu", refused);
}
