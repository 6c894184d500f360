#include "accrued/source.h"

#include "membership.h"
#include "prefetch.h"

#include "accrued/kafka_client.h"
#include "accrued/log.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define METADATA_TIMEOUT_MS 15000
/* A partition that begins to flow waits for the fetch under way, which waits for data so long. */
#define FETCH_WAIT_MS 100
/* A heartbeat's answer is how a member learns of a rebalance: partitions move within a second or
 * two. */
#define HEARTBEAT_MS 1000

struct source {
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue; /* the consumer's */
    rd_kafka_t *asker; /* for offsets: the consumer's connection is busy with waiting fetches, and a
                          read_committed handle would not tell the high watermark (P51) */
    char *topic;
    char group[256];
    struct source_hooks hooks;
    int32_t partition_count;
    bool is_waiting;   /* for a first record: only there the hooks may end the call early */
    bool is_shaken;    /* a rebalance ran in the call at hand */
    bool was_assigned; /* once at least */
    int64_t *flows;    /* of each partition: what comes next; FLOW_NONE: it does not flow */
    int32_t flow_count;
    struct prefetch prefetch;
};
#define FLOW_NONE (-1)

/* Before, librdkafka aborts the process that destroys a cooperative member between its joining and
 * its first assignment (issue 4381 there): such a member leaves the group, its handle stays. */
#define VERSION_THAT_ENDS_UNASSIGNED 0x02030000

static void set_flow(struct source *source, int32_t partition, int64_t next) {
    if (partition >= source->flow_count) {
        int32_t count = partition + 1;
        int64_t *flows = realloc(source->flows, (size_t)count * sizeof *flows);
        REQUIRE(flows != NULL);
        for (int32_t i = source->flow_count; i < count; i++) {
            flows[i] = FLOW_NONE;
        }
        source->flows = flows;
        source->flow_count = count;
    }
    source->flows[partition] = next;
}

static bool is_cooperative(rd_kafka_t *consumer) {
    const char *protocol = rd_kafka_rebalance_protocol(consumer);
    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

static void log_error(const char *event, rd_kafka_error_t *error) {
    if (error != NULL) {
        log_event(LOG_ERROR, event, "error=%s", log_quote(rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
}

static void take_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions) {
    if (is_cooperative(source->consumer)) {
        log_error("incremental_assign_failed",
                  rd_kafka_incremental_assign(source->consumer, partitions));
    } else {
        rd_kafka_resp_err_t error = rd_kafka_assign(source->consumer, partitions);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            log_event(LOG_ERROR, "assign_failed", "error=%s", rd_kafka_err2name(error));
        }
    }
    if (partitions->cnt > 0) {
        (void)rd_kafka_pause_partitions(source->consumer, partitions);
    }
    for (int i = 0; i < partitions->cnt; i++) {
        set_flow(source, partitions->elems[i].partition, FLOW_NONE);
        source->hooks.assigned(source->hooks.context, partitions->elems[i].partition);
    }
    if (partitions->cnt > 0 && source->is_waiting) {
        /* Restoring begins at once: the poll that brought this waits no longer for records. Told to
         * yield, the call for many takes one more message out of the queue and loses it (2.0.2). */
        rd_kafka_yield(source->consumer);
    }
}

static void give_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions) {
    /* The flag resets on unassign: read it first (P15). */
    bool lost = rd_kafka_assignment_lost(source->consumer) != 0;
    for (int i = 0; i < partitions->cnt; i++) {
        set_flow(source, partitions->elems[i].partition, FLOW_NONE);
        source->hooks.revoked(source->hooks.context, partitions->elems[i].partition, lost);
    }
    if (is_cooperative(source->consumer)) {
        log_error("incremental_unassign_failed",
                  rd_kafka_incremental_unassign(source->consumer, partitions));
    } else {
        (void)rd_kafka_assign(source->consumer, NULL);
    }
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque) {
    struct source *source = opaque;
    REQUIRE(consumer != NULL && source != NULL);
    source->consumer = consumer;
    source->is_shaken = true;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        source->was_assigned = true;
        take_partitions(source, partitions);
    } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        give_partitions(source, partitions);
    } else {
        log_event(LOG_ERROR, "rebalance_failed", "error=%s", rd_kafka_err2name(code));
        (void)rd_kafka_assign(consumer, NULL);
    }
}

