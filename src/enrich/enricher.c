/* What a batch may use, and when: the policy between cache.h and store.h. */
#include "accrued/enrich.h"

#include "store.h"
#include "tls.h"

#include "accrued/cache.h"
#include "accrued/clock.h"
#include "accrued/require.h"

#include <inttypes.h>
#include <stdlib.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000
/* Pings a fresh_ms: one may be late without a batch having to wait for it. */
#define PINGS_PER_FRESH 4
#define CACHE_LINE_SIZE 64
#define VALUE_LINES_EXPECTED 5
#define EXPECT_AHEAD 4

struct enricher {
    const struct config *config;
    struct cache cache;
    struct store *store;
    struct cache_slot **missing; /* scratch of fetch */
    size_t missing_capacity;
    int64_t retry_ms;   /* no attempt to connect before */
    int64_t backoff_ms; /* 0: the last connection was of use */
    struct fault failure;
    bool is_ready;   /* for the current batch */
    bool may_ask;    /* the fetch that is under way */
    bool is_missing; /* it would have had to */
    uint64_t hits;   /* of the fetch that is under way */
    uint64_t negative;
    struct enricher_stats stats;
};

const char *enrich_verdict_name(enum enrich_verdict verdict) {
    switch (verdict) {
    case ENRICH_READY: return "ready";
    case ENRICH_WAIT: return "wait";
    case ENRICH_MISSING: return "missing";
    }
    REQUIRE(false && "unknown enrich_verdict");
}

/* What the configuration names; which server it was says the connection's own fault. */
static const char *server_name(const struct config *config) {
    return config->redis.sentinels[0] != '\0' ? config->redis.master_name : config->redis.address;
}

struct enricher *enricher_open(const struct config *config, struct fault *fault) {
    REQUIRE(config != NULL && fault != NULL);
    if (config->reference.cache_entries_max < 1 || config->reference.cache_bytes_max < 1) {
        fault_set(fault, "reference.cache_entries_max and reference.cache_bytes_max must be "
                         "positive");
        return NULL;
    }
    if (config->reference.fresh_ms < 1) {
        fault_set(fault, "reference.fresh_ms must be positive");
        return NULL;
    }
    if (!tls_check(config, fault)) {
        return NULL;
    }
    struct enricher *enricher = calloc(1, sizeof *enricher);
    REQUIRE(enricher != NULL);
    enricher->config = config;
    cache_init(&enricher->cache, (size_t)config->reference.cache_entries_max,
               (size_t)config->reference.cache_bytes_max);
    enricher->store = store_new(config);
    enricher->retry_ms = INT64_MIN;
    fault_set(&enricher->failure, "Redis at %s: not connected yet", server_name(config));
    return enricher;
}

void enricher_configure(struct enricher *enricher, const struct config *config) {
    REQUIRE(config->reference.cache_entries_max > 0 && config->reference.cache_bytes_max > 0);
    enricher->config = config;
    enricher->cache.entries_max = (size_t)config->reference.cache_entries_max;
    enricher->cache.bytes_max = (size_t)config->reference.cache_bytes_max;
    store_configure(enricher->store, config);
    /* What kept it from connecting may have been repaired. */
    enricher->retry_ms = INT64_MIN;
    enricher->backoff_ms = 0;
}

void enricher_free(struct enricher *enricher) {
    if (enricher == NULL) {
        return;
    }
    store_free(enricher->store);
    cache_release(&enricher->cache);
    free(enricher->missing);
    free(enricher);
}

void enricher_begin(struct enricher *enricher) {
    enricher->is_ready = false;
    cache_begin(&enricher->cache);
}

static void enricher_want(struct enricher *enricher, enum reference_kind kind, struct text id) {
    bool is_new;
    (void)cache_want(&enricher->cache, kind, id, &is_new);
    if (is_new) {
        enricher->is_ready = false;
    }
}

void enricher_want_customer(struct enricher *enricher, struct text customer_id) {
    REQUIRE(text_is_folded(customer_id));
    enricher_want(enricher, REFERENCE_CUSTOMER, customer_id);
}

/* That ids of customers are folded is not asked again here: it is a line's way, and decoding folds.
 */
void enricher_want_all(struct enricher *enricher, enum reference_kind kind, const struct text *ids,
                       size_t count, const struct cache_slot **ret_slots) {
    size_t count_new = 0;
    cache_want_all(&enricher->cache, kind, ids, count, ret_slots, &count_new);
    enricher->is_ready = enricher->is_ready && count_new == 0;
}

