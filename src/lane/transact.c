/* One transaction: begin → outputs → ledger blocks → input offsets → commit; or abort and rewind.
 */
#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The same batch aborting for a lasting reason would go round for ever (P24). */
#define ABORTS_MAX 10
#define ABORT_BACKOFF_MS 50
#define ABORT_BACKOFF_MS_MAX 3000
/* What cleaning may copy in one transaction and partition; and for each of its lines, so that it
 * keeps up with large ones. */
#define CLEAN_BYTES ((size_t)256 << 10)
#define CLEAN_BYTES_LINE 128
/* For what transactions hold in the ledgers of all partitions together. */
#define ROOM_MAX ((size_t)40 << 20)

static enum verdict send_dead_letter(struct lane *lane, const struct batch_letter *dead,
                                     struct fault *fault) {
    const struct source_record *record = &dead->record;
    char partition[16];
    char offset[24];
    char timestamp[24];
    (void)snprintf(partition, sizeof partition, "%d", record->partition);
    (void)snprintf(offset, sizeof offset, "%lld", (long long)dead->origin_offset);
    (void)snprintf(timestamp, sizeof timestamp, "%lld", (long long)record->timestamp_ms);
    const struct output_header headers[] = {
        {"accrued.error.code", text_of(reject_code_name(dead->reject.code))},
        {"accrued.error.message", text_of(dead->reject.message)},
        {"accrued.source.topic", text_of(lane->edition->config->topics.billing_lines)},
        {"accrued.source.partition", text_of(partition)},
        {"accrued.source.offset", text_of(offset)},
        {"accrued.source.timestamp", text_of(timestamp)},
    };
    struct output_record letter = {
        .output = OUTPUT_DEAD_LETTERS,
        .partition = PARTITION_BY_KEY,
        .key = record->key,
        .value = record->value,
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .copied_headers_of = record->message,
    };
    return publisher_send(lane->publisher, &letter, fault);
}

static enum verdict send_outputs(struct lane *lane, struct fault *fault) {
    const struct batch *batch = &lane->batch;
    const char *bytes = (const char *)batch->bytes.data;
    enum verdict verdict = VERDICT_COMMITTED;
    for (size_t i = 0; i < batch->output_count && verdict == VERDICT_COMMITTED; i++) {
        const struct batch_output *output = &batch->outputs[i];
        if (output->output == OUTPUT_DEAD_LETTERS) {
            verdict = send_dead_letter(lane, &batch->letters[output->letter], fault);
            continue;
        }
        struct output_record record = {
            .output = output->output,
            .partition = PARTITION_BY_KEY,
            .key = {bytes + output->key_at, output->key_size},
            .value = {bytes + output->value_at, output->value_size},
            .is_kept = true,
        };
        verdict = publisher_send(lane->publisher, &record, fault);
    }
    return verdict;
}

/* What a partition has to do with the transaction at hand. */
enum part {
    PART_OUT,
    PART_LIVE,   /* lines were consumed: its position moves on */
    PART_RERATE, /* past lines are rated again: its position stays where it is, and is sent all the
                    same, because that is what fences a former owner (P53) */
};

static enum part part_of(const struct lane *lane, const struct lane_partition *partition) {
    if (lane->rerate_partition >= 0) {
        REQUIRE(partition->batch_start < 0);
        return lane->rerate_partition == partition->number ? PART_RERATE : PART_OUT;
    }
    return partition->batch_start >= 0 ? PART_LIVE : PART_OUT;
}

struct block_sender {
    struct lane *lane;
    int32_t partition;
    enum verdict verdict;
    struct fault *fault;
};

static bool send_block(void *context, uint64_t block_id, struct text block) {
    struct block_sender *sender = context;
    /* Big-endian, so that keys sort as ids do. It has to last as long as the transaction. */
    char *key = arena_take(&sender->lane->batch.arena, sizeof block_id);
    for (size_t i = 0; i < sizeof block_id; i++) {
        key[i] = (char)(block_id >> (8 * (sizeof block_id - 1 - i)) & 0xff);
    }
    struct output_record record = {
        .output = OUTPUT_LEDGER,
        .partition = sender->partition,
        .key = {key, sizeof block_id},
        .value = block,
        .is_kept = true,
    };
    sender->verdict = publisher_send(sender->lane->publisher, &record, sender->fault);
    return sender->verdict == VERDICT_COMMITTED;
}

