/* Balances, checked against accruals that are added up here. */
#include "oracle.h"

#include <stdlib.h>

struct sum {
    int64_t cumulative;
    int64_t lines;
    int64_t offset; /* of the last accrual; −1: there is none */
};

struct partition_read {
    struct accrual_read *accruals;
    size_t count;
};

static bool is_committed_data(const struct record *record) {
    return record->kind == RECORD_DATA && record->fate == FATE_COMMITTED &&
           record->value.data != NULL;
}

static struct partition_read read_accruals(const struct log *log) {
    struct partition_read read = {.accruals = calloc(log->count + 1, sizeof *read.accruals)};
    for (size_t i = 0; i < log->count; i++) {
        if (is_committed_data(&log->records[i])) {
            accrual_read(&log->records[i], &read.accruals[read.count]);
            read.accruals[read.count++].offset = (int64_t)i;
        }
    }
    return read;
}

static bool is_of(const struct accrual_read *accrual, const struct balance_read *key) {
    return accrual->program == key->program && accrual->partner == key->partner &&
           accrual->currency == key->currency && accrual->period == key->period;
}

/* Everything of a key up to an offset, included. */
static struct sum add_up(const struct partition_read *read, const struct balance_read *key,
                         int64_t offset) {
    struct sum sum = {.offset = -1};
    int64_t standing[WORLD_LINES_MAX] = {0};
    for (size_t i = 0; i < read->count && read->accruals[i].offset <= offset; i++) {
        const struct accrual_read *accrual = &read->accruals[i];
        if (is_of(accrual, key)) {
            sum.cumulative += accrual->amount;
            sum.lines += (accrual->cumulative != 0) - (standing[accrual->line] != 0);
            standing[accrual->line] = accrual->cumulative;
            sum.offset = accrual->offset;
        }
    }
    return sum;
}

static void check_partition(int32_t number, const struct partition_read *read) {
    int64_t told[WORLD_PROGRAMS][WORLD_PARTNERS_MAX][2][2] = {{{{0}}}};
    const struct log *log = &world.sums->logs[number];
    for (size_t i = 0; i < log->count; i++) {
        if (!is_committed_data(&log->records[i])) {
            continue;
        }
        struct balance_read balance;
        balance_read(&log->records[i], &balance);
        struct sum due = add_up(read, &balance, balance.source_offset);
        int64_t *before = &told[balance.program][balance.partner][balance.currency][balance.period];
        if (balance.source_offset < *before || balance.source_offset != due.offset ||
            balance.cumulative != due.cumulative || balance.lines != due.lines) {
            sim_fail("balance at [%d] %zu (program %d, partner %d): %lld over %lld lines up to "
                     "offset %lld after %lld; due are %lld over %lld up to %lld",
                     number, i, balance.program, 1000 + balance.partner,
                     (long long)balance.cumulative, (long long)balance.lines,
                     (long long)balance.source_offset, (long long)*before - 1,
                     (long long)due.cumulative, (long long)due.lines, (long long)due.offset);
        }
        *before = balance.source_offset + 1;
    }
    for (size_t i = 0; i < read->count && world.sums_count > 0; i++) {
        const struct accrual_read *accrual = &read->accruals[i];
        if (accrual->offset >=
            told[accrual->program][accrual->partner][accrual->currency][accrual->period]) {
            sim_fail("the accrual at [%d] %lld is in no balance", number,
                     (long long)accrual->offset);
        }
    }
}

void oracle_check_sums(void) {
    for (int32_t p = 0; p < world.accruals->partition_count; p++) {
        struct partition_read read = read_accruals(&world.accruals->logs[p]);
        check_partition(p, &read);
        free(read.accruals);
    }
}
