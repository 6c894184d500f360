/* Consumers: membership kept by a background thread, callbacks in polls, records by offset. */
#include "client.h"

#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the application gets: the message first, so that one is the other. */
struct delivered {
    rd_kafka_message_t message;
    int64_t timestamp_ms;
    rd_kafka_headers_t headers;
};

static void tick(void *context, uint64_t unused);

void consumer_init(rd_kafka_t *handle) {
    struct group_member *self = &handle->group.self;
    self->generation = -1;
    (void)snprintf(self->instance, sizeof self->instance, "%s",
                   client_setting(handle, "group.instance.id"));
    handle->group.polled_ms = sim_now();
    handle->group.heartbeat_ms = atoll(client_setting(handle, "heartbeat.interval.ms"));
    handle->group.poll_interval_ms = atoll(client_setting(handle, "max.poll.interval.ms"));
}

static struct claim *claim_of(rd_kafka_t *handle, const char *topic, int32_t partition) {
    for (size_t i = 0; i < handle->claim_count; i++) {
        const struct log *log = handle->claims[i].log;
        if (log->number == partition && strcmp(log->topic->name, topic) == 0) {
            return &handle->claims[i];
        }
    }
    return NULL;
}

static uint32_t owned(const rd_kafka_t *handle) {
    uint32_t set = 0;
    for (size_t i = 0; i < handle->claim_count; i++) {
        set |= UINT32_C(1) << handle->claims[i].log->number;
    }
    return set;
}

static void push(rd_kafka_t *handle, struct operation operation) {
    struct membership *group = &handle->group;
    REQUIRE(group->operation_count < sizeof group->operations / sizeof group->operations[0]);
    group->operations[group->operation_count++] = operation;
}

/* The group goes on without us: known at once to whoever asks for the membership (P3), told to the
 * application in its next poll. */
static void lose(rd_kafka_t *handle) {
    struct membership *group = &handle->group;
    group->self.member = 0;
    group->self.generation = -1;
    group->is_joining = false;
    group->operation_count = 0;
    group->joins_after = !group->is_fatal;
    if (handle->claim_count > 0) {
        group->is_lost = true;
        push(handle, (struct operation){
                         .kind = OPERATION_REVOKE, .partitions = owned(handle), .is_lost = true});
    }
}

static bool is_static(const rd_kafka_t *handle) {
    return handle->group.self.instance[0] != '\0';
}

/* The coordinator does not know this member. Where another has its static place, that is the end of
 * this client. */
static void be_refused(rd_kafka_t *handle, rd_kafka_resp_err_t error) {
    handle->group.is_fatal = error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    lose(handle);
    if (handle->group.is_fatal) {
        push(handle,
             (struct operation){.kind = OPERATION_ERROR, .error = RD_KAFKA_RESP_ERR__FATAL});
    }
}

struct synced {
    rd_kafka_t *handle;
    uint64_t member;
    int32_t generation;
    uint32_t partitions;
};

static void take_assignment(void *context, uint64_t unused) {
    struct synced *synced = context;
    rd_kafka_t *handle = synced->handle;
    struct membership *group = &handle->group;
    if (!sim_background(handle->process, take_assignment, context, unused)) {
        return;
    }
    if (handle->is_destroyed || group->self.member != synced->member ||
        synced->generation < group->self.generation) {
        free(synced);
        return;
    }
    group->is_joining = false;
    group->self.generation = synced->generation;
    uint32_t revoked = owned(handle) & ~synced->partitions;
    uint32_t added = synced->partitions & ~owned(handle);
    if (revoked != 0) {
        push(handle, (struct operation){.kind = OPERATION_REVOKE, .partitions = revoked});
        group->joins_after = true;
    }
    if (added != 0 || revoked == 0) {
        push(handle, (struct operation){.kind = OPERATION_ASSIGN, .partitions = added});
    }
    free(synced);
}

static void hear_assignment(void *client, uint64_t member, int32_t generation,
                            uint32_t partitions) {
    struct synced *synced = malloc(sizeof *synced);
    REQUIRE(synced != NULL);
    *synced = (struct synced){client, member, generation, partitions};
    sim_at(sim_now() + sim_between(0, 30), take_assignment, synced, 0);
}

static void send_join(void *context, uint64_t unused) {
    rd_kafka_t *handle = context;
    struct membership *group = &handle->group;
    if (!sim_background(handle->process, send_join, context, unused) || handle->is_destroyed ||
        !group->is_joining) {
        return;
    }
    uint64_t member = 0;
    rd_kafka_resp_err_t error =
        group_join(group->group, &group->self, owned(handle), hear_assignment, handle, &member);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        be_refused(handle, error);
        return;
    }
    group->self.member = member;
}

