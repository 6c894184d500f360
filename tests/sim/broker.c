/* Logs and the transaction coordinator. */
#include "broker.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPICS_MAX 16
#define LOGS_MAX 48

enum transaction_state { TRANSACTION_EMPTY, TRANSACTION_ONGOING, TRANSACTION_ENDING };

/* What the coordinator knows of a transactional.id. */
struct coordinated {
    char name[96];
    struct producer_id producer;
    enum transaction_state state;
    bool commits; /* while ending, or how the last one ended */
    bool has_ended_one;
    int64_t timeout_ms;
    uint64_t serial; /* of its transaction, for the timer */
    struct log *logs[LOGS_MAX];
    size_t log_count;
    bool has_offsets;
    size_t markers_due;
};

static struct {
    struct topic *topics[TOPICS_MAX];
    size_t topic_count;
    struct coordinated *coordinated[512];
    size_t coordinated_count;
    int64_t next_producer;
} broker = {.next_producer = 1000};

void *sim_grown(void *array, size_t count, size_t *capacity, size_t element_size) {
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = realloc(array, *capacity * element_size);
    REQUIRE(grown != NULL);
    return grown;
}

struct text sim_copy(struct text text) {
    if (text.data == NULL) {
        return text;
    }
    char *copy = malloc(text.size + 1);
    REQUIRE(copy != NULL);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return (struct text){copy, text.size};
}

struct topic *broker_topic_new(const char *name, int32_t partition_count) {
    REQUIRE(broker.topic_count < TOPICS_MAX && partition_count <= SIM_PARTITIONS_MAX);
    struct topic *topic = calloc(1, sizeof *topic);
    REQUIRE(topic != NULL);
    topic->name = name;
    topic->partition_count = partition_count;
    for (int32_t i = 0; i < partition_count; i++) {
        topic->logs[i].topic = topic;
        topic->logs[i].number = i;
    }
    broker.topics[broker.topic_count++] = topic;
    return topic;
}

struct topic *broker_topic(const char *name) {
    for (size_t i = 0; i < broker.topic_count; i++) {
        if (strcmp(broker.topics[i]->name, name) == 0) {
            return broker.topics[i];
        }
    }
    return NULL;
}

int64_t log_high(const struct log *log) {
    return (int64_t)log->count;
}

int64_t log_stable(const struct log *log) {
    int64_t stable = (int64_t)log->count;
    for (size_t i = 0; i < log->open_count; i++) {
        if (log->open[i].first_offset < stable) {
            stable = log->open[i].first_offset;
        }
    }
    return stable;
}

static struct record *append(struct log *log, const struct record *record) {
    log->records = sim_grown(log->records, log->count, &log->capacity, sizeof *log->records);
    struct record *added = &log->records[log->count++];
    *added = *record;
    added->key = sim_copy(record->key);
    added->value = sim_copy(record->value);
    for (size_t i = 0; i < record->header_count; i++) {
        added->headers[i].value = sim_copy(record->headers[i].value);
    }
    return added;
}

void broker_append(struct log *log, const struct record *record) {
    struct record *added = append(log, record);
    added->fate = FATE_COMMITTED;
    added->producer = -1;
}

static bool is_replaced(const struct log *log, size_t at, size_t end) {
    for (size_t i = at + 1; i < end; i++) {
        const struct record *later = &log->records[i];
        if (later->kind == RECORD_DATA && later->fate == FATE_COMMITTED &&
            text_equal(later->key, log->records[at].key)) {
            return true;
        }
    }
    return false;
}

void broker_compact(struct log *log, int64_t tombstones_before_ms) {
    size_t end = (size_t)log_stable(log);
    size_t cleaned = 0;
    for (size_t i = 0; i < end; i++) {
        struct record *record = &log->records[i];
        bool is_old_tombstone =
            record->value.data == NULL && record->timestamp_ms < tombstones_before_ms;
        if (record->kind == RECORD_DATA &&
            (record->fate == FATE_ABORTED || is_old_tombstone || is_replaced(log, i, end))) {
            record->kind = RECORD_CLEANED;
            cleaned++;
        }
    }
    sim_trace("%s [%d]: compaction removes %zu records", log->topic->name, log->number, cleaned);
}

