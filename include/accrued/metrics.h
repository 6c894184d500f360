/* metrics.h: counters and gauges of the process. Room: observe. Any thread.
 *
 * Lanes add to atomics; the HTTP thread reads them. Series with labels are registered once, before
 * or while running, and found again by name and labels; a handle stays valid for ever. Names are
 * Prometheus names: base units, _total, _seconds. */
#ifndef ACCRUED_METRICS_H
#define ACCRUED_METRICS_H

#include "accrued/buffer.h"

#include <stdatomic.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/* One series. Money is kept exactly, in units of 10^-6, as the sum of two's complement halves is
 * not atomic: lanes own their series and publish with metric_set_amount under a lock. */
struct metric;

/* labels: `key="value",key2="value2"` or "". Returns the same handle for the same name and labels. */
struct metric *metric_get(const char *name, enum metric_type type, const char *help,
                          const char *labels);
void metric_add(struct metric *metric, int64_t value);
void metric_set(struct metric *metric, int64_t value);
/* The value as written is value / 10^decimals, exactly ("1.5" for 1500, 3). Default 0. */
void metric_set_decimals(struct metric *metric, unsigned decimals);
/* Adds to a 128-bit sum at scale 6. */
#include "accrued/money.h"
void metric_add_amount(struct metric *metric, struct amount amount);
int64_t metric_value(const struct metric *metric);
struct amount metric_amount(const struct metric *metric);

/* Prometheus text exposition format 0.0.4, series grouped by name with HELP and TYPE. */
void metrics_append_text(struct buffer *to);

/* Calls back for each series of a name, in registration order. */
void metrics_each(const char *name, void (*visit)(void *context, const char *labels,
                                                  const struct metric *metric), void *context);

#endif