static void join(rd_kafka_t *handle) {
    handle->group.is_joining = true;
    handle->group.joins_after = false;
    sim_at(sim_now() + sim_between(0, 20), send_join, handle, 0);
}

/* The background thread: heartbeats, and whether the application still polls. */
static void tick(void *context, uint64_t unused) {
    rd_kafka_t *handle = context;
    struct membership *group = &handle->group;
    if (!sim_background(handle->process, tick, context, unused) || handle->is_destroyed ||
        !group->is_subscribed) {
        return;
    }
    bool polls = sim_now() - group->polled_ms <= group->poll_interval_ms;
    if (!polls && group->self.member != 0) {
        sim_trace("%s: does not poll", rd_kafka_name(handle));
        if (!is_static(handle)) {
            group_leave(group->group, group->self.member);
        }
        lose(handle);
        push(handle, (struct operation){.kind = OPERATION_ERROR,
                                        .error = RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED});
    } else if (group->self.member != 0 && !group->is_joining) {
        rd_kafka_resp_err_t error = group_heartbeat(group->group, &group->self);
        if (error == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS) {
            if (group->operation_count == 0) {
                join(handle);
            }
        } else if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            sim_trace("%s: heartbeat: %s", rd_kafka_name(handle), rd_kafka_err2name(error));
            be_refused(handle, error);
        }
    }
    if (polls && !group->is_fatal && group->self.member == 0 && !group->is_joining &&
        group->operation_count == 0) {
        join(handle);
    }
    sim_at(sim_now() + group->heartbeat_ms, tick, handle, 0);
}

rd_kafka_resp_err_t rd_kafka_subscribe(rd_kafka_t *handle,
                                       const rd_kafka_topic_partition_list_t *topics) {
    REQUIRE(topics->cnt == 1);
    handle->group.topic = broker_topic(topics->elems[0].topic)->name;
    handle->group.group = group_of(client_setting(handle, "group.id"));
    handle->group.is_subscribed = true;
    sim_at(sim_now(), tick, handle, 0);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void call_back(rd_kafka_t *handle, rd_kafka_resp_err_t code, uint32_t partitions) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(0);
    for (int32_t i = 0; i < SIM_PARTITIONS_MAX; i++) {
        if ((partitions >> i & 1U) != 0) {
            (void)rd_kafka_topic_partition_list_add(list, handle->group.topic, i);
        }
    }
    handle->callback_count++;
    handle->conf->rebalance(handle, code, list, handle->conf->opaque);
    rd_kafka_topic_partition_list_destroy(list);
}

static rd_kafka_message_t *error_message(rd_kafka_resp_err_t error, const struct log *log,
                                         int64_t offset) {
    struct delivered *made = calloc(1, sizeof *made);
    REQUIRE(made != NULL);
    made->message.err = error;
    made->message.offset = offset;
    made->message.partition = log != NULL ? log->number : -1;
    return &made->message;
}

/* Rebalances run inside the application's poll. A message: an error that it must know. */
static rd_kafka_message_t *serve(rd_kafka_t *handle) {
    struct membership *group = &handle->group;
    while (group->operation_count > 0) {
        struct operation operation = group->operations[0];
        group->operation_count--;
        memmove(group->operations, group->operations + 1,
                group->operation_count * sizeof group->operations[0]);
        switch (operation.kind) {
        case OPERATION_ERROR: return error_message(operation.error, NULL, -1);
        case OPERATION_ASSIGN:
            call_back(handle, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, operation.partitions);
            break;
        case OPERATION_REVOKE:
            call_back(handle, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, operation.partitions);
            break;
        }
    }
    if (group->joins_after && group->is_subscribed && !group->is_joining) {
        join(handle);
    }
    return NULL;
}

static bool is_readable(const rd_kafka_t *handle, const struct log *log, int64_t offset) {
    const struct record *record = &log->records[offset];
    return record->kind == RECORD_DATA &&
           (!handle->reads_committed || record->fate == FATE_COMMITTED);
}

static rd_kafka_message_t *deliver(const struct log *log, int64_t offset) {
    const struct record *record = &log->records[offset];
    struct delivered *made = calloc(1, sizeof *made);
    REQUIRE(made != NULL);
    /* The bytes stand in the log for good. */
    made->message.payload = (void *)(uintptr_t)record->value.data;
    made->message.len = record->value.size;
    made->message.key = (void *)(uintptr_t)record->key.data;
    made->message.key_len = record->key.size;
    made->message.partition = log->number;
    made->message.offset = offset;
    made->timestamp_ms = SIM_WALL_START_MS + record->timestamp_ms;
    memcpy(made->headers.items, record->headers, sizeof record->headers);
    made->headers.count = record->header_count;
    return &made->message;
}

