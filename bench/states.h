/* states.h: the made-up world's lines as the ledger stores them, and what making them costs. */
#ifndef ACCRUED_BENCH_STATES_H
#define ACCRUED_BENCH_STATES_H

#include "world.h"

#include "accrued/posting.h"

struct made_state {
    struct world_texts texts;
    struct earner earner;
    struct line_state state;
};

/* Line `number` at a revision: one program has accrued for its reseller. Borrows from *to. */
void state_make(const struct world *world, uint64_t number, int64_t revision,
                struct made_state *to);

/* Where the n-th revision falls among `line_count` lines. */
uint64_t state_revised(uint64_t n, uint64_t line_count);

#endif
