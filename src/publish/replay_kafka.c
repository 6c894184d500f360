#include "accrued/replay.h"

#include "accrued/hash.h"
#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define METADATA_TIMEOUT_MS 15000
#define CALL_ATTEMPTS_MAX 100
#define POLL_MS 50
#define SEND_ATTEMPTS_MAX 600
/* Of one transaction. */
#define LETTERS_MAX 1000
#define BYTES_MAX (UINT64_C(16) << 20)
/* A letter is whatever came in; the topic's max.message.bytes decides. */
#define RECORD_SIZE_MAX 1000000000

struct replayer {
    rd_kafka_t *producer;
    rd_kafka_topic_t *input;
    rd_kafka_topic_t *letters;
    int32_t input_partitions;
    bool is_open;
    size_t queued;
    uint64_t queued_bytes;
    size_t committed;
    struct fault refused; /* why a record was not taken; "": none */
};

/* A commit says only that a record failed; this says which. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    struct replayer *replayer = opaque;
    (void)producer;
    bool is_news = message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
                   message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
                   message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (is_news && replayer->refused.text[0] == '\0') {
        fault_set(&replayer->refused, "%s: %zu bytes: %s", rd_kafka_topic_name(message->rkt),
                  message->len, rd_kafka_err2str(message->err));
    }
}

static bool connect_producer(struct replayer *replayer, const struct config *config,
                             struct fault *fault) {
    char id[256];
    (void)snprintf(id, sizeof id, "accrued-%s-dlq-replay", config->kafka.environment);
    rd_kafka_conf_t *conf =
        kafka_conf_new(config, "dlq-replay", &config->kafka.producer_properties, fault);
    if (conf == NULL) {
        return false;
    }
    if (!kafka_conf_put(conf, "transactional.id", id, fault) ||
        !kafka_conf_put_int(conf, "transaction.timeout.ms", config->kafka.transaction_timeout_ms,
                            fault) ||
        !kafka_conf_put(conf, "compression.codec", config->kafka.compression, fault) ||
        !kafka_conf_put_int(conf, "message.max.bytes", RECORD_SIZE_MAX, fault)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, replayer);
    replayer->producer = kafka_handle_new(RD_KAFKA_PRODUCER, conf, fault);
    int32_t letter_partitions = 0;
    if (replayer->producer == NULL ||
        !kafka_partition_count(replayer->producer, config->topics.billing_lines,
                               METADATA_TIMEOUT_MS, &replayer->input_partitions, fault) ||
        !kafka_partition_count(replayer->producer, config->topics.billing_lines_dlq,
                               METADATA_TIMEOUT_MS, &letter_partitions, fault)) {
        return false;
    }
    replayer->input = rd_kafka_topic_new(replayer->producer, config->topics.billing_lines, NULL);
    replayer->letters =
        rd_kafka_topic_new(replayer->producer, config->topics.billing_lines_dlq, NULL);
    REQUIRE(replayer->input != NULL && replayer->letters != NULL);
    return true;
}

/* Asks a transactional call until it is decided. false: *fault. */
static bool decide(struct replayer *replayer, rd_kafka_error_t *(*call)(rd_kafka_t *, int),
                   const char *name, struct fault *fault) {
    for (int i = 0; i < CALL_ATTEMPTS_MAX; i++) {
        rd_kafka_error_t *error = call(replayer->producer, -1);
        if (error == NULL) {
            return true;
        }
        bool is_again = rd_kafka_error_is_retriable(error) != 0;
        fault_set(fault, "%s: %s: %s", name, rd_kafka_error_name(error),
                  rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        if (!is_again) {
            return false;
        }
    }
    return false;
}

struct replayer *replayer_open(const struct config *config, struct fault *fault) {
    struct replayer *replayer = calloc(1, sizeof *replayer);
    REQUIRE(replayer != NULL);
    if (!connect_producer(replayer, config, fault) ||
        !decide(replayer, rd_kafka_init_transactions, "init_transactions", fault)) {
        replayer_free(replayer);
        return NULL;
    }
    return replayer;
}

static void abort_open(struct replayer *replayer) {
    struct fault ignored;
    if (replayer->is_open) {
        (void)decide(replayer, rd_kafka_abort_transaction, "abort_transaction", &ignored);
        replayer->is_open = false;
    }
}

void replayer_free(struct replayer *replayer) {
    if (replayer == NULL) {
        return;
    }
    abort_open(replayer);
    if (replayer->input != NULL) {
        rd_kafka_topic_destroy(replayer->input);
        rd_kafka_topic_destroy(replayer->letters);
    }
    if (replayer->producer != NULL) {
        kafka_handle_free(replayer->producer);
    }
    free(replayer);
}

static bool begin(struct replayer *replayer, struct fault *fault) {
    rd_kafka_error_t *error = rd_kafka_begin_transaction(replayer->producer);
    if (error != NULL) {
        fault_set(fault, "begin_transaction: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        return false;
    }
    replayer->is_open = true;
    replayer->queued = 0;
    replayer->queued_bytes = 0;
    return true;
}

/* What the worker added about the failure goes; where the record came from stays. */
static rd_kafka_headers_t *headers_back(const struct topic_record *letter) {
    rd_kafka_headers_t *original = NULL;
    rd_kafka_headers_t *headers =
        rd_kafka_message_headers(letter->message, &original) == RD_KAFKA_RESP_ERR_NO_ERROR
            ? rd_kafka_headers_copy(original)
            : rd_kafka_headers_new(0);
    (void)rd_kafka_header_remove(headers, "accrued.error.code");
    (void)rd_kafka_header_remove(headers, "accrued.error.message");
    return headers;
}

static rd_kafka_resp_err_t produce(struct replayer *replayer, rd_kafka_topic_t *topic,
                                   int32_t partition, struct text key, struct text value,
                                   rd_kafka_headers_t *headers) {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    for (int i = 0; i < SEND_ATTEMPTS_MAX && error == RD_KAFKA_RESP_ERR__QUEUE_FULL; i++) {
        error = rd_kafka_producev(
            replayer->producer, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.size),
            RD_KAFKA_V_KEY(key.data, key.size), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            (void)rd_kafka_poll(replayer->producer, POLL_MS);
        }
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return error;
}

/* Where the key belongs; a record without key back to where it was. false: it has no place. */
static bool home_of(const struct replayer *replayer, const struct topic_record *letter,
                    int32_t *ret_partition, struct fault *fault) {
    if (!text_is_null(letter->key)) {
        *ret_partition =
            murmur2_partition(letter->key.data, letter->key.size, replayer->input_partitions);
        return true;
    }
    int64_t partition = -1;
    if (!text_to_int64(topic_record_header(letter, "accrued.source.partition"), &partition) ||
        partition >= replayer->input_partitions) {
        return fault_set(fault, "letter %d/%lld has neither a key nor a source partition",
                         letter->partition, (long long)letter->offset);
    }
    *ret_partition = (int32_t)partition;
    return true;
}

static bool send_both(struct replayer *replayer, const struct topic_record *letter,
                      struct fault *fault) {
    int32_t partition = 0;
    if (!home_of(replayer, letter, &partition, fault)) {
        return false;
    }
    rd_kafka_resp_err_t error = produce(replayer, replayer->input, partition, letter->key,
                                        letter->value, headers_back(letter));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        char offset[24];
        (void)snprintf(offset, sizeof offset, "%lld", (long long)letter->offset);
        rd_kafka_headers_t *mark = rd_kafka_headers_new(1);
        (void)rd_kafka_header_add(mark, REPLAY_MARK_HEADER, -1, offset, -1);
        error =
            produce(replayer, replayer->letters, letter->partition, text_null(), text_null(), mark);
    }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "letter %d/%lld: %s", letter->partition, (long long)letter->offset,
                     rd_kafka_err2str(error));
}

bool replayer_send(struct replayer *replayer, const struct topic_record *letter,
                   struct fault *fault) {
    if (!replayer->is_open && !begin(replayer, fault)) {
        return false;
    }
    if (!send_both(replayer, letter, fault)) {
        abort_open(replayer);
        return false;
    }
    replayer->queued++;
    replayer->queued_bytes += letter->value.size;
    return (replayer->queued < LETTERS_MAX && replayer->queued_bytes < BYTES_MAX) ||
           replayer_commit(replayer, fault);
}

bool replayer_commit(struct replayer *replayer, struct fault *fault) {
    if (!replayer->is_open) {
        return true;
    }
    if (!decide(replayer, rd_kafka_commit_transaction, "commit_transaction", fault)) {
        if (replayer->refused.text[0] != '\0') {
            *fault = replayer->refused;
        }
        abort_open(replayer);
        return false;
    }
    replayer->is_open = false;
    replayer->committed += replayer->queued;
    return true;
}

size_t replayer_count(const struct replayer *replayer) {
    return replayer->committed;
}
