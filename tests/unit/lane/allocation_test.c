/* On the way of a line nothing of ours is allocated: once the working memory has its size, decode,
 * find, rate, post, encode, store and the sorting of what is sent ask the allocator for nothing.
 * This program's own malloc counts. */
#include "lane/batch.h"
#include "publish/sorter.h"

#include "accrued/decode.h"
#include "accrued/encode.h"
#include "accrued/line_json.h"
#include "accrued/programs_yaml.h"
#include "accrued/rating.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG ACCRUED_SOURCE_DIR "/config/"
#define LINE_COUNT 1000
#define WARM_ROUNDS 3
#define BLOCK_SIZE_MAX 990000

static volatile size_t allocation_count; /* while is_counting */
static volatile bool is_counting; /* malloc is known to the compiler as one that does not look */

#ifndef __SANITIZE_ADDRESS__ /* it has an allocator of its own */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size) {
    allocation_count += is_counting;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocation_count += is_counting;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    allocation_count += is_counting;
    return __libc_realloc(memory, size);
}
#endif

struct way {
    struct catalog catalog;
    struct programs programs;
    struct schema_set *schemas;
    struct reference customer;
    struct reference partner;
    struct link links[2];
    struct rating rating;
    struct posting posting;
    struct ledger *ledger;
    struct batch batch;
    struct sorter sorter;
    struct buffer records;
    size_t ends[LINE_COUNT];
    size_t event_count;
};

static const struct interval always[] = {{DAY_MIN, DAY_MAX}};

static const struct reference *find_partner(void *context, struct text mpn_id) {
    (void)mpn_id;
    return &((struct way *)context)->partner;
}

static void load(struct way *way) {
    struct fault fault;
    catalog_init(&way->catalog);
    programs_init(&way->programs);
    cr_assert(catalog_load(&way->catalog, CONFIG "catalog.yaml", &fault), "%s", fault.text);
    cr_assert(programs_load(&way->programs, &way->catalog, CONFIG "programs.yaml", &fault), "%s",
              fault.text);
    const char *schema = ACCRUED_SOURCE_DIR "/schemas/billing-line.avsc";
    struct schema_file file = {1, schema};
    way->schemas = schema_set_open(schema, &file, 1, &fault);
    cr_assert(way->schemas != NULL, "%s", fault.text);
}

static void make_references(struct way *way) {
    static struct competency competency = {
        .name = {"modern-work", 11}, .level = LEVEL_GOLD, .valid = {DAY_MIN, DAY_MAX}};
    way->partner = (struct reference){.kind = REFERENCE_PARTNER,
                                      .state = REFERENCE_PRESENT,
                                      .partner = {.mpn_id = TEXT("4200001"),
                                                  .mpn_active = {always, 1},
                                                  .indirect_reseller = {always, 1},
                                                  .bank_profile = {always, 1},
                                                  .tax_profile = {always, 1},
                                                  .competencies = &competency,
                                                  .competency_count = 1}};
    way->links[0] = (struct link){.link_id = TEXT("L-1"),
                                  .type = LINK_DPOR,
                                  .partner_mpn_id = TEXT("4200002"),
                                  .valid = {DAY_MIN, DAY_MAX}};
    way->links[1] = (struct link){.link_id = TEXT("L-2"),
                                  .type = LINK_PAL,
                                  .partner_mpn_id = TEXT("4200003"),
                                  .valid = {DAY_MIN, DAY_MAX}};
    way->customer = (struct reference){
        .kind = REFERENCE_CUSTOMER,
        .state = REFERENCE_PRESENT,
        .customer = {.customer_id = TEXT("c"), .links = way->links, .link_count = 2}};
}

/* Every round revises the same lines. */
static void make_records(struct way *way, int64_t revision) {
    buffer_clear(&way->records);
    for (size_t i = 0; i < LINE_COUNT; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "line-%06zu", i);
        struct billing_line line = {
            .line_id = text_of(id),
            .customer_id = TEXT("0a0a0a0a-0000-4000-8000-000000000001"),
            .subscription_id = TEXT("0b0b0b0b-0000-4000-8000-000000000001"),
            .reseller_mpn_id = TEXT("4200001"),
            .product_id = TEXT("CFQ7TTC0LFLX"),
            .sku_id = TEXT("0001"),
            .product_name = TEXT("Microsoft 365 E3"),
            .charge_type = TEXT("cycleFee"),
            .revision = revision,
            .billing_period = 2026 * 12 + 9,
            .charge_start_date = 20727,
            .charge_end_date = 20757,
            .currency = {{'U', 'S', 'D'}},
            .billed_amount = {(int128)(1000 + (int64_t)i + revision) * 100000000}};
        frame_append(&way->records, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
        line_append_avro(&way->records, &line);
        way->ends[i] = way->records.size;
    }
}

