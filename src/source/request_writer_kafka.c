/* Re-rate requests into their topic; the other half of requests.h. */
#include "accrued/decode.h"
#include "accrued/kafka_client.h"
#include "accrued/requests.h"
#include "accrued/require.h"
#include "accrued/rerate_record.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUEST_PARTITION 0
#define METADATA_TIMEOUT_MS 10000
#define FLUSH_TIMEOUT_MS 30000
#define POLL_MS 100
#define SCHEMA_FILE "rerate-request.avsc"

struct request_writer {
    rd_kafka_t *producer;
    char *topic;
    struct schema_ref schema;
    struct buffer value;
    int64_t last; /* the highest offset that was delivered */
    bool has_failed;
    struct fault failure; /* the first */
};

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    struct request_writer *writer = opaque;
    (void)producer;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        writer->last = message->offset > writer->last ? message->offset : writer->last;
    } else if (!writer->has_failed) {
        writer->has_failed = true;
        (void)fault_set(&writer->failure, "topic %s: a request was not taken: %s", writer->topic,
                        rd_kafka_err2str(message->err));
        (void)kafka_name_right(message->err, "Write", "topic", writer->topic, &writer->failure);
    }
}

static bool connect_producer(struct request_writer *writer, const struct config *config,
                             struct fault *fault) {
    rd_kafka_conf_t *conf =
        kafka_conf_new(config, "requests", &config->kafka.producer_properties, fault);
    if (conf == NULL) {
        return false;
    }
    if (!kafka_conf_put(conf, "enable.idempotence", "true", fault) ||
        !kafka_conf_put(conf, "acks", "all", fault) ||
        !kafka_conf_put(conf, "compression.type", config->kafka.compression, fault)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, writer);
    int32_t partition_count = 0;
    writer->producer = kafka_handle_new(RD_KAFKA_PRODUCER, conf, fault);
    return writer->producer != NULL &&
           kafka_partition_count(writer->producer, writer->topic, METADATA_TIMEOUT_MS,
                                 &partition_count, fault);
}

static bool choose_schema(struct request_writer *writer, const struct config *config,
                          struct fault *fault) {
    writer->schema = (struct schema_ref){.framing = config->schemas.framing,
                                         .id = (uint32_t)config->schemas.rerate_request_id};
    if (config->schemas.framing == FRAMING_CONFLUENT) {
        return true;
    }
    char *path = NULL;
    int size = asprintf(&path, "%s/%s", config->schemas.directory, SCHEMA_FILE);
    REQUIRE(size > 0 && path != NULL);
    bool is_good = schema_fingerprint(path, &writer->schema.fingerprint, fault);
    free(path);
    return is_good;
}

struct request_writer *request_writer_open(const struct config *config, struct fault *fault) {
    struct request_writer *writer = calloc(1, sizeof *writer);
    REQUIRE(writer != NULL);
    writer->last = -1;
    buffer_init(&writer->value);
    writer->topic = strdup(config->topics.rerate_requests);
    REQUIRE(writer->topic != NULL);
    if (!choose_schema(writer, config, fault) || !connect_producer(writer, config, fault)) {
        request_writer_free(writer);
        return NULL;
    }
    return writer;
}

void request_writer_free(struct request_writer *writer) {
    if (writer == NULL) {
        return;
    }
    if (writer->producer != NULL) {
        kafka_handle_free(writer->producer);
    }
    buffer_release(&writer->value);
    free(writer->topic);
    free(writer);
}

static bool failed(const struct request_writer *writer, struct fault *fault) {
    *fault = writer->failure;
    return false;
}

bool request_writer_put(struct request_writer *writer, const struct rerate_request *request,
                        int64_t requested_at_ms, struct fault *fault) {
    if (!rerate_request_check(request, fault)) {
        return false;
    }
    buffer_clear(&writer->value);
    frame_append(&writer->value, writer->schema);
    rerate_append_avro(&writer->value, request, requested_at_ms);
    while (!writer->has_failed) {
        rd_kafka_resp_err_t error = rd_kafka_producev(
            writer->producer, RD_KAFKA_V_TOPIC(writer->topic),
            RD_KAFKA_V_PARTITION(REQUEST_PARTITION), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(request->request_id.data, request->request_id.size),
            RD_KAFKA_V_VALUE(writer->value.data, writer->value.size), RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void)rd_kafka_poll(writer->producer, 0);
            return true;
        }
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return fault_set(fault, "topic %s: %s", writer->topic, rd_kafka_err2str(error));
        }
        (void)rd_kafka_poll(writer->producer, POLL_MS);
    }
    return failed(writer, fault);
}

bool request_writer_flush(struct request_writer *writer, int64_t *ret_last, struct fault *fault) {
    rd_kafka_resp_err_t error = rd_kafka_flush(writer->producer, FLUSH_TIMEOUT_MS);
    if (writer->has_failed) {
        return failed(writer, fault);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fault_set(fault, "topic %s: %d requests are not with the brokers after %d s: %s",
                         writer->topic, rd_kafka_outq_len(writer->producer),
                         FLUSH_TIMEOUT_MS / 1000, rd_kafka_err2str(error));
    }
    *ret_last = writer->last;
    return true;
}