static enum verdict send_blocks(struct lane *lane, struct fault *fault) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        enum part part = part_of(lane, partition);
        if (part == PART_OUT) {
            continue;
        }
        if (part == PART_LIVE) {
            lane_rerate_begin_ledger(partition);
        }
        size_t clean_bytes = partition->gathered * CLEAN_BYTES_LINE;
        (void)ledger_clean(partition->ledger,
                           clean_bytes > CLEAN_BYTES ? clean_bytes : CLEAN_BYTES);
        struct block_sender sender = {lane, partition->number, VERDICT_COMMITTED, fault};
        uint64_t incarnation = lane->incarnation_seed ^ (uint64_t)partition->number;
        /* Behind it also where the group's offsets were set back: a batch of lines that the ledger
         * has already. */
        struct ledger_position position = ledger_position(partition->ledger);
        if (part == PART_LIVE && partition->batch_end.next_offset > position.next_offset) {
            position = partition->batch_end;
        }
        if (!ledger_seal(partition->ledger, position, incarnation,
                         publisher_value_size_max(lane->publisher), send_block, &sender)) {
            return ledger_is_broken(partition->ledger, fault) ? VERDICT_STOP : sender.verdict;
        }
    }
    return VERDICT_COMMITTED;
}

static enum verdict commit_offsets(struct lane *lane, struct fault *fault) {
    size_t count = 0;
    struct input_offset *offsets =
        arena_take(&lane->batch.arena, (lane->partition_count + 1) * sizeof *offsets);
    for (size_t i = 0; i < lane->partition_count; i++) {
        const struct lane_partition *partition = &lane->partitions[i];
        enum part part = part_of(lane, partition);
        if (part != PART_OUT) {
            offsets[count++] = (struct input_offset){
                partition->number,
                part == PART_LIVE ? partition->batch_end.next_offset : partition->next_offset};
        }
    }
    REQUIRE(count > 0);
    return publisher_commit(lane->publisher, offsets, count, lane->snapshot, fault);
}

/* In a backlog partitions take turns, and each has most of a transaction now and then: many of them
 * would keep as many times the room of one. */
static void give_room(struct lane *lane) {
    size_t room = 0;
    for (size_t i = 0; i < lane->partition_count; i++) {
        bool is_ready =
            lane->partitions[i].state == PARTITION_READY; /* else a thread may have it */
        room += is_ready ? ledger_room(lane->partitions[i].ledger) : 0;
    }
    for (size_t i = 0; i < lane->partition_count && room > ROOM_MAX; i++) {
        if (lane->partitions[i].state == PARTITION_READY) {
            ledger_give_room(lane->partitions[i].ledger);
        }
    }
}

/* STOP: a local file cannot be written; what was committed stands in Kafka. */
static enum verdict settle(struct lane *lane, size_t *ret_lines, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    size_t lines = 0;
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        enum part part = part_of(lane, partition);
        if (part == PART_OUT) {
            continue;
        }
        lane_partition_committed(partition);
        ledger_commit(partition->ledger);
        verdict = ledger_is_broken(partition->ledger, fault) ? VERDICT_STOP : verdict;
        if (part == PART_LIVE) {
            REQUIRE(partition->batch_end.next_offset > partition->next_offset);
            partition->next_offset = partition->batch_end.next_offset;
            partition->batch_start = -1;
            (void)meter_commit(partition->meter, partition->gathered, &partition->outcomes);
            lines += partition->gathered;
            partition->gathered = 0;
        }
        lane_count_partition(lane, partition);
    }
    give_room(lane);
    lane->abort_count = 0;
    lane->has_committed = true;
    *ret_lines = lines;
    return verdict;
}

/* After a certain abort: every partition of the batch begins again where the batch began (P2, P36).
 */
static enum verdict rewind_partitions(struct lane *lane, struct fault *fault) {
    for (size_t i = 0; i < lane->partition_count; i++) {
        struct lane_partition *partition = &lane->partitions[i];
        if (partition->state == PARTITION_READY) {
            ledger_abort(partition->ledger);
        }
        if (partition->batch_start < 0) {
            continue;
        }
        if (!source_seek(lane->source, partition->number, partition->batch_start, fault)) {
            return VERDICT_REBUILD;
        }
        partition->gather_next = partition->batch_start;
        partition->batch_start = -1;
        partition->gathered = 0;
    }
    return VERDICT_COMMITTED;
}

