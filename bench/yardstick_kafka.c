/* The yardstick: what moving a line costs with raw librdkafka and nothing else. Consumes a topic
 * read_committed and produces the same bytes, one record for each, in transactions of --batch
 * records that carry the input's offsets; lz4.
 *
 * --events-permille E --event-size N --block-share M: writes as much as the worker does instead:
 * E records of N bytes for a thousand, and M bytes for each in records of up to a megabyte to
 * --blocks; what it writes is made of what it read, so that it compresses as such things do.
 * --seconds S: goes on as new records come, and commits when the input is drained, or, with
 * --cycle-ms C, not before C ms have passed since the last commit. */
#include "client_kafka.h"
#include "tool.h"

#include "accrued/buffer.h"
#include "accrued/require.h"

#include <stdio.h>
#include <unistd.h>

#define PARTITIONS_MAX 128
#define BLOCK_SIZE_MAX 990000

struct yardstick {
    const char *bootstrap;
    const char *from;
    const char *to;
    const char *blocks;
    uint64_t batch;
    uint64_t event_size;
    uint64_t events_permille;
    uint64_t events_owed; /* in thousandths */
    uint64_t block_share;
    uint64_t seconds;
    uint64_t cycle_ms;
    uint64_t committed_us;
    struct buffer event;
    struct buffer block[PARTITIONS_MAX];
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
    rd_kafka_topic_t *output;
    rd_kafka_topic_t *block_output;
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
    if (yardstick->blocks != NULL) {
        yardstick->block_output = rd_kafka_topic_new(yardstick->producer, yardstick->blocks, NULL);
    }
}

static void produce(rd_kafka_topic_t *topic, int32_t partition, struct text value, const void *key,
                    size_t key_size) {
    if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value.data,
                         value.size, key, key_size, NULL) != 0) {
        tool_fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
    }
}

static void append_up_to(struct buffer *to, size_t end, const void *data, size_t size) {
    size_t room = end > to->size ? end - to->size : 0;
    buffer_append(to, data, size < room ? size : room);
}

static void send_block(struct yardstick *yardstick, int32_t partition) {
    struct buffer *block = &yardstick->block[partition];
    if (block->size > 0) {
        produce(yardstick->block_output, partition, buffer_text(block), "12345678", 8);
        buffer_clear(block);
    }
}

/* As large a record as the worker's, and the message's share of a block. */
static void write_as_worker(struct yardstick *yardstick, const rd_kafka_message_t *message) {
    struct buffer *event = &yardstick->event;
    yardstick->events_owed += yardstick->events_permille;
    for (; yardstick->events_owed >= 1000; yardstick->events_owed -= 1000) {
        buffer_clear(event);
        while (event->size < yardstick->event_size) {
            append_up_to(event, yardstick->event_size, message->payload, message->len);
            append_up_to(event, yardstick->event_size, message->key, message->key_len);
        }
        produce(yardstick->output, message->partition, buffer_text(event), message->key,
                message->key_len < 7 ? message->key_len : 7);
    }
    REQUIRE(message->partition < PARTITIONS_MAX);
    struct buffer *block = &yardstick->block[message->partition];
    if (block->size + yardstick->block_share > BLOCK_SIZE_MAX) {
        send_block(yardstick, message->partition);
    }
    append_up_to(block, block->size + yardstick->block_share, message->payload, message->len);
}

static void write_same(struct yardstick *yardstick, const rd_kafka_message_t *message) {
    produce(yardstick->output, message->partition, (struct text){message->payload, message->len},
            message->key, message->key_len);
}

static bool is_cycle_over(const struct yardstick *yardstick) {
    return tool_steady_us() - yardstick->committed_us >= yardstick->cycle_ms * 1000;
}

static void commit(struct yardstick *yardstick) {
    for (int32_t p = 0; yardstick->block_output != NULL && p < yardstick->next->cnt; p++) {
        send_block(yardstick, p);
    }
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata(yardstick->consumer);
    client_require(
        rd_kafka_send_offsets_to_transaction(yardstick->producer, yardstick->next, group, 30000),
        "send_offsets_to_transaction");
    rd_kafka_consumer_group_metadata_destroy(group);
    client_require(rd_kafka_commit_transaction(yardstick->producer, 30000), "commit_transaction");
    yardstick->committed_us = tool_steady_us();
}

/* Moves up to a batch's records; false when the input has been silent. */
static uint64_t move_batch(struct yardstick *yardstick) {
    uint64_t count = 0;
    while (count < yardstick->batch) {
        bool waits = count == 0 || !is_cycle_over(yardstick);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(yardstick->consumer, count == 0 ? 100
                                                                                  : waits    ? 1
                                                                                             : 0);
        if (message == NULL && count > 0 && waits) {
            continue;
        }
        if (message == NULL) {
            break;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            tool_fail("consume: %s", rd_kafka_message_errstr(message));
        }
        if (count == 0) {
            client_require(rd_kafka_begin_transaction(yardstick->producer), "begin_transaction");
        }
        if (yardstick->event_size > 0) {
            write_as_worker(yardstick, message);
        } else {
            write_same(yardstick, message);
        }
        yardstick->next->elems[message->partition].offset = message->offset + 1;
        rd_kafka_message_destroy(message);
        count++;
    }
    if (count > 0) {
        commit(yardstick);
    }
    return count;
}

int main(int argc, char **argv) {
    struct yardstick yardstick = {.from = "billing-lines", .to = "yardstick", .batch = 10000};
    const struct tool_option options[] = {
        {"bootstrap", &yardstick.bootstrap, NULL},
        {"from", &yardstick.from, NULL},
        {"to", &yardstick.to, NULL},
        {"blocks", &yardstick.blocks, NULL},
        {"batch", NULL, &yardstick.batch},
        {"event-size", NULL, &yardstick.event_size},
        {"events-permille", NULL, &yardstick.events_permille},
        {"block-share", NULL, &yardstick.block_share},
        {"seconds", NULL, &yardstick.seconds},
        {"cycle-ms", NULL, &yardstick.cycle_ms},
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
    while (yardstick.seconds > 0 ? tool_steady_us() < started_us + yardstick.seconds * 1000000
                                 : moved < record_count) {
        moved += move_batch(&yardstick);
    }
    cpu_us = tool_cpu_us() - cpu_us;
    uint64_t took_us = tool_steady_us() - started_us;
    printf("{\"records\": %llu, \"cpu_us\": %llu, \"wall_us\": %llu, \"peak_kb\": %llu}\n",
           (unsigned long long)moved, (unsigned long long)cpu_us, (unsigned long long)took_us,
           (unsigned long long)tool_peak_kb());
    rd_kafka_topic_partition_list_destroy(yardstick.next);
    rd_kafka_topic_destroy(yardstick.output);
    if (yardstick.block_output != NULL) {
        rd_kafka_topic_destroy(yardstick.block_output);
    }
    buffer_release(&yardstick.event);
    for (size_t i = 0; i < PARTITIONS_MAX; i++) {
        buffer_release(&yardstick.block[i]);
    }
    (void)rd_kafka_consumer_close(yardstick.consumer);
    rd_kafka_destroy(yardstick.consumer);
    rd_kafka_destroy(yardstick.producer);
    return 0;
}
