/* blocks.h: the blocks of a log and how much of each is still needed. Private to the ledger. Pure.
 */
#ifndef ACCRUED_LEDGER_BLOCKS_H
#define ACCRUED_LEDGER_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_info {
    uint64_t position; /* in the log */
    uint64_t id;
    uint32_t size;       /* 0: dropped */
    uint32_t live_bytes; /* of entries that are some line's newest; dropped: how many items
                            directly before this one are dropped as well, at least */
};

struct block_table {
    struct block_info *items; /* ascending by position and by id */
    size_t count;
    size_t capacity;
    size_t dropped; /* how many items are */
    size_t small;   /* … are not, and smaller than BLOCK_SMALL_SIZE */
    uint64_t live_bytes;
    size_t cursor; /* where the search for victims goes on */
};

#define BLOCK_SMALL_SIZE 4096

void blocks_init(struct block_table *table);
void blocks_release(struct block_table *table);
void blocks_clear(struct block_table *table);

/* Behind all others. */
void blocks_add(struct block_table *table, struct block_info block);
/* The block that a byte of the log lies in. */
struct block_info *blocks_of(const struct block_table *table, uint64_t position);
/* The first block at or behind a position that is not dropped, or NULL. */
const struct block_info *blocks_from(const struct block_table *table, uint64_t position);
/* NULL: there is none with this id, or it was dropped. */
const struct block_info *blocks_by_id(const struct block_table *table, uint64_t id);
/* An entry of `size` bytes at a position became some line's newest, or ceased to be. */
void blocks_gain(struct block_table *table, uint64_t position, size_t size);
void blocks_lose(struct block_table *table, uint64_t position, size_t size);
/* The block is no more. Returns where the one before it in the table ends; 0: there is none. */
uint64_t blocks_drop(struct block_table *table, uint64_t position);

/* The next block worth cleaning, or NULL after a bounded search: less than `live_percent` of it is
 * needed, or it is one of too many small ones. Never the newest. */
const struct block_info *blocks_victim(struct block_table *table, unsigned live_percent);

#endif
