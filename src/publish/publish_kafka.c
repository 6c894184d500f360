#include "accrued/publish.h"

#include "sorter.h"

#include "accrued/hash.h"
#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define METADATA_TIMEOUT_MS 15000
#define INIT_ATTEMPTS_MAX 10
#define SEND_WAIT_MS 50
#define SEND_ATTEMPTS_MAX 200
/* Commit and abort are asked again as long as librdkafka calls the error retriable; a watchdog
 * (fleet.c) bounds it all. */
#define CALL_ATTEMPTS_MAX 1000
/* A record's share of a request beside its value: key, headers, framing. */
#define RECORD_OVERHEAD_MAX 4096
#define MESSAGE_SIZE_MAX 1000000
/* librdkafka's own limit for one record, before compression. A dead letter is whatever came in, and
 * what came in compressed may be much larger here; the topic's max.message.bytes decides. */
#define RECORD_SIZE_MAX 1000000000
/* While the last transaction's markers are written the coordinator answers CONCURRENT_TRANSACTIONS,
 * and the next AddPartitions waits this long before it asks again (default 100 ms, most of a
 * cycle). */
#define RETRY_BACKOFF_MS 2

enum transaction_state { TRANSACTION_NONE, TRANSACTION_OPEN, TRANSACTION_UNKNOWN };

struct publisher {
    rd_kafka_t *producer;
    rd_kafka_topic_t *topics[OUTPUT_COUNT];
    int32_t partition_counts[OUTPUT_COUNT];
    uint32_t places[OUTPUT_COUNT]; /* where the partitions of each begin in the sorter */
    struct sorter sorter;
    struct arena copies;          /* of what does not last as long as the transaction */
    rd_kafka_message_t *messages; /* scratch of push */
    size_t message_capacity;
    char *input_topic;
    char transactional_id[256];
    enum transaction_state state;
    rd_kafka_resp_err_t error; /* the last one */
};

static enum kafka_error_class class_of(rd_kafka_resp_err_t code) {
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: return KAFKA_ERROR_FENCED;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED: return KAFKA_ERROR_UNAUTHORISED;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: return KAFKA_ERROR_TOO_LARGE;
    default: return KAFKA_ERROR_OTHER;
    }
}

/* The error does not say which of the topics it is; librdkafka's log before it does. */
static void name_right(const struct publisher *publisher, rd_kafka_resp_err_t code,
                       struct fault *fault) {
    char topics[512] = "";
    size_t size = 0;
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        (void)kafka_name_right(code, "Write", "transactional id", publisher->transactional_id,
                               fault);
        return;
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        (void)kafka_name_right(code, "Read", "group", "kafka.group_id", fault);
        return;
    default: break;
    }
    for (size_t i = 0; i < OUTPUT_COUNT && size < sizeof topics; i++) {
        if (publisher->topics[i] != NULL) {
            size +=
                (size_t)snprintf(topics + size, sizeof topics - size, "%s%s", size > 0 ? ", " : "",
                                 rd_kafka_topic_name(publisher->topics[i]));
        }
    }
    (void)kafka_name_right(code, "Write", "each of the topics", topics, fault);
}

