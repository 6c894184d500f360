/* row.h: rows of a feed file, whatever its form. Private to ingest.
 *
 * A reader is fed bytes and does no I/O; it hands each row to a function. Texts of a row are valid
 * until that returns. The header of a CSV file is fixed; that of JSON objects grows with every
 * member name not seen before. */
#ifndef ACCRUED_INGEST_ROW_H
#define ACCRUED_INGEST_ROW_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/fault.h"

/* The most bytes of one row: a quote that is never closed must not take the whole file along. */
#define ROW_SIZE_MAX (1U << 20)
/* The most different columns. */
#define HEADER_COUNT_MAX 2048

struct header {
    struct arena arena;
    struct text *names;      /* as in the file */
    struct text *normalised; /* as they are compared */
    size_t count;
    size_t capacity;
};

void header_init(struct header *header);
void header_release(struct header *header);
/* Returns the column's index. false: HEADER_COUNT_MAX reached. */
bool header_add(struct header *header, struct text name, size_t *ret_index);
/* By name as in the file, where the last search left off; false: not there. */
bool header_find_exact(const struct header *header, struct text name, size_t hint,
                       size_t *ret_index);
/* By a spelling; the first such column. */
bool header_find(const struct header *header, const char *spelling, size_t *ret_index);

struct row {
    const struct header *header;
    const struct text *cells; /* by column; null: the row has no such column */
    size_t count;             /* cells; in CSV possibly fewer than columns, or more */
    size_t number;            /* the line on which it begins, or the item's number; from 1 */
    struct text raw;
    const char *wrong; /* why it cannot be read at all, or NULL */
};

/* false: stop; the reader then ignores what it is fed. */
typedef bool (*row_function)(void *context, const struct row *row);

struct csv_rows;
struct csv_rows *csv_rows_new(row_function on_row, void *context);
void csv_rows_free(struct csv_rows *rows);
void csv_rows_feed(struct csv_rows *rows, struct text bytes);
/* After the last byte. */
void csv_rows_end(struct csv_rows *rows);
const struct header *csv_rows_header(const struct csv_rows *rows);

/* JSON lines, an array of objects, or pages {"items": […]} and {"value": […]}: each object is a
 * row; members of a nested object become "attributes.objectType". */
struct json_rows;
struct json_rows *json_rows_new(row_function on_row, void *context);
void json_rows_free(struct json_rows *rows);
/* false: not JSON of such a shape; *fault says where. */
bool json_rows_feed(struct json_rows *rows, struct text bytes, struct fault *fault);
bool json_rows_end(struct json_rows *rows, struct fault *fault);

#endif
