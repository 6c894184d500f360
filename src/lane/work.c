/* What happens to the lines of a portion before anything is published:
 * decode → enrich → rate → post → encoded outputs. */
#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/hash.h"
#include "accrued/registry.h"
#include "accrued/require.h"

#define DAY_MS INT64_C(86400000)
/* A schema that is new is told in no time, unless the registry is away. */
#define REGISTRY_PATIENCE_MS 200

#define WANT_AT_ONCE 64
/* So many lines ahead the customer's value, and what leads to it, are asked of memory. */
#define EXPECT_SOON 4
#define EXPECT_LATER 8

/* The offset of the record that first said it: a replayed dead letter carries it in its headers,
 * and only if it is a letter of this very partition. */
static int64_t origin_of(const struct lane *lane, const struct source_record *record) {
    struct text topic = source_record_header(record, "accrued.source.topic");
    int64_t partition = -1;
    int64_t offset = -1;
    if (text_equal(topic, text_of(lane->edition->config->topics.billing_lines)) &&
        text_to_int64(source_record_header(record, "accrued.source.partition"), &partition) &&
        text_to_int64(source_record_header(record, "accrued.source.offset"), &offset) &&
        partition == record->partition && offset < record->offset) {
        return offset;
    }
    return record->offset;
}

/* A key in two partitions would break the ledger: the line must be where its customer belongs. */
static bool check_partition(const struct lane *lane, const struct batch_item *item,
                            struct reject *ret_reject) {
    const struct source_record *record = &item->record;
    struct text customer = item->line.customer_id;
    if (!text_equal(record->key, customer)) {
        return reject_set(ret_reject, REJECT_WRONG_PARTITION,
                          "the key is \"%.*s\", not the customer_id \"%.*s\"",
                          record->key.size < 80 ? (int)record->key.size : 80,
                          record->key.data != NULL ? record->key.data : "",
                          customer.size < 80 ? (int)customer.size : 80, customer.data);
    }
    int32_t home =
        murmur2_partition(customer.data, customer.size, source_partition_count(lane->source));
    return home == record->partition ||
           reject_set(ret_reject, REJECT_WRONG_PARTITION,
                      "customer_id \"%.*s\" belongs to partition %d, the record is in %d",
                      customer.size < 80 ? (int)customer.size : 80, customer.data, home,
                      record->partition);
}

/* Headers are looked at only where there are any, which is seldom. */
static enum decode_end decode_record(struct lane *lane, struct batch_item *item,
                                     struct reject *ret_reject) {
    struct text schema = text_null();
    if (source_record_has_headers(&item->record)) {
        schema = source_record_header(&item->record, SCHEMA_HEADER);
        item->origin_offset = origin_of(lane, &item->record);
    }
    if (text_is_null(item->record.value)) {
        (void)reject_set(ret_reject, REJECT_FIELD_INVALID, "value: null, expected a billing line");
        return DECODE_REJECT;
    }
    return record_decode(lane->schemas, schema, item->record.value, &lane->batch.arena, &item->line,
                         ret_reject);
}

static void decode_item(struct lane *lane, struct batch_item *item) {
    struct reject reject;
    enum decode_end end = decode_record(lane, item, &reject);
    if (end == DECODE_LATER) {
        lane->undecoded_count++;
    } else if (end == DECODE_LINE && check_partition(lane, item, &reject)) {
        item->state = ITEM_LINE;
        item->key = ledger_key_of(item->line.customer_id, item->line.line_id, &lane->batch.scratch,
                                  &lane->batch.arena);
    } else {
        item->state = ITEM_REJECTED;
        batch_reject(&lane->batch, item, &reject);
    }
}

static void decode_gathered(struct lane *lane) {
    lane->undecoded_count = 0;
    for (size_t i = 0; i < lane->batch.count; i++) {
        if (lane->batch.items[i].state == ITEM_GATHERED) {
            decode_item(lane, &lane->batch.items[i]);
        }
    }
}

