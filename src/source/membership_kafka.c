#include "membership.h"

#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

struct group_snapshot {
    rd_kafka_consumer_group_metadata_t *metadata;
};

/* The generation in librdkafka's serialised metadata ("CGMDv2:", then int32 as in memory): 2.0.2
 * has no getter (P54). −1: unknown format or not joined. */
static int32_t generation_of(const rd_kafka_consumer_group_metadata_t *metadata) {
    static const char magic[] = "CGMDv2:";
    void *bytes = NULL;
    size_t size = 0;
    int32_t generation = -1;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return -1;
    }
    if (size >= sizeof magic - 1 + sizeof generation &&
        memcmp(bytes, magic, sizeof magic - 1) == 0) {
        memcpy(&generation, (const char *)bytes + sizeof magic - 1, sizeof generation);
    }
    rd_kafka_mem_free(NULL, bytes);
    return generation;
}

struct group_snapshot *membership_snapshot(rd_kafka_t *consumer, struct fault *fault) {
    char *member = rd_kafka_memberid(consumer);
    bool is_member = member != NULL && member[0] != '\0';
    if (member != NULL) {
        rd_kafka_mem_free(consumer, member);
    }
    rd_kafka_consumer_group_metadata_t *metadata =
        is_member ? rd_kafka_consumer_group_metadata(consumer) : NULL;
    /* A transaction with metadata of nobody would be accepted without any fencing (P3). */
    if (metadata == NULL || generation_of(metadata) < 0 ||
        rd_kafka_assignment_lost(consumer) != 0) {
        if (metadata != NULL) {
            rd_kafka_consumer_group_metadata_destroy(metadata);
        }
        fault_set(fault, "not a member of group with a valid generation at this moment");
        return NULL;
    }
    struct group_snapshot *snapshot = malloc(sizeof *snapshot);
    REQUIRE(snapshot != NULL);
    snapshot->metadata = metadata;
    return snapshot;
}

void group_snapshot_free(struct group_snapshot *snapshot) {
    if (snapshot != NULL) {
        rd_kafka_consumer_group_metadata_destroy(snapshot->metadata);
        free(snapshot);
    }
}

const void *group_snapshot_metadata(const struct group_snapshot *snapshot) {
    return snapshot->metadata;
}