static rd_kafka_message_t *next_of(rd_kafka_t *handle, struct claim *claim) {
    const struct log *log = claim->log;
    if (claim->stale_offset >= 0) {
        int64_t offset = claim->stale_offset;
        claim->stale_offset = -1;
        return deliver(log, offset);
    }
    if (claim->is_paused || !claim->is_fetching || claim->fetch_from_ms > sim_now()) {
        return NULL;
    }
    int64_t limit = handle->reads_committed ? log_stable(log) : log_high(log);
    while (claim->fetch_offset < limit) {
        int64_t offset = claim->fetch_offset++;
        claim->position = claim->fetch_offset;
        if (is_readable(handle, log, offset)) {
            return deliver(log, offset);
        }
    }
    if (handle->tells_ends && claim->end_told != claim->fetch_offset) {
        claim->end_told = claim->fetch_offset;
        return error_message(RD_KAFKA_RESP_ERR__PARTITION_EOF, log, claim->fetch_offset);
    }
    return NULL;
}

static rd_kafka_message_t *next_message(rd_kafka_t *handle) {
    size_t first = handle->claim_count == 0 ? 0 : (size_t)sim_below(handle->claim_count);
    for (size_t i = 0; i < handle->claim_count; i++) {
        rd_kafka_message_t *message =
            next_of(handle, &handle->claims[(first + i) % handle->claim_count]);
        if (message != NULL) {
            return message;
        }
    }
    return NULL;
}

rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *handle, int timeout_ms) {
    int64_t end_ms = sim_now() + timeout_ms;
    if (sim_chance(500)) {
        sim_sleep(0);
    }
    handle->is_yielding = false;
    for (;;) {
        handle->group.polled_ms = sim_now();
        rd_kafka_message_t *message = serve(handle);
        if (message == NULL && handle->is_yielding) {
            return NULL;
        }
        if (message == NULL) {
            message = next_message(handle);
        }
        if (message != NULL || sim_now() >= end_ms) {
            return message;
        }
        int64_t left_ms = end_ms - sim_now();
        sim_sleep(sim_between(1, left_ms < 25 ? left_ms : 25));
    }
}

void rd_kafka_yield(rd_kafka_t *handle) {
    handle->is_yielding = true;
}

struct rd_kafka_queue_s {
    rd_kafka_t *handle;
};

rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *handle) {
    rd_kafka_queue_t *queue = calloc(1, sizeof *queue);
    REQUIRE(queue != NULL);
    queue->handle = handle;
    return queue;
}

void rd_kafka_queue_destroy(rd_kafka_queue_t *queue) {
    free(queue);
}

static size_t throw_away(rd_kafka_message_t **messages, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_message_destroy(messages[i]);
        } else {
            messages[kept++] = messages[i];
        }
    }
    return kept;
}

/* What 2.0.2 does wrong here (rd_kafka_q_serve_rkmessages). Before a rebalance it pauses what is
 * assigned: messages that this call has taken already are thrown away, and reading goes on behind
 * them. After a yield it takes one more out of the queue, and forgets it. */
ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int timeout_ms,
                                     rd_kafka_message_t **messages, size_t count_max) {
    REQUIRE(timeout_ms == 0);
    rd_kafka_t *handle = queue->handle;
    handle->group.polled_ms = sim_now();
    size_t count = 0;
    handle->is_yielding = false;
    while (count < count_max && !sim_chance(300)) {
        if (sim_chance(1000)) {
            sim_sleep(sim_between(0, 20)); /* the background thread does not wait for us */
        }
        size_t callbacks = handle->callback_count;
        rd_kafka_message_t *message = serve(handle);
        if (callbacks != handle->callback_count) {
            count = throw_away(messages, count);
        }
        if (message == NULL) {
            message = next_message(handle);
        }
        if (message == NULL) {
            break;
        }
        if (handle->is_yielding) {
            rd_kafka_message_destroy(message);
            break;
        }
        messages[count++] = message;
    }
    return (ssize_t)count;
}

void rd_kafka_message_destroy(rd_kafka_message_t *message) {
    free(message);
}

