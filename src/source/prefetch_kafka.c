#include "prefetch.h"

#include "accrued/kafka_client.h"

#include <librdkafka/rdkafka.h>

/* Both bound all partitions of a consumer together. A queued record takes its bytes, what
 * librdkafka keeps of it, and its share of the decompressed answer that it came in. */
#define QUEUED_MESSAGES_MIN 100000
#define QUEUED_KBYTES_MAX 8192
/* Of one partition, compressed, in one answer: an answer has all partitions, and comes on top of
 * what is queued. A record that is larger comes all the same. */
#define FETCH_BYTES_MAX (256 << 10)
/* Where librdkafka looks by itself whether a full queue has room again (2.2 on). */
#define QUEUE_BACKOFF_MS "10"
/* Else it is made to look, after so many records. */
#define WAKE_RECORDS 4096

bool prefetch_configure(struct prefetch *prefetch, rd_kafka_conf_t *conf, struct fault *fault) {
    char ignored[256];
    *prefetch = (struct prefetch){
        .wakes = rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", QUEUE_BACKOFF_MS, ignored,
                                   sizeof ignored) != RD_KAFKA_CONF_OK,
    };
    return kafka_conf_put_int(conf, "queued.min.messages", QUEUED_MESSAGES_MIN, fault) &&
           kafka_conf_put_int(conf, "queued.max.messages.kbytes", QUEUED_KBYTES_MAX, fault) &&
           kafka_conf_put_int(conf, "fetch.message.max.bytes", FETCH_BYTES_MAX, fault);
}

/* librdkafka 2.0 stops fetching while its queue is full, and then looks again only once a second or
 * when there is something else to do with a partition's leader. So the leaders are asked for
 * something, and nobody waits for the answer. */
static void wake(rd_kafka_t *consumer, const char *topic, const int64_t *flows,
                 int32_t flow_count) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(flow_count);
    for (int32_t i = 0; i < flow_count; i++) {
        if (flows[i] >= 0) {
            rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_END;
        }
    }
    if (list->cnt > 0) {
        (void)rd_kafka_offsets_for_times(consumer, list, 0);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

void prefetch_took(struct prefetch *prefetch, rd_kafka_t *consumer, const char *topic,
                   const int64_t *flows, int32_t flow_count, size_t count) {
    prefetch->taken += count;
    if (prefetch->wakes && prefetch->taken >= WAKE_RECORDS) {
        prefetch->taken = 0;
        wake(consumer, topic, flows, flow_count);
    }
}
