#include "mapper.h"

#include "accrued/require.h"
#include "identity.h"
#include "taking.h"
#include "value.h"

#include <stdio.h>

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

/* All of them or none. */
static struct bound bind_factors(const struct header *header, const char *const *names) {
    struct bound bound = bind_names(header, names, INGEST_FACTORS_MAX);
    if (bound.count < INGEST_FACTORS_MAX && names[bound.count] != NULL) {
        bound.count = 0;
    }
    return bound;
}

void mapper_bind(struct mapper *mapper, const struct header *header) {
    const struct ingest_map *map = mapper->map;
    if (mapper->header_count == header->count && header->count > 0) {
        return;
    }
    mapper->header_count = header->count;
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        mapper->fields[i] = bind_names(header, map->fields[i].columns, INGEST_SPELLINGS_MAX);
        mapper->factors[i] = bind_factors(header, map->fields[i].factors);
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
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        enum ingest_field field = (enum ingest_field)i;
        if (taking_needs(field) && mapper->fields[field].count == 0 &&
            mapper->map->fields[field].constant == NULL && mapper->detail.count == 0 &&
            !mapper_is_supplied(mapper, field)) {
            return tell_missing(mapper, field, header, fault);
        }
    }
    for (size_t i = 0; i < INGEST_FIELD_COUNT; i++) {
        enum ingest_field field = (enum ingest_field)i;
        if (mapper->map->fields[i].must_have_column && mapper->fields[i].count == 0 &&
            !mapper_is_supplied(mapper, field)) {
            return tell_missing(mapper, field, header, fault);
        }
    }
    return true;
}

static void append_field(struct buffer *to, struct billing_line *line, enum ingest_field field) {
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
        identity_append(to, *taking_text(line, field));
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
            identity_append(
                to, taking_first_cell(mapper, taking->row, &mapper->identity[i].column, &column));
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
        (void)taking_bad(taking, text_null(), text_null(), "%s", reject->message);
        return;
    }
    struct text value =
        taking_first_cell(taking->mapper, taking->row, &taking->mapper->fields[field], &column);
    (void)taking_bad(taking,
                     text_is_null(value) ? taking_column(taking, field)
                                         : taking->row->header->names[column],
                     value, "%s", colon + 2);
}

static bool is_skipped(const struct mapper *mapper, const struct row *row) {
    size_t column = 0;
    struct text value = taking_first_cell(mapper, row, &mapper->skip, &column);
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
    return !text_is_null(taking_first_cell(mapper, row, &mapper->detail, &column)) &&
           text_is_null(
               taking_first_cell(mapper, row, &mapper->fields[INGEST_BILLED_AMOUNT], &column));
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
    return is_good || taking_bad(taking, text_null(), text_null(),
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
    if (!taking_take(&taking)) {
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
