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
/* Other programs from now on, which must outlive it: a revision that is not lower, and every
 * program that it knew among them. Nothing may be pending. */
void ledger_take_programs(struct ledger *ledger, const struct programs *programs);

/* A line's key as the ledger has it, made once for all that is done with the line. */
struct ledger_key {
    struct text bytes;
    uint64_t hash;
};
/* The bytes live in the arena; `scratch` is for its making. */
struct ledger_key ledger_key_of(struct text customer_id, struct text line_id,
                                struct buffer *scratch, struct arena *arena);

/* The state of a line, overlay first. false: unknown, or the ledger is broken now. Valid until the
 * next call on this ledger. */
bool ledger_find_key(struct ledger *ledger, struct ledger_key key, struct line_state *ret_state);
bool ledger_find(struct ledger *ledger, struct text customer_id, struct text line_id,
                 struct line_state *ret_state);

/* For lines that will be looked for soon, so that finding them waits for no memory: the first asks
 * for the line's slot of the index and returns what the second wants, which some lines later asks
 * for the entry that the slot points at, where that is not in a file. */
uint64_t ledger_expect(struct ledger *ledger, struct text customer_id, struct text line_id);
void ledger_expect_entry(const struct ledger *ledger, uint64_t expected);
/* The first, for a key that is at hand; the second wants its hash. */
void ledger_expect_key(const struct ledger *ledger, struct ledger_key key);

/* Stores a state in the overlay (a copy; it may borrow from what this ledger handed out last). */
void ledger_put(struct ledger *ledger, const struct line_state *state);
/* The same, `key` being the state's. */
void ledger_put_key(struct ledger *ledger, struct ledger_key key, const struct line_state *state);
/* States in the overlay. */
size_t ledger_pending_count(const struct ledger *ledger);

/* Where this partition stands in its input; set for the open transaction before sealing. */
struct ledger_position {
    int64_t next_offset;
    int64_t record_timestamp_ms;
    uint64_t record_hash;
};
struct ledger_position ledger_position(const struct ledger *ledger);

/* How far rating again has come (§7): requests below `offset` are done; −1: no request was ever
 * seen. Within the walk that serves the next ones, up to the one at `head`, all entries of blocks
 * up to `reached` are done; 0: it has not begun. */
struct ledger_rerate {
    int64_t offset;
    uint64_t reached;
    int64_t head;     /* what is younger needs a walk of its own */
    uint64_t unrated; /* lines that this walk, or the last one that ended, could not rate */
};
struct ledger_rerate ledger_rerate(const struct ledger *ledger);
/* The same as a block's header has it. */
struct ledger_rerate ledger_rerate_of(const struct block_header *header);
/* For the open transaction: stands in the blocks sealed next, is dropped by an abort. With `always`
 * there will be a block even if no state is pending. */
void ledger_set_rerate(struct ledger *ledger, struct ledger_rerate rerate, bool always);

/* Billing periods (months) before the horizon are closed: their lines only say that they were
 * there. It only moves forward and stands in every block; 0: nothing is closed. For the open
 * transaction as ledger_set_rerate; a move makes a block by itself. */
int32_t ledger_horizon(const struct ledger *ledger);
void ledger_set_horizon(struct ledger *ledger, int32_t month);

/* A walk over the newest state of every line that is in the log, in the order of the log, but
 * for closed periods. What is committed during the walk comes at its end, again under its new
 * place. Commits don't disturb it.
 */
struct ledger_walk {
    uint64_t position; /* of the next entry, or of a block's beginning */
    uint64_t block_start;
    uint64_t block_end;
    uint64_t block_id; /* of the block that `position` is in; blocks below are done */
    size_t entries_left;
    uint64_t ahead; /* of an entry further on in the block: memory was asked for those before */
    size_t ahead_left;
};
/* Begins behind the blocks up to `reached`. */
struct ledger_walk ledger_walk_begin(const struct ledger *ledger, uint64_t reached);
/* false: there is nothing more now, or the ledger is broken. The state is valid until the next call
 * on this ledger. */
bool ledger_walk_next(struct ledger *ledger, struct ledger_walk *walk,
                      struct line_state *ret_state);

