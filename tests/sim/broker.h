/* broker.h: a simulated cluster that really has logs, transactions, fencing and a group.
 *
 * What it keeps to: a commit is decided by the coordinator first and its markers stand in the logs
 * later, each at its own moment; the last stable offset is that of the first open transaction; a
 * producer epoch fences all lower ones; transactional offsets are pending until their marker, and
 * are refused under another generation, of an unknown member or one whose static place another has
 * taken, but taken unseen without any (transactions.md P3). Calls act at once: the clients
 * (rdkafka_*.c) make them take time. */
#ifndef ACCRUED_SIM_BROKER_H
#define ACCRUED_SIM_BROKER_H

#include "sim.h"

#include <librdkafka/rdkafka.h>

#define SIM_PARTITIONS_MAX 8
#define SIM_HEADERS_MAX 8

enum record_kind { RECORD_DATA, RECORD_COMMIT, RECORD_ABORT, RECORD_CLEANED };
enum record_fate { FATE_COMMITTED, FATE_OPEN, FATE_ABORTED };

struct sim_header {
    const char *name;
    struct text value;
};

struct record {
    enum record_kind kind;
    enum record_fate fate;
    int64_t producer; /* −1: none */
    int epoch;
    const struct process *process; /* that produced it; NULL: the world */
    uint64_t transaction;          /* … and in which of all of its kind */
    int64_t timestamp_ms;
    struct text key;
    struct text value;
    struct sim_header headers[SIM_HEADERS_MAX];
    size_t header_count;
};

struct open_transaction {
    int64_t producer;
    int64_t first_offset;
};
struct known_epoch {
    int64_t producer;
    int epoch;
};

struct log {
    const struct topic *topic;
    int32_t number;
    struct record *records;
    size_t count; /* the high watermark */
    size_t capacity;
    struct open_transaction *open;
    size_t open_count;
    size_t open_capacity;
    struct known_epoch *epochs;
    size_t epoch_count;
    size_t epoch_capacity;
};

struct topic {
    const char *name;
    int32_t partition_count;
    struct log logs[SIM_PARTITIONS_MAX];
};

struct topic *broker_topic_new(const char *name, int32_t partition_count);
struct topic *broker_topic(const char *name); /* NULL: none */
int64_t log_high(const struct log *log);
int64_t log_stable(const struct log *log);
/* Without a producer: committed at once. */
void broker_append(struct log *log, const struct record *record);

/* Compaction: of each key the last committed record stays; tombstones go when they are old. */
void broker_compact(struct log *log, int64_t tombstones_before_ms);

/* A grown array: one more element. */
void *sim_grown(void *array, size_t count, size_t *capacity, size_t element_size);
struct text sim_copy(struct text text);

/* Transactions. Errors are those of the protocol. */
struct producer_id {
    int64_t id;
    int epoch;
};
rd_kafka_resp_err_t broker_init_producer(const char *transactional_id, int64_t timeout_ms,
                                         struct producer_id *ret_producer);
rd_kafka_resp_err_t broker_add_partition(struct producer_id producer, struct log *log);
rd_kafka_resp_err_t broker_produce(struct producer_id producer, struct log *log,
                                   const struct record *record);
rd_kafka_resp_err_t broker_end(struct producer_id producer, bool commit);
/* Are any transactions open or their markers on the way? */
bool broker_is_settled(void);

/* group.c: groups of one topic each. */
struct group;
struct group_offset {
    int32_t partition;
    int64_t offset;
};
/* Who says that it is a member: its number (0: nobody, or not yet), its generation (−1: none), and
 * group.instance.id ("": none). */
#define GROUP_INSTANCE_SIZE 64
struct group_member {
    uint64_t member;
    int32_t generation;
    char instance[GROUP_INSTANCE_SIZE];
};
struct group *group_new(const char *id, int32_t partition_count, int64_t session_timeout_ms,
                        int64_t rebalance_timeout_ms);
struct group *group_of(const char *id); /* fails the run where there is none */
/* Joins, anew with member 0. *ret_member is who one is; the rest is told by `joined` later. */
typedef void (*group_joined)(void *client, uint64_t member, int32_t generation,
                             uint32_t partitions);
rd_kafka_resp_err_t group_join(struct group *group, const struct group_member *who, uint32_t owned,
                               group_joined joined, void *client, uint64_t *ret_member);
rd_kafka_resp_err_t group_heartbeat(struct group *group, const struct group_member *who);
void group_leave(struct group *group, uint64_t member);
/* Has every partition an owner? A static member that is gone between giving one back and joining
 * again comes back without either, and no rebalance follows: nobody has it. */
bool group_is_whole(const struct group *group);
/* Somebody restarts a member, for longer than its session. */
void group_rebalance(struct group *group);
/* Somebody sets a committed offset to another place, up to the limit. */
void group_set_offset(struct group *group, int32_t partition, int64_t limit);
int64_t group_offset(const struct group *group, int32_t partition);
/* −1: none; false: a pending transaction has yet to be decided. */
bool group_committed(const struct group *group, int32_t partition, bool stable,
                     int64_t *ret_offset);
rd_kafka_resp_err_t group_commit_pending(struct group *group, struct producer_id producer,
                                         const struct group_member *who,
                                         const struct group_offset *offsets, size_t count);
/* Of whatever group has pending offsets of the producer. */
void group_decide(int64_t producer, int epoch, bool commit);
rd_kafka_resp_err_t broker_add_offsets(struct producer_id producer);

#endif
