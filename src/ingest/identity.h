/* identity.h: what names a charge → line_id. Private to ingest. Pure. Adapter: xxHash.
 *
 * An identity is a run of values, each with its length in front, ASCII letters folded. Rows of
 * equal identity are numbered from 1 in the order of the file; line_id is <tag>-<32 hex of
 * XXH3-128(identity, number)>. The recipe is part of stored data: it never changes.
 *
 * The counts take 16 bytes a slot at a load of 3/8 to 3/4: 21 to 43 bytes per different row, which
 * is all the memory that grows with a file. They compare 96 bits of the hash. */
#ifndef ACCRUED_INGEST_IDENTITY_H
#define ACCRUED_INGEST_IDENTITY_H

#include "accrued/buffer.h"

struct identity_hash {
    uint64_t high;
    uint64_t low;
};

/* null and empty are the same. */
void identity_append(struct buffer *to, struct text value);
struct identity_hash identity_hash(struct text identity);

#define IDENTITY_TAG_SIZE_MAX 16
#define IDENTITY_LINE_ID_SIZE_MAX (IDENTITY_TAG_SIZE_MAX + 1 + 32)
/* `identity` is used as room for the number. Returns the id in `to`. */
struct text identity_line_id(struct buffer *identity, const char *tag, uint32_t number,
                             char to[IDENTITY_LINE_ID_SIZE_MAX + 1]);

struct occurrence {
    uint64_t high;
    uint32_t low;
    uint32_t count; /* 0: a free slot */
};
struct occurrences {
    struct occurrence *slots;
    size_t capacity; /* a power of two */
    size_t used;
};

void occurrences_init(struct occurrences *occurrences);
void occurrences_release(struct occurrences *occurrences);
/* The number of this one: 1 for the first. */
uint32_t occurrences_add(struct occurrences *occurrences, struct identity_hash hash);
/* How many there were. */
uint32_t occurrences_count(const struct occurrences *occurrences, struct identity_hash hash);

#endif
