/* fleet.h: all lanes of a process. Room: lane.
 *
 * Starts a thread a lane, rebuilds one that fails a bounded number of times with back-off, and
 * stops all when one cannot go on. Signals are the caller's. */
#ifndef ACCRUED_FLEET_H
#define ACCRUED_FLEET_H

#include "accrued/lane.h"

struct fleet;

/* Starts the lanes. The arguments must outlive the fleet; all but the first may be NULL.
 */
struct fleet *fleet_start(struct editions *editions, struct lag_monitor *lag,
                          struct registry *registry, struct inquiries *inquiries);

/* Asks all lanes to finish their transaction, leave the group and end. Any thread. */
void fleet_stop(struct fleet *fleet);
/* All lanes have ended. Any thread. */
bool fleet_is_done(const struct fleet *fleet);
/* Why the fleet ended by itself; false: it did not, or was told to. */
bool fleet_failure(struct fleet *fleet, struct fault *ret_fault);
/* Waits for the threads and frees. */
void fleet_free(struct fleet *fleet);

/* For /readyz and /healthz: appends reasons why not. */
bool fleet_is_ready(void *fleet, struct buffer *reasons);
bool fleet_is_healthy(void *fleet, struct buffer *reasons);
/* A lane's loop has stood still for longer than `silence_ms_max`: it is in a call of a library that
 * may never return, and no thread can be ended from outside. Appends which lane and how long. */
bool fleet_hangs(const struct fleet *fleet, int64_t silence_ms_max, struct buffer *reasons);

#endif
