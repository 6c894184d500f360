/* arena.h: many small allocations that end together. Room: base.
 *
 * Memory comes in chunks; arena_clear keeps them for the next round, so an arena
 * in steady state allocates nothing. 16-byte aligned. Out of memory aborts. Not
 * for sharing between threads. */
#ifndef ACCRUED_ARENA_H
#define ACCRUED_ARENA_H

#include "accrued/text.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *first;
    struct arena_chunk *current;
    size_t used; /* of the current chunk */
};

void arena_init(struct arena *arena);
void arena_release(struct arena *arena);
void arena_clear(struct arena *arena);

void *arena_take(struct arena *arena, size_t size);
/* Copies the bytes (null stays null). The copy is NUL-terminated for convenience. */
struct text arena_copy(struct arena *arena, struct text text);
/* The same, ASCII letters folded to lower case. */
struct text arena_fold(struct arena *arena, struct text text);
/* Bytes reserved from the system. */
size_t arena_size(const struct arena *arena);

#endif
