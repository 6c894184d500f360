/* Tables of partners, competencies, links, customers and exchange rates, as anybody's database
 * writes them. A table is recognised by the columns in its
 * header, in any order and case:
 *
 *   partners      mpn_id, and any of mpn_active_from, mpn_active_to, indirect_reseller_…,
 *                 bank_profile_…, tax_profile_…, payout_currency; a row for each interval
 *   competencies  mpn_id, name, level, from, to
 *   links         customer_id, link_id, type, partner_mpn_id, subscription_id, workload, from, to
 *   customers     customer_id, and any of added_on, group_id
 *   exchange rates  period, base, currency, rate
 *
 * An empty date is an open end; both ends of a partner's interval empty: no interval. A row of
 * competencies or links with nothing but the id says that there are none. A column that no table
 * has is refused: were a misspelt `to` passed over, a link would never end. A row that is there
 * twice counts once. */
#include "reference_tables.h"

#include "accrued/require.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define QUOTED_SIZE_MAX 40
#define PARTNER_INTERVAL_COUNT 4

bool table_refuse(struct table_row *row, const char *format, ...) {
    char text[FAULT_TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return problems_add(row->problems, "%s:%zu: %s", row->origin.file, row->origin.line, text);
}

struct text table_quoted(struct text text) {
    size_t size = text.size;
    if (size > QUOTED_SIZE_MAX) {
        size = QUOTED_SIZE_MAX;
        while (size > 0 && ((unsigned char)text.data[size] & 0xC0) == 0x80) {
            size--;
        }
    }
    return (struct text){text.data, size};
}

static bool check_day(struct table_row *row, const char *column, struct text cell) {
    int32_t day;
    return text_is_null(cell) || calendar_parse_day(cell, &day) ||
           table_refuse(row, "%s: \"%.*s\" is not a date (YYYY-MM-DD)", column,
                        TEXT_ARGS(table_quoted(cell)));
}

bool table_need(struct table_row *row, const char *column, struct text cell) {
    return !text_is_null(cell) || table_refuse(row, "%s is empty", column);
}

/* Appends the item unless an equal one is there. */
static void append_once(struct table_row *row, struct reference_entry *entry,
                        enum reference_part part, struct json *item) {
    reference_set_touch(row->set, entry, part);
    const struct json *other = entry->parts[part]->first;
    while (other != NULL && !json_equal(other, item)) {
        other = other->next;
    }
    if (other == NULL) {
        reference_set_append(row->set, entry, part, item);
    }
}

static void add_text(struct table_row *row, struct json *object, const char *name,
                     struct text text) {
    reference_set_add_member(object, reference_set_string(row->set, name, text));
}

/* A part that is one text: told on several rows it must be the same. */
static bool set_once(struct table_row *row, struct reference_entry *entry, enum reference_part part,
                     struct text text) {
    const char *name = reference_part_name(part);
    struct json *told = reference_set_string(row->set, name, text);
    const struct json *before = entry->parts[part];
    if (before != NULL && !json_equal(before, told)) {
        return table_refuse(row, "%s %.*s again, with another %s (%s%.*s before)",
                            reference_kind_name(entry->kind), TEXT_ARGS(table_quoted(entry->id)),
                            name, before->type == JSON_NULL ? "none" : "", TEXT_ARGS(before->text));
    }
    entry->parts[part] = told;
    return true;
}

static bool check_currency(struct table_row *row, const char *column, struct text cell) {
    struct currency currency;
    return currency_parse(cell, &currency) ||
           table_refuse(row, "%s: \"%.*s\" is not a currency (three upper-case letters)", column,
                        TEXT_ARGS(table_quoted(cell)));
}

enum {
    PARTNERS_MPN_ID,
    PARTNERS_FIRST_FROM,
    PARTNERS_PAYOUT_CURRENCY = PARTNERS_FIRST_FROM + 2 * PARTNER_INTERVAL_COUNT
};

/* The intervals stand in the order of enum reference_part, each with its two columns. */
static_assert((int)PART_MPN_ACTIVE == 0 && (int)PART_TAX_PROFILE == PARTNER_INTERVAL_COUNT - 1,
              "the columns of partners follow the parts");

static bool take_partner(struct table_row *row, const struct text *cells) {
    const char *const *columns = row->table->columns;
    struct text payout = cells[PARTNERS_PAYOUT_CURRENCY];
    for (size_t i = PARTNERS_FIRST_FROM; i < PARTNERS_PAYOUT_CURRENCY; i++) {
        if (!check_day(row, columns[i], cells[i])) {
            return false;
        }
    }
    if (!text_is_null(payout) && !check_currency(row, "payout_currency", payout)) {
        return false;
    }
    struct reference_entry *entry =
        reference_set_entry(row->set, REFERENCE_PARTNER, cells[PARTNERS_MPN_ID], row->origin);
    for (size_t i = 0; i < PARTNER_INTERVAL_COUNT; i++) {
        size_t from = PARTNERS_FIRST_FROM + 2 * i;
        enum reference_part part = (enum reference_part)i;
        if (!row->has_column[from]) {
            continue;
        }
        reference_set_touch(row->set, entry, part);
        if (text_is_null(cells[from]) && text_is_null(cells[from + 1])) {
            continue;
        }
        struct json *item = reference_set_object(row->set);
        add_text(row, item, "from", cells[from]);
        add_text(row, item, "to", cells[from + 1]);
        append_once(row, entry, part, item);
    }
    return !row->has_column[PARTNERS_PAYOUT_CURRENCY] ||
           set_once(row, entry, PART_PAYOUT_CURRENCY, payout);
}

/* Has the row nothing but its first column? */
static bool is_id_only(const struct table_row *row, const struct text *cells) {
    for (size_t i = 1; i < row->table->column_count; i++) {
        if (!text_is_null(cells[i])) {
            return false;
        }
    }
    return true;
}

enum {
    COMPETENCIES_MPN_ID,
    COMPETENCIES_NAME,
    COMPETENCIES_LEVEL,
    COMPETENCIES_FROM,
    COMPETENCIES_TO
};

static bool take_competency(struct table_row *row, const struct text *cells) {
    bool is_none = is_id_only(row, cells);
    struct text level = cells[COMPETENCIES_LEVEL];
    bool is_silver = text_equal_ignoring_case(level, TEXT("silver"));
    if (!is_none) {
        if (!table_need(row, "name", cells[COMPETENCIES_NAME]) ||
            !table_need(row, "level", level) || !check_day(row, "from", cells[COMPETENCIES_FROM]) ||
            !check_day(row, "to", cells[COMPETENCIES_TO])) {
            return false;
        }
        if (!is_silver && !text_equal_ignoring_case(level, TEXT("gold"))) {
            return table_refuse(row, "level: \"%.*s\" is neither silver nor gold",
                                TEXT_ARGS(table_quoted(level)));
        }
    }
    struct reference_entry *entry =
        reference_set_entry(row->set, REFERENCE_PARTNER, cells[COMPETENCIES_MPN_ID], row->origin);
    reference_set_touch(row->set, entry, PART_COMPETENCIES);
    if (!is_none) {
        struct json *item = reference_set_object(row->set);
        add_text(row, item, "name", cells[COMPETENCIES_NAME]);
        add_text(row, item, "level", is_silver ? TEXT("silver") : TEXT("gold"));
        add_text(row, item, "from", cells[COMPETENCIES_FROM]);
        add_text(row, item, "to", cells[COMPETENCIES_TO]);
        append_once(row, entry, PART_COMPETENCIES, item);
    }
    return true;
}

enum {
    LINKS_CUSTOMER_ID,
    LINKS_LINK_ID,
    LINKS_TYPE,
    LINKS_PARTNER,
    LINKS_SUBSCRIPTION,
    LINKS_WORKLOAD,
    LINKS_FROM,
    LINKS_TO
};

static bool take_link(struct table_row *row, const struct text *cells) {
    bool is_none = is_id_only(row, cells);
    enum link_type type = LINK_DPOR;
    if (!is_none) {
        if (!table_need(row, "link_id", cells[LINKS_LINK_ID]) ||
            !table_need(row, "type", cells[LINKS_TYPE]) ||
            !table_need(row, "partner_mpn_id", cells[LINKS_PARTNER]) ||
            !check_day(row, "from", cells[LINKS_FROM]) || !check_day(row, "to", cells[LINKS_TO])) {
            return false;
        }
        if (!link_type_parse(cells[LINKS_TYPE], &type)) {
            return table_refuse(row, "type: \"%.*s\" is none of DPOR, PAL, CPOR",
                                TEXT_ARGS(table_quoted(cells[LINKS_TYPE])));
        }
    }
    struct reference_entry *entry =
        reference_set_entry(row->set, REFERENCE_CUSTOMER, cells[LINKS_CUSTOMER_ID], row->origin);
    reference_set_touch(row->set, entry, PART_LINKS);
    if (!is_none) {
        struct json *item = reference_set_object(row->set);
        add_text(row, item, "link_id", cells[LINKS_LINK_ID]);
        add_text(row, item, "type", text_of(link_type_name(type)));
        for (size_t i = LINKS_PARTNER; i <= LINKS_TO; i++) {
            add_text(row, item, row->table->columns[i], cells[i]);
        }
        append_once(row, entry, PART_LINKS, item);
    }
    return true;
}

enum { CUSTOMERS_CUSTOMER_ID, CUSTOMERS_ADDED_ON, CUSTOMERS_GROUP_ID };

static bool take_customer(struct table_row *row, const struct text *cells) {
    if (!check_day(row, "added_on", cells[CUSTOMERS_ADDED_ON])) {
        return false;
    }
    struct reference_entry *entry = reference_set_entry(row->set, REFERENCE_CUSTOMER,
                                                        cells[CUSTOMERS_CUSTOMER_ID], row->origin);
    return (!row->has_column[CUSTOMERS_ADDED_ON] ||
            set_once(row, entry, PART_ADDED_ON, cells[CUSTOMERS_ADDED_ON])) &&
           (!row->has_column[CUSTOMERS_GROUP_ID] ||
            set_once(row, entry, PART_GROUP_ID, cells[CUSTOMERS_GROUP_ID]));
}

enum { RATES_PERIOD, RATES_BASE, RATES_CURRENCY, RATES_RATE };

static bool check_rate(struct table_row *row, const struct text *cells) {
    int32_t month;
    int128 units;
    for (size_t i = RATES_BASE; i <= RATES_RATE; i++) {
        if (!table_need(row, row->table->columns[i], cells[i])) {
            return false;
        }
    }
    if (!calendar_parse_month(cells[RATES_PERIOD], &month)) {
        return table_refuse(row, "period: \"%.*s\" is not a month (YYYY-MM)",
                            TEXT_ARGS(table_quoted(cells[RATES_PERIOD])));
    }
    const char *wrong = exchange_rate_parse(cells[RATES_RATE], &units);
    return check_currency(row, "base", cells[RATES_BASE]) &&
           check_currency(row, "currency", cells[RATES_CURRENCY]) &&
           (wrong == NULL || table_refuse(row, "rate: \"%.*s\" %s",
                                          TEXT_ARGS(table_quoted(cells[RATES_RATE])), wrong));
}

static bool take_rate(struct table_row *row, const struct text *cells) {
    if (!check_rate(row, cells)) {
        return false;
    }
    struct reference_entry *entry =
        reference_set_entry(row->set, REFERENCE_FX, cells[RATES_PERIOD], row->origin);
    if (!set_once(row, entry, PART_BASE, cells[RATES_BASE])) {
        return false;
    }
    reference_set_touch(row->set, entry, PART_RATES);
    const struct json *before = json_member_named(entry->parts[PART_RATES], cells[RATES_CURRENCY]);
    if (before == NULL) {
        struct json *rate = reference_set_string(row->set, "", cells[RATES_RATE]);
        rate->name = arena_copy(&row->set->arena, cells[RATES_CURRENCY]);
        reference_set_append(row->set, entry, PART_RATES, rate);
        return true;
    }
    return text_equal(before->text, cells[RATES_RATE]) ||
           table_refuse(row, "%.*s in %.*s again, with another rate (%.*s before)",
                        TEXT_ARGS(cells[RATES_CURRENCY]), TEXT_ARGS(cells[RATES_PERIOD]),
                        TEXT_ARGS(before->text));
}

const struct table reference_tables[REFERENCE_TABLE_COUNT] = {
    {
        .name = "partners",
        .columns = {"mpn_id", "mpn_active_from", "mpn_active_to", "indirect_reseller_from",
                    "indirect_reseller_to", "bank_profile_from", "bank_profile_to",
                    "tax_profile_from", "tax_profile_to", "payout_currency"},
        .column_count = 10,
        .required_count = 1,
        .pairs_from = PARTNERS_FIRST_FROM,
        .pairs_to = PARTNERS_PAYOUT_CURRENCY,
        .take = take_partner,
    },
    {
        .name = "competencies",
        .columns = {"mpn_id", "name", "level", "from", "to"},
        .column_count = 5,
        .required_count = 3,
        .take = take_competency,
    },
    {
        .name = "links",
        .columns = {"customer_id", "link_id", "type", "partner_mpn_id", "subscription_id",
                    "workload", "from", "to"},
        .column_count = 8,
        .required_count = 4,
        .take = take_link,
    },
    {
        .name = "customers",
        .columns = {"customer_id", "added_on", "group_id"},
        .column_count = 3,
        .required_count = 1,
        .take = take_customer,
    },
    {
        .name = "exchange rates",
        .columns = {"period", "base", "currency", "rate"},
        .column_count = 4,
        .required_count = 4,
        .take = take_rate,
    },
};