/* Each lane is a member of its own. */
static bool put_static_member(rd_kafka_conf_t *conf, const struct config *config,
                              const char *member, struct fault *fault) {
    if (config->kafka.group_instance_id[0] == '\0') {
        return true;
    }
    char id[512];
    int size = snprintf(id, sizeof id, "%s-%s", config->kafka.group_instance_id, member);
    if (size < 0 || (size_t)size >= sizeof id) {
        return fault_set(fault, "kafka.group_instance_id: more than %zu bytes", sizeof id - 16);
    }
    return kafka_conf_put(conf, "group.instance.id", id, fault);
}

/* What the design pins; `accrued check` refuses user properties that touch these. */
static bool put_pinned(rd_kafka_conf_t *conf, const struct config *config,
                       const struct source_options *options, struct fault *fault) {
    return kafka_conf_put(conf, "group.id", options->group_id, fault) &&
           put_static_member(conf, config, options->member, fault) &&
           kafka_conf_put(conf, "enable.auto.commit", "false", fault) &&
           kafka_conf_put(conf, "enable.auto.offset.store", "false", fault) &&
           kafka_conf_put(conf, "isolation.level", "read_committed", fault) &&
           kafka_conf_put(conf, "partition.assignment.strategy", "cooperative-sticky", fault) &&
           /* A first start reads all there is; afterwards the ledger's next offset stands guard. */
           kafka_conf_put(conf, "auto.offset.reset", "earliest", fault) &&
           kafka_conf_put(conf, "check.crcs", config->kafka.is_embedded ? "false" : "true",
                          fault) &&
           kafka_conf_put_int(conf, "fetch.wait.max.ms", FETCH_WAIT_MS, fault) &&
           kafka_conf_put_int(conf, "heartbeat.interval.ms", HEARTBEAT_MS, fault) &&
           kafka_conf_put_int(conf, "session.timeout.ms", config->kafka.session_timeout_ms,
                              fault) &&
           kafka_conf_put_int(conf, "max.poll.interval.ms", config->kafka.max_poll_interval_ms,
                              fault);
}

static rd_kafka_conf_t *source_conf(const struct config *config,
                                    const struct source_options *options, struct prefetch *prefetch,
                                    struct fault *fault) {
    char role[64];
    (void)snprintf(role, sizeof role, "%s-consumer", options->client);
    rd_kafka_conf_t *conf = kafka_conf_new(config, role, NULL, fault);
    if (conf == NULL) {
        return NULL;
    }
    bool done = prefetch_configure(prefetch, conf, fault);
    for (size_t i = 0; done && i < config->kafka.consumer_properties.count; i++) {
        const struct property *property = &config->kafka.consumer_properties.items[i];
        done = kafka_conf_put(conf, property->name, property->value, fault);
    }
    if (!done || !put_pinned(conf, config, options, fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

static bool subscribe(struct source *source, struct fault *fault) {
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, source->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(source->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "cannot subscribe to %s: %s", source->topic, rd_kafka_err2str(error));
}

struct source *source_open(const struct config *config, const struct source_options *options,
                           struct source_hooks hooks, struct fault *fault) {
    REQUIRE(hooks.assigned != NULL && hooks.revoked != NULL);
    struct prefetch prefetch;
    rd_kafka_conf_t *conf = source_conf(config, options, &prefetch, fault);
    if (conf == NULL) {
        return NULL;
    }
    struct source *source = calloc(1, sizeof *source);
    REQUIRE(source != NULL);
    source->prefetch = prefetch;
    source->hooks = hooks;
    source->topic = strdup(options->topic);
    REQUIRE(source->topic != NULL);
    (void)snprintf(source->group, sizeof source->group, "%s", options->group_id);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, source);
    source->consumer = kafka_handle_new(RD_KAFKA_CONSUMER, conf, fault);
    char role[64];
    (void)snprintf(role, sizeof role, "%s-offsets", options->client);
    source->asker =
        source->consumer == NULL ? NULL : kafka_reader_new(config, role, "read_uncommitted", fault);
    if (source->asker == NULL) {
        source_free(source);
        return NULL;
    }
    (void)rd_kafka_poll_set_consumer(source->consumer);
    source->queue = rd_kafka_queue_get_consumer(source->consumer);
    REQUIRE(source->queue != NULL);
    (void)rd_kafka_poll_set_consumer(source->asker);
    if (!kafka_partition_count(source->consumer, source->topic, METADATA_TIMEOUT_MS,
                               &source->partition_count, fault) ||
        !subscribe(source, fault)) {
        source_free(source);
        return NULL;
    }
    return source;
}

void source_free(struct source *source) {
    if (source == NULL) {
        return;
    }
    if (source->queue != NULL) {
        rd_kafka_queue_destroy(source->queue);
    }
    if (source->consumer != NULL) {
        rd_kafka_resp_err_t error = rd_kafka_consumer_close(source->consumer);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            log_event(LOG_WARN, "consumer_close", "error=%s", rd_kafka_err2name(error));
        }
        if (source->was_assigned || rd_kafka_version() >= VERSION_THAT_ENDS_UNASSIGNED) {
            kafka_handle_free(source->consumer);
        } else {
            kafka_handle_abandon(source->consumer);
        }
    }
    if (source->asker != NULL) {
        (void)rd_kafka_consumer_close(source->asker);
        kafka_handle_free(source->asker);
    }
    free(source->flows);
    free(source->topic);
    free(source);
}

/* An error that arrives in place of a record: most are news, a few end the membership. */
static enum source_result take_error(struct source *source, const rd_kafka_message_t *message,
                                     struct fault *fault) {
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        kafka_consuming_fault(message, source->topic, source->group, fault);
        return SOURCE_LOST;
    default:
        log_event(LOG_WARN, "consumer_error", "error=%s reason=%s", rd_kafka_err2name(message->err),
                  log_quote(rd_kafka_message_errstr(message)));
        return SOURCE_NOTHING;
    }
}

