/* Requests to rate past lines again: one walk over one partition's ledger at a time, a chunk
 * between two batches of live lines, each chunk in a transaction of its own. */
#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/requests.h"
#include "accrued/require.h"
#include "accrued/rerater.h"
#include "share.h"

#include <stdio.h>
#include <stdlib.h>

#define RANGE_TIMEOUT_MS 1000
#define ASK_AGAIN_MS 1000
/* After reference data was not to be had. */
#define WAIT_MS 1000
/* When no line has come for so long, chunks are larger: each costs a commit, and there is nobody
 * whom it keeps waiting. */
#define QUIET_MS 1000
#define QUIET_CHUNKS 4
/* A walk that changes nothing says how far it is so often. */
#define PROGRESS_MS 2000

struct lane_rerate {
    struct requests *requests;
    struct rerater rerater;
    int32_t partition; /* that the walk is over; −1: there is none */
    int64_t first;     /* where the topic begins */
    int64_t taken;     /* highest offset whose request has been taken; −1: none */
    bool is_pending;
    bool is_waiting; /* for reference data */
    int64_t wait_until_ms;
    int64_t ask_again_ms;
    int64_t progress_at_ms;
    struct share share;    /* of the time, while lines wait */
    int64_t accrued_at_ms; /* of the chunk's events */
    struct lane *lane;
    struct metric *pending;
    struct metric *lines;
    struct metric *unrated;
};

static void take_events(void *context, const struct posting *posting,
                        const struct rerate_request *request) {
    struct lane_rerate *rerate = context;
    struct provenance provenance = {
        .source_topic = text_of(rerate->lane->edition->config->topics.rerate_requests),
        .source_partition = 0,
        .source_offset = request->offset,
        .accrued_at_ms = rerate->accrued_at_ms,
        .rerate_id = request->request_id,
    };
    lane_encode_events(rerate->lane, posting, &provenance);
}

static void take_unrated(void *context, const struct billing_line *line,
                         const struct rerate_request *request, const struct reject *reject) {
    struct lane_rerate *rerate = context;
    char ids[3][LINE_TEXT_SIZE_MAX + 1];
    const struct text texts[3] = {request->request_id, line->customer_id, line->line_id};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%.*s", TEXT_ARGS(texts[i]));
    }
    log_event(LOG_WARN, "line_not_rated_again",
              "lane=%d partition=%d request=%s customer=%s line=%s code=%s reason=%s",
              rerate->lane->number, rerate->partition, log_quote(ids[0]), log_quote(ids[1]),
              log_quote(ids[2]), reject_code_name(reject->code), log_quote(reject->message));
}

bool lane_rerate_open(struct lane *lane, struct fault *fault) {
    struct lane_rerate *rerate = calloc(1, sizeof *rerate);
    REQUIRE(rerate != NULL);
    char label[32];
    (void)snprintf(label, sizeof label, "lane=\"%d\"", lane->number);
    lane->rerate = rerate;
    rerate->lane = lane;
    rerate->partition = -1;
    rerate->taken = -1;
    rerate->pending = metric_get("accrued_rerate_requests_pending", METRIC_GAUGE,
                                 "Re-rate requests that some partition has not served.", label);
    rerate->lines = metric_get("accrued_rerate_lines_total", METRIC_COUNTER,
                               "Past lines that were rated again.", "");
    rerate->unrated = metric_get("accrued_rerate_unrated_total", METRIC_COUNTER,
                                 "Past lines that could not be rated again.", "");
    rerater_init(&rerate->rerater, lane->edition->programs, lane->edition->catalog, lane->enricher,
                 (struct rerater_options){.rating = {lane->edition->config->rating.no_link}},
                 (struct rerater_hooks){take_events, take_unrated, rerate});
    rerate->requests = requests_open(lane->edition->config, lane->number, fault);
    return rerate->requests != NULL;
}

