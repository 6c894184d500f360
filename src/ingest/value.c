#include "value.h"

/* Charge types of legacy licence and usage files, of new commerce, of FOCUS and of Azure exports
 * (domain.md §3.5). Compared without case, spaces, dashes and underscores. */
static const char *const charge_types[] = {
    "new",
    "renew",
    "cancel",
    "convert",
    "purchase",
    "refund",
    "addQuantity",
    "removeQuantity",
    "cancelImmediate",
    "customerCredit",
    "cycleCharge",
    "oneTimeRefund",
    "activationFee",
    "cancelFee",
    "cancelInstanceProrate",
    "cycleFee",
    "cycleInstanceProrate",
    "prorateFeesWhenCancel",
    "prorateFeesWhenConvertAwayFromCurrentOffering",
    "prorateFeesWhenConvertToNewOffering",
    "prorateFeesWhenPurchase",
    "prorateFeeWhenRenew",
    "prorateFeesWhenRenew",
    "renewFee",
    "prorateFeesWhenActivate",
    "purchaseFee",
    "assessUsageFeeWhenCancel",
    "assessUsageFeeForCurrentCycle",
    "offsetALineItem",
    "activationDiscount",
    "cycleDiscount",
    "renewDiscount",
    "cancelDiscount",
    "usage",
    "tax",
    "credit",
    "adjustment",
    "unusedReservation",
    "unusedSavingsPlan",
    "roundingAdjustment",
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text value_trim(struct text text) {
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Takes 1 to `count_max` digits from the front. 0 taken: false. */
static bool take_digits(struct text *text, size_t count_min, size_t count_max, int *ret_value) {
    size_t count = 0;
    int value = 0;
    while (count < count_max && count < text->size && text->data[count] >= '0' &&
           text->data[count] <= '9') {
        value = value * 10 + (text->data[count] - '0');
        count++;
    }
    *ret_value = value;
    text->data += count;
    text->size -= count;
    return count >= count_min;
}

static bool take_char(struct text *text, char wanted) {
    if (text->size == 0 || text->data[0] != wanted) {
        return false;
    }
    text->data++;
    text->size--;
    return true;
}

/* What may follow a date: nothing, or a time of day. The day is what counts, so the time is only
 * looked at for what cannot be one. */
static bool is_time_tail(struct text text) {
    if (text.size == 0) {
        return true;
    }
    int hour = 0;
    int minute = 0;
    if ((!take_char(&text, 'T') && !take_char(&text, ' ')) || !take_digits(&text, 1, 2, &hour) ||
        hour > 24) {
        return false;
    }
    if (text.size > 0 && (!take_char(&text, ':') || !take_digits(&text, 2, 2, &minute))) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!(c >= '0' && c <= '9') && strchr(":.+-Z APMapmUTC", c) == NULL) {
            return false;
        }
    }
    return minute < 60;
}

static enum value_result day_of(int year, int month, int day, int32_t *ret_day) {
    if (!calendar_day_of(year, month, day, ret_day)) {
        return VALUE_BAD;
    }
    return year <= 1 ? VALUE_NONE : VALUE_GOOD; /* .NET's DateTime.MinValue */
}

enum value_result value_day(struct text text, bool is_day_first, int32_t *ret_day) {
    int first = 0;
    int second = 0;
    int third = 0;
    struct text rest = text;
    if (text.size == 0) {
        return VALUE_NONE;
    }
    if (take_digits(&rest, 4, 4, &first)) {
        bool is_dashed = take_char(&rest, '-');
        if (take_digits(&rest, 2, 2, &second) && (!is_dashed || take_char(&rest, '-')) &&
            take_digits(&rest, 2, 2, &third) && is_time_tail(rest)) {
            return day_of(first, second, third, ret_day);
        }
        return VALUE_BAD;
    }
    rest = text;
    if (!take_digits(&rest, 1, 2, &first) || !take_char(&rest, '/') ||
        !take_digits(&rest, 1, 2, &second) || !take_char(&rest, '/') ||
        !take_digits(&rest, 4, 4, &third) || !is_time_tail(rest)) {
        return VALUE_BAD;
    }
    return is_day_first ? day_of(third, second, first, ret_day)
                        : day_of(third, first, second, ret_day);
}

enum value_result value_month(struct text text, bool is_day_first, int32_t *ret_month) {
    int year = 0;
    int month = 0;
    struct text rest = text;
    if ((text.size == 6 || text.size == 7) && take_digits(&rest, 4, 4, &year) &&
        (text.size == 6 || take_char(&rest, '-')) && take_digits(&rest, 2, 2, &month) &&
        rest.size == 0) {
        *ret_month = year * 12 + month - 1;
        return month >= 1 && month <= 12 ? VALUE_GOOD : VALUE_BAD;
    }
    int32_t day = 0;
    enum value_result result = value_day(text, is_day_first, &day);
    if (result == VALUE_GOOD) {
        *ret_month = calendar_month_of_day(day);
    }
    return result;
}

enum value_result value_mpn(struct text text, struct text *ret_mpn) {
    bool is_none = text.size == 0 || text_equal(text, TEXT("0")) || text_equal(text, TEXT("-1"));
    *ret_mpn = is_none ? text_null() : text;
    return is_none ? VALUE_NONE : VALUE_GOOD;
}

struct text value_id(struct text text) {
    static const char *const prefixes[] = {"org:", "/subscriptions/",
                                           "/providers/microsoft.billing/billingaccounts/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t size = strlen(prefixes[i]);
        if (text.size > size && text_equal_ignoring_case((struct text){text.data, size},
                                                         (struct text){prefixes[i], size})) {
            return (struct text){text.data + size, text.size - size};
        }
    }
    return text;
}

static char fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Does `text` spell `known` when case, spaces, dashes and underscores do not count? */
static bool is_spelling_of(struct text text, const char *known) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == ' ' || c == '-' || c == '_') {
            continue;
        }
        if (*known == '\0' || fold(c) != fold(*known)) {
            return false;
        }
        known++;
    }
    return *known == '\0';
}

struct text value_charge_type(struct text text) {
    for (size_t i = 0; i < sizeof charge_types / sizeof charge_types[0]; i++) {
        if (is_spelling_of(text, charge_types[i])) {
            return text_of(charge_types[i]);
        }
    }
    return text_null();
}
