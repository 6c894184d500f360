/* source.h: a topic from Kafka, as a member of a consumer group: a lane's billing lines, or the
 * accruals that balances add up. Room: source.
 *
 * Everything happens on the owner's thread: the rebalance hooks run inside source_poll and
 * source_close and nowhere else, and the owner never calls these while a transaction is open
 * (transactions.md §0). Partitions are given to the owner paused; it opens each one with
 * source_start when what it knows of it is restored. */
#ifndef ACCRUED_SOURCE_H
#define ACCRUED_SOURCE_H

#include "accrued/config.h"

struct source;
struct group_snapshot;

struct source_hooks {
    void (*assigned)(void *context, int32_t partition);
    /* `lost`: the group has given it away already; nothing of it may be committed. */
    void (*revoked)(void *context, int32_t partition, bool lost);
    void *context;
};

/* A record; owned by the caller until source_record_release. */
struct source_record {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* −1: none */
    struct text key;      /* null: none */
    struct text value;    /* null: none */
    void *message;
};

enum source_result { SOURCE_RECORD, SOURCE_NOTHING, SOURCE_LOST };

struct source_options {
    const char *topic;
    const char *group_id;
    const char *client; /* "lane0": what the brokers' logs call it */
    const char *member; /* behind kafka.group_instance_id, where that is set */
};

/* Subscribes. NULL: *fault. */
struct source *source_open(const struct config *config, const struct source_options *options,
                           struct source_hooks hooks, struct fault *fault);
/* Leaves the group (revoking through the hooks) and frees. NULL is accepted. */
void source_free(struct source *source);

/* Up to `count_max` records (at most SOURCE_RECORDS_MAX): waits for the first, takes what is there
 * behind it. A call in which hooks ran brings no record: partitions that stay flow again from
 * behind the last record that was handed out, because librdkafka 2.0.2's call for many moves its
 * position past messages that it throws away at a rebalance (P48). SOURCE_LOST: this membership
 * cannot go on (fatal error, topic gone): *fault; *ret_count is right all the same. */
enum source_result source_poll(struct source *source, int timeout_ms,
                               struct source_record *ret_records, size_t count_max,
                               size_t *ret_count, struct fault *fault);
#define SOURCE_RECORDS_MAX 256
void source_record_release(struct source_record *record);

/* A header's value, null if there is none. Borrowed from the record. */
struct text source_record_header(const struct source_record *record, const char *name);
bool source_record_has_headers(const struct source_record *record);

/* The committed offset of a partition; waits until a former owner's pending transaction is decided
 * (stable fetch). *ret_offset −1: none was ever committed. false: not yet (*fault), ask again. */
bool source_committed(struct source *source, int32_t partition, int timeout_ms, int64_t *ret_offset,
                      struct fault *fault);
/* First and next offset that the broker has. false: *fault. */
bool source_log_range(struct source *source, int32_t partition, int timeout_ms, int64_t *ret_first,
                      int64_t *ret_next, struct fault *fault);

/* Reads one record outside the flow. false: *fault, ask again. Where there is no record at that
 * very offset (a control marker, deleted) the answer has message NULL. The caller releases it. */
bool source_peek(struct source *source, int32_t partition, int64_t offset, int timeout_ms,
                 struct source_record *ret_record, struct fault *fault);

/* Lets a paused partition flow from `offset` on. false: not yet possible, try again. */
bool source_start(struct source *source, int32_t partition, int64_t offset, struct fault *fault);
/* Stops the flow of a started partition; what was fetched ahead is dropped. */
void source_pause(struct source *source, int32_t partition);
/* Continues at `offset` (after an aborted transaction). */
bool source_seek(struct source *source, int32_t partition, int64_t offset, struct fault *fault);
/* Where the client stands, past control markers; −1: unknown. */
int64_t source_position(struct source *source, int32_t partition);

/* Group membership as of now. NULL: there is none that may commit (not joined, or lost). */
struct group_snapshot *source_snapshot(struct source *source, struct fault *fault);
void group_snapshot_free(struct group_snapshot *snapshot);
/* The rd_kafka_consumer_group_metadata_t behind it, for the publisher. */
const void *group_snapshot_metadata(const struct group_snapshot *snapshot);

/* Partitions of the topic. */
int32_t source_partition_count(const struct source *source);

#endif
