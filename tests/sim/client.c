/* librdkafka's names: what producers and consumers share. */
#include "client.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rd_kafka_resp_err_t last_error;

rd_kafka_conf_t *rd_kafka_conf_new(void) {
    rd_kafka_conf_t *conf = calloc(1, sizeof *conf);
    REQUIRE(conf != NULL);
    return conf;
}

void rd_kafka_conf_destroy(rd_kafka_conf_t *conf) {
    for (size_t i = 0; i < conf->count; i++) {
        free(conf->names[i]);
        free(conf->values[i]);
    }
    free(conf);
}

rd_kafka_conf_res_t rd_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                      char *reason, size_t reason_size) {
    (void)reason;
    (void)reason_size;
    if (strcmp(name, "fetch.queue.backoff.ms") == 0) {
        return RD_KAFKA_CONF_UNKNOWN; /* it is younger than 2.0.2 */
    }
    for (size_t i = 0; i < conf->count; i++) {
        if (strcmp(conf->names[i], name) == 0) {
            free(conf->values[i]);
            conf->values[i] = strdup(value);
            return RD_KAFKA_CONF_OK;
        }
    }
    REQUIRE(conf->count < CONF_ITEMS_MAX);
    conf->names[conf->count] = strdup(name);
    conf->values[conf->count++] = strdup(value);
    return RD_KAFKA_CONF_OK;
}

void rd_kafka_conf_set_log_cb(rd_kafka_conf_t *conf,
                              void (*log)(const rd_kafka_t *handle, int level, const char *facility,
                                          const char *text)) {
    (void)conf;
    (void)log;
}

void rd_kafka_conf_set_error_cb(rd_kafka_conf_t *conf,
                                void (*error)(rd_kafka_t *handle, int code, const char *reason,
                                              void *opaque)) {
    (void)conf;
    (void)error;
}

void rd_kafka_conf_set_rebalance_cb(rd_kafka_conf_t *conf,
                                    void (*rebalance)(rd_kafka_t *handle, rd_kafka_resp_err_t code,
                                                      rd_kafka_topic_partition_list_t *partitions,
                                                      void *opaque)) {
    conf->rebalance = rebalance;
}

void rd_kafka_conf_set_opaque(rd_kafka_conf_t *conf, void *opaque) {
    conf->opaque = opaque;
}

const char *client_setting(const rd_kafka_t *handle, const char *name) {
    for (size_t i = 0; i < handle->conf->count; i++) {
        if (strcmp(handle->conf->names[i], name) == 0) {
            return handle->conf->values[i];
        }
    }
    return "";
}

rd_kafka_t *rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *reason,
                         size_t reason_size) {
    (void)reason;
    (void)reason_size;
    rd_kafka_t *handle = calloc(1, sizeof *handle);
    REQUIRE(handle != NULL);
    handle->type = type;
    handle->conf = conf;
    handle->process = sim_current();
    REQUIRE(handle->process != NULL);
    /* As librdkafka does when nothing is said. */
    handle->reads_committed =
        strcmp(client_setting(handle, "isolation.level"), "read_uncommitted") != 0;
    handle->tells_ends = strcmp(client_setting(handle, "enable.partition.eof"), "true") == 0;
    if (type == RD_KAFKA_PRODUCER) {
        producer_init(handle);
    } else {
        consumer_init(handle);
    }
    return handle;
}

/* The memory stays: an event may still name the handle. */
void rd_kafka_destroy(rd_kafka_t *handle) {
    REQUIRE(!handle->is_destroyed);
    handle->is_destroyed = true;
    free(handle->production.queue);
    handle->production.queue = NULL;
    rd_kafka_conf_destroy(handle->conf);
    handle->conf = NULL;
}

const char *rd_kafka_name(const rd_kafka_t *handle) {
    return client_setting(handle, "client.id");
}

int rd_kafka_poll(rd_kafka_t *handle, int timeout_ms) {
    (void)handle;
    sim_sleep(timeout_ms > 0 ? sim_between(0, timeout_ms) : 0);
    return 0;
}

void client_set_last_error(rd_kafka_resp_err_t code) {
    last_error = code;
}

rd_kafka_resp_err_t rd_kafka_last_error(void) {
    return last_error;
}