enum verdict lane_decode(struct lane *lane, struct fault *fault) {
    bool is_answered = true;
    decode_gathered(lane);
    while (lane->undecoded_count > 0 && is_answered) {
        is_answered = registry_await(lane->shared->registry, REGISTRY_PATIENCE_MS, fault);
        decode_gathered(lane);
    }
    return lane->undecoded_count == 0 ? VERDICT_COMMITTED : VERDICT_WAIT;
}

/* The customers and resellers of some lines. */
static void want(struct lane *lane, struct batch_item *const *items, size_t count) {
    struct text customers[WANT_AT_ONCE];
    struct text resellers[WANT_AT_ONCE];
    const struct cache_slot *customer_slots[WANT_AT_ONCE];
    const struct cache_slot *reseller_slots[WANT_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        customers[i] = items[i]->line.customer_id;
        resellers[i] = items[i]->line.reseller_mpn_id;
    }
    enricher_want_all(lane->enricher, REFERENCE_CUSTOMER, customers, count, customer_slots);
    enricher_want_all(lane->enricher, REFERENCE_PARTNER, resellers, count, reseller_slots);
    for (size_t i = 0; i < count; i++) {
        items[i]->customer = customer_slots[i];
        items[i]->reseller = reseller_slots[i];
    }
}

static enum verdict enrich(struct lane *lane, bool may_ask, struct fault *fault) {
    enricher_begin(lane->enricher);
    struct batch_item *some[WANT_AT_ONCE];
    size_t count = 0;
    for (size_t i = 0; i < lane->batch.count; i++) {
        struct batch_item *item = &lane->batch.items[i];
        item->customer = NULL;
        item->reseller = NULL;
        if (item->state == ITEM_LINE) {
            some[count++] = item;
        }
        if (count == WANT_AT_ONCE || i + 1 == lane->batch.count) {
            want(lane, some, count);
            count = 0;
        }
    }
    int64_t now_ms = clock_steady_ms();
    switch (may_ask ? enricher_fetch(lane->enricher, now_ms, fault)
                    : enricher_fetch_cached(lane->enricher, now_ms, fault)) {
    case ENRICH_READY: return VERDICT_COMMITTED;
    case ENRICH_WAIT: return VERDICT_WAIT;
    case ENRICH_MISSING: return VERDICT_AGAIN;
    }
    REQUIRE(false && "unknown enrich_verdict");
}

static void add_dead_letter(struct lane *lane, const struct batch_item *item) {
    batch_add_letter(&lane->batch, item);
    lane_partition_find(lane, item->record.partition)->outcomes.dead_lettered++;
}

static void count_outcome(struct line_outcomes *outcomes, enum posting_outcome outcome) {
    switch (outcome) {
    case POSTING_POSTED: outcomes->posted++; break;
    case POSTING_UNCHANGED: outcomes->unchanged++; break;
    case POSTING_STALE: outcomes->stale++; break;
    }
}

/* Lines of closed periods are history: whatever comes for them is for a person to look at (§7). */
static bool check_horizon(const struct ledger *ledger, const struct line_state *old,
                          const struct billing_line *line, struct reject *ret_reject) {
    int32_t horizon = ledger_horizon(ledger);
    int32_t period = old != NULL && old->line.billing_period < line->billing_period
                         ? old->line.billing_period
                         : line->billing_period;
    if (period >= horizon) {
        return true;
    }
    char closed[CALENDAR_MONTH_SIZE];
    char first[CALENDAR_MONTH_SIZE];
    calendar_format_month(period, closed);
    calendar_format_month(horizon, first);
    return reject_set(ret_reject, REJECT_PERIOD_EXPIRED,
                      "billing_period: %s is closed%s; periods from %s on are open "
                      "(ledger.retention_months)",
                      closed,
                      old != NULL && period == old->line.billing_period
                          ? ", and the ledger has the line in it"
                          : "",
                      first);
}

