/* meter.h: every line that comes into a partition has exactly one outcome. Private to the lane.
 *
 * Lines in are counted where records are gathered, outcomes where lines are worked on, so that the
 * two can disagree; whether they do is looked at after every transaction. They count what has been
 * committed: an abort, a rebuild or a lost partition counts nothing. Lane thread only. */
#ifndef ACCRUED_LANE_METER_H
#define ACCRUED_LANE_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_outcomes {
    size_t posted;
    size_t unchanged;
    size_t stale;
    size_t skipped;
    size_t dead_lettered;
};

/* The counters of one partition. */
struct meter;

struct meter *meter_open(int32_t partition);
/* Accepts NULL. What was counted stays in /metrics. */
void meter_free(struct meter *meter);

/* Adds what a transaction has committed. false: since the process began, lines in and outcomes
 * differ, which is a bug; the gauge says by how much, and the log says it once for each new
 * difference. */
bool meter_commit(struct meter *meter, size_t lines_in, const struct line_outcomes *outcomes);

#endif