static void back_off(int attempt) {
    int64_t ms = ABORT_BACKOFF_MS;
    for (int i = 1; i < attempt && ms < ABORT_BACKOFF_MS_MAX; i++) {
        ms *= 2;
    }
    ms = ms < ABORT_BACKOFF_MS_MAX ? ms : ABORT_BACKOFF_MS_MAX;
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

static enum verdict abort_batch(struct lane *lane, struct fault *fault) {
    struct fault cause = *fault;
    lane_count_abort(lane);
    lane->abort_count++;
    log_event(LOG_WARN, "transaction_aborted", "lane=%d lines=%zu attempt=%d reason=%s",
              lane->number, lane->batch.done_count, lane->abort_count, log_quote(cause.text));
    enum verdict verdict = publisher_abort(lane->publisher, fault);
    if (verdict != VERDICT_COMMITTED) {
        fault_prefix(fault, "%s; then ", cause.text);
        return verdict;
    }
    verdict = rewind_partitions(lane, fault);
    if (verdict == VERDICT_COMMITTED && lane->abort_count >= ABORTS_MAX) {
        fault_set(fault, "the same batch was aborted %d times; the last reason: %s",
                  lane->abort_count, cause.text);
        return VERDICT_STOP;
    }
    if (verdict == VERDICT_COMMITTED) {
        back_off(lane->abort_count);
    }
    return verdict;
}

enum verdict lane_transact(struct lane *lane, struct fault *fault) {
    REQUIRE(lane->snapshot != NULL && !lane->membership_changed);
    int64_t started_ms = clock_steady_ms();
    size_t lines = 0;
    enum verdict verdict = publisher_begin(lane->publisher, fault);
    if (verdict == VERDICT_COMMITTED) {
        verdict = send_blocks(lane, fault);
    }
    if (verdict == VERDICT_COMMITTED) {
        verdict = send_outputs(lane, fault);
    }
    if (verdict == VERDICT_COMMITTED) {
        verdict = commit_offsets(lane, fault);
    }
    switch (verdict) {
    case VERDICT_COMMITTED:
        verdict = settle(lane, &lines, fault);
        lane_count_commit(lane, lines, clock_steady_ms() - started_ms);
        return verdict;
    case VERDICT_ABORT: return abort_batch(lane, fault);
    case VERDICT_AGAIN:
    case VERDICT_WAIT:
    case VERDICT_REBUILD:
    case VERDICT_STOP: break;
    }
    return verdict;
}

enum verdict lane_commit_positions(struct lane *lane, struct fault *fault) {
    REQUIRE(lane->batch.count == 0);
    size_t count = 0;
    struct input_offset *offsets =
        arena_take(&lane->batch.arena, (lane->partition_count + 1) * sizeof *offsets);
    for (size_t i = 0; i < lane->partition_count; i++) {
        const struct lane_partition *partition = &lane->partitions[i];
        int64_t position = partition->state == PARTITION_READY
                               ? source_position(lane->source, partition->number)
                               : -1;
        bool moves = position > partition->next_offset;
        if (moves || partition->watermark >= 0) {
            offsets[count++] =
                (struct input_offset){partition->number, moves ? position : partition->next_offset};
        }
    }
    struct fault ignored;
    struct group_snapshot *snapshot = count > 0 ? source_snapshot(lane->source, &ignored) : NULL;
    enum verdict verdict = VERDICT_COMMITTED;
    if (snapshot != NULL) {
        verdict = publisher_begin(lane->publisher, fault);
        if (verdict == VERDICT_COMMITTED) {
            verdict = publisher_commit(lane->publisher, offsets, count, snapshot, fault);
        }
    }
    bool committed = snapshot != NULL && verdict == VERDICT_COMMITTED;
    if (verdict == VERDICT_ABORT) {
        verdict = publisher_abort(lane->publisher, fault);
    }
    for (size_t i = 0; i < count && committed; i++) {
        struct lane_partition *partition = lane_partition_find(lane, offsets[i].partition);
        lane_partition_committed(partition);
        partition->next_offset = offsets[i].next_offset;
        partition->gather_next = offsets[i].next_offset;
    }
    group_snapshot_free(snapshot);
    arena_clear(&lane->batch.arena);
    return verdict;
}
