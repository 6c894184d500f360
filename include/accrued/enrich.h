/* enrich.h: reference data for a batch of lines. Room: enrich. Adapter: hiredis.
 *
 * One enricher per lane thread, used by that thread only. It owns two connections
 * to Redis (requests; invalidations) and a near cache (cache.h). Order of calls:
 *
 *     begin → want … want → fetch ─READY→ customer/partner … → begin → …
 *                             ├──MISSING→ want more, fetch again
 *                             └──WAIT→ (serve, want more, fetch again) or begin
 *
 * A value answers for the batch that wanted it and is valid until the next begin.
 * A cached value is used only while it is known to be right: a PING on both
 * connections, sent within the last `reference.fresh_ms`, has been answered, and
 * every invalidation read. Between a change in Redis and its invalidation being
 * read lie the time on the wire and one call of serve or fetch: milliseconds.
 * Rules: accrual-model.md §4.
 *
 * fetch blocks at most redis.connect_timeout_ms + 2 × redis.timeout_ms; call it
 * with no transaction open. Nothing is logged here. Times are clock_steady_ms().
 * The process must ignore SIGPIPE. What the user needs in Redis: docs/reference.md. */
#ifndef ACCRUED_ENRICH_H
#define ACCRUED_ENRICH_H

#include "accrued/config.h"
#include "accrued/fault.h"
#include "accrued/reference.h"

struct enricher;

enum enrich_verdict {
    ENRICH_READY,
    ENRICH_WAIT,    /* a wanted value cannot be had, or not be trusted, now; the fault says why */
    ENRICH_MISSING, /* fetch_cached only: not everything is in the cache */
};
const char *enrich_verdict_name(enum enrich_verdict verdict);

/* Redis need not be up. `config` must outlive the enricher. NULL: *fault says which setting. */
struct enricher *enricher_open(const struct config *config, struct fault *fault);
void enricher_free(struct enricher *enricher);
/* Another configuration, which must outlive the enricher in the old one's place: bounds, patience
 * and policy count at once, credentials from the next connection on. Redis's address, database and
 * key prefix must be what they were. Between two batches, or while one waits. */
void enricher_configure(struct enricher *enricher, const struct config *config);

/* Starts a batch: what the last one wanted may be freed. No I/O. */
void enricher_begin(struct enricher *enricher);

/* The batch will need this value. Ids of customers are folded. Copies what it needs. No I/O. */
void enricher_want_customer(struct enricher *enricher, struct text customer_id);
void enricher_want_partner(struct enricher *enricher, struct text mpn_id);

/* The same for many of a kind; a null id wants nothing and gets NULL. What stands in ret_slots
 * finds each again without a look-up, until the next begin. */
struct cache_slot;
void enricher_want_all(struct enricher *enricher, enum reference_kind kind, const struct text *ids,
                       size_t count, const struct cache_slot **ret_slots);

/* Gets what is missing, at most two round trips: what was wanted, then the partners that links of
 * wanted customers name. May be called again for the same batch. */
enum enrich_verdict enricher_fetch(struct enricher *enricher, int64_t now_ms, struct fault *fault);
/* The same from the cache alone, no round trip for values: for who would rather want more first. */
enum enrich_verdict enricher_fetch_cached(struct enricher *enricher, int64_t now_ms,
                                          struct fault *fault);

/* After READY; for what was wanted or is named by a link of a wanted customer. Never NULL: a
 * missing or unreadable value says so in its state. */
const struct reference *enricher_customer(const struct enricher *enricher, struct text customer_id);
const struct reference *enricher_partner(const struct enricher *enricher, struct text mpn_id);
const struct reference *enricher_wanted(const struct enricher *enricher,
                                        const struct cache_slot *slot);
/* This slot's value will be read soon, the other's a little later; NULL: none. */
void enricher_expect(const struct cache_slot *soon, const struct cache_slot *later);
struct partner_lookup enricher_partners(struct enricher *enricher);

/* Reads invalidations and keeps the connections known to be alive; call it every round of the lane.
 * Does not block while connected, but for the fifth of a second now and then in which a Sentinel
 * that does not answer is replaced by another. While not connected, it tries again with back-off,
 * which blocks at most redis.connect_timeout_ms. */
void enricher_serve(struct enricher *enricher, int64_t now_ms);

/* Is Redis connected and no ping unanswered for longer than fresh_ms? For readiness. *ret_why (may
 * be NULL) is the last failure, valid until the next call of serve or fetch. */
bool enricher_is_up(const struct enricher *enricher, int64_t now_ms, const char **ret_why);

/* Could a batch be rated whose values are cached? As is_up, or under policy serve-stale as long as
 * the cache is not too old. *ret_why as there. */
bool enricher_can_serve(const struct enricher *enricher, int64_t now_ms, const char **ret_why);

/* Drops values so that they are read afresh by the next batch (re-rates). */
void enricher_forget_customer(struct enricher *enricher, struct text customer_id);
void enricher_forget_partner(struct enricher *enricher, struct text mpn_id);
void enricher_forget_all(struct enricher *enricher);

struct enricher_stats {
    uint64_t hits;          /* wanted values answered from the cache */
    uint64_t negative;      /* … of these, keys known to be missing */
    uint64_t stale;         /* … of these, under policy serve_stale while Redis was not usable */
    uint64_t misses;        /* values asked of Redis */
    uint64_t unreadable;    /* … of these, that could not be read */
    uint64_t round_trips;   /* pipelines of requests for values */
    uint64_t connects;      /* successful */
    uint64_t failures;      /* connections lost or refused */
    uint64_t invalidations; /* keys named as changed, by Redis or by forget */
    uint64_t races;         /* replies overtaken by an invalidation, not kept */
    uint64_t evictions;
    uint64_t flushes;
    uint64_t entries; /* now */
    uint64_t bytes;   /* now */
    /* When the ping was sent that has been answered last: what was changed before is known. Never:
     * INT64_MIN. */
    int64_t fresh_at_ms;
};
struct enricher_stats enricher_stats(const struct enricher *enricher);

#endif
