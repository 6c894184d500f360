#include "accrued/group_offsets.h"

#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#define ANSWER_TIMEOUT_MS 30000

static rd_kafka_t *open_handle(const struct config *config, const char *group,
                               struct fault *fault) {
    rd_kafka_conf_t *conf =
        kafka_conf_new(config, "group-offsets", &config->kafka.consumer_properties, fault);
    if (conf == NULL) {
        return NULL;
    }
    /* read_committed: only then pending transactions are waited for (P6). */
    if (!kafka_conf_put(conf, "group.id", group, fault) ||
        !kafka_conf_put(conf, "enable.auto.commit", "false", fault) ||
        !kafka_conf_put(conf, "isolation.level", "read_committed", fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return kafka_handle_new(RD_KAFKA_CONSUMER, conf, fault);
}

static bool ask(rd_kafka_t *handle, rd_kafka_topic_partition_list_t *list, const char *group,
                int64_t *offsets, struct fault *fault) {
    rd_kafka_resp_err_t error = rd_kafka_committed(handle, list, ANSWER_TIMEOUT_MS);
    for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        error = list->elems[i].err;
        offsets[list->elems[i].partition] = list->elems[i].offset >= 0 ? list->elems[i].offset : -1;
    }
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "committed offsets of group %s: %s", group, rd_kafka_err2str(error));
}

bool group_offsets(const struct config *config, const char *group, const char *topic,
                   int64_t **ret_offsets, int32_t *ret_count, struct fault *fault) {
    int32_t count = 0;
    rd_kafka_t *handle = open_handle(config, group, fault);
    if (handle == NULL) {
        return false;
    }
    if (!kafka_partition_count(handle, topic, ANSWER_TIMEOUT_MS, &count, fault)) {
        kafka_handle_free(handle);
        return false;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, count - 1);
    int64_t *offsets = calloc((size_t)count, sizeof *offsets);
    REQUIRE(offsets != NULL);
    bool is_good = ask(handle, list, group, offsets, fault);
    rd_kafka_topic_partition_list_destroy(list);
    kafka_handle_free(handle);
    if (!is_good) {
        free(offsets);
        return false;
    }
    *ret_offsets = offsets;
    *ret_count = count;
    return true;
}
