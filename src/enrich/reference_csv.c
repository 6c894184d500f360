/* Cells and rows of the tables of reference_tables.c: RFC 4180 through libcsv, strictly. */
#include "reference_tables.h"

#include "accrued/require.h"
#include "accrued/suggest.h"

#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CELL_COUNT_MAX 64
#define TEXT_SIZE_MAX 1024 /* as in reference_json.c */

struct reading {
    struct table_row row;
    struct csv_parser parser;
    size_t column_at[CELL_COUNT_MAX]; /* by cell */
    size_t width;                     /* cells of the header */
    struct buffer data;               /* of the cells at hand, one behind the other */
    size_t ends[CELL_COUNT_MAX];
    size_t count; /* may pass CELL_COUNT_MAX */
    bool is_hopeless;
};

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
    for (size_t i = 0; i < REFERENCE_TABLE_COUNT; i++) {
        size_t known = 0;
        size_t column;
        for (size_t cell = 0; cell < reading->count; cell++) {
            known += find_column(&reference_tables[i], cell_at(reading, cell), &column);
        }
        if (known > most) {
            most = known;
            best = &reference_tables[i];
        }
    }
    return best;
}

static bool place_column(struct reading *reading, const struct table *table, size_t cell) {
    char tail[SUGGESTION_SIZE_MAX];
    struct text name = cell_at(reading, cell);
    size_t column;
    if (!text_is_utf8(name)) {
        return table_refuse(&reading->row, "column %zu: the name is not UTF-8", cell + 1);
    }
    if (!find_column(table, name, &column)) {
        return table_refuse(&reading->row, "a table of %s has no column \"%.*s\"%s", table->name,
                            TEXT_ARGS(table_quoted(name)),
                            suggest_tail(name, table->columns, table->column_count, tail));
    }
    if (reading->row.has_column[column]) {
        return table_refuse(&reading->row, "column %s is there twice", table->columns[column]);
    }
    reading->row.has_column[column] = true;
    reading->column_at[cell] = column;
    return true;
}

static bool take_header(struct reading *reading) {
    if (reading->count > CELL_COUNT_MAX) {
        return table_refuse(&reading->row, "%zu columns: no table has so many", reading->count);
    }
    const struct table *table = recognise(reading);
    if (table == NULL) {
        return table_refuse(&reading->row,
                            "not the header of a table that is known: partners (mpn_id, "
                            "mpn_active_from, …), competencies (mpn_id, name, level, …), links "
                            "(customer_id, link_id, type, partner_mpn_id, …), customers "
                            "(customer_id, added_on, group_id) or exchange rates (period, base, "
                            "currency, rate), with commas between");
    }
    bool is_good = true;
    for (size_t cell = 0; cell < reading->count; cell++) {
        is_good = place_column(reading, table, cell) && is_good;
    }
    for (size_t i = 0; is_good && i < table->required_count; i++) {
        if (!reading->row.has_column[i]) {
            is_good = table_refuse(&reading->row, "a table of %s needs a column %s", table->name,
                                   table->columns[i]);
        }
    }
    for (size_t i = table->pairs_from; i < table->pairs_to; i += 2) {
        if (is_good && reading->row.has_column[i + 1] && !reading->row.has_column[i]) {
            is_good = table_refuse(&reading->row, "column %s without %s", table->columns[i + 1],
                                   table->columns[i]);
        }
    }
    reading->row.table = table;
    reading->width = reading->count;
    return is_good;
}

static bool take_row(struct reading *reading) {
    struct text cells[TABLE_COLUMN_COUNT_MAX] = {{NULL, 0}};
    bool is_blank = true;
    if (reading->count != reading->width) {
        return table_refuse(&reading->row, "%zu cells, but the header has %zu", reading->count,
                            reading->width);
    }
    for (size_t i = 0; i < reading->count; i++) {
        struct text cell = cell_at(reading, i);
        const char *column = reading->row.table->columns[reading->column_at[i]];
        if (cell.size > TEXT_SIZE_MAX) {
            return table_refuse(&reading->row, "%s: longer than %d bytes", column, TEXT_SIZE_MAX);
        }
        if (!text_is_utf8(cell)) {
            return table_refuse(&reading->row, "%s: not UTF-8", column);
        }
        if (cell.size > 0) {
            cells[reading->column_at[i]] = cell;
            is_blank = false;
        }
    }
    return is_blank || (table_need(&reading->row, reading->row.table->columns[0], cells[0]) &&
                        reading->row.table->take(&reading->row, cells));
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
    if (reading->row.table == NULL) {
        reading->is_hopeless = !take_header(reading);
    } else {
        (void)take_row(reading);
    }
    reading->count = 0;
    buffer_clear(&reading->data);
}

static void refuse_quote(struct reading *reading) {
    reading->is_hopeless = true;
    (void)table_refuse(&reading->row,
                       "a quotation mark that is not closed or stands inside a cell (RFC 4180 "
                       "doubles it); what follows was not read");
}

/* Line by line, so that a row knows where it begins. */
static void read_lines(struct reading *reading, FILE *file) {
    char *data = NULL;
    size_t capacity = 0;
    size_t line = 0;
    ssize_t got;
    reading->row.origin.line = 1;
    while (!reading->is_hopeless && reading->row.problems->count < REFERENCE_PROBLEM_COUNT_MAX &&
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
            reading->row.origin.line = line + 1; /* between rows; inside a quoted cell it stays */
        }
    }
    if (ferror(file)) {
        (void)problems_add(reading->row.problems, "%s: %s", reading->row.origin.file,
                           strerror(errno));
    } else if (!reading->is_hopeless &&
               reading->row.problems->count < REFERENCE_PROBLEM_COUNT_MAX) {
        if (csv_fini(&reading->parser, on_cell, on_row_end, reading) != 0) {
            refuse_quote(reading);
        } else if (reading->row.table == NULL && !reading->is_hopeless) {
            (void)table_refuse(&reading->row, "empty: a header is needed");
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
    struct reading reading = {.row = {.set = set, .problems = problems, .origin = {path, 0}}};
    buffer_init(&reading.data);
    REQUIRE(csv_init(&reading.parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
    read_lines(&reading, file);
    csv_free(&reading.parser);
    buffer_release(&reading.data);
    (void)fclose(file);
    return problems->count == problems_before;
}
