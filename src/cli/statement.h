/* statement.h: accruals of one partner and period, added up. Private to cli. Main thread. */
#ifndef ACCRUED_CLI_STATEMENT_H
#define ACCRUED_CLI_STATEMENT_H

#include "accrued/accrual_reader.h"
#include "accrued/arena.h"

#include <stddef.h>

/* What a line has under one program, in one currency. Texts live in the statement's arena. */
struct statement_entry {
    struct text program_id;
    struct text pays;
    struct text currency;
    struct text customer_id;
    struct text line_id;
    struct text product_family; /* of the last accrual */
    int64_t sequence;           /* of the last accrual */
    struct amount amount;
    struct amount cumulative; /* that the last accrual said */
    size_t accrual_count;
};

struct statement {
    struct arena arena;
    struct statement_entry *entries; /* after statement_close ordered by the texts, one a key */
    size_t count;
    size_t capacity;
    size_t gap_count; /* entries whose amounts do not add up */
};

enum statement_form { STATEMENT_TABLE, STATEMENT_CSV, STATEMENT_TOTAL };

void statement_init(struct statement *statement);
void statement_release(struct statement *statement);
/* Accruals of an entry come in the order of their sequences. */
void statement_add(struct statement *statement, const struct published_accrual *accrual);
/* Adds up. Nothing may be added afterwards. */
void statement_close(struct statement *statement);
/* To standard output. */
void statement_print(const struct statement *statement, enum statement_form form,
                     struct text partner, struct text period);

#endif
