#include "accrued/arena.h"

#include "accrued/require.h"

#include <stdlib.h>

#define CHUNK_SIZE_MIN 16384
#define ALIGNMENT 16

struct arena_chunk {
    struct arena_chunk *next;
    size_t capacity;
    _Alignas(ALIGNMENT) unsigned char data[];
};

void arena_init(struct arena *arena) {
    *arena = (struct arena){NULL, NULL, 0};
}

void arena_release(struct arena *arena) {
    struct arena_chunk *chunk = arena->first;
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    arena_init(arena);
}

void arena_clear(struct arena *arena) {
    arena->current = arena->first;
    arena->used = 0;
}

/* Moves on to a chunk with room, the next one if it is large enough, else a new one before it. */
static void arena_grow(struct arena *arena, size_t size) {
    struct arena_chunk *next = arena->current ? arena->current->next : arena->first;
    if (next == NULL || next->capacity < size) {
        size_t capacity = size > CHUNK_SIZE_MIN ? size : CHUNK_SIZE_MIN;
        struct arena_chunk *chunk = malloc(sizeof *chunk + capacity);
        REQUIRE(chunk != NULL);
        chunk->capacity = capacity;
        chunk->next = next;
        if (arena->current != NULL) {
            arena->current->next = chunk;
        } else {
            arena->first = chunk;
        }
        next = chunk;
    }
    arena->current = next;
    arena->used = 0;
}

void *arena_take(struct arena *arena, size_t size) {
    REQUIRE(size <= SIZE_MAX / 4);
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (arena->current == NULL || arena->current->capacity - arena->used < rounded) {
        arena_grow(arena, rounded);
    }
    void *taken = arena->current->data + arena->used;
    arena->used += rounded;
    return taken;
}

struct text arena_copy(struct arena *arena, struct text text) {
    if (text_is_null(text)) {
        return text;
    }
    char *copy = arena_take(arena, text.size + 1);
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    copy[text.size] = '\0';
    return (struct text){copy, text.size};
}

struct text arena_fold(struct arena *arena, struct text text) {
    if (text_is_null(text)) {
        return text;
    }
    char *copy = arena_take(arena, text.size + 1);
    copy[text.size] = '\0';
    return text_fold(text, copy);
}

size_t arena_size(const struct arena *arena) {
    size_t size = 0;
    for (const struct arena_chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next) {
        size += sizeof *chunk + chunk->capacity;
    }
    return size;
}