/* Where rating finds the partners of a line: its reseller has been found with the batch. */
struct line_partners {
    const struct enricher *enricher;
    const struct batch_item *item;
};

static const struct reference *find_partner(void *context, struct text mpn_id) {
    const struct line_partners *partners = context;
    bool is_reseller = mpn_id.data == partners->item->line.reseller_mpn_id.data;
    return is_reseller ? enricher_wanted(partners->enricher, partners->item->reseller)
                       : enricher_partner(partners->enricher, mpn_id);
}

/* Rates one line and posts it. false: it belongs to the dead letters. */
static bool post_line(struct lane *lane, const struct batch_item *item,
                      struct provenance *provenance, struct reject *ret_reject) {
    struct lane_partition *partition = lane_partition_find(lane, item->record.partition);
    REQUIRE(partition != NULL && partition->state == PARTITION_READY);
    const struct billing_line *line = &item->line;
    struct line_state state;
    bool is_known = ledger_find_key(partition->ledger, item->key, &state);
    const struct line_state *old = is_known ? &state : NULL;
    enum posting_outcome outcome = POSTING_STALE;
    if (!check_horizon(partition->ledger, old, line, ret_reject)) {
        return false;
    }
    if (!posting_is_stale(old, line, item->origin_offset)) {
        struct posting_cause cause = {.origin_offset = item->origin_offset, .program_only = -1};
        struct rating_options options = {lane->edition->config->rating.no_link};
        struct line_partners partners = {lane->enricher, item};
        if (!rating_compute(&lane->rating, lane->edition->programs, lane->edition->catalog, line,
                            enricher_wanted(lane->enricher, item->customer),
                            (struct partner_lookup){find_partner, &partners}, options,
                            ret_reject) ||
            !posting_compute(&lane->posting, lane->edition->programs, old, line, &lane->rating,
                             cause, &outcome, ret_reject)) {
            return false;
        }
        if (lane->rating.classification.is_unclassified) {
            batch_add_unclassified(&lane->batch, line->currency, line->billed_amount);
        }
        provenance->source_partition = item->record.partition;
        provenance->source_offset = item->record.offset;
        lane_encode_events(lane, &lane->posting, provenance);
        if (!lane->posting.is_stored_already) {
            lane->posting.next.rerate_offset =
                lane_rerate_mark(lane, lane->posting.next.rerate_offset);
            ledger_put_key(partition->ledger, item->key, &lane->posting.next);
        }
    }
    count_outcome(&partition->outcomes, outcome);
    return true;
}

/* VERDICT_WAIT: an unreadable reference value, and the policy is to wait for its repair. */
static enum verdict work_item(struct lane *lane, struct batch_item *item,
                              struct provenance *provenance, struct fault *fault) {
    struct reject reject;
    switch (item->state) {
    case ITEM_DROPPED: return VERDICT_COMMITTED;
    case ITEM_SKIPPED:
        lane_partition_find(lane, item->record.partition)->outcomes.skipped++;
        return VERDICT_COMMITTED;
    case ITEM_REJECTED: add_dead_letter(lane, item); return VERDICT_COMMITTED;
    case ITEM_GATHERED: REQUIRE(false && "a record that nobody has decoded"); break;
    case ITEM_LINE: break;
    }
    if (post_line(lane, item, provenance, &reject)) {
        return VERDICT_COMMITTED;
    }
    if (reject.code == REJECT_REFERENCE_UNREADABLE &&
        lane->edition->config->reference.unreadable == UNREADABLE_STALL) {
        fault_set(fault, "%s (policy: stall until it is repaired)", reject.message);
        return VERDICT_WAIT;
    }
    batch_reject(&lane->batch, item, &reject);
    add_dead_letter(lane, item);
    return VERDICT_COMMITTED;
}

