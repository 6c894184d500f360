/* Owned partitions: from assignment through restore to ready, and back. */
#include "lane_state.h"
#include "loading.h"

#include "accrued/clock.h"
#include "accrued/lag.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdlib.h>

#define COMMITTED_TIMEOUT_MS 1000
#define RANGE_TIMEOUT_MS 5000
#define PEEK_TIMEOUT_MS 5000
#define RESTORE_SLICE_MS 50
#define MARK_INTERVAL_MS 3000
/* When a restore foresees how many lines come, and at most how many times those that came, in
 * thousandths: later blocks may be much smaller than the first. Three quarters of it are made room
 * for: to make a table larger costs less than to make one smaller. */
#define FEW_BLOCKS 16
#define MANY_BLOCKS 1024
#define ANTICIPATED_MAX 64000
#define PROGRESS_INTERVAL_MS 2000

struct lane_partition *lane_partition_find(struct lane *lane, int32_t number) {
    /* Records come in runs of one partition. */
    size_t last = lane->partition_found;
    if (last < lane->partition_count && lane->partitions[last].number == number) {
        return &lane->partitions[last];
    }
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].number == number) {
            lane->partition_found = i;
            return &lane->partitions[i];
        }
    }
    return NULL;
}

void lane_partition_assigned(void *context, int32_t number) {
    struct lane *lane = context;
    REQUIRE(lane_partition_find(lane, number) == NULL);
    if (lane->partition_count == lane->partition_capacity) {
        size_t capacity = lane->partition_capacity == 0 ? 8 : lane->partition_capacity * 2;
        struct lane_partition *partitions =
            realloc(lane->partitions, capacity * sizeof *partitions);
        REQUIRE(partitions != NULL);
        lane->partitions = partitions;
        lane->partition_capacity = capacity;
    }
    size_t at = lane->partition_count++;
    while (at > 0 && lane->partitions[at - 1].number > number) {
        lane->partitions[at] = lane->partitions[at - 1];
        at--;
    }
    lane->partitions[at] = (struct lane_partition){
        .number = number,
        .state = PARTITION_ASSIGNED,
        .ledger = ledger_open(lane->edition->programs, (uint32_t)number,
                              (uint32_t)source_partition_count(lane->source)),
        .batch_start = -1,
        .first_item = NO_ITEM,
        .last_item = NO_ITEM,
        .watermark = -1,
        .rerate_start = -1,
        .assigned_at_ms = clock_steady_ms(),
        .meter = meter_open(number),
        .gauges = lane_partition_gauges(number),
        .told_at_ms = clock_steady_ms(),
    };
    lane->membership_changed = true;
    lane_count_rebalance(lane);
    log_event(LOG_INFO, "partition_assigned", "lane=%d partition=%d", lane->number, number);
}

void lane_partition_revoked(void *context, int32_t number, bool lost) {
    struct lane *lane = context;
    struct lane_partition *partition = lane_partition_find(lane, number);
    lane->membership_changed = true;
    lane_count_rebalance(lane);
    log_event(LOG_INFO, "partition_revoked", "lane=%d partition=%d lost=%s", lane->number, number,
              lost ? "true" : "false");
    if (partition == NULL) {
        return;
    }
    batch_drop_partition(&lane->batch, number);
    lane->is_spoilt =
        lane->is_spoilt || (partition->batch_start >= 0 && lane->batch.done_count > 0);
    lane_rerate_drop(lane, number);
    restorer_cancel(lane->restorer, number);
    struct loading_result unused;
    loading_end(partition->loading, &unused);
    ledger_free(partition->ledger);
    meter_free(partition->meter);
    lane_count_partition_gone(partition);
    if (lane->shared->lag != NULL) {
        lag_disown(lane->shared->lag, number);
    }
    size_t at = (size_t)(partition - lane->partitions);
    lane->partition_count--;
    memmove(partition, partition + 1, (lane->partition_count - at) * sizeof *partition);
}

void lane_partitions_release(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct loading_result unused;
        loading_end(lane->partitions[i].loading, &unused);
        ledger_free(lane->partitions[i].ledger);
        meter_free(lane->partitions[i].meter);
        lane_count_partition_gone(&lane->partitions[i]);
        if (lane->shared->lag != NULL) {
            lag_disown(lane->shared->lag, lane->partitions[i].number);
        }
    }
    free(lane->partitions);
    lane->partitions = NULL;
    lane->partition_count = 0;
    lane->partition_capacity = 0;
}

