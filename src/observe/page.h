/* page.h: the status page, one HTML document without scripts. For src/observe only.
 *
 * Everything on it is read from the metric registry at that moment, so that the page and /metrics
 * cannot disagree. Texts are escaped where they enter the document. */
#ifndef ACCRUED_OBSERVE_PAGE_H
#define ACCRUED_OBSERVE_PAGE_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/metrics.h"

struct page_options {
    const char *input_topic;
    const char *notice; /* NULL: none */
    const char *nonce;  /* of the style element, for the content security policy */
    int64_t now_ms;
    bool refreshes;
    bool is_ready;
    bool is_healthy;
    struct text reasons; /* sentences, each ended by '\n' */
};

#define PAGE_REFRESH_S 5

void page_append(struct buffer *to, const struct page_options *options);

/* Parts, each a <section>; what has no data says so or leaves its section out. */
void page_append_history(struct buffer *to);
void page_append_tiles(struct buffer *to, struct arena *arena);
void page_append_flow(struct buffer *to, struct arena *arena);
void page_append_accrued(struct buffer *to, struct arena *arena);
void page_append_forgone(struct buffer *to, struct arena *arena);
void page_append_dead_letters(struct buffer *to, struct arena *arena);
void page_append_partitions(struct buffer *to, struct arena *arena, const char *topic);
void page_append_workings(struct buffer *to, struct arena *arena);

/* The document up to </head>; refresh_s 0: it stays as it is. */
void page_append_head(struct buffer *to, const char *title, const char *nonce, int refresh_s);

/* One line, explained. */
#define PAGE_ID_SIZE_MAX 1024
enum page_explain_state {
    PAGE_EXPLAIN_ANSWERED,
    PAGE_EXPLAIN_NO_IDS,
    PAGE_EXPLAIN_WAITS,
    PAGE_EXPLAIN_BUSY,
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

/* What the style element holds, in parts, NULL at the end. */
extern const char *const page_style[];

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

/* Writing. */
/* <section><h2>, to be closed by </section>. */
void page_append_heading(struct buffer *to, const char *id, const char *title);
void page_append_escaped(struct buffer *to, struct text text);
/* 1,234,567 */
void page_append_integer(struct buffer *to, int128 value);
/* 1,234.56 and the zeros behind it, which are there but dim: columns align and nothing is rounded.
 */
void page_append_amount(struct buffer *to, int128 units);
/* "0 s", "3.2 s", "4 min 12 s", "2 h 05 min", "3 d 4 h" */
void page_append_duration(struct buffer *to, int64_t ms);
/* "12 kB", "1.4 MB": powers of 1000 */
void page_append_bytes(struct buffer *to, int128 bytes);
/* "42.7 %" of a whole; nothing of nothing is "–" */
void page_append_share(struct buffer *to, int128 part, int128 whole);

#endif
