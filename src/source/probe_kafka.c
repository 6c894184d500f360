/* Does the Kafka cluster answer? Adapter: librdkafka. */
#include "accrued/kafka_client.h"
#include "accrued/probe.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#define SCRAM_VERSION_MIN 0x020601ff

/* What librdkafka last said by itself: "connect refused", "SASL authentication failed" … */
struct reason {
    char text[FAULT_TEXT_SIZE_MAX / 2];
};

static void on_error(rd_kafka_t *client, int error, const char *reason, void *opaque) {
    struct reason *last = opaque;
    (void)client;
    /* "All brokers down" follows the reason proper and says less. */
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        (void)snprintf(last->text, sizeof last->text, "%s", reason);
    }
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

static bool set_property(rd_kafka_conf_t *conf, const char *name, const char *value,
                         struct fault *fault) {
    char reason[FAULT_TEXT_SIZE_MAX / 2];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        return fault_set(fault, "kafka.properties.%s: %s", name, reason);
    }
    return true;
}

/* A producer without topics: consumer and producer properties are tried as well, for their
 * spelling. */
static rd_kafka_conf_t *conf_new(const struct config *config, struct fault *fault) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool is_good =
        set_property(conf, "bootstrap.servers", config->kafka.bootstrap_servers, fault) &&
        set_property(conf, "client.id", config->kafka.client_id, fault);
    const struct properties *lists[] = {&config->kafka.properties,
                                        &config->kafka.consumer_properties,
                                        &config->kafka.producer_properties};
    for (size_t list = 0; list < sizeof lists / sizeof lists[0]; list++) {
        for (size_t i = 0; is_good && i < lists[list]->count; i++) {
            const struct property *property = &lists[list]->items[i];
            is_good = set_property(conf, property->name, property->value, fault);
        }
    }
    if (!is_good || !kafka_conf_log_in(conf, config, fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

/* Versions before 2.6.1 repeat the nonce, which Kafka 3 let pass and Kafka 4 does not. */
static const char *scram_hint(const struct config *config) {
    for (size_t i = 0; i < config->kafka.properties.count; i++) {
        const struct property *property = &config->kafka.properties.items[i];
        bool is_mechanism = strcmp(property->name, "sasl.mechanism") == 0 ||
                            strcmp(property->name, "sasl.mechanisms") == 0;
        if (is_mechanism && strncmp(property->value, "SCRAM", strlen("SCRAM")) == 0 &&
            rd_kafka_version() < SCRAM_VERSION_MIN) {
            return "; if the password is right: librdkafka before 2.6.1 cannot log in by SCRAM to "
                   "Kafka 4 (docs/security.md)";
        }
    }
    return "";
}

bool probe_kafka(const struct config *config, int timeout_ms, int *ret_brokers,
                 struct fault *fault) {
    REQUIRE(timeout_ms > 0);
    struct reason last = {""};
    char reason[FAULT_TEXT_SIZE_MAX / 2];
    rd_kafka_conf_t *conf = conf_new(config, fault);
    if (conf == NULL) {
        return false;
    }
    rd_kafka_conf_set_opaque(conf, &last);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        return fault_set(fault, "kafka: the properties don't fit together: %s", reason);
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, NULL, &metadata, timeout_ms);
    (void)rd_kafka_poll(client, 0);
    bool is_good = error == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (is_good) {
        *ret_brokers = metadata->broker_cnt;
        rd_kafka_metadata_destroy(metadata);
    } else {
        (void)fault_set(fault,
                        "kafka: %s: no answer in %d ms: %s; is the broker running, is "
                        "kafka.bootstrap_servers right, do its advertised listeners and "
                        "kafka.properties (security.protocol …) fit?%s",
                        config->kafka.bootstrap_servers, timeout_ms,
                        last.text[0] != '\0' ? last.text : rd_kafka_err2str(error),
                        scram_hint(config));
    }
    rd_kafka_destroy(client);
    return is_good;
}
