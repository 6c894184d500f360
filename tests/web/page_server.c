/* A process with made-up numbers and the real server, for the tests of the page. Prints its URL,
 * runs until its standard input ends. argv[1]: full, empty, alarm, restoring or hung. */
#include "accrued/clock.h"
#include "accrued/config.h"
#include "accrued/letters.h"
#include "accrued/log.h"
#include "accrued/metrics.h"
#include "accrued/server.h"

#include "../../src/observe/history.h"
#include "../../src/observe/process.h"

#include <stdio.h>
#include <stdlib.h>

static struct metric *get(const char *name, enum metric_type type, const char *labels) {
    return metric_get(name, type, "Made up for a test.", labels);
}

static void count(const char *name, const char *labels, int64_t value) {
    metric_add(get(name, METRIC_COUNTER, labels), value);
}

static void gauge(const char *name, const char *labels, int64_t value, unsigned decimals) {
    struct metric *metric = get(name, METRIC_GAUGE, labels);
    metric_set_decimals(metric, decimals);
    metric_set(metric, value);
}

static void money(const char *name, const char *labels, int64_t units) {
    metric_add_amount(get(name, METRIC_GAUGE, labels), (struct amount){units});
}

static void fill_lines(bool is_alarm) {
    count("accrued_lines_in_total", "partition=\"0\"", 1284906);
    count("accrued_lines_total", "partition=\"0\",outcome=\"posted\"", 1201433);
    count("accrued_lines_total", "partition=\"0\",outcome=\"unchanged\"", 61200);
    count("accrued_lines_total", "partition=\"0\",outcome=\"stale\"", 18240);
    count("accrued_lines_total", "partition=\"0\",outcome=\"skipped\"", 3990);
    count("accrued_lines_total", "partition=\"0\",outcome=\"dead_lettered\"", is_alarm ? 50 : 43);
    gauge("accrued_conservation_difference_lines", "partition=\"0\"", is_alarm ? -7 : 0, 0);
    count("accrued_dead_letters_total", "code=\"field_invalid\"", 31);
    count("accrued_dead_letters_total", "code=\"wrong_partition\"", 9);
    count("accrued_dead_letters_total", "code=\"reference_unreadable\"", 3);
    count("accrued_unclassified_lines_total", "", 412);
    metric_add_measure(get("accrued_unclassified_amount", METRIC_GAUGE, "currency=\"EUR\""),
                       (struct measure){INT64_C(481273300000000)});
}

static void fill_letters(void) {
    struct reject reject;
    for (int64_t i = 0; i < 12; i++) {
        (void)reject_set(&reject, REJECT_FIELD_INVALID,
                         "charge_start_date: 2020-03-%02lld is after charge_end_date 2020-02-29",
                         (long long)(i + 1));
        letters_note(clock_wall_ms() - 3600000 + i * INT64_C(97000), (int32_t)(i % 4),
                     321000 + i * 177, &reject);
    }
    (void)reject_set(&reject, REJECT_WRONG_PARTITION,
                     "the key is \"<b>ACME</b>-0b1f2c9e-5a3e-4d10-9c7e-6f2d1a7b8c3d\", not the "
                     "customer_id \"0b1f2c9e-5a3e-4d10-9c7e-6f2d1a7b8c3d\"");
    letters_note(clock_wall_ms() - 42000, 2, 324925, &reject);
}