uint64_t lane_record_hash(const struct source_record *record) {
    return text_is_null(record->value) ? 0 : hash64(record->value.data, record->value.size, 0);
}

/* Where each partition of the portion stands behind its last record. */
static void note_ends(struct lane *lane) {
    for (size_t p = 0; p < lane->partition_count; p++) {
        struct lane_partition *partition = &lane->partitions[p];
        if (partition->last_item == NO_ITEM) {
            continue;
        }
        const struct source_record *record = &lane->batch.items[partition->last_item].record;
        partition->batch_end = (struct ledger_position){
            .next_offset = record->offset + 1,
            .record_timestamp_ms = record->timestamp_ms,
            .record_hash = lane_record_hash(record),
        };
    }
}

/* The clock moves the horizon, never back. */
static void move_horizons(struct lane *lane, int64_t now_ms) {
    int64_t months = lane->edition->config->ledger.retention_months;
    if (months == 0) {
        return;
    }
    int32_t today = (int32_t)(now_ms / DAY_MS);
    int32_t horizon = calendar_month_of_day(today) - (int32_t)months;
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].batch_start >= 0) {
            ledger_set_horizon(lane->partitions[i].ledger, horizon);
        }
    }
}

/* So many lines before their turn the ledger is told of them. */
#define EXPECT_SLOT 16
#define EXPECT_ENTRY 8

static struct ledger *ledger_of(struct lane *lane, const struct batch_item *item) {
    struct lane_partition *partition =
        item->state == ITEM_LINE ? lane_partition_find(lane, item->record.partition) : NULL;
    return partition == NULL ? NULL : partition->ledger;
}

/* Asks memory for what the next lines will need while this one is worked on. */
static void expect(struct lane *lane, size_t at) {
    const struct batch_item *items = lane->batch.items;
    size_t left = lane->batch.count - at;
    const struct batch_item *soon = left > EXPECT_SOON ? &items[at + EXPECT_SOON] : NULL;
    const struct batch_item *later = left > EXPECT_LATER ? &items[at + EXPECT_LATER] : NULL;
    enricher_expect(soon != NULL ? soon->customer : NULL, later != NULL ? later->customer : NULL);
    enricher_expect(soon != NULL ? soon->reseller : NULL, later != NULL ? later->reseller : NULL);
    struct ledger *ledger = left > EXPECT_SLOT ? ledger_of(lane, &items[at + EXPECT_SLOT]) : NULL;
    if (ledger != NULL) {
        ledger_expect_key(ledger, items[at + EXPECT_SLOT].key);
    }
    ledger = left > EXPECT_ENTRY ? ledger_of(lane, &items[at + EXPECT_ENTRY]) : NULL;
    if (ledger != NULL) {
        ledger_expect_entry(ledger, items[at + EXPECT_ENTRY].key.hash);
    }
}

/* The first portion, perhaps once more: nothing has been posted yet. */
static void start_over(struct lane *lane) {
    batch_restart(&lane->batch);
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].state == PARTITION_READY) {
            ledger_abort(lane->partitions[i].ledger);
        }
        lane->partitions[i].outcomes = (struct line_outcomes){0};
    }
}

enum verdict lane_work(struct lane *lane, bool may_ask, struct fault *fault) {
    if (lane->batch.done_count == 0) {
        start_over(lane);
    }
    enum verdict verdict = enrich(lane, may_ask, fault);
    struct provenance provenance = {
        .source_topic = text_of(lane->edition->config->topics.billing_lines),
        .accrued_at_ms = clock_wall_ms(),
    };
    move_horizons(lane, provenance.accrued_at_ms);
    for (size_t i = 0; i < lane->batch.count && verdict == VERDICT_COMMITTED; i++) {
        expect(lane, i);
        verdict = work_item(lane, &lane->batch.items[i], &provenance, fault);
    }
    if (verdict == VERDICT_COMMITTED) {
        note_ends(lane);
    }
    return verdict;
}
