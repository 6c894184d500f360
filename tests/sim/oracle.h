/* oracle.h: published messages as the oracle reads them. */
#ifndef ACCRUED_SIM_ORACLE_H
#define ACCRUED_SIM_ORACLE_H

#include "world.h"

struct accrual_read {
    int line;
    int program;
    int partner;
    int64_t sequence;
    int64_t revision;
    int currency;
    int period;
    int64_t amount; /* in millionths */
    int64_t cumulative;
    int64_t offset; /* its own; for whoever notes it */
    int32_t source_partition;
    int64_t source_offset;
    int64_t accrued_at_ms;
    int64_t produced_ms;
    bool is_rerate;
    uint64_t reference_hash;
    const struct process *process;
    uint64_t transaction;
};

struct balance_read {
    int program;
    int partner;
    int currency;
    int period;
    int64_t cumulative; /* in millionths */
    int64_t lines;
    int64_t source_offset;
};

/* By the order of fields in schemas/accrual.avsc; fails the run where that does not fit. */
void accrual_read(const struct record *record, struct accrual_read *ret_accrual);
/* The same of schemas/accrual-balance.avsc. */
void balance_read(const struct record *record, struct balance_read *ret_balance);
/* By its id. */
enum world_program program_read(struct text id);
/* sums.c: is every balance the sum of the accruals that it says, and are all of them in one? */
void oracle_check_sums(void);
/* How many committed dead letters name this record as their source. */
size_t letters_from(const struct log *letters, int32_t partition, int64_t offset);

#endif
