/* A batch is gathered in portions, and each is worked on before the next is taken: what one step
 * touches is in the core's cache for the next, and the records need not all be kept. Working on a
 * backlog of ten thousand lines at once, step after step, costs nearly twice as much. */
#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/require.h"

#define WAIT_POLL_MS 100
#define RESTORE_POLL_MS 5
/* A record larger than this is no billing line. */
#define RECORD_SIZE_LARGE 65536
/* So many lines wait together for Redis at most: while the cache is cold, batches are smaller. */
#define WHOLE_LINES_MAX 8192

/* Takes a record into the portion, unless it is not ours to process. */
static void take_record(struct lane *lane, struct source_record *record) {
    struct lane_partition *partition = lane_partition_find(lane, record->partition);
    if (partition == NULL || partition->state != PARTITION_READY ||
        record->offset < partition->gather_next) {
        /* Fetched before a pause or seek took hold, or fetched twice (librdkafka before 2.4). */
        source_record_release(record);
        return;
    }
    partition->last_item = lane->batch.count;
    if (partition->batch_start < 0) {
        partition->batch_start = record->offset;
        partition->first_item = lane->batch.count;
    }
    partition->gather_next = record->offset + 1;
    partition->gathered++;
    struct batch_item *item = batch_add(&lane->batch, record);
    item->state = record->offset < ledger_position(partition->ledger).next_offset ? ITEM_SKIPPED
                                                                                  : ITEM_GATHERED;
}

bool lane_refresh_snapshot(struct lane *lane) {
    if (lane->snapshot != NULL && !lane->membership_changed) {
        return true;
    }
    struct fault ignored;
    group_snapshot_free(lane->snapshot);
    lane->snapshot = source_snapshot(lane->source, &ignored);
    lane->membership_changed = lane->snapshot == NULL;
    return lane->snapshot != NULL;
}

static size_t least(size_t one, size_t other) {
    return one < other ? one : other;
}

static size_t left_of(size_t limit, size_t taken) {
    return limit > taken ? limit - taken : 0;
}

/* So many records the batch may still take, and the portion. */
static size_t batch_left(const struct lane *lane) {
    const struct batch *batch = &lane->batch;
    return left_of((size_t)lane->edition->config->batch.lines_max,
                   batch->done_count + batch->count);
}

static size_t portion_left(const struct lane *lane) {
    size_t portion_lines = (size_t)lane->edition->config->batch.portion_lines;
    size_t limit =
        lane->is_whole && portion_lines < WHOLE_LINES_MAX ? WHOLE_LINES_MAX : portion_lines;
    return least(batch_left(lane), left_of(limit, lane->batch.count));
}

static bool has_bytes_left(const struct lane *lane) {
    return lane->batch.record_bytes < (size_t)lane->edition->config->batch.bytes_max;
}

static bool portion_is_full(const struct lane *lane) {
    return portion_left(lane) == 0 || !has_bytes_left(lane);
}

static bool batch_is_full(const struct lane *lane) {
    return lane->single_portions > 0 || batch_left(lane) == 0 || !has_bytes_left(lane);
}

static bool is_last_portion(const struct lane *lane) {
    return lane->is_drained || lane->is_whole || batch_is_full(lane);
}

/* So many records may be taken at once that the batch's limit in bytes holds, unless they are
 * larger than lines ever are. */
static size_t records_wanted(const struct lane *lane) {
    const struct config *config = lane->edition->config;
    size_t large = ((size_t)config->batch.bytes_max - lane->batch.record_bytes) / RECORD_SIZE_LARGE;
    size_t wanted = least(least(portion_left(lane), large), SOURCE_RECORDS_MAX);
    return wanted < 1 ? 1 : wanted;
}

/* Until the input is drained or the portion is full. */
static enum verdict gather(struct lane *lane, int timeout_ms, struct fault *fault) {
    while (!portion_is_full(lane)) {
        struct source_record records[SOURCE_RECORDS_MAX];
        size_t count = 0;
        enum source_result result =
            source_poll(lane->source, timeout_ms, records, records_wanted(lane), &count, fault);
        for (size_t i = 0; i < count; i++) {
            take_record(lane, &records[i]);
        }
        if (result == SOURCE_LOST) {
            return VERDICT_REBUILD;
        }
        if (result == SOURCE_NOTHING || !lane_refresh_snapshot(lane)) {
            break;
        }
        timeout_ms = 0;
    }
    lane->is_drained = !portion_is_full(lane);
    return VERDICT_COMMITTED;
}

/* Records that stay in the batch while it waits must not be overtaken: partitions are paused, and
 * flow again from where gathering stopped. */
static void pause_all(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].state == PARTITION_READY) {
            source_pause(lane->source, lane->partitions[i].number);
        }
    }
}

static enum verdict resume_all(struct lane *lane, struct fault *fault) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        if (partition->state == PARTITION_READY &&
            !source_start(lane->source, partition->number, partition->gather_next, fault)) {
            return VERDICT_REBUILD;
        }
    }
    return VERDICT_COMMITTED;
}

/* Tells a record's schema, then what it needs. */
static enum verdict work_once(struct lane *lane, bool may_ask, struct fault *fault) {
    enum verdict verdict = lane_decode(lane, fault);
    lane_partitions_report_gathered(lane);
    return verdict == VERDICT_COMMITTED ? lane_work(lane, may_ask, fault) : verdict;
}

static void log_missing(const struct lane *lane, const struct fault *fault) {
    log_event(LOG_WARN, lane->undecoded_count > 0 ? "schema_missing" : "reference_data_missing",
              "lane=%d lines=%zu reason=%s", lane->number, lane->batch.count,
              log_quote(fault->text));
}

