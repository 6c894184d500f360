/* rate_totals.h: sums per program, partner and currency, for a table at the end. Room: cli.
 *
 * Kept in order of program, partner and currency, in bytes. One thread. */
#ifndef ACCRUED_CLI_RATE_TOTALS_H
#define ACCRUED_CLI_RATE_TOTALS_H

#include "accrued/arena.h"
#include "accrued/line.h"
#include "accrued/programs.h"

/* Texts are copies, and NUL-terminated. */
struct rate_total {
    struct text program_id;
    struct text partner_mpn_id;
    struct currency currency;
    enum pays pays;
    struct amount amounts[2]; /* the second only where two rules are compared */
    size_t count;             /* of accruals, or of lines */
};

struct rate_totals {
    struct rate_total *items;
    size_t count;
    size_t capacity;
    struct arena arena;
};

void rate_totals_init(struct rate_totals *totals);
void rate_totals_release(struct rate_totals *totals);
/* The sum of that key; 0 when it is new. Good until the next call. */
struct rate_total *rate_totals_of(struct rate_totals *totals, const struct program *program,
                                  struct text partner_mpn_id, struct currency currency);
/* Writes a table of `amounts[0]` to standard error; nothing where there is nothing. */
void rate_totals_tell(const struct rate_totals *totals);

#endif