static struct source_record record_of(rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t type;
    return (struct source_record){
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
        .key = {message->key, message->key == NULL ? 0 : message->key_len},
        .value = {message->payload, message->payload == NULL ? 0 : message->len},
        .message = message,
    };
}

static void note_taken(struct source *source, const rd_kafka_message_t *message) {
    if (message->partition < source->flow_count && source->flows[message->partition] != FLOW_NONE &&
        source->flows[message->partition] <= message->offset) {
        source->flows[message->partition] = message->offset + 1;
    }
}

/* Before a rebalance librdkafka pauses all partitions, and 2.0.2's call for many then throws away
 * what it has taken of them, and reads on behind it (P48). So what comes out of a call in which a
 * rebalance ran counts for nothing, and partitions that stay flow again from where we are. */
static bool flow_again(struct source *source, struct fault *fault) {
    for (int32_t i = 0; i < source->flow_count; i++) {
        if (source->flows[i] != FLOW_NONE && !source_seek(source, i, source->flows[i], fault)) {
            return false;
        }
    }
    return true;
}

/* Turns what came into records; errors among it are taken out. */
static enum source_result take_messages(struct source *source, rd_kafka_message_t *const *messages,
                                        size_t message_count, struct source_record *ret_records,
                                        size_t *ret_count, struct fault *fault) {
    enum source_result result = SOURCE_NOTHING;
    for (size_t i = 0; i < message_count; i++) {
        rd_kafka_message_t *message = messages[i];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && !source->is_shaken) {
            ret_records[(*ret_count)++] = record_of(message);
            note_taken(source, message);
            continue;
        }
        if (result != SOURCE_LOST && message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            result = take_error(source, message, fault);
        }
        rd_kafka_message_destroy(message);
    }
    if (result != SOURCE_LOST && source->is_shaken && !flow_again(source, fault)) {
        return SOURCE_LOST;
    }
    return result == SOURCE_LOST ? SOURCE_LOST : *ret_count > 0 ? SOURCE_RECORD : SOURCE_NOTHING;
}

enum source_result source_poll(struct source *source, int timeout_ms,
                               struct source_record *ret_records, size_t count_max,
                               size_t *ret_count, struct fault *fault) {
    REQUIRE(count_max > 0 && count_max <= SOURCE_RECORDS_MAX);
    *ret_count = 0;
    rd_kafka_message_t *messages[SOURCE_RECORDS_MAX];
    size_t count = 0;
    source->is_shaken = false;
    if (timeout_ms > 0) {
        /* The batch call would wait until it has all that it may take. */
        source->is_waiting = true;
        messages[0] = rd_kafka_consumer_poll(source->consumer, timeout_ms);
        source->is_waiting = false;
        count = messages[0] == NULL ? 0 : 1;
    }
    if (count < count_max && (count > 0 || timeout_ms <= 0)) {
        ssize_t more =
            rd_kafka_consume_batch_queue(source->queue, 0, &messages[count], count_max - count);
        count += more > 0 ? (size_t)more : 0;
    }
    prefetch_took(&source->prefetch, source->consumer, source->topic, source->flows,
                  source->flow_count, count);
    return take_messages(source, messages, count, ret_records, ret_count, fault);
}