const char *rd_kafka_message_errstr(const rd_kafka_message_t *message) {
    return rd_kafka_err2name(message->err);
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *message,
                                   rd_kafka_timestamp_type_t *ret_type) {
    *ret_type = RD_KAFKA_TIMESTAMP_CREATE_TIME;
    return ((const struct delivered *)(const void *)message)->timestamp_ms;
}

rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *message,
                                             rd_kafka_headers_t **ret_headers) {
    struct delivered *delivered = (struct delivered *)(uintptr_t)message;
    if (delivered->headers.count == 0) {
        return RD_KAFKA_RESP_ERR__NOENT;
    }
    *ret_headers = &delivered->headers;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void add_claim(rd_kafka_t *handle, const rd_kafka_topic_partition_t *wanted) {
    REQUIRE(claim_of(handle, wanted->topic, wanted->partition) == NULL);
    REQUIRE(handle->claim_count < SIM_PARTITIONS_MAX);
    handle->claims[handle->claim_count++] = (struct claim){
        .log = &broker_topic(wanted->topic)->logs[wanted->partition],
        .is_fetching = handle->group.is_subscribed ? sim_chance(5000) : true,
        .fetch_from_ms = sim_now() + sim_between(0, sim_plan.travel_ms_max),
        .fetch_offset = wanted->offset > 0 ? wanted->offset : 0,
        .position = -1,
        .end_told = -1,
        .stale_offset = -1,
    };
}

rd_kafka_error_t *rd_kafka_incremental_assign(rd_kafka_t *handle,
                                              const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++) {
        add_claim(handle, &list->elems[i]);
    }
    return NULL;
}

rd_kafka_error_t *rd_kafka_incremental_unassign(rd_kafka_t *handle,
                                                const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++) {
        struct claim *claim = claim_of(handle, list->elems[i].topic, list->elems[i].partition);
        REQUIRE(claim != NULL);
        *claim = handle->claims[--handle->claim_count];
    }
    handle->group.is_lost = false;
    return NULL;
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *handle,
                                    const rd_kafka_topic_partition_list_t *list) {
    handle->claim_count = 0;
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        add_claim(handle, &list->elems[i]);
    }
    handle->group.is_lost = false;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int rd_kafka_assignment_lost(rd_kafka_t *handle) {
    return handle->group.is_lost;
}

int rd_kafka_version(void) {
    return 0x02100000; /* handles are destroyed here, whatever became of the membership */
}

const char *rd_kafka_rebalance_protocol(rd_kafka_t *handle) {
    return strcmp(client_setting(handle, "partition.assignment.strategy"), "cooperative-sticky") ==
                   0
               ? "COOPERATIVE"
               : "EAGER";
}

