/* history.h: lag and throughput of the last minutes, for the pictures on the page. Any thread.
 *
 * One sample a second in a fixed ring; nothing is kept beyond. */
#ifndef ACCRUED_OBSERVE_HISTORY_H
#define ACCRUED_OBSERVE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#define HISTORY_SAMPLE_COUNT 300
#define HISTORY_INTERVAL_MS 1000
/* Pictures of more partitions than these nobody looks at; the first that were owned have one. */
#define HISTORY_PARTITION_COUNT_MAX 64

struct history_sample {
    int64_t lag_lines; /* −1: not known */
    int64_t lines_in;  /* since start */
};

struct history_lag {
    int32_t partition;
    int64_t lines; /* −1: not known */
};

/* Takes a sample if the last is HISTORY_INTERVAL_MS old. */
void history_take(int64_t steady_ms, int64_t lag_lines, int64_t lines_in,
                  const struct history_lag *lags, size_t lag_count);
/* Copies the samples, oldest first; returns how many. */
size_t history_copy(struct history_sample to[HISTORY_SAMPLE_COUNT]);
/* The same of one partition's lag, −1 where it was not owned or not known. 0: it has no picture. */
size_t history_copy_partition(int32_t partition, int64_t to[HISTORY_SAMPLE_COUNT]);

#endif
