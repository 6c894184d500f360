/* Transactional producers: a queue, a background thread that sends it, and verdicts as errors. */
#include "client.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void producer_init(rd_kafka_t *handle) {
    struct production *production = &handle->production;
    (void)snprintf(production->transactional_id, sizeof production->transactional_id, "%s",
                   client_setting(handle, "transactional.id"));
    production->timeout_ms = atoll(client_setting(handle, "transaction.timeout.ms"));
}

/* The producer as librdkafka 2.0.2 has it after such an answer (transactions.md P23). */
static rd_kafka_error_t *fail(struct production *production, rd_kafka_resp_err_t code) {
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: production->state = PRODUCER_FAILED; break;
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
        code = RD_KAFKA_RESP_ERR__FENCED;
        production->state = PRODUCER_FATAL;
        break;
    default: production->state = PRODUCER_FATAL;
    }
    production->error = code;
    bool is_fatal = production->state == PRODUCER_FATAL;
    return client_error(code, is_fatal, false, !is_fatal);
}

static rd_kafka_error_t *same_again(const struct production *production) {
    bool is_fatal = production->state == PRODUCER_FATAL;
    return client_error(production->error, is_fatal, false, !is_fatal);
}

static bool has_failed(const struct production *production) {
    return production->state == PRODUCER_FAILED || production->state == PRODUCER_FATAL;
}

rd_kafka_error_t *rd_kafka_init_transactions(rd_kafka_t *handle, int timeout_ms) {
    (void)timeout_ms;
    struct production *production = &handle->production;
    int64_t end_ms = sim_now() + 2 * production->timeout_ms;
    if (sim_trouble(sim_plan.init_fails)) {
        sim_travel();
        return sim_chance(5000) ? client_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false)
                                : fail(production, RD_KAFKA_RESP_ERR__FATAL);
    }
    for (;;) {
        sim_travel();
        rd_kafka_resp_err_t error = broker_init_producer(production->transactional_id,
                                                         production->timeout_ms, &production->id);
        sim_travel();
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            production->state = PRODUCER_READY;
            return NULL;
        }
        if (sim_now() > end_ms) {
            return client_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false);
        }
        sim_sleep(sim_between(1, 100));
    }
}

rd_kafka_error_t *rd_kafka_begin_transaction(rd_kafka_t *handle) {
    struct production *production = &handle->production;
    if (has_failed(production)) {
        return same_again(production);
    }
    if (production->state != PRODUCER_READY) {
        return client_error(RD_KAFKA_RESP_ERR__STATE, false, false, false);
    }
    production->state = PRODUCER_OPEN;
    production->is_registered = false;
    static uint64_t serials;
    production->transaction++;
    production->serial = ++serials;
    production->queue_count = 0;
    production->queue_first = 0;
    return NULL;
}

/* Sends the first of the queue. false: not now, or never any more. */
static bool send_first(struct production *production) {
    struct queued *queued = &production->queue[production->queue_first];
    rd_kafka_resp_err_t error = broker_add_partition(production->id, queued->log);
    if (error == RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS) {
        return false;
    }
    bool arrives = true;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        production->is_registered = true;
        if (sim_trouble(sim_plan.produce_fails)) {
            arrives = sim_chance(3000);
            error = sim_chance(5000) ? RD_KAFKA_RESP_ERR__MSG_TIMED_OUT
                                     : RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
        }
        if (queued->borrows) {
            /* The worker promised that the value stays as it is until the transaction has ended. */
            struct text value = queued->record.value;
            REQUIRE(hash64(value.data, value.size, 0) == queued->value_hash);
            queued->record.value = sim_copy(value);
            queued->borrows = false;
        }
        if (arrives) {
            rd_kafka_resp_err_t refused =
                broker_produce(production->id, queued->log, &queued->record);
            error = refused != RD_KAFKA_RESP_ERR_NO_ERROR ? refused : error;
        }
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_error_destroy(fail(production, error));
        return false;
    }
    production->queue_first++;
    return true;
}

static bool has_queued(const struct production *production) {
    return production->queue_first < production->queue_count;
}

/* Sends some of the queue, in as many requests as there happen to be. */
static void send_request(struct production *production) {
    while (has_queued(production) && send_first(production) && !sim_chance(300)) {
    }
}