void lane_rerate_take_edition(struct lane *lane) {
    rerater_rules(&lane->rerate->rerater, lane->edition->programs, lane->edition->catalog,
                  (struct rating_options){lane->edition->config->rating.no_link});
}

void lane_rerate_free(struct lane *lane) {
    if (lane->rerate != NULL) {
        requests_free(lane->rerate->requests);
        rerater_release(&lane->rerate->rerater);
        free(lane->rerate);
        lane->rerate = NULL;
    }
}

static void end_walk(struct lane_rerate *rerate) {
    rerater_end(&rerate->rerater);
    rerate->partition = -1;
}

void lane_rerate_drop(struct lane *lane, int32_t partition) {
    if (lane->rerate != NULL && lane->rerate->partition == partition) {
        end_walk(lane->rerate);
    }
}

int64_t lane_rerate_mark(const struct lane *lane, int64_t rerate_offset) {
    return lane->rerate->taken > rerate_offset ? lane->rerate->taken : rerate_offset;
}

void lane_rerate_begin_ledger(const struct lane_partition *partition) {
    if (ledger_rerate(partition->ledger).offset < 0 && partition->rerate_start >= 0) {
        ledger_set_rerate(partition->ledger,
                          (struct ledger_rerate){.offset = partition->rerate_start}, false);
    }
}

/* ---- what is asked for ---- */

static bool has_started(const struct lane_partition *partition) {
    return partition->state == PARTITION_READY && partition->rerate_start >= 0;
}

/* Requests below are done. */
static int64_t position_of(const struct lane_partition *partition) {
    int64_t offset = ledger_rerate(partition->ledger).offset;
    return offset > partition->rerate_start ? offset : partition->rerate_start;
}

/* A ledger that begins has been rated with today's reference data, and begins at the end. One whose
 * blocks say nothing begins at the beginning. */
static enum verdict start_partition(struct lane *lane, struct lane_partition *partition,
                                    struct fault *fault) {
    struct lane_rerate *rerate = lane->rerate;
    int64_t next = 0;
    struct fault reason;
    if (!requests_range(rerate->requests, RANGE_TIMEOUT_MS, &rerate->first, &next, &reason)) {
        rerate->ask_again_ms = clock_steady_ms() + ASK_AGAIN_MS;
        log_event(LOG_WARN, "rerate_requests_error", "lane=%d partition=%d reason=%s", lane->number,
                  partition->number, log_quote(reason.text));
        return VERDICT_COMMITTED;
    }
    int64_t done = ledger_rerate(partition->ledger).offset;
    if (done > next) {
        fault_set(fault,
                  "%s ends at offset %lld, but requests below %lld were served: the topic was "
                  "re-created or shortened. Restore it, or append records until it is as long as "
                  "it was (empty ones are skipped)",
                  lane->edition->config->topics.rerate_requests, (long long)next, (long long)done);
        return VERDICT_STOP;
    }
    bool begins = done < 0 && ledger_last_block_id(partition->ledger) == 0;
    partition->rerate_start = begins ? next : 0;
    int64_t position = position_of(partition);
    if (!requests_need(rerate->requests, position > rerate->first ? position : rerate->first,
                       fault)) {
        return VERDICT_REBUILD;
    }
    return VERDICT_COMMITTED;
}

/* Reference values that a request names are read afresh from now on. */
static void forget_named(struct lane *lane, const struct rerate_request *request) {
    switch (request->scope) {
    case RERATE_CUSTOMER: enricher_forget_customer(lane->enricher, request->id); return;
    case RERATE_PARTNER: enricher_forget_partner(lane->enricher, request->id); return;
    case RERATE_ALL: enricher_forget_all(lane->enricher); return;
    case RERATE_PROGRAM: return;
    }
    REQUIRE(false && "a re-rate scope without a meaning");
}

