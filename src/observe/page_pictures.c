/* What is drawn: where the lines went, and lag and throughput over the last minutes. SVG with
 * attributes only; colours come from the style sheet. */
#include "page.h"

#include "accrued/require.h"
#include "history.h"

#define BAR_WIDTH 1000
#define CHART_HEIGHT 90
#define SPARK_HEIGHT 24

struct outcome {
    const char *label; /* of accrued_lines_total */
    const char *word;
};

/* The ways a line can go, in the order in which the bar shows them. */
static const struct outcome outcomes[] = {
    {"posted", "posted"},   {"unchanged", "unchanged"},         {"stale", "stale"},
    {"skipped", "skipped"}, {"dead_lettered", "dead-lettered"},
};
#define OUTCOME_COUNT (sizeof outcomes / sizeof outcomes[0])

static void append_bar(struct buffer *to, const int128 counts[OUTCOME_COUNT], int128 total) {
    buffer_append_format(to,
                         "<svg class=\"bar\" viewBox=\"0 0 %d 10\" preserveAspectRatio=\"none\" "
                         "aria-hidden=\"true\">",
                         BAR_WIDTH);
    int128 before = 0;
    for (size_t i = 0; i < OUTCOME_COUNT && total > 0; i++) {
        int from = (int)(before * BAR_WIDTH / total);
        before += counts[i];
        int width = (int)(before * BAR_WIDTH / total) - from;
        /* A single dead letter among a million must be seen. */
        width = counts[i] > 0 && width < 3 ? 3 : width;
        from = from + width > BAR_WIDTH ? BAR_WIDTH - width : from;
        if (counts[i] > 0) {
            buffer_append_format(to, "<rect class=\"p%zu\" x=\"%d\" width=\"%d\" height=\"10\"/>",
                                 i, from, width);
        }
    }
    buffer_append_string(to, "</svg>\n");
}

/* The revenue behind the count. */
static void append_unclassified(struct buffer *to, struct arena *arena) {
    struct page_rows billed = page_rows(arena, "accrued_unclassified_amount", "currency", NULL);
    for (size_t i = 0; i < billed.count; i++) {
        buffer_append_string(to, i == 0 ? "; billed on them: " : ", ");
        page_append_amount(to, billed.items[i].value);
        buffer_append_byte(to, ' ');
        page_append_escaped(to, billed.items[i].keys[0]);
    }
}

void page_append_flow(struct buffer *to, struct arena *arena) {
    struct page_rows rows = page_rows(arena, "accrued_lines_total", "outcome", NULL);
    int128 counts[OUTCOME_COUNT];
    int128 lines_in = 0;
    int128 total = page_rows_total(rows);
    (void)page_value("accrued_lines_in_total", &lines_in);
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        const struct page_row *row = page_row_find(rows, text_of(outcomes[i].label), text_null());
        counts[i] = row == NULL ? 0 : row->value;
    }
    page_append_heading(to, "flow", "Where the lines went");
    append_bar(to, counts, total);
    buffer_append_string(to, "<ul class=\"key\">\n");
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        buffer_append_format(to, "<li><span class=\"p%zu\"></span>", i);
        page_append_integer(to, counts[i]);
        buffer_append_format(to, " <em>%s</em></li>\n", outcomes[i].word);
    }
    buffer_append_string(to, "</ul>\n<p class=\"sum\">");
    /* Counted at commit, so lines of an open batch are in and have no outcome yet. */
    if (lines_in == total && total == 0) {
        buffer_append_string(to, "No line has come in yet.");
    } else if (lines_in == total) {
        buffer_append_string(to, "Every line that came in has an outcome.");
    } else {
        bool is_open = lines_in > total;
        buffer_append_string(to, is_open ? "" : "<strong class=\"bad\">");
        page_append_integer(to, is_open ? lines_in - total : total - lines_in);
        buffer_append_string(to, is_open ? " in and not yet committed."
                                         : " more outcomes than lines: a bug.</strong>");
    }
    int128 unclassified = 0;
    if (page_value("accrued_unclassified_lines_total", &unclassified) && unclassified > 0) {
        buffer_append_byte(to, ' ');
        page_append_integer(to, unclassified);
        buffer_append_string(to, " matched no rule of the catalog");
        append_unclassified(to, arena);
        buffer_append_byte(to, '.');
    }
    buffer_append_string(to, "</p>\n</section>\n");
}

/* "x,y x,y …" in tenths of a unit; y from the top of a picture of this height. Where a value is not
 * known the line is broken. */
static void append_path(struct buffer *to, const int64_t *values, size_t count, int64_t most,
                        int height) {
    size_t first = HISTORY_SAMPLE_COUNT - count;
    bool is_down = false;
    for (size_t i = 0; i < count; i++) {
        if (values[i] >= 0) {
            int64_t y =
                INT64_C(10) * height - (int64_t)((int128)values[i] * (height - 2) * 10 / most);
            buffer_append_format(to, "%c%zu,%lld.%lld", is_down ? 'L' : 'M', first + i,
                                 (long long)(y / 10), (long long)(y % 10));
        }
        is_down = values[i] >= 0;
    }
}

