#include "batch.h"

#include "accrued/require.h"

#include <stdlib.h>

void batch_init(struct batch *batch) {
    *batch = (struct batch){.items = NULL};
    arena_init(&batch->arena);
    buffer_init(&batch->bytes);
    buffer_init(&batch->scratch);
}

void batch_release(struct batch *batch) {
    batch_clear(batch);
    arena_release(&batch->arena);
    buffer_release(&batch->bytes);
    buffer_release(&batch->scratch);
    free(batch->items);
    free(batch->outputs);
    free(batch->letters);
    free(batch->sums);
    free(batch->unclassified);
    batch_init(batch);
}

void batch_restart(struct batch *batch) {
    buffer_clear(&batch->bytes);
    for (size_t i = 0; i < batch->letters_owned; i++) {
        source_record_release(&batch->letters[i].record);
    }
    batch->letters_owned = 0;
    batch->letter_count = 0;
    batch->output_count = 0;
    batch->sum_count = 0;
    batch->unclassified_count = 0;
    batch->counts = (struct batch_counts){0};
}

static void release_items(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].record.message != NULL) { /* else a letter keeps it */
            source_record_release(&batch->items[i].record);
        }
    }
    batch->count = 0;
    arena_clear(&batch->arena);
}

void batch_clear(struct batch *batch) {
    release_items(batch);
    batch->done_count = 0;
    batch->record_bytes = 0;
    batch_restart(batch);
}

void batch_end_portion(struct batch *batch) {
    for (; batch->letters_owned < batch->letter_count; batch->letters_owned++) {
        batch->items[batch->letters[batch->letters_owned].item].record.message = NULL;
    }
    batch->done_count += batch->count;
    release_items(batch);
}

/* Makes room for one more element; arrays keep their size over batches. */
static void *grown(void *array, size_t count, size_t *capacity, size_t element_size) {
    if (count < *capacity) {
        return array;
    }
    size_t larger = *capacity == 0 ? 256 : *capacity * 2;
    void *moved = realloc(array, larger * element_size);
    REQUIRE(moved != NULL);
    *capacity = larger;
    return moved;
}

struct batch_item *batch_add(struct batch *batch, const struct source_record *record) {
    batch->items = grown(batch->items, batch->count, &batch->capacity, sizeof *batch->items);
    struct batch_item *item = &batch->items[batch->count++];
    memset(item, 0,
           offsetof(struct batch_item, line)); /* decoding fills the line, which is large */
    item->record = *record;
    item->origin_offset = record->offset;
    batch->record_bytes += record->key.size + record->value.size;
    return item;
}

void batch_reject(struct batch *batch, struct batch_item *item, const struct reject *reject) {
    REQUIRE(reject->code != REJECT_NONE);
    if (item->reject == NULL) { /* else it is worked on again */
        item->reject = arena_take(&batch->arena, sizeof *item->reject);
    }
    *item->reject = *reject;
}

void batch_drop_partition(struct batch *batch, int32_t partition) {
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].record.partition == partition) {
            batch->items[i].state = ITEM_DROPPED;
        }
    }
}

struct batch_output *batch_add_output(struct batch *batch, enum output output) {
    batch->outputs =
        grown(batch->outputs, batch->output_count, &batch->output_capacity, sizeof *batch->outputs);
    struct batch_output *added = &batch->outputs[batch->output_count++];
    *added = (struct batch_output){.output = output};
    return added;
}

void batch_add_letter(struct batch *batch, const struct batch_item *item) {
    batch->letters =
        grown(batch->letters, batch->letter_count, &batch->letter_capacity, sizeof *batch->letters);
    batch_add_output(batch, OUTPUT_DEAD_LETTERS)->letter = batch->letter_count;
    batch->counts.dead_letters_by_code[item->reject->code]++;
    batch->letters[batch->letter_count++] = (struct batch_letter){
        .record = item->record,
        .item = (size_t)(item - batch->items),
        .origin_offset = item->origin_offset,
        .reject = *item->reject,
    };
}

void batch_add_sum(struct batch *batch, size_t program_index, int reason, struct currency currency,
                   struct amount amount) {
    for (size_t i = 0; i < batch->sum_count; i++) {
        struct batch_sum *sum = &batch->sums[i];
        if (sum->program_index == program_index && sum->reason == reason &&
            currency_equal(sum->currency, currency)) {
            sum->amount.units += amount.units;
            sum->count++;
            return;
        }
    }
    batch->sums = grown(batch->sums, batch->sum_count, &batch->sum_capacity, sizeof *batch->sums);
    batch->sums[batch->sum_count++] =
        (struct batch_sum){program_index, reason, currency, amount, 1};
}

void batch_add_unclassified(struct batch *batch, struct currency currency, struct measure billed) {
    size_t i = 0;
    batch->counts.unclassified++;
    while (i < batch->unclassified_count &&
           !currency_equal(batch->unclassified[i].currency, currency)) {
        i++;
    }
    if (i == batch->unclassified_count) {
        batch->unclassified = grown(batch->unclassified, i, &batch->unclassified_capacity,
                                    sizeof *batch->unclassified);
        batch->unclassified[batch->unclassified_count++] =
            (struct batch_unclassified){currency, {0}};
    }
    batch->unclassified[i].billed.units += billed.units;
}
