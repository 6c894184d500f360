#include "accrued/table.h"

#include "accrued/require.h"

#include <libsmartcols.h>
#include <stdlib.h>

struct table {
    struct libscols_table *lines;
    size_t column_count;
};

struct table *table_new(const struct table_column *columns, size_t count) {
    REQUIRE(count > 0);
    struct table *table = calloc(1, sizeof *table);
    REQUIRE(table != NULL);
    table->lines = scols_new_table();
    REQUIRE(table->lines != NULL);
    table->column_count = count;
    for (size_t i = 0; i < count; i++) {
        int flags = columns[i].align == TABLE_RIGHT ? SCOLS_FL_RIGHT
                    : columns[i].align == TABLE_CUT ? SCOLS_FL_TRUNC
                                                    : 0;
        REQUIRE(scols_table_new_column(table->lines, columns[i].heading, 0, flags) != NULL);
    }
    return table;
}

void table_free(struct table *table) {
    if (table != NULL) {
        scols_unref_table(table->lines);
        free(table);
    }
}

void table_add(struct table *table, const char *const *cells) {
    struct libscols_line *line = scols_table_new_line(table->lines, NULL);
    REQUIRE(line != NULL);
    for (size_t i = 0; i < table->column_count; i++) {
        REQUIRE(scols_line_set_data(line, i, cells[i] != NULL ? cells[i] : "") == 0);
    }
}

void table_print(struct table *table, FILE *to) {
    (void)scols_table_set_stream(table->lines, to);
    (void)scols_print_table(table->lines);
}
