#include "rate_totals.h"

#include "accrued/require.h"
#include "accrued/table.h"

#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_MIN 64

static const struct table_column columns[] = {
    {"PARTNER", TABLE_LEFT},   {"PROGRAM", TABLE_LEFT}, {"PAYS", TABLE_LEFT},
    {"ACCRUALS", TABLE_RIGHT}, {"TOTAL", TABLE_RIGHT},  {"", TABLE_LEFT},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

void rate_totals_init(struct rate_totals *totals) {
    *totals = (struct rate_totals){.items = NULL};
    arena_init(&totals->arena);
}

void rate_totals_release(struct rate_totals *totals) {
    free(totals->items);
    arena_release(&totals->arena);
    rate_totals_init(totals);
}

static int compare(const struct rate_total *total, struct text program, struct text partner,
                   struct currency currency) {
    int order = text_compare(total->program_id, program);
    order = order != 0 ? order : text_compare(total->partner_mpn_id, partner);
    return order != 0 ? order : memcmp(total->currency.code, currency.code, sizeof currency.code);
}

struct rate_total *rate_totals_of(struct rate_totals *totals, const struct program *program,
                                  struct text partner_mpn_id, struct currency currency) {
    size_t low = 0;
    size_t high = totals->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&totals->items[middle], program->id, partner_mpn_id, currency) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < totals->count &&
        compare(&totals->items[low], program->id, partner_mpn_id, currency) == 0) {
        return &totals->items[low];
    }
    if (totals->count == totals->capacity) {
        totals->capacity = totals->capacity == 0 ? CAPACITY_MIN : totals->capacity * 2;
        totals->items = realloc(totals->items, totals->capacity * sizeof *totals->items);
        REQUIRE(totals->items != NULL);
    }
    memmove(&totals->items[low + 1], &totals->items[low],
            (totals->count - low) * sizeof *totals->items);
    totals->count++;
    totals->items[low] =
        (struct rate_total){.program_id = arena_copy(&totals->arena, program->id),
                            .partner_mpn_id = arena_copy(&totals->arena, partner_mpn_id),
                            .currency = currency,
                            .pays = program->pays};
    return &totals->items[low];
}

void rate_totals_tell(const struct rate_totals *totals) {
    if (totals->count == 0) {
        return;
    }
    struct table *table = table_new(columns, COLUMN_COUNT);
    for (size_t i = 0; i < totals->count; i++) {
        const struct rate_total *total = &totals->items[i];
        char amount[DECIMAL_TEXT_SIZE];
        char count[24];
        char currency[4] = "";
        (void)decimal_format(total->amounts[0].units, AMOUNT_SCALE, amount);
        (void)snprintf(count, sizeof count, "%zu", total->count);
        memcpy(currency, total->currency.code, sizeof total->currency.code);
        table_add(table, (const char *const[COLUMN_COUNT]){
                             total->partner_mpn_id.data, total->program_id.data,
                             pays_name(total->pays), count, amount, currency});
    }
    table_print(table, stderr);
    table_free(table);
}
