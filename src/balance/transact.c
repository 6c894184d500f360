/* One transaction: begin → changed balances → offsets of accruals → commit; or abort and rewind. */
#include "state.h"

#include "accrued/clock.h"
#include "accrued/encode.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <stdlib.h>
#include <time.h>

/* The same batch aborting for a lasting reason would go round for ever (P24). */
#define ABORTS_MAX 10
#define ABORT_BACKOFF_MS 50
#define ABORT_BACKOFF_MS_MAX 3000

struct sending {
    struct balances *balances;
    int32_t partition;
    int64_t now_ms;
    size_t count;
    enum verdict verdict;
    struct fault *fault;
};

static bool send_balance(void *context, const struct balance *changed) {
    struct sending *sending = context;
    struct balances *balances = sending->balances;
    struct balance balance = *changed;
    balance.updated_at_ms = sending->now_ms;
    buffer_clear(&balances->key);
    buffer_clear(&balances->value);
    encode_balance_key(&balances->key, &balance);
    frame_append(&balances->value, balances->schema);
    encode_balance_avro(&balances->value, &balance);
    const struct output_record record = {
        .output = OUTPUT_BALANCES,
        .partition = sending->partition,
        .key = buffer_text(&balances->key),
        .value = buffer_text(&balances->value),
    };
    sending->verdict = publisher_send(balances->publisher, &record, sending->fault);
    sending->count++;
    return sending->verdict == VERDICT_COMMITTED;
}

static enum verdict send_changes(struct balances *balances, size_t *ret_count,
                                 struct fault *fault) {
    struct sending sending = {.balances = balances,
                              .now_ms = clock_wall_ms(),
                              .verdict = VERDICT_COMMITTED,
                              .fault = fault};
    for (size_t i = 0; i < balances->share_count; i++) {
        const struct share *share = &balances->shares[i];
        sending.partition = share->number;
        if (share->batch_start >= 0 && !balance_book_changes(share->book, send_balance, &sending)) {
            return sending.verdict;
        }
    }
    *ret_count = sending.count;
    return VERDICT_COMMITTED;
}

/* Offsets of every partition that the transaction writes for: that fences a former owner (P53). */
static enum verdict commit_offsets(struct balances *balances, struct fault *fault) {
    struct input_offset *offsets = calloc(balances->share_count + 1, sizeof *offsets);
    REQUIRE(offsets != NULL);
    size_t count = 0;
    for (size_t i = 0; i < balances->share_count; i++) {
        const struct share *share = &balances->shares[i];
        if (share->batch_start >= 0) {
            offsets[count++] = (struct input_offset){share->number, share->gather_next};
        }
    }
    REQUIRE(count > 0);
    enum verdict verdict =
        publisher_commit(balances->publisher, offsets, count, balances->snapshot, fault);
    free(offsets);
    return verdict;
}

static void settle(struct balances *balances) {
    for (size_t i = 0; i < balances->share_count; i++) {
        struct share *share = &balances->shares[i];
        if (share->batch_start >= 0) {
            REQUIRE(share->gather_next > share->next_offset);
            balance_book_commit(share->book);
            share->next_offset = share->gather_next;
            share->batch_start = -1;
        }
    }
    balances->abort_count = 0;
    balances->gathered = 0;
    balances->gathered_bytes = 0;
    atomic_store(&balances->shared->has_committed, true);
}

enum verdict balances_give_back(struct balances *balances, struct fault *fault) {
    balances->gathered = 0;
    balances->gathered_bytes = 0;
    for (size_t i = 0; i < balances->share_count; i++) {
        struct share *share = &balances->shares[i];
        if (share->batch_start < 0) {
            continue;
        }
        balance_book_abort(share->book);
        if (!source_seek(balances->source, share->number, share->batch_start, fault)) {
            return VERDICT_REBUILD;
        }
        share->gather_next = share->batch_start;
        share->batch_start = -1;
    }
    return VERDICT_COMMITTED;
}

