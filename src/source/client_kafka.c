#include "accrued/kafka_client.h"

#include "accrued/log.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Every handle of the process, so that a changed password reaches all. */
static struct {
    pthread_mutex_t lock;
    rd_kafka_t **items;
    size_t count;
    size_t capacity;
} handles = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Of each partition that is read in bulk. */
#define BULK_FETCH_BYTES (2 << 20)
#define BULK_QUEUE_KBYTES (32 << 10)
/* A record comes at once all the same; only the end of a topic is known later. */
#define LISTEN_WAIT_MS 250

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text) {
    /* AUTOCREATE only tells that a broker as old as 0.10, or the embedded one, has no such switch.
     * Else syslog levels: up to 3 is error, 4 and 5 are warnings. */
    if (strcmp(facility, "AUTOCREATE") == 0) {
        level = 7;
    }
    enum log_level ours = level <= 3   ? LOG_ERROR
                          : level <= 5 ? LOG_WARN
                          : level == 6 ? LOG_INFO
                                       : LOG_DEBUG;
    char part[LOG_PART_SIZE_MAX];
    (void)snprintf(part, sizeof part, "client=%s facility=%s", rd_kafka_name(handle), facility);
    log_event_of(ours, "librdkafka", part, "message=%s", log_quote(text));
}

static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque) {
    (void)opaque;
    /* Fatal errors come back from the calls themselves; the rest librdkafka retries. */
    char part[LOG_PART_SIZE_MAX];
    (void)snprintf(part, sizeof part, "client=%s error=%s", rd_kafka_name(handle),
                   rd_kafka_err2name((rd_kafka_resp_err_t)code));
    log_event_of(LOG_WARN, "kafka_client_error", part, "reason=%s", log_quote(reason));
}

bool kafka_conf_put(rd_kafka_conf_t *conf, const char *name, const char *value,
                    struct fault *fault) {
    char reason[512];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        return fault_set(fault, "kafka property %s: %s", name, reason);
    }
    return true;
}

bool kafka_conf_put_int(rd_kafka_conf_t *conf, const char *name, int64_t value,
                        struct fault *fault) {
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return kafka_conf_put(conf, name, text, fault);
}

bool kafka_password(const struct config *config, char to[SECRET_SIZE_MAX], struct fault *fault) {
    if (config->kafka.sasl_password_file[0] != '\0') {
        return secret_read(config->kafka.sasl_password_file, to, fault) ||
               fault_prefix(fault, "kafka.sasl_password_file: ");
    }
    size_t size = strlen(config->kafka.sasl_password);
    if (size >= SECRET_SIZE_MAX) {
        return fault_set(fault, "kafka.sasl_password: too long");
    }
    memcpy(to, config->kafka.sasl_password, size + 1);
    return true;
}

bool kafka_conf_log_in(rd_kafka_conf_t *conf, const struct config *config, struct fault *fault) {
    char password[SECRET_SIZE_MAX];
    if (config->kafka.sasl_username[0] == '\0') {
        return true;
    }
    bool done = kafka_password(config, password, fault) &&
                kafka_conf_put(conf, "sasl.username", config->kafka.sasl_username, fault) &&
                kafka_conf_put(conf, "sasl.password", password, fault);
    explicit_bzero(password, sizeof password);
    return done;
}

static bool put_all(rd_kafka_conf_t *conf, const struct properties *properties,
                    struct fault *fault) {
    for (size_t i = 0; i < properties->count; i++) {
        if (!kafka_conf_put(conf, properties->items[i].name, properties->items[i].value, fault)) {
            return false;
        }
    }
    return true;
}

rd_kafka_conf_t *kafka_conf_new(const struct config *config, const char *role,
                                const struct properties *more, struct fault *fault) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    REQUIRE(conf != NULL);
    char client_id[256];
    (void)snprintf(client_id, sizeof client_id, "%s-%s-%s", config->kafka.client_id,
                   config->kafka.instance, role);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    bool done = kafka_conf_put(conf, "bootstrap.servers", config->kafka.bootstrap_servers, fault) &&
                kafka_conf_put(conf, "client.id", client_id, fault) &&
                kafka_conf_put(conf, "socket.nagle.disable", "true", fault) &&
                kafka_conf_put(conf, "allow.auto.create.topics", "false", fault) &&
                put_all(conf, &config->kafka.properties, fault) &&
                kafka_conf_log_in(conf, config, fault) &&
                (more == NULL || put_all(conf, more, fault));
    if (!done) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

rd_kafka_t *kafka_handle_new(int type, rd_kafka_conf_t *conf, struct fault *fault) {
    char reason[512];
    rd_kafka_t *handle = rd_kafka_new((rd_kafka_type_t)type, conf, reason, sizeof reason);
    if (handle == NULL) {
        rd_kafka_conf_destroy(conf);
        fault_set(fault, "cannot create a Kafka client: %s", reason);
        return NULL;
    }
    pthread_mutex_lock(&handles.lock);
    if (handles.count == handles.capacity) {
        handles.capacity = handles.capacity == 0 ? 16 : handles.capacity * 2;
        handles.items = realloc(handles.items, handles.capacity * sizeof *handles.items);
        REQUIRE(handles.items != NULL);
    }
    handles.items[handles.count++] = handle;
    pthread_mutex_unlock(&handles.lock);
    return handle;
}

void kafka_handle_abandon(rd_kafka_t *handle) {
    pthread_mutex_lock(&handles.lock);
    size_t i = 0;
    while (i < handles.count && handles.items[i] != handle) {
        i++;
    }
    REQUIRE(i < handles.count);
    handles.items[i] = handles.items[--handles.count];
    pthread_mutex_unlock(&handles.lock);
}

