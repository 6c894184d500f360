#include "mapper.h"

#include "accrued/require.h"
#include "identity.h"
#include "value.h"

#include <stdarg.h>
#include <stdio.h>

#define SECONDS_PER_DAY 86400

/* Fields without which no line can be made. */
static const enum ingest_field needed[] = {
    INGEST_CUSTOMER_ID,     INGEST_BILLING_PERIOD, INGEST_CHARGE_TYPE,   INGEST_CHARGE_START_DATE,
    INGEST_CHARGE_END_DATE, INGEST_CURRENCY,       INGEST_BILLED_AMOUNT,
};

void mapper_init(struct mapper *mapper, const struct ingest_map *map,
                 const struct supplied *supplied) {
    *mapper = (struct mapper){.map = map, .supplied = supplied};
}

static struct bound bind_names(const struct header *header, const char *const *names,
                               size_t count_max) {
    struct bound bound = {.count = 0};
    for (size_t i = 0; i < count_max && names[i] != NULL; i++) {
        if (header_find(header, names[i], &bound.columns[bound.count])) {
            bound.count++;
        }
    }
    return bound;
}

static struct bound bind_name(const struct header *header, const char *name) {
    return bind_names(header, &name, 1);
}

void mapper_bind(struct mapper *mapper, const struct header *header) {
    const struct ingest_map *map = mapper->map;
    if (mapper->header_count == header->count && header->count > 0) {
        return;
    }
    mapper->header_count = header->count;
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        mapper->fields[i] = bind_names(header, map->fields[i].columns, INGEST_SPELLINGS_MAX);
    }
    mapper->identity_count = 0;
    for (size_t i = 0; i < INGEST_IDENTITY_MAX && map->identity[i] != NULL; i++) {
        mapper->identity[i].is_field =
            ingest_field_parse(text_of(map->identity[i]), &mapper->identity[i].field);
        mapper->identity[i].column = bind_name(header, map->identity[i]);
        mapper->identity_count++;
    }
    mapper->detail = bind_name(header, map->detail);
    mapper->skip = bind_name(header, map->skip_column);
}

static bool is_supplied(const struct mapper *mapper, enum ingest_field field) {
    const struct supplied *supplied = mapper->supplied;
    return (field == INGEST_CUSTOMER_ID && !text_is_null(supplied->customer_id)) ||
           (field == INGEST_RESELLER_MPN_ID && !text_is_null(supplied->reseller_mpn_id)) ||
           (field == INGEST_BILLING_PERIOD && supplied->has_billing_period);
}

/* "CustomerId", "BillingCurrency or Currency" */
static void append_spellings(struct buffer *to, const struct ingest_source *source) {
    for (size_t i = 0; i < INGEST_SPELLINGS_MAX && source->columns[i] != NULL; i++) {
        buffer_append_format(to, "%s%s", i > 0 ? " or " : "", source->columns[i]);
    }
}

static bool tell_missing(const struct mapper *mapper, enum ingest_field field,
                         const struct header *header, struct fault *fault) {
    struct buffer columns;
    buffer_init(&columns);
    append_spellings(&columns, &mapper->map->fields[field]);
    const char *hint = "";
    if (header->count <= 1) {
        hint = "; the first line has one column only: are they separated by commas?";
    } else if (field == INGEST_RESELLER_MPN_ID) {
        hint = "; is it the basic attribute set? Export the full one, or say --reseller MPN";
    } else if (field == INGEST_CUSTOMER_ID) {
        hint = "; or say --customer ID";
    } else if (field == INGEST_BILLING_PERIOD) {
        hint = "; or say --billing-period YYYY-MM";
    }
    (void)fault_set(fault, "no column %.*s, which format %s needs for %s%s",
                    TEXT_ARGS(buffer_text(&columns)), mapper->map->format, ingest_field_name(field),
                    hint);
    buffer_release(&columns);
    return false;
}