static void back_off(int abort_count) {
    int64_t ms = ABORT_BACKOFF_MS;
    for (int i = 1; i < abort_count && ms < ABORT_BACKOFF_MS_MAX; i++) {
        ms *= 2;
    }
    ms = ms < ABORT_BACKOFF_MS_MAX ? ms : ABORT_BACKOFF_MS_MAX;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

static enum verdict abort_batch(struct balances *balances, struct fault *fault) {
    struct fault cause = *fault;
    balances->abort_count++;
    metric_add(balances->counters.aborted, 1);
    log_event(LOG_WARN, "transaction_aborted", "attempt=%d reason=%s", balances->abort_count,
              log_quote(cause.text));
    enum verdict verdict = publisher_abort(balances->publisher, fault);
    if (verdict == VERDICT_COMMITTED) {
        verdict = balances_give_back(balances, fault);
    }
    if (verdict != VERDICT_COMMITTED) {
        fault_prefix(fault, "%s; then ", cause.text);
        return verdict;
    }
    if (balances->abort_count >= ABORTS_MAX) {
        fault_set(fault, "the same batch was aborted %d times; the last reason: %s",
                  balances->abort_count, cause.text);
        return VERDICT_STOP;
    }
    back_off(balances->abort_count);
    return VERDICT_COMMITTED;
}

enum verdict balances_transact(struct balances *balances, struct fault *fault) {
    REQUIRE(balances->snapshot != NULL && !balances->membership_changed);
    int64_t started_ms = clock_steady_ms();
    size_t gathered = balances->gathered;
    size_t published = 0;
    enum verdict verdict = publisher_begin(balances->publisher, fault);
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    verdict = send_changes(balances, &published, fault);
    if (verdict == VERDICT_COMMITTED) {
        verdict = commit_offsets(balances, fault);
    }
    if (verdict == VERDICT_ABORT) {
        return abort_batch(balances, fault);
    }
    if (verdict == VERDICT_COMMITTED) {
        settle(balances);
        metric_add(balances->counters.accruals, (int64_t)gathered);
        metric_add(balances->counters.published, (int64_t)published);
        metric_add(balances->counters.committed, 1);
        metric_observe(balances->counters.transaction_seconds, clock_steady_ms() - started_ms);
    }
    return verdict;
}

enum verdict balances_commit_positions(struct balances *balances, struct fault *fault) {
    struct input_offset *offsets = calloc(balances->share_count + 1, sizeof *offsets);
    REQUIRE(offsets != NULL && balances->gathered == 0);
    size_t count = 0;
    for (size_t i = 0; i < balances->share_count; i++) {
        const struct share *share = &balances->shares[i];
        int64_t position =
            share->state == SHARE_READY ? source_position(balances->source, share->number) : -1;
        if (position > share->next_offset) {
            offsets[count++] = (struct input_offset){share->number, position};
        }
    }
    struct fault ignored;
    struct group_snapshot *snapshot =
        count > 0 ? source_snapshot(balances->source, &ignored) : NULL;
    enum verdict verdict = VERDICT_COMMITTED;
    if (snapshot != NULL) {
        verdict = publisher_begin(balances->publisher, fault);
        if (verdict == VERDICT_COMMITTED) {
            verdict = publisher_commit(balances->publisher, offsets, count, snapshot, fault);
        }
    }
    bool is_committed = snapshot != NULL && verdict == VERDICT_COMMITTED;
    if (verdict == VERDICT_ABORT) {
        verdict = publisher_abort(balances->publisher, fault);
    }
    for (size_t i = 0; i < count && is_committed; i++) {
        struct share *share = share_find(balances, offsets[i].partition);
        share->next_offset = offsets[i].next_offset;
        share->gather_next = offsets[i].next_offset;
    }
    group_snapshot_free(snapshot);
    free(offsets);
    return verdict;
}
