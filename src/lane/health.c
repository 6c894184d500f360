#include "health.h"

#include "accrued/metrics.h"
#include "accrued/require.h"

const char *lane_readiness_name(enum lane_readiness readiness) {
    switch (readiness) {
    case LANE_STARTING: return "starting";
    case LANE_JOINING: return "joining";
    case LANE_UNASSIGNED: return "unassigned";
    case LANE_RESTORING: return "restoring";
    case LANE_WAITING: return "waiting";
    case LANE_READY: return "ready";
    case LANE_STOPPED: return "stopped";
    }
    REQUIRE(false && "a readiness without a name");
}

/* "2.4 s", "3 min 20 s" */
static void append_time(struct buffer *to, int64_t ms) {
    if (ms < 60000) {
        buffer_append_format(to, "%lld.%lld s", (long long)(ms / 1000),
                             (long long)(ms % 1000 / 100));
    } else {
        buffer_append_format(to, "%lld min %lld s", (long long)(ms / 60000),
                             (long long)(ms / 1000 % 60));
    }
}

bool lanes_are_healthy(const struct lane_shared *shared, size_t count, int64_t now_ms,
                       int64_t silence_ms_max, struct buffer *reasons) {
    REQUIRE(shared != NULL && reasons != NULL);
    bool is_healthy = true;
    for (size_t i = 0; i < count; i++) {
        int64_t age_ms = now_ms - atomic_load(&shared->beats[i]);
        if (atomic_load(&shared->readiness[i]) != LANE_STOPPED && age_ms > silence_ms_max) {
            buffer_append_format(reasons, "Lane %zu: its loop has not turned for ", i);
            append_time(reasons, age_ms);
            buffer_append_string(reasons, ".\n");
            is_healthy = false;
        }
    }
    return is_healthy;
}

/* What a lane in this state does; NULL: it is as it should be. */
static const char *sentence_of(enum lane_readiness readiness) {
    switch (readiness) {
    case LANE_STARTING: return "starts: its Kafka clients are not open yet";
    case LANE_JOINING: return "waits for the consumer group to take it in";
    case LANE_UNASSIGNED: return "has no partition and is ready to take one over";
    case LANE_RESTORING: return "restores ledgers";
    case LANE_WAITING: return "waits for reference data";
    case LANE_READY: return NULL;
    case LANE_STOPPED: return "has stopped";
    }
    REQUIRE(false && "a readiness without a sentence");
}

static void append_remaining(void *context, const char *labels, const struct metric *metric) {
    struct buffer partition;
    buffer_init(&partition);
    if (metric_value(metric) > 0 && metric_label(labels, "partition", &partition)) {
        buffer_append_format(context, "Partition %.*s: %lld offsets of its ledger to be read.\n",
                             (int)partition.size, (const char *)partition.data,
                             (long long)metric_value(metric));
    }
    buffer_release(&partition);
}

static void append_file_share(void *context, const char *labels, const struct metric *metric) {
    struct buffer partition;
    buffer_init(&partition);
    if (metric_value(metric) < 1000 && metric_label(labels, "partition", &partition)) {
        buffer_append_format(context, "Partition %.*s: %lld %% of its local file are read.\n",
                             (int)partition.size, (const char *)partition.data,
                             (long long)metric_value(metric) / 10);
    }
    buffer_release(&partition);
}

bool lanes_are_ready(const struct lane_shared *shared, size_t count, struct buffer *reasons) {
    REQUIRE(shared != NULL && reasons != NULL);
    bool is_ready = true;
    bool restores = false;
    for (size_t i = 0; i < count; i++) {
        enum lane_readiness readiness = (enum lane_readiness)atomic_load(&shared->readiness[i]);
        const char *sentence = sentence_of(readiness);
        if (sentence != NULL) {
            buffer_append_format(reasons, "Lane %zu %s", i, sentence);
            if (readiness == LANE_WAITING) {
                pthread_mutex_lock(shared->reasons_lock);
                buffer_append_format(reasons, ": %s", shared->reasons[i].text);
                pthread_mutex_unlock(shared->reasons_lock);
            }
            buffer_append_string(reasons, ".\n");
        }
        is_ready = is_ready && (readiness == LANE_READY || readiness == LANE_UNASSIGNED);
        restores = restores || readiness == LANE_RESTORING;
    }
    if (restores) {
        metrics_each("accrued_restore_file_ratio", append_file_share, reasons);
        metrics_each("accrued_restore_remaining_offsets", append_remaining, reasons);
    }
    return is_ready;
}
