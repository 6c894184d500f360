/* lag.h: how far behind is this process, per partition? Room: observe. Adapter: librdkafka.
 *
 * librdkafka's own consumer_lag is wrong under transactions (transactions.md P40). So lanes report
 * what they own and where they stand, and a thread asks the cluster once a second: a read_committed
 * handle for last stable offsets, a read_uncommitted one for high watermarks (P51). Lag is last
 * stable offset − next offset, 0 when drained; what an open transaction of the writer hides is not
 * lag but the difference between the two offsets.
 *
 * The time lag is the age of the oldest unprocessed line, by its record's timestamp and by its
 * event_time. A lane tells both of what it has gathered; where nothing is gathered and lines wait
 * (a restore, a lane that cannot go on), the thread looks at the record itself. The reports: any
 * thread, they never wait for the cluster. */
#ifndef ACCRUED_LAG_H
#define ACCRUED_LAG_H

#include "accrued/config.h"

#define LAG_INTERVAL_MS 1000

struct lag_monitor;

/* Of the input `topic`. NULL: *fault says why. An unreachable cluster is no reason: lag is unknown
 * until it answers. */
struct lag_monitor *lag_monitor_start(const struct config *config, const char *topic,
                                      struct fault *fault);
/* Accepts NULL. May wait for a question that is on its way, some seconds. */
void lag_monitor_stop(struct lag_monitor *monitor);
void lag_monitor_set_interval(struct lag_monitor *monitor, int64_t interval_ms);

/* A lane took over a partition of the input, or gave it up (its gauges disappear). Owning again
 * what is owned forgets its progress. */
void lag_own(struct lag_monitor *monitor, int32_t partition);
void lag_disown(struct lag_monitor *monitor, int32_t partition);

/* After each transaction, and whenever the input turns out to be drained. next_offset: the next one
 * to process; when nothing gathered is unprocessed, the consumer's position if that is higher, so
 * that control markers at the end count for nothing (P41, P58). */
void lag_progress(struct lag_monitor *monitor, int32_t partition, int64_t next_offset);

/* The first record of a batch: the oldest unprocessed line until a report goes past its offset.
 * Times in ms since 1970; −1: it has none (event_time: then the record's counts). */
void lag_gathered(struct lag_monitor *monitor, int32_t partition, int64_t offset,
                  int64_t timestamp_ms, int64_t event_time_ms);

/* How long the cluster has not answered the question for offsets; 0: it does. For readiness. */
int64_t lag_monitor_silent_ms(struct lag_monitor *monitor);

/* Lines behind over all owned partitions; −1 while none is owned or one is not known yet. */
int64_t lag_monitor_total(struct lag_monitor *monitor);

#endif