/* The verdict on an error, which is destroyed. */
static enum verdict judge(struct publisher *publisher, rd_kafka_error_t *error, const char *call,
                          struct fault *fault) {
    REQUIRE(error != NULL);
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    publisher->error = code;
    enum verdict verdict = verdict_of((struct kafka_error_facts){
        .is_fatal = rd_kafka_error_is_fatal(error) != 0,
        .is_retriable = rd_kafka_error_is_retriable(error) != 0,
        .requires_abort = rd_kafka_error_txn_requires_abort(error) != 0,
        .class = class_of(code),
    });
    fault_set(fault, "%s: %s: %s", call, rd_kafka_err2name(code), rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    name_right(publisher, code, fault);
    return verdict;
}

static rd_kafka_conf_t *publisher_conf(struct publisher *publisher, const struct config *config,
                                       const struct publisher_options *options,
                                       struct fault *fault) {
    char role[64];
    char *transactional_id = publisher->transactional_id;
    (void)snprintf(role, sizeof role, "%s-producer", options->client);
    (void)snprintf(transactional_id, sizeof publisher->transactional_id, "accrued-%s-%s-%s",
                   config->kafka.environment, config->kafka.instance,
                   options->transactional_suffix);
    rd_kafka_conf_t *conf = kafka_conf_new(config, role, NULL, fault);
    if (conf == NULL) {
        return NULL;
    }
    bool done = kafka_conf_put_int(conf, "queue.buffering.max.messages", 2000000, fault) &&
                kafka_conf_put_int(conf, "queue.buffering.max.kbytes", 1048576, fault) &&
                kafka_conf_put_int(conf, "linger.ms", 5, fault) &&
                kafka_conf_put_int(conf, "retry.backoff.ms", RETRY_BACKOFF_MS, fault) &&
                kafka_conf_put_int(conf, "batch.size", MESSAGE_SIZE_MAX, fault) &&
                kafka_conf_put_int(conf, "message.max.bytes", RECORD_SIZE_MAX, fault);
    for (size_t i = 0; done && i < config->kafka.producer_properties.count; i++) {
        const struct property *property = &config->kafka.producer_properties.items[i];
        done = kafka_conf_put(conf, property->name, property->value, fault);
    }
    if (!done || !kafka_conf_put(conf, "transactional.id", transactional_id, fault) ||
        !kafka_conf_put_int(conf, "transaction.timeout.ms", config->kafka.transaction_timeout_ms,
                            fault) ||
        !kafka_conf_put(conf, "compression.codec", config->kafka.compression, fault) ||
        !kafka_conf_put(conf, "enable.idempotence", "true", fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

static bool open_topics(struct publisher *publisher, const struct publisher_options *options,
                        struct fault *fault) {
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        if (options->topics[i] == NULL) {
            continue;
        }
        if (!kafka_partition_count(publisher->producer, options->topics[i], METADATA_TIMEOUT_MS,
                                   &publisher->partition_counts[i], fault)) {
            return false;
        }
        publisher->topics[i] = rd_kafka_topic_new(publisher->producer, options->topics[i], NULL);
        REQUIRE(publisher->topics[i] != NULL);
    }
    uint32_t place_count = 0;
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        publisher->places[i] = place_count;
        place_count += (uint32_t)publisher->partition_counts[i];
    }
    sorter_init(&publisher->sorter, place_count);
    return true;
}

/* Ends what a former producer of this transactional.id left open (P33, P56). */
static enum verdict init_transactions(struct publisher *publisher, struct fault *fault) {
    enum verdict verdict = VERDICT_AGAIN;
    for (int i = 0; i < INIT_ATTEMPTS_MAX && verdict == VERDICT_AGAIN; i++) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(publisher->producer, -1);
        verdict =
            error == NULL ? VERDICT_COMMITTED : judge(publisher, error, "init_transactions", fault);
    }
    return verdict == VERDICT_AGAIN ? VERDICT_REBUILD : verdict;
}

struct publisher *publisher_open(const struct config *config,
                                 const struct publisher_options *options, enum verdict *ret_verdict,
                                 struct fault *fault) {
    *ret_verdict = VERDICT_STOP;
    struct publisher *publisher = calloc(1, sizeof *publisher);
    REQUIRE(publisher != NULL);
    rd_kafka_conf_t *conf = publisher_conf(publisher, config, options, fault);
    if (conf == NULL) {
        free(publisher);
        return NULL;
    }
    publisher->input_topic = strdup(options->input_topic);
    REQUIRE(publisher->input_topic != NULL);
    publisher->producer = kafka_handle_new(RD_KAFKA_PRODUCER, conf, fault);
    if (publisher->producer == NULL) {
        free(publisher->input_topic);
        free(publisher);
        return NULL;
    }
    *ret_verdict = VERDICT_REBUILD;
    bool opened = open_topics(publisher, options, fault);
    if (opened) {
        *ret_verdict = init_transactions(publisher, fault);
    }
    if (!opened || *ret_verdict != VERDICT_COMMITTED) {
        publisher_free(publisher);
        return NULL;
    }
    return publisher;
}

void publisher_free(struct publisher *publisher) {
    if (publisher == NULL) {
        return;
    }
    if (publisher->state == TRANSACTION_OPEN) {
        /* Else readers of committed data would wait for the transaction's timeout (P34). */
        struct fault ignored;
        (void)publisher_abort(publisher, &ignored);
    }
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        if (publisher->topics[i] != NULL) {
            rd_kafka_topic_destroy(publisher->topics[i]);
        }
    }
    kafka_handle_free(publisher->producer);
    sorter_release(&publisher->sorter);
    arena_release(&publisher->copies);
    free(publisher->messages);
    free(publisher->input_topic);
    free(publisher);
}

