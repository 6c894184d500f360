/* RFC 4180 through libcsv, strictly. The parser is fed line by line, so that a row knows its line
 * and its raw bytes, and so that after a broken quote reading goes on with the very next line. */
#include "accrued/require.h"
#include "row.h"

#include <csv.h>
#include <stdlib.h>

struct csv_rows {
    struct csv_parser parser;
    struct header header;
    row_function on_row;
    void *context;
    struct buffer raw;  /* the lines of the row at hand */
    size_t redone;      /* bytes of `redo` that have been read again */
    struct buffer redo; /* lines to be read again after a broken row */
    struct buffer data; /* of the cells, one behind the other */
    size_t *ends;       /* of each cell in `data` */
    struct text *cells;
    size_t count;
    size_t capacity;
    size_t line;     /* of what is fed now, from 1 */
    size_t row_line; /* where the row at hand began */
    size_t fed;      /* bytes of `raw` that the parser has seen */
    bool has_header;
    bool is_stopped;
    struct buffer header_raw;
};

static const char broken_quote[] = "a quotation mark that is not closed or stands inside a cell "
                                   "(RFC 4180 doubles it), or a row of "
                                   "more than 1 MiB";

static void parser_start(struct csv_rows *rows) {
    REQUIRE(csv_init(&rows->parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
}

struct csv_rows *csv_rows_new(row_function on_row, void *context) {
    struct csv_rows *rows = calloc(1, sizeof *rows);
    REQUIRE(rows != NULL);
    rows->on_row = on_row;
    rows->context = context;
    rows->line = 1;
    rows->row_line = 1;
    header_init(&rows->header);
    buffer_init(&rows->raw);
    buffer_init(&rows->redo);
    buffer_init(&rows->data);
    buffer_init(&rows->header_raw);
    parser_start(rows);
    return rows;
}

void csv_rows_free(struct csv_rows *rows) {
    if (rows == NULL) {
        return;
    }
    csv_free(&rows->parser);
    header_release(&rows->header);
    buffer_release(&rows->raw);
    buffer_release(&rows->redo);
    buffer_release(&rows->data);
    buffer_release(&rows->header_raw);
    free(rows->ends);
    free(rows->cells);
    free(rows);
}

static void on_cell(void *data, size_t size, void *context) {
    struct csv_rows *rows = context;
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity == 0 ? 64 : rows->capacity * 2;
        rows->ends = realloc(rows->ends, rows->capacity * sizeof *rows->ends);
        rows->cells = realloc(rows->cells, rows->capacity * sizeof *rows->cells);
        REQUIRE(rows->ends != NULL && rows->cells != NULL);
    }
    buffer_append(&rows->data, data, size);
    rows->ends[rows->count++] = rows->data.size;
}

/* The row's bytes without the line's end. */
static struct text raw_text(const struct csv_rows *rows, size_t size) {
    struct text raw = {(const char *)rows->raw.data, size};
    while (raw.size > 0 && (raw.data[raw.size - 1] == '\n' || raw.data[raw.size - 1] == '\r')) {
        raw.size--;
    }
    return raw;
}

static void take_header(struct csv_rows *rows, struct text raw) {
    size_t index = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (!header_add(&rows->header, rows->cells[i], &index)) {
            break; /* told with the first row: it has more cells than the header */
        }
    }
    buffer_append_text(&rows->header_raw, raw);
    rows->has_header = true;
}

static void hand_over(struct csv_rows *rows, struct text raw, const char *wrong) {
    struct row row = {&rows->header,  rows->cells, wrong == NULL ? rows->count : 0,
                      rows->row_line, raw,         wrong};
    if (!rows->is_stopped && !rows->on_row(rows->context, &row)) {
        rows->is_stopped = true;
    }
}

static void on_row_end(int character, void *context) {
    struct csv_rows *rows = context;
    (void)character;
    const char *data = rows->data.data != NULL ? (const char *)rows->data.data : "";
    for (size_t i = 0, begin = 0; i < rows->count; begin = rows->ends[i++]) {
        rows->cells[i] = (struct text){data + begin, rows->ends[i] - begin};
    }
    struct text raw = raw_text(rows, rows->raw.size);
    if (!rows->has_header) {
        take_header(rows, raw);
    } else if (!text_equal(raw, buffer_text(&rows->header_raw))) {
        hand_over(rows, raw, NULL); /* a header again: files joined end to end */
    }
    rows->count = 0;
    buffer_clear(&rows->data);
}

