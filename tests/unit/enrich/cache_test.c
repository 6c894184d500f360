#include "accrued/cache.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define VALUE_SIZE 100

static struct reference *value_of(enum reference_kind kind, uint64_t version) {
    struct reference *value = calloc(1, sizeof *value);
    cr_assert(value != NULL);
    value->kind = kind;
    value->state = REFERENCE_PRESENT;
    value->hash = version;
    return value;
}

static struct text id_of(char to[32], int number) {
    int size = snprintf(to, 32, "id-%d", number);
    return (struct text){to, (size_t)size};
}

static struct cache_slot *want(struct cache *cache, struct text id) {
    bool is_new = false;
    return cache_want(cache, REFERENCE_CUSTOMER, id, &is_new);
}

/* A whole miss: want, ask, answer. */
static void load(struct cache *cache, struct text id, uint64_t version) {
    struct cache_slot *slot = want(cache, id);
    cache_ask(cache, slot);
    cache_put(cache, slot, value_of(REFERENCE_CUSTOMER, version), VALUE_SIZE);
}

static bool is_cached(struct cache *cache, struct text id) {
    return cache_is_current(cache, want(cache, id));
}

/* What must hold at all times. */
static void check(const struct cache *cache) {
    size_t bytes = 0;
    for (size_t i = 0; i < cache->stats.entries; i++) {
        const struct cache_slot *slot = cache->clock[i];
        cr_assert_eq(slot->clock_index, i);
        bytes += sizeof *slot + slot->id_size + slot->value_size;
        cr_assert_eq(slot->value == NULL, slot->value_size == 0);
    }
    cr_assert_eq(bytes, cache->stats.bytes);
    size_t chained = 0;
    for (size_t i = 0; i < cache->bucket_count; i++) {
        for (const struct cache_slot *s = cache->buckets[i]; s != NULL; s = s->next) {
            chained++;
        }
    }
    cr_assert_eq(chained, cache->stats.entries);
}

/* Many at a time is the same as one after the other, also for keys that are there twice. */
Test(cache, many_are_wanted_as_one_is) {
    struct cache cache;
    cache_init(&cache, 1000, 1000000);
    char texts[100][32];
    struct text ids[100];
    const struct cache_slot *slots[100];
    for (int count = 0; count <= 100; count++) {
        cache_begin(&cache);
        for (int i = 0; i < count; i++) {
            ids[i] = id_of(texts[i], i * 7 % 40);
        }
        bool is_new = false;
        size_t wanted_before = count > 5 ? 1 : 0;
        if (count > 5) {
            (void)cache_want(&cache, REFERENCE_CUSTOMER, ids[5], &is_new);
        }
        size_t count_new = 0;
        struct text with_null[101];
        const struct cache_slot *with_null_slots[101];
        int null_at = count / 2;
        for (int i = 0; i <= count; i++) {
            with_null[i] = i == null_at ? text_null() : ids[i < null_at ? i : i - 1];
        }
        cache_want_all(&cache, REFERENCE_CUSTOMER, with_null, (size_t)count + 1, with_null_slots,
                       &count_new);
        cr_assert_null(with_null_slots[null_at]);
        for (int i = 0; i < count; i++) {
            slots[i] = with_null_slots[i < null_at ? i : i + 1];
        }
        size_t distinct = count < 40 ? (size_t)count : 40;
        cr_assert_eq(cache.wanted_count, distinct);
        cr_assert_eq(count_new, distinct - wanted_before);
        for (int i = 0; i < count; i++) {
            cr_assert(cache_want(&cache, REFERENCE_CUSTOMER, ids[i], &is_new) == slots[i]);
            cr_assert(!is_new);
        }
        check(&cache);
    }
    cache_release(&cache);
}