static void send_some(void *context, uint64_t transaction) {
    rd_kafka_t *handle = context;
    struct production *production = &handle->production;
    if (!sim_background(handle->process, send_some, context, transaction) || handle->is_destroyed ||
        transaction != production->transaction) {
        return;
    }
    production->is_sending = false;
    if (production->state != PRODUCER_OPEN) {
        return;
    }
    send_request(production);
    if (has_queued(production) && production->state == PRODUCER_OPEN) {
        production->is_sending = true;
        sim_at(sim_now() + sim_between(1, 10), send_some, handle, transaction);
    }
}

static rd_kafka_resp_err_t enqueue(rd_kafka_t *handle, struct log *log, const struct record *record,
                                   bool borrows) {
    struct production *production = &handle->production;
    if (production->state != PRODUCER_OPEN) {
        return production->state == PRODUCER_FATAL ? RD_KAFKA_RESP_ERR__FATAL
                                                   : RD_KAFKA_RESP_ERR__STATE;
    }
    production->queue = sim_grown(production->queue, production->queue_count,
                                  &production->queue_capacity, sizeof *production->queue);
    struct queued *queued = &production->queue[production->queue_count++];
    *queued = (struct queued){.log = log, .record = *record, .borrows = borrows};
    queued->record.process = handle->process;
    queued->record.transaction = production->serial;
    queued->record.key = sim_copy(record->key);
    if (borrows) {
        queued->value_hash = hash64(record->value.data, record->value.size, 0);
    } else {
        queued->record.value = sim_copy(record->value);
    }
    if (!production->is_sending) {
        production->is_sending = true;
        sim_at(sim_now() + sim_between(0, 10), send_some, handle, production->transaction);
    }
    if (sim_chance(300)) {
        sim_sleep(sim_between(0, 5));
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int rd_kafka_produce_batch(rd_kafka_topic_t *topic, int32_t partition, int flags,
                           rd_kafka_message_t *messages, int count) {
    REQUIRE(flags == 0 && partition >= 0 && partition < topic->topic->partition_count);
    int taken = 0;
    for (int i = 0; i < count; i++) {
        rd_kafka_message_t *message = &messages[i];
        struct record record = {
            .key = {message->key, message->key == NULL ? 0 : message->key_len},
            .value = {message->payload, message->payload == NULL ? 0 : message->len},
        };
        message->err = enqueue(topic->handle, &topic->topic->logs[partition], &record, true);
        taken += message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
    }
    return taken;
}

rd_kafka_resp_err_t rd_kafka_producev(rd_kafka_t *handle, ...) {
    struct record record = {.kind = RECORD_DATA};
    rd_kafka_topic_t *topic = NULL;
    int32_t partition = -1;
    rd_kafka_headers_t *headers = NULL;
    va_list arguments;
    va_start(arguments, handle);
    for (;;) {
        rd_kafka_vtype_t type = va_arg(arguments, rd_kafka_vtype_t);
        if (type == RD_KAFKA_VTYPE_END) {
            break;
        }
        if (type == RD_KAFKA_VTYPE_RKT) {
            topic = va_arg(arguments, rd_kafka_topic_t *);
        } else if (type == RD_KAFKA_VTYPE_PARTITION) {
            partition = va_arg(arguments, int32_t);
        } else if (type == RD_KAFKA_VTYPE_MSGFLAGS) {
            (void)va_arg(arguments, int);
        } else if (type == RD_KAFKA_VTYPE_VALUE) {
            record.value.data = va_arg(arguments, void *);
            record.value.size = va_arg(arguments, size_t);
        } else if (type == RD_KAFKA_VTYPE_KEY) {
            record.key.data = va_arg(arguments, void *);
            record.key.size = va_arg(arguments, size_t);
        } else if (type == RD_KAFKA_VTYPE_HEADERS) {
            headers = va_arg(arguments, rd_kafka_headers_t *);
        } else {
            REQUIRE(false && "an argument of rd_kafka_producev that the simulation lacks");
        }
    }
    va_end(arguments);
    REQUIRE(topic != NULL && headers != NULL && partition >= 0);
    memcpy(record.headers, headers->items, sizeof record.headers);
    record.header_count = headers->count;
    rd_kafka_resp_err_t error = enqueue(handle, &topic->topic->logs[partition], &record, false);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return error;
}

/* Between two requests of a commit. */
static void freeze_sometimes(const rd_kafka_t *handle) {
    if (sim_trouble(sim_plan.freezes_in_commit)) {
        sim_process_freeze(handle->process, sim_between(1000, 6000));
        sim_sleep(0);
    }
}

rd_kafka_error_t *rd_kafka_send_offsets_to_transaction(
    rd_kafka_t *handle, const rd_kafka_topic_partition_list_t *list,
    const rd_kafka_consumer_group_metadata_t *metadata, int timeout_ms) {
    (void)timeout_ms;
    struct production *production = &handle->production;
    if (has_failed(production)) {
        return same_again(production);
    }
    if (production->state != PRODUCER_OPEN) {
        return client_error(RD_KAFKA_RESP_ERR__STATE, false, false, false);
    }
    struct group_offset offsets[SIM_PARTITIONS_MAX];
    size_t count = 0;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset >= 0) {
            offsets[count++] =
                (struct group_offset){list->elems[i].partition, list->elems[i].offset};
        }
    }
    if (count == 0) {
        return NULL; /* without a word (P53) */
    }
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS;
    while (error == RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS) {
        sim_travel();
        if (has_failed(production)) {
            return same_again(production);
        }
        error = broker_add_offsets(production->id);
        sim_travel();
    }
    bool is_troubled = sim_trouble(sim_plan.offsets_fail);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        production->is_registered = true;
        if (is_troubled && sim_chance(5000)) {
            return client_error(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, false, true, false);
        }
        error = group_commit_pending(metadata_group(metadata), production->id,
                                     metadata_member(metadata), offsets, count);
        sim_travel();
    }
    freeze_sometimes(handle);
    if (has_failed(production)) {
        return same_again(production);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return fail(production, error);
    }
    return is_troubled ? client_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false) : NULL;
}

