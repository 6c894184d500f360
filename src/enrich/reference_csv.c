/* Tables of partners, competencies, links and customers, as anybody's database writes them: RFC
 * 4180 through libcsv, strictly. A table is recognised by the columns in its header, in any order
 * and case:
 *
 *   partners      mpn_id, and any of mpn_active_from, mpn_active_to, indirect_reseller_…,
 *                 bank_profile_…, tax_profile_…; a row for each interval
 *   competencies  mpn_id, name, level, from, to
 *   links         customer_id, link_id, type, partner_mpn_id, subscription_id, workload, from, to
 *   customers     customer_id, added_on
 *
 * An empty date is an open end; both ends of a partner's interval empty: no interval. A row of
 * competencies or links with nothing but the id says that there are none. A column that no table
 * has is refused: were a misspelt `to` passed over, a link would never end. A row that is there
 * twice counts once. */
#include "accrued/reference_set.h"

#include "accrued/require.h"
#include "accrued/suggest.h"

#include <assert.h>
#include <csv.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMN_COUNT_MAX 9
#define CELL_COUNT_MAX 64
#define TEXT_SIZE_MAX 1024 /* as in reference_json.c */
#define QUOTED_SIZE_MAX 40
#define PARTNER_INTERVAL_COUNT 4

struct reading;

struct table {
    const char *name;
    const char *columns[COLUMN_COUNT_MAX];
    size_t column_count;
    size_t required_count; /* the first of them */
    /* Cells by column; a null one is empty or not there. */
    bool (*take)(struct reading *reading, const struct text *cells);
};

