/* Latency at a trickle: produces --rate lines a second, and takes the time from each produce call
 * until the first accrual or forgone of that line has come to a reader of committed data. The lines
 * are spread evenly; the reader's own way is part of the figure. */
#include "client_kafka.h"
#include "tool.h"
#include "world.h"

#include "accrued/decode.h"
#include "accrued/hash.h"
#include "accrued/line_json.h"
#include "accrued/require.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Silence, after everything was sent, that means that the rest earns nothing. */
#define GIVE_UP_US 3000000
/* Shorter pauses are left out: the lines that they would part go together. */
#define SLEEP_US_MIN 500

struct trickle {
    const char *bootstrap;
    const char *to;
    const char *from;
    uint64_t rate;
    uint64_t seconds;
    uint64_t warm; /* seconds at the beginning, while partitions are being assigned: do not count */
    struct world world;
    uint64_t line_count; /* warm ones included */
    uint64_t warm_count;
    _Atomic uint64_t *sent_us; /* by number of the line; 0: not yet */
    uint64_t *took_us;
    rd_kafka_t *producer;
    rd_kafka_t *consumer;
};

/* The feed with a number of the line in place of its id: what comes back names it. */
static void make_line(const struct trickle *trickle, uint64_t number, struct buffer *value,
                      struct world_texts *texts, struct text *ret_key) {
    bool is_revision;
    struct billing_line line = world_line(&trickle->world, number, texts, &is_revision);
    (void)snprintf(texts->line_id, sizeof texts->line_id, "bench-%029llu",
                   (unsigned long long)number);
    line.line_id.size = 35;
    /* Seats of the reseller's own: every one of these lines earns or forgoes. */
    line.product_id = TEXT("CFQ7TTC0LFLX");
    line.product_name = TEXT("Microsoft 365 E3");
    line.meter_category = text_null();
    line.revision = 0;
    line.has_consumed_amount = false;
    buffer_clear(value);
    frame_append(value, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
    line_append_avro(value, &line);
    *ret_key = line.customer_id;
}

static void *send_lines(void *context) {
    struct trickle *trickle = context;
    int32_t partition_count = client_partition_count(trickle->producer, trickle->to);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(trickle->producer, trickle->to, NULL);
    struct buffer value;
    buffer_init(&value);
    uint64_t start_us = tool_steady_us();
    for (uint64_t i = 0; i < trickle->line_count; i++) {
        struct world_texts texts;
        struct text key;
        make_line(trickle, i, &value, &texts, &key);
        uint64_t due_us = start_us + i * 1000000 / trickle->rate;
        uint64_t now_us = tool_steady_us();
        if (now_us + SLEEP_US_MIN < due_us) {
            tool_sleep_us(due_us - now_us);
        }
        atomic_store(&trickle->sent_us[i], tool_steady_us());
        if (rd_kafka_produce(topic, murmur2_partition(key.data, key.size, partition_count),
                             RD_KAFKA_MSG_F_COPY, value.data, value.size, key.data, key.size,
                             NULL) != 0) {
            tool_fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }
        (void)rd_kafka_poll(trickle->producer, 0);
    }
    (void)rd_kafka_flush(trickle->producer, 10000);
    buffer_release(&value);
    rd_kafka_topic_destroy(topic);
    return NULL;
}

/* The number in "bench-000…": anywhere in the record, as its encoding is not the matter here. */
static bool number_in(const rd_kafka_message_t *message, uint64_t *ret_number) {
    const char *found = memmem(message->payload, message->len, "bench-0", 7);
    if (found == NULL || (size_t)(found - (const char *)message->payload) + 35 > message->len) {
        return false;
    }
    int64_t number;
    if (!text_to_int64((struct text){found + 6, 29}, &number)) {
        return false;
    }
    *ret_number = (uint64_t)number;
    return true;
}

static uint64_t receive(struct trickle *trickle) {
    uint64_t received = 0;
    uint64_t heard_us = tool_steady_us() + (trickle->warm + trickle->seconds) * 1000000;
    while (received < trickle->line_count && tool_steady_us() < heard_us + GIVE_UP_US) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(trickle->consumer, 100);
        if (message == NULL) {
            continue;
        }
        uint64_t now_us = tool_steady_us();
        uint64_t number;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && number_in(message, &number) &&
            number < trickle->line_count && trickle->took_us[number] == 0) {
            trickle->took_us[number] = now_us - atomic_load(&trickle->sent_us[number]);
            received++;
            heard_us = now_us > heard_us ? now_us : heard_us;
        }
        rd_kafka_message_destroy(message);
    }
    return received;
}

