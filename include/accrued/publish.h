/* publish.h: one Kafka transaction for all that a batch writes. Room: publish.
 *
 * One transactional producer a lane (and one for balances); its owner's thread alone calls it. The
 * order is begin → send … → commit, or abort; every transaction sends the input offsets of every
 * partition that it writes for, under the group metadata of the batch: that is what fences a former
 * owner. Errors come back as a verdict with a fault; nothing is logged here. */
#ifndef ACCRUED_PUBLISH_H
#define ACCRUED_PUBLISH_H

#include "accrued/config.h"
#include "accrued/source.h"
#include "accrued/verdict.h"

struct publisher;

enum output {
    OUTPUT_ACCRUALS,
    OUTPUT_FORGONE,
    OUTPUT_DEAD_LETTERS,
    OUTPUT_LEDGER,
    OUTPUT_BALANCES,
};
#define OUTPUT_COUNT 5

struct output_header {
    const char *name;
    struct text value;
};

struct output_record {
    enum output output;
    int32_t partition; /* PARTITION_BY_KEY, or the ledger's or the balances' */
    struct text key;   /* null: none */
    struct text value; /* null: a tombstone */
    const struct output_header *headers;
    size_t header_count;
    bool is_kept; /* key and value stay as they are until the transaction has ended: no copy */
    const void *copied_headers_of; /* a struct source_record's message whose headers come first */
};
#define PARTITION_BY_KEY (-1)

struct input_offset {
    int32_t partition;
    int64_t next_offset;
};

struct publisher_options {
    const char *client;               /* "lane0" */
    const char *transactional_suffix; /* last part of the transactional id */
    const char *input_topic;          /* whose offsets are sent */
    const char *topics[OUTPUT_COUNT]; /* NULL: not written */
};

/* Opens the producer and runs init_transactions, which ends what a former run left open.
 * *ret_verdict (REBUILD or STOP) when NULL is returned. */
struct publisher *publisher_open(const struct config *config,
                                 const struct publisher_options *options, enum verdict *ret_verdict,
                                 struct fault *fault);
/* Aborts an open transaction and frees. NULL is accepted. */
void publisher_free(struct publisher *publisher);

enum verdict publisher_begin(struct publisher *publisher, struct fault *fault);
/* Takes a record into the transaction; it goes on its way with the commit. A partition's records
 * keep their order, but for those with headers, which go ahead. */
enum verdict publisher_send(struct publisher *publisher, const struct output_record *record,
                            struct fault *fault);
/* Sends the offsets and commits. COMMITTED, ABORT, REBUILD or STOP. */
enum verdict publisher_commit(struct publisher *publisher, const struct input_offset *offsets,
                              size_t offset_count, const struct group_snapshot *group,
                              struct fault *fault);
/* COMMITTED here means: aborted for certain. Else REBUILD. */
enum verdict publisher_abort(struct publisher *publisher, struct fault *fault);

/* librdkafka's name of the error that the last verdict was about ("ILLEGAL_GENERATION"); "none". */
const char *publisher_error_name(const struct publisher *publisher);

/* Partitions of an output's topic. */
int32_t publisher_partition_count(const struct publisher *publisher, enum output output);
/* The largest record value that the brokers are configured to take from us. */
size_t publisher_value_size_max(const struct publisher *publisher);

#endif