static void encode(struct way *way) {
    struct provenance provenance = {.source_topic = TEXT("billing-lines")};
    struct batch *batch = &way->batch;
    for (size_t k = 0; k < way->posting.event_count; k++) {
        const struct event *event = &way->posting.events[k];
        if (event->kind == EVENT_ACCRUAL) {
            struct batch_output *output = batch_add_output(batch, OUTPUT_ACCRUALS);
            output->value_at = batch->bytes.size;
            encode_accrual_avro(&batch->bytes, &event->accrual, &provenance);
            output->value_size = batch->bytes.size - output->value_at;
            batch_add_sum(batch, 0, SUM_ACCRUED, event->accrual.currency, event->accrual.amount);
        } else {
            struct batch_output *output = batch_add_output(batch, OUTPUT_FORGONE);
            output->value_at = batch->bytes.size;
            encode_forgone_avro(&batch->bytes, &event->forgone, &provenance);
            output->value_size = batch->bytes.size - output->value_at;
        }
        way->event_count++;
    }
}

static void take_line(struct way *way, size_t i) {
    size_t start = i == 0 ? 0 : way->ends[i - 1];
    struct source_record record = {
        .partition = 0,
        .offset = (int64_t)i,
        .value = {(const char *)way->records.data + start, way->ends[i] - start}};
    struct batch_item *item = batch_add(&way->batch, &record);
    struct reject reject;
    cr_assert(line_decode(way->schemas, record.value, &way->batch.arena, &item->line, &reject));
    item->key = ledger_key_of(item->line.customer_id, item->line.line_id, &way->batch.scratch,
                              &way->batch.arena);
    struct line_state state;
    bool known = ledger_find_key(way->ledger, item->key, &state);
    cr_assert(rating_compute(&way->rating, &way->programs, &way->catalog, &item->line,
                             &way->customer, (struct partner_lookup){find_partner, way},
                             (struct rating_options){false}, &reject));
    enum posting_outcome outcome;
    struct posting_cause cause = {.origin_offset = (int64_t)i, .program_only = -1};
    cr_assert(posting_compute(&way->posting, &way->programs, known ? &state : NULL, &item->line,
                              &way->rating, cause, &outcome, &reject));
    encode(way);
    ledger_put_key(way->ledger, item->key, &way->posting.next);
}

static void sort_outputs(struct way *way) {
    for (size_t i = 0; i < way->batch.output_count; i++) {
        const struct batch_output *output = &way->batch.outputs[i];
        sorter_add(&way->sorter,
                   (struct sorter_record){.place = (uint32_t)(i % 4),
                                          .value = way->batch.bytes.data + output->value_at,
                                          .value_size = output->value_size});
    }
    sorter_sort(&way->sorter);
    sorter_clear(&way->sorter);
}

static bool drop_block(void *context, uint64_t block_id, struct text block) {
    (void)context;
    (void)block_id;
    (void)block;
    return true;
}

Test(allocation, nothing_on_the_way_of_a_line) {
    static struct way way;
    load(&way);
    make_references(&way);
    rating_init(&way.rating);
    way.rating.memo = catalog_memo_open(&way.catalog);
    posting_init(&way.posting);
    batch_init(&way.batch);
    sorter_init(&way.sorter, 4);
    buffer_init(&way.records);
    way.ledger = ledger_open(&way.programs, 0, 1);
    for (int64_t round = 0; round < 2 * WARM_ROUNDS; round++) {
        make_records(&way, round);
        is_counting = round >= WARM_ROUNDS;
        for (size_t i = 0; i < LINE_COUNT; i++) {
            take_line(&way, i);
        }
        sort_outputs(&way);
        struct ledger_position position = ledger_position(way.ledger);
        position.next_offset += LINE_COUNT;
        bool is_sealed = ledger_seal(way.ledger, position, 1, BLOCK_SIZE_MAX, drop_block, NULL);
        ledger_commit(way.ledger);
        batch_clear(&way.batch);
        is_counting = false;
        cr_assert(is_sealed);
    }
    cr_assert(way.event_count >= 2 * WARM_ROUNDS * LINE_COUNT, "%zu events", way.event_count);
    cr_assert_eq(allocation_count, 0, "%zu allocations in %d lines", allocation_count,
                 WARM_ROUNDS * LINE_COUNT);
    /* The counting itself works. */
    is_counting = true;
    void *volatile memory = malloc(1);
    is_counting = false;
    free(memory);
#ifndef __SANITIZE_ADDRESS__
    cr_assert_eq(allocation_count, 1);
#endif
}
