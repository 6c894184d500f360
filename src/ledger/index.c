#include "index.h"

#include "accrued/require.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CAPACITY_MIN 1024
_Static_assert(CAPACITY_MIN >= INDEX_NEAR_COUNT, "the near bits fit");
/* Full at 7/10: beyond that probe runs get long. */
#define LOAD_NUMERATOR 7
#define LOAD_DENOMINATOR 10
#define HUGE_PAGE_SIZE ((size_t)2 << 20)
/* Smaller tables ask for the hashes whenever they grow, so that larger ones have as many base bits:
 * this one doubles eleven times, to 94 million keys, before it has to ask again. */
#define SURE_CAPACITY ((size_t)1 << 16)
#define GROWN_BITS_MAX 11

static uint64_t slot_of(uint64_t hash, uint64_t position) {
    return (hash >> INDEX_POSITION_BITS << INDEX_POSITION_BITS) | position;
}

static unsigned bits_of(size_t capacity) {
    return (unsigned)__builtin_ctzll(capacity);
}

/* The bits of a fingerprint that are a home's highest once there are grown bits. */
static uint64_t grown_of(uint64_t fingerprint, unsigned base_bits) {
    return fingerprint >> INDEX_NEAR_BITS << (INDEX_NEAR_BITS + base_bits);
}

static size_t home_of(const struct line_index *index, uint64_t hash) {
    uint64_t fingerprint = hash >> INDEX_POSITION_BITS;
    uint64_t base = hash & ((UINT64_C(1) << index->base_bits) - 1);
    return (size_t)((fingerprint & (INDEX_NEAR_COUNT - 1)) | base << INDEX_NEAR_BITS |
                    grown_of(fingerprint, index->base_bits)) &
           (index->capacity - 1);
}

void index_init(struct line_index *index) {
    *index = (struct line_index){.slots = NULL};
}

struct index_probe index_find(const struct line_index *index, uint64_t hash) {
    size_t home = index->capacity == 0 ? 0 : home_of(index, hash);
    return (struct index_probe){index, hash >> INDEX_POSITION_BITS, home, home};
}

bool index_next(struct index_probe *probe, uint64_t *ret_position) {
    const struct line_index *index = probe->index;
    if (index->capacity == 0) {
        return false;
    }
    for (;;) {
        uint64_t slot = index->slots[probe->slot];
        if (slot == 0) {
            return false;
        }
        probe->slot = (probe->slot + 1) & (index->capacity - 1);
        if (slot >> INDEX_POSITION_BITS == probe->fingerprint) {
            *ret_position = slot & INDEX_POSITION_MAX;
            return true;
        }
    }
}

static void put(struct line_index *index, size_t home, size_t at, uint64_t slot) {
    index->slots[at] = slot;
    if (((at - home) & (index->capacity - 1)) >= INDEX_NEAR_COUNT) {
        index->has_far = true;
    }
}

static void place(struct line_index *index, size_t home, uint64_t slot) {
    size_t at = home;
    while (index->slots[at] != 0) {
        at = (at + 1) & (index->capacity - 1);
    }
    put(index, home, at, slot);
}

static bool is_mapped(size_t capacity) {
    return capacity * sizeof(uint64_t) >= HUGE_PAGE_SIZE;
}

/* Slots are looked up at random: with pages of 2 MiB that costs one miss, not two. What the system
 * maps is zero already. */