static void take_requests(struct lane *lane) {
    struct lane_rerate *rerate = lane->rerate;
    requests_poll(rerate->requests);
    size_t count = 0;
    const struct rerate_request *items = requests_items(rerate->requests, &count);
    size_t known = count;
    while (known > 0 && items[known - 1].offset > rerate->taken) {
        known--;
    }
    for (size_t i = known; i < count; i++) {
        forget_named(lane, &items[i]);
        char id[128];
        (void)snprintf(id, sizeof id, "%.*s", TEXT_ARGS(items[i].request_id));
        log_event(LOG_INFO, "rerate_requested", "lane=%d request=%s scope=%s offset=%lld",
                  lane->number, log_quote(id), rerate_scope_name(items[i].scope),
                  (long long)items[i].offset);
    }
    int64_t next = requests_next(rerate->requests);
    rerate->taken = next - 1 > rerate->taken ? next - 1 : rerate->taken;
}

/* Until the reader has caught up, requests are known in part: one walk is to serve them all. */
static bool is_pending(const struct lane_rerate *rerate, const struct lane_partition *partition) {
    if (!has_started(partition) || !requests_is_caught_up(rerate->requests)) {
        return false;
    }
    size_t count = 0;
    const struct rerate_request *items = requests_items(rerate->requests, &count);
    int64_t position = position_of(partition);
    return position < rerate->first || (count > 0 && items[count - 1].offset >= position);
}

int64_t lane_rerate_progress(const struct lane *lane, const struct lane_partition *partition) {
    const struct lane_rerate *rerate = lane->rerate;
    if (rerate->partition == partition->number) {
        uint64_t last = ledger_last_block_id(partition->ledger);
        return last == 0 ? 0 : (int64_t)(rerater_reached(&rerate->rerater) * 1000 / last);
    }
    return is_pending(rerate, partition) ? 0 : 1000;
}

static void look_for_work(struct lane *lane) {
    struct lane_rerate *rerate = lane->rerate;
    int64_t lowest = INT64_MAX;
    bool all_started = true;
    rerate->is_pending = false;
    for (size_t i = 0; i < lane->partition_count; i++) {
        const struct lane_partition *partition = &lane->partitions[i];
        if (!has_started(partition)) {
            all_started = false;
            continue;
        }
        rerate->is_pending = rerate->is_pending || is_pending(rerate, partition);
        lowest = position_of(partition) < lowest ? position_of(partition) : lowest;
    }
    /* Also those whose turn comes later, or that wait: standing still must be seen. */
    for (size_t i = 0; i < lane->partition_count && rerate->is_pending; i++) {
        metric_set(lane->partitions[i].gauges.rerate_progress,
                   lane_rerate_progress(lane, &lane->partitions[i]));
    }
    if (all_started) {
        requests_forget(rerate->requests, lowest);
    }
    size_t count = 0;
    (void)requests_items(rerate->requests, &count);
    metric_set(rerate->pending, rerate->is_pending ? (int64_t)count : 0);
}

/* Who asks after a reload wants lines rated under what it brought. As long as this lane has not
 * taken that, it does not hear the request: it would serve it, and mark lines as served, under the
 * edition before. */
static bool is_behind(const struct lane *lane) {
    return editions_has_newer(lane->shared->editions, lane->edition);
}

enum verdict lane_rerate_listen(struct lane *lane, struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    if (is_behind(lane)) {
        return VERDICT_COMMITTED;
    }
    bool may_ask = clock_steady_ms() >= lane->rerate->ask_again_ms;
    for (size_t i = 0; i < lane->partition_count && verdict == VERDICT_COMMITTED && may_ask; i++) {
        if (lane->partitions[i].state == PARTITION_READY && !has_started(&lane->partitions[i])) {
            verdict = start_partition(lane, &lane->partitions[i], fault);
            may_ask = has_started(&lane->partitions[i]);
        }
    }
    if (verdict == VERDICT_COMMITTED) {
        take_requests(lane);
        look_for_work(lane);
    }
    return verdict;
}

