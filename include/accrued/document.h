/* document.h: headings, facts and tables for people, on a terminal or in the page. Room: observe.
 *
 * Made once, written as text or as HTML; texts are copied, and made harmless when they are written
 * (control characters on a terminal, markup in HTML). One thread. */
#ifndef ACCRUED_DOCUMENT_H
#define ACCRUED_DOCUMENT_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/table.h"

enum document_mark {
    MARK_PLAIN,
    MARK_YES, /* it holds, it applies, it agrees */
    MARK_NO,
    MARK_RESULT, /* what follows from the lines above */
    MARK_ALERT,
};

#define DOCUMENT_COLUMN_COUNT_MAX 12

struct document_node;

struct document {
    struct arena arena;
    struct document_node *first;
    struct document_node *last;
    struct document_node *table; /* that rows go to; NULL: none */
};

void document_init(struct document *document);
void document_release(struct document *document);

/* level 1 or 2. */
__attribute__((format(printf, 3, 4))) void document_heading(struct document *document, int level,
                                                            const char *format, ...);
/* One line: a mark, a name, and what is said of it. `indent` 0, 1 … */
__attribute__((format(printf, 5, 6))) void document_fact(struct document *document, int indent,
                                                         enum document_mark mark, const char *name,
                                                         const char *format, ...);
/* A paragraph. */
__attribute__((format(printf, 3, 4))) void document_say(struct document *document,
                                                        enum document_mark mark, const char *format,
                                                        ...);

/* Then document_row, one cell a column; NULL: empty. The columns must outlive the document. */
void document_table(struct document *document, const struct table_column *columns, size_t count);
void document_row(struct document *document, const char *const *cells);

/* Appends everything as lines for a terminal. */
void document_append_text(struct buffer *to, const struct document *document);
/* Appends <section>s, without a page around them. */
void document_append_html(struct buffer *to, const struct document *document);

#endif