static struct known_epoch *epoch_of(struct log *log, int64_t producer) {
    for (size_t i = 0; i < log->epoch_count; i++) {
        if (log->epochs[i].producer == producer) {
            return &log->epochs[i];
        }
    }
    log->epochs =
        sim_grown(log->epochs, log->epoch_count, &log->epoch_capacity, sizeof *log->epochs);
    log->epochs[log->epoch_count] = (struct known_epoch){producer, 0};
    return &log->epochs[log->epoch_count++];
}

static struct coordinated *coordinated_of(int64_t producer) {
    for (size_t i = 0; i < broker.coordinated_count; i++) {
        if (broker.coordinated[i]->producer.id == producer) {
            return broker.coordinated[i];
        }
    }
    sim_fail("simulation: an unknown producer id");
}

static void write_log_marker(struct coordinated *coordinated, struct log *log) {
    int64_t producer = coordinated->producer.id;
    for (size_t i = 0; i < log->open_count; i++) {
        if (log->open[i].producer == producer) {
            for (size_t n = (size_t)log->open[i].first_offset; n < log->count; n++) {
                if (log->records[n].producer == producer && log->records[n].fate == FATE_OPEN) {
                    log->records[n].fate = coordinated->commits ? FATE_COMMITTED : FATE_ABORTED;
                }
            }
            log->open[i] = log->open[--log->open_count];
            break;
        }
    }
    struct record marker = {
        .kind = coordinated->commits ? RECORD_COMMIT : RECORD_ABORT,
        .producer = producer,
        .epoch = coordinated->producer.epoch,
        .timestamp_ms = sim_now(),
    };
    (void)append(log, &marker);
    epoch_of(log, producer)->epoch = coordinated->producer.epoch;
    sim_trace("marker %s of %s in %s [%d] at %zu", coordinated->commits ? "commit" : "abort",
              coordinated->name, log->topic->name, log->number, log->count - 1);
}

/* argument: index of the log, or log_count: the group's offsets. */
static void write_marker(void *context, uint64_t argument) {
    struct coordinated *coordinated = context;
    REQUIRE(coordinated->state == TRANSACTION_ENDING && coordinated->markers_due > 0);
    if (argument < coordinated->log_count) {
        write_log_marker(coordinated, coordinated->logs[argument]);
    } else {
        group_decide(coordinated->producer.id, coordinated->producer.epoch, coordinated->commits);
    }
    if (--coordinated->markers_due == 0) {
        coordinated->state = TRANSACTION_EMPTY;
        coordinated->log_count = 0;
        coordinated->has_offsets = false;
    }
}

static void begin_end(struct coordinated *coordinated, bool commit) {
    sim_trace("%s of %s (epoch %d) is decided", commit ? "commit" : "abort", coordinated->name,
              coordinated->producer.epoch);
    coordinated->state = TRANSACTION_ENDING;
    coordinated->commits = commit;
    coordinated->has_ended_one = true;
    coordinated->markers_due = coordinated->log_count + (coordinated->has_offsets ? 1 : 0);
    coordinated->serial++;
    REQUIRE(coordinated->markers_due > 0);
    for (size_t i = 0; i < coordinated->log_count + (coordinated->has_offsets ? 1 : 0); i++) {
        int64_t ms = sim_trouble(sim_plan.slow_marker) ? sim_between(0, 3000)
                                                       : sim_between(0, sim_plan.marker_ms_max);
        sim_at(sim_now() + ms, write_marker, coordinated, i);
    }
}

static void time_out(void *context, uint64_t serial) {
    struct coordinated *coordinated = context;
    if (coordinated->state == TRANSACTION_ONGOING && coordinated->serial == serial) {
        sim_trace("the transaction of %s has timed out", coordinated->name);
        coordinated->producer.epoch++;
        begin_end(coordinated, false);
    }
}

