/* lane.h: one thread's way of a billing line: gather → decode → enrich → rate → post → publish →
 * commit, or abort and rewind. Room: lane.
 *
 * A lane owns a consumer, a transactional producer, a connection to Redis, a batch, and the ledgers
 * of its partitions. Lanes share only what struct lane_shared holds: what is in force is immutable
 * and taken anew between two transactions, the rest are flags. Source of the design:
 * architecture.md, "One lane". */
#ifndef ACCRUED_LANE_H
#define ACCRUED_LANE_H

#include "accrued/edition.h"
#include "accrued/fault.h"
#include "accrued/verdict.h"

#include <pthread.h>
#include <stdatomic.h>

struct inquiries;
struct lag_monitor;
struct lane;
struct registry;

struct lane_shared {
    struct editions *editions;
    struct lag_monitor *lag;     /* may be NULL */
    struct registry *registry;   /* may be NULL */
    struct inquiries *inquiries; /* may be NULL */
    atomic_bool stop;            /* finish the transaction at hand, leave the group, return */
    _Atomic int64_t *beats; /* per lane: steady ms of the last round of its loop, for /healthz */
    atomic_int *readiness;  /* per lane: enum lane_readiness, for /readyz */
    pthread_mutex_t *reasons_lock;
    struct fault *reasons; /* per lane: why it waits; under the lock */
};

enum lane_readiness {
    LANE_STARTING,
    LANE_JOINING,    /* the group has not taken it in yet */
    LANE_UNASSIGNED, /* member of the group, no partition: ready to take one over */
    LANE_RESTORING,
    LANE_WAITING, /* for reference data, or for the registry to tell what schema a record has */
    LANE_READY,
    LANE_STOPPED,
};
const char *lane_readiness_name(enum lane_readiness readiness);

/* NULL: *ret_verdict (REBUILD or STOP) and *fault. */
struct lane *lane_open(struct lane_shared *shared, int number, enum verdict *ret_verdict,
                       struct fault *fault);
/* Runs until shared->stop (COMMITTED), or until it cannot go on (REBUILD or STOP, with *fault).
 * *ret_committed: whether any transaction was committed, that is, whether it was worth while. */
enum verdict lane_run(struct lane *lane, bool *ret_committed, struct fault *fault);
/* Aborts what is open, leaves the group, frees. NULL is accepted. */
void lane_free(struct lane *lane);

#endif
