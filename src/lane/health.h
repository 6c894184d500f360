/* health.h: what lanes tell about themselves, judged for /healthz and /readyz. Private to lane.
 *
 * From what the lanes have published only: no I/O, any thread. Reasons are sentences, each ended by
 * a line feed; some are given though the answer is yes. */
#ifndef ACCRUED_LANE_HEALTH_H
#define ACCRUED_LANE_HEALTH_H

#include "accrued/buffer.h"
#include "accrued/lane.h"

/* Does the loop of every lane turn, at least every silence_ms_max? */
bool lanes_are_healthy(const struct lane_shared *shared, size_t count, int64_t now_ms,
                       int64_t silence_ms_max, struct buffer *reasons);
/* Is every lane assigned, restored and able to look things up in Redis, or ready to take partitions
 * over? */
bool lanes_are_ready(const struct lane_shared *shared, size_t count, struct buffer *reasons);

#endif