/* The first blocks tell how many lines all of the topic is likely to have. */
static void anticipate(const struct lane *lane, struct lane_partition *partition) {
    int64_t multiple = restorer_multiple(lane->restorer, partition->number);
    multiple = multiple < ANTICIPATED_MAX ? multiple : ANTICIPATED_MAX;
    size_t line_count = ledger_line_count(partition->ledger);
    ledger_anticipate(partition->ledger, line_count * (size_t)multiple / 1000 * 3 / 4);
}

bool lane_partition_block(void *context, int32_t number, struct text value, struct fault *fault) {
    struct lane_partition *partition = lane_partition_find(context, number);
    REQUIRE(partition != NULL && partition->state == PARTITION_RESTORING);
    if (ledger_is_foreign(partition->ledger, value)) {
        partition->is_foreign = true;
        return true;
    }
    partition->restored_blocks++;
    if (partition->restored_blocks == FEW_BLOCKS || partition->restored_blocks == MANY_BLOCKS) {
        anticipate(context, partition);
    }
    return ledger_restore(partition->ledger, value, fault) ||
           fault_prefix(fault, "restoring the ledger of partition %d: ", number);
}

void lane_partition_restored(void *context, int32_t number, int64_t high_watermark) {
    struct lane_partition *partition = lane_partition_find(context, number);
    REQUIRE(partition != NULL);
    if (!partition->is_foreign) {
        ledger_settle(partition->ledger);
        struct fault unproven;
        if (ledger_is_proven(partition->ledger, &unproven)) {
            ledger_set_mark(partition->ledger, high_watermark);
        }
        partition->marked_at_ms = clock_steady_ms();
        partition->state =
            PARTITION_RESTORED; /* the next step stops at a topic that lacks blocks */
    }
}

/* Restoring what is large takes a while: now and then it is told how far it is. */
static void tell_progress(const struct lane *lane, struct lane_partition *partition) {
    int64_t now_ms = clock_steady_ms();
    bool is_loading = partition->loading != NULL;
    if ((!is_loading && partition->state != PARTITION_RESTORING) ||
        now_ms - partition->told_at_ms < PROGRESS_INTERVAL_MS) {
        return;
    }
    partition->told_at_ms = now_ms;
    if (is_loading) {
        log_event(LOG_INFO, "partition_restoring", "lane=%d partition=%d source=file percent=%d",
                  lane->number, partition->number, loading_percent(partition->loading));
    } else {
        log_event(LOG_INFO, "partition_restoring",
                  "lane=%d partition=%d source=topic ledger_blocks=%zu remaining_offsets=%lld",
                  lane->number, partition->number, partition->restored_blocks,
                  (long long)restorer_remaining(lane->restorer, partition->number));
    }
}

/* What the file held is of another ledger: everything comes from the topic. */
static void discard_file(struct lane *lane, struct lane_partition *partition) {
    log_event(LOG_WARN, "ledger_file_foreign",
              "lane=%d partition=%d reason=\"the topic holds another ledger; the file is begun "
              "anew\"",
              lane->number, partition->number);
    restorer_cancel(lane->restorer, partition->number);
    ledger_discard(partition->ledger);
    partition->is_foreign = false;
    partition->restored_blocks = 0;
    partition->state = PARTITION_AWAITING;
}

/* Asks only. A former owner that does not know it yet would count blocks that it has never seen, so
 * the answer becomes a mark when a transaction behind it has committed: then nobody else can have
 * written a block before. */
void lane_partitions_mark(struct lane *lane) {
    int64_t now_ms = clock_steady_ms();
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        if (partition->state != PARTITION_READY || !ledger_wants_mark(partition->ledger) ||
            now_ms - partition->marked_at_ms < MARK_INTERVAL_MS) {
            continue;
        }
        partition->watermark = restorer_watermark(lane->restorer, partition->number);
        partition->marked_at_ms = now_ms;
    }
}

void lane_partition_committed(struct lane_partition *partition) {
    if (partition->watermark >= 0) {
        ledger_set_mark(partition->ledger, partition->watermark);
        partition->watermark = -1;
    }
}

/* A topic that is not the one the ledger was written from. */
static bool input_is_ours(const struct lane_partition *partition, int64_t wanted, int64_t next,
                          const char *topic, struct fault *fault) {
    return wanted <= next ||
           fault_set(fault,
                     "%s [%d] ends at offset %lld, but lines up to %lld were processed: the topic "
                     "was re-created or shortened. Restore it, or start with a new group and empty "
                     "ledger topics",
                     topic, partition->number, (long long)next, (long long)wanted);
}

/* The last record that the ledger knows is read again: a topic of the same name and length may be
 * another one. PENDING: ask again later. */
