/* history.h: lag and throughput of the last minutes, for the picture on the page. Any thread.
 *
 * One sample a second in a fixed ring; nothing is kept beyond. */
#ifndef ACCRUED_OBSERVE_HISTORY_H
#define ACCRUED_OBSERVE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#define HISTORY_SAMPLE_COUNT 300
#define HISTORY_INTERVAL_MS 1000

struct history_sample {
    int64_t lag_lines; /* −1: not known */
    int64_t lines_in;  /* since start */
};

/* Takes a sample if the last is HISTORY_INTERVAL_MS old. */
void history_take(int64_t steady_ms, int64_t lag_lines, int64_t lines_in);
/* Copies the samples, oldest first; returns how many. */
size_t history_copy(struct history_sample to[HISTORY_SAMPLE_COUNT]);

#endif
