#include "accrued/cache.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <stdlib.h>

#define BUCKET_COUNT_MIN 64
#define BUCKET_COUNT_MAX ((size_t)1 << 24)
#define LIST_CAPACITY_MIN 64
#define CACHE_LINE_SIZE 64
/* So many look-ups wait for memory together. */
#define WANT_AT_ONCE 32
/* Clock steps for one new value: enough to keep pace, few enough that a batch which pins more than
 * the bounds allow does not go round the clock for each of its values. */
#define TRIM_STEPS_PER_PUT 8

/* A cache consists of slots, each in exactly one bucket and once on the clock:
 *
 *     buckets  [ ]→slot→slot      clock  [slot][slot][slot]    wanted  [slot][slot]
 *              [ ]→slot                   0     1     2 ↑hand           pinned: batch ==
 * cache->batch
 */

/* Grows a list of pointers so that one more fits. */
static void *list_grow(void *items, size_t count, size_t *capacity) {
    if (count < *capacity) {
        return items;
    }
    size_t wanted = *capacity == 0 ? LIST_CAPACITY_MIN : *capacity * 2;
    void *grown = realloc(items, wanted * sizeof(void *));
    REQUIRE(grown != NULL);
    *capacity = wanted;
    return grown;
}

static size_t slot_size(const struct cache_slot *slot) {
    return sizeof *slot + slot->id_size + slot->value_size;
}

static bool slot_is_pinned(const struct cache *cache, const struct cache_slot *slot) {
    return slot->batch == cache->batch;
}

void cache_init(struct cache *cache, size_t entries_max, size_t bytes_max) {
    REQUIRE(entries_max > 0 && bytes_max > 0);
    size_t bucket_count = BUCKET_COUNT_MIN;
    while (bucket_count < entries_max && bucket_count < BUCKET_COUNT_MAX) {
        bucket_count *= 2;
    }
    *cache = (struct cache){.entries_max = entries_max,
                            .bytes_max = bytes_max,
                            .bucket_count = bucket_count,
                            .batch = 1,
                            .epoch = 1};
    cache->buckets = calloc(bucket_count, sizeof *cache->buckets);
    REQUIRE(cache->buckets != NULL);
}

static void free_retired(struct cache *cache) {
    for (size_t i = 0; i < cache->retired_count; i++) {
        free(cache->retired[i]);
    }
    cache->retired_count = 0;
}

void cache_release(struct cache *cache) {
    for (size_t i = 0; i < cache->stats.entries; i++) {
        free(cache->clock[i]->value);
        free(cache->clock[i]);
    }
    free_retired(cache);
    free(cache->buckets);
    free(cache->clock);
    free(cache->wanted);
    free(cache->retired);
    *cache = (struct cache){0};
}

static uint64_t key_hash(enum reference_kind kind, struct text id) {
    return hash64(id.data, id.size, (uint64_t)kind);
}

