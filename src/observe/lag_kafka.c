/* The thread that asks the cluster for end offsets. */
#include "accrued/lag.h"

#include "accrued/clock.h"
#include "accrued/kafka_client.h"
#include "accrued/log.h"
#include "accrued/require.h"
#include "history.h"
#include "lag_table.h"
#include "page.h"
#include "process.h"

#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define QUESTION_TIMEOUT_MS 3000
/* For the first records of partitions in which lines wait; who has not answered is asked again. */
#define LOOK_TIMEOUT_MS 500
#define LOOKS_MAX 16

struct lag_monitor {
    struct lag_table table;
    char *topic;
    rd_kafka_t *committed;   /* answers with last stable offsets, and reads single records */
    rd_kafka_t *uncommitted; /* answers with high watermarks */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool is_stopping;
    bool is_hurried; /* a partition is new: ask at once */
    int64_t interval_ms;
    _Atomic int64_t answered_ms; /* steady */
    atomic_bool is_failing;
    struct metric *answer_age;
};

/* Reads little and commits nothing; the group is librdkafka's condition for assign(). */
static rd_kafka_t *open_handle(const struct config *config, const char *role, const char *isolation,
                               struct fault *fault) {
    rd_kafka_conf_t *conf = kafka_conf_new(config, role, &config->kafka.consumer_properties, fault);
    if (conf == NULL) {
        return NULL;
    }
    if (!kafka_conf_put(conf, "group.id", "accrued-reader", fault) ||
        !kafka_conf_put(conf, "enable.auto.commit", "false", fault) ||
        !kafka_conf_put(conf, "enable.auto.offset.store", "false", fault) ||
        !kafka_conf_put(conf, "enable.partition.eof", "true", fault) ||
        !kafka_conf_put(conf, "auto.offset.reset", "earliest", fault) ||
        !kafka_conf_put(conf, "fetch.wait.max.ms", "10", fault) ||
        !kafka_conf_put(conf, "queued.min.messages", "1", fault) ||
        !kafka_conf_put(conf, "fetch.message.max.bytes", "16384", fault) ||
        !kafka_conf_put(conf, "isolation.level", isolation, fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return kafka_handle_new(RD_KAFKA_CONSUMER, conf, fault);
}

/* End offsets of all owned partitions in one question a broker. false: nobody answers. */
static bool ask_ends(rd_kafka_t *handle, const char *topic, const int32_t *partitions, size_t count,
                     int64_t *ends, struct fault *fault) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        /* As a time, "the end" is a question for the end offset. */
        rd_kafka_topic_partition_list_add(list, topic, partitions[i])->offset = RD_KAFKA_OFFSET_END;
    }
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(handle, list, QUESTION_TIMEOUT_MS);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *answer =
            rd_kafka_topic_partition_list_find(list, topic, partitions[i]);
        REQUIRE(answer != NULL);
        bool is_known = error == RD_KAFKA_RESP_ERR_NO_ERROR &&
                        answer->err == RD_KAFKA_RESP_ERR_NO_ERROR && answer->offset >= 0;
        if (!is_known && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            fault_set(fault, "%s", rd_kafka_err2str(answer->err));
        }
        ends[i] = is_known ? answer->offset : LAG_UNKNOWN;
        any = any || is_known;
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fault_set(fault, "%s", rd_kafka_err2str(error));
    }
    rd_kafka_topic_partition_list_destroy(list);
    return any;
}

/* Said once when it begins and once when it ends; the age of the answer says how long. */
static void note_answer(struct lag_monitor *monitor, bool answered, const struct fault *fault) {
    if (answered) {
        atomic_store(&monitor->answered_ms, clock_steady_ms());
    }
    if (answered != atomic_load(&monitor->is_failing)) {
        return;
    }
    atomic_store(&monitor->is_failing, !answered);
    if (answered) {
        log_event(LOG_INFO, "lag_known_again", "topic=%s", log_quote(monitor->topic));
    } else {
        log_event(LOG_WARN, "lag_unknown", "topic=%s reason=%s", log_quote(monitor->topic),
                  log_quote(fault->text));
    }
}