bool lane_rerate_is_due(const struct lane *lane) {
    const struct lane_rerate *rerate = lane->rerate;
    return rerate->is_pending &&
           (!rerate->is_waiting || clock_steady_ms() >= rerate->wait_until_ms);
}

/* ---- the walk ---- */

static void fill_set(struct lane_rerate *rerate, int64_t position, int64_t head) {
    struct rerate_set *set = &rerate->rerater.set;
    if (position < rerate->first) {
        /* Requests were deleted before they were served: nobody knows what they named. */
        struct rerate_request everything = {
            .scope = RERATE_ALL,
            .charge_start = {DAY_MIN, DAY_MAX},
            .request_id = TEXT("requests-expired"),
            .offset = rerate->first - 1,
        };
        rerate_set_add(set, &everything);
    }
    size_t count = 0;
    const struct rerate_request *items = requests_items(rerate->requests, &count);
    for (size_t i = 0; i < count; i++) {
        if (items[i].offset >= position && items[i].offset >= rerate->first &&
            items[i].offset <= head) {
            rerate_set_add(set, &items[i]);
        }
    }
    rerate_set_finish(set);
}

static void begin_walk(struct lane *lane, const struct lane_partition *partition) {
    struct lane_rerate *rerate = lane->rerate;
    struct ledger_rerate was = ledger_rerate(partition->ledger);
    int64_t position = position_of(partition);
    bool goes_on = was.reached > 0 && position >= rerate->first;
    int64_t next = requests_next(rerate->requests);
    int64_t head = goes_on ? was.head : (next > rerate->first ? next : rerate->first) - 1;
    fill_set(rerate, position, head);
    rerate->partition = partition->number;
    rerate->progress_at_ms = clock_steady_ms();
    rerater_begin(&rerate->rerater, partition->ledger, head, goes_on ? was.reached : 0,
                  goes_on ? (size_t)was.unrated : 0);
    log_event(LOG_INFO, "rerate_begun", "lane=%d partition=%d requests=%zu head=%lld resumed=%s",
              lane->number, partition->number, rerate->rerater.set.count, (long long)head,
              goes_on ? "true" : "false");
}

/* The partition of the walk; begins one where there is none. NULL: nothing to do. */
static struct lane_partition *walk_partition(struct lane *lane) {
    struct lane_rerate *rerate = lane->rerate;
    if (rerate->partition >= 0) {
        return lane_partition_find(lane, rerate->partition);
    }
    for (size_t i = 0; i < lane->partition_count; i++) {
        if (is_pending(rerate, &lane->partitions[i])) {
            begin_walk(lane, &lane->partitions[i]);
            return &lane->partitions[i];
        }
    }
    return NULL;
}

static void finish_walk(struct lane *lane) {
    struct lane_rerate *rerate = lane->rerate;
    const struct rerater_counts *counts = &rerate->rerater.counts;
    log_event(counts->unrated > 0 ? LOG_WARN : LOG_INFO, "rerate_done",
              "lane=%d partition=%d requests=%zu head=%lld lines=%zu changed=%zu unrated=%zu "
              "outcome=%s",
              lane->number, rerate->partition, rerate->rerater.set.count,
              (long long)rerate->rerater.head, counts->lines, counts->changed, counts->unrated,
              counts->unrated > 0 ? "incomplete" : "complete");
    int32_t number = rerate->partition;
    end_walk(rerate);
    lane_count_partition(lane, lane_partition_find(lane, number));
}

static void count_chunk(const struct lane_rerate *rerate) {
    const struct rerater *rerater = &rerate->rerater;
    metric_add(rerate->lines, (int64_t)(rerater->counts.lines - rerater->chunk_counts.lines));
    metric_add(rerate->unrated, (int64_t)(rerater->counts.unrated - rerater->chunk_counts.unrated));
}

static struct ledger_rerate progress_of(const struct lane_rerate *rerate,
                                        const struct lane_partition *partition, bool is_done) {
    const struct rerater *rerater = &rerate->rerater;
    return (struct ledger_rerate){
        .offset = is_done ? rerater->head + 1 : position_of(partition),
        .reached = is_done ? 0 : rerater_reached(rerater),
        .head = rerater->head,
        .unrated = rerater->counts.unrated,
    };
}