enum verdict publisher_begin(struct publisher *publisher, struct fault *fault) {
    REQUIRE(publisher->state == TRANSACTION_NONE);
    rd_kafka_error_t *error = rd_kafka_begin_transaction(publisher->producer);
    if (error != NULL) {
        /* Nothing is open that could be aborted. */
        enum verdict verdict = judge(publisher, error, "begin_transaction", fault);
        return verdict == VERDICT_STOP ? VERDICT_STOP : VERDICT_REBUILD;
    }
    arena_clear(&publisher->copies);
    publisher->state = TRANSACTION_OPEN;
    return VERDICT_COMMITTED;
}

static int32_t partition_of(const struct publisher *publisher, const struct output_record *record) {
    int32_t count = publisher->partition_counts[record->output];
    REQUIRE(count > 0);
    if (record->partition != PARTITION_BY_KEY) {
        REQUIRE(record->partition >= 0 && record->partition < count);
        return record->partition;
    }
    /* Java's default partitioner, computed here: cheaper than librdkafka's callback. A record
     * without key (a dead letter without one) has no order to keep. */
    return text_is_null(record->key) ? 0
                                     : murmur2_partition(record->key.data, record->key.size, count);
}

static rd_kafka_headers_t *headers_of(const struct output_record *record) {
    if (record->header_count == 0 && record->copied_headers_of == NULL) {
        return NULL;
    }
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_headers_t *original = NULL;
    if (record->copied_headers_of != NULL &&
        rd_kafka_message_headers(record->copied_headers_of, &original) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        headers = rd_kafka_headers_copy(original);
    } else {
        headers = rd_kafka_headers_new(record->header_count);
    }
    for (size_t i = 0; i < record->header_count; i++) {
        const struct output_header *header = &record->headers[i];
        /* A letter that failed twice says why it failed last. */
        (void)rd_kafka_header_remove(headers, header->name);
        (void)rd_kafka_header_add(headers, header->name, -1, header->value.data,
                                  (ssize_t)header->value.size);
    }
    return headers;
}

/* The transaction has failed already (_STATE, _FATAL): the abort tells which of the two. */
static enum verdict refuse(struct publisher *publisher, enum output output,
                           rd_kafka_resp_err_t error, struct fault *fault) {
    publisher->error = error;
    fault_set(fault, "produce to %s: %s", rd_kafka_topic_name(publisher->topics[output]),
              rd_kafka_err2str(error));
    return class_of(error) == KAFKA_ERROR_TOO_LARGE ? VERDICT_STOP : VERDICT_ABORT;
}

/* A record with headers (a dead letter) goes alone, and is copied. */
static enum verdict send_with_headers(struct publisher *publisher,
                                      const struct output_record *record, int32_t partition,
                                      struct fault *fault) {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    for (int i = 0; i < SEND_ATTEMPTS_MAX && error == RD_KAFKA_RESP_ERR__QUEUE_FULL; i++) {
        rd_kafka_headers_t *headers = headers_of(record);
        error = rd_kafka_producev(
            publisher->producer, RD_KAFKA_V_RKT(publisher->topics[record->output]),
            RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.data, record->value.size),
            RD_KAFKA_V_KEY(record->key.data, record->key.size), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_END);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_headers_destroy(headers);
        }
        if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            (void)rd_kafka_poll(publisher->producer, SEND_WAIT_MS);
        }
    }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? VERDICT_COMMITTED
                                               : refuse(publisher, record->output, error, fault);
}