struct reading {
    struct reference_set *set;
    struct problems *problems;
    struct reference_origin origin; /* of the row at hand: where it begins */
    struct csv_parser parser;
    const struct table *table;         /* NULL: the header has not been read */
    size_t column_at[CELL_COUNT_MAX];  /* by cell */
    bool has_column[COLUMN_COUNT_MAX]; /* by column */
    size_t width;                      /* cells of the header */
    struct buffer data;                /* of the cells at hand, one behind the other */
    size_t ends[CELL_COUNT_MAX];
    size_t count; /* may pass CELL_COUNT_MAX */
    bool is_hopeless;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reading *reading,
                                                         const char *format, ...) {
    char text[FAULT_TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return problems_add(reading->problems, "%s:%zu: %s", reading->origin.file, reading->origin.line,
                        text);
}

/* At most QUOTED_SIZE_MAX bytes, not cut inside a character. */
static struct text quoted(struct text text) {
    size_t size = text.size;
    if (size > QUOTED_SIZE_MAX) {
        size = QUOTED_SIZE_MAX;
        while (size > 0 && ((unsigned char)text.data[size] & 0xC0) == 0x80) {
            size--;
        }
    }
    return (struct text){text.data, size};
}

static bool check_day(struct reading *reading, const char *column, struct text cell) {
    int32_t day;
    return text_is_null(cell) || calendar_parse_day(cell, &day) ||
           refuse(reading, "%s: \"%.*s\" is not a date (YYYY-MM-DD)", column,
                  TEXT_ARGS(quoted(cell)));
}

static bool need(struct reading *reading, const char *column, struct text cell) {
    return !text_is_null(cell) || refuse(reading, "%s is empty", column);
}

/* Appends the item unless an equal one is there. */
static void append_once(struct reading *reading, struct reference_entry *entry,
                        enum reference_part part, struct json *item) {
    reference_set_touch(reading->set, entry, part);
    const struct json *other = entry->parts[part]->first;
    while (other != NULL && !json_equal(other, item)) {
        other = other->next;
    }
    if (other == NULL) {
        reference_set_append(reading->set, entry, part, item);
    }
}

static void add_text(struct reading *reading, struct json *object, const char *name,
                     struct text text) {
    reference_set_add_member(object, reference_set_string(reading->set, name, text));
}

enum { PARTNERS_MPN_ID, PARTNERS_FIRST_FROM };

/* The intervals stand in the order of enum reference_part, each with its two columns. */
static_assert((int)PART_MPN_ACTIVE == 0 && (int)PART_TAX_PROFILE == PARTNER_INTERVAL_COUNT - 1,
              "the columns of partners follow the parts");

static bool take_partner(struct reading *reading, const struct text *cells) {
    const char *const *columns = reading->table->columns;
    for (size_t i = PARTNERS_FIRST_FROM; i < reading->table->column_count; i++) {
        if (!check_day(reading, columns[i], cells[i])) {
            return false;
        }
    }
    struct reference_entry *entry = reference_set_entry(reading->set, REFERENCE_PARTNER,
                                                        cells[PARTNERS_MPN_ID], reading->origin);
    for (size_t i = 0; i < PARTNER_INTERVAL_COUNT; i++) {
        size_t from = PARTNERS_FIRST_FROM + 2 * i;
        enum reference_part part = (enum reference_part)i;
        if (!reading->has_column[from]) {
            continue;
        }
        reference_set_touch(reading->set, entry, part);
        if (text_is_null(cells[from]) && text_is_null(cells[from + 1])) {
            continue;
        }
        struct json *item = reference_set_object(reading->set);
        add_text(reading, item, "from", cells[from]);
        add_text(reading, item, "to", cells[from + 1]);
        append_once(reading, entry, part, item);
    }
    return true;
}

/* Has the row nothing but its first column? */
static bool is_id_only(const struct reading *reading, const struct text *cells) {
    for (size_t i = 1; i < reading->table->column_count; i++) {
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

static bool take_competency(struct reading *reading, const struct text *cells) {
    bool is_none = is_id_only(reading, cells);
    struct text level = cells[COMPETENCIES_LEVEL];
    bool is_silver = text_equal_ignoring_case(level, TEXT("silver"));
    if (!is_none) {
        if (!need(reading, "name", cells[COMPETENCIES_NAME]) || !need(reading, "level", level) ||
            !check_day(reading, "from", cells[COMPETENCIES_FROM]) ||
            !check_day(reading, "to", cells[COMPETENCIES_TO])) {
            return false;
        }
        if (!is_silver && !text_equal_ignoring_case(level, TEXT("gold"))) {
            return refuse(reading, "level: \"%.*s\" is neither silver nor gold",
                          TEXT_ARGS(quoted(level)));
        }
    }
    struct reference_entry *entry = reference_set_entry(
        reading->set, REFERENCE_PARTNER, cells[COMPETENCIES_MPN_ID], reading->origin);
    reference_set_touch(reading->set, entry, PART_COMPETENCIES);
    if (!is_none) {
        struct json *item = reference_set_object(reading->set);
        add_text(reading, item, "name", cells[COMPETENCIES_NAME]);
        add_text(reading, item, "level", is_silver ? TEXT("silver") : TEXT("gold"));
        add_text(reading, item, "from", cells[COMPETENCIES_FROM]);
        add_text(reading, item, "to", cells[COMPETENCIES_TO]);
        append_once(reading, entry, PART_COMPETENCIES, item);
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

static bool take_link(struct reading *reading, const struct text *cells) {
    bool is_none = is_id_only(reading, cells);
    enum link_type type = LINK_DPOR;
    if (!is_none) {
        if (!need(reading, "link_id", cells[LINKS_LINK_ID]) ||
            !need(reading, "type", cells[LINKS_TYPE]) ||
            !need(reading, "partner_mpn_id", cells[LINKS_PARTNER]) ||
            !check_day(reading, "from", cells[LINKS_FROM]) ||
            !check_day(reading, "to", cells[LINKS_TO])) {
            return false;
        }
        if (!link_type_parse(cells[LINKS_TYPE], &type)) {
            return refuse(reading, "type: \"%.*s\" is none of DPOR, PAL, CPOR",
                          TEXT_ARGS(quoted(cells[LINKS_TYPE])));
        }
    }
    struct reference_entry *entry = reference_set_entry(reading->set, REFERENCE_CUSTOMER,
                                                        cells[LINKS_CUSTOMER_ID], reading->origin);
    reference_set_touch(reading->set, entry, PART_LINKS);
    if (!is_none) {
        struct json *item = reference_set_object(reading->set);
        add_text(reading, item, "link_id", cells[LINKS_LINK_ID]);
        add_text(reading, item, "type", text_of(link_type_name(type)));
        for (size_t i = LINKS_PARTNER; i <= LINKS_TO; i++) {
            add_text(reading, item, reading->table->columns[i], cells[i]);
        }
        append_once(reading, entry, PART_LINKS, item);
    }
    return true;
}

enum { CUSTOMERS_CUSTOMER_ID, CUSTOMERS_ADDED_ON };

static bool take_customer(struct reading *reading, const struct text *cells) {
    if (!check_day(reading, "added_on", cells[CUSTOMERS_ADDED_ON])) {
        return false;
    }
    struct reference_entry *entry = reference_set_entry(
        reading->set, REFERENCE_CUSTOMER, cells[CUSTOMERS_CUSTOMER_ID], reading->origin);
    struct json *day = reference_set_string(reading->set, "added_on", cells[CUSTOMERS_ADDED_ON]);
    const struct json *other = entry->parts[PART_ADDED_ON];
    if (other != NULL && !json_equal(other, day)) {
        return refuse(reading, "customer %.*s again, with another added_on (%s%.*s before)",
                      TEXT_ARGS(quoted(entry->id)), other->type == JSON_NULL ? "none" : "",
                      TEXT_ARGS(other->text));
    }
    entry->parts[PART_ADDED_ON] = day;
    return true;
}

/* The first column is the id. */
static const struct table tables[] = {
    {"partners",
     {"mpn_id", "mpn_active_from", "mpn_active_to", "indirect_reseller_from",
      "indirect_reseller_to", "bank_profile_from", "bank_profile_to", "tax_profile_from",
      "tax_profile_to"},
     9,
     1,
     take_partner},
    {"competencies", {"mpn_id", "name", "level", "from", "to"}, 5, 3, take_competency},
    {"links",
     {"customer_id", "link_id", "type", "partner_mpn_id", "subscription_id", "workload", "from",
      "to"},
     8,
     4,
     take_link},
    {"customers", {"customer_id", "added_on"}, 2, 2, take_customer},
};
#define TABLE_COUNT (sizeof tables / sizeof tables[0])

static struct text cell_at(const struct reading *reading, size_t index) {
    const char *data = reading->data.data != NULL ? (const char *)reading->data.data : "";
    size_t begin = index == 0 ? 0 : reading->ends[index - 1];
    return (struct text){data + begin, reading->ends[index] - begin};
}

static bool find_column(const struct table *table, struct text name, size_t *ret_column) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (text_equal_ignoring_case(name, text_of(table->columns[i]))) {
            *ret_column = i;
            return true;
        }
    }
    return false;
}

/* The table that has most of the header's columns. */
static const struct table *recognise(const struct reading *reading) {
    const struct table *best = NULL;
    size_t most = 1; /* an id alone says nothing */
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        size_t known = 0;
        size_t column;
        for (size_t cell = 0; cell < reading->count; cell++) {
            known += find_column(&tables[i], cell_at(reading, cell), &column);
        }
        if (known > most) {
            most = known;
            best = &tables[i];
        }
    }
    return best;
}

static bool place_column(struct reading *reading, const struct table *table, size_t cell) {
    char tail[SUGGESTION_SIZE_MAX];
    struct text name = cell_at(reading, cell);
    size_t column;
    if (!text_is_utf8(name)) {
        return refuse(reading, "column %zu: the name is not UTF-8", cell + 1);
    }
    if (!find_column(table, name, &column)) {
        return refuse(reading, "a table of %s has no column \"%.*s\"%s", table->name,
                      TEXT_ARGS(quoted(name)),
                      suggest_tail(name, table->columns, table->column_count, tail));
    }
    if (reading->has_column[column]) {
        return refuse(reading, "column %s is there twice", table->columns[column]);
    }
    reading->has_column[column] = true;
    reading->column_at[cell] = column;
    return true;
}

static bool take_header(struct reading *reading) {
    if (reading->count > CELL_COUNT_MAX) {
        return refuse(reading, "%zu columns: no table has so many", reading->count);
    }
    const struct table *table = recognise(reading);
    if (table == NULL) {
        return refuse(reading, "not the header of a table that is known: partners (mpn_id, "
                               "mpn_active_from, …), competencies (mpn_id, name, level, …), links "
                               "(customer_id, link_id, type, partner_mpn_id, …) or customers "
                               "(customer_id, added_on), with commas between");
    }
    bool is_good = true;
    for (size_t cell = 0; cell < reading->count; cell++) {
        is_good = place_column(reading, table, cell) && is_good;
    }
    for (size_t i = 0; is_good && i < table->required_count; i++) {
        if (!reading->has_column[i]) {
            is_good =
                refuse(reading, "a table of %s needs a column %s", table->name, table->columns[i]);
        }
    }
    for (size_t i = PARTNERS_FIRST_FROM; table == &tables[0] && i < table->column_count; i += 2) {
        if (is_good && reading->has_column[i + 1] && !reading->has_column[i]) {
            is_good =
                refuse(reading, "column %s without %s", table->columns[i + 1], table->columns[i]);
        }
    }
    reading->table = table;
    reading->width = reading->count;
    return is_good;
}

static bool take_row(struct reading *reading) {
    struct text cells[COLUMN_COUNT_MAX] = {{NULL, 0}};
    bool is_blank = true;
    if (reading->count != reading->width) {
        return refuse(reading, "%zu cells, but the header has %zu", reading->count, reading->width);
    }
    for (size_t i = 0; i < reading->count; i++) {
        struct text cell = cell_at(reading, i);
        const char *column = reading->table->columns[reading->column_at[i]];
        if (cell.size > TEXT_SIZE_MAX) {
            return refuse(reading, "%s: longer than %d bytes", column, TEXT_SIZE_MAX);
        }
        if (!text_is_utf8(cell)) {
            return refuse(reading, "%s: not UTF-8", column);
        }
        if (cell.size > 0) {
            cells[reading->column_at[i]] = cell;
            is_blank = false;
        }
    }
    return is_blank || (need(reading, reading->table->columns[0], cells[0]) &&
                        reading->table->take(reading, cells));
}

static void on_cell(void *data, size_t size, void *context) {
    struct reading *reading = context;
    if (reading->count < CELL_COUNT_MAX) {
        buffer_append(&reading->data, data, size);
        reading->ends[reading->count] = reading->data.size;
    }
    reading->count++;
}

static void on_row_end(int character, void *context) {
    struct reading *reading = context;
    (void)character;
    if (reading->is_hopeless) {
        return;
    }
    if (reading->table == NULL) {
        reading->is_hopeless = !take_header(reading);
    } else {
        (void)take_row(reading);
    }
    reading->count = 0;
    buffer_clear(&reading->data);
}

static void refuse_quote(struct reading *reading) {
    reading->is_hopeless = true;
    (void)refuse(reading, "a quotation mark that is not closed or stands inside a cell (RFC 4180 "
                          "doubles it); what follows was not read");
}

/* Line by line, so that a row knows where it begins. */
static void read_lines(struct reading *reading, FILE *file) {
    char *data = NULL;
    size_t capacity = 0;
    size_t line = 0;
    ssize_t got;
    reading->origin.line = 1;
    while (!reading->is_hopeless && reading->problems->count < REFERENCE_PROBLEM_COUNT_MAX &&
           (got = getline(&data, &capacity, file)) >= 0) {
        struct text text = {data, (size_t)got};
        if (++line == 1 && text_starts_with(text, TEXT("\xEF\xBB\xBF"))) {
            text.data += 3;
            text.size -= 3;
        }
        if (csv_parse(&reading->parser, text.data, text.size, on_cell, on_row_end, reading) !=
            text.size) {
            refuse_quote(reading);
        } else if (reading->count == 0 && reading->parser.pstate == 0) {
            reading->origin.line = line + 1; /* between rows; inside a quoted cell it stays */
        }
    }
    if (ferror(file)) {
        (void)problems_add(reading->problems, "%s: %s", reading->origin.file, strerror(errno));
    } else if (!reading->is_hopeless && reading->problems->count < REFERENCE_PROBLEM_COUNT_MAX) {
        if (csv_fini(&reading->parser, on_cell, on_row_end, reading) != 0) {
            refuse_quote(reading);
        } else if (reading->table == NULL && !reading->is_hopeless) {
            (void)refuse(reading, "empty: a header is needed");
        }
    }
    free(data);
}

bool reference_set_read_csv(struct reference_set *set, const char *path,
                            struct problems *problems) {
    REQUIRE(set != NULL && path != NULL && problems != NULL);
    size_t problems_before = problems->count;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return problems_add(problems, "%s: %s", path, strerror(errno));
    }
    struct reading reading = {.set = set, .problems = problems, .origin = {path, 0}};
    buffer_init(&reading.data);
    REQUIRE(csv_init(&reading.parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
    read_lines(&reading, file);
    csv_free(&reading.parser);
    buffer_release(&reading.data);
    (void)fclose(file);
    return problems->count == problems_before;
}
