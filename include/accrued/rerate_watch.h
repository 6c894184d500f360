/* rerate_watch.h: how far a re-rate request has come, seen from outside. Room: source. Adapter:
 * librdkafka.
 *
 * Follows the newest blocks of the ledger topic: each says which requests its partition has served.
 * Main thread. */
#ifndef ACCRUED_RERATE_WATCH_H
#define ACCRUED_RERATE_WATCH_H

#include "accrued/config.h"

struct rerate_progress {
    int32_t partitions; /* of the ledger that have lines */
    int32_t done;
    uint64_t unrated; /* lines that the walks so far could not rate */
};

typedef void (*rerate_tell)(void *context, const struct rerate_progress *progress);

/* Returns when every partition has served the request at `offset`. `tell` is called about once a
 * second. timeout_ms 0: none. false: *fault, from the cluster or the time-out. */
bool rerate_watch(const struct config *config, int64_t offset, int64_t timeout_ms, rerate_tell tell,
                  void *context, struct rerate_progress *ret_progress, struct fault *fault);

#endif
