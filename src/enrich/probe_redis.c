/* Does Redis do what a lane asks of it? */
#include "accrued/cache.h"
#include "accrued/clock.h"
#include "accrued/probe.h"
#include "store.h"

#define CACHE_ENTRIES_MAX 2
#define CACHE_BYTES_MAX 65536

/* A value of each kind, whatever it is: may we read them? */
static bool read_one_of_each(struct store *store, struct cache *cache, int64_t deadline_ms,
                             struct fault *fault) {
    const struct text nobody = TEXT("accrued-check");
    struct store_counts counts = {0, 0};
    struct cache_slot *slots[2];
    bool is_new;
    slots[0] = cache_want(cache, REFERENCE_PARTNER, nobody, &is_new);
    slots[1] = cache_want(cache, REFERENCE_CUSTOMER, nobody, &is_new);
    return store_get(store, cache, slots, 2, deadline_ms, &counts, fault);
}

bool probe_redis(const struct config *config, struct fault *fault) {
    struct cache cache;
    struct store *store = store_new(config);
    int64_t now_ms = clock_steady_ms();
    cache_init(&cache, CACHE_ENTRIES_MAX, CACHE_BYTES_MAX);
    bool is_good =
        store_open(store, &cache, now_ms, fault) &&
        read_one_of_each(store, &cache, clock_steady_ms() + config->redis.timeout_ms, fault);
    store_free(store);
    cache_release(&cache);
    return is_good;
}