enum identity { IDENTITY_SAME, IDENTITY_OTHER, IDENTITY_PENDING };
static enum identity check_identity(struct lane *lane, const struct lane_partition *partition,
                                    int64_t first, struct fault *fault) {
    struct ledger_position position = ledger_position(partition->ledger);
    if (position.next_offset <= first || position.next_offset == 0) {
        return IDENTITY_SAME; /* there is nothing to compare with */
    }
    struct source_record record;
    if (!source_peek(lane->source, partition->number, position.next_offset - 1, PEEK_TIMEOUT_MS,
                     &record, fault)) {
        return IDENTITY_PENDING;
    }
    bool is_same = record.message == NULL || (record.timestamp_ms == position.record_timestamp_ms &&
                                              lane_record_hash(&record) == position.record_hash);
    source_record_release(&record);
    if (is_same) {
        return IDENTITY_SAME;
    }
    fault_set(fault,
              "%s [%d]: the record at offset %lld is not the one that was processed: the topic was "
              "re-created. Restore it, or start with a new group and empty ledger topics",
              lane->edition->config->topics.billing_lines, partition->number,
              (long long)position.next_offset - 1);
    return IDENTITY_OTHER;
}

/* Lines that were deleted before they were read are never skipped silently. */
static bool input_is_whole(struct lane *lane, const struct lane_partition *partition,
                           int64_t wanted, int64_t first, struct fault *fault) {
    const struct config *config = lane->edition->config;
    if (wanted >= first) {
        return true;
    }
    fault_set(fault,
              "%s [%d]: lines %lld to %lld were deleted before they were read (retention). Ingest "
              "them again, and go on behind the gap with ledger.on_missing_input: continue",
              config->topics.billing_lines, partition->number, (long long)wanted,
              (long long)(first - 1));
    switch (config->ledger.on_missing_input) {
    case MISSING_INPUT_STOP: return false;
    case MISSING_INPUT_CONTINUE: break;
    }
    log_event(LOG_ERROR, "input_missing", "lane=%d partition=%d from=%lld to=%lld reason=%s",
              lane->number, partition->number, (long long)wanted, (long long)(first - 1),
              log_quote(fault->text));
    return true;
}

/* RESTORED → READY. */
static enum verdict start_partition(struct lane *lane, struct lane_partition *partition,
                                    struct fault *fault) {
    int64_t first = 0;
    int64_t next = 0;
    const char *topic = lane->edition->config->topics.billing_lines;
    if (!ledger_is_proven(partition->ledger, fault)) {
        fault_prefix(fault, "%s [%d]: ", lane->edition->config->topics.ledger, partition->number);
        return VERDICT_STOP;
    }
    if (!source_log_range(lane->source, partition->number, RANGE_TIMEOUT_MS, &first, &next,
                          fault)) {
        log_event(LOG_WARN, "partition_waits", "lane=%d partition=%d reason=%s", lane->number,
                  partition->number, log_quote(fault->text));
        return VERDICT_COMMITTED;
    }
    int64_t known = ledger_position(partition->ledger).next_offset;
    int64_t wanted = partition->committed > known ? partition->committed : known;
    if (partition->committed < 0 && known == 0) {
        wanted = first; /* never worked on: it begins where the topic begins */
    }
    if (!input_is_ours(partition, wanted, next, topic, fault) ||
        !input_is_whole(lane, partition, wanted, first, fault)) {
        return VERDICT_STOP;
    }
    switch (check_identity(lane, partition, first, fault)) {
    case IDENTITY_SAME: break;
    case IDENTITY_OTHER: return VERDICT_STOP;
    case IDENTITY_PENDING:
        log_event(LOG_WARN, "partition_waits", "lane=%d partition=%d reason=%s", lane->number,
                  partition->number, log_quote(fault->text));
        return VERDICT_COMMITTED;
    }
    /* From the group's offset: what the ledger has already is skipped and counted. */
    int64_t start = partition->committed > first ? partition->committed : first;
    if (!source_start(lane->source, partition->number, start, fault)) {
        /* The client has not begun to fetch yet; next round. */
        return VERDICT_COMMITTED;
    }
    partition->next_offset = start;
    partition->gather_next = start;
    partition->state = PARTITION_READY;
    if (lane->shared->lag != NULL) {
        lag_progress(lane->shared->lag, partition->number, start);
    }
    lane_count_partition(lane, partition);
    log_event(LOG_INFO, "partition_ready",
              "lane=%d partition=%d next_offset=%lld ledger_lines=%zu ledger_blocks=%zu "
              "took_ms=%lld",
              lane->number, partition->number, (long long)start,
              ledger_line_count(partition->ledger), partition->restored_blocks,
              (long long)(clock_steady_ms() - partition->assigned_at_ms));
    return VERDICT_COMMITTED;
}

