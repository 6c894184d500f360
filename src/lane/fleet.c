#include "accrued/fleet.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/metrics.h"
#include "accrued/require.h"
#include "health.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define BACKOFF_MS_MAX 30000
#define SLEEP_SLICE_MS 50

struct lane_thread {
    struct fleet *fleet;
    int number;
    pthread_t thread;
    bool is_started;
};

struct fleet {
    struct lane_shared shared;
    struct lane_thread *threads;
    size_t count;
    int64_t silence_ms_max;
    atomic_size_t running;
    pthread_mutex_t failure_lock;
    pthread_mutex_t reasons_lock;
    bool has_failed;
    struct fault failure;
};

static void note_failure(struct fleet *fleet, int lane, const struct fault *fault) {
    pthread_mutex_lock(&fleet->failure_lock);
    if (!fleet->has_failed) {
        fleet->has_failed = true;
        fault_set(&fleet->failure, "lane %d: %s", lane, fault->text);
    }
    pthread_mutex_unlock(&fleet->failure_lock);
    atomic_store(&fleet->shared.stop, true);
}

/* Sleeps, but not through a stop. */
static void sleep_unless_stopped(struct fleet *fleet, int lane, int64_t ms) {
    int64_t end_ms = clock_steady_ms() + ms;
    while (!atomic_load(&fleet->shared.stop) && clock_steady_ms() < end_ms) {
        atomic_store(&fleet->shared.beats[lane], clock_steady_ms());
        struct timespec slice = {0, SLEEP_SLICE_MS * 1000000L};
        (void)nanosleep(&slice, NULL);
    }
}

/* One life of a lane: open, run, close. */
static enum verdict live(struct fleet *fleet, int number, bool *ret_committed,
                         struct fault *fault) {
    enum verdict verdict = VERDICT_COMMITTED;
    *ret_committed = false;
    struct lane *lane = lane_open(&fleet->shared, number, &verdict, fault);
    if (lane != NULL) {
        verdict = lane_run(lane, ret_committed, fault);
        lane_free(lane);
    }
    return verdict;
}

/* How patient it is with a lane. Read anew for each failure: a reload may have changed it. */
struct patience {
    int64_t rebuilds_max;
    int64_t backoff_ms;
};

static struct patience patience_now(const struct fleet *fleet) {
    struct edition *edition = editions_take(fleet->shared.editions);
    struct patience patience = {edition->config->lanes.rebuilds_max,
                                edition->config->lanes.rebuild_backoff_ms};
    edition_drop(edition);
    return patience;
}

static int64_t backoff_after(int64_t failures, int64_t first_ms) {
    int64_t ms = first_ms;
    for (int64_t i = 1; i < failures && ms < BACKOFF_MS_MAX; i++) {
        ms *= 2;
    }
    return ms < BACKOFF_MS_MAX ? ms : BACKOFF_MS_MAX;
}

/* Rebuilds the lane as long as that may help: a new producer fences the old one's transaction, and
 * a new restore reads what was really committed. */
static void live_on(struct fleet *fleet, int number) {
    struct metric *rebuilds =
        metric_get("accrued_lane_rebuilds_total", METRIC_COUNTER,
                   "Lanes that were built anew after an error that left the outcome open.", "");
    int64_t failures = 0;
    while (!atomic_load(&fleet->shared.stop)) {
        struct fault fault = {""};
        bool committed = false;
        enum verdict verdict = live(fleet, number, &committed, &fault);
        if (verdict == VERDICT_COMMITTED) {
            return;
        }
        struct patience patience = patience_now(fleet);
        failures = committed ? 1 : failures + 1;
        if (verdict == VERDICT_STOP || failures > patience.rebuilds_max) {
            log_event(LOG_ERROR, "lane_failed", "lane=%d verdict=%s rebuilds=%lld reason=%s",
                      number, verdict_name(verdict), (long long)(failures - 1),
                      log_quote(fault.text));
            note_failure(fleet, number, &fault);
            return;
        }
        int64_t backoff_ms = backoff_after(failures, patience.backoff_ms);
        log_event(LOG_WARN, "lane_rebuild", "lane=%d attempt=%lld backoff_ms=%lld reason=%s",
                  number, (long long)failures, (long long)backoff_ms, log_quote(fault.text));
        metric_add(rebuilds, 1);
        atomic_store(&fleet->shared.readiness[number], LANE_STARTING);
        sleep_unless_stopped(fleet, number, backoff_ms);
    }
}

