/* Makes up billing lines, fast, into a topic; or the reference data that goes with them, to
 * standard output (--reference 1, or 2: as it was changed). Values carry the Confluent frame of
 * schema 1. */
#include "client_kafka.h"
#include "tool.h"
#include "world.h"

#include "accrued/decode.h"
#include "accrued/hash.h"
#include "accrued/line_json.h"

#include <stdio.h>

struct feed {
    const char *bootstrap;
    const char *topic;
    uint64_t line_count;
    uint64_t first;
    struct world world;
};

static void print_reference(const struct feed *feed) {
    struct buffer text;
    buffer_init(&text);
    for (uint64_t i = 0; i < feed->world.partner_count; i++) {
        world_append_partner(&feed->world, i, &text);
    }
    for (uint64_t i = 0; i < feed->world.customer_count; i++) {
        world_append_customer(&feed->world, i, &text);
    }
    if (fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0) {
        tool_fail("standard output cannot be written");
    }
    buffer_release(&text);
}

static void produce_lines(const struct feed *feed) {
    const char *const properties[] = {
        "queue.buffering.max.messages", "500000", "linger.ms", "20", "compression.codec", "lz4",
        "enable.idempotence",           "true",   NULL};
    rd_kafka_t *producer = client_new(RD_KAFKA_PRODUCER, feed->bootstrap, properties);
    int32_t partition_count = client_partition_count(producer, feed->topic);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, feed->topic, NULL);
    struct buffer value;
    buffer_init(&value);
    uint64_t revision_count = 0;
    uint64_t byte_count = 0;
    for (uint64_t i = feed->first; i < feed->first + feed->line_count; i++) {
        struct world_texts texts;
        bool is_revision;
        struct billing_line line = world_line(&feed->world, i, &texts, &is_revision);
        revision_count += is_revision ? 1 : 0;
        buffer_clear(&value);
        frame_append(&value, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
        line_append_avro(&value, &line);
        byte_count += value.size;
        struct text key = line.customer_id;
        while (rd_kafka_produce(topic, murmur2_partition(key.data, key.size, partition_count),
                                RD_KAFKA_MSG_F_COPY, value.data, value.size, key.data, key.size,
                                NULL) != 0) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                tool_fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
            }
            (void)rd_kafka_poll(producer, 10);
        }
        (void)rd_kafka_poll(producer, 0);
    }
    if (rd_kafka_flush(producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tool_fail("flush: the brokers did not take everything");
    }
    printf("{\"lines\": %llu, \"revisions\": %llu, \"value_bytes\": %llu}\n",
           (unsigned long long)feed->line_count, (unsigned long long)revision_count,
           (unsigned long long)byte_count);
    buffer_release(&value);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
}

int main(int argc, char **argv) {
    struct feed feed = {
        .topic = "billing-lines",
        .line_count = 1000000,
        .world = {.partner_count = 2000, .customer_count = 50000, .revision_percent = 10}};
    const struct tool_option options[] = {
        {"bootstrap", &feed.bootstrap, NULL},
        {"topic", &feed.topic, NULL},
        {"lines", NULL, &feed.line_count},
        {"first", NULL, &feed.first},
        {"reference", NULL, &feed.world.generation},
        {"partners", NULL, &feed.world.partner_count},
        {"customers", NULL, &feed.world.customer_count},
        {"links", NULL, &feed.world.link_count},
        {"linked", NULL, &feed.world.linked_percent},
        {"revisions", NULL, &feed.world.revision_percent},
    };
    tool_options(argc, argv, options, sizeof options / sizeof options[0]);
    if (feed.world.generation != 0) {
        print_reference(&feed);
    } else {
        produce_lines(&feed);
    }
    return 0;
}
