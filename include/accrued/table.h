/* table.h: a table for people, on a terminal. Room: observe. Adapter: libsmartcols.
 *
 * Columns are as wide as their cells; on a narrower terminal, texts that may be cut are. Numbers
 * and ids never are: with digits missing they would be others. One thread. */
#ifndef ACCRUED_TABLE_H
#define ACCRUED_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum table_align {
    TABLE_LEFT,
    TABLE_CUT, /* left; the first characters say enough */
    TABLE_RIGHT,
};

struct table_column {
    const char *heading;
    enum table_align align;
};

struct table;

struct table *table_new(const struct table_column *columns, size_t count);
void table_free(struct table *table);
/* One cell a column; copied. NULL: empty. */
void table_add(struct table *table, const char *const *cells);
void table_print(struct table *table, FILE *to);

#endif
