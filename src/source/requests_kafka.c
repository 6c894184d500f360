#include "accrued/requests.h"

#include "accrued/decode.h"
#include "accrued/kafka_client.h"
#include "accrued/log.h"
#include "accrued/require.h"
#include "accrued/rerate_record.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUEST_PARTITION 0
/* A round of the lane takes in so many at most. */
#define POLL_COUNT_MAX 10000
#define SCHEMA_FILE "rerate-request.avsc"

struct requests {
    rd_kafka_t *reader;
    rd_kafka_t *asker; /* for the end of the topic: the reader's connection waits for data */
    char *topic;
    uint32_t schema_id;
    uint64_t fingerprint;
    int64_t next; /* −1: not begun */
    bool is_caught_up;
    struct arena arena; /* the texts of the items; begun anew when all are forgotten */
    struct rerate_request *items;
    size_t count;
    size_t capacity;
    size_t first; /* items below are forgotten */
};

static bool read_fingerprint(struct requests *requests, const struct config *config,
                             struct fault *fault) {
    char *path = NULL;
    int size = asprintf(&path, "%s/%s", config->schemas.directory, SCHEMA_FILE);
    REQUIRE(size > 0 && path != NULL);
    bool is_good = schema_fingerprint(path, &requests->fingerprint, fault);
    free(path);
    return is_good;
}

struct requests *requests_open(const struct config *config, int lane, struct fault *fault) {
    struct requests *requests = calloc(1, sizeof *requests);
    REQUIRE(requests != NULL);
    arena_init(&requests->arena);
    requests->next = -1;
    requests->schema_id = (uint32_t)config->schemas.rerate_request_id;
    requests->topic = strdup(config->topics.rerate_requests);
    REQUIRE(requests->topic != NULL);
    char role[40];
    (void)snprintf(role, sizeof role, "lane%d-requests", lane);
    bool is_good = read_fingerprint(requests, config, fault);
    if (is_good) {
        requests->reader = kafka_listener_new(config, role, fault);
        (void)snprintf(role, sizeof role, "lane%d-requests-end", lane);
        requests->asker = requests->reader == NULL
                              ? NULL
                              : kafka_reader_new(config, role, "read_uncommitted", fault);
        is_good = requests->asker != NULL;
    }
    if (!is_good) {
        requests_free(requests);
        return NULL;
    }
    (void)rd_kafka_poll_set_consumer(requests->reader);
    return requests;
}

void requests_free(struct requests *requests) {
    if (requests == NULL) {
        return;
    }
    if (requests->reader != NULL) {
        (void)rd_kafka_consumer_close(requests->reader);
        kafka_handle_free(requests->reader);
    }
    if (requests->asker != NULL) {
        kafka_handle_free(requests->asker);
    }
    arena_release(&requests->arena);
    free(requests->items);
    free(requests->topic);
    free(requests);
}

bool requests_range(struct requests *requests, int timeout_ms, int64_t *ret_first,
                    int64_t *ret_next, struct fault *fault) {
    int64_t first = 0;
    int64_t next = 0;
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        requests->asker, requests->topic, REQUEST_PARTITION, &first, &next, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        int32_t count = 0;
        /* What is hidden from a user looks as if it were not there: metadata tell which it is. */
        bool is_told =
            error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
            !kafka_partition_count(requests->asker, requests->topic, timeout_ms, &count, fault);
        return !is_told &&
               fault_set(fault, "offsets of %s: %s", requests->topic, rd_kafka_err2str(error));
    }
    *ret_first = first;
    *ret_next = next;
    return true;
}

static void clear_items(struct requests *requests) {
    requests->count = 0;
    requests->first = 0;
    arena_clear(&requests->arena);
}

bool requests_need(struct requests *requests, int64_t offset, struct fault *fault) {
    REQUIRE(offset >= 0);
    int64_t kept_from = requests->next;
    if (requests->first < requests->count) {
        kept_from = requests->items[requests->first].offset;
    }
    if (requests->next >= 0 && offset >= kept_from) {
        return true;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, requests->topic, REQUEST_PARTITION)->offset = offset;
    rd_kafka_resp_err_t error = rd_kafka_assign(requests->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fault_set(fault, "reading %s: %s", requests->topic, rd_kafka_err2str(error));
    }
    clear_items(requests);
    requests->next = offset;
    requests->is_caught_up = false;
    return true;
}

void requests_forget(struct requests *requests, int64_t offset) {
    while (requests->first < requests->count && requests->items[requests->first].offset < offset) {
        requests->first++;
    }
    if (requests->first == requests->count) {
        clear_items(requests);
    }
}

static bool is_our_schema(const struct requests *requests, struct schema_ref ref) {
    return ref.framing == FRAMING_CONFLUENT ? ref.id == requests->schema_id
                                            : ref.fingerprint == requests->fingerprint;
}

static bool read_request(struct requests *requests, const rd_kafka_message_t *message,
                         struct rerate_request *ret_request, struct fault *fault) {
    struct text value = {message->payload, message->payload == NULL ? 0 : message->len};
    struct schema_ref ref;
    struct text datum;
    struct reject reject;
    if (text_is_null(value)) {
        return fault_set(fault, "a null value");
    }
    if (!frame_parse(value, &ref, &datum, &reject)) {
        return fault_set(fault, "%s", reject.message);
    }
    if (!is_our_schema(requests, ref)) {
        return fault_set(fault, "its schema is not " SCHEMA_FILE
                                " (Confluent framing: schemas.rerate_request_id)");
    }
    return rerate_read_avro(arena_copy(&requests->arena, datum), &requests->arena, ret_request,
                            fault);
}

static void take_record(struct requests *requests, const rd_kafka_message_t *message) {
    struct rerate_request request = {.offset = message->offset};
    struct fault fault;
    requests->next = message->offset + 1;
    if (!read_request(requests, message, &request, &fault)) {
        log_event(LOG_WARN, "rerate_request_malformed", "topic=%s offset=%lld reason=%s",
                  requests->topic, (long long)message->offset, log_quote(fault.text));
        return;
    }
    if (requests->count == requests->capacity) {
        requests->capacity = requests->capacity == 0 ? 64 : requests->capacity * 2;
        requests->items = realloc(requests->items, requests->capacity * sizeof *requests->items);
        REQUIRE(requests->items != NULL);
    }
    requests->items[requests->count++] = request;
}

void requests_poll(struct requests *requests) {
    if (requests->next < 0) {
        return;
    }
    for (int i = 0; i < POLL_COUNT_MAX; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(requests->reader, 0);
        if (message == NULL) {
            return;
        }
        /* What an assignment before this one had fetched is below what is read next, or comes
         * again. */
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (message->offset >= requests->next) {
                take_record(requests, message);
            }
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            requests->next = message->offset > requests->next ? message->offset : requests->next;
            requests->is_caught_up = true;
        } else {
            log_event(LOG_WARN, "rerate_requests_error", "topic=%s reason=%s", requests->topic,
                      log_quote(rd_kafka_message_errstr(message)));
        }
        rd_kafka_message_destroy(message);
    }
}

bool requests_is_caught_up(const struct requests *requests) {
    return requests->is_caught_up;
}

int64_t requests_next(const struct requests *requests) {
    return requests->next;
}

const struct rerate_request *requests_items(const struct requests *requests, size_t *ret_count) {
    *ret_count = requests->count - requests->first;
    return requests->items + requests->first;
}
