#include "accrued/edition.h"

#include "accrued/require.h"

#include <stdlib.h>

struct edition_parts *edition_parts_new(void) {
    struct edition_parts *parts = calloc(1, sizeof *parts);
    REQUIRE(parts != NULL);
    config_init(&parts->config);
    catalog_init(&parts->catalog);
    programs_init(&parts->programs);
    parts->edition = (struct edition){.config = &parts->config,
                                      .programs = &parts->programs,
                                      .catalog = &parts->catalog,
                                      .parts = parts};
    return parts;
}

void edition_parts_free(struct edition_parts *parts) {
    if (parts == NULL) {
        return;
    }
    REQUIRE(atomic_load(&parts->edition.holders) == 0);
    programs_release(&parts->programs);
    catalog_release(&parts->catalog);
    config_release(&parts->config);
    free(parts);
}

void editions_init(struct editions *editions, struct edition *first) {
    REQUIRE(first->config != NULL && first->programs != NULL && first->catalog != NULL);
    (void)pthread_mutex_init(&editions->lock, NULL);
    first->number = 1;
    atomic_store(&first->holders, 1);
    editions->current = first;
    atomic_store(&editions->number, first->number);
}

void editions_release(struct editions *editions) {
    REQUIRE(atomic_load(&editions->current->holders) == 1);
    edition_drop(editions->current);
    editions->current = NULL;
    (void)pthread_mutex_destroy(&editions->lock);
}

struct edition *editions_take(struct editions *editions) {
    pthread_mutex_lock(&editions->lock);
    struct edition *edition = edition_hold(editions->current);
    pthread_mutex_unlock(&editions->lock);
    return edition;
}

struct edition *edition_hold(struct edition *edition) {
    int before = atomic_fetch_add(&edition->holders, 1);
    REQUIRE(before > 0);
    return edition;
}

void edition_drop(struct edition *edition) {
    if (edition == NULL) {
        return;
    }
    int before = atomic_fetch_sub(&edition->holders, 1);
    REQUIRE(before > 0);
    if (before == 1) {
        edition_parts_free(edition->parts);
    }
}

bool editions_has_newer(const struct editions *editions, const struct edition *than) {
    return atomic_load_explicit(&editions->number, memory_order_acquire) != than->number;
}

void editions_put(struct editions *editions, struct edition_parts *next) {
    struct edition *edition = &next->edition;
    atomic_store(&edition->holders, 1);
    pthread_mutex_lock(&editions->lock);
    struct edition *old = editions->current;
    edition->number = old->number + 1;
    editions->current = edition;
    atomic_store_explicit(&editions->number, edition->number, memory_order_release);
    pthread_mutex_unlock(&editions->lock);
    edition_drop(old);
}
