#include "lane/batch.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Instead of the adapter's: batch.c needs nothing else of it. A message here is a counter. */
void source_record_release(struct source_record *record) {
    int *releases = record->message;
    cr_assert(releases != NULL, "released twice, or never filled");
    (*releases)++;
    record->message = NULL;
}

static struct source_record record_of(int32_t partition, int64_t offset, int *releases) {
    return (struct source_record){
        .partition = partition,
        .offset = offset,
        .timestamp_ms = 5,
        .key = {"key", 3},
        .value = {"value", 5},
        .message = releases,
    };
}

Test(batch, takes_records_over_and_releases_each_once) {
    struct batch batch;
    batch_init(&batch);
    batch_clear(&batch); /* nothing there yet */
    static int releases[1000];
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < 1000; i++) {
            struct source_record record = record_of(i % 7, i, &releases[i]);
            if (i == 3) {
                record.key = text_null();
                record.value = text_null();
            }
            const struct batch_item *item = batch_add(&batch, &record);
            cr_assert_eq(item->state, ITEM_LINE);
            cr_assert_null(item->reject);
            cr_assert_eq(item->origin_offset, i);
            cr_assert_eq(item->record.offset, i);
            cr_assert_eq(item->record.partition, i % 7);
        }
        cr_assert_eq(batch.count, 1000);
        cr_assert_eq(batch.record_bytes, 999 * 8);
        for (int i = 0; i < 1000; i++) { /* they have moved, in order */
            cr_assert_eq(batch.items[i].record.offset, i);
            cr_assert_eq(releases[i], round - 1);
        }
        batch_clear(&batch);
        cr_assert_eq(batch.count, 0);
        cr_assert_eq(batch.record_bytes, 0);
        for (int i = 0; i < 1000; i++) {
            cr_assert_eq(releases[i], round);
        }
    }
    struct source_record record = record_of(0, 0, &releases[0]);
    batch_add(&batch, &record);
    batch_release(&batch);
    cr_assert_eq(releases[0], 4);
    batch_release(&batch); /* empty again */
}

Test(batch, keeps_its_memory_and_starts_items_afresh) {
    struct batch batch;
    batch_init(&batch);
    int releases = 0;
    for (int i = 0; i < 300; i++) {
        struct source_record record = record_of(1, i, &releases);
        struct batch_item *item = batch_add(&batch, &record);
        item->state = ITEM_REJECTED;
        struct reject reject;
        (void)reject_set(&reject, REJECT_FIELD_INVALID, "number %d", i);
        batch_reject(&batch, item, &reject);
        (void)reject_set(&reject, REJECT_AVRO_MALFORMED, "another");
        cr_assert_eq(item->reject->code, REJECT_FIELD_INVALID, "it was copied");
        item->origin_offset = 77;
        item->line.line_id = arena_copy(&batch.arena, TEXT("line"));
    }
    batch_clear(&batch);
    const struct batch_item *items = batch.items;
    size_t capacity = batch.capacity;
    size_t arena_bytes = arena_size(&batch.arena);
    for (int i = 0; i < 300; i++) {
        struct source_record record = record_of(1, i, &releases);
        const struct batch_item *item = batch_add(&batch, &record);
        cr_assert_eq(item->state, ITEM_LINE);
        cr_assert_null(item->reject);
        cr_assert(item->key.bytes.data == NULL && item->customer == NULL);
        cr_assert_eq(item->origin_offset, i);
    }
    cr_assert(batch.items == items && batch.capacity == capacity);
    cr_assert_eq(arena_size(&batch.arena), arena_bytes);
    batch_release(&batch);
    cr_assert_eq(releases, 600);
}

Test(batch, drops_one_partition) {
    struct batch batch;
    batch_init(&batch);
    int releases = 0;
    for (int i = 0; i < 40; i++) {
        struct source_record record = record_of(i % 4, i, &releases);
        batch_add(&batch, &record)->state = i < 8 ? ITEM_REJECTED : ITEM_LINE;
    }
    batch_drop_partition(&batch, 2);
    batch_drop_partition(&batch, 9);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(batch.items[i].state, i % 4 == 2 ? ITEM_DROPPED
                                           : i < 8    ? ITEM_REJECTED
                                                      : ITEM_LINE);
    }
    batch_drop_partition(&batch, 0); /* of the first item, and of the last one */
    batch_drop_partition(&batch, 3);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(batch.items[i].state == ITEM_DROPPED, i % 4 != 1);
    }
    cr_assert_eq(batch.count, 40); /* still ours to release */
    batch_release(&batch);
    cr_assert_eq(releases, 40);
}

