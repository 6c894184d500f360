#include "../../src/lane/batch.h"

#include "accrued/rating.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Stands in for the broker's client: counts what comes back. `message` points to a counter. */
static size_t release_count;

void source_record_release(struct source_record *record) {
    if (record->message != NULL) {
        ++*(int *)record->message;
        record->message = NULL;
        release_count++;
    }
}

static struct source_record record_of(int32_t partition, int64_t offset, int *releases) {
    return (struct source_record){.partition = partition,
                                  .offset = offset,
                                  .timestamp_ms = -1,
                                  .key = TEXT("customer"),
                                  .value = TEXT("value!"),
                                  .message = releases};
}

static const struct currency eur = {{'E', 'U', 'R'}};
static const struct currency usd = {{'U', 'S', 'D'}};

Test(batch, takes_records_over_and_releases_each_once) {
    enum { COUNT = 3000 }; /* grows several times */
    static int releases[COUNT];
    struct batch batch;
    batch_init(&batch);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            struct source_record record = record_of(i % 7, i, &releases[i]);
            const struct batch_item *item = batch_add(&batch, &record);
            cr_assert_eq(item->state, ITEM_LINE);
            cr_assert_eq(item->reject.code, REJECT_NONE);
            cr_assert_eq(item->origin_offset, i, "a record is its own origin until a header says");
        }
        cr_assert_eq(batch.count, COUNT);
        cr_assert_eq(batch.record_bytes, COUNT * (8 + 6));
        for (int i = 0; i < COUNT; i++) {
            cr_assert_eq(batch.items[i].record.offset, i);
            cr_assert_eq(batch.items[i].record.partition, i % 7);
            cr_assert_eq(releases[i], round, "not before its batch ends");
        }
        size_t capacity = batch.capacity;
        batch_clear(&batch);
        cr_assert_eq(batch.count, 0);
        cr_assert_eq(batch.record_bytes, 0);
        cr_assert_eq(batch.capacity, capacity, "keeps the memory");
        cr_assert_eq(release_count, (size_t)COUNT * (size_t)(round + 1));
    }
    batch_clear(&batch);
    batch_release(&batch);
    cr_assert_eq(release_count, 3 * (size_t)COUNT);
}

Test(batch, a_release_in_the_middle_gives_everything_back) {
    static int releases[3];
    struct batch batch;
    batch_init(&batch);
    for (int i = 0; i < 3; i++) {
        struct source_record record = record_of(0, i, &releases[i]);
        (void)batch_add(&batch, &record);
    }
    (void)batch_add_output(&batch, OUTPUT_LEDGER);
    batch_add_sum(&batch, 0, SUM_ACCRUED, eur, (struct amount){1});
    (void)arena_take(&batch.arena, 100000);
    buffer_append_string(&batch.bytes, "bytes");
    batch_release(&batch);
    cr_expect_eq(release_count, 3);
    batch_release(&batch); /* and once more */
    cr_expect_eq(release_count, 3);
    struct source_record record = record_of(0, 9, &releases[0]);
    cr_expect_eq(batch_add(&batch, &record)->record.offset, 9, "a released batch is an empty one");
    batch_release(&batch);
}

/* A record without key and value (a tombstone, with no bytes at all) is a record like any other. */
Test(batch, a_record_of_nothing_counts_no_bytes) {
    struct batch batch;
    batch_init(&batch);
    struct source_record record = {.partition = 1, .offset = 5, .timestamp_ms = -1};
    (void)batch_add(&batch, &record);
    cr_expect_eq(batch.count, 1);
    cr_expect_eq(batch.record_bytes, 0);
    batch_release(&batch);
}

Test(batch, drops_one_partition_whatever_its_items_were) {
    static int releases[12];
    static const enum item_state states[] = {ITEM_LINE, ITEM_REJECTED, ITEM_SKIPPED, ITEM_DROPPED};
    struct batch batch;
    batch_init(&batch);
    for (int i = 0; i < 12; i++) {
        struct source_record record = record_of(i % 3, i, &releases[i]);
        batch_add(&batch, &record)->state = states[i % 4];
    }
    batch_drop_partition(&batch, 7); /* has nothing here */
    for (int i = 0; i < 12; i++) {
        cr_expect_eq(batch.items[i].state, states[i % 4]);
    }
    batch_drop_partition(&batch, 1);
    for (int i = 0; i < 12; i++) {
        cr_expect_eq(batch.items[i].state, i % 3 == 1 ? ITEM_DROPPED : states[i % 4], "item %d", i);
    }
    cr_expect_eq(release_count, 0, "released with the batch, not before");
    batch_release(&batch);
    cr_expect_eq(release_count, 12);
}

Test(batch, outputs_start_empty_also_in_used_memory) {
    struct batch batch;
    batch_init(&batch);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 1000; i++) {
            struct batch_output *output = batch_add_output(&batch, (enum output)(i % OUTPUT_COUNT));
            cr_assert_eq(output->output, (enum output)(i % OUTPUT_COUNT));
            cr_assert(output->key_at == 0 && output->key_size == 0 && output->value_at == 0 &&
                      output->value_size == 0 && output->dead_letter == NULL);
            output->key_at = output->key_size = output->value_at = output->value_size = i + 1;
            output->dead_letter = (const struct batch_item *)&batch;
        }
        cr_assert_eq(batch.output_count, 1000);
        for (size_t i = 0; i < 1000; i++) {
            cr_assert_eq(batch.outputs[i].value_size, i + 1, "kept while the list grew");
        }
        batch_restart(&batch);
        cr_assert_eq(batch.output_count, 0);
    }
    batch_release(&batch);
}