static void fill_money(void) {
    static const char *const programs[] = {"azure-consumption", "csp-indirect-reseller",
                                           "modern-work-usage", "core-transaction"};
    static const char *const currencies[] = {"EUR", "GBP", "USD"};
    for (size_t i = 0; i < 4; i++) {
        char labels[128];
        (void)snprintf(labels, sizeof labels, "program=\"%s\"", programs[i]);
        count("accrued_accruals_total", labels, 401200 / (int64_t)(i + 1));
        (void)snprintf(labels, sizeof labels, "program=\"%s\",pays=\"%s\"", programs[i],
                       i == 2 ? "recognition" : "money");
        gauge("accrued_program_info", labels, 1, 0);
        for (size_t j = 0; j < 3 - i % 2; j++) {
            (void)snprintf(labels, sizeof labels, "program=\"%s\",currency=\"%s\"", programs[i],
                           currencies[j]);
            money("accrued_accrued_amount", labels,
                  INT64_C(918273645501234) / (int64_t)(i * 7 + j * 3 + 1) / (j == 1 ? 100 : 1));
        }
    }
    money("accrued_accrued_amount", "program=\"core-transaction\",currency=\"JPY\"", -12500000);
    count("accrued_forgone_total", "reason=\"no_qualifying_competency\"", 1822);
    count("accrued_forgone_total", "reason=\"bank_profile_missing\"", 94);
    count("accrued_forgone_total", "reason=\"partner_unknown\"", 7);
    money("accrued_forgone_amount", "reason=\"no_qualifying_competency\",currency=\"EUR\"",
          INT64_C(48211730200));
    money("accrued_forgone_amount", "reason=\"no_qualifying_competency\",currency=\"USD\"",
          INT64_C(9120004100));
    money("accrued_forgone_amount", "reason=\"bank_profile_missing\",currency=\"EUR\"",
          INT64_C(1250500000));
    money("accrued_forgone_amount", "reason=\"partner_unknown\",currency=\"EUR\"", 88120000);
}

static void fill_partitions(bool is_alarm, bool is_restoring) {
    for (int i = 0; i < 4; i++) {
        char labels[32];
        int64_t high = 321226 + i * 1871;
        int64_t lag = is_alarm ? INT64_C(48211) * (i + 1) : i == 2 ? 42 : 0;
        int64_t held = is_alarm && i == 1 ? 1200 : 0;
        (void)snprintf(labels, sizeof labels, "partition=\"%d\"", i);
        gauge("accrued_partition_next_offset", labels, high - held - lag, 0);
        gauge("accrued_partition_last_stable_offset", labels, high - held, 0);
        gauge("accrued_partition_high_watermark", labels, high, 0);
        gauge("accrued_partition_lag_lines", labels, lag, 0);
        gauge("accrued_partition_lag_seconds", labels,
              is_alarm ? 754000 + i * 1000
              : i == 2 ? 340
                       : 0,
              3);
        gauge("accrued_partition_lag_blocked_lines", labels, held, 0);
        gauge("accrued_partition_event_lag_seconds", labels,
              is_alarm ? 7540000 + i * 1000
              : i == 2 ? 92340
                       : 0,
              3);
        gauge("accrued_restore_seconds", labels, is_restoring && i > 0 ? 12400 * i : 0, 3);
        gauge("accrued_restore_file_ratio", labels, is_restoring && i == 3 ? 437 : 1000, 3);
        gauge("accrued_restore_remaining_offsets", labels, is_restoring && i < 3 ? 90112 * i : 0,
              0);
        gauge("accrued_rerate_progress_ratio", labels, i == 3 && !is_restoring ? 420 : 1000, 3);
        gauge("accrued_ledger_lines", labels, 300400 + i, 0);
        gauge("accrued_ledger_bytes", labels, 36048000 + i * 12000, 0);
        gauge("accrued_restore_blocks", labels, 18 + i, 0);
    }
}

static void fill_workings(bool is_alarm) {
    static const int64_t durations[] = {5,   10,   20,   50,   100,   200,
                                        500, 1000, 2000, 5000, 10000, 30000};
    static const int64_t sizes[] = {1, 10, 100, 1000, 5000, 10000, 20000, 50000};
    struct metric *seconds = metric_histogram_get("accrued_transaction_seconds",
                                                  "Made up for a test.", "", durations, 12, 3);
    struct metric *lines =
        metric_histogram_get("accrued_batch_lines", "Made up for a test.", "", sizes, 8, 0);
    for (int i = 0; i < 1000; i++) {
        metric_observe(seconds, 4 + i % 37);
        metric_observe(lines, i * 3);
    }
    count("accrued_transactions_total", "result=\"committed\"", 8412);
    count("accrued_transactions_total", "result=\"aborted\"", is_alarm ? 37 : 2);
    count("accrued_transaction_aborts_total", "reason=\"ILLEGAL_GENERATION\"", is_alarm ? 30 : 2);
    count("accrued_transaction_aborts_total", "reason=\"_TIMED_OUT\"", is_alarm ? 7 : 0);
    count("accrued_reference_failures_total", "", is_alarm ? 14 : 0);
    gauge("accrued_rerate_requests_pending", "lane=\"0\"", 2, 0);
    count("accrued_rerate_lines_total", "", 48210);
    count("accrued_rerate_unrated_total", "", 0);
    count("accrued_lane_rebuilds_total", "", is_alarm ? 6 : 0);
    count("accrued_rebalances_total", "", 3);
    count("accrued_reference_hits_total", "", 2409118);
    count("accrued_reference_misses_total", "", 31207);
    count("accrued_reference_round_trips_total", "", 902);
    gauge("accrued_reference_entries", "", 28112, 0);
    gauge("accrued_reference_bytes", "", 19820111, 0);
    gauge("accrued_reference_fresh_age_seconds", "lane=\"0\"", is_alarm ? 95000 : 410, 3);
    gauge("accrued_programs_revision", "", 12, 0);
    for (int64_t i = 0; i < 300; i++) {
        int64_t lag = is_alarm     ? (i + 1) * 48211 / 30
                      : i < 80     ? 42000 - i * 520
                      : i % 37 < 3 ? 900
                                   : 42;
        int64_t in = is_alarm ? i * 40 : i * 4283 + (i % 11) * 300;
        struct history_lag lags[4];
        for (int32_t p = 0; p < 4; p++) {
            /* Partition 3 came a minute and a half ago. */
            lags[p] = (struct history_lag){p, p == 3 && i < 210 ? -1 : lag * (p + 1) / 10};
        }
        history_take(i * 1000, lag, in, lags, 4);
    }
}