static uint64_t *new_slots(size_t capacity) {
    size_t size = capacity * sizeof(uint64_t);
    if (!is_mapped(capacity)) {
        uint64_t *slots = calloc(capacity, sizeof *slots);
        REQUIRE(slots != NULL);
        return slots;
    }
    char *mapped = mmap(NULL, size + HUGE_PAGE_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(mapped != MAP_FAILED);
    size_t before = -(uintptr_t)mapped & (HUGE_PAGE_SIZE - 1);
    if (before > 0) {
        (void)munmap(mapped, before);
    }
    (void)munmap(mapped + before + size, HUGE_PAGE_SIZE - before);
    (void)madvise(mapped + before, size, MADV_HUGEPAGE); /* a wish */
    return (uint64_t *)(void *)(mapped + before);
}

static void free_slots(struct line_index *index) {
    if (is_mapped(index->capacity)) {
        (void)munmap(index->slots, index->capacity * sizeof index->slots[0]);
    } else {
        free(index->slots);
    }
}

void index_release(struct line_index *index) {
    free_slots(index);
    index_init(index);
}

/* A table made from the keys themselves. */
static void make_anew(struct line_index *index, size_t capacity, index_hashes_at hashes_at,
                      void *context) {
    struct line_index anew = {
        .slots = new_slots(capacity),
        .capacity = capacity,
        .count = index->count,
        .base_bits = bits_of(capacity) - INDEX_NEAR_BITS,
    };
    uint64_t positions[INDEX_HASHES_MAX];
    uint64_t hashes[INDEX_HASHES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < index->capacity; i++) {
        if (index->slots[i] != 0) {
            positions[count++] = index->slots[i] & INDEX_POSITION_MAX;
        }
        if (count == INDEX_HASHES_MAX || i + 1 == index->capacity) {
            hashes_at(context, positions, count, hashes);
            for (size_t k = 0; k < count; k++) {
                place(&anew, home_of(&anew, hashes[k]), slot_of(hashes[k], positions[k]));
            }
            count = 0;
        }
    }
    free_slots(index);
    *index = anew;
}

/* The slots, with as many empty ones behind them as are wanted. */
static void widen(struct line_index *index, size_t capacity) {
    uint64_t *slots = new_slots(capacity);
    size_t size = index->capacity * sizeof *slots;
    if (is_mapped(index->capacity)) {
        /* Pages change places, no bytes do. */
        void *moved = mremap(index->slots, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, slots);
        REQUIRE(moved == (void *)slots);
    } else {
        memcpy(slots, index->slots, size);
        free(index->slots);
    }
    index->slots = slots;
    index->capacity = capacity;
}

/* The home in a wider table of what stood in `at` before. */
static size_t wider_home(const struct line_index *index, size_t at, uint64_t slot,
                         size_t old_mask) {
    uint64_t fingerprint = slot >> INDEX_POSITION_BITS;
    size_t home = (at - ((at - fingerprint) & (INDEX_NEAR_COUNT - 1))) & old_mask;
    uint64_t more = grown_of(fingerprint, index->base_bits) & ~(uint64_t)old_mask;
    return (home | (size_t)more) & (index->capacity - 1);
}

/* Every slot behind an empty one is taken out in turn and put at its place again. Its home in the
 * wider table has the same low bits: it lies at or before the slot, where all is settled, or in the
 * part that was empty, so no search meets a hole that is made later. What stands before the first
 * empty slot may have come there over the table's end; it is set aside, and goes last. */
static void grow_in_place(struct line_index *index, size_t capacity) {
    REQUIRE(!index->has_far && capacity > index->capacity);
    size_t old_mask = index->capacity - 1;
    size_t aside_count = 0;
    while (index->slots[aside_count] != 0) {
        aside_count++;
    }
    size_t aside_size = aside_count * sizeof index->slots[0];
    uint64_t *aside = malloc(aside_size + 1);
    REQUIRE(aside != NULL);
    memcpy(aside, index->slots, aside_size);
    memset(index->slots, 0, aside_size);
    widen(index, capacity);
    for (size_t at = aside_count + 1; at <= old_mask; at++) {
        uint64_t slot = index->slots[at];
        if (slot != 0) {
            index->slots[at] = 0;
            place(index, wider_home(index, at, slot, old_mask), slot);
        }
    }
    for (size_t at = 0; at < aside_count; at++) {
        place(index, wider_home(index, at, aside[at], old_mask), aside[at]);
    }
    free(aside);
}

static void shrink(struct line_index *index, size_t capacity) {
    REQUIRE(!index->has_far && capacity < index->capacity);
    unsigned base_bits = bits_of(capacity) - INDEX_NEAR_BITS;
    struct line_index smaller = {
        .slots = new_slots(capacity),
        .capacity = capacity,
        .count = index->count,
        .base_bits = index->base_bits < base_bits ? index->base_bits : base_bits,
    };
    for (size_t at = 0; at < index->capacity; at++) {
        uint64_t slot = index->slots[at];
        if (slot != 0) {
            size_t behind = (at - (slot >> INDEX_POSITION_BITS)) & (INDEX_NEAR_COUNT - 1);
            place(&smaller, (at - behind) & (capacity - 1), slot);
        }
    }
    free_slots(index);
    *index = smaller;
}

static void resize(struct line_index *index, size_t capacity, index_hashes_at hashes_at,
                   void *context) {
    bool is_sure = !index->has_far && index->capacity >= SURE_CAPACITY &&
                   bits_of(capacity) <= INDEX_NEAR_BITS + index->base_bits + GROWN_BITS_MAX;
    if (!is_sure) {
        make_anew(index, capacity, hashes_at, context);
    } else if (capacity > index->capacity) {
        grow_in_place(index, capacity);
    } else {
        shrink(index, capacity);
    }
}

static bool has_room(size_t capacity, size_t key_count) {
    return key_count * LOAD_DENOMINATOR <= capacity * LOAD_NUMERATOR;
}

static size_t capacity_for(size_t key_count) {
    size_t capacity = CAPACITY_MIN;
    while (!has_room(capacity, key_count)) {
        capacity *= 2;
    }
    return capacity;
}

bool index_has_room(const struct line_index *index) {
    return has_room(index->capacity, index->count + 1);
}

void index_reserve(struct line_index *index, size_t key_count, index_hashes_at hashes_at,
                   void *context) {
    size_t capacity = capacity_for(key_count);
    if (capacity > index->capacity) {
        resize(index, capacity, hashes_at, context);
    }
}

void index_fit(struct line_index *index, index_hashes_at hashes_at, void *context) {
    size_t capacity = capacity_for(index->count);
    if (capacity < index->capacity) {
        resize(index, capacity, hashes_at, context);
    }
}

void index_expect(const struct line_index *index, uint64_t hash) {
    if (index->capacity > 0) {
        __builtin_prefetch(&index->slots[home_of(index, hash)]);
    }
}

void index_insert(struct line_index *index, const struct index_probe *probe, uint64_t hash,
                  uint64_t position, index_hashes_at hashes_at, void *context) {
    REQUIRE(position > 0 && position <= INDEX_POSITION_MAX);
    if (index_has_room(index)) {
        REQUIRE(probe->index == index && index->slots[probe->slot] == 0);
        put(index, probe->home, probe->slot, slot_of(hash, position));
    } else {
        resize(index, capacity_for(index->count + 1), hashes_at, context);
        place(index, home_of(index, hash), slot_of(hash, position));
    }
    index->count++;
}

void index_move(struct line_index *index, const struct index_probe *probe, uint64_t position) {
    REQUIRE(probe->index == index && position > 0 && position <= INDEX_POSITION_MAX);
    size_t at = (probe->slot + index->capacity - 1) & (index->capacity - 1);
    REQUIRE(index->slots[at] >> INDEX_POSITION_BITS == probe->fingerprint);
    index->slots[at] = probe->fingerprint << INDEX_POSITION_BITS | position;
}
