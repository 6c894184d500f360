#include "accrued/restore.h"

#include "accrued/clock.h"
#include "accrued/kafka_client.h"
#include "accrued/require.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define QUERY_TIMEOUT_MS 5000
#define POLL_MS 10

struct restoring {
    int32_t partition;
    int64_t high_watermark;
    int64_t next_offset; /* to be read */
    int64_t start;
};

struct restorer {
    rd_kafka_t *reader;  /* read_committed: what is restored */
    rd_kafka_t *watcher; /* read_uncommitted: a read_committed handle would call the last stable
                            offset the high watermark (P51) */
    char *topic;
    struct restore_hooks hooks;
    struct restoring *items;
    size_t count;
    size_t woken; /* whose leader was asked last */
    size_t capacity;
};

/* The handle learns now who leads the partitions: the first assignment of a topic that it has not
 * met waits for librdkafka's next look around, up to a second. */
static void meet(rd_kafka_t *handle, const char *topic) {
    int32_t count = 0;
    struct fault ignored; /* whoever asks next says so */
    (void)kafka_partition_count(handle, topic, QUERY_TIMEOUT_MS, &count, &ignored);
}

struct restorer *restorer_open(const struct config *config, const char *topic, const char *client,
                               struct restore_hooks hooks, struct fault *fault) {
    REQUIRE(hooks.block != NULL && hooks.done != NULL);
    struct restorer *restorer = calloc(1, sizeof *restorer);
    REQUIRE(restorer != NULL);
    restorer->hooks = hooks;
    restorer->topic = strdup(topic);
    REQUIRE(restorer->topic != NULL);
    char role[64];
    (void)snprintf(role, sizeof role, "%s-restore", client);
    restorer->reader = kafka_bulk_reader_new(config, role, fault);
    (void)snprintf(role, sizeof role, "%s-watermark", client);
    restorer->watcher =
        restorer->reader == NULL ? NULL : kafka_reader_new(config, role, "read_uncommitted", fault);
    if (restorer->watcher == NULL) {
        restorer_free(restorer);
        return NULL;
    }
    (void)rd_kafka_poll_set_consumer(restorer->reader);
    meet(restorer->reader, restorer->topic);
    meet(restorer->watcher, restorer->topic);
    return restorer;
}

void restorer_free(struct restorer *restorer) {
    if (restorer == NULL) {
        return;
    }
    if (restorer->reader != NULL) {
        (void)rd_kafka_consumer_close(restorer->reader);
        kafka_handle_free(restorer->reader);
    }
    if (restorer->watcher != NULL) {
        kafka_handle_free(restorer->watcher);
    }
    free(restorer->topic);
    free(restorer->items);
    free(restorer);
}

/* What is read is always exactly the partitions under way. */
static bool change_assignment(struct restorer *restorer, int32_t partition, int64_t from, bool add,
                              struct fault *fault) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, restorer->topic, partition)->offset =
        from < 0 ? RD_KAFKA_OFFSET_BEGINNING : from;
    rd_kafka_error_t *error = add ? rd_kafka_incremental_assign(restorer->reader, list)
                                  : rd_kafka_incremental_unassign(restorer->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error == NULL) {
        return true;
    }
    fault_set(fault, "restoring %s [%d]: %s", restorer->topic, partition,
              rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return false;
}

static struct restoring *find(const struct restorer *restorer, int32_t partition) {
    for (size_t i = 0; i < restorer->count; i++) {
        if (restorer->items[i].partition == partition) {
            return &restorer->items[i];
        }
    }
    return NULL;
}

static void remove_item(struct restorer *restorer, struct restoring *item) {
    *item = restorer->items[--restorer->count];
}

static bool ask_range(struct restorer *restorer, int32_t partition, int64_t *ret_low,
                      int64_t *ret_high, struct fault *fault) {
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        restorer->watcher, restorer->topic, partition, ret_low, ret_high, QUERY_TIMEOUT_MS);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ||
           fault_set(fault, "high watermark of %s [%d]: %s", restorer->topic, partition,
                     rd_kafka_err2str(error));
}

int64_t restorer_watermark(struct restorer *restorer, int32_t partition) {
    int64_t low = 0;
    int64_t high = 0;
    struct fault unused;
    return ask_range(restorer, partition, &low, &high, &unused) ? high : -1;
}