static int64_t partition_number(struct text partition) {
    int64_t number = -1;
    return text_to_int64(partition, &number) && number >= 0 && number <= INT32_MAX ? number : -1;
}

int64_t page_spark_scale(struct page_rows partitions) {
    int64_t most = 1;
    int64_t values[HISTORY_SAMPLE_COUNT];
    for (size_t i = 0; i < partitions.count; i++) {
        int64_t number = partition_number(partitions.items[i].keys[0]);
        size_t count = number < 0 ? 0 : history_copy_partition((int32_t)number, values);
        for (size_t j = 0; j < count; j++) {
            most = values[j] > most ? values[j] : most;
        }
    }
    return most;
}

void page_append_spark(struct buffer *to, struct text partition, int64_t most) {
    int64_t values[HISTORY_SAMPLE_COUNT];
    int64_t number = partition_number(partition);
    size_t count = number < 0 ? 0 : history_copy_partition((int32_t)number, values);
    int64_t peak = 0;
    for (size_t i = 0; i < count; i++) {
        peak = values[i] > peak ? values[i] : peak;
    }
    if (count == 0) {
        buffer_append_string(to, "–");
        return;
    }
    buffer_append_format(to,
                         "<svg class=\"spark\" viewBox=\"0 0 %d %d\" "
                         "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"at most %lld "
                         "lines in five minutes\"><path class=\"base\" d=\"M0,%dH%d\"/>"
                         "<path class=\"line\" d=\"",
                         HISTORY_SAMPLE_COUNT - 1, SPARK_HEIGHT + 1, (long long)peak, SPARK_HEIGHT,
                         HISTORY_SAMPLE_COUNT - 1);
    append_path(to, values, count, most, SPARK_HEIGHT);
    buffer_append_string(to, "\"/></svg>");
}

static void append_points(struct buffer *to, const int64_t *values, size_t count, int64_t most) {
    size_t first = HISTORY_SAMPLE_COUNT - count;
    for (size_t i = 0; i < count; i++) {
        int64_t value = values[i] < 0 ? 0 : values[i];
        /* Tenths of a pixel, from the top. */
        int64_t y =
            INT64_C(10) * CHART_HEIGHT - (int64_t)((int128)value * (CHART_HEIGHT - 4) * 10 / most);
        buffer_append_format(to, "%zu,%lld.%lld ", first + i, (long long)(y / 10),
                             (long long)(y % 10));
    }
}

static void append_chart(struct buffer *to, const char *title, const char *unit,
                         const int64_t *values, size_t count) {
    int64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most = values[i] > most ? values[i] : most;
    }
    int64_t scale = most == 0 ? 1 : most;
    size_t first = HISTORY_SAMPLE_COUNT - count;
    buffer_append_format(to,
                         "<figure>\n<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
                         "role=\"img\" aria-label=\"%s over the last five minutes\">"
                         "<path class=\"grid\" d=\"M0,4H%dM0,%dH%dM0,%dH%d\"/>"
                         "<polygon class=\"area\" points=\"%zu,%d ",
                         HISTORY_SAMPLE_COUNT - 1, CHART_HEIGHT + 2, title,
                         HISTORY_SAMPLE_COUNT - 1, CHART_HEIGHT / 2 + 2, HISTORY_SAMPLE_COUNT - 1,
                         CHART_HEIGHT, HISTORY_SAMPLE_COUNT - 1, first, CHART_HEIGHT);
    append_points(to, values, count, scale);
    buffer_append_format(to, "%d,%d\"/><polyline class=\"line\" points=\"",
                         HISTORY_SAMPLE_COUNT - 1, CHART_HEIGHT);
    append_points(to, values, count, scale);
    buffer_append_string(to, "\"/></svg>\n<figcaption><span>5 min ago</span><span>most ");
    page_append_integer(to, most);
    buffer_append_format(to, " %s</span><span>now ", unit);
    page_append_integer(to, values[count - 1] < 0 ? 0 : values[count - 1]);
    buffer_append_string(to, "</span></figcaption>\n</figure>\n");
}

void page_append_history(struct buffer *to) {
    struct history_sample samples[HISTORY_SAMPLE_COUNT];
    int64_t lag[HISTORY_SAMPLE_COUNT];
    int64_t rate[HISTORY_SAMPLE_COUNT];
    size_t count = history_copy(samples);
    if (count < 2) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        lag[i] = samples[i].lag_lines;
        rate[i] = i == 0 ? 0 : samples[i].lines_in - samples[i - 1].lines_in;
    }
    buffer_append_string(to, "<div class=\"pair\">\n");
    page_append_heading(to, "lag", "Lag, lines");
    append_chart(to, "Lag in lines", "lines", lag, count);
    buffer_append_string(to, "</section>\n");
    page_append_heading(to, "rate", "Throughput, lines a second");
    append_chart(to, "Throughput in lines a second", "a second", rate + 1, count - 1);
    buffer_append_string(to, "</section>\n</div>\n");
}
