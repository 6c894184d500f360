/* entry.h: a line's state as packed bytes. Room: ledger. Pure.
 *
 * The key (customer, line) comes first, so that an entry proves by comparison that it is the one
 * looked for. UUIDs take 16 bytes; programs are numbers of the block's table. */
#ifndef ACCRUED_ENTRY_H
#define ACCRUED_ENTRY_H

#include "accrued/arena.h"
#include "accrued/block.h"
#include "accrued/posting.h"

/* Appends the key's bytes; equal keys have equal bytes. */
void entry_append_key(struct buffer *to, struct text customer_id, struct text line_id);
uint64_t entry_key_hash(struct text key);
/* The key's bytes at the beginning of an entry. false: malformed. */
bool entry_key(struct text entry, struct text *ret_key);

/* Appends what stands behind the key; with the key before it, a whole entry. */
void entry_append_state(struct buffer *to, const struct line_state *state, const uint32_t *numbers);
/* Appends the whole entry. `numbers[program_index]` is the program's number in the table. */
void entry_append(struct buffer *to, const struct line_state *state, const uint32_t *numbers);

/* Unpacks an entry. Texts borrow from the entry or the arena; earners live in the arena, ordered by
 * program index and partner. `indexes[number]` is the program's index, or −1: not configured.
 * false: malformed, or it names a program that is not configured. */
bool entry_parse(struct text entry, const int *indexes, size_t index_count, struct arena *arena,
                 struct line_state *ret_state);

#endif
