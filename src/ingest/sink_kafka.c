/* A topic. The partition is chosen here (murmur2, as Java's clients do), so that no setting of the
 * producer can put a customer elsewhere. */
#include "accrued/decode.h"
#include "accrued/hash.h"
#include "accrued/kafka_client.h"
#include "accrued/line_json.h"
#include "accrued/require.h"
#include "sink.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define METADATA_TIMEOUT_MS 10000
#define POLL_MS 100
#define FLUSH_TIMEOUT_MS 120000
#define SCHEMA_FILE "billing-line.avsc"

struct kafka_sink {
    struct ingest_sink sink; /* first: a sink is a kafka_sink */
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    int32_t partition_count;
    struct schema_ref schema;
    struct buffer value;
    /* The first delivery that failed, told with the next call. */
    bool has_failed;
    struct fault failure;
};

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    struct kafka_sink *kafka = opaque;
    (void)producer;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !kafka->has_failed) {
        kafka->has_failed = true;
        (void)fault_set(&kafka->failure, "topic %s, partition %d: a line was not taken: %s",
                        rd_kafka_topic_name(message->rkt), (int)message->partition,
                        rd_kafka_err2str(message->err));
        (void)kafka_name_right(message->err, "Write", "topic", rd_kafka_topic_name(message->rkt),
                               &kafka->failure);
    }
}

static bool failed(const struct kafka_sink *kafka, struct fault *fault) {
    *fault = kafka->failure;
    return false;
}

static bool kafka_put(struct ingest_sink *sink, const struct billing_line *line,
                      struct fault *fault) {
    struct kafka_sink *kafka = (struct kafka_sink *)sink;
    struct text key = line->customer_id;
    int32_t partition = murmur2_partition(key.data, key.size, kafka->partition_count);
    buffer_clear(&kafka->value);
    frame_append(&kafka->value, kafka->schema);
    line_append_avro(&kafka->value, line);
    while (!kafka->has_failed) {
        if (rd_kafka_produce(kafka->topic, partition, RD_KAFKA_MSG_F_COPY, kafka->value.data,
                             kafka->value.size, key.data, key.size, NULL) == 0) {
            (void)rd_kafka_poll(kafka->producer, 0);
            return true;
        }
        rd_kafka_resp_err_t error = rd_kafka_last_error();
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return fault_set(fault, "topic %s: %s", rd_kafka_topic_name(kafka->topic),
                             rd_kafka_err2str(error));
        }
        (void)rd_kafka_poll(kafka->producer, POLL_MS);
    }
    return failed(kafka, fault);
}

static bool kafka_flush(struct ingest_sink *sink, struct fault *fault) {
    struct kafka_sink *kafka = (struct kafka_sink *)sink;
    rd_kafka_resp_err_t error = rd_kafka_flush(kafka->producer, FLUSH_TIMEOUT_MS);
    if (kafka->has_failed) {
        return failed(kafka, fault);
    }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "topic %s: %d lines are not with the brokers after %d s: %s",
                     rd_kafka_topic_name(kafka->topic), rd_kafka_outq_len(kafka->producer),
                     FLUSH_TIMEOUT_MS / 1000, rd_kafka_err2str(error));
}

static void kafka_free(struct ingest_sink *sink) {
    struct kafka_sink *kafka = (struct kafka_sink *)sink;
    if (kafka->topic != NULL) {
        rd_kafka_topic_destroy(kafka->topic);
    }
    if (kafka->producer != NULL) {
        kafka_handle_free(kafka->producer);
    }
    buffer_release(&kafka->value);
    free(kafka);
}

static bool connect_producer(struct kafka_sink *kafka, const struct config *config,
                             const char *topic, struct fault *fault) {
    rd_kafka_conf_t *conf =
        kafka_conf_new(config, "ingest", &config->kafka.producer_properties, fault);
    if (conf == NULL) {
        return false;
    }
    if (!kafka_conf_put(conf, "enable.idempotence", "true", fault) ||
        !kafka_conf_put(conf, "acks", "all", fault) ||
        !kafka_conf_put(conf, "compression.type", config->kafka.compression, fault) ||
        !kafka_conf_put(conf, "linger.ms", "50", fault)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, kafka);
    kafka->producer = kafka_handle_new(RD_KAFKA_PRODUCER, conf, fault);
    if (kafka->producer == NULL ||
        !kafka_partition_count(kafka->producer, topic, METADATA_TIMEOUT_MS, &kafka->partition_count,
                               fault)) {
        return false;
    }
    kafka->topic = rd_kafka_topic_new(kafka->producer, topic, NULL);
    REQUIRE(kafka->topic != NULL);
    return true;
}

static bool choose_schema(struct kafka_sink *kafka, const struct config *config,
                          struct fault *fault) {
    char *path = NULL;
    kafka->schema = (struct schema_ref){.framing = config->schemas.framing,
                                        .id = (uint32_t)config->schemas.billing_line_id};
    if (config->schemas.framing == FRAMING_CONFLUENT) {
        return true;
    }
    REQUIRE(asprintf(&path, "%s/%s", config->schemas.directory, SCHEMA_FILE) >= 0);
    bool is_good = schema_fingerprint(path, &kafka->schema.fingerprint, fault);
    free(path);
    return is_good;
}

struct ingest_sink *ingest_sink_kafka(const struct config *config, const char *topic,
                                      struct fault *fault) {
    struct kafka_sink *kafka = calloc(1, sizeof *kafka);
    REQUIRE(kafka != NULL);
    kafka->sink = (struct ingest_sink){kafka_put, kafka_flush, kafka_free};
    buffer_init(&kafka->value);
    if (!choose_schema(kafka, config, fault) || !connect_producer(kafka, config, topic, fault)) {
        kafka_free(&kafka->sink);
        return NULL;
    }
    return &kafka->sink;
}
