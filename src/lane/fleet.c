#include "accrued/fleet.h"

#include "accrued/clock.h"
#include "accrued/log.h"
#include "accrued/metrics.h"
#include "accrued/require.h"

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

/* Rebuilds the lane as long as that may help: a new producer fences the old one's transaction, and
 * a new restore reads what was really committed. */
static void live_on(struct fleet *fleet, int number) {
    const struct config *config = fleet->shared.config;
    struct metric *rebuilds =
        metric_get("accrued_lane_rebuilds_total", METRIC_COUNTER,
                   "Lanes that were built anew after an error that left the outcome open.", "");
    int64_t failures = 0;
    int64_t backoff_ms = config->lanes.rebuild_backoff_ms;
    while (!atomic_load(&fleet->shared.stop)) {
        struct fault fault = {""};
        bool committed = false;
        enum verdict verdict = live(fleet, number, &committed, &fault);
        if (verdict == VERDICT_COMMITTED) {
            return;
        }
        if (committed) {
            failures = 0;
            backoff_ms = config->lanes.rebuild_backoff_ms;
        }
        failures++;
        if (verdict == VERDICT_STOP || failures > config->lanes.rebuilds_max) {
            log_event(LOG_ERROR, "lane_failed", "lane=%d verdict=%s rebuilds=%lld reason=%s",
                      number, verdict_name(verdict), (long long)(failures - 1),
                      log_quote(fault.text));
            note_failure(fleet, number, &fault);
            return;
        }
        log_event(LOG_WARN, "lane_rebuild", "lane=%d attempt=%lld backoff_ms=%lld reason=%s",
                  number, (long long)failures, (long long)backoff_ms, log_quote(fault.text));
        metric_add(rebuilds, 1);
        sleep_unless_stopped(fleet, number, backoff_ms);
        backoff_ms = backoff_ms * 2 < BACKOFF_MS_MAX ? backoff_ms * 2 : BACKOFF_MS_MAX;
    }
}

static void *run_lane(void *argument) {
    struct lane_thread *thread = argument;
    live_on(thread->fleet, thread->number);
    atomic_store(&thread->fleet->shared.readiness[thread->number], LANE_STOPPED);
    atomic_fetch_sub(&thread->fleet->running, 1);
    return NULL;
}

struct fleet *fleet_start(const struct config *config, const struct programs *programs,
                          const struct catalog *catalog, struct lag_monitor *lag) {
    REQUIRE(config->lanes.count > 0);
    struct fleet *fleet = calloc(1, sizeof *fleet);
    REQUIRE(fleet != NULL);
    fleet->count = (size_t)config->lanes.count;
    fleet->shared.config = config;
    fleet->shared.programs = programs;
    fleet->shared.catalog = catalog;
    fleet->shared.lag = lag;
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
    bool is_ready = true;
    for (size_t i = 0; i < fleet->count; i++) {
        enum lane_readiness readiness =
            (enum lane_readiness)atomic_load(&fleet->shared.readiness[i]);
        if (readiness != LANE_READY && readiness != LANE_UNASSIGNED) {
            buffer_append_format(reasons, "lane %zu: %s", i, lane_readiness_name(readiness));
            if (readiness == LANE_WAITING) {
                pthread_mutex_lock(&fleet->reasons_lock);
                buffer_append_format(reasons, ": %s", fleet->shared.reasons[i].text);
                pthread_mutex_unlock(&fleet->reasons_lock);
            }
            buffer_append_byte(reasons, '\n');
            is_ready = false;
        }
    }
    return is_ready;
}

bool fleet_is_healthy(void *context, struct buffer *reasons) {
    struct fleet *fleet = context;
    /* A commit may take as long as the transaction may; beyond twice that a loop hangs. */
    int64_t limit_ms = fleet->shared.config->kafka.transaction_timeout_ms * 2;
    int64_t now_ms = clock_steady_ms();
    bool is_healthy = true;
    for (size_t i = 0; i < fleet->count; i++) {
        int64_t age_ms = now_ms - atomic_load(&fleet->shared.beats[i]);
        if (atomic_load(&fleet->shared.readiness[i]) != LANE_STOPPED && age_ms > limit_ms) {
            buffer_append_format(reasons, "lane %zu: its loop has not turned for %lld s\n", i,
                                 (long long)(age_ms / 1000));
            is_healthy = false;
        }
    }
    return is_healthy;
}
