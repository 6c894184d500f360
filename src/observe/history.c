#include "history.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct history_sample samples[HISTORY_SAMPLE_COUNT];
static size_t taken;
static int64_t last_ms = INT64_MIN / 2;

void history_take(int64_t steady_ms, int64_t lag_lines, int64_t lines_in) {
    pthread_mutex_lock(&lock);
    /* A sampler that wakes a little early must not skip every second sample. */
    if (steady_ms - last_ms >= HISTORY_INTERVAL_MS - HISTORY_INTERVAL_MS / 10) {
        samples[taken % HISTORY_SAMPLE_COUNT] = (struct history_sample){lag_lines, lines_in};
        taken++;
        last_ms = steady_ms;
    }
    pthread_mutex_unlock(&lock);
}

size_t history_copy(struct history_sample to[HISTORY_SAMPLE_COUNT]) {
    pthread_mutex_lock(&lock);
    size_t count = taken < HISTORY_SAMPLE_COUNT ? taken : HISTORY_SAMPLE_COUNT;
    for (size_t i = 0; i < count; i++) {
        to[i] = samples[(taken - count + i) % HISTORY_SAMPLE_COUNT];
    }
    pthread_mutex_unlock(&lock);
    return count;
}
