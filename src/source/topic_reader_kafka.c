#include "accrued/topic_reader.h"

#include "accrued/clock.h"
#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#define QUERY_TIMEOUT_MS 10000
#define POLL_MS 100
/* So long without a message or an end of partition, and the broker counts as gone. */
#define SILENCE_MS 30000

struct reading {
    rd_kafka_t *reader;
    const char *topic;
    int64_t *ends; /* a partition: where reading ends; −1: it has ended */
    int32_t count;
    int32_t left;
    topic_visit visit;
    void *context;
};

/* The high watermarks come from a read_uncommitted handle (transactions.md P51). */
static bool find_ends(struct reading *reading, const struct config *config, struct fault *fault) {
    rd_kafka_t *watcher = kafka_reader_new(config, "reader-watermark", "read_uncommitted", fault);
    bool is_good =
        watcher != NULL &&
        kafka_partition_count(watcher, reading->topic, QUERY_TIMEOUT_MS, &reading->count, fault);
    if (is_good) {
        reading->ends = calloc((size_t)reading->count, sizeof *reading->ends);
        REQUIRE(reading->ends != NULL);
    }
    for (int32_t i = 0; is_good && i < reading->count; i++) {
        int64_t low = 0;
        rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
            watcher, reading->topic, i, &low, &reading->ends[i], QUERY_TIMEOUT_MS);
        is_good = error == RD_KAFKA_RESP_ERR_NO_ERROR ||
                  fault_set(fault, "high watermark of %s [%d]: %s", reading->topic, i,
                            rd_kafka_err2str(error));
        if (is_good && low == reading->ends[i]) {
            reading->ends[i] = -1;
        }
    }
    if (watcher != NULL) {
        rd_kafka_destroy(watcher);
    }
    return is_good;
}

static bool assign(struct reading *reading, struct fault *fault) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reading->count);
    for (int32_t i = 0; i < reading->count; i++) {
        if (reading->ends[i] >= 0) {
            rd_kafka_topic_partition_list_add(list, reading->topic, i)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
            reading->left++;
        }
    }
    rd_kafka_resp_err_t error = rd_kafka_assign(reading->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "reading %s: %s", reading->topic, rd_kafka_err2str(error));
}

/* Reached by offset: behind the last record there may be control markers, which only the end of the
 * partition tells. */
static void note_progress(struct reading *reading, int32_t partition, int64_t next_offset) {
    if (reading->ends[partition] >= 0 && next_offset >= reading->ends[partition]) {
        reading->ends[partition] = -1;
        reading->left--;
    }
}

static bool take(struct reading *reading, const rd_kafka_message_t *message, struct fault *fault) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        note_progress(reading, message->partition, message->offset);
        return true;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fault_set(fault, "reading %s [%d]: %s", reading->topic, message->partition,
                         rd_kafka_message_errstr(message));
    }
    if (reading->ends[message->partition] < 0 ||
        message->offset >= reading->ends[message->partition]) {
        note_progress(reading, message->partition, message->offset);
        return true; /* younger than the reading */
    }
    struct topic_record record = {
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
    };
    bool is_good = reading->visit(reading->context, &record, fault);
    note_progress(reading, message->partition, message->offset + 1);
    return is_good;
}

static bool read_all(struct reading *reading, struct fault *fault) {
    int64_t heard_ms = clock_steady_ms();
    while (reading->left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reading->reader, POLL_MS);
        if (message == NULL) {
            if (clock_steady_ms() - heard_ms > SILENCE_MS) {
                return fault_set(fault, "reading %s: the broker has been silent for %d s",
                                 reading->topic, SILENCE_MS / 1000);
            }
            continue;
        }
        heard_ms = clock_steady_ms();
        bool is_good = take(reading, message, fault);
        rd_kafka_message_destroy(message);
        if (!is_good) {
            return false;
        }
    }
    return true;
}

bool topic_read(const struct config *config, const char *topic, topic_visit visit, void *context,
                struct fault *fault) {
    struct reading reading = {.topic = topic, .visit = visit, .context = context};
    bool is_good = find_ends(&reading, config, fault);
    if (is_good) {
        reading.reader = kafka_reader_new(config, "reader", "read_committed", fault);
        is_good = reading.reader != NULL;
    }
    if (is_good) {
        (void)rd_kafka_poll_set_consumer(reading.reader);
        is_good = assign(&reading, fault) && read_all(&reading, fault);
    }
    if (reading.reader != NULL) {
        (void)rd_kafka_consumer_close(reading.reader);
        rd_kafka_destroy(reading.reader);
    }
    free(reading.ends);
    return is_good;
}
