/* client.h: the insides of a simulated librdkafka handle.
 *
 * client.c       configuration, lists, errors, headers, metadata, watermarks
 * consumer.c     group membership by a background thread, fetching, positions
 * producer.c     one transaction at a time, sent by a background thread */
#ifndef ACCRUED_SIM_CLIENT_H
#define ACCRUED_SIM_CLIENT_H

#include "broker.h"

#define CONF_ITEMS_MAX 48

struct rd_kafka_conf_s {
    char *names[CONF_ITEMS_MAX];
    char *values[CONF_ITEMS_MAX];
    size_t count;
    void (*rebalance)(rd_kafka_t *handle, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque);
    void *opaque;
};

struct rd_kafka_error_s {
    rd_kafka_resp_err_t code;
    bool is_fatal;
    bool is_retriable;
    bool requires_abort;
    char text[128];
};

struct rd_kafka_topic_s {
    rd_kafka_t *handle;
    struct topic *topic;
    char name[128];
};

struct rd_kafka_headers_s {
    struct sim_header items[SIM_HEADERS_MAX];
    size_t count;
};

/* A partition that a consumer was assigned. */
struct claim {
    struct log *log;
    bool is_paused;
    bool is_fetching;      /* not yet for a moment after the assignment */
    int64_t fetch_from_ms; /* nothing has arrived before */
    int64_t fetch_offset;
    int64_t position;     /* −1: nothing handed out or stepped over */
    int64_t end_told;     /* where the end of the partition was last told; −1: nowhere */
    int64_t stale_offset; /* a record fetched before a pause is still to come; −1: none */
};

enum operation_kind { OPERATION_ASSIGN, OPERATION_REVOKE, OPERATION_ERROR };
/* For the application's next poll. */
struct operation {
    enum operation_kind kind;
    uint32_t partitions;
    bool is_lost;
    rd_kafka_resp_err_t error;
};

struct membership {
    bool is_subscribed;
    bool is_fatal; /* fenced by another of the same group.instance.id */
    bool is_joining;
    bool is_lost;     /* rd_kafka_assignment_lost */
    bool joins_after; /* once the operations have been served */
    struct group *group;
    const char *topic;
    struct group_member self;
    int64_t polled_ms;
    struct operation operations[8];
    size_t operation_count;
    int64_t heartbeat_ms;
    int64_t poll_interval_ms;
};

enum producing { PRODUCER_NEW, PRODUCER_READY, PRODUCER_OPEN, PRODUCER_FAILED, PRODUCER_FATAL };

struct queued {
    struct log *log;
    struct record record;
    bool borrows; /* its value, until it is sent */
    uint64_t value_hash;
};

struct production {
    enum producing state;
    rd_kafka_resp_err_t error; /* FAILED, FATAL */
    struct producer_id id;
    struct queued *queue;
    size_t queue_first; /* what is before has been sent */
    size_t queue_count;
    size_t queue_capacity;
    bool is_sending;    /* the background thread has been told */
    bool is_registered; /* the coordinator knows of the transaction */
    uint64_t transaction;
    uint64_t serial; /* of the transaction, among all */
    char transactional_id[96];
    int64_t timeout_ms;
};

struct rd_kafka_s {
    rd_kafka_type_t type;
    struct rd_kafka_conf_s *conf;
    struct process *process;
    bool is_destroyed;
    bool reads_committed;
    bool tells_ends;
    bool is_yielding; /* a callback wants the poll to return */
    size_t callback_count;
    struct claim claims[SIM_PARTITIONS_MAX];
    size_t claim_count;
    struct membership group;
    struct production production;
};

const char *client_setting(const rd_kafka_t *handle, const char *name); /* "": unset */
rd_kafka_error_t *client_error(rd_kafka_resp_err_t code, bool is_fatal, bool is_retriable,
                               bool requires_abort);
void client_set_last_error(rd_kafka_resp_err_t code);
void producer_init(rd_kafka_t *handle);
void consumer_init(rd_kafka_t *handle);
const struct group_member *metadata_member(const rd_kafka_consumer_group_metadata_t *metadata);
struct group *metadata_group(const rd_kafka_consumer_group_metadata_t *metadata);

#endif
