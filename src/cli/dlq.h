/* dlq.h: what the actions of `accrued dlq` share. Private to cli. Main thread.
 *
 * A letter is a record of topics.billing_lines_dlq that a worker put there. Replaying one leaves a
 * mark in the same partition, in the same transaction: a record without key and value whose header
 * says which offset was replayed. So who reads the topic knows what is open, and a mark outlives
 * its letter. */
#ifndef ACCRUED_CLI_DLQ_H
#define ACCRUED_CLI_DLQ_H

#include "accrued/arena.h"
#include "accrued/config.h"
#include "accrued/topic_reader.h"

#define DLQ_POSITIONS_MAX 256
#define DLQ_CODES_MAX 16
/* As a position or an offset: not said. */
#define DLQ_ANY (-1)

struct letter {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    struct text code; /* null: no worker wrote this record */
    struct text message;
    int32_t source_partition;
    int64_t source_offset;
    struct text customer; /* null: cannot be decoded, and there is no key */
    bool customer_is_key; /* it cannot be decoded, this is the record's key */
    bool key_is_customer;
    struct text line_id;
    size_t value_size;
    int64_t replayed_at_ms; /* −1: it was not */
};

struct letter_position {
    int32_t partition;
    int64_t offset;
};

/* Which letters: all that hold every condition that is said. */
struct letter_filter {
    struct text codes[DLQ_CODES_MAX];
    size_t code_count;
    struct text customer;
    int64_t since_ms;
    int64_t until_ms;
    int32_t partition;
    int64_t offset;
    struct letter_position positions[DLQ_POSITIONS_MAX]; /* or exactly these */
    size_t position_count;
    bool only_open;
};

struct letters {
    struct arena arena;
    struct letter *items; /* by partition, then offset */
    size_t count;
    size_t capacity;
};

struct dlq {
    const char *command;
    const struct config *config;
    struct letter_filter filter;
    struct letter_position cuts[DLQ_POSITIONS_MAX]; /* purge: letters of a partition below */
    size_t cut_count;
    int64_t confirmed; /* −1: not said */
    bool is_json;
    bool is_summary;
    bool is_dry_run;
    bool is_all;
    bool is_again;
};

/* Reads the whole topic, or of it what the filter names. false: *fault. */
bool letters_read(const struct config *config, const struct letter_filter *filter,
                  struct letters *ret_letters, struct fault *fault);
void letters_release(struct letters *letters);
/* NULL: not among them. */
const struct letter *letters_find(const struct letters *letters, int32_t partition, int64_t offset);

/* The schemas by which letters are read. */
struct dlq_schemas {
    struct schema_set *set;
    struct registry *registry; /* NULL: none is configured */
};
/* false: *fault. */
bool dlq_schemas_open(const struct config *config, struct dlq_schemas *ret_schemas,
                      struct fault *fault);
void dlq_schemas_close(struct dlq_schemas *schemas);

/* Is it the mark of a replay? Then of which offset. */
bool letter_is_mark(const struct topic_record *record, int64_t *ret_offset);

/* The actions: an exit code each. */
int dlq_list(const struct dlq *dlq);
int dlq_show(const struct dlq *dlq);
int dlq_replay(const struct dlq *dlq);
int dlq_purge(const struct dlq *dlq);

#endif