Test(batch, restarts_with_its_items) {
    struct batch batch;
    batch_init(&batch);
    int releases = 0;
    struct source_record record = record_of(1, 5, &releases);
    struct batch_item *item = batch_add(&batch, &record);
    item->line.line_id = arena_copy(&batch.arena, TEXT("line"));
    for (int i = 0; i < 700; i++) {
        struct batch_output *output = batch_add_output(&batch, (enum output)(i % OUTPUT_COUNT));
        cr_assert_eq(output->output, (enum output)(i % OUTPUT_COUNT));
        cr_assert(output->letter == 0 && output->key_size == 0 && output->value_size == 0);
        output->value_at = (size_t)i;
        output->letter = 7;
    }
    cr_assert_eq(batch.output_count, 700);
    for (size_t i = 0; i < 700; i++) {
        cr_assert_eq(batch.outputs[i].value_at, i);
    }
    buffer_append_string(&batch.bytes, "encoded");
    batch_add_sum(&batch, 0, SUM_ACCRUED, (struct currency){{'E', 'U', 'R'}}, (struct amount){1});
    batch.counts.unclassified = 3;
    batch.counts.dead_letters_by_code[REJECT_FIELD_INVALID] = 2;
    batch_restart(&batch);
    cr_assert_eq(batch.output_count, 0);
    cr_assert_eq(batch.sum_count, 0);
    cr_assert_eq(batch.bytes.size, 0);
    cr_assert_eq(batch.counts.unclassified, 0);
    cr_assert_eq(batch.counts.dead_letters_by_code[REJECT_FIELD_INVALID], 0);
    cr_assert_eq(batch.count, 1);
    cr_assert_eq(releases, 0);
    cr_assert(text_equal(batch.items[0].line.line_id, TEXT("line")));
    /* Nothing of the first try is left in what is made again. */
    cr_assert_eq(batch_add_output(&batch, OUTPUT_LEDGER)->letter, 0);
    batch_add_sum(&batch, 0, SUM_ACCRUED, (struct currency){{'E', 'U', 'R'}}, (struct amount){5});
    cr_assert_eq(batch.sums[0].count, 1);
    cr_assert(batch.sums[0].amount.units == 5);
    batch_release(&batch);
    cr_assert_eq(releases, 1);
}

static void reject_item(struct batch *batch, struct batch_item *item) {
    struct reject reject;
    (void)reject_set(&reject, REJECT_FIELD_INVALID, "offset %lld", (long long)item->record.offset);
    item->state = ITEM_REJECTED;
    batch_reject(batch, item, &reject);
    batch_add_letter(batch, item);
}