/* One transaction for what the chunk changed, and for how far the walk has come. */
static enum verdict commit_chunk(struct lane *lane, struct lane_partition *partition, bool is_done,
                                 struct fault *fault) {
    struct lane_rerate *rerate = lane->rerate;
    ledger_set_rerate(partition->ledger, progress_of(rerate, partition, is_done), true);
    lane->rerate_partition = partition->number;
    enum verdict verdict = lane_transact(lane, fault);
    lane->rerate_partition = -1;
    if (verdict == VERDICT_COMMITTED && lane->abort_count > 0) {
        rerater_go_back(&rerate->rerater);
    } else if (verdict == VERDICT_COMMITTED) {
        rerate->progress_at_ms = clock_steady_ms();
        count_chunk(rerate);
        if (is_done) {
            finish_walk(lane);
        }
    }
    return verdict;
}

/* Reference data is not to be had: live lines go on, the walk comes back to it later. */
static void wait_for_reference(struct lane *lane, const struct fault *reason) {
    struct lane_rerate *rerate = lane->rerate;
    if (!rerate->is_waiting) {
        log_event(LOG_WARN, "rerate_waits", "lane=%d partition=%d reason=%s", lane->number,
                  rerate->partition, log_quote(reason->text));
    }
    rerate->is_waiting = true;
    rerate->wait_until_ms = clock_steady_ms() + WAIT_MS;
}

static size_t chunk_lines(const struct lane *lane) {
    size_t lines = (size_t)lane->edition->config->rerate.chunk_lines;
    return clock_steady_ms() - lane->lines_at_ms < QUIET_MS ? lines : lines * QUIET_CHUNKS;
}

static enum verdict do_chunk(struct lane *lane, struct lane_partition *partition, int64_t budget_ms,
                             struct fault *fault) {
    struct lane_rerate *rerate = lane->rerate;
    struct fault reason;
    batch_clear(&lane->batch);
    rerate->accrued_at_ms = clock_wall_ms();
    enum rerater_result result =
        rerater_chunk(&rerate->rerater, chunk_lines(lane), budget_ms, &reason);
    if (result == RERATER_WAIT) {
        wait_for_reference(lane, &reason);
        return VERDICT_COMMITTED;
    }
    rerate->is_waiting = false;
    bool is_done = result == RERATER_DONE;
    if (is_done && ledger_last_block_id(partition->ledger) == 0) {
        partition->rerate_start = rerate->rerater.head + 1; /* nothing was ever written here */
        finish_walk(lane);
        return VERDICT_COMMITTED;
    }
    bool has_news = ledger_pending_count(partition->ledger) > 0 ||
                    clock_steady_ms() - rerate->progress_at_ms >= PROGRESS_MS;
    if (is_done || has_news) {
        return commit_chunk(lane, partition, is_done, fault);
    }
    count_chunk(rerate);
    return VERDICT_COMMITTED;
}

enum verdict lane_rerate_step(struct lane *lane, int64_t live_ms, struct fault *fault) {
    struct lane_rerate *rerate = lane->rerate;
    REQUIRE(lane->snapshot != NULL && lane->rerate_partition < 0);
    int64_t percent = lane->edition->config->rerate.share_percent;
    int64_t budget_ms = share_grant(&rerate->share, live_ms, percent, lane->is_drained);
    struct lane_partition *partition = budget_ms > 0 ? walk_partition(lane) : NULL;
    if (partition == NULL) {
        return VERDICT_COMMITTED;
    }
    int64_t started_ms = clock_steady_ms();
    enum verdict verdict = do_chunk(lane, partition, budget_ms, fault);
    share_spend(&rerate->share, clock_steady_ms() - started_ms, lane->is_drained);
    return verdict;
}
