#include "accrued/ingest_map.h"
#include "accrued/require.h"
#include "row.h"

#include <stdlib.h>

void header_init(struct header *header) {
    *header = (struct header){.names = NULL};
    arena_init(&header->arena);
}

void header_release(struct header *header) {
    arena_release(&header->arena);
    free(header->names);
    free(header->normalised);
    header_init(header);
}

static void grow(struct header *header) {
    size_t capacity = header->capacity == 0 ? 64 : header->capacity * 2;
    struct text *names = realloc(header->names, capacity * sizeof *names);
    struct text *normalised = realloc(header->normalised, capacity * sizeof *normalised);
    REQUIRE(names != NULL && normalised != NULL);
    header->names = names;
    header->normalised = normalised;
    header->capacity = capacity;
}

bool header_add(struct header *header, struct text name, size_t *ret_index) {
    char spelling[INGEST_NAME_SIZE_MAX];
    if (header->count == HEADER_COUNT_MAX) {
        return false;
    }
    if (header->count == header->capacity) {
        grow(header);
    }
    header->names[header->count] = arena_copy(&header->arena, name);
    header->normalised[header->count] =
        arena_copy(&header->arena, ingest_normalise(name, spelling));
    *ret_index = header->count++;
    return true;
}

bool header_find_exact(const struct header *header, struct text name, size_t hint,
                       size_t *ret_index) {
    if (hint < header->count && text_equal(header->names[hint], name)) {
        *ret_index = hint;
        return true;
    }
    for (size_t i = 0; i < header->count; i++) {
        if (text_equal(header->names[i], name)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

bool header_find(const struct header *header, const char *spelling, size_t *ret_index) {
    char to[INGEST_NAME_SIZE_MAX];
    struct text wanted = ingest_normalise(text_of(spelling), to);
    for (size_t i = 0; i < header->count; i++) {
        if (text_equal(header->normalised[i], wanted)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}