static struct cache_slot **bucket_of(const struct cache *cache, uint64_t hash) {
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static struct cache_slot *slot_find(const struct cache *cache, enum reference_kind kind,
                                    struct text id, uint64_t hash) {
    struct cache_slot *slot = *bucket_of(cache, hash);
    while (slot != NULL &&
           (slot->hash != hash || slot->kind != kind || !text_equal(cache_slot_id(slot), id))) {
        slot = slot->next;
    }
    return slot;
}

static struct cache_slot *slot_make(struct cache *cache, enum reference_kind kind, struct text id,
                                    uint64_t hash) {
    REQUIRE(id.size <= UINT32_MAX);
    struct cache_slot *slot = calloc(1, sizeof *slot + id.size);
    REQUIRE(slot != NULL);
    slot->kind = kind;
    slot->hash = hash;
    slot->id_size = (uint32_t)id.size;
    memcpy(slot->id, id.data, id.size);
    struct cache_slot **bucket = bucket_of(cache, hash);
    slot->next = *bucket;
    *bucket = slot;
    cache->clock = list_grow(cache->clock, cache->stats.entries, &cache->clock_capacity);
    slot->clock_index = cache->stats.entries;
    cache->clock[cache->stats.entries++] = slot;
    cache->stats.bytes += slot_size(slot);
    return slot;
}

static void slot_drop(struct cache *cache, struct cache_slot *slot) {
    REQUIRE(cache->stats.entries > 0 && cache->clock[slot->clock_index] == slot);
    struct cache_slot **link = bucket_of(cache, slot->hash);
    while (*link != slot) {
        REQUIRE(*link != NULL);
        link = &(*link)->next;
    }
    *link = slot->next;
    struct cache_slot *last = cache->clock[--cache->stats.entries];
    cache->clock[slot->clock_index] = last;
    last->clock_index = slot->clock_index;
    REQUIRE(cache->stats.bytes >= slot_size(slot));
    cache->stats.bytes -= slot_size(slot);
    free(slot->value);
    free(slot);
}

static bool is_over(const struct cache *cache) {
    return cache->stats.entries > cache->entries_max || cache->stats.bytes > cache->bytes_max;
}

/* Evicts towards the bounds, in so many steps of the clock. */
static void cache_trim(struct cache *cache, size_t steps) {
    for (; steps > 0 && cache->stats.entries > 0 && is_over(cache); steps--) {
        if (cache->hand >= cache->stats.entries) {
            cache->hand = 0;
        }
        struct cache_slot *slot = cache->clock[cache->hand];
        if (slot_is_pinned(cache, slot)) {
            cache->hand++;
        } else if (slot->second_chance) {
            slot->second_chance = false;
            cache->hand++;
        } else {
            slot_drop(cache, slot); /* the last slot takes its place under the hand */
            cache->stats.evictions++;
        }
    }
}

void cache_begin(struct cache *cache) {
    free_retired(cache);
    cache->batch++;
    for (size_t i = 0; i < cache->wanted_count; i++) {
        struct cache_slot *slot = cache->wanted[i];
        if (slot->value == NULL || slot->outdated) {
            slot_drop(cache, slot);
        }
    }
    cache->wanted_count = 0;
    /* Two rounds: the first may do no more than take second chances away. */
    cache_trim(cache, 2 * cache->stats.entries);
    REQUIRE(!is_over(cache) || cache->stats.entries == 0);
}

static struct cache_slot *want_hashed(struct cache *cache, enum reference_kind kind, struct text id,
                                      uint64_t hash, bool *ret_is_new) {
    struct cache_slot *slot = slot_find(cache, kind, id, hash);
    if (slot == NULL) {
        slot = slot_make(cache, kind, id, hash);
    } else {
        slot->second_chance = true;
    }
    *ret_is_new = !slot_is_pinned(cache, slot);
    if (*ret_is_new) {
        cache->wanted = list_grow(cache->wanted, cache->wanted_count, &cache->wanted_capacity);
        cache->wanted[cache->wanted_count++] = slot;
        slot->batch = cache->batch;
    }
    return slot;
}

struct cache_slot *cache_want(struct cache *cache, enum reference_kind kind, struct text id,
                              bool *ret_is_new) {
    REQUIRE(!text_is_null(id) && ret_is_new != NULL);
    return want_hashed(cache, kind, id, key_hash(kind, id), ret_is_new);
}

void cache_want_all(struct cache *cache, enum reference_kind kind, const struct text *ids,
                    size_t count, const struct cache_slot **ret_slots, size_t *ret_count_new) {
    uint64_t hashes[WANT_AT_ONCE];
    *ret_count_new = 0;
    for (size_t done = 0; done < count; done += WANT_AT_ONCE) {
        size_t some = count - done < WANT_AT_ONCE ? count - done : WANT_AT_ONCE;
        for (size_t i = 0; i < some; i++) {
            hashes[i] = key_hash(kind, ids[done + i]);
            __builtin_prefetch(bucket_of(cache, hashes[i]));
        }
        for (size_t i = 0; i < some; i++) {
            const struct cache_slot *slot = *bucket_of(cache, hashes[i]);
            if (slot != NULL) {
                __builtin_prefetch(&slot->next);
                __builtin_prefetch((const char *)&slot->next + CACHE_LINE_SIZE); /* its id */
            }
        }
        for (size_t i = 0; i < some; i++) {
            bool is_new = false;
            ret_slots[done + i] = text_is_null(ids[done + i])
                                      ? NULL
                                      : want_hashed(cache, kind, ids[done + i], hashes[i], &is_new);
            *ret_count_new += is_new ? 1 : 0;
        }
    }
}

bool cache_is_current(const struct cache *cache, const struct cache_slot *slot) {
    return slot->value != NULL && !slot->outdated && slot->epoch == cache->epoch;
}

bool cache_is_usable_stale(const struct cache *cache, const struct cache_slot *slot,
                           int64_t confirmed_min_ms) {
    if (slot->value == NULL || slot->outdated) {
        return false;
    }
    return slot->epoch == cache->epoch || slot->confirmed_ms >= confirmed_min_ms;
}

void cache_ask(struct cache *cache, struct cache_slot *slot) {
    REQUIRE(slot_is_pinned(cache, slot));
    REQUIRE(!cache_is_current(cache, slot));
    /* The old value stays readable: the batch may have been told that it can use it. But it must
     * not become current again just because the question is new. */
    if (slot->value != NULL && slot->outdated) {
        cache->retired = list_grow(cache->retired, cache->retired_count, &cache->retired_capacity);
        cache->retired[cache->retired_count++] = slot->value;
        cache->stats.bytes -= slot->value_size;
        slot->value = NULL;
        slot->value_size = 0;
    }
    slot->outdated = false;
}

void cache_put(struct cache *cache, struct cache_slot *slot, struct reference *value,
               size_t value_size) {
    REQUIRE(slot_is_pinned(cache, slot) && value != NULL);
    REQUIRE(value->kind == slot->kind);
    if (slot->value != NULL) {
        cache->retired = list_grow(cache->retired, cache->retired_count, &cache->retired_capacity);
        cache->retired[cache->retired_count++] = slot->value;
    }
    cache->stats.bytes += value_size;
    cache->stats.bytes -= slot->value_size;
    slot->value = value;
    slot->value_size = value_size;
    slot->epoch = cache->epoch;
    cache->stats.races += slot->outdated;
    cache_trim(cache, TRIM_STEPS_PER_PUT);
}

void cache_invalidate(struct cache *cache, enum reference_kind kind, struct text id) {
    cache->stats.invalidations++;
    struct cache_slot *slot = slot_find(cache, kind, id, key_hash(kind, id));
    if (slot == NULL) {
        return;
    }
    if (slot_is_pinned(cache, slot)) {
        slot->outdated = true;
    } else {
        slot_drop(cache, slot);
    }
}

void cache_flush(struct cache *cache, enum cache_flush how, int64_t confirmed_ms) {
    cache->stats.flushes++;
    size_t i = 0;
    while (i < cache->stats.entries) {
        struct cache_slot *slot = cache->clock[i];
        if (how == CACHE_FLUSH_KEEP_STALE) {
            if (slot->epoch == cache->epoch) {
                slot->confirmed_ms = confirmed_ms;
            }
        } else if (slot_is_pinned(cache, slot)) {
            slot->outdated = true;
        } else {
            slot_drop(cache, slot);
            continue; /* another slot is at i now */
        }
        i++;
    }
    cache->epoch++;
}

const struct reference *cache_find(const struct cache *cache, enum reference_kind kind,
                                   struct text id) {
    const struct cache_slot *slot = slot_find(cache, kind, id, key_hash(kind, id));
    return slot != NULL && slot_is_pinned(cache, slot) ? slot->value : NULL;
}
