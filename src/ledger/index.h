/* index.h: fingerprint → place of a line's newest entry. Private to the ledger. Pure.
 *
 * Open addressing with linear probing, 8 bytes a slot: 24 bits of the key's hash and 40 bits of
 * position. A fingerprint may lie: the entry itself proves the match. A miss, the common case,
 * touches one cache line.
 *
 * A key's search begins at its home, a number of these bits of its hash:
 *
 *   hash   63 …        49 │ 48 … 40 │ 39 …            0
 *          fingerprint    │  … near │  not in the slot
 *   home   [ grown bits: fingerprint ][ base bits: not in the slot ][ near bits: 9 ]
 *
 * While no key stands NEAR_COUNT slots or more behind its home, slot and near bits tell the home,
 * and the fingerprint tells by which bit it goes on: the table doubles where it stands, and no
 * entry is looked at. What a grown bit tells, a fingerprint tells no more of two keys with one
 * home; so there are at most GROWN_BITS_MAX, then the hashes are asked for. */
#ifndef ACCRUED_LEDGER_INDEX_H
#define ACCRUED_LEDGER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_POSITION_BITS 40
#define INDEX_POSITION_MAX ((UINT64_C(1) << INDEX_POSITION_BITS) - 1)
#define INDEX_NEAR_BITS 9
#define INDEX_NEAR_COUNT ((uint64_t)1 << INDEX_NEAR_BITS)

struct line_index {
    uint64_t *slots; /* 0: empty */
    size_t capacity; /* a power of two */
    size_t count;
    unsigned base_bits;
    bool has_far; /* some key stands too far behind its home to tell it */
};

/* The hashes of the keys of the entries at some positions, needed when a table that is still small
 * grows, and later once in a while. Many at a time, as each is likely to wait for memory. */
typedef void (*index_hashes_at)(void *context, const uint64_t *positions, size_t count,
                                uint64_t *ret_hashes);
#define INDEX_HASHES_MAX 32

void index_init(struct line_index *index);
void index_release(struct line_index *index);

struct index_probe {
    const struct line_index *index;
    uint64_t fingerprint;
    size_t home;
    size_t slot;
};
struct index_probe index_find(const struct line_index *index, uint64_t hash);
/* The next candidate. false: there is no more, the key is not in the table. */
bool index_next(struct index_probe *probe, uint64_t *ret_position);

/* Can a key be added while the table stays as large as it is? */
bool index_has_room(const struct line_index *index);
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
