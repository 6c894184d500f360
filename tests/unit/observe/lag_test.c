#include "observe/lag_table.h"

#include "accrued/clock.h"
#include "accrued/lag.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <time.h>

static void take_value(void *context, const char *labels, const struct metric *metric) {
    if (strcmp(labels, "partition=\"3\"") == 0) {
        *(int64_t *)context = metric_value(metric);
    }
}

/* The gauge of partition 3, −9 if it is not shown. */
static int64_t gauge(const char *name) {
    int64_t value = -9;
    metrics_each(name, take_value, &value);
    return value;
}

static void assert_lag(int64_t lines, int64_t ms, int64_t event_ms) {
    cr_assert_eq(gauge("accrued_partition_lag_lines"), lines);
    cr_assert_eq(gauge("accrued_partition_lag_seconds"), ms);
    cr_assert_eq(gauge("accrued_partition_event_lag_seconds"), event_ms);
}

Test(lag, unknown_until_both_sides_have_spoken) {
    struct lag_table table;
    lag_table_init(&table);
    cr_assert_eq(lag_table_total(&table), LAG_UNKNOWN);
    lag_table_own(&table, 3, 1000);
    cr_assert_eq(lag_table_total(&table), LAG_UNKNOWN);
    lag_table_measured(&table, 3, 50, 60, 1100);
    assert_lag(-9, -9, -9);
    cr_assert_eq(gauge("accrued_partition_high_watermark"), 60);
    lag_table_progress(&table, 3, 20, 1200);
    assert_lag(30, 200, 200);
    cr_assert_eq(lag_table_total(&table), 30);
    lag_table_release(&table);
    assert_lag(-9, -9, -9);
}

Test(lag, what_a_hanging_transaction_holds_back_is_no_work_lag) {
    struct lag_table table;
    lag_table_init(&table);
    lag_table_own(&table, 3, 1000);
    lag_table_progress(&table, 3, 50, 1000);
    lag_table_measured(&table, 3, 50, 63, 1100);
    assert_lag(0, 0, 0);
    cr_assert_eq(gauge("accrued_partition_lag_blocked_lines"), 13);
    lag_table_measured(&table, 3, 64, 64, 2100);
    assert_lag(14, 1000, 1000);
    cr_assert_eq(gauge("accrued_partition_lag_blocked_lines"), 0);
    lag_table_release(&table);
    cr_assert_eq(gauge("accrued_partition_lag_blocked_lines"), -9);
}

Test(lag, age_of_the_oldest_unprocessed_line) {
    struct lag_table table;
    lag_table_init(&table);
    lag_table_own(&table, 3, 100000);
    lag_table_progress(&table, 3, 0, 100000);
    lag_table_measured(&table, 3, 10, 10, 100000);
    lag_table_oldest(&table, 3, 0, 40000, 10000, 100000);
    assert_lag(10, 60000, 90000);
    /* Committed up to 5; what comes next has not been gathered: not older than the last. */
    lag_table_progress(&table, 3, 5, 101000);
    assert_lag(5, 61000, 91000);
    /* It ages though nobody reports. */
    lag_table_tick(&table, 105000);
    assert_lag(5, 65000, 95000);
    /* A line without an event_time: its record's time counts. */
    lag_table_oldest(&table, 3, 5, 70000, LAG_UNKNOWN, 106000);
    assert_lag(5, 36000, 36000);
    lag_table_progress(&table, 3, 10, 106000);
    assert_lag(0, 0, 0);
    lag_table_release(&table);
}

Test(lag, a_quiet_stream_is_not_late_with_its_next_line) {
    struct lag_table table;
    lag_table_init(&table);
    lag_table_own(&table, 3, 1000);
    lag_table_oldest(&table, 3, 9, 900, 100, 1000);
    lag_table_progress(&table, 3, 10, 1000);
    lag_table_measured(&table, 3, 10, 10, 1000);
    assert_lag(0, 0, 0);
    lag_table_measured(&table, 3, 10, 10, 3600000);
    assert_lag(0, 0, 0);
    lag_table_measured(&table, 3, 11, 11, 3601000);
    assert_lag(1, 1000, 1000);
    lag_table_release(&table);
}

/* A lane may gather what the monitor has not heard of yet. */
Test(lag, a_batch_that_is_newer_than_the_answer_keeps_its_times) {
    struct lag_table table;
    lag_table_init(&table);
    lag_table_own(&table, 3, 1000);
    lag_table_progress(&table, 3, 10, 1000);
    lag_table_measured(&table, 3, 10, 10, 1000);
    lag_table_oldest(&table, 3, 10, 400, 300, 1500);
    assert_lag(0, 0, 0);
    lag_table_measured(&table, 3, 12, 12, 2000);
    assert_lag(2, 1600, 1700);
    lag_table_release(&table);
}

static size_t questions(struct lag_table *table, struct lag_question *ret_first) {
    struct lag_question all[8];
    size_t count = lag_table_questions(table, all, 8);
    *ret_first = all[0];
    return count;
}

