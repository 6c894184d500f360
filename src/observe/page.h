/* page.h: the status page, one HTML document that is whole without its script. For src/observe
 * only.
 *
 * Everything on it is read from the metric registry at that moment, so that the page and /metrics
 * cannot disagree. Texts are escaped where they enter the document. With scripts the page brings
 * itself up to date in place; without, it is loaded again now and then. */
#ifndef ACCRUED_OBSERVE_PAGE_H
#define ACCRUED_OBSERVE_PAGE_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/metrics.h"

struct page_options {
    const char *input_topic;
    const char *notice;        /* NULL: none */
    const char *nonce;         /* of style and script, for the content security policy */
    struct text configuration; /* as YAML, secrets masked; null: not told */
    int64_t now_ms;
    bool refreshes;
    bool is_ready;
    bool is_healthy;
    struct text reasons; /* sentences, each ended by '\n' */
};

#define PAGE_REFRESH_S 5 /* without scripts */

void page_append(struct buffer *to, const struct page_options *options);

/* The document up to </head>. refresh_s 0: it stays as it is. is_live: a script keeps it up to
 * date, and it is loaded again only where there are no scripts. */
void page_append_head(struct buffer *to, const char *title, const char *nonce, int refresh_s,
                      bool is_live);

/* Parts, each a <section>; what has no data says so or leaves its section out. */
void page_append_history(struct buffer *to);
void page_append_tiles(struct buffer *to, struct arena *arena);
void page_append_flow(struct buffer *to, struct arena *arena);
void page_append_accrued(struct buffer *to, struct arena *arena);
void page_append_forgone(struct buffer *to, struct arena *arena);
void page_append_dead_letters(struct buffer *to, struct arena *arena);
void page_append_partitions(struct buffer *to, struct arena *arena, const char *topic);
void page_append_transactions(struct buffer *to, struct arena *arena);
void page_append_workings(struct buffer *to, struct arena *arena);
void page_append_configuration(struct buffer *to, struct text configuration);

/* One line, explained. */
#define PAGE_ID_SIZE_MAX 1024
enum page_explain_state {
    PAGE_EXPLAIN_ANSWERED,
    PAGE_EXPLAIN_NO_IDS,
    PAGE_EXPLAIN_WAITS,
    PAGE_EXPLAIN_BUSY,
    PAGE_EXPLAIN_GAVE_UP,
    PAGE_EXPLAIN_UNAVAILABLE,
};
struct page_explain {
    const char *nonce;
    struct text customer_id; /* as they came */
    struct text line_id;
    enum page_explain_state state;
    struct text answer; /* HTML, already escaped */
};
void page_append_explain(struct buffer *to, const struct page_explain *explain);
void page_append_explain_form(struct buffer *to, struct text customer_id, struct text line_id);
const char *page_explain_style(void);
const char *page_explain_form_style(void);

/* What the style and the script element hold, in parts, NULL at the end. */
extern const char *const page_style[];
extern const char *const page_script[];

/* Sums of one metric over its series, by one or two labels. Texts live in the arena. */
struct page_row {
    struct text keys[2]; /* null: the series has no such label */
    int128 value;        /* an integer, or units of 10^-6 if the metric's name ends in _amount */
};
struct page_rows {
    struct page_row *items; /* ordered by keys; numbers in them by value */
    size_t count;
};
struct page_rows page_rows(struct arena *arena, const char *name, const char *first_key,
                           const char *second_key);
/* The row with these keys, or NULL. */
const struct page_row *page_row_find(struct page_rows rows, struct text first, struct text second);
int128 page_rows_total(struct page_rows rows);
/* Sum over all series of a metric; false: it has none. */
bool page_value(const char *name, int128 *ret_value);
/* The largest of a metric's series, a time, in milliseconds; false: it has none. */
bool page_longest_ms(const char *name, int64_t *ret_ms);
/* The histogram without regard to labels: the first of its series, or NULL. */
const struct metric *page_histogram(const char *name);

/* A picture of one partition's lag, on a scale of `most` lines. */
void page_append_spark(struct buffer *to, struct text partition, int64_t most);
/* The most that any of these partitions had in the time that pictures show; at least 1. */
int64_t page_spark_scale(struct page_rows partitions);

/* Writing. */
/* <section><h2>, to be closed by </section>. */
void page_append_heading(struct buffer *to, const char *id, const char *title);
void page_append_escaped(struct buffer *to, struct text text);
/* The same; it may break behind its underscores, as a word does behind a hyphen. */
void page_append_breakable(struct buffer *to, struct text code);
/* 1,234,567 */
void page_append_integer(struct buffer *to, int128 value);
/* 1,234.56 and the zeros behind it, which are there but dim: columns align and nothing is rounded.
 */
void page_append_amount(struct buffer *to, int128 units);
/* "0 s", "3.2 s", "4 min 12 s", "2 h 05 min", "3 d 4 h"; below 0: "–" */
void page_append_duration(struct buffer *to, int64_t ms);
/* "12 kB", "1.4 MB": powers of 1000 */
void page_append_bytes(struct buffer *to, int128 bytes);
/* "42.7 %" of a whole; nothing of nothing is "–" */
void page_append_share(struct buffer *to, int128 part, int128 whole);

/* A table that scrolls by itself where it is too wide; `head`: its <th> elements. */
void page_table_begin(struct buffer *to, const char *label, const char *head);
void page_table_end(struct buffer *to);
/* What a code means, for the reader at three in the morning. */
struct page_meaning {
    const char *code; /* NULL: the end of a list */
    const char *words;
};
/* <tr> and the head of a row: a code and, small below it, what it means. */
void page_append_code(struct buffer *to, const struct page_meaning *meanings, struct text code,
                      size_t row_count);
/* <td> with the row's number; nothing in it if there is no row. */
void page_append_count_cell(struct buffer *to, const struct page_row *row);

#endif
