#include "blocks.h"

#include "accrued/require.h"

#include <stdlib.h>

#define SEARCH_MAX 256
#define SMALL_COUNT_MAX 256

void blocks_init(struct block_table *table) {
    *table = (struct block_table){.items = NULL};
}

void blocks_release(struct block_table *table) {
    free(table->items);
    blocks_init(table);
}

void blocks_clear(struct block_table *table) {
    *table = (struct block_table){.items = table->items, .capacity = table->capacity};
}

static bool is_small(const struct block_info *block) {
    return block->size > 0 && block->size < BLOCK_SMALL_SIZE;
}

/* Removes dropped items once they are the half. */
static void squeeze(struct block_table *table) {
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->items[i].size > 0) {
            table->items[kept++] = table->items[i];
        }
    }
    table->count = kept;
    table->dropped = 0;
    table->cursor = 0;
}

void blocks_add(struct block_table *table, struct block_info block) {
    REQUIRE(block.size > 0);
    REQUIRE(table->count == 0 || (table->items[table->count - 1].position < block.position &&
                                  table->items[table->count - 1].id < block.id));
    if (table->count == table->capacity) {
        if (table->dropped * 2 > table->count) {
            squeeze(table);
        } else {
            size_t capacity = table->capacity == 0 ? 256 : table->capacity * 2;
            struct block_info *items = realloc(table->items, capacity * sizeof *items);
            REQUIRE(items != NULL);
            table->items = items;
            table->capacity = capacity;
        }
    }
    table->items[table->count++] = block;
    table->live_bytes += block.live_bytes;
    table->small += is_small(&block) ? 1 : 0;
}

/* How many blocks begin at or before the position. */
static size_t rank(const struct block_table *table, uint64_t position) {
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->items[middle].position <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct block_info *blocks_of(const struct block_table *table, uint64_t position) {
    size_t count = rank(table, position);
    REQUIRE(count > 0);
    struct block_info *block = &table->items[count - 1];
    REQUIRE(block->size > 0 && position - block->position < block->size);
    return block;
}

const struct block_info *blocks_from(const struct block_table *table, uint64_t position) {
    size_t at = position == 0 ? 0 : rank(table, position - 1);
    while (at < table->count && table->items[at].size == 0) {
        at++;
    }
    return at < table->count ? &table->items[at] : NULL;
}

const struct block_info *blocks_by_id(const struct block_table *table, uint64_t id) {
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->items[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < table->count && table->items[low].id == id && table->items[low].size > 0;
    return is_there ? &table->items[low] : NULL;
}

void blocks_gain(struct block_table *table, uint64_t position, size_t size) {
    struct block_info *block = blocks_of(table, position);
    REQUIRE(size <= block->size - block->live_bytes);
    block->live_bytes += (uint32_t)size;
    table->live_bytes += size;
}

void blocks_lose(struct block_table *table, uint64_t position, size_t size) {
    struct block_info *block = blocks_of(table, position);
    REQUIRE(size <= block->live_bytes);
    block->live_bytes -= (uint32_t)size;
    table->live_bytes -= size;
}

uint64_t blocks_drop(struct block_table *table, uint64_t position) {
    struct block_info *block = blocks_of(table, position);
    REQUIRE(block->position == position && block->live_bytes == 0);
    table->small -= is_small(block) ? 1 : 0;
    block->size = 0;
    table->dropped++;
    /* Runs of dropped items are skipped as a whole. */
    size_t at = (size_t)(block - table->items);
    size_t before = at;
    while (before > 0 && table->items[before - 1].size == 0) {
        before -= 1 + table->items[before - 1].live_bytes;
    }
    block->live_bytes = (uint32_t)(at - before);
    return before == 0 ? 0 : table->items[before - 1].position + table->items[before - 1].size;
}

const struct block_info *blocks_victim(struct block_table *table, unsigned live_percent) {
    if (table->count < 2) {
        return NULL;
    }
    for (size_t searched = 0; searched < SEARCH_MAX; searched++) {
        if (table->cursor >= table->count - 1) {
            table->cursor = 0;
            return NULL;
        }
        const struct block_info *block = &table->items[table->cursor++];
        bool is_dead = (uint64_t)block->live_bytes * 100 < (uint64_t)block->size * live_percent;
        if (block->size > 0 && (is_dead || (table->small > SMALL_COUNT_MAX && is_small(block)))) {
            return block;
        }
    }
    return NULL;
}
