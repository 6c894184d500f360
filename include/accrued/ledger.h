/* ledger.h: what has been published so far, per line, for one input partition. Room: ledger.
 *
 * A log of blocks with an index from (customer, line) to the newest entry. States posted by the
 * open transaction stand in an overlay until ledger_commit; ledger_abort drops them. Lane thread
 * only. Source of the design: architecture.md, "The ledger". */
#ifndef ACCRUED_LEDGER_H
#define ACCRUED_LEDGER_H

#include "accrued/block.h"
#include "accrued/posting.h"

struct ledger;

/* An empty ledger that knows the programs; `programs` must outlive it. */
struct ledger *ledger_open(const struct programs *programs, uint32_t partition,
                           uint32_t partition_count);
void ledger_free(struct ledger *ledger);

/* The state of a line, overlay first. false: unknown. Valid until the next call on this ledger. */
bool ledger_find(struct ledger *ledger, struct text customer_id, struct text line_id,
                 struct line_state *ret_state);

/* Stores a state in the overlay (a copy; it may borrow from what this ledger handed out last). */
void ledger_put(struct ledger *ledger, const struct line_state *state);
/* States in the overlay. */
size_t ledger_pending_count(const struct ledger *ledger);

/* Where this partition stands in its input; set for the open transaction before sealing. */
struct ledger_position {
    int64_t next_offset;
    int64_t record_timestamp_ms;
    uint64_t record_hash;
};
struct ledger_position ledger_position(const struct ledger *ledger);

/* Packs the overlay into blocks of at most block_size_max bytes (an entry larger than that gets a
 * block of its own) and hands each to `emit`; the bytes stay valid until commit or abort. */
typedef bool (*ledger_emit)(void *context, uint64_t block_id, struct text block);
bool ledger_seal(struct ledger *ledger, struct ledger_position position, uint64_t new_incarnation,
                 size_t block_size_max, ledger_emit emit, void *context);
void ledger_commit(struct ledger *ledger);
void ledger_abort(struct ledger *ledger);

/* Restore: takes in a block that was read from the topic. false: *fault says why it is refused
 * (damaged, another partition or partition count, newer programs, unknown program). */
bool ledger_restore(struct ledger *ledger, struct text block, struct fault *fault);

/* Visits every line in byte order of customer id, then line id (re-rating offline). The state is
 * valid during the visit, which may post and put; what it puts is not visited again. */
typedef bool (*ledger_visit)(void *context, const struct line_state *state);
bool ledger_each(struct ledger *ledger, ledger_visit visit, void *context);

size_t ledger_line_count(const struct ledger *ledger);
size_t ledger_byte_count(const struct ledger *ledger); /* log and index */
uint64_t ledger_last_block_id(const struct ledger *ledger);

#endif
