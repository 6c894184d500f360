#include "taking.h"

#include "accrued/require.h"
#include "product.h"
#include "value.h"

#include <stdarg.h>
#include <stdio.h>

#define SECONDS_PER_DAY 86400

/* Fields without which no line can be made. */
static const enum ingest_field needed[] = {
    INGEST_CUSTOMER_ID,     INGEST_BILLING_PERIOD, INGEST_CHARGE_TYPE,   INGEST_CHARGE_START_DATE,
    INGEST_CHARGE_END_DATE, INGEST_CURRENCY,       INGEST_BILLED_AMOUNT,
};

bool mapper_is_supplied(const struct mapper *mapper, enum ingest_field field) {
    const struct supplied *supplied = mapper->supplied;
    return (field == INGEST_CUSTOMER_ID && !text_is_null(supplied->customer_id)) ||
           (field == INGEST_RESELLER_MPN_ID && !text_is_null(supplied->reseller_mpn_id)) ||
           (field == INGEST_BILLING_PERIOD && supplied->has_billing_period);
}

/* A cell's text, null where it says nothing. */
struct text taking_cell(const struct mapper *mapper, const struct row *row, size_t column) {
    if (column >= row->count || text_is_null(row->cells[column])) {
        return text_null();
    }
    struct text text = value_trim(row->cells[column]);
    if (text.size == 0 ||
        (mapper->map->null_word != NULL && text_equal(text, text_of(mapper->map->null_word)))) {
        return text_null();
    }
    return text;
}

struct text taking_first_cell(const struct mapper *mapper, const struct row *row,
                              const struct bound *bound, size_t *ret_column) {
    for (size_t i = 0; i < bound->count; i++) {
        struct text text = taking_cell(mapper, row, bound->columns[i]);
        if (!text_is_null(text)) {
            *ret_column = bound->columns[i];
            return text;
        }
    }
    return text_null();
}

bool taking_bad(const struct taking *taking, struct text column, struct text value,
                const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(taking->bad->reason, sizeof taking->bad->reason, format, arguments);
    va_end(arguments);
    taking->bad->column = column;
    taking->bad->value = value;
    return false;
}

bool taking_needs(enum ingest_field field) {
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (needed[i] == field) {
            return true;
        }
    }
    return false;
}

/* The name to show for a field that has no value: its first column here, or the map's. */
struct text taking_column(const struct taking *taking, enum ingest_field field) {
    const struct bound *bound = &taking->mapper->fields[field];
    return bound->count > 0 ? taking->row->header->names[bound->columns[0]]
                            : text_of(taking->mapper->map->fields[field].columns[0]);
}

struct text *taking_text(struct billing_line *line, enum ingest_field field) {
    switch (field) {
    case INGEST_INVOICE_ID: return &line->invoice_id;
    case INGEST_CUSTOMER_ID: return &line->customer_id;
    case INGEST_SUBSCRIPTION_ID: return &line->subscription_id;
    case INGEST_RESELLER_MPN_ID: return &line->reseller_mpn_id;
    case INGEST_PRODUCT_ID: return &line->product_id;
    case INGEST_SKU_ID: return &line->sku_id;
    case INGEST_PRODUCT_NAME: return &line->product_name;
    case INGEST_METER_CATEGORY: return &line->meter_category;
    case INGEST_PRODUCT_FAMILY: return &line->product_family;
    case INGEST_WORKLOAD: return &line->workload;
    case INGEST_CHARGE_TYPE: return &line->charge_type;
    case INGEST_BILLING_PERIOD:
    case INGEST_CHARGE_START_DATE:
    case INGEST_CHARGE_END_DATE:
    case INGEST_CURRENCY:
    case INGEST_BILLED_AMOUNT:
    case INGEST_CONSUMED_AMOUNT:
    case INGEST_QUANTITY:
    case INGEST_REVISION_DATE: break;
    }
    REQUIRE(false && "a field that is not a text");
}

static int32_t *day_place(struct billing_line *line, enum ingest_field field) {
    REQUIRE(field == INGEST_CHARGE_START_DATE || field == INGEST_CHARGE_END_DATE);
    return field == INGEST_CHARGE_START_DATE ? &line->charge_start_date : &line->charge_end_date;
}

static struct text folded_if_id(const struct taking *taking, enum ingest_field field,
                                struct text text) {
    bool is_id = field == INGEST_CUSTOMER_ID || field == INGEST_SUBSCRIPTION_ID;
    return is_id ? arena_fold(taking->arena, text) : text;
}

static void set_measure(struct billing_line *line, enum ingest_field field, int128 units) {
    if (field == INGEST_BILLED_AMOUNT) {
        line->billed_amount.units = units;
    } else if (field == INGEST_CONSUMED_AMOUNT) {
        line->consumed_amount.units = units;
        line->has_consumed_amount = true;
    } else {
        REQUIRE(field == INGEST_QUANTITY);
        line->quantity.units = units;
        line->has_quantity = true;
    }
}

static enum value_result take_decimal(const struct taking *taking, enum ingest_field field,
                                      struct text text, const char **ret_why) {
    int128 units = 0;
    switch (decimal_parse(text, MEASURE_SCALE, &units)) {
    case DECIMAL_OK: set_measure(taking->line, field, units); return VALUE_GOOD;
    case DECIMAL_OVERFLOW: *ret_why = "more than 18 digits before the point"; return VALUE_BAD;
    case DECIMAL_MALFORMED:
    case DECIMAL_INEXACT: break;
    }
    *ret_why = "not a decimal number";
    return VALUE_BAD;
}

