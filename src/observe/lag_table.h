/* lag_table.h: what is known of each owned partition, and the lag that follows. For lag*.c only.
 *
 * Thread-safe; time is an argument. The gauges are set under the table's lock, so that a partition
 * that was given up cannot be shown again by a question that was on its way. */
#ifndef ACCRUED_OBSERVE_LAG_TABLE_H
#define ACCRUED_OBSERVE_LAG_TABLE_H

#include "accrued/metrics.h"
#include "history.h"

#include <pthread.h>

#define LAG_UNKNOWN (-1)

struct lag_entry {
    int32_t partition;
    int64_t next_offset; /* LAG_UNKNOWN until the first report */
    int64_t owned_ms;
    int64_t oldest_offset; /* of the line whose times follow; LAG_UNKNOWN: none is known */
    int64_t oldest_ms;
    int64_t oldest_event_ms;
    int64_t empty_until;   /* from next_offset up to here there are markers only, no line */
    int64_t ticked_next;   /* next_offset at the last tick: does it move? */
    int64_t drained_ms;    /* of the last answer that left nothing to do; LAG_UNKNOWN: none did */
    int64_t stable_offset; /* LAG_UNKNOWN until measured */
    int64_t high_watermark;
    int64_t measured_ms;
    struct metric *lag_lines;
    struct metric *blocked_lines;
    struct metric *lag_seconds;
    struct metric *event_lag_seconds;
    struct metric *next;
    struct metric *stable;
    struct metric *high;
};

struct lag_table {
    pthread_mutex_t lock;
    struct lag_entry *entries; /* by partition */
    size_t count;
    size_t capacity;
};

void lag_table_init(struct lag_table *table);
void lag_table_release(struct lag_table *table);

void lag_table_own(struct lag_table *table, int32_t partition, int64_t now_ms);
void lag_table_disown(struct lag_table *table, int32_t partition);
void lag_table_progress(struct lag_table *table, int32_t partition, int64_t next_offset,
                        int64_t now_ms);
/* The oldest unprocessed line. timestamp_ms LAG_UNKNOWN: there is no line below `offset`. */
void lag_table_oldest(struct lag_table *table, int32_t partition, int64_t offset,
                      int64_t timestamp_ms, int64_t event_time_ms, int64_t now_ms);
/* End offsets as asked at measured_ms; LAG_UNKNOWN leaves what was known. */
void lag_table_measured(struct lag_table *table, int32_t partition, int64_t stable_offset,
                        int64_t high_watermark, int64_t measured_ms);
/* Ages grow also while nothing is reported and nobody answers. */
void lag_table_tick(struct lag_table *table, int64_t now_ms);

/* Copies the owned partitions; the caller frees *ret_partitions. Returns how many. */
size_t lag_table_owned(struct lag_table *table, int32_t **ret_partitions);
int64_t lag_table_total(struct lag_table *table);

/* Lag by partition; the caller frees *ret_lags. Returns how many. */
size_t lag_table_lags(struct lag_table *table, struct history_lag **ret_lags);

/* A partition in which lines wait that nobody has gathered, and where the first one stands. */
struct lag_question {
    int32_t partition;
    int64_t offset;
};
/* At most `count`, of partitions that have not moved since the last tick. */
size_t lag_table_questions(struct lag_table *table, struct lag_question *to, size_t count);

#endif
