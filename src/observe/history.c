#include "history.h"

#include <pthread.h>

struct partition_history {
    int32_t partition;
    int64_t lines[HISTORY_SAMPLE_COUNT];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct history_sample samples[HISTORY_SAMPLE_COUNT];
static struct partition_history partitions[HISTORY_PARTITION_COUNT_MAX];
static size_t partition_count;
static size_t taken;
static int64_t last_ms = INT64_MIN / 2;

/* NULL: it is not there. Under the lock. */
static struct partition_history *find(int32_t partition) {
    for (size_t i = 0; i < partition_count; i++) {
        if (partitions[i].partition == partition) {
            return &partitions[i];
        }
    }
    return NULL;
}

static struct partition_history *find_or_add(int32_t partition) {
    struct partition_history *found = find(partition);
    if (found == NULL && partition_count < HISTORY_PARTITION_COUNT_MAX) {
        found = &partitions[partition_count++];
        found->partition = partition;
        for (size_t i = 0; i < HISTORY_SAMPLE_COUNT; i++) {
            found->lines[i] = -1;
        }
    }
    return found;
}

void history_take(int64_t steady_ms, int64_t lag_lines, int64_t lines_in,
                  const struct history_lag *lags, size_t lag_count) {
    pthread_mutex_lock(&lock);
    /* A sampler that wakes a little early must not skip every second sample. */
    if (steady_ms - last_ms >= HISTORY_INTERVAL_MS - HISTORY_INTERVAL_MS / 10) {
        size_t at = taken % HISTORY_SAMPLE_COUNT;
        samples[at] = (struct history_sample){lag_lines, lines_in};
        for (size_t i = 0; i < partition_count; i++) {
            partitions[i].lines[at] = -1;
        }
        for (size_t i = 0; i < lag_count; i++) {
            struct partition_history *partition = find_or_add(lags[i].partition);
            if (partition != NULL) {
                partition->lines[at] = lags[i].lines;
            }
        }
        taken++;
        last_ms = steady_ms;
    }
    pthread_mutex_unlock(&lock);
}

static size_t count_taken(void) {
    return taken < HISTORY_SAMPLE_COUNT ? taken : HISTORY_SAMPLE_COUNT;
}

size_t history_copy(struct history_sample to[HISTORY_SAMPLE_COUNT]) {
    pthread_mutex_lock(&lock);
    size_t count = count_taken();
    for (size_t i = 0; i < count; i++) {
        to[i] = samples[(taken - count + i) % HISTORY_SAMPLE_COUNT];
    }
    pthread_mutex_unlock(&lock);
    return count;
}

size_t history_copy_partition(int32_t partition, int64_t to[HISTORY_SAMPLE_COUNT]) {
    pthread_mutex_lock(&lock);
    const struct partition_history *found = find(partition);
    size_t count = found == NULL ? 0 : count_taken();
    for (size_t i = 0; i < count; i++) {
        to[i] = found->lines[(taken - count + i) % HISTORY_SAMPLE_COUNT];
    }
    pthread_mutex_unlock(&lock);
    return count;
}