static const char *state = "full";

static bool is_in(const char *wanted) {
    return strcmp(state, wanted) == 0;
}

static bool check_ready(void *context, struct buffer *reasons) {
    (void)context;
    if (is_in("alarm")) {
        buffer_append_string(
            reasons, "Lane 0 waits for reference data: Redis at 127.0.0.1:6379 has not answered "
                     "for 1 min 35 s.\nPartition 1: an open transaction of its writer holds 1,200 "
                     "lines back.\n");
    } else if (is_in("restoring")) {
        buffer_append_string(reasons, "Lane 0 restores ledgers.\n"
                                      "Partition 1: 90112 offsets of its ledger to be read.\n");
    } else if (is_in("empty")) {
        buffer_append_string(reasons, "Lane 0 waits for the consumer group to take it in.\n");
    }
    return is_in("full") || is_in("hung");
}

static bool check_healthy(void *context, struct buffer *reasons) {
    (void)context;
    if (is_in("hung")) {
        buffer_append_string(reasons, "Lane 0: its loop has not turned for 2 min 10 s.\n");
    }
    return !is_in("hung");
}

static void fill(void) {
    bool is_alarm = is_in("alarm");
    process_build_info("2.0.2");
    if (!is_in("empty")) {
        fill_lines(is_alarm);
        fill_letters();
        fill_money();
        fill_partitions(is_alarm, is_in("restoring"));
        fill_workings(is_alarm);
    }
}

static struct server *serve(const char *listen_at, const char *notice) {
    struct config config;
    struct buffer yaml;
    struct fault fault;
    config_init(&config);
    free(config.redis.password);
    config.redis.password = strdup("hunter2-of-the-page-test");
    buffer_init(&yaml);
    config_append_yaml(&yaml, &config);
    struct server *server =
        server_start(&(struct server_options){.listen = listen_at,
                                              .input_topic = "billing-lines",
                                              .notice = notice,
                                              .configuration = buffer_text(&yaml),
                                              .ready = check_ready,
                                              .healthy = check_healthy},
                     &fault);
    if (server == NULL) {
        (void)fprintf(stderr, "%s\n", fault.text);
    }
    buffer_release(&yaml);
    config_release(&config);
    return server;
}

/* Each line of standard input is 1,000 lines more. */
int main(int argc, char **argv) {
    state = argc > 1 ? argv[1] : state;
    fill();
    struct server *server = serve(argc > 2 ? argv[2] : "127.0.0.1:0", argc > 3 ? argv[3] : NULL);
    if (server == NULL) {
        return 1;
    }
    (void)printf("%s\n", server_url(server));
    (void)fflush(stdout);
    for (int byte = getchar(); byte != EOF; byte = getchar()) {
        if (byte == '\n') {
            count("accrued_lines_in_total", "partition=\"0\"", 1000);
            count("accrued_lines_total", "partition=\"0\",outcome=\"posted\"", 1000);
        }
    }
    server_stop(server);
    return 0;
}
