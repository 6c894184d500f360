/* sentinel.h: what the Sentinels say of the master. Private to room enrich. One thread. */
#ifndef ACCRUED_ENRICH_SENTINEL_H
#define ACCRUED_ENRICH_SENTINEL_H

#include "accrued/address.h"
#include "accrued/config.h"
#include "accrued/fault.h"

struct sentinel_master {
    char address[ADDRESS_TEXT_SIZE_MAX];
    int64_t epoch; /* grows with each failover: of two opinions the higher one is the later */
};

/* Asks all of them, and believes the latest opinion. false: none answers; *fault is the last's. */
bool sentinel_find_master(const struct config *config, int64_t deadline_ms,
                          struct sentinel_master *ret_master, struct fault *fault);

/* A master that is cut off from its Sentinels goes on as if nothing had happened, and its clients
 * with it. So one Sentinel is asked again and again; another, where one does not answer. */
struct sentinel_watch;

/* NULL where the configuration has no Sentinels; all others accept that. */
struct sentinel_watch *sentinel_watch_new(const struct config *config);
void sentinel_watch_free(struct sentinel_watch *watch);
/* Blocks only to connect, and then shortly. false: a Sentinel names another server than
 * `address`. */
bool sentinel_watch_step(struct sentinel_watch *watch, const char *address, int64_t now_ms,
                         struct fault *fault);

#endif