void kafka_handle_free(rd_kafka_t *handle) {
    kafka_handle_abandon(handle);
    rd_kafka_destroy(handle);
}

struct text kafka_message_header(const rd_kafka_message_t *message, const char *name) {
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return text_null();
    }
    return (struct text){value, value == NULL ? 0 : size};
}

void kafka_handles_each(void (*visit)(void *context, rd_kafka_t *handle), void *context) {
    pthread_mutex_lock(&handles.lock);
    for (size_t i = 0; i < handles.count; i++) {
        visit(context, handles.items[i]);
    }
    pthread_mutex_unlock(&handles.lock);
}

static rd_kafka_conf_t *reader_conf(const struct config *config, const char *role,
                                    const char *isolation, struct fault *fault) {
    rd_kafka_conf_t *conf = kafka_conf_new(config, role, &config->kafka.consumer_properties, fault);
    if (conf == NULL) {
        return NULL;
    }
    /* librdkafka wants a group.id for assign() and asks for its coordinator; nothing is ever
     * committed under this one. */
    char group[256];
    (void)snprintf(group, sizeof group, "%s-reader", config->kafka.group_id);
    if (!kafka_conf_put(conf, "group.id", group, fault) ||
        !kafka_conf_put(conf, "enable.auto.commit", "false", fault) ||
        !kafka_conf_put(conf, "enable.auto.offset.store", "false", fault) ||
        !kafka_conf_put(conf, "enable.partition.eof", "true", fault) ||
        /* An end of partition is known only when an empty answer comes back. */
        !kafka_conf_put(conf, "fetch.wait.max.ms", "10", fault) ||
        !kafka_conf_put(conf, "auto.offset.reset", "earliest", fault) ||
        !kafka_conf_put(conf, "check.crcs", config->kafka.is_embedded ? "false" : "true", fault) ||
        !kafka_conf_put(conf, "isolation.level", isolation, fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

rd_kafka_t *kafka_reader_new(const struct config *config, const char *role, const char *isolation,
                             struct fault *fault) {
    rd_kafka_conf_t *conf = reader_conf(config, role, isolation, fault);
    return conf == NULL ? NULL : kafka_handle_new(RD_KAFKA_CONSUMER, conf, fault);
}

rd_kafka_t *kafka_bulk_reader_new(const struct config *config, const char *role,
                                  struct fault *fault) {
    rd_kafka_conf_t *conf = reader_conf(config, role, "read_committed", fault);
    if (conf == NULL) {
        return NULL;
    }
    if (!kafka_conf_put_int(conf, "fetch.message.max.bytes", BULK_FETCH_BYTES, fault) ||
        !kafka_conf_put_int(conf, "queued.max.messages.kbytes", BULK_QUEUE_KBYTES, fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return kafka_handle_new(RD_KAFKA_CONSUMER, conf, fault);
}

rd_kafka_t *kafka_listener_new(const struct config *config, const char *role, struct fault *fault) {
    rd_kafka_conf_t *conf = reader_conf(config, role, "read_committed", fault);
    if (conf == NULL) {
        return NULL;
    }
    if (!kafka_conf_put_int(conf, "fetch.wait.max.ms", LISTEN_WAIT_MS, fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return kafka_handle_new(RD_KAFKA_CONSUMER, conf, fault);
}

static bool is_right_missing(int error) {
    return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           error == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

bool kafka_name_right(int error, const char *operation, const char *resource, const char *name,
                      struct fault *fault) {
    if (is_right_missing(error)) {
        size_t size = strlen(fault->text);
        (void)snprintf(fault->text + size, sizeof fault->text - size,
                       "; this user needs %s on %s %s (docs/security.md has the list)", operation,
                       resource, name);
    }
    return false;
}

void kafka_consuming_fault(const rd_kafka_message_t *message, const char *topic, const char *group,
                           struct fault *fault) {
    bool is_group = message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    fault_set(fault, "consuming %s: %s: %s", topic, rd_kafka_err2name(message->err),
              rd_kafka_message_errstr(message));
    (void)kafka_name_right(message->err, "Read", is_group ? "group" : "topic",
                           is_group ? group : topic, fault);
}

bool kafka_partition_count(rd_kafka_t *handle, const char *topic, int timeout_ms,
                           int32_t *ret_count, struct fault *fault) {
    rd_kafka_topic_t *wanted = rd_kafka_topic_new(handle, topic, NULL);
    REQUIRE(wanted != NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error = rd_kafka_metadata(handle, 0, wanted, &metadata, timeout_ms);
    rd_kafka_topic_destroy(wanted);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fault_set(fault,
                         "kafka: no answer about topic %s in %d ms: %s; is the broker running, "
                         "and is kafka.bootstrap_servers right? `accrued check` says more",
                         topic, timeout_ms, rd_kafka_err2str(error));
    }
    bool found = false;
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR ||
        metadata->topics[0].partition_cnt <= 0) {
        rd_kafka_resp_err_t why =
            metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
        fault_set(fault, "topic %s: %s%s", topic,
                  why != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(why)
                                                    : "it has no partitions",
                  is_right_missing(why) ? "" : "; create it with `accrued topics create`");
        (void)kafka_name_right(why, "Describe (Read and Write bring it)", "topic", topic, fault);
    } else {
        *ret_count = metadata->topics[0].partition_cnt;
        found = true;
    }
    rd_kafka_metadata_destroy(metadata);
    return found;
}