void enricher_want_partner(struct enricher *enricher, struct text mpn_id) {
    enricher_want(enricher, REFERENCE_PARTNER, mpn_id);
}

/* A value and its arrays are one piece of memory; the first lines of it hold what rating reads. */
static void prefetch_value(const struct reference *value) {
    for (size_t i = 0; i < VALUE_LINES_EXPECTED; i++) {
        __builtin_prefetch((const char *)value + i * CACHE_LINE_SIZE);
    }
}

/* Wants the partners of all links, also of those that are not valid on any day of the batch: which
 * day counts is for rating to know. Covers customers [from, to) of what is wanted. */
static void want_linked_partners(struct enricher *enricher, size_t from, size_t to) {
    struct cache *cache = &enricher->cache;
    for (size_t i = from; i < to; i++) {
        const struct cache_slot *slot = cache->wanted[i];
        if (i + EXPECT_AHEAD < to) {
            prefetch_value(cache->wanted[i + EXPECT_AHEAD]->value);
        }
        REQUIRE(slot->value != NULL);
        if (slot->kind != REFERENCE_CUSTOMER || slot->value->state != REFERENCE_PRESENT) {
            continue;
        }
        const struct customer *customer = &slot->value->customer;
        for (size_t link = 0; link < customer->link_count; link++) {
            enricher_want(enricher, REFERENCE_PARTNER, customer->links[link].partner_mpn_id);
        }
    }
}

/* A connection that failed: nothing that it told us is sure from now on. */
static bool enricher_lose(struct enricher *enricher, int64_t now_ms, const struct fault *why) {
    bool was_open = store_is_open(enricher->store);
    enricher->failure = *why;
    enricher->stats.failures++;
    if (was_open) {
        bool keep = enricher->config->reference.outage == OUTAGE_SERVE_STALE;
        cache_flush(&enricher->cache, keep ? CACHE_FLUSH_KEEP_STALE : CACHE_FLUSH_FORGET,
                    store_fresh_ms(enricher->store));
        store_close(enricher->store);
    }
    /* The first attempt after a useful connection is free: a restarted Redis is found at once. */
    enricher->retry_ms = now_ms + enricher->backoff_ms;
    enricher->backoff_ms = enricher->backoff_ms == 0 ? BACKOFF_FIRST_MS : enricher->backoff_ms * 2;
    if (enricher->backoff_ms > BACKOFF_MAX_MS) {
        enricher->backoff_ms = BACKOFF_MAX_MS;
    }
    return false;
}

static bool enricher_connect(struct enricher *enricher, int64_t now_ms) {
    if (store_is_open(enricher->store)) {
        return true;
    }
    if (now_ms < enricher->retry_ms) {
        return false; /* the failure is the last one */
    }
    struct fault fault;
    if (!store_open(enricher->store, &enricher->cache, now_ms, &fault)) {
        return enricher_lose(enricher, now_ms, &fault);
    }
    enricher->stats.connects++;
    return true;
}

/* Makes sure that the cache is known to be right as of fresh_ms ago, pinging if need be. */
static bool enricher_freshen(struct enricher *enricher, int64_t now_ms, int64_t deadline_ms) {
    int64_t fresh_ms = enricher->config->reference.fresh_ms;
    struct fault fault;
    /* A ping that is under way may be too old to be of use; then one more. */
    for (int attempt = 0; attempt < 2; attempt++) {
        if (now_ms - store_fresh_ms(enricher->store) <= fresh_ms) {
            return true;
        }
        if (!store_ping(enricher->store, now_ms, &fault) ||
            !store_await_pong(enricher->store, &enricher->cache, deadline_ms, &fault)) {
            return enricher_lose(enricher, now_ms, &fault);
        }
    }
    if (now_ms - store_fresh_ms(enricher->store) <= fresh_ms) {
        return true;
    }
    return fault_set(&enricher->failure,
                     "Redis at %s: answers more slowly than reference.fresh_ms (%" PRId64 " ms)",
                     server_name(enricher->config), fresh_ms);
}

