/* How the machine does: transactions, restore, reference cache, process. */
#include "page.h"

#include "accrued/require.h"

static void append_term(struct buffer *to, const char *term) {
    buffer_append_format(to, "<dt>%s</dt><dd>", term);
}

static void append_count(struct buffer *to, const char *term, const char *name) {
    int128 value = 0;
    append_term(to, term);
    if (page_value(name, &value)) {
        page_append_integer(to, value);
    } else {
        buffer_append_string(to, "–");
    }
    buffer_append_string(to, "</dd>\n");
}

static void append_size(struct buffer *to, const char *term, const char *name) {
    int128 value = 0;
    append_term(to, term);
    if (page_value(name, &value)) {
        page_append_bytes(to, value);
    } else {
        buffer_append_string(to, "–");
    }
    buffer_append_string(to, "</dd>\n");
}

static void append_age(struct buffer *to, const char *term, const char *name) {
    int64_t ms = -1;
    append_term(to, term);
    (void)page_longest_ms(name, &ms);
    page_append_duration(to, ms);
    buffer_append_string(to, ms < 0 ? "" : " ago");
    buffer_append_string(to, "</dd>\n");
}

/* Mean, and the bound that 99 of 100 keep. */
static void append_spread(struct buffer *to, const char *term, const char *name, bool is_time) {
    const struct metric *histogram = page_histogram(name);
    int64_t count = histogram == NULL ? 0 : metric_histogram_count(histogram);
    append_term(to, term);
    if (count == 0) {
        buffer_append_string(to, "–</dd>\n");
        return;
    }
    int64_t mean = metric_histogram_sum(histogram) / count;
    int64_t bound = metric_histogram_bound(histogram, 99);
    if (is_time) {
        page_append_duration(to, mean);
    } else {
        page_append_integer(to, mean);
    }
    if (bound >= 0) {
        buffer_append_string(to, ", 99 % ≤ ");
        if (is_time) {
            page_append_duration(to, bound);
        } else {
            page_append_integer(to, bound);
        }
    }
    buffer_append_string(to, "</dd>\n");
}

/* Partitions on their way: since when, how much of the local file has been read, and how much of
 * the ledger's topic is to be. */
static void append_restoring(struct buffer *to, struct arena *arena) {
    struct page_rows since = page_rows(arena, "accrued_restore_seconds", "partition", NULL);
    struct page_rows files = page_rows(arena, "accrued_restore_file_ratio", "partition", NULL);
    struct page_rows left =
        page_rows(arena, "accrued_restore_remaining_offsets", "partition", NULL);
    for (size_t i = 0; i < since.count; i++) {
        struct text partition = since.items[i].keys[0];
        const struct page_row *file = page_row_find(files, partition, text_null());
        const struct page_row *offsets = page_row_find(left, partition, text_null());
        if (since.items[i].value <= 0) {
            continue;
        }
        append_term(to, "Being restored");
        buffer_append_string(to, "partition ");
        page_append_escaped(to, partition);
        buffer_append_string(to, ", for ");
        page_append_duration(to, (int64_t)since.items[i].value);
        if (file != NULL && file->value < 1000) {
            buffer_append_format(to, ", of its file read: %lld %%", (long long)file->value / 10);
        }
        if (offsets != NULL && offsets->value > 0) {
            buffer_append_string(to, ", records to read: ");
            page_append_integer(to, offsets->value);
        }
        buffer_append_string(to, "</dd>\n");
    }
}

/* "ILLEGAL_GENERATION 2" … of those that have happened. */
static void append_aborts(struct buffer *to, struct arena *arena) {
    struct page_rows aborts = page_rows(arena, "accrued_transaction_aborts_total", "reason", NULL);
    for (size_t i = 0; i < aborts.count; i++) {
        if (aborts.items[i].value > 0) {
            buffer_append_string(to, "<dt>Aborted: <code>");
            page_append_breakable(to, aborts.items[i].keys[0]);
            buffer_append_string(to, "</code></dt><dd>");
            page_append_integer(to, aborts.items[i].value);
            buffer_append_string(to, "</dd>\n");
        }
    }
}

void page_append_transactions(struct buffer *to, struct arena *arena) {
    page_append_heading(to, "batches", "Transactions and lanes");
    buffer_append_string(to, "<dl>\n");
    append_spread(to, "Transaction, mean", "accrued_transaction_seconds", true);
    append_spread(to, "Lines in a batch, mean", "accrued_batch_lines", false);
    append_aborts(to, arena);
    append_count(to, "Lanes rebuilt", "accrued_lane_rebuilds_total");
    append_count(to, "Rebalances", "accrued_rebalances_total");
    append_size(to, "Resident memory", "process_resident_memory_bytes");
    buffer_append_string(to, "</dl>\n</section>\n");
}

static void append_ledger(struct buffer *to, struct arena *arena) {
    page_append_heading(to, "ledger", "Ledger and rating again");
    buffer_append_string(to, "<dl>\n");
    append_count(to, "Ledger lines", "accrued_ledger_lines");
    append_size(to, "Ledger size", "accrued_ledger_bytes");
    append_count(to, "Ledger blocks restored", "accrued_restore_blocks");
    append_restoring(to, arena);
    append_count(to, "Requests to rate again", "accrued_rerate_requests_pending");
    append_count(to, "Lines rated again", "accrued_rerate_lines_total");
    append_count(to, "… that could not be", "accrued_rerate_unrated_total");
    buffer_append_string(to, "</dl>\n</section>\n");
}

static void append_reference(struct buffer *to) {
    int128 hits = 0;
    int128 misses = 0;
    page_append_heading(to, "reference", "Reference cache");
    buffer_append_string(to, "<dl>\n");
    append_count(to, "Hits", "accrued_reference_hits_total");
    append_count(to, "Misses", "accrued_reference_misses_total");
    (void)page_value("accrued_reference_hits_total", &hits);
    (void)page_value("accrued_reference_misses_total", &misses);
    append_term(to, "Answered from the cache");
    page_append_share(to, hits, hits + misses);
    buffer_append_string(to, "</dd>\n");
    append_count(to, "Round trips to Redis", "accrued_reference_round_trips_total");
    append_count(to, "Entries", "accrued_reference_entries");
    append_size(to, "Size", "accrued_reference_bytes");
    append_age(to, "Last known to be right", "accrued_reference_fresh_age_seconds");
    append_count(to, "Connections lost", "accrued_reference_failures_total");
    buffer_append_string(to, "</dl>\n</section>\n");
}

void page_append_workings(struct buffer *to, struct arena *arena) {
    REQUIRE(to != NULL);
    append_reference(to);
    append_ledger(to, arena);
}