/* Packs the overlay into blocks of at most block_size_max bytes (an entry larger than that gets a
 * block of its own) and hands each to `emit`; the bytes stay valid until commit or abort. false:
 * `emit` said so, or the ledger is broken. */
typedef bool (*ledger_emit)(void *context, uint64_t block_id, struct text block);
bool ledger_seal(struct ledger *ledger, struct ledger_position position, uint64_t new_incarnation,
                 size_t block_size_max, ledger_emit emit, void *context);
void ledger_commit(struct ledger *ledger);
void ledger_abort(struct ledger *ledger);
/* Bytes of memory taken for transactions, which stay for the next ones; and gives them back,
 * between two transactions. */
size_t ledger_room(const struct ledger *ledger);
void ledger_give_room(struct ledger *ledger);
/* The local file could not be written (a full disk) or not be read (a bad one): Kafka has
 * everything, this ledger does not. It can only be freed: lines are not found in it, and it seals
 * nothing. */
bool ledger_is_broken(const struct ledger *ledger, struct fault *ret_fault);

/* Copies what is still needed of blocks of which little is into the open transaction, about
 * `bytes_max` bytes of it at most; ledger_seal emits tombstones (null blocks) for them, the commit
 * drops them. After everything was put, before the seal. Returns how many blocks go. */
size_t ledger_clean(struct ledger *ledger, size_t bytes_max);

/* The local file: a mirror of the topic that saves reading all of it. Opens it for an empty ledger.
 * false: *fault; the ledger is in memory only. *ret_is_taken: because another process has it. */
bool ledger_attach(struct ledger *ledger, const char *path, bool *ret_is_taken,
                   struct fault *fault);
/* Takes in about `bytes_max` bytes of the file; to be called until *ret_done. What is doubtful is
 * cut off, *ret_doubt says why (else its text is empty). false: *fault, the configuration does not
 * fit. */
bool ledger_load(struct ledger *ledger, size_t bytes_max, bool *ret_done, struct fault *ret_doubt,
                 struct fault *fault);
/* How much of the file has been taken in. */
int ledger_load_percent(const struct ledger *ledger);
/* Offset of the topic below which the file has everything; −1: it has nothing. */
int64_t ledger_mark(const struct ledger *ledger);
/* Where to begin reading the topic so that the file's newest block, or one that came after it, is
 * met; −1: at the beginning. */
int64_t ledger_read_from(const struct ledger *ledger);
/* After reading: was it met? The newest block is never cleaned away, so a topic without it is not
 * the one that the file mirrors, or has lost its end. false: *fault. */
bool ledger_is_proven(const struct ledger *ledger, struct fault *fault);
/* All blocks so far stand below this offset of the topic. */
void ledger_set_mark(struct ledger *ledger, int64_t offset);
/* Were blocks appended since the last mark? */
bool ledger_wants_mark(const struct ledger *ledger);
/* A block of the topic that shows that the file belongs to another ledger, or to another history of
 * this one: ledger_discard, and restore from the beginning. */
bool ledger_is_foreign(struct ledger *ledger, struct text block);
void ledger_discard(struct ledger *ledger);

/* Restore: takes in a block that was read from the topic; one that the file had already changes
 * nothing. false: *fault says why it is refused
 * (damaged, another partition or partition count, newer programs, unknown program). */
bool ledger_restore(struct ledger *ledger, struct text block, struct fault *fault);

/* So many lines are likely to be restored in all: the index grows to it at once. And when they are:
 * it becomes as small as the lines allow. In between the local file is mapped. */
void ledger_anticipate(struct ledger *ledger, size_t line_count);
void ledger_settle(struct ledger *ledger);

/* Visits every line in byte order of customer id, then line id (re-rating offline). The state is
 * valid during the visit, which may post and put; what it puts is not visited again. */
typedef bool (*ledger_visit)(void *context, const struct line_state *state);
bool ledger_each(struct ledger *ledger, ledger_visit visit, void *context);

size_t ledger_line_count(const struct ledger *ledger);
size_t ledger_byte_count(const struct ledger *ledger); /* log and index */
uint64_t ledger_last_block_id(const struct ledger *ledger);

#endif