/* One round trip for what is not current among wanted [from, to); none if all is. */
static bool enricher_ask(struct enricher *enricher, size_t from, size_t to, int64_t now_ms,
                         int64_t deadline_ms) {
    struct cache *cache = &enricher->cache;
    if (to > enricher->missing_capacity) {
        void *grown = realloc(enricher->missing, cache->wanted_capacity * sizeof(void *));
        REQUIRE(grown != NULL);
        enricher->missing = grown;
        enricher->missing_capacity = cache->wanted_capacity;
    }
    size_t count = 0;
    for (size_t i = from; i < to; i++) {
        struct cache_slot *slot = cache->wanted[i];
        if (!cache_is_current(cache, slot)) {
            enricher->missing[count++] = slot;
        } else {
            enricher->hits++;
            enricher->negative += slot->value->state == REFERENCE_MISSING;
        }
    }
    enricher->is_missing = count > 0;
    if (count == 0 || !enricher->may_ask) {
        return count == 0;
    }
    struct store_counts counts = {0, 0};
    struct fault fault;
    enricher->stats.round_trips++;
    bool ok =
        store_get(enricher->store, cache, enricher->missing, count, deadline_ms, &counts, &fault);
    enricher->stats.misses += counts.values;
    enricher->stats.unreadable += counts.unreadable;
    return ok || enricher_lose(enricher, now_ms, &fault);
}

/* False: the failure says why. */
static bool enricher_fetch_fresh(struct enricher *enricher, int64_t now_ms) {
    struct cache *cache = &enricher->cache;
    struct fault fault;
    int64_t start_ms = clock_steady_ms();
    int64_t patience_ms = enricher->config->redis.timeout_ms;
    if (store_is_open(enricher->store) && !store_drain(enricher->store, cache, &fault)) {
        (void)enricher_lose(enricher, now_ms, &fault);
    }
    if (!enricher_connect(enricher, now_ms)) {
        return false;
    }
    int64_t deadline_ms = clock_steady_ms() + patience_ms;
    size_t asked = cache->wanted_count;
    if (!enricher_freshen(enricher, now_ms, deadline_ms) ||
        !enricher_ask(enricher, 0, asked, now_ms, deadline_ms)) {
        return false;
    }
    want_linked_partners(enricher, 0, asked);
    deadline_ms = clock_steady_ms() + patience_ms;
    if (!enricher_ask(enricher, asked, cache->wanted_count, now_ms, deadline_ms)) {
        return false;
    }
    /* News that came with the answers; then once more whether all that was slow. */
    now_ms += clock_steady_ms() - start_ms;
    if (!store_drain(enricher->store, cache, &fault)) {
        return enricher_lose(enricher, now_ms, &fault);
    }
    return enricher_freshen(enricher, now_ms, deadline_ms);
}

/* Policy serve_stale: is everything at hand and not older than allowed? */
static bool enricher_serve_stale(struct enricher *enricher, int64_t now_ms) {
    struct cache *cache = &enricher->cache;
    int64_t confirmed_min_ms = now_ms - enricher->config->reference.stale_max_ms;
    if (store_is_open(enricher->store) && store_fresh_ms(enricher->store) < confirmed_min_ms) {
        return false;
    }
    enricher->hits = 0;
    enricher->negative = 0;
    for (size_t i = 0; i < cache->wanted_count; i++) { /* grows by linked partners */
        const struct cache_slot *slot = cache->wanted[i];
        if (!cache_is_usable_stale(cache, slot, confirmed_min_ms)) {
            return false;
        }
        want_linked_partners(enricher, i, i + 1);
        enricher->hits++;
        enricher->negative += slot->value->state == REFERENCE_MISSING;
    }
    enricher->stats.stale += enricher->hits;
    return true;
}

static enum enrich_verdict fetch(struct enricher *enricher, int64_t now_ms, bool may_ask,
                                 struct fault *fault) {
    REQUIRE(enricher != NULL && fault != NULL);
    if (enricher->cache.wanted_count == 0) {
        return ENRICH_READY;
    }
    enricher->may_ask = may_ask;
    enricher->is_missing = false;
    enricher->hits = 0;
    enricher->negative = 0;
    bool ok = enricher_fetch_fresh(enricher, now_ms);
    if (!ok && enricher->is_missing && !may_ask) {
        return ENRICH_MISSING;
    }
    if (ok) {
        enricher->backoff_ms = 0;
    } else if (enricher->config->reference.outage == OUTAGE_SERVE_STALE) {
        ok = enricher_serve_stale(enricher, now_ms);
    }
    if (!ok) {
        *fault = enricher->failure;
        return ENRICH_WAIT;
    }
    enricher->stats.hits += enricher->hits;
    enricher->stats.negative += enricher->negative;
    enricher->is_ready = true;
    return ENRICH_READY;
}

enum enrich_verdict enricher_fetch(struct enricher *enricher, int64_t now_ms, struct fault *fault) {
    return fetch(enricher, now_ms, true, fault);
}

enum enrich_verdict enricher_fetch_cached(struct enricher *enricher, int64_t now_ms,
                                          struct fault *fault) {
    return fetch(enricher, now_ms, false, fault);
}

