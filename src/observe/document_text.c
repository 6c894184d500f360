/* A document on a terminal. */
#include "accrued/require.h"

#include "document_nodes.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_WIDTH 18
#define INDENT 2

static const char *mark_of(enum document_mark mark) {
    switch (mark) {
    case MARK_PLAIN: return " ";
    case MARK_YES: return "✓";
    case MARK_NO: return "✗";
    case MARK_RESULT: return "→";
    case MARK_ALERT: return "!";
    }
    REQUIRE(false && "a mark without a sign");
}

/* Ids come from feeds: what would move a terminal's cursor is shown as what it is. */
static void append_harmless(struct buffer *to, struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool is_c1 = c == 0xC2 && i + 1 < text.size && (unsigned char)text.data[i + 1] < 0xA0;
        if (is_c1) {
            c = (unsigned char)text.data[++i]; /* U+0080 … U+009F, in two bytes */
        }
        if (c < 0x20 || c == 0x7F || is_c1) {
            buffer_append_format(to, "\\x%02x", c);
        } else {
            buffer_append_byte(to, c);
        }
    }
}

/* Columns on a terminal, as far as names of ours need it: one for each code point. */
static size_t width_of(struct text text) {
    size_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        width += ((unsigned char)text.data[i] & 0xC0U) != 0x80;
    }
    return width;
}

static void append_spaces(struct buffer *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buffer_append_byte(to, ' ');
    }
}

static void append_fact(struct buffer *to, const struct document_node *node) {
    append_spaces(to, (size_t)node->level * INDENT + INDENT);
    buffer_append_string(to, mark_of(node->mark));
    buffer_append_byte(to, ' ');
    append_harmless(to, node->name);
    size_t width = width_of(node->name);
    append_spaces(to, width < NAME_WIDTH ? NAME_WIDTH - width : 1);
    append_harmless(to, node->text);
    buffer_append_byte(to, '\n');
}

static void append_table(struct buffer *to, const struct document_node *node) {
    char *data = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&data, &size);
    REQUIRE(memory != NULL);
    struct table *table = table_new(node->columns, node->column_count);
    for (const struct document_cells *row = node->rows; row != NULL; row = row->next) {
        const char *cells[DOCUMENT_COLUMN_COUNT_MAX];
        for (size_t i = 0; i < node->column_count; i++) {
            cells[i] = row->items[i].data;
        }
        table_add(table, cells);
    }
    table_print(table, memory);
    table_free(table);
    REQUIRE(fclose(memory) == 0);
    for (const char *line = data; line < data + size;) {
        size_t length = strcspn(line, "\n");
        append_spaces(to, INDENT);
        buffer_append(to, line, length);
        while (to->size > 0 && to->data[to->size - 1] == ' ') {
            to->size--; /* the last column is filled up */
        }
        buffer_append_byte(to, '\n');
        line += length + 1;
    }
    free(data);
}

void document_append_text(struct buffer *to, const struct document *document) {
    for (const struct document_node *node = document->first; node != NULL; node = node->next) {
        switch (node->kind) {
        case DOCUMENT_HEADING:
            if (node != document->first && node->level == 1) {
                buffer_append_byte(to, '\n');
            }
            append_spaces(to, node->level > 1 ? INDENT : 0);
            append_harmless(to, node->text);
            buffer_append_byte(to, '\n');
            break;
        case DOCUMENT_FACT: append_fact(to, node); break;
        case DOCUMENT_PARAGRAPH:
            append_spaces(to, INDENT);
            if (node->mark != MARK_PLAIN) {
                buffer_append_string(to, mark_of(node->mark));
                buffer_append_byte(to, ' ');
            }
            append_harmless(to, node->text);
            buffer_append_byte(to, '\n');
            break;
        case DOCUMENT_TABLE: append_table(to, node); break;
        }
    }
}
