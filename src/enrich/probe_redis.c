/* Does Redis do what a lane asks of it? */
#include "accrued/cache.h"
#include "accrued/clock.h"
#include "accrued/probe.h"
#include "store.h"

#define CACHE_BYTES 4096

bool probe_redis(const struct config *config, struct fault *fault) {
    struct cache cache;
    struct store *store = store_new(config);
    cache_init(&cache, 1, CACHE_BYTES);
    bool is_good = store_open(store, &cache, clock_steady_ms(), fault);
    store_free(store);
    cache_release(&cache);
    return is_good;
}
