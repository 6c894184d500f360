/* log.h: the blocks of one partition in memory, in order. Private to the ledger.
 *
 * Segments never move, so an entry is read in place. A position is a byte's place in the log. */
#ifndef ACCRUED_LEDGER_LOG_H
#define ACCRUED_LEDGER_LOG_H

#include "accrued/text.h"

#define LOG_SEGMENT_SIZE (UINT64_C(4) << 20)

struct block_log {
    uint8_t **segments;
    size_t segment_count;
    size_t segment_capacity;
    uint64_t used; /* of the last segment */
};

void log_init(struct block_log *log);
void log_release(struct block_log *log);
/* Appends a block (at most LOG_SEGMENT_SIZE bytes) and returns where it begins. */
uint64_t log_append(struct block_log *log, struct text block);
/* From a position to the end of its segment's filled part; valid until log_release. */
struct text log_at(const struct block_log *log, uint64_t position);
/* Where the next block will begin, or, behind the last byte of a segment, the next segment does. */
uint64_t log_end(const struct block_log *log);
/* The block at a position, or where a segment's blocks end, the first of the next segment. A null
 * text: the end of the log. *position is set to where the block begins. */
struct text log_next_block(const struct block_log *log, uint64_t *position);
size_t log_size(const struct block_log *log);

#endif
