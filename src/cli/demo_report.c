#include "demo_report.h"

#include "accrued/accrual_reader.h"
#include "accrued/arena.h"
#include "accrued/require.h"
#include "accrued/table.h"
#include "accrued/topic_reader.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_ID_SIZE 13
#define PATH_SIZE_MAX 4096

struct total {
    struct text partner_mpn_id;
    struct text program_id;
    struct text pays;
    struct text currency;
    struct amount amount;
    size_t accruals;
};

struct report {
    struct accrual_reader *reader;
    struct arena arena;
    struct total *totals;
    size_t total_count;
    size_t total_capacity;
    struct table *accruals;
    struct demo_seen *seen;
    size_t fresh; /* new since *seen */
    size_t shown;
    size_t row_count_max;
    size_t count;
};

static const struct table_column accrual_columns[] = {
    {"CUSTOMER", TABLE_CUT}, {"FAMILY", TABLE_CUT},    {"PROGRAM", TABLE_CUT},
    {"PARTNER", TABLE_LEFT}, {"MEASURE", TABLE_RIGHT}, {"RATE", TABLE_RIGHT},
    {"AMOUNT", TABLE_RIGHT}, {"", TABLE_LEFT},         {"REASON", TABLE_CUT},
};
#define ACCRUAL_COLUMN_COUNT (sizeof accrual_columns / sizeof accrual_columns[0])

static const struct table_column total_columns[] = {
    {"PARTNER", TABLE_LEFT},   {"PROGRAM", TABLE_CUT}, {"PAYS", TABLE_CUT},
    {"ACCRUALS", TABLE_RIGHT}, {"TOTAL", TABLE_RIGHT}, {"", TABLE_LEFT},
};
#define TOTAL_COLUMN_COUNT (sizeof total_columns / sizeof total_columns[0])

/* "4" for 0.04: people read percent. */
static void format_percent(struct rate rate, char to[DECIMAL_TEXT_SIZE + 2]) {
    size_t size = decimal_format((int128)rate.units * 100, RATE_SCALE, to);
    memcpy(to + size, " %", 3);
}

static void show_accrual(struct report *report, const struct published_accrual *accrual) {
    char measure[DECIMAL_TEXT_SIZE];
    char rate[DECIMAL_TEXT_SIZE + 2];
    char amount[DECIMAL_TEXT_SIZE];
    (void)decimal_format(accrual->measure.units, MEASURE_SCALE, measure);
    (void)decimal_format(accrual->amount.units, AMOUNT_SCALE, amount);
    format_percent(accrual->rate, rate);
    struct text customer = accrual->customer_id;
    customer.size = customer.size < SHOWN_ID_SIZE ? customer.size : SHOWN_ID_SIZE;
    const char *cells[ACCRUAL_COLUMN_COUNT] = {
        arena_copy(&report->arena, customer).data,
        arena_copy(&report->arena, accrual->product_family).data,
        arena_copy(&report->arena, accrual->program_id).data,
        arena_copy(&report->arena, accrual->partner_mpn_id).data,
        measure,
        rate,
        amount,
        arena_copy(&report->arena, accrual->currency).data,
        arena_copy(&report->arena, accrual->reason).data,
    };
    table_add(report->accruals, cells);
    report->shown++;
}

static struct total *find_total(struct report *report, const struct published_accrual *accrual) {
    for (size_t i = 0; i < report->total_count; i++) {
        struct total *total = &report->totals[i];
        if (text_equal(total->partner_mpn_id, accrual->partner_mpn_id) &&
            text_equal(total->program_id, accrual->program_id) &&
            text_equal(total->currency, accrual->currency)) {
            return total;
        }
    }
    if (report->total_count == report->total_capacity) {
        report->total_capacity = report->total_capacity * 2 + 16;
        report->totals = realloc(report->totals, report->total_capacity * sizeof *report->totals);
        REQUIRE(report->totals != NULL);
    }
    struct total *total = &report->totals[report->total_count++];
    *total = (struct total){
        .partner_mpn_id = arena_copy(&report->arena, accrual->partner_mpn_id),
        .program_id = arena_copy(&report->arena, accrual->program_id),
        .pays = arena_copy(&report->arena, accrual->pays),
        .currency = arena_copy(&report->arena, accrual->currency),
    };
    return total;
}

/* Moves *seen behind the record. */
static bool is_fresh(struct demo_seen *seen, const struct topic_record *record) {
    if (record->partition >= DEMO_PARTITION_COUNT_MAX) {
        return true;
    }
    int64_t *next_offset = &seen->next_offsets[record->partition];
    bool fresh = record->offset >= *next_offset;
    if (fresh) {
        *next_offset = record->offset + 1;
    }
    return fresh;
}

static bool take(void *context, const struct topic_record *record, struct fault *fault) {
    struct report *report = context;
    struct published_accrual accrual;
    if (!accrual_reader_read(report->reader, record->value, &accrual, fault)) {
        return false;
    }
    struct total *total = find_total(report, &accrual);
    total->amount.units += accrual.amount.units;
    total->accruals++;
    report->count++;
    if (is_fresh(report->seen, record)) {
        report->fresh++;
        if (report->shown < report->row_count_max) {
            show_accrual(report, &accrual);
        }
    }
    return true;
}

static int compare_totals(const void *left, const void *right) {
    const struct total *a = left;
    const struct total *b = right;
    int order = text_compare(a->partner_mpn_id, b->partner_mpn_id);
    order = order != 0 ? order : text_compare(a->program_id, b->program_id);
    return order != 0 ? order : text_compare(a->currency, b->currency);
}

static void print_totals(struct report *report) {
    if (report->total_count > 1) {
        qsort(report->totals, report->total_count, sizeof *report->totals, compare_totals);
    }
    struct table *table = table_new(total_columns, TOTAL_COLUMN_COUNT);
    for (size_t i = 0; i < report->total_count; i++) {
        const struct total *total = &report->totals[i];
        char accruals[24];
        char amount[DECIMAL_TEXT_SIZE];
        (void)snprintf(accruals, sizeof accruals, "%zu", total->accruals);
        (void)decimal_format(total->amount.units, AMOUNT_SCALE, amount);
        const char *cells[TOTAL_COLUMN_COUNT] = {
            total->partner_mpn_id.data, total->program_id.data, total->pays.data, accruals, amount,
            total->currency.data,
        };
        table_add(table, cells);
    }
    table_print(table, stdout);
    table_free(table);
}

static void print(struct report *report) {
    (void)printf("\n");
    table_print(report->accruals, stdout);
    if (report->fresh > report->shown) {
        (void)printf("… and %zu more\n", report->fresh - report->shown);
    }
    (void)printf("\nTotals per partner, program and currency, over %zu accruals:\n\n",
                 report->count);
    print_totals(report);
    (void)fflush(stdout);
}

bool demo_report(const struct config *config, size_t row_count_max, struct demo_seen *seen,
                 struct fault *fault) {
    char path[PATH_SIZE_MAX];
    (void)snprintf(path, sizeof path, "%s/accrual.avsc", config->schemas.directory);
    struct report report = {.seen = seen, .row_count_max = row_count_max};
    report.reader = accrual_reader_open(path, fault);
    if (report.reader == NULL) {
        return false;
    }
    arena_init(&report.arena);
    report.accruals = table_new(accrual_columns, ACCRUAL_COLUMN_COUNT);
    bool is_good = topic_read(config, config->topics.accruals, take, &report, fault);
    if (is_good) {
        print(&report);
    }
    table_free(report.accruals);
    free(report.totals);
    arena_release(&report.arena);
    accrual_reader_free(report.reader);
    return is_good;
}
