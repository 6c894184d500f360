/* A statement's sums, and their forms. */
#include "statement.h"

#include "accrued/require.h"
#include "accrued/table.h"

#include <stdio.h>
#include <stdlib.h>

void statement_init(struct statement *statement) {
    *statement = (struct statement){.count = 0};
    arena_init(&statement->arena);
}

void statement_release(struct statement *statement) {
    arena_release(&statement->arena);
    free(statement->entries);
    *statement = (struct statement){.count = 0};
}

void statement_add(struct statement *statement, const struct published_accrual *accrual) {
    struct arena *arena = &statement->arena;
    if (statement->count == statement->capacity) {
        statement->capacity = statement->capacity == 0 ? 256 : statement->capacity * 2;
        statement->entries =
            realloc(statement->entries, statement->capacity * sizeof *statement->entries);
        REQUIRE(statement->entries != NULL);
    }
    statement->entries[statement->count++] = (struct statement_entry){
        .program_id = arena_copy(arena, accrual->program_id),
        .pays = arena_copy(arena, accrual->pays),
        .currency = arena_copy(arena, accrual->currency),
        .customer_id = arena_copy(arena, accrual->customer_id),
        .line_id = arena_copy(arena, accrual->line_id),
        .product_family = arena_copy(arena, accrual->product_family),
        .sequence = accrual->sequence,
        .amount = accrual->amount,
        .cumulative = accrual->cumulative,
        .accrual_count = 1,
    };
}

/* Program, kind of pay and currency: what may be added. */
static int compare_sums(const struct statement_entry *a, const struct statement_entry *b) {
    int order = text_compare(a->program_id, b->program_id);
    order = order != 0 ? order : text_compare(a->pays, b->pays);
    return order != 0 ? order : text_compare(a->currency, b->currency);
}

static int compare_keys(const struct statement_entry *a, const struct statement_entry *b) {
    int order = compare_sums(a, b);
    order = order != 0 ? order : text_compare(a->customer_id, b->customer_id);
    return order != 0 ? order : text_compare(a->line_id, b->line_id);
}

