/* Counts the records of a topic that a reader of committed data gets, without transaction markers,
 * and says how long a plain consumer takes for them. */
#include "client_kafka.h"
#include "tool.h"

#include <stdio.h>

int main(int argc, char **argv) {
    const char *bootstrap = NULL;
    const char *topic = NULL;
    const struct tool_option options[] = {{"bootstrap", &bootstrap, NULL}, {"topic", &topic, NULL}};
    tool_options(argc, argv, options, sizeof options / sizeof options[0]);
    const char *const properties[] = {"group.id",
                                      "bench-count",
                                      "isolation.level",
                                      "read_committed",
                                      "enable.auto.commit",
                                      "false",
                                      "enable.partition.eof",
                                      "true",
                                      "check.crcs",
                                      "true",
                                      NULL};
    uint64_t started_us = tool_steady_us();
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, bootstrap, properties);
    (void)rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *partitions = client_partitions(client, topic, 0);
    (void)rd_kafka_assign(client, partitions);
    unsigned long long count = 0;
    unsigned long long bytes = 0;
    int open_count = partitions->cnt;
    while (open_count > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 1000);
        if (message == NULL) {
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            open_count--;
        } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            tool_fail("consume: %s", rd_kafka_message_errstr(message));
        } else {
            count++;
            bytes += message->len;
        }
        rd_kafka_message_destroy(message);
    }
    printf("{\"records\": %llu, \"value_bytes\": %llu, \"wall_us\": %llu, \"cpu_us\": %llu}\n",
           count, bytes, (unsigned long long)(tool_steady_us() - started_us),
           (unsigned long long)tool_cpu_us());
    rd_kafka_topic_partition_list_destroy(partitions);
    (void)rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return 0;
}
