#include "accrued/metrics.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

static void assert_text(const char *wanted) {
    struct buffer text;
    buffer_init(&text);
    metrics_append_text(&text);
    buffer_append_byte(&text, 0);
    cr_assert_str_eq((const char *)text.data, wanted);
    buffer_release(&text);
}

Test(metrics, text_format) {
    struct metric *posted =
        metric_get("lines_total", METRIC_COUNTER, "Lines\nby \\outcome.", "outcome=\"posted\"");
    struct metric *lag = metric_get("lag_seconds", METRIC_GAUGE, "Lag.", "");
    struct metric *stale =
        metric_get("lines_total", METRIC_COUNTER, "Lines\nby \\outcome.", "outcome=\"stale\"");
    cr_assert_eq(posted, metric_get("lines_total", METRIC_COUNTER, "", "outcome=\"posted\""));
    metric_set_decimals(lag, 3);
    metric_set(lag, 1500);
    metric_add(posted, 41);
    metric_add(posted, 1);
    metric_add(stale, 7);
    assert_text("# HELP lines_total Lines\\nby \\\\outcome.\n"
                "# TYPE lines_total counter\n"
                "lines_total{outcome=\"posted\"} 42\n"
                "lines_total{outcome=\"stale\"} 7\n"
                "# HELP lag_seconds Lag.\n"
                "# TYPE lag_seconds gauge\n"
                "lag_seconds 1.5\n");
    cr_assert_eq(metric_value(posted), 42);
}

Test(metrics, money_is_exact_beyond_64_bits) {
    struct metric *sum = metric_get("amount", METRIC_GAUGE, "Money.", "currency=\"USD\"");
    int128 units = (int128)INT64_MAX * 1000;
    metric_add_amount(sum, (struct amount){units});
    metric_add_amount(sum, (struct amount){1});
    metric_add_amount(sum, (struct amount){units});
    metric_add_amount(sum, (struct amount){-2});
    cr_assert(metric_amount(sum).units == units * 2 - 1);
    char text[DECIMAL_TEXT_SIZE];
    metric_format(sum, text);
    cr_assert_str_eq(text, "18446744073709551.613999");
}

Test(metrics, hidden_series_leave_the_text_until_set_again) {
    struct metric *zero = metric_get("lag_lines", METRIC_GAUGE, "Lag.", "partition=\"0\"");
    struct metric *one = metric_get("lag_lines", METRIC_GAUGE, "Lag.", "partition=\"1\"");
    metric_set(zero, 5);
    metric_set(one, 6);
    metric_hide(zero);
    assert_text("# HELP lag_lines Lag.\n# TYPE lag_lines gauge\nlag_lines{partition=\"1\"} 6\n");
    metric_hide(one);
    assert_text("");
    metric_set(zero, 7);
    assert_text("# HELP lag_lines Lag.\n# TYPE lag_lines gauge\nlag_lines{partition=\"0\"} 7\n");
}

Test(metrics, histogram) {
    const int64_t bounds[] = {5, 100, 2500};
    struct metric *seconds = metric_histogram_get("t_seconds", "T.", "", bounds, 3, 3);
    const int64_t observed[] = {0, 5, 6, 100, 101, 2500, 2501, 9000};
    for (size_t i = 0; i < sizeof observed / sizeof observed[0]; i++) {
        metric_observe(seconds, observed[i]);
    }
    struct metric *lines = metric_histogram_get("b_lines", "B.", "lane=\"0\"", bounds, 1, 0);
    metric_observe(lines, 3);
    cr_assert_eq(metric_histogram_count(seconds), 8);
    cr_assert_eq(metric_histogram_sum(seconds), 14213);
    cr_assert_eq(metric_histogram_bound(seconds, 25), 5);
    cr_assert_eq(metric_histogram_bound(seconds, 26), 100);
    cr_assert_eq(metric_histogram_bound(seconds, 75), 2500);
    cr_assert_eq(metric_histogram_bound(seconds, 99), -1);
    assert_text("# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
                "t_seconds_bucket{le=\"0.005\"} 2\nt_seconds_bucket{le=\"0.1\"} 4\n"
                "t_seconds_bucket{le=\"2.5\"} 6\nt_seconds_bucket{le=\"+Inf\"} 8\n"
                "t_seconds_sum 14.213\nt_seconds_count 8\n"
                "# HELP b_lines B.\n# TYPE b_lines histogram\n"
                "b_lines_bucket{lane=\"0\",le=\"5\"} 1\nb_lines_bucket{lane=\"0\",le=\"+Inf\"} 1\n"
                "b_lines_sum{lane=\"0\"} 3\nb_lines_count{lane=\"0\"} 1\n");
}