/* What one message says about the question that asked for its partition. */
static void take_look(struct lag_monitor *monitor, const rd_kafka_message_t *message,
                      struct lag_question *questions, size_t count, size_t *left) {
    for (size_t i = 0; i < count; i++) {
        if (questions[i].partition != message->partition || questions[i].offset < 0) {
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            lag_gathered(monitor, message->partition, message->offset,
                         rd_kafka_message_timestamp(message, NULL), LAG_UNKNOWN);
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            lag_table_oldest(&monitor->table, message->partition, message->offset, LAG_UNKNOWN,
                             LAG_UNKNOWN, clock_wall_ms());
        } else {
            continue; /* it may answer yet */
        }
        questions[i].offset = LAG_UNKNOWN;
        (*left)--;
    }
}

/* Lines wait and no lane has them: how old is the first? Or is there none, only markers? */
static void look_at_waiting(struct lag_monitor *monitor) {
    struct lag_question questions[LOOKS_MAX];
    size_t count = lag_table_questions(&monitor->table, questions, LOOKS_MAX);
    if (count == 0) {
        return;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, monitor->topic, questions[i].partition)->offset =
            questions[i].offset;
    }
    (void)rd_kafka_assign(monitor->committed, list);
    rd_kafka_topic_partition_list_destroy(list);
    int64_t end_ms = clock_steady_ms() + LOOK_TIMEOUT_MS;
    for (size_t left = count; left > 0 && clock_steady_ms() < end_ms;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(monitor->committed, 20);
        if (message != NULL) {
            take_look(monitor, message, questions, count, &left);
            rd_kafka_message_destroy(message);
        }
    }
    (void)rd_kafka_assign(monitor->committed, NULL);
}

static void measure(struct lag_monitor *monitor) {
    int32_t *partitions = NULL;
    size_t count = lag_table_owned(&monitor->table, &partitions);
    int64_t now_ms = clock_wall_ms();
    bool owns = count > 0;
    if (!owns) {
        partitions[0] = 0; /* just to see whether the cluster answers */
        count = 1;
    }
    int64_t *stable = calloc(count, sizeof *stable);
    int64_t *high = calloc(count, sizeof *high);
    REQUIRE(stable != NULL && high != NULL);
    struct fault fault = {.text = "no answer"};
    /* Stable offsets first: the high watermark, asked later, is then never below them. */
    bool answered = ask_ends(monitor->committed, monitor->topic, partitions, count, stable, &fault);
    if (answered && owns) {
        (void)ask_ends(monitor->uncommitted, monitor->topic, partitions, count, high, &fault);
        for (size_t i = 0; i < count; i++) {
            lag_table_measured(&monitor->table, partitions[i], stable[i], high[i], now_ms);
        }
        look_at_waiting(monitor);
    }
    note_answer(monitor, answered, &fault);
    metric_set(monitor->answer_age, clock_steady_ms() - atomic_load(&monitor->answered_ms));
    lag_table_tick(&monitor->table, clock_wall_ms());
    free(stable);
    free(high);
    free(partitions);
}

/* Waits for the interval, a new partition or the end. false: the end. */
static bool wait_for_turn(struct lag_monitor *monitor) {
    pthread_mutex_lock(&monitor->lock);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += monitor->interval_ms / 1000;
    until.tv_nsec += monitor->interval_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int timed_out = 0;
    while (!monitor->is_stopping && !monitor->is_hurried && timed_out == 0) {
        timed_out = pthread_cond_timedwait(&monitor->changed, &monitor->lock, &until);
    }
    monitor->is_hurried = false;
    bool goes_on = !monitor->is_stopping;
    pthread_mutex_unlock(&monitor->lock);
    return goes_on;
}

static void *run(void *context) {
    struct lag_monitor *monitor = context;
    do {
        int128 lines_in = 0;
        measure(monitor);
        (void)page_value("accrued_lines_in_total", &lines_in);
        struct history_lag *lags = NULL;
        size_t count = lag_table_lags(&monitor->table, &lags);
        history_take(clock_steady_ms(), lag_table_total(&monitor->table), (int64_t)lines_in, lags,
                     count);
        free(lags);
        /* Errors and statistics of the handles are delivered here. */
        rd_kafka_message_t *message = rd_kafka_consumer_poll(monitor->committed, 0);
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        rd_kafka_poll(monitor->uncommitted, 0);
    } while (wait_for_turn(monitor));
    return NULL;
}