/* AWAITING → RESTORING: the watermark is asked after the stable committed offset (P52). */
static enum verdict begin_restore(struct lane *lane, struct lane_partition *partition,
                                  struct fault *fault) {
    /* Before the call: it may answer "nothing to restore" at once. */
    partition->state = PARTITION_RESTORING;
    switch (restorer_begin(lane->restorer, partition->number, ledger_read_from(partition->ledger),
                           fault)) {
    case RESTORE_BEGUN: return VERDICT_COMMITTED;
    case RESTORE_LATER:
        partition->state = PARTITION_AWAITING;
        log_event(LOG_WARN, "partition_waits", "lane=%d partition=%d reason=%s", lane->number,
                  partition->number, log_quote(fault->text));
        return VERDICT_COMMITTED;
    case RESTORE_SHORTENED: break;
    }
    fault_prefix(fault, "the ledger of partition %d would be lost: ", partition->number);
    return VERDICT_STOP;
}

/* ASSIGNED → LOADING: stable committed offset first (P52). */
static enum verdict ask_committed(struct lane *lane, struct lane_partition *partition,
                                  struct fault *fault) {
    if (!source_committed(lane->source, partition->number, COMMITTED_TIMEOUT_MS,
                          &partition->committed, fault)) {
        log_event(LOG_WARN, "partition_waits", "lane=%d partition=%d reason=%s", lane->number,
                  partition->number, log_quote(fault->text));
        return VERDICT_COMMITTED;
    }
    if (lane->shared->lag != NULL) {
        /* Lines wait while the ledger is restored: that is lag. */
        lag_own(lane->shared->lag, partition->number);
        if (partition->committed >= 0) {
            lag_progress(lane->shared->lag, partition->number, partition->committed);
        }
    }
    return lane_file_attach(lane, partition, fault);
}

static enum verdict advance_partition(struct lane *lane, struct lane_partition *partition,
                                      struct fault *fault) {
    if (partition->is_foreign) {
        discard_file(lane, partition);
    }
    enum verdict verdict = VERDICT_COMMITTED;
    if (partition->state == PARTITION_ASSIGNED) {
        verdict = ask_committed(lane, partition, fault);
    }
    if (verdict == VERDICT_COMMITTED && partition->state == PARTITION_LOADING) {
        verdict = lane_file_load(lane, partition, fault);
    }
    if (verdict == VERDICT_COMMITTED && partition->state == PARTITION_AWAITING) {
        verdict = begin_restore(lane, partition, fault);
    }
    if (verdict == VERDICT_COMMITTED && partition->state == PARTITION_RESTORED) {
        verdict = start_partition(lane, partition, fault);
    }
    return verdict;
}

enum verdict lane_partitions_step(struct lane *lane, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    for (size_t i = 0; i < lane->partition_count && verdict == VERDICT_COMMITTED; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        if (partition->state != PARTITION_READY) {
            verdict = advance_partition(lane, partition, fault);
            tell_progress(lane, partition);
            lane_count_partition(lane, partition);
        } else if (ledger_is_broken(partition->ledger, fault)) {
            verdict = VERDICT_STOP; /* whatever was looked up in it found nothing */
        }
    }
    if (verdict == VERDICT_COMMITTED && restorer_count(lane->restorer) > 0 &&
        !restorer_step(lane->restorer, RESTORE_SLICE_MS, fault)) {
        return VERDICT_STOP;
    }
    return verdict;
}

bool lane_partitions_all_ready(const struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].state != PARTITION_READY) {
            return false;
        }
    }
    return true;
}

void lane_partitions_report_lag(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count && lane->shared->lag != NULL; i++) {
        const struct lane_partition *partition = &lane->partitions[i];
        if (partition->state == PARTITION_READY) {
            lag_progress(lane->shared->lag, partition->number, partition->next_offset);
        }
    }
}

void lane_partitions_report_gathered(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count && lane->shared->lag != NULL; i++) {
        const struct lane_partition *partition = &lane->partitions[i];
        if (partition->first_item != NO_ITEM) {
            const struct batch_item *first = &lane->batch.items[partition->first_item];
            bool has_event_time = first->state == ITEM_LINE && first->line.has_event_time;
            lag_gathered(lane->shared->lag, partition->number, partition->batch_start,
                         first->record.timestamp_ms,
                         has_event_time ? first->line.event_time_ms : -1);
        }
    }
}