Test(metrics, labels_escape_and_come_back) {
    struct buffer labels;
    struct buffer value;
    buffer_init(&labels);
    buffer_init(&value);
    metric_append_label(&labels, "program", TEXT("a\"b\\n\nc\xff é"));
    metric_append_label(&labels, "currency", TEXT("EUR"));
    buffer_append_byte(&labels, 0);
    const char *text = (const char *)labels.data;
    cr_assert_str_eq(text, "program=\"a\\\"b\\\\n\\nc\xef\xbf\xbd é\",currency=\"EUR\"");
    cr_assert_not_null(metric_get("x", METRIC_GAUGE, "X.", text));
    cr_assert(metric_label(text, "program", &value));
    cr_assert(text_equal(buffer_text(&value), TEXT("a\"b\\n\nc\xef\xbf\xbd é")));
    buffer_clear(&value);
    cr_assert(metric_label(text, "currency", &value));
    cr_assert(text_equal(buffer_text(&value), TEXT("EUR")));
    cr_assert(!metric_label(text, "curr", &value));
    cr_assert(!metric_label("", "currency", &value));
    buffer_release(&labels);
    buffer_release(&value);
}

static void sum_values(void *context, const char *labels, const struct metric *metric) {
    (void)labels;
    *(int64_t *)context += metric_value(metric);
}

#define THREAD_COUNT 8
#define ROUND_COUNT 20000

static void *add_many(void *context) {
    const int64_t bounds[] = {10, 20};
    for (int i = 0; i < ROUND_COUNT; i++) {
        char labels[32];
        (void)snprintf(labels, sizeof labels, "code=\"%d\"", i % 16);
        metric_add(metric_get("many_total", METRIC_COUNTER, "Many.", labels), 1);
        metric_add_amount(metric_get("many_amount", METRIC_GAUGE, "Many.", ""),
                          (struct amount){i % 2 == 0 ? 3 : -1});
        metric_observe(metric_histogram_get("many", "Many.", "", bounds, 2, 0), i % 30);
        if (i % 1000 == 0) {
            struct buffer text;
            buffer_init(&text);
            metrics_append_text(&text);
            buffer_release(&text);
        }
    }
    return context;
}

Test(metrics, many_threads) {
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        cr_assert(pthread_create(&threads[i], NULL, add_many, NULL) == 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    int64_t sum = 0;
    metrics_each("many_total", sum_values, &sum);
    cr_assert_eq(sum, THREAD_COUNT * ROUND_COUNT);
    metrics_each("never_registered", sum_values, &sum);
    cr_assert_eq(sum, THREAD_COUNT * ROUND_COUNT);
    struct metric *amount = metric_get("many_amount", METRIC_GAUGE, "Many.", "");
    cr_assert(metric_amount(amount).units == (int128)THREAD_COUNT * ROUND_COUNT);
    const int64_t bounds[] = {10, 20};
    struct metric *histogram = metric_histogram_get("many", "Many.", "", bounds, 2, 0);
    cr_assert_eq(metric_histogram_count(histogram), THREAD_COUNT * ROUND_COUNT);
}

Test(metrics, a_type_cannot_change, .signal = SIGABRT) {
    metric_get("m", METRIC_COUNTER, "M.", "");
    metric_get("m", METRIC_GAUGE, "M.", "");
}

Test(metrics, malformed_labels_are_a_bug, .signal = SIGABRT) {
    metric_get("m", METRIC_COUNTER, "M.", "a=\"b");
}
