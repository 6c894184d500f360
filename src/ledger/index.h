/* index.h: fingerprint → place of a line's newest entry. Private to the ledger. Pure.
 *
 * Open addressing with linear probing, 8 bytes a slot: 24 bits of the key's hash and 40 bits of
 * position. A fingerprint may lie: the entry itself proves the match. A miss, the common case,
 * touches one cache line. */
#ifndef ACCRUED_LEDGER_INDEX_H
#define ACCRUED_LEDGER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_POSITION_BITS 40
#define INDEX_POSITION_MAX ((UINT64_C(1) << INDEX_POSITION_BITS) - 1)

struct line_index {
    uint64_t *slots; /* 0: empty */
    size_t capacity; /* a power of two */
    size_t count;
};

/* The hashes of the keys of the entries at some positions, needed when the table grows. Many at a
 * time, as each is likely to wait for memory. */
typedef void (*index_hashes_at)(void *context, const uint64_t *positions, size_t count,
                                uint64_t *ret_hashes);
#define INDEX_HASHES_MAX 32

void index_init(struct line_index *index);
void index_release(struct line_index *index);

struct index_probe {
    const struct line_index *index;
    uint64_t fingerprint;
    size_t slot;
};
struct index_probe index_find(const struct line_index *index, uint64_t hash);
/* The next candidate. false: there is no more, the key is not in the table. */
bool index_next(struct index_probe *probe, uint64_t *ret_position);

/* Adds a key that is not in the table: index_next has just said so of the probe. 0 < position ≤
 * INDEX_POSITION_MAX. */
void index_insert(struct line_index *index, const struct index_probe *probe, uint64_t hash,
                  uint64_t position, index_hashes_at hashes_at, void *context);
/* Makes a table large enough for so many keys. */
void index_reserve(struct line_index *index, size_t key_count, index_hashes_at hashes_at,
                   void *context);
/* Makes a table that is much too large for its keys smaller. */
void index_fit(struct line_index *index, index_hashes_at hashes_at, void *context);
/* A key with this hash will be looked for soon. */
void index_expect(const struct line_index *index, uint64_t hash);
/* Moves the candidate that index_next returned last. */
void index_move(struct line_index *index, const struct index_probe *probe, uint64_t position);

#endif