Test(cache, a_value_is_found_by_the_batch_that_wants_it) {
    struct cache cache;
    cache_init(&cache, 10, 100000);
    cache_begin(&cache);
    cr_assert(cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a")) == NULL);
    bool is_new = false;
    struct cache_slot *slot = cache_want(&cache, REFERENCE_CUSTOMER, TEXT("a"), &is_new);
    cr_assert(is_new);
    cr_assert(cache_want(&cache, REFERENCE_CUSTOMER, TEXT("a"), &is_new) == slot);
    cr_assert(!is_new);
    cr_assert(cache_want(&cache, REFERENCE_PARTNER, TEXT("a"), &is_new) != slot);
    cr_assert_eq(cache.wanted_count, 2);
    cr_assert(!cache_is_current(&cache, slot));
    load(&cache, TEXT("a"), 7);
    cr_assert(cache_is_current(&cache, slot));
    cr_assert_eq(cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a"))->hash, 7);
    cr_assert(cache_find(&cache, REFERENCE_PARTNER, TEXT("a")) == NULL);
    check(&cache);

    cache_begin(&cache);
    cr_assert(cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a")) == NULL,
              "not wanted by this batch");
    cr_assert(is_cached(&cache, TEXT("a")));
    cr_assert_eq(cache.stats.entries, 1, "the unanswered partner is forgotten");
    check(&cache);
    cache_release(&cache);
}

Test(cache, an_invalidated_value_stays_readable_for_its_batch_only) {
    struct cache cache;
    cache_init(&cache, 10, 100000);
    cache_begin(&cache);
    load(&cache, TEXT("a"), 1);
    load(&cache, TEXT("b"), 1);
    cache_begin(&cache);
    struct cache_slot *slot = want(&cache, TEXT("a"));
    const struct reference *value = cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a"));
    cache_invalidate(&cache, REFERENCE_CUSTOMER, TEXT("a"));
    cache_invalidate(&cache, REFERENCE_CUSTOMER, TEXT("b"));
    cache_invalidate(&cache, REFERENCE_CUSTOMER, TEXT("never seen"));
    cr_assert_eq(cache.stats.invalidations, 3);
    cr_assert_eq(cache.stats.entries, 1, "nobody reads b: gone at once");
    cr_assert(!cache_is_current(&cache, slot));
    cr_assert_eq(cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a"))->hash, 1);

    /* Asked again within the batch: both the old pointer and the new value are good. */
    load(&cache, TEXT("a"), 2);
    cr_assert(cache_is_current(&cache, slot));
    cr_assert_eq(value->hash, 1);
    cr_assert_eq(cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a"))->hash, 2);
    cache_invalidate(&cache, REFERENCE_CUSTOMER, TEXT("a"));
    check(&cache);
    cache_begin(&cache);
    cr_assert_eq(cache.stats.entries, 0);
    cr_assert(!is_cached(&cache, TEXT("a")));
    cache_release(&cache);
}

Test(cache, a_reply_that_raced_with_an_invalidation_is_not_kept) {
    struct cache cache;
    cache_init(&cache, 10, 100000);
    cache_begin(&cache);
    struct cache_slot *slot = want(&cache, TEXT("a"));
    cache_ask(&cache, slot);
    cache_invalidate(&cache, REFERENCE_CUSTOMER, TEXT("a"));
    cache_put(&cache, slot, value_of(REFERENCE_CUSTOMER, 1), VALUE_SIZE);
    cr_assert(!cache_is_current(&cache, slot));
    cr_assert_eq(cache.stats.races, 1);
    cr_assert_eq(cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a"))->hash, 1);
    cache_begin(&cache);
    cr_assert_eq(cache.stats.entries, 0);

    slot = want(&cache, TEXT("a"));
    cache_ask(&cache, slot);
    cache_flush(&cache, CACHE_FLUSH_FORGET, 0);
    cache_put(&cache, slot, value_of(REFERENCE_CUSTOMER, 1), VALUE_SIZE);
    cr_assert(!cache_is_current(&cache, slot), "everything changed meanwhile");
    check(&cache);
    cache_release(&cache);
}

Test(cache, a_flush_forgets_or_keeps_stale) {
    struct cache cache;
    cache_init(&cache, 10, 100000);
    cache_begin(&cache);
    load(&cache, TEXT("a"), 1);
    load(&cache, TEXT("b"), 1);
    cache_begin(&cache);
    struct cache_slot *a = want(&cache, TEXT("a"));
    cr_assert(cache_is_usable_stale(&cache, a, INT64_MAX), "current is fresh enough for anybody");
    cache_flush(&cache, CACHE_FLUSH_KEEP_STALE, 5000);
    cr_assert_eq(cache.stats.entries, 2);
    cr_assert(!cache_is_current(&cache, a));
    cr_assert(cache_is_usable_stale(&cache, a, 5000));
    cr_assert(!cache_is_usable_stale(&cache, a, 5001));

    /* A second break does not make an old value younger. */
    struct cache_slot *b = want(&cache, TEXT("b"));
    cache_ask(&cache, b);
    cache_put(&cache, b, value_of(REFERENCE_CUSTOMER, 2), VALUE_SIZE);
    cr_assert(cache_is_current(&cache, b));
    cache_flush(&cache, CACHE_FLUSH_KEEP_STALE, 9000);
    cr_assert(!cache_is_usable_stale(&cache, a, 5001));
    cr_assert(cache_is_usable_stale(&cache, b, 9000));
    cache_invalidate(&cache, REFERENCE_CUSTOMER, TEXT("b"));
    cr_assert(!cache_is_usable_stale(&cache, b, 0), "known to be wrong");
    check(&cache);

    cache_flush(&cache, CACHE_FLUSH_FORGET, 0);
    cr_assert_eq(cache_find(&cache, REFERENCE_CUSTOMER, TEXT("a"))->hash, 1, "pinned");
    cr_assert(!cache_is_usable_stale(&cache, a, 0));
    cache_begin(&cache);
    cr_assert_eq(cache.stats.entries, 0);
    cr_assert_eq(cache.stats.bytes, 0);
    cr_assert_eq(cache.stats.flushes, 3);
    cache_release(&cache);
}

Test(cache, a_failed_question_leaves_a_stale_answer_usable) {
    struct cache cache;
    cache_init(&cache, 10, 100000);
    cache_begin(&cache);
    load(&cache, TEXT("a"), 1);
    cache_flush(&cache, CACHE_FLUSH_KEEP_STALE, 100);
    cache_begin(&cache);
    struct cache_slot *a = want(&cache, TEXT("a"));
    cache_ask(&cache, a);
    cache_flush(&cache, CACHE_FLUSH_KEEP_STALE, 200);
    cr_assert(cache_is_usable_stale(&cache, a, 100));
    cr_assert(!cache_is_usable_stale(&cache, a, 101));
    cache_release(&cache);
}

Test(cache, keeps_to_its_bounds) {
    const struct {
        size_t entries_max;
        size_t bytes_max;
    } cases[] = {{8, 1000000}, {1000, 8 * (sizeof(struct cache_slot) + VALUE_SIZE + 8)}, {1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cache cache;
        cache_init(&cache, cases[i].entries_max, cases[i].bytes_max);
        for (int n = 0; n < 100; n++) {
            char id[32];
            cache_begin(&cache);
            cr_assert_leq(cache.stats.entries, 8, "case %zu", i);
            cr_assert_leq(cache.stats.bytes, cases[i].bytes_max, "case %zu", i);
            load(&cache, id_of(id, n), (uint64_t)n);
            check(&cache);
        }
        cr_assert_geq(cache.stats.evictions, 91);
        cache_release(&cache);
    }
}

Test(cache, never_evicts_what_the_batch_uses) {
    struct cache cache;
    char id[32];
    cache_init(&cache, 4, 1000000);
    cache_begin(&cache);
    for (int n = 0; n < 50; n++) {
        load(&cache, id_of(id, n), (uint64_t)n);
    }
    for (int n = 0; n < 50; n++) {
        cr_assert_eq(cache_find(&cache, REFERENCE_CUSTOMER, id_of(id, n))->hash, (uint64_t)n);
    }
    cr_assert_eq(cache.stats.evictions, 0);
    cache_begin(&cache);
    cr_assert_eq(cache.stats.entries, 4);
    cr_assert_eq(cache.stats.evictions, 46);
    check(&cache);
    cache_release(&cache);
}

Test(cache, what_is_used_again_gets_a_second_chance) {
    struct cache cache;
    char id[32];
    cache_init(&cache, 4, 1000000);
    cache_begin(&cache);
    for (int n = 0; n < 4; n++) {
        load(&cache, id_of(id, n), 0);
    }
    for (int n = 4; n < 60; n++) {
        cache_begin(&cache);
        cr_assert(is_cached(&cache, TEXT("id-2")), "after %d", n);
        load(&cache, id_of(id, n), 0);
    }
    cache_release(&cache);
}

/* Random operations against the invariants; a model of what may be current. */
Test(cache, random_walk) {
    struct cache cache;
    uint64_t versions[40] = {0}; /* what the store holds */
    cache_init(&cache, 12, 1000000);
    srand(7);
    cache_begin(&cache);
    for (int step = 0; step < 50000; step++) {
        char id[32];
        int n = rand() % 40;
        struct text text = id_of(id, n);
        switch (rand() % 8) {
        case 0: cache_begin(&cache); break;
        case 1:
            versions[n]++;
            cache_invalidate(&cache, REFERENCE_CUSTOMER, text);
            break;
        case 2:
            if (rand() % 50 == 0) {
                cache_flush(&cache, rand() % 2 ? CACHE_FLUSH_FORGET : CACHE_FLUSH_KEEP_STALE, step);
            }
            break;
        default: {
            struct cache_slot *slot = want(&cache, text);
            if (cache_is_current(&cache, slot)) {
                cr_assert_eq(slot->value->hash, versions[n], "step %d", step);
                break;
            }
            cache_ask(&cache, slot);
            uint64_t read = versions[n];
            if (rand() % 4 == 0) {
                versions[n]++;
                cache_invalidate(&cache, REFERENCE_CUSTOMER, text);
            }
            if (rand() % 8 != 0) {
                cache_put(&cache, slot, value_of(REFERENCE_CUSTOMER, read), VALUE_SIZE);
            }
        }
        }
    }
    check(&cache);
    cache_release(&cache);
}
