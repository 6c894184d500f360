/* The partitions of this process: lag as a picture and as numbers, ledger, restore and re-rate. */
#include "page.h"

/* What is known of partitions, one list a column. */
struct columns {
    struct page_rows next;
    struct page_rows lag;
    struct page_rows age;
    struct page_rows event_age;
    struct page_rows held;
    struct page_rows lines;
    struct page_rows bytes;
    struct page_rows restoring;
    struct page_rows file;
    struct page_rows remaining;
    struct page_rows walked;
};

static const struct page_row *find(struct page_rows rows, struct text partition) {
    return page_row_find(rows, partition, text_null());
}

static int64_t value_of(struct page_rows rows, struct text partition) {
    const struct page_row *row = find(rows, partition);
    return row == NULL ? 0 : (int64_t)row->value;
}

static void append_age_cell(struct buffer *to, const struct page_row *row) {
    buffer_append_string(to, "<td>");
    page_append_duration(to, row == NULL ? -1 : (int64_t)row->value);
    buffer_append_string(to, "</td>");
}

/* What the partition is at. */
static void append_state(struct buffer *to, const struct columns *columns, struct text partition) {
    int64_t restoring_ms = value_of(columns->restoring, partition);
    const struct page_row *file = find(columns->file, partition);
    int64_t walked = value_of(columns->walked, partition);
    buffer_append_string(to, "<td class=\"left doing\">");
    if (restoring_ms > 0) {
        buffer_append_string(to, "<b class=\"warn\">restoring</b> ");
        if (file != NULL && file->value < 1000) {
            buffer_append_format(to, "from its file, %lld %%, ", (long long)file->value / 10);
        } else {
            page_append_integer(to, value_of(columns->remaining, partition));
            buffer_append_string(to, " left, ");
        }
        page_append_duration(to, restoring_ms);
    } else if (find(columns->walked, partition) != NULL && walked < 1000) {
        buffer_append_format(to,
                             "rating again <progress max=\"1000\" value=\"%lld\" "
                             "aria-label=\"rating again\"></progress> %lld %%",
                             (long long)walked, (long long)(walked / 10));
    } else {
        buffer_append_string(to, "live");
    }
    buffer_append_string(to, "</td>");
}

static void append_partition(struct buffer *to, const struct columns *columns,
                             struct text partition, int64_t scale) {
    const struct page_row *bytes = find(columns->bytes, partition);
    const struct page_row *held = find(columns->held, partition);
    buffer_append_string(to, "<tr><th scope=\"row\">");
    page_append_escaped(to, partition);
    buffer_append_string(to, "</th><td class=\"picture\">");
    page_append_spark(to, partition, scale);
    buffer_append_string(to, "</td>");
    page_append_count_cell(to, find(columns->lag, partition));
    append_age_cell(to, find(columns->age, partition));
    append_age_cell(to, find(columns->event_age, partition));
    buffer_append_string(to, held != NULL && held->value > 0 ? "<td class=\"warn\">" : "<td>");
    if (held != NULL) {
        page_append_integer(to, held->value);
    }
    buffer_append_string(to, "</td>");
    page_append_count_cell(to, find(columns->next, partition));
    page_append_count_cell(to, find(columns->lines, partition));
    buffer_append_string(to, "<td>");
    if (bytes != NULL) {
        page_append_bytes(to, bytes->value);
    }
    buffer_append_string(to, "</td>");
    append_state(to, columns, partition);
    buffer_append_string(to, "</tr>\n");
}

static struct page_rows column(struct arena *arena, const char *name) {
    return page_rows(arena, name, "partition", NULL);
}

static void append_sum(struct buffer *to, const char *topic, int64_t scale) {
    buffer_append_string(to, "<p class=\"sum\">Topic ");
    page_append_escaped(to, text_of(topic));
    buffer_append_string(to, ". Lag counts up to the last stable offset; held back is what an open "
                             "transaction of its writer hides from every reader. The pictures "
                             "share one scale, up to ");
    page_append_integer(to, scale);
    buffer_append_string(to, scale == 1 ? " line.</p>\n</section>\n" : " lines.</p>\n</section>\n");
}

void page_append_partitions(struct buffer *to, struct arena *arena, const char *topic) {
    struct columns columns = {
        .next = column(arena, "accrued_partition_next_offset"),
        .lag = column(arena, "accrued_partition_lag_lines"),
        .age = column(arena, "accrued_partition_lag_seconds"),
        .event_age = column(arena, "accrued_partition_event_lag_seconds"),
        .held = column(arena, "accrued_partition_lag_blocked_lines"),
        .lines = column(arena, "accrued_ledger_lines"),
        .bytes = column(arena, "accrued_ledger_bytes"),
        .restoring = column(arena, "accrued_restore_seconds"),
        .file = column(arena, "accrued_restore_file_ratio"),
        .remaining = column(arena, "accrued_restore_remaining_offsets"),
        .walked = column(arena, "accrued_rerate_progress_ratio"),
    };
    page_append_heading(to, "partitions", "Partitions of this process");
    /* Ledgers come with the assignment; the rest follows. */
    struct page_rows known = columns.lines.count > 0 ? columns.lines : columns.next;
    if (known.count == 0) {
        buffer_append_string(to, "<p class=\"none\">None assigned.</p>\n</section>\n");
        return;
    }
    int64_t scale = page_spark_scale(known);
    page_table_begin(to, "Partitions",
                     "<th scope=\"col\">Partition</th>"
                     "<th scope=\"col\" class=\"left\">Lag, five minutes</th>"
                     "<th scope=\"col\">Lag</th><th scope=\"col\">Oldest</th>"
                     "<th scope=\"col\">By event time</th><th scope=\"col\">Held back</th>"
                     "<th scope=\"col\">Next offset</th><th scope=\"col\">Ledger lines</th>"
                     "<th scope=\"col\">Ledger size</th>"
                     "<th scope=\"col\" class=\"left\">State</th>");
    for (size_t i = 0; i < known.count; i++) {
        append_partition(to, &columns, known.items[i].keys[0], scale);
    }
    page_table_end(to);
    append_sum(to, topic, scale);
}