Test(lag, what_waits_and_nobody_has_gathered_is_looked_at) {
    struct lag_table table;
    struct lag_question first;
    lag_table_init(&table);
    for (int32_t i = 0; i < 20; i++) {
        lag_table_own(&table, i, 1000);
        lag_table_measured(&table, i, 50, 50, 1000);
    }
    lag_table_progress(&table, 3, 20, 1000);
    lag_table_progress(&table, 4, 50, 1000);
    cr_assert_eq(questions(&table, &first), 0, "it may move by itself");
    lag_table_tick(&table, 2000);
    cr_assert_eq(questions(&table, &first), 1);
    cr_assert(first.partition == 3 && first.offset == 20);
    lag_table_oldest(&table, 3, 22, 500, LAG_UNKNOWN, 2000);
    assert_lag(30, 1500, 1500);
    cr_assert_eq(questions(&table, &first), 0, "it is known");
    lag_table_progress(&table, 3, 30, 2000);
    cr_assert_eq(questions(&table, &first), 0, "it moves");
    lag_table_tick(&table, 3000);
    cr_assert_eq(questions(&table, &first), 1);
    cr_assert_eq(first.offset, 30);
    for (int32_t i = 0; i < 20; i++) {
        lag_table_progress(&table, i, 1, 3000);
    }
    lag_table_tick(&table, 4000);
    cr_assert_eq(questions(&table, &first), 8, "no more than asked for");
    lag_table_release(&table);
}

/* Markers of transactions take offsets (P41): nothing waits, nothing ages. */
Test(lag, markers_have_no_age) {
    struct lag_table table;
    struct lag_question first;
    lag_table_init(&table);
    lag_table_own(&table, 3, 1000);
    lag_table_progress(&table, 3, 50, 1000);
    lag_table_measured(&table, 3, 52, 52, 1000);
    lag_table_tick(&table, 5000);
    assert_lag(2, 4000, 4000);
    lag_table_oldest(&table, 3, 52, LAG_UNKNOWN, LAG_UNKNOWN, 5000);
    assert_lag(2, 0, 0);
    cr_assert_eq(questions(&table, &first), 0);
    lag_table_measured(&table, 3, 53, 53, 6000);
    assert_lag(3, 5000, 5000);
    cr_assert_eq(questions(&table, &first), 1);
    lag_table_release(&table);
}

Test(lag, a_report_newer_than_the_answer_is_no_negative_lag) {
    struct lag_table table;
    lag_table_init(&table);
    lag_table_own(&table, 3, 0);
    lag_table_measured(&table, 3, 10, 10, 1);
    lag_table_progress(&table, 3, 25, 2);
    assert_lag(0, 0, 0);
    /* An answer that did not come leaves what was known. */
    lag_table_measured(&table, 3, LAG_UNKNOWN, LAG_UNKNOWN, 3);
    cr_assert_eq(gauge("accrued_partition_last_stable_offset"), 10);
    lag_table_release(&table);
}

Test(lag, what_is_given_up_disappears) {
    struct lag_table table;
    int32_t *owned = NULL;
    lag_table_init(&table);
    for (int32_t i = 40; i >= 0; i--) {
        lag_table_own(&table, i, 0);
        lag_table_progress(&table, i, 0, 0);
        lag_table_measured(&table, i, i, i, 0);
    }
    cr_assert_eq(lag_table_total(&table), 820);
    assert_lag(3, 0, 0);
    lag_table_disown(&table, 3);
    lag_table_disown(&table, 99);
    lag_table_measured(&table, 3, 7, 7, 5);
    lag_table_progress(&table, 3, 7, 5);
    assert_lag(-9, -9, -9);
    cr_assert_eq(gauge("accrued_partition_next_offset"), -9);
    cr_assert_eq(lag_table_total(&table), 817);
    cr_assert_eq(lag_table_owned(&table, &owned), 40);
    cr_assert_eq(owned[3], 4);
    free(owned);
    lag_table_own(&table, 3, 9);
    cr_assert_eq(lag_table_total(&table), LAG_UNKNOWN);
    lag_table_release(&table);
}

static void produce(rd_kafka_t *producer, int count) {
    for (int i = 0; i < count; i++) {
        rd_kafka_resp_err_t error =
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("billing-lines"), RD_KAFKA_V_PARTITION(3),
                              RD_KAFKA_V_VALUE("x", 1), RD_KAFKA_V_END);
        cr_assert_eq(error, 0, "%s", rd_kafka_err2str(error));
    }
    cr_assert_eq(rd_kafka_flush(producer, 60000), 0);
}

static void wait_for_total(struct lag_monitor *monitor, int64_t wanted) {
    int64_t deadline = clock_steady_ms() + 60000;
    while (lag_monitor_total(monitor) != wanted && clock_steady_ms() < deadline) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    cr_assert_eq(lag_monitor_total(monitor), wanted);
}

/* The mock's last stable offset is its end: this shows the question, not the isolation. */
Test(lag, on_the_mock_cluster, .timeout = 240) {
    char reason[256];
    rd_kafka_t *producer =
        rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(producer, 1);
    cr_assert_not_null(cluster);
    rd_kafka_mock_topic_create(cluster, "billing-lines", 4, 1);
    const char *servers = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_brokers_add(producer, servers);
    produce(producer, 12);
    struct config config;
    struct fault fault;
    config_init(&config);
    free(config.kafka.bootstrap_servers);
    config.kafka.bootstrap_servers = strdup(servers);
    struct lag_monitor *monitor = lag_monitor_start(&config, config.topics.billing_lines, &fault);
    cr_assert_not_null(monitor, "%s", fault.text);
    lag_monitor_set_interval(monitor, 20);
    lag_own(monitor, 3);
    lag_own(monitor, 0);
    lag_progress(monitor, 3, 2);
    lag_progress(monitor, 0, 0);
    wait_for_total(monitor, 10);
    produce(producer, 5);
    wait_for_total(monitor, 15);
    lag_progress(monitor, 3, 17);
    wait_for_total(monitor, 0);
    lag_monitor_stop(monitor);
    config_release(&config);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(producer);
}
