/* The lane's metrics. Sums and counts of a batch become visible when its transaction has committed,
 * so that what an operator sees is what a payout system can read. */
#include "lane_state.h"
#include "loading.h"

#include "accrued/clock.h"
#include "accrued/letters.h"
#include "accrued/registry.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>

struct lane_counters {
    struct metric *input_bytes;
    struct metric *unclassified;
    struct metric *committed;
    struct metric *aborted;
    struct metric *rebalances;
    struct metric *transaction_seconds;
    struct metric *batch_lines;
    struct metric *hits;
    struct metric *misses;
    struct metric *unreadable;
    struct metric *round_trips;
    struct metric *missing;
    struct metric *served_stale;
    struct metric *invalidations;
    struct metric *races;
    struct metric *evictions;
    struct metric *flushes;
    struct metric *connects;
    struct metric *failures;
    struct metric *entries;
    struct metric *bytes;
    struct metric *fresh_age;
    struct metric *waiting;
    struct enricher_stats seen; /* what was added to the counters so far */
};

static struct metric *counter(const char *name, const char *help, const char *labels) {
    return metric_get(name, METRIC_COUNTER, help, labels);
}

static struct metric *dead_letters(int code) {
    char label[64];
    (void)snprintf(label, sizeof label, "code=\"%s\"", reject_code_name((enum reject_code)code));
    return counter("accrued_dead_letters_total", "Records sent to the dead letters.", label);
}

static struct metric *forgone_events(int reason) {
    char label[64];
    (void)snprintf(label, sizeof label, "reason=\"%s\"",
                   forgone_reason_name((enum forgone_reason)reason));
    return counter("accrued_forgone_total", "Forgone events published.", label);
}

static struct metric *accruals(const struct program *program) {
    char label[256];
    (void)snprintf(label, sizeof label, "program=\"%.*s\"", TEXT_ARGS(program->id));
    return counter("accrued_accruals_total", "Accruals published.", label);
}

static struct metric *aborts(const char *reason) {
    char label[128];
    (void)snprintf(label, sizeof label, "reason=\"%s\"", reason);
    return counter("accrued_transaction_aborts_total",
                   "Aborted transactions by librdkafka's name of the error.", label);
}

/* A counter that begins with its first event has no rate at that moment: what can happen is there
 * from the start, at 0. */
static void begin_at_zero(void) {
    for (int code = REJECT_NONE + 1; code < REJECT_JSON_MALFORMED; code++) {
        (void)dead_letters(code);
    }
    for (int reason = FORGONE_NONE + 1; reason < FORGONE_REASON_COUNT; reason++) {
        (void)forgone_events(reason);
    }
    (void)aborts("ILLEGAL_GENERATION");
}

/* Money and recognition are sums of different things; with this label, whoever reads the amounts
 * can tell them apart. */
void lane_count_programs(const struct lane *lane) {
    const struct programs *programs = lane->edition->programs;
    for (size_t i = 0; i < programs->count; i++) {
        char label[256];
        (void)snprintf(label, sizeof label, "program=\"%.*s\",pays=\"%s\"",
                       TEXT_ARGS(programs->items[i].id), pays_name(programs->items[i].pays));
        metric_set(metric_get("accrued_program_info", METRIC_GAUGE,
                              "What a program pays: money, or recognition, which is never paid.",
                              label),
                   1);
        (void)accruals(&programs->items[i]);
    }
}

