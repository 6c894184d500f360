/* Owned partitions: from assignment through restore to ready, and back. */
#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/lag.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdlib.h>

#define COMMITTED_TIMEOUT_MS 1000
#define RANGE_TIMEOUT_MS 5000
#define RESTORE_SLICE_MS 50

struct lane_partition *lane_partition_find(struct lane *lane, int32_t number) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (lane->partitions[i].number == number) {
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
        .ledger = ledger_open(lane->shared->programs, (uint32_t)number,
                              (uint32_t)source_partition_count(lane->source)),
        .batch_start = -1,
        .assigned_at_ms = clock_steady_ms(),
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
    restorer_cancel(lane->restorer, number);
    ledger_free(partition->ledger);
    if (lane->shared->lag != NULL) {
        lag_disown(lane->shared->lag, number);
    }
    size_t at = (size_t)(partition - lane->partitions);
    lane->partition_count--;
    memmove(partition, partition + 1, (lane->partition_count - at) * sizeof *partition);
}

void lane_partitions_release(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        ledger_free(lane->partitions[i].ledger);
        if (lane->shared->lag != NULL) {
            lag_disown(lane->shared->lag, lane->partitions[i].number);
        }
    }
    free(lane->partitions);
    lane->partitions = NULL;
    lane->partition_count = 0;
    lane->partition_capacity = 0;
}

bool lane_partition_block(void *context, int32_t number, struct text value, struct fault *fault) {
    struct lane_partition *partition = lane_partition_find(context, number);
    REQUIRE(partition != NULL && partition->state == PARTITION_RESTORING);
    partition->restored_blocks++;
    return ledger_restore(partition->ledger, value, fault) ||
           fault_prefix(fault, "restoring the ledger of partition %d: ", number);
}

void lane_partition_restored(void *context, int32_t number) {
    struct lane_partition *partition = lane_partition_find(context, number);
    REQUIRE(partition != NULL);
    partition->state = PARTITION_RESTORED;
}

/* Lines that were deleted before they were read, or a topic that is not the one the ledger was
 * written from: never skipped silently. */
static bool range_is_whole(const struct lane_partition *partition, int64_t first, int64_t next,
                           const char *topic, struct fault *fault) {
    int64_t known = ledger_position(partition->ledger).next_offset;
    int64_t wanted = partition->committed > known ? partition->committed : known;
    if (wanted > next) {
        return fault_set(fault,
                         "%s [%d] ends at offset %lld, but lines up to %lld were processed: the "
                         "topic was re-created or shortened. Restore it, or start with a new "
                         "group and empty ledger topics",
                         topic, partition->number, (long long)next, (long long)wanted);
    }
    if (wanted > 0 && wanted < first) {
        return fault_set(fault,
                         "%s [%d]: lines %lld to %lld were deleted before they were read "
                         "(retention). Ingest them again; then move the group's offset to %lld",
                         topic, partition->number, (long long)wanted, (long long)(first - 1),
                         (long long)first);
    }
    return true;
}

/* RESTORED → READY. */
static enum verdict start_partition(struct lane *lane, struct lane_partition *partition,
                                    struct fault *fault) {
    int64_t first = 0;
    int64_t next = 0;
    const char *topic = lane->shared->config->topics.billing_lines;
    if (!source_log_range(lane->source, partition->number, RANGE_TIMEOUT_MS, &first, &next,
                          fault)) {
        log_event(LOG_WARN, "partition_waits", "lane=%d partition=%d reason=%s", lane->number,
                  partition->number, log_quote(fault->text));
        return VERDICT_COMMITTED;
    }
    if (!range_is_whole(partition, first, next, topic, fault)) {
        return VERDICT_STOP;
    }
    int64_t start = partition->committed >= 0 ? partition->committed : first;
    if (!source_start(lane->source, partition->number, start, fault)) {
        /* The client has not begun to fetch yet; next round. */
        return VERDICT_COMMITTED;
    }
    partition->next_offset = start;
    partition->gather_next = start;
    partition->state = PARTITION_READY;
    if (lane->shared->lag != NULL) {
        lag_own(lane->shared->lag, partition->number);
        lag_progress(lane->shared->lag, partition->number, start, -1);
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

/* ASSIGNED → AWAITING → RESTORING: stable committed offset first, watermark second (P52). */
static void advance_partition(struct lane *lane, struct lane_partition *partition) {
    struct fault fault;
    if (partition->state == PARTITION_ASSIGNED) {
        if (!source_committed(lane->source, partition->number, COMMITTED_TIMEOUT_MS,
                              &partition->committed, &fault)) {
            log_event(LOG_WARN, "partition_waits", "lane=%d partition=%d reason=%s", lane->number,
                      partition->number, log_quote(fault.text));
            return;
        }
        partition->state = PARTITION_AWAITING;
    }
    if (partition->state == PARTITION_AWAITING) {
        /* Before the call: it may answer "nothing to restore" at once. */
        partition->state = PARTITION_RESTORING;
        if (!restorer_begin(lane->restorer, partition->number, &fault)) {
            partition->state = PARTITION_AWAITING;
            log_event(LOG_WARN, "partition_waits", "lane=%d partition=%d reason=%s", lane->number,
                      partition->number, log_quote(fault.text));
        }
    }
}

enum verdict lane_partitions_step(struct lane *lane, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    for (size_t i = 0; i < lane->partition_count && verdict == VERDICT_COMMITTED; i++) {
        advance_partition(lane, &lane->partitions[i]);
        if (lane->partitions[i].state == PARTITION_RESTORED) {
            verdict = start_partition(lane, &lane->partitions[i], fault);
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
            lag_progress(lane->shared->lag, partition->number, partition->next_offset, -1);
        }
    }
}
