#include "observe/history.h"
#include "observe/listener.h"
#include "observe/page.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* What a writer appended, as a string to be freed. */
static char *taken(struct buffer *buffer) {
    char *text = calloc(1, buffer->size + 1);
    memcpy(text, buffer->data, buffer->size);
    buffer_release(buffer);
    return text;
}

#define ASSERT_WRITES(wanted, call, ...)                                                           \
    do {                                                                                           \
        struct buffer buffer_;                                                                     \
        buffer_init(&buffer_);                                                                     \
        buffer_append_string(&buffer_, "");                                                        \
        call(&buffer_, __VA_ARGS__);                                                               \
        char *text_ = taken(&buffer_);                                                             \
        cr_assert_str_eq(text_, wanted);                                                           \
        free(text_);                                                                               \
    } while (0)

Test(page, numbers) {
    ASSERT_WRITES("0", page_append_integer, 0);
    ASSERT_WRITES("999", page_append_integer, 999);
    ASSERT_WRITES("1,000", page_append_integer, 1000);
    ASSERT_WRITES("−12,345,678", page_append_integer, -12345678);
    ASSERT_WRITES("0.00<i>0000</i>", page_append_amount, 0);
    ASSERT_WRITES("1,234.50<i>0000</i>", page_append_amount, 1234500000);
    ASSERT_WRITES("−0.000001", page_append_amount, -1);
    ASSERT_WRITES("9,999,999,999,999,999,999,999.999999", page_append_amount,
                  decimal_power_of_ten(28) - 1);
    ASSERT_WRITES("12.345<i>000</i>", page_append_amount, 12345000);
}

Test(page, times_sizes_shares) {
    ASSERT_WRITES("–", page_append_duration, -1);
    ASSERT_WRITES("0 s", page_append_duration, 0);
    ASSERT_WRITES("999 ms", page_append_duration, 999);
    ASSERT_WRITES("59.9 s", page_append_duration, 59999);
    ASSERT_WRITES("1 min 00 s", page_append_duration, 60000);
    ASSERT_WRITES("2 h 05 min", page_append_duration, 7500000);
    ASSERT_WRITES("1,000 d 1 h", page_append_duration, INT64_C(86403600000));
    ASSERT_WRITES("999 B", page_append_bytes, 999);
    ASSERT_WRITES("1.0 kB", page_append_bytes, 1000);
    ASSERT_WRITES("12.3 MB", page_append_bytes, 12345678);
    ASSERT_WRITES("123 GB", page_append_bytes, INT64_C(123456789012));
    ASSERT_WRITES("–", page_append_share, 0, 0);
    ASSERT_WRITES("0.0 %", page_append_share, 0, 3);
    ASSERT_WRITES("under 0.1 %", page_append_share, 1, 1001);
    ASSERT_WRITES("33.3 %", page_append_share, 1, 3);
    ASSERT_WRITES("100.0 %", page_append_share, 3, 3);
}

Test(page, text_is_escaped) {
    ASSERT_WRITES("&lt;a href=&#39;x&#39;&gt;&amp;&quot;é", page_append_escaped,
                  TEXT("<a href='x'>&\"\0é"));
}

Test(page, rows_are_sums_by_label_in_order) {
    struct arena arena;
    arena_init(&arena);
    const char *labels[] = {"partition=\"10\",lane=\"0\"", "partition=\"9\",lane=\"0\"",
                            "partition=\"10\",lane=\"1\"", "lane=\"1\""};
    for (size_t i = 0; i < 4; i++) {
        metric_add(metric_get("x_total", METRIC_COUNTER, "X.", labels[i]), 1 << i);
    }
    struct page_rows rows = page_rows(&arena, "x_total", "partition", NULL);
    cr_assert_eq(rows.count, 3);
    cr_assert(text_is_null(rows.items[0].keys[0]));
    cr_assert(rows.items[0].value == 8);
    cr_assert(text_equal(rows.items[1].keys[0], TEXT("9")));
    cr_assert(rows.items[2].value == 5);
    cr_assert(page_rows_total(rows) == 15);
    cr_assert_null(page_row_find(rows, TEXT("1"), text_null()));
    struct amount amount = {(int128)INT64_MAX * 8};
    metric_add_amount(metric_get("y_amount", METRIC_GAUGE, "Y.", ""), amount);
    rows = page_rows(&arena, "y_amount", NULL, NULL);
    cr_assert(rows.count == 1 && rows.items[0].value == amount.units);
    arena_release(&arena);
}

Test(page, times_have_the_decimals_of_their_metric) {
    int64_t ms = 0;
    cr_assert(!page_longest_ms("age_seconds", &ms));
    metric_set(metric_get("age_seconds", METRIC_GAUGE, "Age.", "lane=\"0\""), 2);
    struct metric *fine = metric_get("age_seconds", METRIC_GAUGE, "Age.", "lane=\"1\"");
    metric_set_decimals(fine, 6);
    metric_set(fine, 2500000);
    cr_assert(page_longest_ms("age_seconds", &ms));
    cr_assert_eq(ms, 2500);
}

