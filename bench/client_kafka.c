#include "client_kafka.h"

#include "tool.h"

#define TIMEOUT_MS 15000
/* A topic that was just made may not be known to its leader yet. */
#define ASK_MAX 50
#define ASK_PAUSE_US 100000

rd_kafka_t *client_new(rd_kafka_type_t type, const char *bootstrap, const char *const *properties) {
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (bootstrap == NULL) {
        tool_fail("--bootstrap HOST:PORT is missing");
    }
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, reason, sizeof reason) !=
        RD_KAFKA_CONF_OK) {
        tool_fail("%s", reason);
    }
    for (size_t i = 0; properties[i] != NULL; i += 2) {
        if (rd_kafka_conf_set(conf, properties[i], properties[i + 1], reason, sizeof reason) !=
            RD_KAFKA_CONF_OK) {
            tool_fail("%s", reason);
        }
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof reason);
    if (client == NULL) {
        tool_fail("%s", reason);
    }
    return client;
}

int32_t client_partition_count(rd_kafka_t *client, const char *topic) {
    rd_kafka_topic_t *wanted = rd_kafka_topic_new(client, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, wanted, &metadata, TIMEOUT_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topics[0].partition_cnt == 0) {
        tool_fail("topic %s: %s", topic, rd_kafka_err2str(error));
    }
    int32_t count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(wanted);
    return count;
}

rd_kafka_topic_partition_list_t *client_partitions(rd_kafka_t *client, const char *topic,
                                                   int64_t offset) {
    int32_t count = client_partition_count(client, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = offset;
    }
    return list;
}

int64_t client_ends(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions) {
    int64_t sum = 0;
    for (int i = 0; i < partitions->cnt; i++) {
        int64_t low = 0;
        rd_kafka_topic_partition_t *at = &partitions->elems[i];
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
        for (int asked = 0; asked < ASK_MAX && error != RD_KAFKA_RESP_ERR_NO_ERROR; asked++) {
            if (asked > 0) {
                tool_sleep_us(ASK_PAUSE_US);
            }
            error = rd_kafka_query_watermark_offsets(client, at->topic, at->partition, &low,
                                                     &at->offset, TIMEOUT_MS);
        }
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            tool_fail("the end of %s/%d: %s", at->topic, (int)at->partition,
                      rd_kafka_err2str(error));
        }
        sum += at->offset - low;
    }
    return sum;
}

void client_require(rd_kafka_error_t *error, const char *call) {
    if (error != NULL) {
        tool_fail("%s: %s", call, rd_kafka_error_string(error));
    }
}