/* The first line of the row at hand is no CSV: tell, and read the others again. */
static void break_off(struct csv_rows *rows) {
    const uint8_t *newline = memchr(rows->raw.data, '\n', rows->raw.size);
    size_t first = newline != NULL ? (size_t)(newline - rows->raw.data) + 1 : rows->raw.size;
    rows->count = 0;
    buffer_clear(&rows->data);
    if (!rows->has_header) {
        rows->has_header = true; /* without a name: whoever looks for columns tells */
    }
    hand_over(rows, raw_text(rows, first), broken_quote);
    csv_free(&rows->parser);
    parser_start(rows);
    /* What follows the first line stands before whatever was to be read again already. */
    struct buffer rest;
    buffer_init(&rest);
    buffer_append(&rest, rows->raw.data + first, rows->raw.size - first);
    if (rows->redone < rows->redo.size) {
        buffer_append(&rest, rows->redo.data + rows->redone, rows->redo.size - rows->redone);
    }
    buffer_release(&rows->redo);
    rows->redo = rest;
    rows->redone = 0;
    buffer_clear(&rows->raw);
    rows->line = rows->row_line + 1;
    rows->row_line = rows->line;
    rows->fed = 0;
}

/* Feeds what `raw` has and the parser has not seen: a line, or a part of one. */
static void parse_rest(struct csv_rows *rows) {
    const uint8_t *from = rows->raw.data + rows->fed;
    size_t size = rows->raw.size - rows->fed;
    bool is_whole = size > 0 && from[size - 1] == '\n';
    rows->fed = rows->raw.size;
    if (csv_parse(&rows->parser, from, size, on_cell, on_row_end, rows) != size) {
        break_off(rows);
        return;
    }
    if (!is_whole) {
        return;
    }
    rows->line++;
    /* Between rows libcsv holds nothing; inside a quoted cell it does. */
    if (rows->count == 0 && rows->parser.pstate == 0) {
        buffer_clear(&rows->raw);
        rows->fed = 0;
        rows->row_line = rows->line;
    } else if (rows->raw.size > ROW_SIZE_MAX) {
        break_off(rows);
    }
}

/* A line with its newline, or the beginning of one. */
static void take_part(struct csv_rows *rows, const uint8_t *data, size_t size) {
    buffer_append(&rows->raw, data, size);
    if (data[size - 1] == '\n') {
        parse_rest(rows);
    } else if (rows->raw.size > ROW_SIZE_MAX) {
        break_off(rows);
    }
}

static size_t line_size(const uint8_t *data, size_t size) {
    const uint8_t *newline = memchr(data, '\n', size);
    return newline != NULL ? (size_t)(newline - data) + 1 : size;
}

/* Lines that a broken row had swallowed. A broken one among them adds to `redo` again, but each
 * round drops a line. */
static void take_again(struct csv_rows *rows) {
    while (rows->redone < rows->redo.size && !rows->is_stopped) {
        const uint8_t *from = rows->redo.data + rows->redone;
        size_t size = line_size(from, rows->redo.size - rows->redone);
        rows->redone += size;
        take_part(rows, from, size);
    }
    buffer_clear(&rows->redo);
    rows->redone = 0;
}

void csv_rows_feed(struct csv_rows *rows, struct text bytes) {
    const uint8_t *data = (const uint8_t *)bytes.data;
    for (size_t at = 0; at < bytes.size && !rows->is_stopped;) {
        size_t size = line_size(data + at, bytes.size - at);
        take_part(rows, data + at, size);
        take_again(rows);
        at += size;
    }
}

void csv_rows_end(struct csv_rows *rows) {
    while (!rows->is_stopped && rows->raw.size > 0) {
        if (rows->fed < rows->raw.size) {
            parse_rest(rows);
        } else if (csv_fini(&rows->parser, on_cell, on_row_end, rows) != 0) {
            break_off(rows);
        } else {
            buffer_clear(&rows->raw);
        }
        take_again(rows);
    }
}

const struct header *csv_rows_header(const struct csv_rows *rows) {
    return &rows->header;
}
