#include "lag_table.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>

void lag_table_init(struct lag_table *table) {
    *table = (struct lag_table){.count = 0};
    REQUIRE(pthread_mutex_init(&table->lock, NULL) == 0);
}

static struct metric *partition_gauge(const char *name, const char *help, int32_t partition) {
    char labels[32];
    (void)snprintf(labels, sizeof labels, "partition=\"%d\"", partition);
    return metric_get(name, METRIC_GAUGE, help, labels);
}

static void entry_hide(const struct lag_entry *entry) {
    metric_hide(entry->lag_lines);
    metric_hide(entry->blocked_lines);
    metric_hide(entry->lag_seconds);
    metric_hide(entry->event_lag_seconds);
    metric_hide(entry->next);
    metric_hide(entry->stable);
    metric_hide(entry->high);
}

void lag_table_release(struct lag_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        entry_hide(&table->entries[i]);
    }
    free(table->entries);
    pthread_mutex_destroy(&table->lock);
}

/* Where the partition stands or belongs. Under the lock, as all that follow. */
static size_t entry_place(const struct lag_table *table, int32_t partition) {
    size_t at = 0;
    while (at < table->count && table->entries[at].partition < partition) {
        at++;
    }
    return at;
}

static struct lag_entry *entry_find(struct lag_table *table, int32_t partition) {
    size_t at = entry_place(table, partition);
    bool found = at < table->count && table->entries[at].partition == partition;
    return found ? &table->entries[at] : NULL;
}