bool mapper_check(const struct mapper *mapper, const struct header *header, struct fault *fault) {
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        enum ingest_field field = needed[i];
        if (mapper->fields[field].count == 0 && mapper->map->fields[field].constant == NULL &&
            mapper->detail.count == 0 && !is_supplied(mapper, field)) {
            return tell_missing(mapper, field, header, fault);
        }
    }
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        enum ingest_field field = (enum ingest_field)i;
        if (mapper->map->fields[i].must_have_column && mapper->fields[i].count == 0 &&
            !is_supplied(mapper, field)) {
            return tell_missing(mapper, field, header, fault);
        }
    }
    return true;
}

/* A row on its way. */
struct taking {
    const struct mapper *mapper;
    const struct row *row;
    struct arena *arena;
    struct billing_line *line;
    struct bad_row *bad;
};

/* A cell's text, null where it says nothing. */
static struct text cell_at(const struct mapper *mapper, const struct row *row, size_t column) {
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

static struct text first_cell(const struct mapper *mapper, const struct row *row,
                              const struct bound *bound, size_t *ret_column) {
    for (size_t i = 0; i < bound->count; i++) {
        struct text text = cell_at(mapper, row, bound->columns[i]);
        if (!text_is_null(text)) {
            *ret_column = bound->columns[i];
            return text;
        }
    }
    return text_null();
}

__attribute__((format(printf, 4, 5))) static bool bad_set(const struct taking *taking,
                                                          struct text column, struct text value,
                                                          const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(taking->bad->reason, sizeof taking->bad->reason, format, arguments);
    va_end(arguments);
    taking->bad->column = column;
    taking->bad->value = value;
    return false;
}

static bool is_needed(enum ingest_field field) {
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (needed[i] == field) {
            return true;
        }
    }
    return false;
}

/* The name to show for a field that has no value: its first column here, or the map's. */
static struct text shown_column(const struct taking *taking, enum ingest_field field) {
    const struct bound *bound = &taking->mapper->fields[field];
    return bound->count > 0 ? taking->row->header->names[bound->columns[0]]
                            : text_of(taking->mapper->map->fields[field].columns[0]);
}

