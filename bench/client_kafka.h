/* client_kafka.h: librdkafka handles for the benchmark programs, with nothing of the service's own.
 */
#ifndef ACCRUED_BENCH_CLIENT_KAFKA_H
#define ACCRUED_BENCH_CLIENT_KAFKA_H

#include <librdkafka/rdkafka.h>

/* A handle with `properties`, name and value in turn, ended by NULL; fails loudly. */
rd_kafka_t *client_new(rd_kafka_type_t type, const char *bootstrap, const char *const *properties);

int32_t client_partition_count(rd_kafka_t *client, const char *topic);
/* All partitions of a topic, at `offset`. */
rd_kafka_topic_partition_list_t *client_partitions(rd_kafka_t *client, const char *topic,
                                                   int64_t offset);
/* Where a topic ends now, in the same order; the sum of records if nothing was compacted. */
int64_t client_ends(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions);

/* Fails loudly on an error that a transaction call returned. */
void client_require(rd_kafka_error_t *error, const char *call);

#endif
