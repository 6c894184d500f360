#include "accrued/line.h"

#include "accrued/calendar.h"
#include "accrued/require.h"

#include <stdarg.h>
#include <stdio.h>

const char *reject_code_name(enum reject_code code) {
    switch (code) {
    case REJECT_NONE: return "none";
    case REJECT_AVRO_MALFORMED: return "avro_malformed";
    case REJECT_SCHEMA_UNKNOWN: return "schema_unknown";
    case REJECT_SCHEMA_INCOMPATIBLE: return "schema_incompatible";
    case REJECT_FIELD_INVALID: return "field_invalid";
    case REJECT_AMOUNT_OVERFLOW: return "amount_overflow";
    case REJECT_WRONG_PARTITION: return "wrong_partition";
    case REJECT_REFERENCE_UNREADABLE: return "reference_unreadable";
    case REJECT_PERIOD_EXPIRED: return "period_expired";
    case REJECT_JSON_MALFORMED: return "json_malformed";
    }
    REQUIRE(false && "a reject code without a name");
}

/* A value that was cut, or garbage, must not make the message unreadable: what is not UTF-8
 * becomes '?'. */
static void keep_utf8(char *message) {
    size_t left = strlen(message);
    while (left > 0) {
        size_t size = 1;
        while (size <= left && size <= 4 && !text_is_utf8((struct text){message, size})) {
            size++;
        }
        if (size > left || size > 4) {
            *message = '?';
            size = 1;
        }
        message += size;
        left -= size;
    }
}

bool reject_set(struct reject *reject, enum reject_code code, const char *format, ...) {
    REQUIRE(code != REJECT_NONE);
    reject->code = code;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reject->message, sizeof reject->message, format, arguments);
    va_end(arguments);
    keep_utf8(reject->message);
    return false;
}

/* A field's place in struct billing_line and its rule. */
struct text_rule {
    const char *name;
    size_t offset;
    size_t size_max;
    bool required;
};

#define TEXT_RULE(field, size_max, required)                                                       \
    { #field, offsetof(struct billing_line, field), size_max, required }

static const struct text_rule text_rules[] = {
    TEXT_RULE(line_id, LINE_ID_SIZE_MAX, true),
    TEXT_RULE(invoice_id, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(customer_id, LINE_TEXT_SIZE_MAX, true),
    TEXT_RULE(subscription_id, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(reseller_mpn_id, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(product_id, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(sku_id, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(product_name, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(meter_category, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(product_family, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(workload, LINE_TEXT_SIZE_MAX, false),
    TEXT_RULE(charge_type, LINE_TEXT_SIZE_MAX, true),
};

static bool check_text(const struct text_rule *rule, struct text *text, struct reject *reject) {
    if (text->size > rule->size_max) {
        return reject_set(reject, REJECT_FIELD_INVALID, "%s: %zu bytes, at most %zu are allowed",
                          rule->name, text->size, rule->size_max);
    }
    if (!text_is_utf8(*text)) {
        return reject_set(reject, REJECT_FIELD_INVALID, "%s: not UTF-8", rule->name);
    }
    if (text->size == 0) {
        if (rule->required) {
            return reject_set(reject, REJECT_FIELD_INVALID, "%s: empty, but required", rule->name);
        }
        *text = text_null();
    }
    return true;
}

#define TEXT_RULE_COUNT (sizeof text_rules / sizeof text_rules[0])

/* Nearly all are: ASCII, short enough, null rather than empty. */
static bool texts_are_plain(const struct billing_line *line) {
    bool is_plain = true;
    for (size_t i = 0; i < TEXT_RULE_COUNT && is_plain; i++) {
        struct text text = *(const struct text *)((const char *)line + text_rules[i].offset);
        is_plain = text.size == 0 ? text_is_null(text) && !text_rules[i].required
                                  : text.size <= text_rules[i].size_max && text_is_ascii(text);
    }
    return is_plain;
}

bool line_check(struct billing_line *line, struct reject *ret_reject) {
    bool is_plain = texts_are_plain(line);
    for (size_t i = 0; i < TEXT_RULE_COUNT && !is_plain; i++) {
        struct text *text = (struct text *)((char *)line + text_rules[i].offset);
        if (!check_text(&text_rules[i], text, ret_reject)) {
            return false;
        }
    }
    REQUIRE(text_is_folded(line->line_id) && text_is_folded(line->customer_id) &&
            text_is_folded(line->subscription_id));
    if (line->revision < 0) {
        return reject_set(ret_reject, REJECT_FIELD_INVALID, "revision: %lld is negative",
                          (long long)line->revision);
    }
    struct currency unused;
    if (!currency_parse((struct text){line->currency.code, sizeof line->currency.code}, &unused)) {
        return reject_set(ret_reject, REJECT_FIELD_INVALID,
                          "currency: \"%.3s\" is not three upper-case letters",
                          line->currency.code);
    }
    if (line->charge_end_date < line->charge_start_date) {
        char start[CALENDAR_DAY_SIZE];
        char end[CALENDAR_DAY_SIZE];
        calendar_format_day(line->charge_start_date, start);
        calendar_format_day(line->charge_end_date, end);
        return reject_set(ret_reject, REJECT_FIELD_INVALID,
                          "charge_end_date: %s is before charge_start_date %s", end, start);
    }
    return true;
}