/* Reference data, or the schema of a record, is not to be had. Membership is kept by polling;
 * nothing is guessed. */
static enum verdict wait_for_world(struct lane *lane, struct fault *fault) {
    bool is_schema = lane->undecoded_count > 0;
    log_missing(lane, fault);
    lane_set_waiting(lane, fault->text);
    lane_count_waiting(lane, true);
    int64_t started_ms = clock_steady_ms();
    pause_all(lane);
    enum verdict verdict = VERDICT_WAIT;
    while (verdict == VERDICT_WAIT && !lane_is_stopping(lane)) {
        lane_beat(lane);
        lane_take_edition(lane);
        struct source_record records[SOURCE_RECORDS_MAX];
        size_t count = 0;
        enum source_result result =
            source_poll(lane->source, WAIT_POLL_MS, records, SOURCE_RECORDS_MAX, &count, fault);
        for (size_t i = 0; i < count; i++) {
            source_record_release(&records[i]); /* from before the pause; it comes again */
        }
        if (result == SOURCE_LOST) {
            return VERDICT_REBUILD;
        }
        enricher_serve(lane->enricher, clock_steady_ms());
        lane_count_enricher(lane);
        lane_count_registry(lane);
        verdict = work_once(lane, true, fault);
        if (verdict == VERDICT_WAIT) {
            lane_set_waiting(lane, fault->text);
        }
        if (verdict == VERDICT_WAIT && is_schema && lane->undecoded_count == 0) {
            is_schema = false; /* now it is the other thing */
            log_missing(lane, fault);
        }
    }
    lane_count_waiting(lane, false);
    if (verdict == VERDICT_WAIT) {
        return VERDICT_WAIT;
    }
    log_event(LOG_INFO, is_schema ? "schema_back" : "reference_data_back", "lane=%d waited_ms=%lld",
              lane->number, (long long)(clock_steady_ms() - started_ms));
    enum verdict resumed = resume_all(lane, fault);
    return resumed == VERDICT_COMMITTED ? verdict : resumed;
}

bool lane_batch_has_work(const struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].batch_start >= 0) {
            return true;
        }
    }
    return false;
}

static void forget_items(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        lane->partitions[i].first_item = NO_ITEM;
        lane->partitions[i].last_item = NO_ITEM;
    }
}

enum verdict lane_give_back(struct lane *lane, struct fault *fault) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        if (partition->batch_start < 0) {
            continue;
        }
        ledger_abort(partition->ledger);
        if (!source_seek(lane->source, partition->number, partition->batch_start, fault)) {
            return VERDICT_REBUILD;
        }
        partition->gather_next = partition->batch_start;
        partition->batch_start = -1;
        partition->gathered = 0;
    }
    forget_items(lane);
    batch_clear(&lane->batch);
    return VERDICT_COMMITTED;
}

/* WAIT: told to stop while it waited; the batch stays unprocessed. AGAIN: reference data is
 * missing, and is asked for when more lines are there: with those the batch ends, so that there are
 * two round trips a batch and not a portion. */
static enum verdict work_portion(struct lane *lane, size_t number, struct fault *fault) {
    enum verdict verdict = work_once(lane, is_last_portion(lane), fault);
    if (verdict == VERDICT_WAIT && number > 0) {
        /* The portions before would grow old with it. They come again and are committed one by one;
         * then this one is the first of its batch, and waits. */
        lane->single_portions = number + 1;
        return lane_give_back(lane, fault);
    }
    if (verdict == VERDICT_WAIT) {
        verdict = wait_for_world(lane, fault);
        lane->single_portions = lane->single_portions > 0 ? lane->single_portions : 1;
    }
    if (verdict == VERDICT_COMMITTED) {
        forget_items(lane);
        batch_end_portion(&lane->batch);
    }
    return verdict;
}

static void begin_batch(struct lane *lane) {
    forget_items(lane);
    batch_clear(&lane->batch);
    group_snapshot_free(lane->snapshot);
    lane->snapshot = NULL;
    lane->is_spoilt = false;
    lane->is_whole = false;
}

static enum verdict next_portion(struct lane *lane, size_t number, int timeout_ms,
                                 struct fault *fault) {
    enum verdict verdict = VERDICT_AGAIN;
    while (verdict == VERDICT_AGAIN) {
        verdict = gather(lane, timeout_ms, fault);
        if (number == 0 && !lane->is_whole) {
            lane->working_since_ms = clock_steady_ms();
        }
        if (verdict == VERDICT_COMMITTED && lane->is_spoilt) {
            return lane_give_back(lane, fault);
        }
        if (verdict == VERDICT_COMMITTED && lane->batch.count > 0 && lane_batch_has_work(lane)) {
            verdict = work_portion(lane, number, fault);
            lane->is_whole = lane->is_whole || verdict == VERDICT_AGAIN;
        }
        timeout_ms = 0;
    }
    return verdict;
}

/* A quiet stream commits at once, a backlog in large transactions. */
enum verdict lane_fill_batch(struct lane *lane, struct fault *fault) {
    begin_batch(lane);
    int timeout_ms = lane_rerate_is_due(lane)          ? 0
                     : lane_partitions_all_ready(lane) ? (int)lane->edition->config->batch.wait_ms
                                                       : RESTORE_POLL_MS;
    for (size_t number = 0; number == 0 || !is_last_portion(lane); number++) {
        enum verdict verdict = next_portion(lane, number, number == 0 ? timeout_ms : 0, fault);
        if (verdict != VERDICT_COMMITTED || !lane_batch_has_work(lane)) {
            return verdict;
        }
    }
    lane->single_portions -= lane->single_portions > 0;
    return VERDICT_COMMITTED;
}