enum verdict publisher_send(struct publisher *publisher, const struct output_record *record,
                            struct fault *fault) {
    REQUIRE(publisher->state == TRANSACTION_OPEN);
    REQUIRE(text_is_null(record->key) || record->key.size <= UINT32_MAX);
    int32_t partition = partition_of(publisher, record);
    if (record->header_count > 0 || record->copied_headers_of != NULL) {
        return send_with_headers(publisher, record, partition, fault);
    }
    struct text key = record->key;
    struct text value = record->value;
    if (!record->is_kept) {
        key = arena_copy(&publisher->copies, key);
        value = arena_copy(&publisher->copies, value);
    }
    sorter_add(&publisher->sorter,
               (struct sorter_record){
                   .place = publisher->places[record->output] + (uint32_t)partition,
                   .key = key.data,
                   .key_size = (uint32_t)key.size,
                   .value = value.data,
                   .value_size = value.size,
               });
    return VERDICT_COMMITTED;
}

/* The records of one partition, together; they are not copied. */
static rd_kafka_resp_err_t produce(struct publisher *publisher, rd_kafka_topic_t *topic,
                                   int32_t partition, rd_kafka_message_t *messages, size_t count) {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    REQUIRE(count <= INT_MAX);
    for (int i = 0; i < SEND_ATTEMPTS_MAX && count > 0; i++) {
        int taken = rd_kafka_produce_batch(topic, partition, 0, messages, (int)count);
        REQUIRE(taken >= 0 && (size_t)taken <= count);
        error = RD_KAFKA_RESP_ERR_NO_ERROR;
        for (size_t k = 0; k < count && error == RD_KAFKA_RESP_ERR_NO_ERROR; k++) {
            error = messages[k].err;
        }
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            break;
        }
        /* A full queue refuses all that come behind the first that it refuses. */
        messages += taken;
        count -= (size_t)taken;
        REQUIRE((count == 0) == (error == RD_KAFKA_RESP_ERR_NO_ERROR));
        REQUIRE(count == 0 || messages[0].err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (count > 0) {
            (void)rd_kafka_poll(publisher->producer, SEND_WAIT_MS);
        }
    }
    return error;
}

/* As librdkafka wants them: by partition. */
static void fill_messages(struct publisher *publisher) {
    const struct sorter *sorter = &publisher->sorter;
    if (sorter->count > publisher->message_capacity) {
        free(publisher->messages);
        publisher->message_capacity = sorter->capacity;
        publisher->messages = calloc(publisher->message_capacity, sizeof publisher->messages[0]);
        REQUIRE(publisher->messages != NULL);
    }
    for (size_t i = 0; i < sorter->count; i++) {
        const struct sorter_record *record = &sorter->records[sorter->order[i]];
        publisher->messages[i] = (rd_kafka_message_t){
            .key = (void *)(uintptr_t)record->key,
            .key_len = record->key_size,
            .payload = (void *)(uintptr_t)record->value,
            .len = record->value_size,
        };
    }
}

enum which { FIRST_OF_EACH, REST_OF_EACH };

static enum verdict push_some(struct publisher *publisher, enum which which, struct fault *fault) {
    size_t from = 0;
    for (size_t output = 0; output < OUTPUT_COUNT; output++) {
        for (int32_t p = 0; p < publisher->partition_counts[output]; p++) {
            size_t end = publisher->sorter.ends[publisher->places[output] + (uint32_t)p];
            size_t second = from < end ? from + 1 : end;
            rd_kafka_message_t *first = publisher->messages + from;
            rd_kafka_resp_err_t error =
                which == FIRST_OF_EACH
                    ? produce(publisher, publisher->topics[output], p, first, second - from)
                    : produce(publisher, publisher->topics[output], p, first + 1, end - second);
            if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
                return refuse(publisher, (enum output)output, error, fault);
            }
            from = end;
        }
    }
    return VERDICT_COMMITTED;
}

/* A millisecond after the first record librdkafka asks for the partitions that it has met, and
 * after each answer it looks again, spinning for a millisecond each time (2.0.2): it is to meet
 * them all before that. */
