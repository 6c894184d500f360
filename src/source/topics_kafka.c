#include "accrued/clock.h"
#include "accrued/kafka_client.h"
#include "accrued/require.h"
#include "accrued/topics.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
#define CONTROLLER_WAIT_MS 1000
#define LOOK_AGAIN_US 50000

/* A client that asks; it never produces. */
static rd_kafka_t *client_new(const struct config *config, struct fault *fault) {
    rd_kafka_conf_t *conf = kafka_conf_new(config, "topics", NULL, fault);
    return conf != NULL ? kafka_handle_new(RD_KAFKA_PRODUCER, conf, fault) : NULL;
}

/* ---- metadata: existence, partitions, copies ---- */

static void take_metadata(const struct rd_kafka_metadata_topic *topic, struct topic_found *found,
                          bool *ret_has_leaders) {
    found->exists = topic->err == RD_KAFKA_RESP_ERR_NO_ERROR && topic->partition_cnt > 0;
    found->partitions = topic->partition_cnt;
    found->copies = INT32_MAX;
    *ret_has_leaders = found->exists;
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *partition = &topic->partitions[i];
        found->copies =
            partition->replica_cnt < found->copies ? partition->replica_cnt : found->copies;
        *ret_has_leaders = *ret_has_leaders && partition->leader >= 0;
    }
}

static enum topics_result describe_metadata(rd_kafka_t *client, const struct config *config,
                                            const char *name, struct topic_found *found,
                                            bool *ret_has_leaders, struct fault *fault) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    REQUIRE(topic != NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, topic, &metadata, TIMEOUT_MS);
    rd_kafka_topic_destroy(topic);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fault_set(fault,
                  "kafka: %s: no answer about topic %s in %d ms: %s; is the broker running, and is "
                  "kafka.bootstrap_servers right? `accrued check` says more",
                  config->kafka.bootstrap_servers, name, TIMEOUT_MS, rd_kafka_err2str(error));
        return TOPICS_UNREACHABLE;
    }
    REQUIRE(metadata->topic_cnt == 1);
    enum topics_result result = TOPICS_GOOD;
    rd_kafka_resp_err_t topic_error = metadata->topics[0].err;
    if (topic_error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        fault_set(fault, "topic %s: this user may not Describe it (docs/security.md has the list)",
                  name);
        result = TOPICS_UNCHECKABLE;
    } else if (topic_error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
        fault_set(fault, "topic %s: the cluster does not accept this name", name);
        result = TOPICS_WRONG;
    } else {
        take_metadata(&metadata->topics[0], found, ret_has_leaders);
    }
    rd_kafka_metadata_destroy(metadata);
    return result;
}

/* ---- the Admin API: one call, one event ---- */

static rd_kafka_AdminOptions_t *options_new(rd_kafka_t *client, rd_kafka_admin_op_t call) {
    char reason[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, call);
    REQUIRE(options != NULL);
    REQUIRE(rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, reason, sizeof reason) ==
            RD_KAFKA_RESP_ERR_NO_ERROR);
    return options;
}

/* The answer, or NULL: *fault. The caller destroys it. */
static rd_kafka_event_t *answer(rd_kafka_queue_t *queue, const char *call,
                                rd_kafka_resp_err_t *ret_error, struct fault *fault) {
    /* The request has a timeout of its own: the event always comes. */
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, -1);
    REQUIRE(event != NULL);
    *ret_error = rd_kafka_event_error(event);
    if (*ret_error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fault_set(fault, "kafka: %s: %s", call, rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
        return NULL;
    }
    return event;
}

/* ---- settings ---- */

static void take_settings(const rd_kafka_ConfigResource_t *resource,
                          const struct topic_wanted *wanted, struct topic_found *found) {
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        for (size_t j = 0; j < wanted->setting_count; j++) {
            if (value != NULL && strcmp(name, wanted->settings[j].name) == 0) {
                (void)snprintf(found->values[j], sizeof found->values[j], "%s", value);
            }
        }
    }
}

static enum topics_result take_resource(const rd_kafka_ConfigResource_t *resource,
                                        const struct topic_wanted *wanted,
                                        struct topic_found *found, struct fault *fault) {
    const char *name = rd_kafka_ConfigResource_name(resource);
    rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resource);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *reason = rd_kafka_ConfigResource_error_string(resource);
        fault_set(fault, "topic %s: its settings cannot be read: %s%s", name,
                  reason != NULL ? reason : rd_kafka_err2str(error),
                  error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
                      ? "; this user needs the right DescribeConfigs"
                      : "");
        return TOPICS_UNCHECKABLE;
    }
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        if (strcmp(name, wanted[i].name) == 0) {
            take_settings(resource, &wanted[i], &found[i]);
        }
    }
    return TOPICS_GOOD;
}

