/* metrics.h: counters, gauges and histograms of the process. Room: observe. Any thread.
 *
 * Lanes add to atomics; the HTTP thread reads them. A series is registered once, before or while
 * running, and found again by name and labels; its handle stays valid for ever, so whoever counts
 * per line keeps the handle. Names are Prometheus names: base units, _total, _seconds. Everything
 * is an integer, with a decimal point put in when it is written: no double anywhere, and money is
 * exact. */
#ifndef ACCRUED_METRICS_H
#define ACCRUED_METRICS_H

#include "accrued/buffer.h"
#include "accrued/money.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* One series. */
struct metric;

/* labels: `key="value",key2="value2"` or "", values escaped (metric_append_label does it). Returns
 * the same handle for the same name and labels. Type and help are the family's: given alike each
 * time. */
struct metric *metric_get(const char *name, enum metric_type type, const char *help,
                          const char *labels);
/* Counters only grow. */
void metric_add(struct metric *metric, int64_t value);
/* Gauges. Shows a series that metric_hide hid. */
void metric_set(struct metric *metric, int64_t value);
/* The value as written is value / 10^decimals, exactly ("1.5" for 1500, 3). Default 0. */
void metric_set_decimals(struct metric *metric, unsigned decimals);
/* Adds to a 128-bit sum at scale 6, which from then on is the series' value. Gauges: it may shrink.
 */
void metric_add_amount(struct metric *metric, struct amount amount);
/* The same at scale 10; a series is one or the other. */
void metric_add_measure(struct metric *metric, struct measure measure);
/* Takes a gauge off the page and out of the text until it is set again: a partition that went to
 * another process must not stand there with its last value. */
void metric_hide(struct metric *metric);

int64_t metric_value(const struct metric *metric);
/* Of a sum; one of measures is rounded, half-even. */
struct amount metric_amount(const struct metric *metric);
/* The value as it is written: an amount or the integer with its decimals. Size without NUL. */
size_t metric_format(const struct metric *metric, char to[DECIMAL_TEXT_SIZE]);

/* A histogram with fixed bounds, ascending, in the unit of the observations; as written, bounds and
 * sum are divided by 10^decimals: observe milliseconds, 3 decimals, name it _seconds. */
#define METRIC_BOUND_COUNT_MAX 24
struct metric *metric_histogram_get(const char *name, const char *help, const char *labels,
                                    const int64_t *bounds, size_t bound_count, unsigned decimals);
void metric_observe(struct metric *histogram, int64_t value);
int64_t metric_histogram_count(const struct metric *histogram);
int64_t metric_histogram_sum(const struct metric *histogram);
/* The lowest bound that at least `percent` of the observations do not exceed; −1: none does, or
 * nothing was observed. In the unit of the observations. */
int64_t metric_histogram_bound(const struct metric *histogram, unsigned percent);
/* Decimals of the value as written; of a histogram, those of its bounds. */
unsigned metric_decimals(const struct metric *metric);

/* Appends `key="value"`, behind a comma if something is there already; the value is escaped, bytes
 * that are not UTF-8 become U+FFFD. */
void metric_append_label(struct buffer *labels, const char *key, struct text value);
/* The value of a label, unescaped, appended to `to`. false: there is no such label. */
bool metric_label(const char *labels, const char *key, struct buffer *to);

/* Prometheus text exposition format 0.0.4, series grouped by name with HELP and TYPE. */
void metrics_append_text(struct buffer *to);

/* Calls back for each series of a name that is not hidden, in registration order. */
void metrics_each(const char *name,
                  void (*visit)(void *context, const char *labels, const struct metric *metric),
                  void *context);

#endif