static const struct reference *enricher_find(const struct enricher *enricher,
                                             enum reference_kind kind, struct text id) {
    REQUIRE(enricher->is_ready);
    const struct reference *found = cache_find(&enricher->cache, kind, id);
    REQUIRE(found != NULL); /* not wanted: the caller's bug, and a line rated on nothing */
    return found;
}

const struct reference *enricher_customer(const struct enricher *enricher,
                                          struct text customer_id) {
    return enricher_find(enricher, REFERENCE_CUSTOMER, customer_id);
}

const struct reference *enricher_partner(const struct enricher *enricher, struct text mpn_id) {
    return enricher_find(enricher, REFERENCE_PARTNER, mpn_id);
}

const struct reference *enricher_wanted(const struct enricher *enricher,
                                        const struct cache_slot *slot) {
    REQUIRE(enricher->is_ready && slot->batch == enricher->cache.batch && slot->value != NULL);
    return slot->value;
}

void enricher_expect(const struct cache_slot *soon, const struct cache_slot *later) {
    if (later != NULL) {
        __builtin_prefetch(&later->value);
    }
    if (soon != NULL) {
        prefetch_value(soon->value);
    }
}

static const struct reference *find_partner(void *context, struct text mpn_id) {
    return enricher_partner(context, mpn_id);
}

struct partner_lookup enricher_partners(struct enricher *enricher) {
    return (struct partner_lookup){.find = find_partner, .context = enricher};
}

void enricher_serve(struct enricher *enricher, int64_t now_ms) {
    struct fault fault;
    if (!enricher_connect(enricher, now_ms)) {
        return;
    }
    if (!store_drain(enricher->store, &enricher->cache, &fault) ||
        !store_watch(enricher->store, now_ms, &fault)) {
        (void)enricher_lose(enricher, now_ms, &fault);
        return;
    }
    int64_t pending_ms = store_ping_pending_ms(enricher->store);
    if (pending_ms != INT64_MAX) {
        if (now_ms - pending_ms > enricher->config->redis.timeout_ms) {
            (void)fault_set(&fault, "Redis at %s: no answer in time (redis.timeout_ms)",
                            server_name(enricher->config));
            (void)enricher_lose(enricher, now_ms, &fault);
        }
        return;
    }
    int64_t interval_ms = enricher->config->reference.fresh_ms / PINGS_PER_FRESH;
    if (now_ms - store_fresh_ms(enricher->store) >= interval_ms &&
        !store_ping(enricher->store, now_ms, &fault)) {
        (void)enricher_lose(enricher, now_ms, &fault);
    }
}

bool enricher_is_up(const struct enricher *enricher, int64_t now_ms, const char **ret_why) {
    if (ret_why != NULL) {
        *ret_why = enricher->failure.text;
    }
    int64_t pending_ms = store_ping_pending_ms(enricher->store);
    return store_is_open(enricher->store) &&
           (pending_ms == INT64_MAX || now_ms - pending_ms <= enricher->config->reference.fresh_ms);
}

bool enricher_can_serve(const struct enricher *enricher, int64_t now_ms, const char **ret_why) {
    if (enricher_is_up(enricher, now_ms, ret_why)) {
        return true;
    }
    return enricher->config->reference.outage == OUTAGE_SERVE_STALE &&
           enricher->stats.connects > 0 &&
           now_ms - store_fresh_ms(enricher->store) <= enricher->config->reference.stale_max_ms;
}

void enricher_forget_customer(struct enricher *enricher, struct text customer_id) {
    REQUIRE(text_is_folded(customer_id));
    cache_invalidate(&enricher->cache, REFERENCE_CUSTOMER, customer_id);
}

void enricher_forget_partner(struct enricher *enricher, struct text mpn_id) {
    cache_invalidate(&enricher->cache, REFERENCE_PARTNER, mpn_id);
}

void enricher_forget_all(struct enricher *enricher) {
    cache_flush(&enricher->cache, CACHE_FLUSH_FORGET, 0);
}

struct enricher_stats enricher_stats(const struct enricher *enricher) {
    struct enricher_stats stats = enricher->stats;
    const struct cache_stats *cache = &enricher->cache.stats;
    stats.invalidations = cache->invalidations;
    stats.races = cache->races;
    stats.evictions = cache->evictions;
    stats.flushes = cache->flushes;
    stats.entries = cache->entries;
    stats.bytes = cache->bytes;
    stats.fresh_at_ms = stats.connects > 0 ? store_fresh_ms(enricher->store) : INT64_MIN;
    return stats;
}
