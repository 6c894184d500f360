/* block.h: the ledger's unit of storage. Room: ledger. Pure.
 *
 * One block (more, if it would pass the message size limit) for each committed transaction and
 * input partition: all line states that it posted. The same bytes are a record of topic
 * `accrued-ledger` (key: the block id) and, later, a stretch of the local file. Integers
 * little-endian, varints LEB128, signed ones zigzag. Format version 1:
 *
 *   "ACLB" version:u8 flags:u8 reserved:u16 size:u32 entry_count:u32 checksum:u64
 *   id:u64 incarnation:u64 partition:u32 partition_count:u32
 *   next_offset:u64 record_timestamp:u64 record_hash:u64 rerate_offset:u64 horizon:u32
 *   programs_revision:u64 catalog_revision:u64
 *   rerate_key:text program_count:varint program_id:text …
 *   entries: entry_size:varint entry …
 *
 * `size` is the whole block's; the checksum (XXH3) covers everything behind itself. */
#ifndef ACCRUED_BLOCK_H
#define ACCRUED_BLOCK_H

#include "accrued/buffer.h"
#include "accrued/fault.h"

#define BLOCK_FORMAT_VERSION 1

/* Program ids that entries name by number: numbers are given once per partition and never reused.
 */
#define BLOCK_PROGRAM_COUNT_MAX 256
struct program_names {
    struct text items[BLOCK_PROGRAM_COUNT_MAX];
    size_t count;
};

struct block_header {
    uint64_t id;          /* ascending, never used again, may have gaps */
    uint64_t incarnation; /* random, drawn when the partition's ledger began */
    uint32_t partition;
    uint32_t partition_count;    /* of billing-lines; a different one stops the lane */
    int64_t next_offset;         /* of billing-lines: all below it is in the ledger */
    int64_t record_timestamp_ms; /* of the record at next_offset − 1, −1: none */
    uint64_t record_hash;        /* of its value's bytes: recognises a re-created topic */
    int64_t rerate_offset;       /* requests below it are done; −1: none yet */
    struct text rerate_key;      /* how far the walk at rerate_offset has come; null: not begun */
    int32_t horizon;             /* months before it have expired; 0: none */
    int64_t programs_revision;   /* highest that wrote here; a lane with a lower one stops */
    int64_t catalog_revision;
    struct program_names programs;
};

struct block_view {
    struct block_header header; /* texts borrow from the block */
    size_t entry_count;
    struct text entries;
    size_t entries_at; /* where the entries begin in the block */
};

/* Begins a block at the end of `to`; returns where it starts. Entries are appended behind with
 * block_append_entry, then block_finish fills in sizes and checksum. */
size_t block_begin(struct buffer *to, const struct block_header *header);
void block_append_entry(struct buffer *to, struct text entry);
void block_finish(struct buffer *to, size_t start, size_t entry_count);

/* Checks magic, version, size and checksum. false: *fault says what is wrong. */
bool block_parse(struct text block, struct block_view *ret_view, struct fault *fault);
/* Size of the block that begins here, from its first bytes; 0: not a block of a known version. */
size_t block_size(struct text start);
/* Its entries, as many as the block that begins here says; nothing is checked. */
size_t block_entry_count(struct text start);

/* Takes the next entry from view->entries. false: there is none or it is malformed. */
bool block_next_entry(struct cursor *entries, struct text *ret_entry);

#endif