static char *whole_page(struct text reasons, bool is_ready) {
    struct buffer page;
    buffer_init(&page);
    page_append(&page, &(struct page_options){.input_topic = "billing-<lines>",
                                              .notice = "Embedded & private.",
                                              .nonce = "00",
                                              .now_ms = INT64_C(1763900000000),
                                              .refreshes = true,
                                              .is_ready = is_ready,
                                              .is_healthy = true,
                                              .reasons = reasons});
    return taken(&page);
}

static void assert_has(const char *page, const char *wanted) {
    cr_assert_not_null(strstr(page, wanted), "no %s", wanted);
}

Test(page, an_empty_process_has_a_page) {
    char *page =
        whole_page(TEXT("Partition 3 is being restored.\n<Redis> does not answer."), false);
    assert_has(page, "<!DOCTYPE html>");
    assert_has(page, "Not ready");
    assert_has(page,
               "<li>Partition 3 is being restored.</li>\n<li>&lt;Redis&gt; does not answer.</li>");
    assert_has(page, "Embedded &amp; private.");
    assert_has(page, "Nothing accrued yet.");
    assert_has(page, "None assigned.");
    assert_has(page, "2025-11-23 12:13:20 UTC");
    cr_assert_null(strstr(page, "billing-<lines>"));
    free(page);
}

Test(page, shows_what_the_registry_has) {
    struct buffer labels;
    buffer_init(&labels);
    metric_append_label(&labels, "program", TEXT("a<b>"));
    metric_append_label(&labels, "currency", TEXT("EUR"));
    buffer_append_byte(&labels, 0);
    metric_add_amount(
        metric_get("accrued_accrued_amount", METRIC_GAUGE, "A.", (const char *)labels.data),
        (struct amount){INT64_C(1234567890)});
    buffer_release(&labels);
    metric_add(metric_get("accrued_lines_in_total", METRIC_COUNTER, "L.", ""), 1001);
    metric_add(metric_get("accrued_lines_total", METRIC_COUNTER, "L.", "outcome=\"posted\""), 1000);
    metric_set(metric_get("accrued_partition_next_offset", METRIC_GAUGE, "N.", "partition=\"7\""),
               5);
    history_take(0, 4, 0, NULL, 0);
    history_take(1000, 2, 500, NULL, 0);
    history_take(2000, 0, 1001, NULL, 0);
    char *page = whole_page(text_null(), true);
    assert_has(page, "a&lt;b&gt;");
    assert_has(page, "<td class=\"left\">EUR</td><td>1,234.56789<i>0</i></td>");
    assert_has(page, "1 in and not yet committed.");
    assert_has(page, "Topic billing-&lt;lines&gt;.");
    assert_has(page, "Throughput in lines a second over the last five minutes");
    assert_has(page, "<h2>Lines a second</h2><p>500</p><small>1,001 since start</small>");
    free(page);
}

static void accrue(const char *program, const char *pays, const char *currency, int64_t units) {
    char labels[128];
    (void)snprintf(labels, sizeof labels, "program=\"%s\",pays=\"%s\"", program, pays);
    metric_set(metric_get("accrued_program_info", METRIC_GAUGE, "P.", labels), 1);
    (void)snprintf(labels, sizeof labels, "program=\"%s\",currency=\"%s\"", program, currency);
    metric_add_amount(metric_get("accrued_accrued_amount", METRIC_GAUGE, "A.", labels),
                      (struct amount){units});
    (void)snprintf(labels, sizeof labels, "program=\"%s\"", program);
    metric_add(metric_get("accrued_accruals_total", METRIC_COUNTER, "A.", labels), 1);
}

Test(page, recognition_is_never_in_a_sum_with_money) {
    accrue("b-money", "money", "USD", 1500000);
    accrue("b-money", "money", "EUR", 250000);
    accrue("c-money", "money", "USD", 2000000);
    accrue("a-fame", "recognition", "USD", 9000000);
    accrue("a-fame", "recognition", "GBP", 9000000);
    char *page = whole_page(text_null(), true);
    assert_has(page, ">a-fame<small>recognition, never paid</small>");
    assert_has(page, ">c-money<small>money</small>");
    const char *total = strstr(page, "<tbody class=\"total\">\n"
                                     "<tr><th scope=\"rowgroup\" rowspan=\"2\">Payable</th>"
                                     "<td class=\"left\">EUR</td><td>0.25<i>0000</i></td>"
                                     "<td>3</td></tr>\n<tr class=\"more\">"
                                     "<td class=\"left\">USD</td><td>3.50<i>0000</i></td>");
    cr_assert_not_null(total);
    cr_assert(strstr(page, ">c-money<") < total && strstr(page, ">a-fame<") > total);
    free(page);
}

Test(page, without_a_program_that_pays_nothing_is_payable) {
    accrue("a-fame", "recognition", "USD", 9000000);
    char *page = whole_page(text_null(), true);
    cr_assert_null(strstr(page, "Payable"));
    free(page);
}

