#include "accrued/rerate_watch.h"

#include "accrued/clock.h"
#include "accrued/kafka_client.h"
#include "accrued/ledger.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#define QUERY_TIMEOUT_MS 10000
#define SEEK_TIMEOUT_MS 10000
#define POLL_MS 100
#define TELL_MS 1000
/* Records at the end of a partition among which a block is looked for first; markers and tombstones
 * stand there too. */
#define TAIL_RECORDS 64

struct watched {
    int64_t low;
    int64_t high; /* when the watch began */
    int64_t from; /* where reading began */
    bool is_read; /* up to `high` */
    bool has_block;
    struct ledger_rerate rerate; /* of the newest block */
};

struct watch {
    rd_kafka_t *reader;
    const char *topic;
    int64_t offset;
    struct watched *partitions;
    int32_t count;
};

/* The high watermarks come from a read_uncommitted handle (transactions.md P51). */
static bool find_ends(struct watch *watch, const struct config *config, struct fault *fault) {
    rd_kafka_t *asker = kafka_reader_new(config, "rerate-watermark", "read_uncommitted", fault);
    bool is_good = asker != NULL && kafka_partition_count(asker, watch->topic, QUERY_TIMEOUT_MS,
                                                          &watch->count, fault);
    if (is_good) {
        watch->partitions = calloc((size_t)watch->count, sizeof *watch->partitions);
        REQUIRE(watch->partitions != NULL);
    }
    for (int32_t i = 0; is_good && i < watch->count; i++) {
        struct watched *partition = &watch->partitions[i];
        rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
            asker, watch->topic, i, &partition->low, &partition->high, QUERY_TIMEOUT_MS);
        is_good = error == RD_KAFKA_RESP_ERR_NO_ERROR ||
                  fault_set(fault, "high watermark of %s [%d]: %s", watch->topic, i,
                            rd_kafka_err2str(error));
        partition->from = partition->high;
    }
    if (asker != NULL) {
        kafka_handle_free(asker);
    }
    return is_good;
}

/* Eight times as far back as before. */
static int64_t step_back(struct watched *partition) {
    int64_t tail = (partition->high - partition->from) * 8;
    tail = tail < TAIL_RECORDS ? TAIL_RECORDS : tail;
    int64_t from = partition->high - tail;
    partition->from = from > partition->low ? from : partition->low;
    return partition->from;
}

static bool assign(struct watch *watch, struct fault *fault) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(watch->count);
    for (int32_t i = 0; i < watch->count; i++) {
        rd_kafka_topic_partition_list_add(list, watch->topic, i)->offset =
            step_back(&watch->partitions[i]);
    }
    rd_kafka_resp_err_t error = rd_kafka_assign(watch->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "reading %s: %s", watch->topic, rd_kafka_err2str(error));
}

static bool read_further_back(struct watch *watch, int32_t number, struct fault *fault) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, watch->topic, number)->offset =
        step_back(&watch->partitions[number]);
    rd_kafka_error_t *error = rd_kafka_seek_partitions(watch->reader, list, SEEK_TIMEOUT_MS);
    rd_kafka_topic_partition_list_destroy(list);
    if (error == NULL) {
        return true;
    }
    fault_set(fault, "reading %s: %s", watch->topic, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return false;
}

static bool take_block(struct watch *watch, const rd_kafka_message_t *message,
                       struct fault *fault) {
    struct watched *partition = &watch->partitions[message->partition];
    struct block_view view;
    if (message->payload == NULL) {
        return true; /* the tombstone of a block that was cleaned */
    }
    if (!block_parse((struct text){message->payload, message->len}, &view, fault)) {
        return fault_prefix(fault, "%s [%d] offset %lld: ", watch->topic, message->partition,
                            (long long)message->offset);
    }
    partition->has_block = true;
    partition->rerate = ledger_rerate_of(&view.header);
    return true;
}

static bool take(struct watch *watch, const rd_kafka_message_t *message, struct fault *fault) {
    struct watched *partition = &watch->partitions[message->partition];
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return take_block(watch, message, fault);
    }
    if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return fault_set(fault, "reading %s [%d]: %s", watch->topic, message->partition,
                         rd_kafka_message_errstr(message));
    }
    if (message->offset < partition->high) {
        return true; /* a transaction is open: not all of it can be read yet */
    }
    if (!partition->has_block && partition->from > partition->low) {
        return read_further_back(watch, message->partition, fault);
    }
    partition->is_read = true;
    return true;
}

/* All partitions have served the request. A ledger that begins later has nothing to do with it. */
static bool sum_up(const struct watch *watch, struct rerate_progress *progress) {
    bool is_all_read = true;
    *progress = (struct rerate_progress){0};
    for (int32_t i = 0; i < watch->count; i++) {
        const struct watched *partition = &watch->partitions[i];
        is_all_read = is_all_read && partition->is_read;
        if (partition->has_block) {
            bool is_done = partition->is_read && partition->rerate.offset > watch->offset;
            progress->partitions++;
            progress->done += is_done ? 1 : 0;
            progress->unrated +=
                partition->rerate.head >= watch->offset ? partition->rerate.unrated : 0;
        }
    }
    return is_all_read && progress->done == progress->partitions;
}

static bool follow(struct watch *watch, int64_t timeout_ms, rerate_tell tell, void *context,
                   struct rerate_progress *progress, struct fault *fault) {
    int64_t started_ms = clock_steady_ms();
    int64_t told_ms = started_ms;
    while (!sum_up(watch, progress)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(watch->reader, POLL_MS);
        bool is_good = message == NULL || take(watch, message, fault);
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        if (!is_good) {
            return false;
        }
        int64_t now_ms = clock_steady_ms();
        if (timeout_ms > 0 && now_ms - started_ms > timeout_ms) {
            return fault_set(fault,
                             "after %lld s, %d of %d partitions have served the request; it stays "
                             "in the topic and is served when workers run",
                             (long long)(timeout_ms / 1000), progress->done, progress->partitions);
        }
        if (now_ms - told_ms >= TELL_MS) {
            told_ms = now_ms;
            tell(context, progress);
        }
    }
    return true;
}

bool rerate_watch(const struct config *config, int64_t offset, int64_t timeout_ms, rerate_tell tell,
                  void *context, struct rerate_progress *ret_progress, struct fault *fault) {
    REQUIRE(offset >= 0 && tell != NULL);
    struct watch watch = {.topic = config->topics.ledger, .offset = offset};
    bool is_good = find_ends(&watch, config, fault);
    if (is_good) {
        watch.reader = kafka_reader_new(config, "rerate-watch", "read_committed", fault);
        is_good = watch.reader != NULL;
    }
    if (is_good) {
        (void)rd_kafka_poll_set_consumer(watch.reader);
        is_good =
            assign(&watch, fault) && follow(&watch, timeout_ms, tell, context, ret_progress, fault);
    }
    if (watch.reader != NULL) {
        (void)rd_kafka_consumer_close(watch.reader);
        kafka_handle_free(watch.reader);
    }
    free(watch.partitions);
    return is_good;
}
