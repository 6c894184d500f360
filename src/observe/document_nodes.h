/* document_nodes.h: what a document consists of. Private to observe. */
#ifndef ACCRUED_OBSERVE_DOCUMENT_NODES_H
#define ACCRUED_OBSERVE_DOCUMENT_NODES_H

#include "accrued/document.h"

enum document_kind { DOCUMENT_HEADING, DOCUMENT_FACT, DOCUMENT_PARAGRAPH, DOCUMENT_TABLE };

struct document_cells {
    struct document_cells *next;
    struct text items[];
};

struct document_node {
    struct document_node *next;
    enum document_kind kind;
    enum document_mark mark;
    int level; /* of a heading; the indent of a fact */
    struct text name;
    struct text text;
    const struct table_column *columns;
    size_t column_count;
    struct document_cells *rows;
    struct document_cells *last_row;
};

#endif