/* Records go with their portion; a dead letter's goes with the batch. */
Test(batch, letters_outlive_their_portion) {
    struct batch batch;
    batch_init(&batch);
    static int releases[300];
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 300; i++) {
            struct source_record record = record_of(1, i, &releases[i]);
            struct batch_item *item = batch_add(&batch, &record);
            if (i % 3 == 0) {
                reject_item(&batch, item);
            }
            if (i == 50) { /* the first portion is worked on twice, once in vain */
                batch_restart(&batch);
                cr_assert_eq(batch.letter_count, 0);
                for (size_t again = 0; again < batch.count; again++) {
                    if (batch.items[again].state == ITEM_REJECTED) {
                        batch_add_letter(&batch, &batch.items[again]);
                    }
                }
            }
            if (i % 100 == 99) {
                batch_end_portion(&batch);
                cr_assert_eq(batch.count, 0);
                cr_assert_eq(batch.done_count, (size_t)i + 1);
            }
        }
        cr_assert_eq(batch.record_bytes, 300 * 8);
        cr_assert_eq(batch.letter_count, 100);
        cr_assert_eq(batch.counts.dead_letters_by_code[REJECT_FIELD_INVALID], 100);
        for (int i = 0; i < 300; i++) {
            cr_assert_eq(releases[i], i % 3 == 0 ? round - 1 : round);
        }
        for (size_t i = 0; i < 100; i++) {
            char message[32];
            (void)snprintf(message, sizeof message, "offset %zu", 3 * i);
            cr_assert_eq(batch.outputs[i].output, OUTPUT_DEAD_LETTERS);
            const struct batch_letter *letter = &batch.letters[batch.outputs[i].letter];
            cr_assert_eq(letter->record.offset, (int64_t)(3 * i));
            cr_assert_eq(letter->record.message, &releases[3 * i]);
            cr_assert_str_eq(letter->reject.message, message);
        }
        batch_clear(&batch);
        cr_assert_eq(batch.done_count, 0);
        for (int i = 0; i < 300; i++) {
            cr_assert_eq(releases[i], round);
        }
    }
    for (int i = 0; i < 2; i++) { /* one that is owned and one that is not */
        struct source_record record = record_of(1, i, &releases[i]);
        reject_item(&batch, batch_add(&batch, &record));
        if (i == 0) {
            batch_end_portion(&batch);
        }
    }
    batch_release(&batch);
    cr_assert_eq(releases[0], 3);
    cr_assert_eq(releases[1], 3);
}

/* One sum for each (program, reason, currency), as a plain table has it. */
Test(batch, sums_are_exact_and_apart) {
    static const char *const codes[] = {"EUR", "USD", "EUU"};
    struct batch batch;
    batch_init(&batch);
    struct dice dice = {61};
    int128 sums[5][FORGONE_REASON_COUNT][3] = {{{0}}};
    size_t counts[5][FORGONE_REASON_COUNT][3] = {{{0}}};
    size_t kinds = 0;
    for (int i = 0; i < 20000; i++) {
        size_t program = dice_below(&dice, 5);
        size_t reason = dice_below(&dice, FORGONE_REASON_COUNT); /* 0 stands for SUM_ACCRUED */
        size_t code = dice_below(&dice, 3);
        struct amount amount = {dice_units(&dice)};
        struct currency currency;
        memcpy(currency.code, codes[code], sizeof currency.code);
        batch_add_sum(&batch, program, reason == 0 ? SUM_ACCRUED : (int)reason, currency, amount);
        sums[program][reason][code] += amount.units;
        kinds += counts[program][reason][code]++ == 0;
    }
    cr_assert_eq(batch.sum_count, kinds);
    for (size_t i = 0; i < batch.sum_count; i++) {
        const struct batch_sum *sum = &batch.sums[i];
        size_t reason = sum->reason == SUM_ACCRUED ? 0 : (size_t)sum->reason;
        size_t code = 0;
        while (memcmp(sum->currency.code, codes[code], sizeof sum->currency.code) != 0) {
            code++;
        }
        cr_assert(sum->amount.units == sums[sum->program_index][reason][code]);
        cr_assert_eq(sum->count, counts[sum->program_index][reason][code]);
        counts[sum->program_index][reason][code] = SIZE_MAX; /* each only once */
    }
    batch_release(&batch);
}

/* What one transaction wrote must never be written by the next one, too. */
Test(batch, a_clear_forgets_results_as_well) {
    static const struct currency eur = {{'E', 'U', 'R'}};
    struct batch batch;
    batch_init(&batch);
    int releases = 0;
    struct source_record record = record_of(1, 5, &releases);
    (void)batch_add(&batch, &record);
    (void)batch_add_output(&batch, OUTPUT_ACCRUALS);
    buffer_append_string(&batch.bytes, "encoded");
    batch_add_sum(&batch, 0, SUM_ACCRUED, eur, (struct amount){1});
    batch.counts.unclassified = 3;
    batch_clear(&batch);
    cr_expect_eq(batch.output_count, 0);
    cr_expect_eq(batch.bytes.size, 0);
    cr_expect_eq(batch.sum_count, 0);
    cr_expect_eq(batch.counts.unclassified, 0);
    batch_release(&batch);
}

/* The largest amounts there are, a batch full of them, in both directions. */
Test(batch, sums_of_the_largest_amounts_do_not_wrap) {
    static const struct currency eur = {{'E', 'U', 'R'}};
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
