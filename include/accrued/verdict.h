/* verdict.h: what to do after a Kafka call failed. Room: publish. Pure.
 *
 * One function decides, from the three flags of a librdkafka error and its code; the table that it
 * follows is in transactions.md (P19, P22–P26). */
#ifndef ACCRUED_VERDICT_H
#define ACCRUED_VERDICT_H

#include <stdbool.h>

enum verdict {
    VERDICT_COMMITTED, /* it is done */
    VERDICT_AGAIN,     /* the same call again, identical arguments */
    VERDICT_ABORT,     /* abort the transaction, rewind, try the batch again */
    VERDICT_WAIT,      /* something outside is down: keep what there is and wait for it */
    VERDICT_REBUILD, /* this producer is lost and the outcome may be unknown: start the lane anew */
    VERDICT_STOP,    /* no retry will help: stop and say why */
};
#define VERDICT_COUNT 6
const char *verdict_name(enum verdict verdict);

/* Codes that the flags do not tell apart. The adapter translates librdkafka's numbers. */
enum kafka_error_class {
    KAFKA_ERROR_OTHER,
    KAFKA_ERROR_FENCED, /* fenced, or an invalid epoch: somebody or the coordinator replaced us */
    KAFKA_ERROR_UNAUTHORISED, /* an ACL is missing: no retry helps */
    KAFKA_ERROR_TOO_LARGE,    /* a record that the broker will never take */
};

struct kafka_error_facts {
    bool is_fatal;
    bool is_retriable;
    bool requires_abort;
    enum kafka_error_class class;
};

enum verdict verdict_of(struct kafka_error_facts facts);

#endif
