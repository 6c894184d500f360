/* log.h: the blocks of one partition in order, in a file or in memory. Private to the ledger.
 *
 * The file is a mirror of the topic: it saves reading everything again, and nothing rests on it.
 * Anything doubtful in it is cut off there and read from the topic. Layout, integers little-endian:
 *
 *   file header (64 bytes): "ACLF" version:u32 partition:u32 partition_count:u32 0… checksum:u64
 *   frames: kind:u32 size:u32 check:u64 payload[size]
 *     kind "BLCK"  a block, as in the topic
 *          "MARK"  offset:u64 newest_from:u64 — all earlier blocks stand below `offset` of the
 *                  topic, the newest of them at `newest_from` or behind (−1: anywhere)
 *          "FREE"  were blocks that cleaning moved, and old marks; its payload is a hole
 *     check: XXH3 of size:u64 start:u64 end of the frame before:u64 and a mark's payload (else
 * 0:u64 twice), so that no frame is met without all those before it
 *
 * A frame does not cross the end of a window. Reading and writing go through pread and pwrite, so
 * a bad disk is an error and not a signal; only while much is read at once, at a start above all,
 * the windows are mapped: what is mapped counts as memory of the process, and each look at a place
 * that is not yet costs a page fault. Positions are places in the file. Without a path the same
 * layout lives in memory. Lane thread only. */
#ifndef ACCRUED_LEDGER_LOG_H
#define ACCRUED_LEDGER_LOG_H

#include "accrued/buffer.h"
#include "accrued/fault.h"
#include "accrued/text.h"

#define LOG_WINDOW_SIZE (UINT64_C(64) << 20)
#define LOG_SIZE_MAX (UINT64_C(1) << 40) /* what the index can point at */
#define LOG_FORMAT_VERSION 1
#define LOG_FILE_HEADER_SIZE 64
#define LOG_FRAME_HEADER_SIZE 16

enum log_kind { LOG_END, LOG_BLOCK, LOG_MARK, LOG_FREED, LOG_DAMAGED };

struct log_mark {
    int64_t offset;
    int64_t newest_from;
};

struct log_frame {
    enum log_kind kind;
    uint64_t start;       /* of the frame */
    uint64_t position;    /* of the payload */
    struct text payload;  /* LOG_BLOCK */
    struct log_mark mark; /* LOG_MARK */
};

struct block_log {
    int file;          /* −1: memory */
    char *path;        /* NULL: memory */
    uint8_t **windows; /* NULL each while a file is not mapped */
    size_t window_count;
    size_t window_capacity;
    bool is_mapped;        /* of a file: so are its windows */
    uint64_t end;          /* where the next frame begins */
    uint64_t roomy_until;  /* the file system has been asked for room up to here */
    uint64_t bytes;        /* in blocks that are not freed */
    uint64_t newest_mark;  /* where its frame starts; 0: there is none */
    struct fault replaced; /* why log_open began a file anew that was not empty; else no text */
};

/* Memory only. */
void log_init(struct block_log *log);
void log_release(struct block_log *log);

enum log_opening {
    LOG_OPENED,
    LOG_TAKEN,  /* another process has the file (*fault) */
    LOG_FAILED, /* it cannot be used (*fault) */
};

/* Makes the log file-backed: takes the file over if it is one of this partition, otherwise begins
 * it anew. The log must be empty; unless LOG_OPENED it stays in memory. What stands in the file,
 * which is mapped, is to be visited by log_scan before anything is appended. */
enum log_opening log_open(struct block_log *log, const char *path, uint32_t partition,
                          uint32_t partition_count, struct fault *fault);

/* The frame at *cursor (0: the first) and moves *cursor behind it. LOG_END and LOG_DAMAGED don't.
 * At hand only. */
struct log_frame log_scan(const struct block_log *log, uint64_t *cursor);
/* What log_scan saw as blocks from here on is no more; the next frame begins here. */
bool log_cut(struct block_log *log, uint64_t position, struct fault *fault);

/* Appends; *ret_position is the block's first byte. false: *fault (the disk is full). */
bool log_append(struct block_log *log, struct text block, uint64_t *ret_position,
                struct fault *fault);
bool log_append_mark(struct block_log *log, struct log_mark mark, struct fault *fault);
/* Gives a block's room back, together with that of dropped blocks and old marks around it. Between
 * `behind` (0: the log's beginning), where an earlier block ends, and this one there is no block.
 */
bool log_drop(struct block_log *log, uint64_t position, uint64_t behind, struct fault *fault);

/* For readers without a log. What the 16 bytes of a frame's header say; `behind`: where the frame
 * before ends; `rest`: up to the window's end, of which a mark's 16 bytes are read. */
enum log_kind log_header_kind(const void *header, uint64_t start, uint64_t behind, struct text rest,
                              uint32_t *ret_size);
struct log_mark log_mark_of(struct text payload);
/* The 64 bytes at a file's beginning. false: *fault says what is wrong. */
bool log_read_header(const void *bytes, uint32_t *ret_partition, uint32_t *ret_partition_count,
                     struct fault *fault);

/* Are the bytes in memory, or mapped? */
static inline bool log_is_at_hand(const struct block_log *log) {
    return log->file < 0 || log->is_mapped;
}
/* Maps the file. false: it is at hand already, or cannot be mapped, which is no harm. */
bool log_map(struct block_log *log);
void log_unmap(struct block_log *log);
/* Lets go of the pages that are mapped of the file; the page cache keeps them, and they come back
 * when they are looked at. */
void log_rest(const struct block_log *log);

/* From a position to the end of its window. At hand only. */
struct text log_at(const struct block_log *log, uint64_t position);
/* So many bytes of a window. false: *fault, the file cannot be read. */
bool log_copy(const struct block_log *log, uint64_t position, void *to, size_t size,
              struct fault *fault);
/* The same without a copy where they are at hand, else in `to`. */
bool log_read(const struct block_log *log, uint64_t position, size_t size, struct buffer *to,
              struct text *ret_bytes, struct fault *fault);

#endif
