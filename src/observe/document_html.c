/* A document as sections of the page. */
#include "accrued/require.h"

#include "document_nodes.h"
#include "page.h"

/* The sign for the eye, the word for the ear. */
static void append_mark(struct buffer *to, enum document_mark mark) {
    static const struct {
        const char *class;
        const char *word;
        const char *sign;
    } marks[] = {
        [MARK_PLAIN] = {"", "", ""},
        [MARK_YES] = {"good", "holds", "✓"},
        [MARK_NO] = {"warn", "does not hold", "✗"},
        [MARK_RESULT] = {"sum", "therefore", "→"},
        [MARK_ALERT] = {"bad", "attention", "!"},
    };
    REQUIRE((size_t)mark < sizeof marks / sizeof marks[0]);
    if (mark != MARK_PLAIN) {
        buffer_append_format(to, "<b class=\"mark %s\" role=\"img\" aria-label=\"%s\">%s</b> ",
                             marks[mark].class, marks[mark].word, marks[mark].sign);
    }
}

static void append_fact(struct buffer *to, const struct document_node *node) {
    buffer_append_format(to, "<li class=\"i%d\">", node->level < 3 ? node->level : 3);
    append_mark(to, node->mark);
    buffer_append_string(to, "<span>");
    page_append_escaped(to, node->name);
    buffer_append_string(to, "</span> <div>");
    page_append_escaped(to, node->text);
    buffer_append_string(to, "</div></li>\n");
}

static void append_table(struct buffer *to, const struct document_node *node) {
    buffer_append_string(to, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                             "aria-label=\"Table\">\n<table><thead><tr>");
    for (size_t i = 0; i < node->column_count; i++) {
        buffer_append_format(to, "<th scope=\"col\"%s>",
                             node->columns[i].align == TABLE_RIGHT ? "" : " class=\"left\"");
        page_append_escaped(to, text_of(node->columns[i].heading));
        buffer_append_string(to, "</th>");
    }
    buffer_append_string(to, "</tr></thead>\n<tbody>\n");
    for (const struct document_cells *row = node->rows; row != NULL; row = row->next) {
        buffer_append_string(to, "<tr>");
        for (size_t i = 0; i < node->column_count; i++) {
            buffer_append_string(to, node->columns[i].align == TABLE_RIGHT ? "<td>"
                                                                           : "<td class=\"left\">");
            page_append_escaped(to, row->items[i]);
            buffer_append_string(to, "</td>");
        }
        buffer_append_string(to, "</tr>\n");
    }
    buffer_append_string(to, "</tbody></table></div>\n");
}

/* Which elements are open. */
struct open_elements {
    bool section;
    bool list;
};

static void close_list(struct buffer *to, struct open_elements *open) {
    if (open->list) {
        buffer_append_string(to, "</ul>\n");
        open->list = false;
    }
}

static void append_heading(struct buffer *to, struct open_elements *open,
                           const struct document_node *node) {
    close_list(to, open);
    if (node->level == 1 || !open->section) {
        buffer_append_string(to, open->section ? "</section>\n<section>\n" : "<section>\n");
        open->section = true;
    }
    buffer_append_string(to, node->level == 1 ? "<h2>" : "<h3>");
    page_append_escaped(to, node->text);
    buffer_append_string(to, node->level == 1 ? "</h2>\n" : "</h3>\n");
}

void document_append_html(struct buffer *to, const struct document *document) {
    struct open_elements open = {false, false};
    for (const struct document_node *node = document->first; node != NULL; node = node->next) {
        if (node->kind != DOCUMENT_HEADING && !open.section) {
            buffer_append_string(to, "<section>\n");
            open.section = true;
        }
        switch (node->kind) {
        case DOCUMENT_HEADING: append_heading(to, &open, node); break;
        case DOCUMENT_FACT:
            buffer_append_string(to, open.list ? "" : "<ul class=\"facts\">\n");
            open.list = true;
            append_fact(to, node);
            break;
        case DOCUMENT_PARAGRAPH:
            close_list(to, &open);
            buffer_append_string(to, "<p class=\"said\">");
            append_mark(to, node->mark);
            page_append_escaped(to, node->text);
            buffer_append_string(to, "</p>\n");
            break;
        case DOCUMENT_TABLE:
            close_list(to, &open);
            append_table(to, node);
            break;
        }
    }
    close_list(to, &open);
    buffer_append_string(to, open.section ? "</section>\n" : "");
}
