#include "accrued/document.h"

#include "accrued/require.h"

#include "document_nodes.h"

#include <stdarg.h>
#include <stdio.h>

void document_init(struct document *document) {
    *document = (struct document){.first = NULL};
    arena_init(&document->arena);
}

void document_release(struct document *document) {
    arena_release(&document->arena);
    document_init(document);
}

static struct document_node *add(struct document *document, enum document_kind kind) {
    struct document_node *node = arena_take(&document->arena, sizeof *node);
    *node = (struct document_node){.kind = kind};
    if (document->last != NULL) {
        document->last->next = node;
    } else {
        document->first = node;
    }
    document->last = node;
    document->table = NULL;
    return node;
}

static struct text format_text(struct document *document, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    REQUIRE(size >= 0);
    char *text = arena_take(&document->arena, (size_t)size + 1);
    (void)vsnprintf(text, (size_t)size + 1, format, arguments);
    return (struct text){text, (size_t)size};
}

void document_heading(struct document *document, int level, const char *format, ...) {
    struct document_node *node = add(document, DOCUMENT_HEADING);
    va_list arguments;
    va_start(arguments, format);
    node->level = level;
    node->text = format_text(document, format, arguments);
    va_end(arguments);
}

void document_fact(struct document *document, int indent, enum document_mark mark, const char *name,
                   const char *format, ...) {
    struct document_node *node = add(document, DOCUMENT_FACT);
    va_list arguments;
    va_start(arguments, format);
    node->level = indent;
    node->mark = mark;
    node->name = arena_copy(&document->arena, text_of(name));
    node->text = format_text(document, format, arguments);
    va_end(arguments);
}

void document_say(struct document *document, enum document_mark mark, const char *format, ...) {
    struct document_node *node = add(document, DOCUMENT_PARAGRAPH);
    va_list arguments;
    va_start(arguments, format);
    node->mark = mark;
    node->text = format_text(document, format, arguments);
    va_end(arguments);
}

void document_table(struct document *document, const struct table_column *columns, size_t count) {
    REQUIRE(count > 0 && count <= DOCUMENT_COLUMN_COUNT_MAX);
    struct document_node *node = add(document, DOCUMENT_TABLE);
    node->columns = columns;
    node->column_count = count;
    document->table = node;
}

void document_row(struct document *document, const char *const *cells) {
    struct document_node *table = document->table;
    REQUIRE(table != NULL);
    struct document_cells *row =
        arena_take(&document->arena, sizeof *row + table->column_count * sizeof(struct text));
    row->next = NULL;
    for (size_t i = 0; i < table->column_count; i++) {
        row->items[i] = arena_copy(&document->arena, text_of(cells[i] != NULL ? cells[i] : ""));
    }
    if (table->last_row != NULL) {
        table->last_row->next = row;
    } else {
        table->rows = row;
    }
    table->last_row = row;
}