static rd_kafka_event_t *ask_settings(rd_kafka_t *client, rd_kafka_queue_t *queue,
                                      const struct topic_wanted *wanted,
                                      const struct topic_found *found,
                                      rd_kafka_resp_err_t *ret_error, struct fault *fault) {
    rd_kafka_ConfigResource_t *resources[TOPIC_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        if (found[i].exists) {
            resources[count] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, wanted[i].name);
            REQUIRE(resources[count] != NULL);
            count++;
        }
    }
    if (count == 0) {
        *ret_error = RD_KAFKA_RESP_ERR_NO_ERROR;
        return NULL;
    }
    rd_kafka_AdminOptions_t *options = options_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(client, resources, count, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    return answer(queue, "DescribeConfigs", ret_error, fault);
}

static enum topics_result describe_settings(rd_kafka_t *client, const struct topic_wanted *wanted,
                                            struct topic_found *found, struct fault *fault) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    REQUIRE(queue != NULL);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_event_t *event = ask_settings(client, queue, wanted, found, &error, fault);
    enum topics_result result = error == RD_KAFKA_RESP_ERR_NO_ERROR ? TOPICS_GOOD
                                : error == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE
                                    ? TOPICS_UNCHECKABLE
                                    : TOPICS_UNREACHABLE;
    if (event != NULL) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        for (size_t i = 0; i < count && result == TOPICS_GOOD; i++) {
            result = take_resource(resources[i], wanted, found, fault);
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return result;
}

/* Administrative calls go to the controller. librdkafka's in-process broker names one that does not
 * exist, and a call would only time out. */
static enum topics_result find_controller(rd_kafka_t *client, struct fault *fault) {
    int32_t controller = rd_kafka_controllerid(client, CONTROLLER_WAIT_MS);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, NULL, &metadata, TIMEOUT_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fault_set(fault, "kafka: the cluster answers no more: %s", rd_kafka_err2str(error));
        return TOPICS_UNREACHABLE;
    }
    bool is_found = false;
    for (int i = 0; i < metadata->broker_cnt; i++) {
        is_found = is_found || metadata->brokers[i].id == controller;
    }
    rd_kafka_metadata_destroy(metadata);
    if (!is_found) {
        fault_set(fault, "kafka: the cluster has no controller, so the topics' settings cannot be "
                         "read; librdkafka's in-process broker is like that");
        return TOPICS_UNCHECKABLE;
    }
    return TOPICS_GOOD;
}

static enum topics_result describe(rd_kafka_t *client, const struct config *config,
                                   const struct topic_wanted *wanted, struct topic_found *found,
                                   struct fault *fault) {
    enum topics_result result = TOPICS_GOOD;
    for (size_t i = 0; i < TOPIC_COUNT && result == TOPICS_GOOD; i++) {
        bool has_leaders = false;
        found[i] = (struct topic_found){.exists = false};
        result = describe_metadata(client, config, wanted[i].name, &found[i], &has_leaders, fault);
    }
    if (result == TOPICS_GOOD) {
        result = find_controller(client, fault);
    }
    return result == TOPICS_GOOD ? describe_settings(client, wanted, found, fault) : result;
}

enum topics_result topics_describe(const struct config *config,
                                   const struct topic_wanted wanted[TOPIC_COUNT],
                                   struct topic_found ret_found[TOPIC_COUNT], struct fault *fault) {
    rd_kafka_t *client = client_new(config, fault);
    if (client == NULL) {
        return TOPICS_UNREACHABLE;
    }
    enum topics_result result = describe(client, config, wanted, ret_found, fault);
    kafka_handle_free(client);
    return result;
}

/* ---- the check of `run` ---- */

struct first_wrong {
    bool is_found;
    struct fault *fault;
};

static void take_first_wrong(void *context, const struct topic_finding *finding) {
    struct first_wrong *first = context;
    if (!finding->is_good && finding->grade == TOPIC_MUST && !first->is_found) {
        first->is_found = true;
        fault_set(first->fault, "topic %s: %s: %s, wanted: %s (%s); repair: %s", finding->topic,
                  finding->setting, finding->is, finding->wanted, finding->why, finding->repair);
    }
}

enum topics_result topics_check(const struct config *config, struct fault *fault) {
    struct topic_wanted wanted[TOPIC_COUNT];
    struct topic_found found[TOPIC_COUNT];
    topics_wanted(config, wanted);
    enum topics_result result = topics_describe(config, wanted, found, fault);
    if (result != TOPICS_GOOD) {
        return result;
    }
    struct first_wrong first = {.fault = fault};
    topics_compare(wanted, found, config->kafka.bootstrap_servers, take_first_wrong, &first);
    return first.is_found ? TOPICS_WRONG : TOPICS_GOOD;
}