static void *run_lane(void *argument) {
    struct lane_thread *thread = argument;
    live_on(thread->fleet, thread->number);
    atomic_store(&thread->fleet->shared.readiness[thread->number], LANE_STOPPED);
    atomic_fetch_sub(&thread->fleet->running, 1);
    return NULL;
}

struct fleet *fleet_start(struct editions *editions, struct lag_monitor *lag,
                          struct registry *registry, struct inquiries *inquiries) {
    struct fleet *fleet = calloc(1, sizeof *fleet);
    REQUIRE(fleet != NULL);
    struct edition *edition = editions_take(editions);
    fleet->count = (size_t)edition->config->lanes.count;
    /* A commit may take as long as the transaction may; beyond twice that a loop hangs. */
    fleet->silence_ms_max = edition->config->kafka.transaction_timeout_ms * 2;
    edition_drop(edition);
    REQUIRE(fleet->count > 0);
    fleet->shared.editions = editions;
    fleet->shared.lag = lag;
    fleet->shared.registry = registry;
    fleet->shared.inquiries = inquiries;
    fleet->shared.beats = calloc(fleet->count, sizeof *fleet->shared.beats);
    fleet->shared.readiness = calloc(fleet->count, sizeof *fleet->shared.readiness);
    fleet->shared.reasons = calloc(fleet->count, sizeof *fleet->shared.reasons);
    fleet->shared.reasons_lock = &fleet->reasons_lock;
    fleet->threads = calloc(fleet->count, sizeof *fleet->threads);
    REQUIRE(fleet->shared.beats != NULL && fleet->shared.readiness != NULL &&
            fleet->shared.reasons != NULL && fleet->threads != NULL);
    (void)pthread_mutex_init(&fleet->failure_lock, NULL);
    (void)pthread_mutex_init(&fleet->reasons_lock, NULL);
    for (size_t i = 0; i < fleet->count; i++) {
        atomic_store(&fleet->shared.beats[i], clock_steady_ms());
        fleet->threads[i] = (struct lane_thread){.fleet = fleet, .number = (int)i};
        atomic_fetch_add(&fleet->running, 1);
        int error = pthread_create(&fleet->threads[i].thread, NULL, run_lane, &fleet->threads[i]);
        REQUIRE(error == 0);
        fleet->threads[i].is_started = true;
    }
    return fleet;
}

void fleet_stop(struct fleet *fleet) {
    atomic_store(&fleet->shared.stop, true);
}

bool fleet_is_done(const struct fleet *fleet) {
    return atomic_load(&fleet->running) == 0;
}

bool fleet_failure(struct fleet *fleet, struct fault *ret_fault) {
    pthread_mutex_lock(&fleet->failure_lock);
    bool has_failed = fleet->has_failed;
    if (has_failed) {
        *ret_fault = fleet->failure;
    }
    pthread_mutex_unlock(&fleet->failure_lock);
    return has_failed;
}

void fleet_free(struct fleet *fleet) {
    if (fleet == NULL) {
        return;
    }
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->threads[i].is_started) {
            (void)pthread_join(fleet->threads[i].thread, NULL);
        }
    }
    (void)pthread_mutex_destroy(&fleet->failure_lock);
    (void)pthread_mutex_destroy(&fleet->reasons_lock);
    free(fleet->shared.beats);
    free(fleet->shared.readiness);
    free(fleet->shared.reasons);
    free(fleet->threads);
    free(fleet);
}

bool fleet_is_ready(void *context, struct buffer *reasons) {
    struct fleet *fleet = context;
    return lanes_are_ready(&fleet->shared, fleet->count, reasons);
}

bool fleet_is_healthy(void *context, struct buffer *reasons) {
    struct fleet *fleet = context;
    return lanes_are_healthy(&fleet->shared, fleet->count, clock_steady_ms(), fleet->silence_ms_max,
                             reasons);
}

bool fleet_hangs(const struct fleet *fleet, int64_t silence_ms_max, struct buffer *reasons) {
    return !lanes_are_healthy(&fleet->shared, fleet->count, clock_steady_ms(), silence_ms_max,
                              reasons);
}