static void add_item(struct restorer *restorer, struct restoring item) {
    if (restorer->count == restorer->capacity) {
        size_t capacity = restorer->capacity == 0 ? 16 : restorer->capacity * 2;
        struct restoring *items = realloc(restorer->items, capacity * sizeof *items);
        REQUIRE(items != NULL);
        restorer->items = items;
        restorer->capacity = capacity;
    }
    restorer->items[restorer->count++] = item;
}

enum restore_begin restorer_begin(struct restorer *restorer, int32_t partition, int64_t from,
                                  struct fault *fault) {
    REQUIRE(find(restorer, partition) == NULL);
    int64_t low = 0;
    int64_t high = 0;
    if (!ask_range(restorer, partition, &low, &high, fault)) {
        return RESTORE_LATER;
    }
    if (from > high) {
        fault_set(
            fault,
            "%s [%d] ends at offset %lld, but the local file has read it up to %lld: the topic "
            "was re-created or shortened",
            restorer->topic, partition, (long long)high, (long long)from);
        return RESTORE_SHORTENED;
    }
    from = from > low ? from : -1;
    if (low == high || from == high) {
        restorer->hooks.done(restorer->hooks.context, partition, high);
        return RESTORE_BEGUN;
    }
    if (!change_assignment(restorer, partition, from, true, fault)) {
        return RESTORE_LATER;
    }
    int64_t start = from < 0 ? low : from;
    add_item(restorer, (struct restoring){partition, high, start, start});
    return RESTORE_BEGUN;
}

int64_t restorer_remaining(const struct restorer *restorer, int32_t partition) {
    for (size_t i = 0; i < restorer->count; i++) {
        const struct restoring *item = &restorer->items[i];
        if (item->partition == partition) {
            return item->high_watermark > item->next_offset
                       ? item->high_watermark - item->next_offset
                       : 0;
        }
    }
    return 0;
}

void restorer_cancel(struct restorer *restorer, int32_t partition) {
    struct restoring *item = find(restorer, partition);
    if (item != NULL) {
        struct fault ignored;
        (void)change_assignment(restorer, partition, -1, false, &ignored);
        remove_item(restorer, item);
    }
}

static bool take_message(struct restorer *restorer, const rd_kafka_message_t *message,
                         struct fault *fault) {
    struct restoring *item = find(restorer, message->partition);
    if (item == NULL) {
        return true; /* of a partition that is not under way any more */
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        /* A null value is the tombstone of a block that was cleaned. */
        item->next_offset = message->offset + 1;
        struct text value = {message->payload, message->len};
        return message->payload == NULL ||
               restorer->hooks.block(restorer->hooks.context, message->partition, value, fault);
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->offset >= item->high_watermark) {
            struct restoring done = *item;
            restorer_cancel(restorer, done.partition);
            restorer->hooks.done(restorer->hooks.context, done.partition, done.high_watermark);
        }
        return true;
    }
    bool passing = message->err != RD_KAFKA_RESP_ERR__FATAL &&
                   message->err != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
                   message->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
                   message->err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    return passing ||
           fault_set(fault, "restoring %s [%d]: %s", restorer->topic, message->partition,
                     rd_kafka_message_errstr(message)) ||
           kafka_name_right(message->err, "Read", "topic", restorer->topic, fault);
}

/* librdkafka 2.0 stops fetching while its queue is full, and then looks again only once a second
 * or when something else comes from the partition's leader: so something is asked of it. */
static void wake_fetcher(struct restorer *restorer) {
    int64_t low = 0;
    int64_t high = 0;
    restorer->woken = (restorer->woken + 1) % restorer->count;
    (void)rd_kafka_query_watermark_offsets(restorer->reader, restorer->topic,
                                           restorer->items[restorer->woken].partition, &low, &high,
                                           POLL_MS);
}

bool restorer_step(struct restorer *restorer, int64_t budget_ms, struct fault *fault) {
    int64_t end_ms = clock_steady_ms() + budget_ms;
    bool going = true;
    while (going && restorer->count > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(restorer->reader, POLL_MS);
        if (message != NULL) {
            going = take_message(restorer, message, fault);
            rd_kafka_message_destroy(message);
        } else {
            wake_fetcher(restorer);
        }
        if (clock_steady_ms() >= end_ms) {
            break;
        }
    }
    return going;
}

int64_t restorer_multiple(const struct restorer *restorer, int32_t partition) {
    const struct restoring *item = find(restorer, partition);
    return item == NULL || item->next_offset <= item->start
               ? 0
               : (item->high_watermark - item->start) * 1000 / (item->next_offset - item->start);
}

size_t restorer_count(const struct restorer *restorer) {
    return restorer->count;
}