static enum value_result take_day(const struct taking *taking, enum ingest_field field,
                                  struct text text) {
    int32_t day = 0;
    enum value_result result = value_day(text, taking->mapper->map->is_day_first, &day);
    if (result != VALUE_GOOD) {
        return result;
    }
    if (field == INGEST_REVISION_DATE) {
        taking->line->revision = day > 0 ? (int64_t)day * SECONDS_PER_DAY : 0;
    } else {
        *day_place(taking->line, field) = day;
    }
    return VALUE_GOOD;
}

/* Reads one value into the line. VALUE_NONE: the next spelling may have one. */
static enum value_result take_value(const struct taking *taking, enum ingest_field field,
                                    struct text text, const char **ret_why) {
    struct billing_line *line = taking->line;
    struct text known;
    switch (taking->mapper->map->fields[field].kind) {
    case INGEST_AS_TEXT: *taking_text(line, field) = folded_if_id(taking, field, text); break;
    case INGEST_AS_ID:
        *taking_text(line, field) = folded_if_id(taking, field, value_id(text));
        break;
    case INGEST_AS_MPN: return value_mpn(text, taking_text(line, field));
    case INGEST_AS_CHARGE_TYPE:
        known = value_charge_type(text);
        *taking_text(line, field) = text_is_null(known) ? text : known;
        break;
    case INGEST_AS_DECIMAL: return take_decimal(taking, field, text, ret_why);
    case INGEST_AS_DATE: *ret_why = "not a date"; return take_day(taking, field, text);
    case INGEST_AS_MONTH:
        *ret_why = "neither a month nor a date";
        return value_month(text, taking->mapper->map->is_day_first, &line->billing_period);
    case INGEST_AS_CURRENCY:
        *ret_why = "not a currency of three letters";
        for (size_t i = 0; text.size == 3 && i < 3; i++) {
            line->currency.code[i] =
                (char)(text.data[i] >= 'a' && text.data[i] <= 'z' ? text.data[i] - 32
                                                                  : text.data[i]);
        }
        return currency_parse((struct text){line->currency.code, 3}, &line->currency) &&
                       text.size == 3
                   ? VALUE_GOOD
                   : VALUE_BAD;
    }
    return VALUE_GOOD;
}

/* Without a value where a factor has none. */
static enum value_result take_product(const struct taking *taking, enum ingest_field field,
                                      size_t *ret_column, struct text *ret_text) {
    const struct bound *bound = &taking->mapper->factors[field];
    struct product product;
    int128 units = 0;
    product_init(&product);
    for (size_t i = 0; i < bound->count; i++) {
        *ret_column = bound->columns[i];
        *ret_text = taking_cell(taking->mapper, taking->row, bound->columns[i]);
        if (text_is_null(*ret_text)) {
            return VALUE_NONE;
        }
        if (!product_multiply(&product, *ret_text)) {
            return VALUE_BAD;
        }
    }
    if (bound->count == 0) {
        return VALUE_NONE;
    }
    if (!product_measure(&product, &units)) {
        return VALUE_BAD;
    }
    set_measure(taking->line, field, units);
    return VALUE_GOOD;
}

/* From the first column that has a value, or else the product, or else the constant. */
static bool take_field(const struct taking *taking, enum ingest_field field) {
    const struct bound *bound = &taking->mapper->fields[field];
    const char *constant = taking->mapper->map->fields[field].constant;
    const char *why = "";
    for (size_t i = 0; i < bound->count; i++) {
        struct text text = taking_cell(taking->mapper, taking->row, bound->columns[i]);
        enum value_result result =
            text_is_null(text) ? VALUE_NONE : take_value(taking, field, text, &why);
        if (result == VALUE_GOOD) {
            return true;
        }
        if (result == VALUE_BAD) {
            return taking_bad(taking, taking->row->header->names[bound->columns[i]], text, "%s",
                              why);
        }
    }
    size_t column = 0;
    struct text factor = text_null();
    enum value_result product = take_product(taking, field, &column, &factor);
    if (product == VALUE_BAD) {
        return taking_bad(taking, taking->row->header->names[column], factor,
                          "not a decimal number, or a product of more than 18 digits");
    }
    if (product == VALUE_GOOD) {
        return true;
    }
    if (constant != NULL && take_value(taking, field, text_of(constant), &why) == VALUE_GOOD) {
        return true;
    }
    if (taking_needs(field)) {
        return taking_bad(taking, taking_column(taking, field), text_null(),
                          "no value, but %s is required", ingest_field_name(field));
    }
    return true;
}

bool taking_take(const struct taking *taking) {
    const struct supplied *supplied = taking->mapper->supplied;
    struct billing_line *line = taking->line;
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        enum ingest_field field = (enum ingest_field)i;
        bool is_given =
            mapper_is_supplied(taking->mapper, field) && field != INGEST_RESELLER_MPN_ID;
        if (!is_given && !take_field(taking, field)) {
            return false;
        }
    }
    if (!text_is_null(supplied->customer_id)) {
        line->customer_id = supplied->customer_id;
    }
    if (supplied->has_billing_period) {
        line->billing_period = supplied->billing_period;
    }
    if (text_is_null(line->reseller_mpn_id)) {
        line->reseller_mpn_id = supplied->reseller_mpn_id;
    }
    if (text_is_null(line->invoice_id)) {
        line->invoice_id = supplied->invoice_id;
    }
    if (supplied->revision >= 0) {
        line->revision = supplied->revision;
    }
    return true;
}
