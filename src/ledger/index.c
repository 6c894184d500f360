#include "index.h"

#include "accrued/require.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CAPACITY_MIN 1024
/* Full at 7/10: beyond that probe runs get long. */
#define LOAD_NUMERATOR 7
#define LOAD_DENOMINATOR 10
#define HUGE_PAGE_SIZE ((size_t)2 << 20)

static uint64_t slot_of(uint64_t hash, uint64_t position) {
    return (hash >> INDEX_POSITION_BITS << INDEX_POSITION_BITS) | position;
}

void index_init(struct line_index *index) {
    *index = (struct line_index){NULL, 0, 0};
}

struct index_probe index_find(const struct line_index *index, uint64_t hash) {
    size_t home = index->capacity == 0 ? 0 : (size_t)hash & (index->capacity - 1);
    return (struct index_probe){index, hash >> INDEX_POSITION_BITS, home};
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

static void place(struct line_index *index, uint64_t hash, uint64_t position) {
    size_t at = (size_t)hash & (index->capacity - 1);
    while (index->slots[at] != 0) {
        at = (at + 1) & (index->capacity - 1);
    }
    index->slots[at] = slot_of(hash, position);
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

static void resize(struct line_index *index, size_t capacity, index_hashes_at hashes_at,
                   void *context) {
    struct line_index resized = {new_slots(capacity), capacity, index->count};
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
                place(&resized, hashes[k], positions[k]);
            }
            count = 0;
        }
    }
    free_slots(index);
    *index = resized;
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
        __builtin_prefetch(&index->slots[(size_t)hash & (index->capacity - 1)]);
    }
}

void index_insert(struct line_index *index, const struct index_probe *probe, uint64_t hash,
                  uint64_t position, index_hashes_at hashes_at, void *context) {
    REQUIRE(position > 0 && position <= INDEX_POSITION_MAX);
    if (has_room(index->capacity, index->count + 1)) {
        REQUIRE(probe->index == index && index->slots[probe->slot] == 0);
        index->slots[probe->slot] = slot_of(hash, position);
    } else {
        resize(index, capacity_for(index->count + 1), hashes_at, context);
        place(index, hash, position);
    }
    index->count++;
}

void index_move(struct line_index *index, const struct index_probe *probe, uint64_t position) {
    REQUIRE(probe->index == index && position > 0 && position <= INDEX_POSITION_MAX);
    size_t at = (probe->slot + index->capacity - 1) & (index->capacity - 1);
    REQUIRE(index->slots[at] >> INDEX_POSITION_BITS == probe->fingerprint);
    index->slots[at] = probe->fingerprint << INDEX_POSITION_BITS | position;
}
