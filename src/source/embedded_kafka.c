#include "accrued/embedded.h"

#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#define BROKER_COUNT 1

struct embedded {
    rd_kafka_t *host; /* the handle that the mock cluster lives in */
    rd_kafka_mock_cluster_t *cluster;
};

static bool create_topics(struct embedded *embedded, const struct config *config,
                          struct fault *fault) {
    const char *names[] = {
        config->topics.billing_lines,    config->topics.billing_lines_dlq, config->topics.accruals,
        config->topics.accruals_forgone, config->topics.accrual_balances,  config->topics.ledger,
        config->topics.rerate_requests,
    };
    size_t count = sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++) {
        /* The last one, the re-rate requests, has one partition by contract. */
        int partitions = i + 1 == count ? 1 : (int)config->topics.partitions;
        rd_kafka_resp_err_t error =
            rd_kafka_mock_topic_create(embedded->cluster, names[i], partitions, BROKER_COUNT);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return fault_set(fault, "embedded broker: topic %s: %s", names[i],
                             rd_kafka_err2str(error));
        }
    }
    return true;
}

struct embedded *embedded_start(const struct config *config, struct fault *fault) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    REQUIRE(conf != NULL);
    /* The handle connects to nothing, and would warn that it has nothing to connect to. */
    if (!kafka_conf_put(conf, "client.id", "accrued-embedded-broker", fault) ||
        !kafka_conf_put(conf, "log_level", "3", fault)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    struct embedded *embedded = calloc(1, sizeof *embedded);
    REQUIRE(embedded != NULL);
    embedded->host = kafka_handle_new(RD_KAFKA_PRODUCER, conf, fault);
    if (embedded->host != NULL) {
        embedded->cluster = rd_kafka_mock_cluster_new(embedded->host, BROKER_COUNT);
        if (embedded->cluster == NULL) {
            fault_set(fault, "embedded broker: librdkafka cannot start it");
        }
    }
    if (embedded->cluster == NULL || !create_topics(embedded, config, fault)) {
        embedded_free(embedded);
        return NULL;
    }
    return embedded;
}

void embedded_free(struct embedded *embedded) {
    if (embedded == NULL) {
        return;
    }
    if (embedded->cluster != NULL) {
        rd_kafka_mock_cluster_destroy(embedded->cluster);
    }
    if (embedded->host != NULL) {
        kafka_handle_free(embedded->host);
    }
    free(embedded);
}

const char *embedded_bootstrap(const struct embedded *embedded) {
    return rd_kafka_mock_cluster_bootstraps(embedded->cluster);
}
