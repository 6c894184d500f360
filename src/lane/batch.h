/* batch.h: what one transaction holds. Private to the lane.
 *
 * It is filled in portions: the records at hand are decoded, rated and encoded together and then
 * given back, so that what one step touches is still in the core's cache for the next. Decoded
 * lines borrow from their records and from the arena until the portion ends; dead letters keep
 * their records. Outputs are encoded into one buffer before the transaction begins, so that no
 * look-up ever happens inside it. */
#ifndef ACCRUED_LANE_BATCH_H
#define ACCRUED_LANE_BATCH_H

#include "accrued/arena.h"
#include "accrued/ledger.h"
#include "accrued/line.h"
#include "accrued/publish.h"

struct cache_slot;

enum item_state {
    ITEM_LINE,     /* a decoded line */
    ITEM_REJECTED, /* could not be decoded, goes to the dead letters: item->reject */
    ITEM_SKIPPED,  /* below the ledger's next offset: posted before, only the offset moves on */
    ITEM_DROPPED,  /* its partition was taken away meanwhile */
    ITEM_GATHERED, /* next: decode it */
};

struct batch_item {
    struct source_record record;
    enum item_state state;
    int64_t origin_offset;
    struct ledger_key key;             /* of a decoded line */
    const struct cache_slot *customer; /* of the line, once it is wanted */
    const struct cache_slot *reseller; /* the same; NULL: the line names none */
    struct reject *reject;             /* of a dead letter; lives in the batch's arena */
    struct billing_line line; /* ITEM_LINE; before, it is nothing: the last member (batch_add) */
};

/* An output record whose bytes stand in batch->bytes; of a dead letter, in its record. */
struct batch_output {
    enum output output;
    size_t letter; /* OUTPUT_DEAD_LETTERS: index of the letter; the rest is not set */
    size_t key_at;
    size_t key_size; /* SIZE_MAX: null key */
    size_t value_at;
    size_t value_size;
};

struct batch_letter {
    struct source_record record; /* the item's until the portion ends, then the letter's own */
    size_t item;
    int64_t origin_offset;
    struct reject reject;
};

#define SUM_ACCRUED (-1)

/* Exact sums that become metrics when the transaction has committed. */
struct batch_sum {
    size_t program_index;
    int reason; /* SUM_ACCRUED, or enum forgone_reason */
    struct currency currency;
    struct amount amount;
    size_t count;
};

/* Revenue of lines that the catalog does not know. */
struct batch_unclassified {
    struct currency currency;
    struct measure billed;
};

struct batch_counts {
    size_t unclassified;
    size_t dead_letters_by_code[REJECT_CODE_COUNT];
};

struct batch {
    struct batch_item *items; /* of the portion at hand */
    size_t count;
    size_t capacity;
    size_t done_count;   /* records of the portions before */
    size_t record_bytes; /* of all portions */
    struct arena arena;
    struct buffer bytes;
    struct buffer scratch; /* of keys that are being made */
    struct batch_output *outputs;
    size_t output_count;
    size_t output_capacity;
    struct batch_letter *letters;
    size_t letter_count;
    size_t letter_capacity;
    size_t letters_owned; /* so many keep their records */
    struct batch_sum *sums;
    size_t sum_count;
    size_t sum_capacity;
    struct batch_unclassified *unclassified;
    size_t unclassified_count;
    size_t unclassified_capacity;
    struct batch_counts counts;
};

void batch_init(struct batch *batch);
void batch_release(struct batch *batch);
/* Releases the records and forgets everything; keeps the memory. */
void batch_clear(struct batch *batch);
/* Forgets outputs, sums and counts, keeps the items: the first portion is worked on again. */
void batch_restart(struct batch *batch);
/* What came of the items stands encoded: releases their records, but those of dead letters. */
void batch_end_portion(struct batch *batch);

/* Takes the record over. */
struct batch_item *batch_add(struct batch *batch, const struct source_record *record);
/* Why the item goes to the dead letters; copied, as few do. */
void batch_reject(struct batch *batch, struct batch_item *item, const struct reject *reject);
/* Marks the items of a partition as DROPPED. */
void batch_drop_partition(struct batch *batch, int32_t partition);

struct batch_output *batch_add_output(struct batch *batch, enum output output);
/* An output for a rejected item. */
void batch_add_letter(struct batch *batch, const struct batch_item *item);
/* Adds to the sum of (program, reason, currency); reason: SUM_ACCRUED or enum forgone_reason. */
void batch_add_sum(struct batch *batch, size_t program_index, int reason, struct currency currency,
                   struct amount amount);
/* A line of an unknown product. */
void batch_add_unclassified(struct batch *batch, struct currency currency, struct measure billed);

#endif