static struct text *text_place(struct billing_line *line, enum ingest_field field) {
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
    case INGEST_AS_TEXT: *text_place(line, field) = folded_if_id(taking, field, text); break;
    case INGEST_AS_ID:
        *text_place(line, field) = folded_if_id(taking, field, value_id(text));
        break;
    case INGEST_AS_MPN: return value_mpn(text, text_place(line, field));
    case INGEST_AS_CHARGE_TYPE:
        known = value_charge_type(text);
        *text_place(line, field) = text_is_null(known) ? text : known;
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

/* From the first column that has a value, or else the constant. */
static bool take_field(const struct taking *taking, enum ingest_field field) {
    const struct bound *bound = &taking->mapper->fields[field];
    const char *constant = taking->mapper->map->fields[field].constant;
    const char *why = "";
    for (size_t i = 0; i < bound->count; i++) {
        struct text text = cell_at(taking->mapper, taking->row, bound->columns[i]);
        enum value_result result =
            text_is_null(text) ? VALUE_NONE : take_value(taking, field, text, &why);
        if (result == VALUE_GOOD) {
            return true;
        }
        if (result == VALUE_BAD) {
            return bad_set(taking, taking->row->header->names[bound->columns[i]], text, "%s", why);
        }
    }
    if (constant != NULL && take_value(taking, field, text_of(constant), &why) == VALUE_GOOD) {
        return true;
    }
    if (is_needed(field)) {
        return bad_set(taking, shown_column(taking, field), text_null(),
                       "no value, but %s is required", ingest_field_name(field));
    }
    return true;
}

static bool take_fields(const struct taking *taking) {
    const struct supplied *supplied = taking->mapper->supplied;
    struct billing_line *line = taking->line;
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        enum ingest_field field = (enum ingest_field)i;
        bool is_given = is_supplied(taking->mapper, field) && field != INGEST_RESELLER_MPN_ID;
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

static void append_field(struct buffer *to, const struct billing_line *line,
                         enum ingest_field field) {
    char day[CALENDAR_DAY_SIZE];
    char month[CALENDAR_MONTH_SIZE];
    if (field == INGEST_CHARGE_START_DATE || field == INGEST_CHARGE_END_DATE) {
        calendar_format_day(field == INGEST_CHARGE_START_DATE ? line->charge_start_date
                                                              : line->charge_end_date,
                            day);
        identity_append(to, text_of(day));
    } else if (field == INGEST_BILLING_PERIOD) {
        calendar_format_month(line->billing_period, month);
        identity_append(to, text_of(month));
    } else if (field == INGEST_CURRENCY) {
        identity_append(to, (struct text){line->currency.code, sizeof line->currency.code});
    } else {
        struct billing_line copy = *line;
        identity_append(to, *text_place(&copy, field));
    }
}

static void append_identity(const struct taking *taking, struct buffer *to) {
    const struct mapper *mapper = taking->mapper;
    size_t column = 0;
    buffer_clear(to);
    for (size_t i = 0; i < mapper->identity_count; i++) {
        if (mapper->identity[i].is_field) {
            append_field(to, taking->line, mapper->identity[i].field);
        } else {
            identity_append(to,
                            first_cell(mapper, taking->row, &mapper->identity[i].column, &column));
        }
    }
}

/* line_check says "field: reason"; the person at the file knows columns. */
static void bad_from_reject(const struct taking *taking, const struct reject *reject) {
    const char *colon = strchr(reject->message, ':');
    enum ingest_field field;
    size_t column = 0;
    if (colon == NULL ||
        !ingest_field_parse((struct text){reject->message, (size_t)(colon - reject->message)},
                            &field)) {
        (void)bad_set(taking, text_null(), text_null(), "%s", reject->message);
        return;
    }
    struct text value =
        first_cell(taking->mapper, taking->row, &taking->mapper->fields[field], &column);
    (void)bad_set(taking,
                  text_is_null(value) ? shown_column(taking, field)
                                      : taking->row->header->names[column],
                  value, "%s", colon + 2);
}

static bool is_skipped(const struct mapper *mapper, const struct row *row) {
    size_t column = 0;
    struct text value = first_cell(mapper, row, &mapper->skip, &column);
    for (size_t i = 0; i < INGEST_SKIP_VALUES_MAX && mapper->map->skip_values[i] != NULL; i++) {
        if (!text_is_null(value) &&
            text_equal_ignoring_case(value, text_of(mapper->map->skip_values[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_detail(const struct mapper *mapper, const struct row *row) {
    size_t column = 0;
    return !text_is_null(first_cell(mapper, row, &mapper->detail, &column)) &&
           text_is_null(first_cell(mapper, row, &mapper->fields[INGEST_BILLED_AMOUNT], &column));
}

/* CSV: as many cells as columns. Empty cells too many do no harm. */
static bool check_cells(const struct taking *taking) {
    const struct row *row = taking->row;
    size_t columns = row->header->count;
    bool is_good =
        row->count == columns || (row->count < columns && taking->mapper->map->has_short_rows);
    if (row->count > columns) {
        is_good = true;
        for (size_t i = columns; i < row->count; i++) {
            is_good = is_good && value_trim(row->cells[i]).size == 0;
        }
    }
    return is_good || bad_set(taking, text_null(), text_null(),
                              "%zu cells where the header has %zu", row->count, columns);
}

enum mapped mapper_take(struct mapper *mapper, const struct row *row, struct arena *arena,
                        struct billing_line *ret_line, struct buffer *identity,
                        struct bad_row *ret_bad) {
    struct billing_line line = {.revision = 0};
    struct taking taking = {mapper, row, arena, &line, ret_bad};
    struct reject reject;
    REQUIRE(mapper->header_count == row->header->count);
    if (!check_cells(&taking)) {
        return MAPPED_BAD;
    }
    if (is_skipped(mapper, row)) {
        return MAPPED_SKIPPED;
    }
    if (is_detail(mapper, row)) {
        return MAPPED_DETAIL;
    }
    if (!take_fields(&taking)) {
        return MAPPED_BAD;
    }
    append_identity(&taking, identity);
    line.line_id = TEXT("-"); /* for the check; the number in the file is not known here */
    if (!line_check(&line, &reject)) {
        bad_from_reject(&taking, &reject);
        return MAPPED_BAD;
    }
    line.line_id = text_null();
    *ret_line = line;
    return MAPPED_LINE;
}