static rd_kafka_error_t *flush(struct production *production) {
    while (has_queued(production)) {
        if (has_failed(production)) {
            return same_again(production);
        }
        sim_travel();
        if (production->state == PRODUCER_OPEN) {
            send_request(production);
        }
    }
    return has_failed(production) ? same_again(production) : NULL;
}

/* EndTxn, asked until the coordinator has taken it. */
static rd_kafka_resp_err_t end(struct production *production, bool commit) {
    rd_kafka_resp_err_t error = broker_end(production->id, commit);
    /* Taken already, the answer to an earlier asking. */
    return error == RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
}

rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *handle, int timeout_ms) {
    (void)timeout_ms;
    struct production *production = &handle->production;
    if (has_failed(production)) {
        return same_again(production);
    }
    if (production->state != PRODUCER_OPEN) {
        return client_error(RD_KAFKA_RESP_ERR__STATE, false, false, false);
    }
    rd_kafka_error_t *failed = flush(production);
    if (failed != NULL) {
        return failed;
    }
    if (!production->is_registered) {
        production->state = PRODUCER_READY;
        return NULL;
    }
    sim_travel();
    freeze_sometimes(handle);
    bool is_troubled = sim_trouble(sim_plan.commit_fails);
    bool arrives = !is_troubled || sim_chance(5000);
    if (arrives) {
        rd_kafka_resp_err_t error = end(production, true);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return fail(production, error);
        }
    }
    sim_travel();
    if (is_troubled) {
        if (sim_chance(3000)) {
            /* Still going on: the same call again. */
            return client_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false);
        }
        if (!arrives && sim_chance(3000)) {
            return fail(production, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID);
        }
        return fail(production, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
    }
    production->state = PRODUCER_READY;
    return NULL;
}

rd_kafka_error_t *rd_kafka_abort_transaction(rd_kafka_t *handle, int timeout_ms) {
    (void)timeout_ms;
    struct production *production = &handle->production;
    if (production->state == PRODUCER_FATAL) {
        return same_again(production);
    }
    if (production->state != PRODUCER_OPEN && production->state != PRODUCER_FAILED) {
        return client_error(RD_KAFKA_RESP_ERR__STATE, false, false, false);
    }
    production->queue_count = 0;
    production->queue_first = 0;
    production->transaction++;
    production->is_sending = false;
    if (production->is_registered) {
        sim_travel();
        bool is_troubled = sim_trouble(sim_plan.abort_fails);
        if (!is_troubled || sim_chance(5000)) {
            rd_kafka_resp_err_t error = end(production, false);
            if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
                return fail(production, error);
            }
        }
        sim_travel();
        if (is_troubled) {
            return sim_chance(5000) ? client_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false)
                                    : fail(production, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
        }
    }
    production->state = PRODUCER_READY;
    return NULL;
}
