/* cache.h: the near cache of reference values. Room: enrich. Pure: no I/O, no clock.
 *
 * One slot per key that was asked for, bounded by entries and bytes, evicted by
 * second chance. A batch pins what it wants: pinned slots stay, and their values
 * stay readable, until the next cache_begin, whatever is invalidated meanwhile.
 *
 * A value is *current* when it was read in this epoch (since the invalidation
 * stream last broke) and nothing said since that it changed. An invalidation that
 * arrives between cache_ask and cache_put leaves the slot not current: that reply
 * lost a race, serves the batch that asked, and is not kept.
 *
 * The bounds hold at cache_begin; between, the pinned slots of one batch may exceed them.
 *
 * Missing and unreadable values are slots like any other. Owner: one lane thread.
 * The cache owns the values (malloc'd, freed with free). Rules: accrual-model.md §4. */
#ifndef ACCRUED_CACHE_H
#define ACCRUED_CACHE_H

#include "accrued/reference.h"

struct cache_slot {
    size_t value_size;
    int64_t confirmed_ms; /* last known to be right, once its epoch has ended */
    size_t clock_index;
    /* From here on what a look-up reads, close together: each costs a wait for memory. */
    struct cache_slot *next; /* in the same bucket */
    struct reference *value; /* NULL: asked for, not answered yet */
    uint64_t hash;
    uint64_t batch; /* the last that wanted it */
    uint64_t epoch; /* of the value */
    enum reference_kind kind;
    uint32_t id_size;
    bool outdated; /* invalidated since it was asked for */
    bool second_chance;
    char id[];
};

struct cache_stats {
    uint64_t evictions;
    uint64_t flushes;
    uint64_t invalidations; /* keys named by the store, cached or not */
    uint64_t races;         /* replies that lost one, not kept */
    uint64_t entries;       /* now */
    uint64_t bytes;         /* now: slots and values */
};

struct cache {
    size_t entries_max;
    size_t bytes_max;
    struct cache_slot **buckets;
    size_t bucket_count;       /* a power of two */
    struct cache_slot **clock; /* every slot, dense */
    size_t clock_capacity;
    size_t hand;
    struct cache_slot **wanted; /* by the current batch, each once */
    size_t wanted_count;
    size_t wanted_capacity;
    struct reference **retired; /* replaced while pinned; freed by cache_begin */
    size_t retired_count;
    size_t retired_capacity;
    uint64_t batch;
    uint64_t epoch;
    struct cache_stats stats;
};

void cache_init(struct cache *cache, size_t entries_max, size_t bytes_max);
void cache_release(struct cache *cache);

/* A new batch: unpins, forgets what is not worth keeping, evicts down to the bounds. */
void cache_begin(struct cache *cache);

/* The slot of a key, made if need be and pinned by this batch. *ret_is_new: not yet wanted by it.
 */
struct cache_slot *cache_want(struct cache *cache, enum reference_kind kind, struct text id,
                              bool *ret_is_new);

/* The same for many keys of a kind; their waits for memory overlap. A null id wants nothing and
 * gets NULL. *ret_count_new: how many were not yet wanted. */
void cache_want_all(struct cache *cache, enum reference_kind kind, const struct text *ids,
                    size_t count, const struct cache_slot **ret_slots, size_t *ret_count_new);

bool cache_is_current(const struct cache *cache, const struct cache_slot *slot);
/* Current, or of an ended epoch, not named since, and confirmed at `confirmed_min_ms` or later. */
bool cache_is_usable_stale(const struct cache *cache, const struct cache_slot *slot,
                           int64_t confirmed_min_ms);

/* The request for this pinned slot is about to be sent. */
void cache_ask(struct cache *cache, struct cache_slot *slot);
/* Its answer; takes over the value. */
void cache_put(struct cache *cache, struct cache_slot *slot, struct reference *value,
               size_t value_size);

/* The store says that the key changed. */
void cache_invalidate(struct cache *cache, enum reference_kind kind, struct text id);

enum cache_flush {
    CACHE_FLUSH_FORGET,    /* values are of no use any more */
    CACHE_FLUSH_KEEP_STALE /* not current, but usable stale: right until `confirmed_ms` */
};
/* Ends the epoch. */
void cache_flush(struct cache *cache, enum cache_flush how, int64_t confirmed_ms);

/* The value of a key that this batch wanted, or NULL (not wanted, or not answered). */
const struct reference *cache_find(const struct cache *cache, enum reference_kind kind,
                                   struct text id);

static inline struct text cache_slot_id(const struct cache_slot *slot) {
    return (struct text){slot->id, slot->id_size};
}

#endif