static enum verdict push(struct publisher *publisher, struct fault *fault) {
    struct sorter *sorter = &publisher->sorter;
    sorter_sort(sorter);
    fill_messages(publisher);
    sorter_clear(sorter);
    enum verdict verdict = push_some(publisher, FIRST_OF_EACH, fault);
    return verdict == VERDICT_COMMITTED ? push_some(publisher, REST_OF_EACH, fault) : verdict;
}

static enum verdict send_offsets(struct publisher *publisher, const struct input_offset *offsets,
                                 size_t count, const struct group_snapshot *group,
                                 struct fault *fault) {
    /* Without a valid offset the call would do nothing, and nothing would fence us (P53). */
    REQUIRE(count > 0 && group != NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        REQUIRE(offsets[i].next_offset >= 0);
        rd_kafka_topic_partition_list_add(list, publisher->input_topic, offsets[i].partition)
            ->offset = offsets[i].next_offset;
    }
    enum verdict verdict = VERDICT_AGAIN;
    for (int i = 0; i < CALL_ATTEMPTS_MAX && verdict == VERDICT_AGAIN; i++) {
        rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(
            publisher->producer, list, group_snapshot_metadata(group), -1);
        verdict = error == NULL ? VERDICT_COMMITTED
                                : judge(publisher, error, "send_offsets_to_transaction", fault);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return verdict == VERDICT_AGAIN ? VERDICT_REBUILD : verdict;
}

enum verdict publisher_commit(struct publisher *publisher, const struct input_offset *offsets,
                              size_t offset_count, const struct group_snapshot *group,
                              struct fault *fault) {
    REQUIRE(publisher->state == TRANSACTION_OPEN);
    enum verdict verdict = push(publisher, fault);
    if (verdict == VERDICT_COMMITTED) {
        verdict = send_offsets(publisher, offsets, offset_count, group, fault);
    }
    if (verdict != VERDICT_COMMITTED) {
        return verdict;
    }
    verdict = VERDICT_AGAIN;
    for (int i = 0; i < CALL_ATTEMPTS_MAX && verdict == VERDICT_AGAIN; i++) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(publisher->producer, -1);
        verdict = error == NULL ? VERDICT_COMMITTED
                                : judge(publisher, error, "commit_transaction", fault);
    }
    if (verdict == VERDICT_COMMITTED) {
        publisher->state = TRANSACTION_NONE;
    } else if (verdict != VERDICT_ABORT) {
        publisher->state = TRANSACTION_UNKNOWN;
        verdict = verdict == VERDICT_STOP ? VERDICT_STOP : VERDICT_REBUILD;
    }
    return verdict;
}

enum verdict publisher_abort(struct publisher *publisher, struct fault *fault) {
    REQUIRE(publisher->state != TRANSACTION_NONE);
    sorter_clear(&publisher->sorter);
    if (publisher->state == TRANSACTION_UNKNOWN) {
        fault_set(fault, "the outcome of the commit is unknown");
        return VERDICT_REBUILD;
    }
    enum verdict verdict = VERDICT_AGAIN;
    for (int i = 0; i < CALL_ATTEMPTS_MAX && verdict == VERDICT_AGAIN; i++) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(publisher->producer, -1);
        verdict =
            error == NULL ? VERDICT_COMMITTED : judge(publisher, error, "abort_transaction", fault);
    }
    publisher->state = verdict == VERDICT_COMMITTED ? TRANSACTION_NONE : TRANSACTION_UNKNOWN;
    return verdict == VERDICT_COMMITTED ? VERDICT_COMMITTED : VERDICT_REBUILD;
}

const char *publisher_error_name(const struct publisher *publisher) {
    REQUIRE(publisher != NULL);
    return publisher->error == RD_KAFKA_RESP_ERR_NO_ERROR ? "none"
                                                          : rd_kafka_err2name(publisher->error);
}

int32_t publisher_partition_count(const struct publisher *publisher, enum output output) {
    return publisher->partition_counts[output];
}

size_t publisher_value_size_max(const struct publisher *publisher) {
    REQUIRE(publisher != NULL);
    return MESSAGE_SIZE_MAX - RECORD_OVERHEAD_MAX;
}