/* A transaction was aborted: all that it would have written is forgotten, what it read is not. */
Test(batch, a_restart_forgets_results_and_keeps_records) {
    static int releases[2];
    struct batch batch;
    batch_init(&batch);
    for (int i = 0; i < 2; i++) {
        struct source_record record = record_of(0, i, &releases[i]);
        (void)batch_add(&batch, &record);
    }
    struct text borrowed = arena_copy(&batch.arena, TEXT("folded id"));
    batch.items[0].line.line_id = borrowed;
    (void)batch_add_output(&batch, OUTPUT_ACCRUALS);
    buffer_append_string(&batch.bytes, "an accrual");
    batch_add_sum(&batch, 0, SUM_ACCRUED, eur, (struct amount){5});
    batch.counts.posted = 3;
    batch.counts.dead_letters_by_code[REJECT_FIELD_INVALID] = 1;

    batch_restart(&batch);
    cr_expect_eq(batch.output_count, 0);
    cr_expect_eq(batch.bytes.size, 0);
    cr_expect_eq(batch.sum_count, 0);
    cr_expect_eq(batch.counts.posted, 0);
    cr_expect_eq(batch.counts.dead_letters_by_code[REJECT_FIELD_INVALID], 0);
    cr_expect_eq(batch.count, 2);
    cr_expect_eq(batch.record_bytes, 2 * (8 + 6));
    cr_expect_eq(release_count, 0);
    (void)arena_take(&batch.arena, 1000);
    cr_expect(text_equal(batch.items[0].line.line_id, TEXT("folded id")), "lines still borrow");
    batch_add_sum(&batch, 0, SUM_ACCRUED, eur, (struct amount){7});
    cr_expect(batch.sums[0].amount.units == 7 && batch.sums[0].count == 1, "not added twice");
    batch_release(&batch);
}

Test(batch, sums_are_exact_and_never_meet) {
    struct batch batch;
    batch_init(&batch);
    for (int i = 0; i < 1000; i++) {
        batch_add_sum(&batch, 0, SUM_ACCRUED, eur, (struct amount){1});
        batch_add_sum(&batch, 0, SUM_ACCRUED, usd, (struct amount){-2});
        batch_add_sum(&batch, 1, SUM_ACCRUED, eur, (struct amount){3});
        batch_add_sum(&batch, 0, 0, eur, (struct amount){5});
        batch_add_sum(&batch, 0, 1, eur, (struct amount){0});
    }
    static const struct {
        size_t program_index;
        int reason;
        struct currency currency;
        int units;
    } expected[] = {
        {0, SUM_ACCRUED, {{'E', 'U', 'R'}}, 1000},
        {0, SUM_ACCRUED, {{'U', 'S', 'D'}}, -2000},
        {1, SUM_ACCRUED, {{'E', 'U', 'R'}}, 3000},
        {0, 0, {{'E', 'U', 'R'}}, 5000},
        {0, 1, {{'E', 'U', 'R'}}, 0},
    };
    cr_assert_eq(batch.sum_count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < batch.sum_count; i++) {
        const struct batch_sum *sum = &batch.sums[i];
        cr_expect(sum->program_index == expected[i].program_index &&
                      sum->reason == expected[i].reason &&
                      currency_equal(sum->currency, expected[i].currency) &&
                      sum->amount.units == expected[i].units && sum->count == 1000,
                  "sum %zu", i);
    }
    batch_release(&batch);
}

/* The largest amounts there are, a batch full of them, in both directions. */
Test(batch, sums_of_the_largest_amounts_do_not_wrap) {
    struct batch batch;
    batch_init(&batch);
    int128 largest = decimal_power_of_ten(DECIMAL_PRECISION) - 1;
    for (int i = 0; i < 100000; i++) {
        batch_add_sum(&batch, 0, SUM_ACCRUED, eur, (struct amount){largest});
        batch_add_sum(&batch, 1, SUM_ACCRUED, eur, (struct amount){-largest});
    }
    cr_expect(batch.sums[0].amount.units == largest * 100000);
    cr_expect(batch.sums[1].amount.units == -largest * 100000);
    batch_release(&batch);
}

/* More programs, reasons and currencies than the list first has room for. */
Test(batch, many_sums) {
    struct batch batch;
    batch_init(&batch);
    for (int round = 0; round < 2; round++) {
        for (size_t program = 0; program < 40; program++) {
            for (int reason = SUM_ACCRUED; reason < FORGONE_REASON_COUNT; reason++) {
                batch_add_sum(&batch, program, reason, eur,
                              (struct amount){(int128)program * 100 + reason});
            }
        }
    }
    cr_assert_eq(batch.sum_count, 40 * (FORGONE_REASON_COUNT + 1));
    for (size_t i = 0; i < batch.sum_count; i++) {
        const struct batch_sum *sum = &batch.sums[i];
        cr_expect(sum->amount.units == 2 * ((int128)sum->program_index * 100 + sum->reason));
        cr_expect_eq(sum->count, 2);
    }
    batch_release(&batch);
}