/* ---- creation ---- */

static rd_kafka_NewTopic_t *new_topic(const struct topic_wanted *wanted, struct fault *fault) {
    char reason[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(wanted->name, wanted->partitions,
                                                       wanted->copies, reason, sizeof reason);
    if (topic == NULL) {
        fault_set(fault, "%s: %s: %s", wanted->option, wanted->name, reason);
        return NULL;
    }
    for (size_t i = 0; i < wanted->setting_count; i++) {
        REQUIRE(rd_kafka_NewTopic_set_config(topic, wanted->settings[i].name,
                                             wanted->settings[i].value) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    return topic;
}

static bool take_created(const rd_kafka_topic_result_t *result, const struct topic_wanted *wanted,
                         bool *created, struct fault *fault) {
    const char *name = rd_kafka_topic_result_name(result);
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
    if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return true; /* somebody was faster; the check looks at it */
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *reason = rd_kafka_topic_result_error_string(result);
        fault_set(fault, "topic %s cannot be created: %s%s", name,
                  reason != NULL ? reason : rd_kafka_err2str(error),
                  error == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR
                      ? "; see topics.replication_factor and topics.min_insync_replicas "
                        "(1 and 1 on a single broker)"
                      : "");
        return kafka_name_right(error, "Create", "topic", name, fault);
    }
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        created[i] = created[i] || strcmp(name, wanted[i].name) == 0;
    }
    return true;
}

static bool create(rd_kafka_t *client, rd_kafka_NewTopic_t **topics, size_t count,
                   const struct topic_wanted *wanted, bool *created, struct fault *fault) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    REQUIRE(queue != NULL);
    rd_kafka_AdminOptions_t *options = options_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_CreateTopics(client, topics, count, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = answer(queue, "CreateTopics", &error, fault);
    bool is_good = event != NULL;
    if (event != NULL) {
        size_t result_count = 0;
        const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event), &result_count);
        struct fault ignored;
        for (size_t i = 0; i < result_count; i++) {
            is_good =
                take_created(results[i], wanted, created, is_good ? fault : &ignored) && is_good;
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return is_good;
}

static bool create_missing(rd_kafka_t *client, const struct config *config,
                           const struct topic_wanted *wanted, bool *created, struct fault *fault) {
    rd_kafka_NewTopic_t *topics[TOPIC_COUNT];
    size_t count = 0;
    bool is_good = true;
    for (size_t i = 0; i < TOPIC_COUNT && is_good; i++) {
        struct topic_found found = {.exists = false};
        bool has_leaders = false;
        is_good = describe_metadata(client, config, wanted[i].name, &found, &has_leaders, fault) ==
                  TOPICS_GOOD;
        if (is_good && !found.exists) {
            topics[count] = new_topic(&wanted[i], fault);
            is_good = topics[count] != NULL;
            count += is_good ? 1 : 0;
        }
    }
    if (is_good && count > 0) {
        is_good = create(client, topics, count, wanted, created, fault);
    }
    rd_kafka_NewTopic_destroy_array(topics, count);
    return is_good;
}

static bool wait_for_leaders(rd_kafka_t *client, const struct config *config,
                             const struct topic_wanted *wanted, struct fault *fault) {
    int64_t deadline = clock_steady_ms() + TIMEOUT_MS;
    for (size_t i = 0; i < TOPIC_COUNT;) {
        struct topic_found found = {.exists = false};
        bool has_leaders = false;
        if (describe_metadata(client, config, wanted[i].name, &found, &has_leaders, fault) !=
            TOPICS_GOOD) {
            return false;
        }
        if (has_leaders) {
            i++;
        } else if (clock_steady_ms() > deadline) {
            return fault_set(fault, "topic %s: not every partition has a leader after %d ms",
                             wanted[i].name, TIMEOUT_MS);
        } else {
            (void)usleep(LOOK_AGAIN_US);
        }
    }
    return true;
}

bool topics_create(const struct config *config, const struct topic_wanted wanted[TOPIC_COUNT],
                   bool ret_created[TOPIC_COUNT], struct fault *fault) {
    rd_kafka_t *client = client_new(config, fault);
    if (client == NULL) {
        return false;
    }
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        ret_created[i] = false;
    }
    bool is_good = create_missing(client, config, wanted, ret_created, fault) &&
                   wait_for_leaders(client, config, wanted, fault);
    kafka_handle_free(client);
    return is_good;
}