static int64_t entry_lag(const struct lag_entry *entry) {
    if (entry->stable_offset == LAG_UNKNOWN || entry->next_offset == LAG_UNKNOWN) {
        return LAG_UNKNOWN;
    }
    /* A report may be newer than the last answer. */
    return entry->stable_offset > entry->next_offset ? entry->stable_offset - entry->next_offset
                                                     : 0;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Are the times of the oldest line those of a line that is still unprocessed? */
static bool oldest_is_known(const struct lag_entry *entry) {
    return entry->oldest_offset != LAG_UNKNOWN && entry->oldest_offset >= entry->next_offset;
}

static void entry_show_offsets(const struct lag_entry *entry) {
    if (entry->next_offset != LAG_UNKNOWN) {
        metric_set(entry->next, entry->next_offset);
    }
    if (entry->stable_offset != LAG_UNKNOWN) {
        metric_set(entry->stable, entry->stable_offset);
    }
    if (entry->high_watermark != LAG_UNKNOWN) {
        metric_set(entry->high, entry->high_watermark);
    }
    if (entry->stable_offset != LAG_UNKNOWN && entry->high_watermark != LAG_UNKNOWN) {
        metric_set(entry->blocked_lines, entry->high_watermark - entry->stable_offset);
    }
}

/* Brings the gauges in line with the entry. */
static void entry_show(struct lag_entry *entry, int64_t now_ms) {
    int64_t lag = entry_lag(entry);
    entry_show_offsets(entry);
    if (lag == LAG_UNKNOWN) {
        return;
    }
    metric_set(entry->lag_lines, lag);
    if (lag == 0 || entry->empty_until >= entry->stable_offset) {
        entry->drained_ms = entry->measured_ms;
        if (!oldest_is_known(entry)) {
            entry->oldest_offset = LAG_UNKNOWN;
        }
        metric_set(entry->lag_seconds, 0);
        metric_set(entry->event_lag_seconds, 0);
        return;
    }
    /* Of a line that was passed a moment ago: the next is not older. What waits and was not seen
     * yet came after the answer that said "drained". */
    bool was_seen = entry->oldest_offset != LAG_UNKNOWN;
    int64_t since_ms = was_seen                           ? entry->oldest_ms
                       : entry->drained_ms != LAG_UNKNOWN ? entry->drained_ms
                                                          : entry->owned_ms;
    int64_t event_ms =
        was_seen && entry->oldest_event_ms != LAG_UNKNOWN ? entry->oldest_event_ms : since_ms;
    metric_set(entry->lag_seconds, larger(now_ms - since_ms, 0));
    metric_set(entry->event_lag_seconds, larger(now_ms - event_ms, 0));
}

void lag_table_own(struct lag_table *table, int32_t partition, int64_t now_ms) {
    REQUIRE(partition >= 0);
    pthread_mutex_lock(&table->lock);
    struct lag_entry *entry = entry_find(table, partition);
    if (entry == NULL) {
        if (table->count == table->capacity) {
            table->capacity = table->capacity == 0 ? 16 : table->capacity * 2;
            table->entries = realloc(table->entries, table->capacity * sizeof *table->entries);
            REQUIRE(table->entries != NULL);
        }
        size_t at = entry_place(table, partition);
        entry = &table->entries[at];
        memmove(entry + 1, entry, (table->count - at) * sizeof *entry);
        table->count++;
    }
    *entry = (struct lag_entry){
        .partition = partition,
        .next_offset = LAG_UNKNOWN,
        .oldest_offset = LAG_UNKNOWN,
        .empty_until = LAG_UNKNOWN,
        .ticked_next = LAG_UNKNOWN,
        .owned_ms = now_ms,
        .drained_ms = LAG_UNKNOWN,
        .stable_offset = LAG_UNKNOWN,
        .high_watermark = LAG_UNKNOWN,
        .lag_lines = partition_gauge("accrued_partition_lag_lines",
                                     "Lines behind: last stable offset - next offset; 0 when "
                                     "drained.",
                                     partition),
        .blocked_lines =
            partition_gauge("accrued_partition_lag_blocked_lines",
                            "High watermark - last stable offset: what an open transaction of the "
                            "input's writer holds back.",
                            partition),
        .lag_seconds =
            partition_gauge("accrued_partition_lag_seconds",
                            "Age of the oldest unprocessed line by its record's timestamp; 0 when "
                            "drained.",
                            partition),
        .event_lag_seconds = partition_gauge(
            "accrued_partition_event_lag_seconds",
            "Age of the oldest unprocessed line by its event_time; 0 when drained.", partition),
        .next = partition_gauge("accrued_partition_next_offset",
                                "Next offset of the input to process.", partition),
        .stable = partition_gauge("accrued_partition_last_stable_offset",
                                  "End of what a read_committed reader may see.", partition),
        .high = partition_gauge("accrued_partition_high_watermark",
                                "End of the input. Above the last stable offset: an open "
                                "transaction of its writer.",
                                partition),
    };
    metric_set_decimals(entry->lag_seconds, 3);
    metric_set_decimals(entry->event_lag_seconds, 3);
    entry_hide(entry);
    pthread_mutex_unlock(&table->lock);
}

void lag_table_disown(struct lag_table *table, int32_t partition) {
    pthread_mutex_lock(&table->lock);
    struct lag_entry *entry = entry_find(table, partition);
    if (entry != NULL) {
        entry_hide(entry);
        size_t at = (size_t)(entry - table->entries);
        memmove(entry, entry + 1, (table->count - at - 1) * sizeof *entry);
        table->count--;
    }
    pthread_mutex_unlock(&table->lock);
}

void lag_table_progress(struct lag_table *table, int32_t partition, int64_t next_offset,
                        int64_t now_ms) {
    REQUIRE(next_offset >= 0);
    pthread_mutex_lock(&table->lock);
    struct lag_entry *entry = entry_find(table, partition);
    if (entry != NULL) {
        entry->next_offset = next_offset;
        entry_show(entry, now_ms);
    }
    pthread_mutex_unlock(&table->lock);
}

void lag_table_oldest(struct lag_table *table, int32_t partition, int64_t offset,
                      int64_t timestamp_ms, int64_t event_time_ms, int64_t now_ms) {
    REQUIRE(offset >= 0);
    pthread_mutex_lock(&table->lock);
    struct lag_entry *entry = entry_find(table, partition);
    if (entry != NULL && timestamp_ms == LAG_UNKNOWN && event_time_ms == LAG_UNKNOWN) {
        entry->empty_until = offset;
        entry_show(entry, now_ms);
    } else if (entry != NULL) {
        entry->oldest_offset = offset;
        entry->oldest_ms = timestamp_ms;
        entry->oldest_event_ms = event_time_ms;
        entry_show(entry, now_ms);
    }
    pthread_mutex_unlock(&table->lock);
}

void lag_table_measured(struct lag_table *table, int32_t partition, int64_t stable_offset,
                        int64_t high_watermark, int64_t measured_ms) {
    pthread_mutex_lock(&table->lock);
    struct lag_entry *entry = entry_find(table, partition);
    if (entry != NULL) {
        if (stable_offset >= 0) {
            entry->stable_offset = stable_offset;
            entry->measured_ms = measured_ms;
        }
        entry->high_watermark = high_watermark >= 0 ? high_watermark : entry->high_watermark;
        /* Asked one after the other: the second answer may be newer, never older than the first. */
        entry->high_watermark = larger(entry->high_watermark, entry->stable_offset);
        entry_show(entry, measured_ms);
    }
    pthread_mutex_unlock(&table->lock);
}

void lag_table_tick(struct lag_table *table, int64_t now_ms) {
    pthread_mutex_lock(&table->lock);
    for (size_t i = 0; i < table->count; i++) {
        table->entries[i].ticked_next = table->entries[i].next_offset;
        entry_show(&table->entries[i], now_ms);
    }
    pthread_mutex_unlock(&table->lock);
}

size_t lag_table_owned(struct lag_table *table, int32_t **ret_partitions) {
    pthread_mutex_lock(&table->lock);
    size_t count = table->count;
    int32_t *partitions = calloc(count + 1, sizeof *partitions);
    REQUIRE(partitions != NULL);
    for (size_t i = 0; i < count; i++) {
        partitions[i] = table->entries[i].partition;
    }
    pthread_mutex_unlock(&table->lock);
    *ret_partitions = partitions;
    return count;
}

int64_t lag_table_total(struct lag_table *table) {
    pthread_mutex_lock(&table->lock);
    int64_t total = table->count == 0 ? LAG_UNKNOWN : 0;
    for (size_t i = 0; i < table->count && total != LAG_UNKNOWN; i++) {
        int64_t lag = entry_lag(&table->entries[i]);
        total = lag == LAG_UNKNOWN ? LAG_UNKNOWN : total + lag;
    }
    pthread_mutex_unlock(&table->lock);
    return total;
}

size_t lag_table_lags(struct lag_table *table, struct history_lag **ret_lags) {
    pthread_mutex_lock(&table->lock);
    size_t count = table->count;
    struct history_lag *lags = calloc(count + 1, sizeof *lags);
    REQUIRE(lags != NULL);
    for (size_t i = 0; i < count; i++) {
        lags[i] = (struct history_lag){table->entries[i].partition, entry_lag(&table->entries[i])};
    }
    pthread_mutex_unlock(&table->lock);
    *ret_lags = lags;
    return count;
}

size_t lag_table_questions(struct lag_table *table, struct lag_question *to, size_t count) {
    size_t found = 0;
    pthread_mutex_lock(&table->lock);
    for (size_t i = 0; i < table->count && found < count; i++) {
        const struct lag_entry *entry = &table->entries[i];
        if (entry_lag(entry) > 0 && entry->next_offset == entry->ticked_next &&
            !oldest_is_known(entry) && entry->empty_until < entry->stable_offset) {
            to[found++] = (struct lag_question){entry->partition, entry->next_offset};
        }
    }
    pthread_mutex_unlock(&table->lock);
    return found;
}
