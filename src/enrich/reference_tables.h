/* reference_tables.h: the tables that reference files may be, and what a row of each says. Room:
 * enrich. Private to it. Pure.
 *
 * reference_csv.c reads cells and finds the columns; the tables and the meaning of their cells are
 * in reference_tables.c. A row goes into a reference_set, or a problem names its file and line. */
#ifndef ACCRUED_ENRICH_REFERENCE_TABLES_H
#define ACCRUED_ENRICH_REFERENCE_TABLES_H

#include "accrued/reference_set.h"

#define TABLE_COLUMN_COUNT_MAX 10
#define REFERENCE_TABLE_COUNT 5

struct table_row;

struct table {
    const char *name;
    const char *columns[TABLE_COLUMN_COUNT_MAX]; /* the first is the id */
    size_t column_count;
    size_t required_count; /* the first of them */
    /* These columns come in pairs of `…_from` and `…_to`: the second not without the first. */
    size_t pairs_from;
    size_t pairs_to;
    /* Cells by column; a null one is empty or not there. false: a problem was added. */
    bool (*take)(struct table_row *row, const struct text *cells);
};

extern const struct table reference_tables[REFERENCE_TABLE_COUNT];

/* What is known of a row beside its cells. */
struct table_row {
    struct reference_set *set;
    struct problems *problems;
    struct reference_origin origin;          /* where it begins */
    const struct table *table;               /* NULL: the header has not been read */
    bool has_column[TABLE_COLUMN_COUNT_MAX]; /* of the header, by column */
};

/* Adds a problem with file and line. Returns false. */
__attribute__((format(printf, 2, 3))) bool table_refuse(struct table_row *row, const char *format,
                                                        ...);
/* Is the cell not empty? */
bool table_need(struct table_row *row, const char *column, struct text cell);
/* At most 40 bytes, not cut inside a character. */
struct text table_quoted(struct text text);

#endif
