/* store.h: reference values in Redis, and the news of their changes. Private to room enrich.
 *
 * Two connections that live and die together: `values` carries requests and has
 * tracking switched on (CLIENT TRACKING … BCAST for the two prefixes), `news` is
 * where Redis sends the names of changed keys (RESP2 has no push messages on the
 * connection of the requests). In RESP2 nobody tells a client that the other of
 * the two has died, so both are pinged. Whatever fails, the caller closes the
 * store and flushes the cache. Times named now_ms are the caller's. One thread. */
#ifndef ACCRUED_ENRICH_STORE_H
#define ACCRUED_ENRICH_STORE_H

#include "accrued/cache.h"
#include "accrued/config.h"
#include "accrued/fault.h"

struct store;

struct store *store_new(const struct config *config);
void store_free(struct store *store);
/* From the next connection on; what is open stays. Address, database and prefix are as before. */
void store_configure(struct store *store, const struct config *config);

/* Connects both, switches tracking on, waits for a first answered ping. */
bool store_open(struct store *store, struct cache *cache, int64_t now_ms, struct fault *fault);
void store_close(struct store *store);
bool store_is_open(const struct store *store);

/* Reads the news that have arrived, without waiting, into the cache. */
bool store_drain(struct store *store, struct cache *cache, struct fault *fault);

/* Sends a ping on both connections, unless one is still unanswered. */
bool store_ping(struct store *store, int64_t now_ms, struct fault *fault);
/* Waits for the answers to it. */
bool store_await_pong(struct store *store, struct cache *cache, int64_t deadline_ms,
                      struct fault *fault);
/* Where there are Sentinels: is this still the master? Hardly ever waits. */
bool store_watch(struct store *store, int64_t now_ms, struct fault *fault);
/* When the ping was sent that is not answered yet, or INT64_MAX. */
int64_t store_ping_pending_ms(const struct store *store);
/* Everything that was changed before this moment has been told. */
int64_t store_fresh_ms(const struct store *store);

struct store_counts {
    uint64_t values;
    uint64_t unreadable;
};
/* Asks for all the slots (pinned, not current) in one pipeline and puts the answers. */
bool store_get(struct store *store, struct cache *cache, struct cache_slot *const *slots,
               size_t count, int64_t deadline_ms, struct store_counts *counts, struct fault *fault);

#endif
