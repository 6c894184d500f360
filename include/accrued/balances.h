/* balances.h: the second processor, accruals → balances. Room: balance.
 *
 * Consumes topics.accruals as a group of its own and publishes the changed sums of each batch to
 * topics.accrual_balances, in the same partition, with the offsets, in one transaction: exactly
 * once as the lane does it, under the same rules (transactions.md). Its only memory is the topic
 * that it writes: on assignment a partition's balances are read back, and the highest source_offset
 * among them says where to go on. So neither group offsets that were lost or set elsewhere nor a
 * new balances topic can count an accrual twice or never. One thread runs it; several processes
 * divide the partitions. */
#ifndef ACCRUED_BALANCES_H
#define ACCRUED_BALANCES_H

#include "accrued/config.h"
#include "accrued/verdict.h"

#include <stdatomic.h>

struct balances;
struct lag_monitor;

#define BALANCES_GROUP_SUFFIX "-balances"
/* The consumer group: kafka.group_id with the suffix. The caller frees it. */
char *balances_group(const struct config *config);

struct balances_shared {
    const struct config *config;
    struct lag_monitor *lag; /* may be NULL */
    atomic_bool stop;
    _Atomic int64_t beat_ms;   /* steady, of the last round */
    atomic_bool is_ready;      /* all partitions that it has are restored */
    atomic_bool has_committed; /* since it was opened */
};

/* NULL: *ret_verdict (REBUILD or STOP) and *fault. */
struct balances *balances_open(struct balances_shared *shared, enum verdict *ret_verdict,
                               struct fault *fault);
/* Runs until shared->stop (COMMITTED), or until it cannot go on (REBUILD or STOP, with *fault). */
enum verdict balances_run(struct balances *balances, struct fault *fault);
/* Aborts what is open, leaves the group, frees. NULL is accepted. */
void balances_free(struct balances *balances);

#endif