static rd_kafka_topic_partition_list_t *one_partition(const struct source *source,
                                                      int32_t partition, int64_t offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition)->offset = offset;
    return list;
}

bool source_committed(struct source *source, int32_t partition, int timeout_ms, int64_t *ret_offset,
                      struct fault *fault) {
    rd_kafka_topic_partition_list_t *list =
        one_partition(source, partition, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t error = rd_kafka_committed(source->consumer, list, timeout_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        error = list->elems[0].err;
    }
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fault_set(fault, "committed offset of %s [%d]: %s", source->topic, partition,
                         rd_kafka_err2str(error));
    }
    *ret_offset = offset >= 0 ? offset : -1;
    return true;
}

bool source_log_range(struct source *source, int32_t partition, int timeout_ms, int64_t *ret_first,
                      int64_t *ret_next, struct fault *fault) {
    int64_t first = 0;
    int64_t next = 0;
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        source->asker, source->topic, partition, &first, &next, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fault_set(fault, "offsets of %s [%d]: %s", source->topic, partition,
                         rd_kafka_err2str(error));
    }
    *ret_first = first;
    *ret_next = next;
    return true;
}

/* The record, or none where it is not there. */
static bool take_peeked(rd_kafka_message_t *message, int64_t offset,
                        struct source_record *ret_record, struct fault *fault) {
    *ret_record = (struct source_record){.partition = -1, .offset = -1};
    if (message == NULL) {
        return fault_set(fault, "no answer");
    }
    bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !is_end) {
        fault_set(fault, "%s", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
        return false;
    }
    if (is_end || message->offset != offset) {
        rd_kafka_message_destroy(message);
        return true;
    }
    *ret_record = record_of(message);
    return true;
}

bool source_peek(struct source *source, int32_t partition, int64_t offset, int timeout_ms,
                 struct source_record *ret_record, struct fault *fault) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition)->offset = offset;
    rd_kafka_resp_err_t error = rd_kafka_assign(source->asker, list);
    rd_kafka_topic_partition_list_destroy(list);
    REQUIRE(error == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(source->asker, timeout_ms);
    bool is_good = take_peeked(message, offset, ret_record, fault) ||
                   fault_prefix(fault, "%s [%d] at offset %lld: ", source->topic, partition,
                                (long long)offset);
    (void)rd_kafka_assign(source->asker, NULL);
    return is_good;
}

bool source_seek(struct source *source, int32_t partition, int64_t offset, struct fault *fault) {
    REQUIRE(offset >= 0);
    rd_kafka_topic_partition_list_t *list = one_partition(source, partition, offset);
    /* −1: in 2.0.2 any other timeout is a thousand times too short (P38). */
    rd_kafka_error_t *error = rd_kafka_seek_partitions(source->consumer, list, -1);
    bool done = error == NULL && list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!done) {
        fault_set(fault, "seek %s [%d] to %lld: %s", source->topic, partition, (long long)offset,
                  error != NULL ? rd_kafka_error_string(error)
                                : rd_kafka_err2str(list->elems[0].err));
    }
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (done && partition < source->flow_count && source->flows[partition] != FLOW_NONE) {
        source->flows[partition] = offset;
    }
    return done;
}

bool source_start(struct source *source, int32_t partition, int64_t offset, struct fault *fault) {
    if (!source_seek(source, partition, offset, fault)) {
        return false;
    }
    rd_kafka_topic_partition_list_t *list = one_partition(source, partition, offset);
    rd_kafka_resp_err_t error = rd_kafka_resume_partitions(source->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    set_flow(source, partition, error == RD_KAFKA_RESP_ERR_NO_ERROR ? offset : FLOW_NONE);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "resume %s [%d]: %s", source->topic, partition,
                     rd_kafka_err2str(error));
}

void source_pause(struct source *source, int32_t partition) {
    rd_kafka_topic_partition_list_t *list =
        one_partition(source, partition, RD_KAFKA_OFFSET_INVALID);
    (void)rd_kafka_pause_partitions(source->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    set_flow(source, partition, FLOW_NONE);
}

int64_t source_position(struct source *source, int32_t partition) {
    rd_kafka_topic_partition_list_t *list =
        one_partition(source, partition, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t error = rd_kafka_position(source->consumer, list);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR && offset >= 0 ? offset : -1;
}

struct group_snapshot *source_snapshot(struct source *source, struct fault *fault) {
    return membership_snapshot(source->consumer, fault);
}

int32_t source_partition_count(const struct source *source) {
    return source->partition_count;
}