const char *rd_kafka_err2name(rd_kafka_resp_err_t code) {
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return "NO_ERROR";
    case RD_KAFKA_RESP_ERR__FENCED: return "_FENCED";
    case RD_KAFKA_RESP_ERR__STATE: return "_STATE";
    case RD_KAFKA_RESP_ERR__TIMED_OUT: return "_TIMED_OUT";
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: return "_MSG_TIMED_OUT";
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED: return "_MAX_POLL_EXCEEDED";
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: return "_PARTITION_EOF";
    case RD_KAFKA_RESP_ERR__TRANSPORT: return "_TRANSPORT";
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION: return "ILLEGAL_GENERATION";
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID: return "UNKNOWN_MEMBER_ID";
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID: return "FENCED_INSTANCE_ID";
    case RD_KAFKA_RESP_ERR__FATAL: return "_FATAL";
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS: return "REBALANCE_IN_PROGRESS";
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: return "INVALID_PRODUCER_EPOCH";
    case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE: return "INVALID_TXN_STATE";
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID: return "UNKNOWN_PRODUCER_ID";
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER: return "OUT_OF_ORDER_SEQUENCE_NUMBER";
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE: return "COORDINATOR_NOT_AVAILABLE";
    default: return "ANOTHER_ERROR";
    }
}

const char *rd_kafka_err2str(rd_kafka_resp_err_t code) {
    return rd_kafka_err2name(code);
}

rd_kafka_error_t *client_error(rd_kafka_resp_err_t code, bool is_fatal, bool is_retriable,
                               bool requires_abort) {
    rd_kafka_error_t *error = calloc(1, sizeof *error);
    REQUIRE(error != NULL);
    *error = (rd_kafka_error_t){
        .code = code,
        .is_fatal = is_fatal,
        .is_retriable = is_retriable,
        .requires_abort = requires_abort,
    };
    (void)snprintf(error->text, sizeof error->text, "simulated %s", rd_kafka_err2name(code));
    sim_trace("  ← %s%s%s%s", rd_kafka_err2name(code), is_fatal ? " fatal" : "",
              is_retriable ? " retriable" : "", requires_abort ? " abortable" : "");
    return error;
}

rd_kafka_resp_err_t rd_kafka_error_code(const rd_kafka_error_t *error) {
    return error->code;
}
const char *rd_kafka_error_string(const rd_kafka_error_t *error) {
    return error->text;
}
int rd_kafka_error_is_fatal(const rd_kafka_error_t *error) {
    return error->is_fatal;
}
int rd_kafka_error_is_retriable(const rd_kafka_error_t *error) {
    return error->is_retriable;
}
int rd_kafka_error_txn_requires_abort(const rd_kafka_error_t *error) {
    return error->requires_abort;
}
void rd_kafka_error_destroy(rd_kafka_error_t *error) {
    free(error);
}

rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int size) {
    (void)size;
    rd_kafka_topic_partition_list_t *list = calloc(1, sizeof *list);
    REQUIRE(list != NULL);
    list->size = SIM_PARTITIONS_MAX;
    list->elems = calloc(SIM_PARTITIONS_MAX, sizeof *list->elems);
    REQUIRE(list->elems != NULL);
    return list;
}

rd_kafka_topic_partition_t *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *list,
                                                              const char *topic,
                                                              int32_t partition) {
    REQUIRE(list->cnt < list->size);
    rd_kafka_topic_partition_t *added = &list->elems[list->cnt++];
    *added = (rd_kafka_topic_partition_t){
        .topic = strdup(topic), .partition = partition, .offset = RD_KAFKA_OFFSET_INVALID};
    return added;
}

void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++) {
        free(list->elems[i].topic);
    }
    free(list->elems);
    free(list);
}

rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *handle, const char *name,
                                     rd_kafka_topic_conf_t *conf) {
    (void)conf;
    rd_kafka_topic_t *topic = calloc(1, sizeof *topic);
    REQUIRE(topic != NULL);
    topic->handle = handle;
    topic->topic = broker_topic(name);
    (void)snprintf(topic->name, sizeof topic->name, "%s", name);
    return topic;
}

