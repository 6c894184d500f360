#include "accrued/offsets.h"

#include "accrued/kafka_client.h"

#include <librdkafka/rdkafka.h>

#define QUESTION_TIMEOUT_MS 10000

/* Never subscribes and never commits: only who asks for a group's offsets needs its name. */
static rd_kafka_t *open_asker(const struct config *config, struct fault *fault) {
    rd_kafka_conf_t *conf =
        kafka_conf_new(config, "reader-offsets", &config->kafka.consumer_properties, fault);
    if (conf == NULL) {
        return NULL;
    }
    if (!kafka_conf_put(conf, "group.id", config->kafka.group_id, fault) ||
        !kafka_conf_put(conf, "enable.auto.commit", "false", fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return kafka_handle_new(RD_KAFKA_CONSUMER, conf, fault);
}

typedef rd_kafka_resp_err_t (*question)(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int);

/* One partition's answer; `offset` is what the question puts there. */
static bool ask(const struct config *config, const char *topic, int32_t partition, question put,
                int64_t offset, int64_t *ret_offset, struct fault *fault) {
    rd_kafka_t *asker = open_asker(config, fault);
    if (asker == NULL) {
        return false;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_resp_err_t error = put(asker, list, QUESTION_TIMEOUT_MS);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        error = list->elems[0].err;
    }
    *ret_offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    kafka_handle_free(asker);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "offsets of %s [%d]: %s%s%s%s", topic, partition,
                     rd_kafka_err2str(error),
                     error == RD_KAFKA_RESP_ERR__TIMED_OUT ? "; may this user Describe group " : "",
                     error == RD_KAFKA_RESP_ERR__TIMED_OUT ? config->kafka.group_id : "",
                     error == RD_KAFKA_RESP_ERR__TIMED_OUT ? " (docs/security.md)?" : "");
}

bool offsets_committed(const struct config *config, const char *topic, int32_t partition,
                       int64_t *ret_offset, struct fault *fault) {
    if (!ask(config, topic, partition, rd_kafka_committed, RD_KAFKA_OFFSET_INVALID, ret_offset,
             fault)) {
        return false;
    }
    *ret_offset = *ret_offset >= 0 ? *ret_offset : -1;
    return true;
}

bool offsets_since(const struct config *config, const char *topic, int32_t partition, int64_t at_ms,
                   int64_t *ret_offset, struct fault *fault) {
    if (!ask(config, topic, partition, rd_kafka_offsets_for_times, at_ms, ret_offset, fault)) {
        return false;
    }
    *ret_offset = *ret_offset >= 0 ? *ret_offset : INT64_MAX;
    return true;
}
