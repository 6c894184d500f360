/* lag.h: how far behind is this process, per partition? Room: observe. Adapter: librdkafka.
 *
 * librdkafka's own consumer_lag is wrong under transactions (transactions.md P40). So lanes report
 * what they own and where they stand, and a thread asks the cluster once a second: a read_committed
 * handle for last stable offsets, a read_uncommitted one for high watermarks (P51). Lag is last
 * stable offset − next offset, 0 when drained; what an open transaction of the writer hides is not
 * lag but the difference between the two offsets. The reports: any thread, they never wait for the
 * cluster. */
#ifndef ACCRUED_LAG_H
#define ACCRUED_LAG_H

#include "accrued/config.h"

#define LAG_INTERVAL_MS 1000

struct lag_monitor;

/* NULL: *fault says why. An unreachable cluster is no reason: lag is unknown until it answers. */
struct lag_monitor *lag_monitor_start(const struct config *config, struct fault *fault);
/* Accepts NULL. May wait for a question that is on its way, some seconds. */
void lag_monitor_stop(struct lag_monitor *monitor);
void lag_monitor_set_interval(struct lag_monitor *monitor, int64_t interval_ms);

/* A lane took over a partition of the input, or gave it up (its gauges disappear). Owning again
 * what is owned forgets its progress. */
void lag_own(struct lag_monitor *monitor, int32_t partition);
void lag_disown(struct lag_monitor *monitor, int32_t partition);

/* After each transaction, and whenever the input turns out to be drained. next_offset: the next one
 * to process; when nothing gathered is unprocessed, the consumer's position if that is higher, so
 * that control markers at the end count for nothing (P41, P58). oldest_unprocessed_timestamp_ms: of
 * the oldest record that is gathered and not committed; when none is, of the last that was
 * committed; −1: as reported before. A backlog that nobody has gathered yet ages from the moment of
 * ownership. */
void lag_progress(struct lag_monitor *monitor, int32_t partition, int64_t next_offset,
                  int64_t oldest_unprocessed_timestamp_ms);

/* Lines behind over all owned partitions; −1 while none is owned or one is not known yet. */
int64_t lag_monitor_total(struct lag_monitor *monitor);

#endif
