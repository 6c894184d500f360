#include "accrued/purge.h"

#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>

#define ANSWER_TIMEOUT_MS 30000

static bool read_answer(rd_kafka_event_t *event, const char *topic, struct fault *fault) {
    if (event == NULL) {
        return fault_set(fault, "%s: no answer within %d s", topic, ANSWER_TIMEOUT_MS / 1000);
    }
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fault_set(fault, "%s: %s", topic, rd_kafka_event_error_string(event));
    }
    const rd_kafka_topic_partition_list_t *done =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; i < done->cnt; i++) {
        if (done->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return fault_set(fault, "%s [%d]: %s", topic, done->elems[i].partition,
                             rd_kafka_err2str(done->elems[i].err));
        }
    }
    return true;
}

bool topic_delete_before(const struct config *config, const char *topic,
                         const struct topic_cut *cuts, size_t count, struct fault *fault) {
    REQUIRE(count > 0);
    rd_kafka_conf_t *conf = kafka_conf_new(config, "purge", NULL, fault);
    rd_kafka_t *handle = conf == NULL ? NULL : kafka_handle_new(RD_KAFKA_PRODUCER, conf, fault);
    if (handle == NULL) {
        return false;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, cuts[i].partition)->offset = cuts[i].before;
    }
    rd_kafka_DeleteRecords_t *wish = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
    rd_kafka_DeleteRecords(handle, &wish, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_TIMEOUT_MS);
    bool is_good = read_answer(event, topic, fault);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(wish);
    rd_kafka_topic_partition_list_destroy(list);
    kafka_handle_free(handle);
    return is_good;
}