static int compare(const void *left, const void *right) {
    const struct statement_entry *a = left;
    const struct statement_entry *b = right;
    int order = compare_keys(a, b);
    return order != 0 ? order : a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

void statement_close(struct statement *statement) {
    struct statement_entry *entries = statement->entries;
    size_t kept = 0;
    if (statement->count > 0) {
        qsort(entries, statement->count, sizeof *entries, compare);
    }
    for (size_t i = 0; i < statement->count; i++) {
        if (kept > 0 && compare_keys(&entries[kept - 1], &entries[i]) == 0) {
            struct statement_entry *sum = &entries[kept - 1];
            sum->amount.units += entries[i].amount.units;
            sum->cumulative = entries[i].cumulative;
            sum->sequence = entries[i].sequence;
            sum->product_family = entries[i].product_family;
            sum->accrual_count++;
        } else {
            entries[kept++] = entries[i];
        }
    }
    statement->count = kept;
    for (size_t i = 0; i < kept; i++) {
        statement->gap_count += entries[i].amount.units != entries[i].cumulative.units;
    }
}

/* ------------------------------------------------------------ forms */

static const struct table_column entry_columns[] = {
    {"PROGRAM", TABLE_LEFT}, {"PAYS", TABLE_LEFT},   {"CUSTOMER", TABLE_LEFT},
    {"LINE", TABLE_LEFT},    {"FAMILY", TABLE_LEFT}, {"ACCRUALS", TABLE_RIGHT},
    {"AMOUNT", TABLE_RIGHT}, {"", TABLE_LEFT},
};
static const struct table_column total_columns[] = {
    {"PROGRAM", TABLE_LEFT},   {"PAYS", TABLE_LEFT},    {"LINES", TABLE_RIGHT},
    {"ACCRUALS", TABLE_RIGHT}, {"AMOUNT", TABLE_RIGHT}, {"", TABLE_LEFT},
};
#define ENTRY_COLUMN_COUNT (sizeof entry_columns / sizeof entry_columns[0])
#define TOTAL_COLUMN_COUNT (sizeof total_columns / sizeof total_columns[0])

static void print_entries(const struct statement *statement) {
    struct table *table = table_new(entry_columns, ENTRY_COLUMN_COUNT);
    for (size_t i = 0; i < statement->count; i++) {
        const struct statement_entry *entry = &statement->entries[i];
        char amount[DECIMAL_TEXT_SIZE];
        char count[24];
        (void)decimal_format(entry->amount.units, AMOUNT_SCALE, amount);
        (void)snprintf(count, sizeof count, "%zu", entry->accrual_count);
        /* Copies in an arena are NUL-terminated. */
        table_add(table, (const char *const[ENTRY_COLUMN_COUNT]){
                             entry->program_id.data, entry->pays.data, entry->customer_id.data,
                             entry->line_id.data, entry->product_family.data, count, amount,
                             entry->currency.data});
    }
    table_print(table, stdout);
    table_free(table);
}

static void print_totals(const struct statement *statement) {
    struct table *table = table_new(total_columns, TOTAL_COLUMN_COUNT);
    for (size_t i = 0; i < statement->count;) {
        const struct statement_entry *first = &statement->entries[i];
        struct amount sum = {0};
        size_t line_count = 0;
        size_t accrual_count = 0;
        for (; i < statement->count && compare_sums(first, &statement->entries[i]) == 0; i++) {
            sum.units += statement->entries[i].amount.units;
            accrual_count += statement->entries[i].accrual_count;
            line_count++;
        }
        char amount[DECIMAL_TEXT_SIZE];
        char counts[2][24];
        (void)decimal_format(sum.units, AMOUNT_SCALE, amount);
        (void)snprintf(counts[0], sizeof counts[0], "%zu", line_count);
        (void)snprintf(counts[1], sizeof counts[1], "%zu", accrual_count);
        table_add(table, (const char *const[TOTAL_COLUMN_COUNT]){
                             first->program_id.data, first->pays.data, counts[0], counts[1], amount,
                             first->currency.data});
    }
    table_print(table, stdout);
    table_free(table);
}

/* RFC 4180. */
static void print_field(struct text text, char end) {
    if (text.size > 0 && strpbrk(text.data, "\",\r\n") == NULL) {
        (void)fwrite(text.data, 1, text.size, stdout);
    } else {
        (void)putchar('"');
        for (size_t i = 0; i < text.size; i++) {
            if (text.data[i] == '"') {
                (void)putchar('"');
            }
            (void)putchar(text.data[i]);
        }
        (void)putchar('"');
    }
    (void)putchar(end);
}

static void print_csv(const struct statement *statement, struct text partner, struct text period) {
    (void)puts("partner_mpn_id,billing_period,program_id,pays,customer_id,line_id,product_family,"
               "accruals,amount,currency");
    for (size_t i = 0; i < statement->count; i++) {
        const struct statement_entry *entry = &statement->entries[i];
        char amount[DECIMAL_TEXT_SIZE];
        (void)decimal_format(entry->amount.units, AMOUNT_SCALE, amount);
        print_field(partner, ',');
        print_field(period, ',');
        print_field(entry->program_id, ',');
        print_field(entry->pays, ',');
        print_field(entry->customer_id, ',');
        print_field(entry->line_id, ',');
        print_field(entry->product_family, ',');
        (void)printf("%zu,%s,", entry->accrual_count, amount);
        print_field(entry->currency, '\n');
    }
}

void statement_print(const struct statement *statement, enum statement_form form,
                     struct text partner, struct text period) {
    if (form == STATEMENT_CSV) {
        print_csv(statement, partner, period);
        return;
    }
    (void)printf("Partner %.*s, %.*s: %zu lines\n\n", TEXT_ARGS(partner), TEXT_ARGS(period),
                 statement->count);
    if (statement->count == 0) {
        (void)puts("Nothing was accrued.");
        return;
    }
    if (form == STATEMENT_TABLE) {
        print_entries(statement);
        (void)putchar('\n');
    }
    print_totals(statement);
}