rd_kafka_resp_err_t broker_init_producer(const char *transactional_id, int64_t timeout_ms,
                                         struct producer_id *ret_producer) {
    struct coordinated *found = NULL;
    for (size_t i = 0; i < broker.coordinated_count; i++) {
        if (strcmp(broker.coordinated[i]->name, transactional_id) == 0) {
            found = broker.coordinated[i];
        }
    }
    if (found == NULL) {
        found = calloc(1, sizeof *found);
        REQUIRE(found != NULL && broker.coordinated_count < 512);
        (void)snprintf(found->name, sizeof found->name, "%s", transactional_id);
        found->producer = (struct producer_id){broker.next_producer++, -1};
        broker.coordinated[broker.coordinated_count++] = found;
    }
    if (found->state == TRANSACTION_ONGOING) {
        found->producer.epoch++;
        begin_end(found, false);
    }
    if (found->state == TRANSACTION_ENDING) {
        return RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS;
    }
    found->producer.epoch++;
    found->has_ended_one = false;
    found->timeout_ms = timeout_ms;
    *ret_producer = found->producer;
    sim_trace("producer %s has epoch %d", found->name, found->producer.epoch);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t enter(struct producer_id producer, struct coordinated **ret_found) {
    struct coordinated *found = coordinated_of(producer.id);
    *ret_found = found;
    if (producer.epoch < found->producer.epoch) {
        return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    }
    if (found->state == TRANSACTION_ENDING) {
        return RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS;
    }
    if (found->state == TRANSACTION_EMPTY) {
        found->state = TRANSACTION_ONGOING;
        found->serial++;
        sim_at(sim_now() + found->timeout_ms, time_out, found, found->serial);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t broker_add_partition(struct producer_id producer, struct log *log) {
    struct coordinated *found;
    rd_kafka_resp_err_t error = enter(producer, &found);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error;
    }
    for (size_t i = 0; i < found->log_count; i++) {
        if (found->logs[i] == log) {
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
    }
    REQUIRE(found->log_count < LOGS_MAX);
    found->logs[found->log_count++] = log;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t broker_add_offsets(struct producer_id producer) {
    struct coordinated *found;
    rd_kafka_resp_err_t error = enter(producer, &found);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        found->has_offsets = true;
    }
    return error;
}

rd_kafka_resp_err_t broker_produce(struct producer_id producer, struct log *log,
                                   const struct record *record) {
    struct known_epoch *known = epoch_of(log, producer.id);
    if (producer.epoch < known->epoch) {
        return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    }
    known->epoch = producer.epoch;
    struct record *added = append(log, record);
    added->fate = FATE_OPEN;
    added->producer = producer.id;
    added->epoch = producer.epoch;
    added->timestamp_ms = sim_now();
    for (size_t i = 0; i < log->open_count; i++) {
        if (log->open[i].producer == producer.id) {
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
    }
    log->open = sim_grown(log->open, log->open_count, &log->open_capacity, sizeof *log->open);
    log->open[log->open_count++] = (struct open_transaction){producer.id, (int64_t)log->count - 1};
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t broker_end(struct producer_id producer, bool commit) {
    struct coordinated *found = coordinated_of(producer.id);
    if (producer.epoch < found->producer.epoch) {
        return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    }
    switch (found->state) {
    case TRANSACTION_ONGOING: begin_end(found, commit); return RD_KAFKA_RESP_ERR_NO_ERROR;
    case TRANSACTION_ENDING:
        return found->commits == commit ? RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS
                                        : RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
    case TRANSACTION_EMPTY: break;
    }
    return found->has_ended_one && found->commits == commit ? RD_KAFKA_RESP_ERR_NO_ERROR
                                                            : RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
}

bool broker_is_settled(void) {
    for (size_t i = 0; i < broker.coordinated_count; i++) {
        if (broker.coordinated[i]->state != TRANSACTION_EMPTY) {
            return false;
        }
    }
    return true;
}