static int compare(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

static void open_clients(struct trickle *trickle) {
    const char *const producer[] = {"linger.ms", "0", "queue.buffering.max.messages", "1000000",
                                    NULL};
    const char *const consumer[] = {"group.id",
                                    "bench-trickle",
                                    "isolation.level",
                                    "read_committed",
                                    "enable.auto.commit",
                                    "false",
                                    "fetch.wait.max.ms",
                                    "100",
                                    NULL};
    trickle->producer = client_new(RD_KAFKA_PRODUCER, trickle->bootstrap, producer);
    trickle->consumer = client_new(RD_KAFKA_CONSUMER, trickle->bootstrap, consumer);
    (void)rd_kafka_poll_set_consumer(trickle->consumer);
    rd_kafka_topic_partition_list_t *partitions =
        client_partitions(trickle->consumer, trickle->from, 0);
    (void)rd_kafka_assign(trickle->consumer, partitions);
    rd_kafka_topic_partition_list_destroy(partitions);
}

int main(int argc, char **argv) {
    struct trickle trickle = {.rate = 200,
                              .seconds = 30,
                              .warm = 5,
                              .world = {.partner_count = 2000, .customer_count = 50000}};
    const struct tool_option options[] = {
        {"bootstrap", &trickle.bootstrap, NULL},
        {"to", &trickle.to, NULL},
        {"from", &trickle.from, NULL},
        {"rate", NULL, &trickle.rate},
        {"seconds", NULL, &trickle.seconds},
        {"warm", NULL, &trickle.warm},
        {"partners", NULL, &trickle.world.partner_count},
        {"customers", NULL, &trickle.world.customer_count},
        {"links", NULL, &trickle.world.link_count},
        {"linked", NULL, &trickle.world.linked_percent},
    };
    tool_options(argc, argv, options, sizeof options / sizeof options[0]);
    trickle.warm_count = trickle.rate * trickle.warm;
    trickle.line_count = trickle.warm_count + trickle.rate * trickle.seconds;
    trickle.sent_us = calloc(trickle.line_count, sizeof trickle.sent_us[0]);
    trickle.took_us = calloc(trickle.line_count, sizeof trickle.took_us[0]);
    REQUIRE(trickle.sent_us != NULL && trickle.took_us != NULL);
    open_clients(&trickle);
    pthread_t sender;
    REQUIRE(pthread_create(&sender, NULL, send_lines, &trickle) == 0);
    uint64_t received = receive(&trickle);
    (void)pthread_join(sender, NULL);
    uint64_t *took = trickle.took_us + trickle.warm_count;
    size_t count = 0;
    for (size_t i = 0; i < trickle.line_count - trickle.warm_count; i++) {
        if (took[i] != 0) { /* lines that earn nothing have no accrual */
            took[count++] = took[i];
        }
    }
    if (count == 0) {
        tool_fail("nothing came back (%llu in all)", (unsigned long long)received);
    }
    qsort(took, count, sizeof took[0], compare);
    printf("{\"lines\": %zu, \"rate\": %llu, \"p50_us\": %llu, \"p99_us\": %llu, "
           "\"p999_us\": %llu, \"max_us\": %llu}\n",
           count, (unsigned long long)trickle.rate, (unsigned long long)took[count / 2],
           (unsigned long long)took[count * 99 / 100], (unsigned long long)took[count * 999 / 1000],
           (unsigned long long)took[count - 1]);
    (void)rd_kafka_consumer_close(trickle.consumer);
    rd_kafka_destroy(trickle.consumer);
    rd_kafka_destroy(trickle.producer);
    free((void *)trickle.sent_us);
    free(trickle.took_us);
    return 0;
}