rd_kafka_resp_err_t rd_kafka_poll_set_consumer(rd_kafka_t *handle) {
    (void)handle;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_consumer_close(rd_kafka_t *handle) {
    struct membership *group = &handle->group;
    if (group->is_subscribed) {
        if (handle->claim_count > 0) {
            call_back(handle, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, owned(handle));
        }
        group->is_subscribed = false;
        sim_travel();
        if (!is_static(handle)) {
            group_leave(group->group, group->self.member);
        }
        sim_travel();
        group->self.member = 0;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* What was fetched ahead may come through though the partition was paused meanwhile. */
static void leave_stale(const rd_kafka_t *handle, struct claim *claim) {
    if (sim_trouble(sim_plan.stale_fetches) && claim->is_fetching && !claim->is_paused &&
        claim->fetch_offset < log_stable(claim->log) &&
        is_readable(handle, claim->log, claim->fetch_offset)) {
        claim->stale_offset = claim->fetch_offset;
    }
}

rd_kafka_resp_err_t rd_kafka_pause_partitions(rd_kafka_t *handle,
                                              rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++) {
        struct claim *claim = claim_of(handle, list->elems[i].topic, list->elems[i].partition);
        if (claim != NULL) {
            leave_stale(handle, claim);
            claim->is_paused = true;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_resume_partitions(rd_kafka_t *handle,
                                               rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++) {
        struct claim *claim = claim_of(handle, list->elems[i].topic, list->elems[i].partition);
        if (claim != NULL) {
            claim->is_paused = false;
            /* Before librdkafka 2.4 it may go on from an earlier place. */
            if (sim_trouble(sim_plan.stale_fetches) && claim->fetch_offset > 0) {
                claim->fetch_offset--;
            }
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t *rd_kafka_seek_partitions(rd_kafka_t *handle,
                                           rd_kafka_topic_partition_list_t *list, int timeout_ms) {
    (void)timeout_ms;
    REQUIRE(list->cnt == 1);
    rd_kafka_topic_partition_t *wanted = &list->elems[0];
    sim_sleep(sim_between(0, 2));
    struct claim *claim = claim_of(handle, wanted->topic, wanted->partition);
    wanted->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (claim == NULL) {
        wanted->err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    } else if (!claim->is_fetching || sim_trouble(sim_plan.seek_fails)) {
        claim->is_fetching = true;
        wanted->err = RD_KAFKA_RESP_ERR__STATE;
    } else {
        /* What was fetched before is outdated by version, and the position is unknown again. */
        claim->stale_offset = -1;
        claim->position = -1;
        claim->end_told = -1;
        sim_trace("seek %s [%d] to %lld", wanted->topic, wanted->partition,
                  (long long)wanted->offset);
        claim->fetch_offset = wanted->offset;
        claim->fetch_from_ms = sim_now() + (sim_trouble(sim_plan.slow_travel)
                                                ? sim_between(0, 3000)
                                                : sim_between(0, sim_plan.travel_ms_max));
    }
    return NULL;
}

rd_kafka_resp_err_t rd_kafka_position(rd_kafka_t *handle, rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++) {
        struct claim *claim = claim_of(handle, list->elems[i].topic, list->elems[i].partition);
        list->elems[i].offset =
            claim != NULL && claim->position >= 0 ? claim->position : RD_KAFKA_OFFSET_INVALID;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *handle, rd_kafka_topic_partition_list_t *list,
                                       int timeout_ms) {
    int64_t end_ms = sim_now() + timeout_ms;
    const struct group *group = group_of(client_setting(handle, "group.id"));
    rd_kafka_topic_partition_t *wanted = &list->elems[0];
    for (;;) {
        sim_travel();
        int64_t offset;
        /* Stable offsets are asked for by readers of committed data only (P6). */
        if (group_committed(group, wanted->partition, handle->reads_committed, &offset)) {
            wanted->offset = offset >= 0 ? offset : RD_KAFKA_OFFSET_INVALID;
            sim_trace("%s: committed offset of [%d] is %lld", rd_kafka_name(handle),
                      wanted->partition, (long long)offset);
            sim_travel();
            return sim_trouble(sim_plan.asks_fail) ? RD_KAFKA_RESP_ERR__TRANSPORT
                                                   : RD_KAFKA_RESP_ERR_NO_ERROR;
        }
        if (sim_now() >= end_ms) {
            return RD_KAFKA_RESP_ERR__TIMED_OUT;
        }
        sim_sleep(100);
    }
}

char *rd_kafka_memberid(const rd_kafka_t *handle) {
    char text[32] = "";
    if (handle->group.self.member != 0) {
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)handle->group.self.member);
    }
    return strdup(text);
}

struct rd_kafka_consumer_group_metadata_s {
    struct group *group;
    struct group_member member;
};

rd_kafka_consumer_group_metadata_t *rd_kafka_consumer_group_metadata(rd_kafka_t *handle) {
    rd_kafka_consumer_group_metadata_t *metadata = malloc(sizeof *metadata);
    REQUIRE(metadata != NULL);
    metadata->group = handle->group.group;
    metadata->member = handle->group.self;
    return metadata;
}

/* Of nobody. */
rd_kafka_consumer_group_metadata_t *rd_kafka_consumer_group_metadata_new(const char *group_id) {
    rd_kafka_consumer_group_metadata_t *metadata = calloc(1, sizeof *metadata);
    REQUIRE(metadata != NULL);
    metadata->group = group_of(group_id);
    metadata->member.generation = -1;
    return metadata;
}

void rd_kafka_consumer_group_metadata_destroy(rd_kafka_consumer_group_metadata_t *metadata) {
    free(metadata);
}

rd_kafka_error_t *rd_kafka_consumer_group_metadata_write(
    const rd_kafka_consumer_group_metadata_t *metadata, void **ret_bytes, size_t *ret_size) {
    static const char magic[] = "CGMDv2:";
    char *bytes = calloc(1, 64);
    REQUIRE(bytes != NULL);
    memcpy(bytes, magic, sizeof magic - 1);
    memcpy(bytes + sizeof magic - 1, &metadata->member.generation, sizeof(int32_t));
    *ret_bytes = bytes;
    *ret_size = 64;
    return NULL;
}

const struct group_member *metadata_member(const rd_kafka_consumer_group_metadata_t *metadata) {
    return &metadata->member;
}

struct group *metadata_group(const rd_kafka_consumer_group_metadata_t *metadata) {
    return metadata->group;
}
