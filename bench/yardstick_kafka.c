/* The yardstick: what moving a line costs with raw librdkafka and nothing else. Consumes a topic
 * read_committed and produces the same bytes, one record for each, in transactions of --batch
 * records that carry the input's offsets; lz4. */
#include "client_kafka.h"
#include "tool.h"

#include <stdio.h>
#include <unistd.h>

struct yardstick {
    const char *bootstrap;
    const char *from;
    const char *to;
    uint64_t batch;
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
    rd_kafka_topic_t *output;
    rd_kafka_topic_partition_list_t *next; /* offset 0 … of each partition: to be committed */
};

static void open_clients(struct yardstick *yardstick) {
    char id[64];
    (void)snprintf(id, sizeof id, "yardstick-%d", (int)getpid());
    /* The queues and limits of the service's own clients. */
    const char *const consumer[] = {"group.id",
                                    id,
                                    "enable.auto.commit",
                                    "false",
                                    "enable.auto.offset.store",
                                    "false",
                                    "isolation.level",
                                    "read_committed",
                                    "check.crcs",
                                    "true",
                                    "queued.min.messages",
                                    "200000",
                                    "queued.max.messages.kbytes",
                                    "65536",
                                    "fetch.wait.max.ms",
                                    "100",
                                    NULL};
    const char *const producer[] = {"transactional.id",
                                    id,
                                    "compression.codec",
                                    "lz4",
                                    "linger.ms",
                                    "5",
                                    "retry.backoff.ms",
                                    "2",
                                    "batch.size",
                                    "1000000",
                                    "queue.buffering.max.messages",
                                    "2000000",
                                    "queue.buffering.max.kbytes",
                                    "1048576",
                                    NULL};
    yardstick->consumer = client_new(RD_KAFKA_CONSUMER, yardstick->bootstrap, consumer);
    (void)rd_kafka_poll_set_consumer(yardstick->consumer);
    yardstick->producer = client_new(RD_KAFKA_PRODUCER, yardstick->bootstrap, producer);
    client_require(rd_kafka_init_transactions(yardstick->producer, 30000), "init_transactions");
    yardstick->output = rd_kafka_topic_new(yardstick->producer, yardstick->to, NULL);
}

/* Moves up to a batch's records; false when the input has been silent. */
static uint64_t move_batch(struct yardstick *yardstick) {
    uint64_t count = 0;
    while (count < yardstick->batch) {
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(yardstick->consumer, count == 0 ? 100 : 0);
        if (message == NULL) {
            break;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            tool_fail("consume: %s", rd_kafka_message_errstr(message));
        }
        if (count == 0) {
            client_require(rd_kafka_begin_transaction(yardstick->producer), "begin_transaction");
        }
        if (rd_kafka_produce(yardstick->output, message->partition, RD_KAFKA_MSG_F_COPY,
                             message->payload, message->len, message->key, message->key_len,
                             NULL) != 0) {
            tool_fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }
        yardstick->next->elems[message->partition].offset = message->offset + 1;
        rd_kafka_message_destroy(message);
        count++;
    }
    if (count > 0) {
        rd_kafka_consumer_group_metadata_t *group =
            rd_kafka_consumer_group_metadata(yardstick->consumer);
        client_require(rd_kafka_send_offsets_to_transaction(yardstick->producer, yardstick->next,
                                                            group, 30000),
                       "send_offsets_to_transaction");
        rd_kafka_consumer_group_metadata_destroy(group);
        client_require(rd_kafka_commit_transaction(yardstick->producer, 30000),
                       "commit_transaction");
    }
    return count;
}

int main(int argc, char **argv) {
    struct yardstick yardstick = {.from = "billing-lines", .to = "yardstick", .batch = 10000};
    const struct tool_option options[] = {
        {"bootstrap", &yardstick.bootstrap, NULL},
        {"from", &yardstick.from, NULL},
        {"to", &yardstick.to, NULL},
        {"batch", NULL, &yardstick.batch},
    };
    tool_options(argc, argv, options, sizeof options / sizeof options[0]);
    open_clients(&yardstick);
    yardstick.next = client_partitions(yardstick.consumer, yardstick.from, 0);
    uint64_t record_count = (uint64_t)client_ends(yardstick.consumer, yardstick.next);
    for (int i = 0; i < yardstick.next->cnt; i++) {
        yardstick.next->elems[i].offset = 0;
    }
    uint64_t cpu_us = tool_cpu_us();
    uint64_t started_us = tool_steady_us();
    (void)rd_kafka_assign(yardstick.consumer, yardstick.next);
    uint64_t moved = 0;
    while (moved < record_count) {
        moved += move_batch(&yardstick);
    }
    cpu_us = tool_cpu_us() - cpu_us;
    uint64_t took_us = tool_steady_us() - started_us;
    printf("{\"records\": %llu, \"cpu_us\": %llu, \"wall_us\": %llu, \"peak_kb\": %llu}\n",
           (unsigned long long)moved, (unsigned long long)cpu_us, (unsigned long long)took_us,
           (unsigned long long)tool_peak_kb());
    rd_kafka_topic_partition_list_destroy(yardstick.next);
    rd_kafka_topic_destroy(yardstick.output);
    (void)rd_kafka_consumer_close(yardstick.consumer);
    rd_kafka_destroy(yardstick.consumer);
    rd_kafka_destroy(yardstick.producer);
    return 0;
}