void rd_kafka_topic_destroy(rd_kafka_topic_t *topic) {
    free(topic);
}

const char *rd_kafka_topic_name(const rd_kafka_topic_t *topic) {
    return topic->name;
}

rd_kafka_resp_err_t rd_kafka_metadata(rd_kafka_t *handle, int all, rd_kafka_topic_t *topic,
                                      const struct rd_kafka_metadata **ret_metadata,
                                      int timeout_ms) {
    (void)handle;
    (void)all;
    (void)timeout_ms;
    sim_travel();
    if (sim_trouble(sim_plan.asks_fail)) {
        return RD_KAFKA_RESP_ERR__TRANSPORT;
    }
    struct rd_kafka_metadata *metadata = calloc(1, sizeof *metadata);
    metadata->topic_cnt = 1;
    metadata->topics = calloc(1, sizeof *metadata->topics);
    if (topic->topic == NULL) {
        metadata->topics[0].err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    } else {
        metadata->topics[0].partition_cnt = topic->topic->partition_count;
    }
    *ret_metadata = metadata;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_metadata_destroy(const struct rd_kafka_metadata *metadata) {
    free(metadata->topics);
    free((void *)(uintptr_t)metadata);
}

rd_kafka_resp_err_t rd_kafka_query_watermark_offsets(rd_kafka_t *handle, const char *topic,
                                                     int32_t partition, int64_t *low, int64_t *high,
                                                     int timeout_ms) {
    (void)timeout_ms;
    sim_travel();
    if (sim_trouble(sim_plan.asks_fail)) {
        return RD_KAFKA_RESP_ERR__TRANSPORT;
    }
    const struct log *log = &broker_topic(topic)->logs[partition];
    *low = 0;
    /* ListOffsets carries the handle's own isolation level (P51). */
    *high = handle->reads_committed ? log_stable(log) : log_high(log);
    sim_trace("%s: %s [%d] ends at %lld (stable %lld)", rd_kafka_name(handle), topic, partition,
              (long long)*high, (long long)log_stable(log));
    sim_travel();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Asked only to wake librdkafka's threads: nobody waits for the answer. */
rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *handle,
                                               rd_kafka_topic_partition_list_t *list,
                                               int timeout_ms) {
    REQUIRE(handle != NULL && list->cnt > 0 && timeout_ms == 0);
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

void rd_kafka_mem_free(rd_kafka_t *handle, void *memory) {
    (void)handle;
    free(memory);
}

rd_kafka_headers_t *rd_kafka_headers_new(size_t count) {
    (void)count;
    rd_kafka_headers_t *headers = calloc(1, sizeof *headers);
    REQUIRE(headers != NULL);
    return headers;
}

rd_kafka_headers_t *rd_kafka_headers_copy(const rd_kafka_headers_t *from) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(0);
    *headers = *from;
    return headers;
}

void rd_kafka_headers_destroy(rd_kafka_headers_t *headers) {
    free(headers);
}

rd_kafka_resp_err_t rd_kafka_header_add(rd_kafka_headers_t *headers, const char *name,
                                        ssize_t name_size, const void *value, ssize_t size) {
    (void)name_size;
    REQUIRE(headers->count < SIM_HEADERS_MAX);
    headers->items[headers->count++] =
        (struct sim_header){strdup(name), sim_copy((struct text){value, (size_t)size})};
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_header_remove(rd_kafka_headers_t *headers, const char *name) {
    for (size_t i = 0; i < headers->count; i++) {
        if (strcmp(headers->items[i].name, name) == 0) {
            memmove(&headers->items[i], &headers->items[i + 1],
                    (headers->count - i - 1) * sizeof headers->items[0]);
            headers->count--;
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
    }
    return RD_KAFKA_RESP_ERR__NOENT;
}

rd_kafka_resp_err_t rd_kafka_header_get_last(const rd_kafka_headers_t *headers, const char *name,
                                             const void **value, size_t *size) {
    for (size_t i = headers->count; i-- > 0;) {
        if (strcmp(headers->items[i].name, name) == 0) {
            *value = headers->items[i].value.data;
            *size = headers->items[i].value.size;
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
    }
    return RD_KAFKA_RESP_ERR__NOENT;
}
