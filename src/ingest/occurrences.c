#include "accrued/require.h"
#include "identity.h"

#include <stdlib.h>

#define CAPACITY_MIN 1024

void occurrences_init(struct occurrences *occurrences) {
    *occurrences = (struct occurrences){.slots = NULL};
}

void occurrences_release(struct occurrences *occurrences) {
    free(occurrences->slots);
    occurrences_init(occurrences);
}

/* The identity's slot, or the free one where it belongs. */
static struct occurrence *slot_of(struct occurrence *slots, size_t capacity, uint64_t high,
                                  uint32_t low) {
    REQUIRE(capacity > 0 && (capacity & (capacity - 1)) == 0);
    size_t at = (size_t)high & (capacity - 1);
    while (slots[at].count > 0 && (slots[at].high != high || slots[at].low != low)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static void grow(struct occurrences *occurrences) {
    size_t capacity = occurrences->capacity == 0 ? CAPACITY_MIN : occurrences->capacity * 2;
    struct occurrence *slots = calloc(capacity, sizeof *slots);
    REQUIRE(slots != NULL);
    for (size_t i = 0; i < occurrences->capacity; i++) {
        const struct occurrence *old = &occurrences->slots[i];
        if (old->count > 0) {
            *slot_of(slots, capacity, old->high, old->low) = *old;
        }
    }
    free(occurrences->slots);
    occurrences->slots = slots;
    occurrences->capacity = capacity;
}

uint32_t occurrences_add(struct occurrences *occurrences, struct identity_hash hash) {
    if ((occurrences->used + 1) * 4 > occurrences->capacity * 3) {
        grow(occurrences);
    }
    struct occurrence *slot =
        slot_of(occurrences->slots, occurrences->capacity, hash.high, (uint32_t)hash.low);
    if (slot->count == 0) {
        *slot = (struct occurrence){hash.high, (uint32_t)hash.low, 0};
        occurrences->used++;
    }
    REQUIRE(slot->count < UINT32_MAX);
    return ++slot->count;
}

uint32_t occurrences_count(const struct occurrences *occurrences, struct identity_hash hash) {
    if (occurrences->capacity == 0) {
        return 0;
    }
    return slot_of(occurrences->slots, occurrences->capacity, hash.high, (uint32_t)hash.low)->count;
}