Test(page, how_the_cache_and_the_restore_do) {
    metric_set(metric_get("accrued_restore_blocks", METRIC_GAUGE, "B.", "partition=\"0\""), 7);
    metric_set(metric_get("accrued_restore_blocks", METRIC_GAUGE, "B.", "partition=\"1\""), 5);
    struct metric *age =
        metric_get("accrued_reference_fresh_age_seconds", METRIC_GAUGE, "F.", "lane=\"0\"");
    metric_set_decimals(age, 3);
    metric_set(age, 340);
    char *page = whole_page(text_null(), true);
    assert_has(page, "<dt>Ledger blocks restored</dt><dd>12</dd>");
    assert_has(page, "<dt>Last known to be right</dt><dd>340 ms ago</dd>");
    metric_hide(age);
    free(page);
    page = whole_page(text_null(), true);
    assert_has(page, "<dt>Last known to be right</dt><dd>–</dd>");
    free(page);
}

Test(page, how_far_a_restore_is) {
    struct metric *since =
        metric_get("accrued_restore_seconds", METRIC_GAUGE, "S.", "partition=\"3\"");
    struct metric *left =
        metric_get("accrued_restore_remaining_offsets", METRIC_GAUGE, "R.", "partition=\"3\"");
    metric_set_decimals(since, 3);
    metric_set(since, 2500);
    metric_set(left, 41);
    struct metric *file =
        metric_get("accrued_restore_file_ratio", METRIC_GAUGE, "F.", "partition=\"3\"");
    metric_set_decimals(file, 3);
    metric_set(file, 437);
    char *page = whole_page(text_null(), true);
    assert_has(page, "partition 3, for 2.5 s, of its file read: 43 %, records to read: 41</dd>");
    free(page);
    metric_set(file, 1000);
    page = whole_page(text_null(), true);
    assert_has(page, "<dt>Being restored</dt><dd>partition 3, for 2.5 s, records to read: 41</dd>");
    metric_set(since, 0);
    free(page);
    page = whole_page(text_null(), true);
    cr_assert_null(strstr(page, "Being restored"));
    free(page);
}

Test(page, history_is_a_ring) {
    static struct history_sample samples[HISTORY_SAMPLE_COUNT];
    cr_assert_eq(history_copy(samples), 0);
    for (int64_t i = 0; i < HISTORY_SAMPLE_COUNT + 7; i++) {
        struct history_lag lags[] = {{7, i}, {(int32_t)(i + 100), 1}};
        history_take(i * 1000, i, i * 2, lags, 2);
        history_take(i * 1000 + 500, -5, -5, lags, 0);
    }
    cr_assert_eq(history_copy(samples), HISTORY_SAMPLE_COUNT);
    cr_assert_eq(samples[0].lag_lines, 7);
    cr_assert_eq(samples[HISTORY_SAMPLE_COUNT - 1].lines_in, (HISTORY_SAMPLE_COUNT + 6) * 2);
    static int64_t lag[HISTORY_SAMPLE_COUNT];
    cr_assert_eq(history_copy_partition(7, lag), HISTORY_SAMPLE_COUNT);
    cr_assert(lag[0] == 7 && lag[HISTORY_SAMPLE_COUNT - 1] == HISTORY_SAMPLE_COUNT + 6);
    /* A partition that was here for a second only; its sample has left the ring meanwhile. */
    cr_assert_eq(history_copy_partition(103, lag), HISTORY_SAMPLE_COUNT);
    for (size_t i = 0; i < HISTORY_SAMPLE_COUNT; i++) {
        cr_assert_eq(lag[i], -1);
    }
    cr_assert_eq(history_copy_partition(100 + HISTORY_PARTITION_COUNT_MAX, lag), 0);
}

Test(page, which_hosts_are_this_machine) {
    const char *local[] = {NULL,  "localhost",  "LocalHost:9464", "127.0.0.1:9464",
                           "::1", "[::1]:9464", "[::1]",          "10.0.0.7"};
    const char *foreign[] = {"", ":80", "example.com", "localhost.example.com:9464",
                             "127.0.0.1.nip.io"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        bool is_bare_v6 = local[i] != NULL && strcmp(local[i], "::1") == 0;
        cr_assert(listener_host_is_local(local[i]) != is_bare_v6, "%zu", i);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        cr_assert(!listener_host_is_local(foreign[i]), "%s", foreign[i]);
    }
}

Test(page, listening) {
    struct listener listener;
    struct listener second;
    struct fault fault;
    cr_assert(listener_open("127.0.0.1:0", &listener, &fault), "%s", fault.text);
    cr_assert(listener.is_loopback);
    cr_assert(strncmp(listener.url, "http://127.0.0.1:", 17) == 0);
    cr_assert(!listener_open(listener.url + 7, &second, &fault));
    assert_has(fault.text, "in use");
    const char *bad[] = {"",          "9464",       ":9464",
                         "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000",
                         "::1:80",    "[]:80",      "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(!listener_open(bad[i], &second, &fault), "%s", bad[i]);
        assert_has(fault.text, "host:port");
    }
}