struct lane_counters *lane_counters_open(const struct lane *lane) {
    static const int64_t seconds[] = {1,   2,   5,    10,   20,   50,    100,
                                      200, 500, 1000, 2000, 5000, 10000, 30000};
    static const int64_t lines[] = {1, 10, 100, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
    struct lane_counters *counters = calloc(1, sizeof *counters);
    REQUIRE(counters != NULL);
    char label[32];
    (void)snprintf(label, sizeof label, "lane=\"%d\"", lane->number);
    *counters = (struct lane_counters){
        .input_bytes = counter("accrued_input_bytes_total",
                               "Bytes (keys and values) of the billing lines taken.", ""),
        .unclassified =
            counter("accrued_unclassified_lines_total",
                    "Lines that no catalog rule matched and that brought no family.", ""),
        .committed = counter("accrued_transactions_total", "Kafka transactions by result.",
                             "result=\"committed\""),
        .aborted = counter("accrued_transactions_total", "Kafka transactions by result.",
                           "result=\"aborted\""),
        .rebalances =
            counter("accrued_rebalances_total", "Partitions given to or taken from a lane.", ""),
        .transaction_seconds =
            metric_histogram_get("accrued_transaction_seconds", "From begin to the end of commit.",
                                 "", seconds, sizeof seconds / sizeof seconds[0], 3),
        .batch_lines = metric_histogram_get("accrued_batch_lines", "Lines in a transaction.", "",
                                            lines, sizeof lines / sizeof lines[0], 0),
        .hits = counter("accrued_reference_hits_total",
                        "Reference values answered from the near cache.", ""),
        .misses = counter("accrued_reference_misses_total", "Reference values asked of Redis.", ""),
        .unreadable = counter("accrued_reference_unreadable_total",
                              "Of these, values that could not be read.", ""),
        .round_trips =
            counter("accrued_reference_round_trips_total", "Pipelined requests to Redis.", ""),
        .missing = counter("accrued_reference_missing_hits_total",
                           "Of the hits, keys that are known to be missing.", ""),
        .served_stale = counter("accrued_reference_stale_hits_total",
                                "Of the hits, values served while Redis was away.", ""),
        .invalidations =
            counter("accrued_reference_invalidations_total", "Keys told to have changed.", ""),
        .races = counter("accrued_reference_races_total",
                         "Replies overtaken by an invalidation, not kept.", ""),
        .evictions = counter("accrued_reference_evictions_total",
                             "Values dropped from the near cache for its bounds.", ""),
        .flushes = counter("accrued_reference_flushes_total",
                           "Times that the whole near cache stopped counting.", ""),
        .connects =
            counter("accrued_reference_connects_total", "Times that Redis was connected to.", ""),
        .failures = counter("accrued_reference_failures_total",
                            "Connections to Redis that were lost or refused.", ""),
        .entries = metric_get("accrued_reference_entries", METRIC_GAUGE,
                              "Values in the near cache.", label),
        .bytes =
            metric_get("accrued_reference_bytes", METRIC_GAUGE, "Bytes of the near cache.", label),
        .fresh_age = metric_get("accrued_reference_fresh_age_seconds", METRIC_GAUGE,
                                "Since the near cache was last known to be right.", label),
        .waiting = metric_get("accrued_reference_waiting", METRIC_GAUGE,
                              "1 while the lane waits for reference data, else 0.", label),
    };
    metric_set_decimals(counters->fresh_age, 3);
    metric_hide(counters->fresh_age);
    metric_set(counters->waiting, 0);
    lane_count_programs(lane);
    begin_at_zero();
    return counters;
}

void lane_counters_free(struct lane_counters *counters) {
    if (counters != NULL) {
        metric_hide(counters->fresh_age);
        metric_set(counters->waiting, 0);
    }
    free(counters);
}

static void count_dead_letters(const struct batch_counts *counts) {
    for (int code = 0; code < REJECT_CODE_COUNT; code++) {
        if (counts->dead_letters_by_code[code] > 0) {
            metric_add(dead_letters(code), (int64_t)counts->dead_letters_by_code[code]);
        }
    }
}

/* The last ones, for the page. */
static void note_dead_letters(const struct lane *lane) {
    const struct batch *batch = &lane->batch;
    size_t count = batch->letter_count;
    int64_t now_ms = count > 0 ? clock_wall_ms() : 0;
    for (size_t i = count > LETTER_COUNT_MAX ? count - LETTER_COUNT_MAX : 0; i < count; i++) {
        const struct batch_letter *letter = &batch->letters[i];
        letters_note(now_ms, letter->record.partition, letter->record.offset, &letter->reject);
    }
}

static void count_unclassified(const struct lane *lane) {
    const struct batch *batch = &lane->batch;
    metric_add(lane->counters->unclassified, (int64_t)batch->counts.unclassified);
    for (size_t i = 0; i < batch->unclassified_count; i++) {
        char label[32];
        (void)snprintf(label, sizeof label, "currency=\"%.3s\"",
                       batch->unclassified[i].currency.code);
        metric_add_measure(metric_get("accrued_unclassified_amount", METRIC_GAUGE,
                                      "Billed on lines that no catalog rule matched, since the "
                                      "start.",
                                      label),
                           batch->unclassified[i].billed);
    }
}

static void count_sum(const struct lane *lane, const struct batch_sum *sum) {
    const struct program *program = &lane->edition->programs->items[sum->program_index];
    char label[256];
    if (sum->reason == SUM_ACCRUED) {
        metric_add(accruals(program), (int64_t)sum->count);
        (void)snprintf(label, sizeof label, "program=\"%.*s\",currency=\"%.3s\"",
                       TEXT_ARGS(program->id), sum->currency.code);
        metric_add_amount(metric_get("accrued_accrued_amount", METRIC_GAUGE,
                                     "Sum of the accruals published since the start.", label),
                          sum->amount);
        return;
    }
    const char *reason = forgone_reason_name((enum forgone_reason)sum->reason);
    metric_add(forgone_events(sum->reason), (int64_t)sum->count);
    (void)snprintf(label, sizeof label, "reason=\"%s\",currency=\"%.3s\"", reason,
                   sum->currency.code);
    metric_add_amount(metric_get("accrued_forgone_amount", METRIC_GAUGE,
                                 "What partners forwent, change since the start.", label),
                      sum->amount);
}

void lane_count_commit(struct lane *lane, size_t lines, int64_t duration_ms) {
    struct lane_counters *counters = lane->counters;
    metric_add(counters->input_bytes, (int64_t)lane->batch.record_bytes);
    metric_add(counters->committed, 1);
    metric_observe(counters->transaction_seconds, duration_ms);
    if (lane->batch.done_count > 0) {
        metric_observe(counters->batch_lines, (int64_t)lines);
    }
    count_dead_letters(&lane->batch.counts);
    note_dead_letters(lane);
    count_unclassified(lane);
    for (size_t i = 0; i < lane->batch.sum_count; i++) {
        count_sum(lane, &lane->batch.sums[i]);
    }
}

void lane_count_abort(struct lane *lane) {
    metric_add(lane->counters->aborted, 1);
    metric_add(aborts(publisher_error_name(lane->publisher)), 1);
}

void lane_count_rebalance(struct lane *lane) {
    metric_add(lane->counters->rebalances, 1);
}

static struct metric *partition_gauge(int32_t partition, const char *name, const char *help,
                                      unsigned decimals) {
    char label[32];
    (void)snprintf(label, sizeof label, "partition=\"%d\"", partition);
    struct metric *gauge = metric_get(name, METRIC_GAUGE, help, label);
    metric_set_decimals(gauge, decimals);
    return gauge;
}

struct partition_gauges lane_partition_gauges(int32_t partition) {
    return (struct partition_gauges){
        .lines = partition_gauge(partition, "accrued_ledger_lines", "Lines in the ledger.", 0),
        .bytes = partition_gauge(partition, "accrued_ledger_bytes",
                                 "Size of the ledger's log and index.", 0),
        .restored = partition_gauge(partition, "accrued_restore_blocks",
                                    "Ledger blocks read back at the last assignment.", 0),
        .restore_seconds =
            partition_gauge(partition, "accrued_restore_seconds",
                            "Since the partition was assigned and is not ready; 0 when it is.", 3),
        .restore_file = partition_gauge(
            partition, "accrued_restore_file_ratio",
            "Share of the ledger's local file that has been read; 1 when all of it has.", 3),
        .restore_remaining =
            partition_gauge(partition, "accrued_restore_remaining_offsets",
                            "Offsets of the ledger topic that are still to be read back.", 0),
        .rerate_progress = partition_gauge(
            partition, "accrued_rerate_progress_ratio",
            "Share of the ledger that the re-rate at hand has walked; 1 when there is none.", 3),
    };
}

/* In thousandths. Without a thread the file waits for its turn, or the lane reads it itself. */
static int64_t file_share(const struct lane_partition *partition) {
    switch (partition->state) {
    case PARTITION_ASSIGNED: return 0;
    case PARTITION_LOADING:
        return INT64_C(10) * (partition->loading != NULL ? loading_percent(partition->loading)
                                                         : ledger_load_percent(partition->ledger));
    case PARTITION_AWAITING:
    case PARTITION_RESTORING:
    case PARTITION_RESTORED:
    case PARTITION_READY: break;
    }
    return 1000;
}

void lane_count_partition(const struct lane *lane, const struct lane_partition *partition) {
    const struct partition_gauges *gauges = &partition->gauges;
    bool is_ready = partition->state == PARTITION_READY;
    int64_t since_ms = clock_steady_ms() - partition->assigned_at_ms;
    if (partition->loading == NULL) {
        metric_set(gauges->lines, (int64_t)ledger_line_count(partition->ledger));
        metric_set(gauges->bytes, (int64_t)ledger_byte_count(partition->ledger));
    }
    metric_set(gauges->restored, (int64_t)partition->restored_blocks);
    metric_set(gauges->restore_seconds, is_ready ? 0 : since_ms);
    metric_set(gauges->restore_file, file_share(partition));
    metric_set(gauges->restore_remaining, restorer_remaining(lane->restorer, partition->number));
    metric_set(gauges->rerate_progress, lane_rerate_progress(lane, partition));
}

void lane_count_partition_gone(const struct lane_partition *partition) {
    metric_hide(partition->gauges.lines);
    metric_hide(partition->gauges.bytes);
    metric_hide(partition->gauges.restored);
    metric_hide(partition->gauges.restore_seconds);
    metric_hide(partition->gauges.restore_file);
    metric_hide(partition->gauges.restore_remaining);
    metric_hide(partition->gauges.rerate_progress);
}

void lane_count_waiting(struct lane *lane, bool waits) {
    metric_set(lane->counters->waiting, waits);
}

void lane_count_enricher(struct lane *lane) {
    struct lane_counters *counters = lane->counters;
    struct enricher_stats now = enricher_stats(lane->enricher);
    const struct enricher_stats *seen = &counters->seen;
    metric_add(counters->hits, (int64_t)(now.hits - seen->hits));
    metric_add(counters->missing, (int64_t)(now.negative - seen->negative));
    metric_add(counters->served_stale, (int64_t)(now.stale - seen->stale));
    metric_add(counters->misses, (int64_t)(now.misses - seen->misses));
    metric_add(counters->unreadable, (int64_t)(now.unreadable - seen->unreadable));
    metric_add(counters->round_trips, (int64_t)(now.round_trips - seen->round_trips));
    metric_add(counters->invalidations, (int64_t)(now.invalidations - seen->invalidations));
    metric_add(counters->races, (int64_t)(now.races - seen->races));
    metric_add(counters->evictions, (int64_t)(now.evictions - seen->evictions));
    metric_add(counters->flushes, (int64_t)(now.flushes - seen->flushes));
    metric_add(counters->connects, (int64_t)(now.connects - seen->connects));
    metric_add(counters->failures, (int64_t)(now.failures - seen->failures));
    metric_set(counters->entries, (int64_t)now.entries);
    metric_set(counters->bytes, (int64_t)now.bytes);
    if (now.fresh_at_ms != INT64_MIN) {
        int64_t age_ms = clock_steady_ms() - now.fresh_at_ms;
        metric_set(counters->fresh_age, age_ms > 0 ? age_ms : 0);
    }
    counters->seen = now;
}

/* All lanes of a process have the same registry: it is no matter which of them says it. */
void lane_count_registry(struct lane *lane) {
    if (lane->shared->registry == NULL) {
        return;
    }
    struct registry_counts counts = registry_counts(lane->shared->registry);
    metric_set(metric_get("accrued_schema_registry_failing", METRIC_GAUGE,
                          "1: the schema registry did not answer when it was last asked.", ""),
               counts.is_failing ? 1 : 0);
    metric_set(metric_get("accrued_schemas_known", METRIC_GAUGE,
                          "Writer schemas that the registry has told.", ""),
               (int64_t)counts.known);
    metric_set(metric_get("accrued_schemas_wanted", METRIC_GAUGE,
                          "Writer schemas that the registry has been asked for.", ""),
               (int64_t)counts.wanted);
}
