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
    struct topic_bounds *bounds; /* a partition: where reading begins and ends; end −1: it has */
    int32_t count;
    int32_t left;
    topic_visit visit;
    void *context;
};

/* The high watermarks come from a read_uncommitted handle (transactions.md P51). */
bool topic_bounds(const struct config *config, const char *topic, struct topic_bounds **ret_bounds,
                  int32_t *ret_count, struct fault *fault) {
    struct topic_bounds *bounds = NULL;
    int32_t count = 0;
    rd_kafka_t *watcher = kafka_reader_new(config, "reader-watermark", "read_uncommitted", fault);
    bool is_good =
        watcher != NULL && kafka_partition_count(watcher, topic, QUERY_TIMEOUT_MS, &count, fault);
    if (is_good) {
        bounds = calloc((size_t)count, sizeof *bounds);
        REQUIRE(bounds != NULL);
    }
    for (int32_t i = 0; is_good && i < count; i++) {
        rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
            watcher, topic, i, &bounds[i].first, &bounds[i].end, QUERY_TIMEOUT_MS);
        is_good = error == RD_KAFKA_RESP_ERR_NO_ERROR ||
                  fault_set(fault, "offsets of %s [%d]: %s", topic, i, rd_kafka_err2str(error));
    }
    if (watcher != NULL) {
        kafka_handle_free(watcher);
    }
    if (!is_good) {
        free(bounds);
        return false;
    }
    *ret_bounds = bounds;
    *ret_count = count;
    return true;
}

static bool assign(struct reading *reading, struct fault *fault) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reading->count);
    for (int32_t i = 0; i < reading->count; i++) {
        struct topic_bounds *bounds = &reading->bounds[i];
        if (bounds->first >= bounds->end) {
            bounds->end = -1;
            continue;
        }
        rd_kafka_topic_partition_list_add(list, reading->topic, i)->offset = bounds->first;
        reading->left++;
    }
    rd_kafka_resp_err_t error = rd_kafka_assign(reading->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "reading %s: %s", reading->topic, rd_kafka_err2str(error));
}

/* Reached by offset: behind the last record there may be control markers, which only the end of the
 * partition tells. */
static void note_progress(struct reading *reading, int32_t partition, int64_t next_offset) {
    if (reading->bounds[partition].end >= 0 && next_offset >= reading->bounds[partition].end) {
        reading->bounds[partition].end = -1;
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
    if (reading->bounds[message->partition].end < 0 ||
        message->offset >= reading->bounds[message->partition].end) {
        note_progress(reading, message->partition, message->offset);
        return true; /* younger than the reading */
    }
    struct topic_record record = {
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .message = message,
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

/* Takes reading->bounds over. */
static bool read_bounds(struct reading *reading, const struct config *config, struct fault *fault) {
    reading->reader = kafka_reader_new(config, "reader", "read_committed", fault);
    bool is_good = reading->reader != NULL;
    if (is_good) {
        (void)rd_kafka_poll_set_consumer(reading->reader);
        is_good = assign(reading, fault) && read_all(reading, fault);
        (void)rd_kafka_consumer_close(reading->reader);
        kafka_handle_free(reading->reader);
    }
    free(reading->bounds);
    return is_good;
}

bool topic_read(const struct config *config, const char *topic, topic_visit visit, void *context,
                struct fault *fault) {
    struct reading reading = {.topic = topic, .visit = visit, .context = context};
    return topic_bounds(config, topic, &reading.bounds, &reading.count, fault) &&
           read_bounds(&reading, config, fault);
}

bool topic_read_range(const struct config *config, const char *topic, struct topic_range range,
                      topic_visit visit, void *context, struct fault *fault) {
    struct reading reading = {.topic = topic, .visit = visit, .context = context};
    if (!topic_bounds(config, topic, &reading.bounds, &reading.count, fault)) {
        return false;
    }
    if (range.partition < 0 || range.partition >= reading.count) {
        free(reading.bounds);
        return fault_set(fault, "%s has no partition %d; there are %d", topic, range.partition,
                         reading.count);
    }
    for (int32_t i = 0; i < reading.count; i++) {
        struct topic_bounds *bounds = &reading.bounds[i];
        bounds->first = range.first > bounds->first ? range.first : bounds->first;
        bounds->end = i != range.partition ? -1 : range.end < bounds->end ? range.end : bounds->end;
    }
    return read_bounds(&reading, config, fault);
}

struct text topic_record_header(const struct topic_record *record, const char *name) {
    return kafka_message_header(record->message, name);
}

void topic_record_headers(const struct topic_record *record,
                          void (*visit)(void *context, const char *name, struct text value),
                          void *context) {
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(record->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        visit(context, name, (struct text){value, value == NULL ? 0 : size});
    }
}
