/* state.h: what one processor of balances holds. Private to balance. */
#ifndef ACCRUED_BALANCE_STATE_H
#define ACCRUED_BALANCE_STATE_H

#include "accrued/balance_book.h"
#include "accrued/balances.h"
#include "accrued/metrics.h"
#include "accrued/publish.h"
#include "accrued/restore.h"

enum share_state {
    SHARE_ASSIGNED,  /* the stable committed offset is not known yet (P52) */
    SHARE_RESTORING, /* its balances are read back */
    SHARE_RESTORED,  /* … have been; where to go on is not settled yet */
    SHARE_READY,
};

/* A partition of accruals that this process owns. */
struct share {
    int32_t number;
    enum share_state state;
    struct balance_book *book;
    int64_t committed;   /* of the group; −1: none */
    int64_t next_offset; /* committed by us, or where it began */
    int64_t gather_next;
    int64_t batch_start; /* of the open batch; −1: nothing of it */
};

struct balances_counters {
    struct metric *accruals;
    struct metric *published;
    struct metric *committed;
    struct metric *aborted;
    struct metric *transaction_seconds;
};

struct balances {
    struct balances_shared *shared;
    char *group;
    struct source *source;
    struct publisher *publisher;
    struct restorer *restorer;
    struct accrual_reader *accruals;
    struct balance_reader *balances;
    struct schema_ref schema;     /* of what is written */
    uint64_t accrual_fingerprint; /* of what is read */
    struct share *shares;
    size_t share_count;
    size_t share_capacity;
    struct group_snapshot *snapshot;
    bool membership_changed;
    size_t gathered; /* accruals of the open batch */
    size_t gathered_bytes;
    int abort_count;
    int64_t idle_since_ms;
    struct buffer key;
    struct buffer value;
    struct balances_counters counters;
};

/* shares.c */
struct share *share_find(struct balances *balances, int32_t number);
void share_assigned(void *context, int32_t number);
void share_revoked(void *context, int32_t number, bool lost);
bool share_restore(void *context, int32_t number, struct text value, struct fault *fault);
void share_restored(void *context, int32_t number, int64_t high_watermark);
/* Moves every share that is not ready a step on. COMMITTED, REBUILD or STOP. */
enum verdict shares_step(struct balances *balances, struct fault *fault);
bool shares_are_ready(const struct balances *balances);
void shares_report(struct balances *balances);
void shares_release(struct balances *balances);

/* transact.c: COMMITTED also after an abort that was certain. */
enum verdict balances_transact(struct balances *balances, struct fault *fault);
enum verdict balances_commit_positions(struct balances *balances, struct fault *fault);
/* Without a membership that may commit: the batch is gathered again. */
enum verdict balances_give_back(struct balances *balances, struct fault *fault);

/* Is the record an accrual of the schema that is read? false: *fault. */
bool balances_read(struct balances *balances, struct text value,
                   struct published_accrual *ret_accrual, struct fault *fault);

#endif
