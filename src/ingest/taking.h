/* taking.h: one row's cells → the fields of one line. Private to ingest. Pure. */
#ifndef ACCRUED_INGEST_TAKING_H
#define ACCRUED_INGEST_TAKING_H

#include "mapper.h"

/* A row on its way. */
struct taking {
    const struct mapper *mapper;
    const struct row *row;
    struct arena *arena;
    struct billing_line *line;
    struct bad_row *bad;
};

/* Is it on the command line? */
bool mapper_is_supplied(const struct mapper *mapper, enum ingest_field field);
/* Is there no line without it? */
bool taking_needs(enum ingest_field field);

/* A cell's text, null where it says nothing. */
struct text taking_cell(const struct mapper *mapper, const struct row *row, size_t column);
/* The first of these columns that has a value. */
struct text taking_first_cell(const struct mapper *mapper, const struct row *row,
                              const struct bound *bound, size_t *ret_column);
/* The column to show for a field that has no value. */
struct text taking_column(const struct taking *taking, enum ingest_field field);
/* Where the line keeps a field that is a text. */
struct text *taking_text(struct billing_line *line, enum ingest_field field);

/* Why the row is bad. Returns false. */
__attribute__((format(printf, 4, 5))) bool taking_bad(const struct taking *taking,
                                                      struct text column, struct text value,
                                                      const char *format, ...);
/* Every field, from the row or from the command line. */
bool taking_take(const struct taking *taking);

#endif
