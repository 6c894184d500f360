/* table.h: a table for people, on a terminal. Room: observe. Adapter: libsmartcols.
 *
 * Columns are as wide as their cells; on a terminal, what does not fit is cut. One thread. */
#ifndef ACCRUED_TABLE_H
#define ACCRUED_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table_column {
    const char *heading;
    bool is_right; /* numbers */
};

struct table;

struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *table);
/* One cell a column; copied. NULL: empty. */
void table_add(struct table *table, const char *const *cells);
void table_print(struct table *table, FILE *to);

#endif