static void monitor_init(struct lag_monitor *monitor, const char *topic) {
    pthread_condattr_t attributes;
    lag_table_init(&monitor->table);
    monitor->topic = strdup(topic);
    monitor->interval_ms = LAG_INTERVAL_MS;
    atomic_store(&monitor->answered_ms, clock_steady_ms());
    REQUIRE(monitor->topic != NULL);
    REQUIRE(pthread_mutex_init(&monitor->lock, NULL) == 0);
    REQUIRE(pthread_condattr_init(&attributes) == 0);
    REQUIRE(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    REQUIRE(pthread_cond_init(&monitor->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    monitor->answer_age =
        metric_get("accrued_lag_answer_age_seconds", METRIC_GAUGE,
                   "Age of the cluster's last answer about end offsets; lag is as old.", "");
    metric_set_decimals(monitor->answer_age, 3);
}

struct lag_monitor *lag_monitor_start(const struct config *config, const char *topic,
                                      struct fault *fault) {
    REQUIRE(config != NULL && fault != NULL);
    struct lag_monitor *monitor = calloc(1, sizeof *monitor);
    REQUIRE(monitor != NULL);
    monitor_init(monitor, topic);
    process_build_info(rd_kafka_version_str());
    monitor->committed = open_handle(config, "lag-stable", "read_committed", fault);
    if (monitor->committed != NULL) {
        monitor->uncommitted = open_handle(config, "lag-end", "read_uncommitted", fault);
    }
    if (monitor->uncommitted == NULL) {
        lag_monitor_stop(monitor);
        return NULL;
    }
    (void)rd_kafka_poll_set_consumer(monitor->committed);
    /* Signals are for the main thread. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    REQUIRE(pthread_create(&monitor->thread, NULL, run, monitor) == 0);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    monitor->has_thread = true;
    return monitor;
}

void lag_monitor_stop(struct lag_monitor *monitor) {
    if (monitor == NULL) {
        return;
    }
    if (monitor->has_thread) {
        pthread_mutex_lock(&monitor->lock);
        monitor->is_stopping = true;
        pthread_cond_signal(&monitor->changed);
        pthread_mutex_unlock(&monitor->lock);
        pthread_join(monitor->thread, NULL);
    }
    if (monitor->committed != NULL) {
        (void)rd_kafka_consumer_close(monitor->committed);
        kafka_handle_free(monitor->committed);
    }
    if (monitor->uncommitted != NULL) {
        kafka_handle_free(monitor->uncommitted);
    }
    lag_table_release(&monitor->table);
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->lock);
    free(monitor->topic);
    free(monitor);
}

void lag_monitor_set_interval(struct lag_monitor *monitor, int64_t interval_ms) {
    REQUIRE(monitor != NULL && interval_ms > 0);
    pthread_mutex_lock(&monitor->lock);
    monitor->interval_ms = interval_ms;
    monitor->is_hurried = true;
    pthread_cond_signal(&monitor->changed);
    pthread_mutex_unlock(&monitor->lock);
}

void lag_own(struct lag_monitor *monitor, int32_t partition) {
    REQUIRE(monitor != NULL);
    lag_table_own(&monitor->table, partition, clock_wall_ms());
    pthread_mutex_lock(&monitor->lock);
    monitor->is_hurried = true;
    pthread_cond_signal(&monitor->changed);
    pthread_mutex_unlock(&monitor->lock);
}

void lag_disown(struct lag_monitor *monitor, int32_t partition) {
    REQUIRE(monitor != NULL);
    lag_table_disown(&monitor->table, partition);
}

void lag_progress(struct lag_monitor *monitor, int32_t partition, int64_t next_offset) {
    REQUIRE(monitor != NULL);
    lag_table_progress(&monitor->table, partition, next_offset, clock_wall_ms());
}

void lag_gathered(struct lag_monitor *monitor, int32_t partition, int64_t offset,
                  int64_t timestamp_ms, int64_t event_time_ms) {
    REQUIRE(monitor != NULL);
    int64_t now_ms = clock_wall_ms();
    /* A record without a time is as old as our knowledge of it. */
    lag_table_oldest(&monitor->table, partition, offset, timestamp_ms < 0 ? now_ms : timestamp_ms,
                     event_time_ms, now_ms);
}

int64_t lag_monitor_silent_ms(struct lag_monitor *monitor) {
    REQUIRE(monitor != NULL);
    return atomic_load(&monitor->is_failing)
               ? clock_steady_ms() - atomic_load(&monitor->answered_ms)
               : 0;
}

int64_t lag_monitor_total(struct lag_monitor *monitor) {
    REQUIRE(monitor != NULL);
    return lag_table_total(&monitor->table);
}
