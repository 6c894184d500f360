#include "log.h"

#include "windows.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADER_SIZE LOG_FILE_HEADER_SIZE
#define HEADER_CHECKED_SIZE 56
#define FILE_MAGIC UINT32_C(0x464c4341)  /* "ACLF" */
#define BLOCK_MAGIC UINT32_C(0x4b434c42) /* "BLCK" */
#define MARK_MAGIC UINT32_C(0x4b52414d)  /* "MARK" */
#define FREED_MAGIC UINT32_C(0x45455246) /* "FREE" */
#define CHECK_SEED UINT64_C(0x61636c66)

struct frame_header {
    uint32_t kind;
    uint32_t size;
    uint64_t check;
};
static const struct log_mark no_mark = {0, 0};
_Static_assert(sizeof(struct log_mark) == 16, "a mark has 16 bytes");
_Static_assert(sizeof(struct frame_header) == LOG_FRAME_HEADER_SIZE, "frames have 16 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian");

void log_init(struct block_log *log) {
    *log = (struct block_log){.file = -1, .end = HEADER_SIZE};
}

void log_release(struct block_log *log) {
    for (size_t i = 0; i < log->window_count && log_is_at_hand(log); i++) {
        (void)munmap(log->windows[i], LOG_WINDOW_SIZE);
    }
    free(log->windows);
    free(log->path);
    if (log->file >= 0) {
        (void)close(log->file);
    }
    log_init(log);
}

/* ------------------------------------------------------------ the file's beginning */

struct file_header {
    uint32_t magic;
    uint32_t version;
    uint32_t partition;
    uint32_t partition_count;
    uint8_t reserved[HEADER_CHECKED_SIZE - 16];
    uint64_t checksum;
};
_Static_assert(sizeof(struct file_header) == HEADER_SIZE, "the header has 64 bytes");

static struct file_header make_header(uint32_t partition, uint32_t partition_count) {
    struct file_header header = {
        .magic = FILE_MAGIC,
        .version = LOG_FORMAT_VERSION,
        .partition = partition,
        .partition_count = partition_count,
    };
    header.checksum = hash64(&header, HEADER_CHECKED_SIZE, CHECK_SEED);
    return header;
}

bool log_read_header(const void *bytes, uint32_t *ret_partition, uint32_t *ret_partition_count,
                     struct fault *fault) {
    struct file_header header;
    memcpy(&header, bytes, sizeof header);
    if (header.magic != FILE_MAGIC) {
        return fault_set(fault, "it is not a ledger file");
    }
    if (header.checksum != hash64(&header, HEADER_CHECKED_SIZE, CHECK_SEED)) {
        return fault_set(fault, "its header is damaged");
    }
    if (header.version != LOG_FORMAT_VERSION) {
        return fault_set(fault, "it has format version %u, this build reads and writes %d",
                         header.version, LOG_FORMAT_VERSION);
    }
    *ret_partition = header.partition;
    *ret_partition_count = header.partition_count;
    return true;
}

/* Why the file is begun anew. */
static void explain_header(const struct file_header *found, const struct file_header *wanted,
                           const char *path, struct fault *ret_why) {
    uint32_t partition = 0;
    uint32_t partition_count = 0;
    if (log_read_header(found, &partition, &partition_count, ret_why)) {
        fault_set(ret_why, "it is of partition %u of %u, not of %u of %u", partition,
                  partition_count, wanted->partition, wanted->partition_count);
    }
    fault_prefix(ret_why, "ledger file %s is begun anew: ", path);
}

static bool map_file(struct block_log *log, uint64_t size, struct fault *fault) {
    bool is_good = true;
    while (is_good && log->window_count * LOG_WINDOW_SIZE < size) {
        is_good = windows_add(log, fault);
    }
    return is_good;
}

/* Empties the file and writes its header. */
static bool begin_file(struct block_log *log, const struct file_header *header,
                       struct fault *fault) {
    if (ftruncate(log->file, 0) != 0 ||
        pwrite(log->file, header, sizeof *header, 0) != (ssize_t)sizeof *header) {
        return fault_set(fault, "ledger file %s: %s", log->path, strerror(errno));
    }
    log->end = HEADER_SIZE;
    return windows_add(log, fault);
}

static enum log_opening take_file(struct block_log *log, uint32_t partition,
                                  uint32_t partition_count, struct fault *fault) {
    struct file_header wanted = make_header(partition, partition_count);
    struct file_header found = {.magic = 0};
    struct stat status;
    if (flock(log->file, LOCK_EX | LOCK_NB) != 0) {
        fault_set(fault, "ledger file %s: another process has it", log->path);
        return LOG_TAKEN;
    }
    if (fstat(log->file, &status) != 0) {
        fault_set(fault, "ledger file %s: %s", log->path, strerror(errno));
        return LOG_FAILED;
    }
    ssize_t size = pread(log->file, &found, sizeof found, 0);
    if (size != (ssize_t)sizeof found || memcmp(&found, &wanted, sizeof found) != 0) {
        if (size != 0) {
            explain_header(&found, &wanted, log->path, &log->replaced);
        }
        return begin_file(log, &wanted, fault) ? LOG_OPENED : LOG_FAILED;
    }
    bool is_mapped = map_file(log, (uint64_t)status.st_size, fault);
    log->end = log->window_count * LOG_WINDOW_SIZE; /* until the scan has found the real end */
    return is_mapped ? LOG_OPENED : LOG_FAILED;
}

enum log_opening log_open(struct block_log *log, const char *path, uint32_t partition,
                          uint32_t partition_count, struct fault *fault) {
    REQUIRE(log->window_count == 0 && log->file < 0);
    enum log_opening opening = LOG_FAILED;
    log->path = strdup(path);
    REQUIRE(log->path != NULL);
    log->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->file < 0) {
        fault_set(fault, "ledger file %s: %s; see ledger.directory", path, strerror(errno));
    } else {
        log->is_mapped = true; /* until log_unmap */
        opening = take_file(log, partition, partition_count, fault);
    }
    if (opening != LOG_OPENED) {
        log_release(log);
    }
    return opening;
}

/* ------------------------------------------------------------ frames */

/* `behind`: where the frame before ends. Zeros may stand between two frames only where a window
 * ends, and this proves that nothing stood there. `mark`: what a mark says, which has no
 * checksum of its own as a block has; zeros for others. */
static uint64_t check_of(uint32_t size, uint64_t start, uint64_t behind, struct log_mark mark) {
    uint64_t parts[5] = {size, start, behind, (uint64_t)mark.offset, (uint64_t)mark.newest_from};
    return hash64(parts, sizeof parts, CHECK_SEED);
}

struct log_mark log_mark_of(struct text payload) {
    struct log_mark mark;
    memcpy(&mark, payload.data, sizeof mark);
    return mark;
}

/* Whether it is a frame at all; LOG_DAMAGED if not. `rest`: what follows the header. */
static enum log_kind kind_of(const struct frame_header *header, uint64_t start, uint64_t behind,
                             struct text rest) {
    if (header->kind == 0 && header->size == 0 && header->check == 0) {
        return LOG_END;
    }
    bool is_mark = header->kind == MARK_MAGIC;
    if (header->size > rest.size || (is_mark && header->size != sizeof(struct log_mark)) ||
        header->check !=
            check_of(header->size, start, behind, is_mark ? log_mark_of(rest) : no_mark)) {
        return LOG_DAMAGED;
    }
    switch (header->kind) {
    case BLOCK_MAGIC: return LOG_BLOCK;
    case FREED_MAGIC: return LOG_FREED;
    case MARK_MAGIC: return LOG_MARK;
    default: return LOG_DAMAGED;
    }
}

enum log_kind log_header_kind(const void *header, uint64_t start, uint64_t behind, struct text rest,
                              uint32_t *ret_size) {
    struct frame_header frame;
    memcpy(&frame, header, sizeof frame);
    *ret_size = frame.size;
    return kind_of(&frame, start, behind, rest);
}

static uint64_t next_window(uint64_t position) {
    return (position / LOG_WINDOW_SIZE + 1) * LOG_WINDOW_SIZE;
}

struct log_frame log_scan(const struct block_log *log, uint64_t *cursor) {
    uint64_t behind = *cursor < HEADER_SIZE ? HEADER_SIZE : *cursor;
    uint64_t at = behind;
    while (at < log->end && at < log->window_count * LOG_WINDOW_SIZE) {
        struct text rest = log_at(log, at);
        if (rest.size < LOG_FRAME_HEADER_SIZE) {
            at = next_window(at);
            continue;
        }
        struct frame_header header;
        memcpy(&header, rest.data, sizeof header);
        struct text payload = {rest.data + sizeof header, rest.size - sizeof header};
        enum log_kind kind = kind_of(&header, at, behind, payload);
        if (kind == LOG_END) {
            /* Nothing more in this window; a frame that did not fit is in the next. */
            at = next_window(at);
            continue;
        }
        struct log_frame frame = {
            .kind = kind,
            .start = at,
            .position = at + sizeof header,
        };
        if (kind == LOG_DAMAGED) {
            return frame;
        }
        frame.payload = (struct text){payload.data, header.size};
        frame.mark = kind == LOG_MARK ? log_mark_of(payload) : no_mark;
        *cursor = at + sizeof header + header.size;
        return frame;
    }
    return (struct log_frame){.kind = LOG_END, .start = log->end};
}

bool log_cut(struct block_log *log, uint64_t position, struct fault *fault) {
    position = position < HEADER_SIZE ? HEADER_SIZE : position;
    log->end = position;
    log->newest_mark = log->newest_mark < position ? log->newest_mark : 0;
    if (log->file < 0) {
        return true;
    }
    log->roomy_until = position;
    /* Shrinking and growing leaves zeros, which say that nothing follows. */
    off_t size = (off_t)(log->window_count * LOG_WINDOW_SIZE);
    return (ftruncate(log->file, (off_t)position) == 0 && ftruncate(log->file, size) == 0) ||
           fault_set(fault, "ledger file %s: %s", log->path, strerror(errno));
}

static bool append(struct block_log *log, uint32_t kind, struct text payload, struct log_mark mark,
                   uint64_t *ret_position, struct fault *fault) {
    size_t size = payload.size + LOG_FRAME_HEADER_SIZE;
    REQUIRE(size <= LOG_WINDOW_SIZE - HEADER_SIZE);
    uint64_t start = log->end;
    if (start / LOG_WINDOW_SIZE != (start + size - 1) / LOG_WINDOW_SIZE) {
        start = next_window(start);
    }
    if (start + size > LOG_SIZE_MAX) {
        return fault_set(fault,
                         "ledger %s: all %llu GiB of places are used up; remove the file, if there "
                         "is one, and start again",
                         log->path != NULL ? log->path : "in memory",
                         (unsigned long long)(LOG_SIZE_MAX >> 30));
    }
    if (start + size > log->window_count * LOG_WINDOW_SIZE && !windows_add(log, fault)) {
        return false;
    }
    struct frame_header header = {kind, (uint32_t)payload.size,
                                  check_of((uint32_t)payload.size, start, log->end, mark)};
    /* iovec has no const; nothing is written through it. */
    struct iovec parts[2] = {{&header, sizeof header},
                             {(void *)(uintptr_t)payload.data, payload.size}};
    windows_make_room(log, start, size);
    if (!windows_write(log, start, parts, fault)) {
        return false;
    }
    log->end = start + size;
    *ret_position = start + LOG_FRAME_HEADER_SIZE;
    return true;
}

bool log_append(struct block_log *log, struct text block, uint64_t *ret_position,
                struct fault *fault) {
    REQUIRE(block.size > 0);
    bool is_good = append(log, BLOCK_MAGIC, block, no_mark, ret_position, fault);
    log->bytes += is_good ? block.size : 0;
    return is_good;
}

bool log_append_mark(struct block_log *log, struct log_mark mark, struct fault *fault) {
    uint64_t position = 0;
    if (!append(log, MARK_MAGIC, (struct text){(const char *)&mark, sizeof mark}, mark, &position,
                fault)) {
        return false;
    }
    log->newest_mark = position - LOG_FRAME_HEADER_SIZE;
    return true;
}

static bool write_freed(const struct block_log *log, uint64_t start, uint64_t size, uint64_t check,
                        struct fault *fault) {
    struct frame_header header = {FREED_MAGIC, (uint32_t)size, check};
    struct iovec parts[2] = {{&header, sizeof header}, {NULL, 0}};
    return windows_write(log, start, parts, fault);
}

/* Behind the frames from `start` on that nobody needs any more, in this window. */
static bool find_freed_end(const struct block_log *log, uint64_t start, uint64_t *ret_end,
                           struct fault *fault) {
    uint64_t at = start;
    while (at < log->end && next_window(start) - at >= LOG_FRAME_HEADER_SIZE) {
        struct frame_header header;
        if (!log_copy(log, at, &header, sizeof header, fault)) {
            return false;
        }
        bool is_old_mark = header.kind == MARK_MAGIC && at != log->newest_mark;
        if (header.kind != FREED_MAGIC && !is_old_mark) {
            break;
        }
        REQUIRE(header.size <= next_window(start) - at - sizeof header);
        at += sizeof header + header.size;
    }
    *ret_end = at;
    return true;
}

/* What was dropped around a block from `first` on becomes one frame. */
static bool join_freed(const struct block_log *log, uint64_t first, uint64_t start,
                       struct fault *fault) {
    uint64_t end = 0;
    if (!find_freed_end(log, first, &end, fault)) {
        return false;
    }
    if (end <= start) {
        /* The newest mark stands between. */
        first = end + LOG_FRAME_HEADER_SIZE + sizeof(struct log_mark);
        if (!find_freed_end(log, first, &end, fault)) {
            return false;
        }
    }
    REQUIRE(first <= start && end > start);
    uint64_t size = end - first - LOG_FRAME_HEADER_SIZE;
    if (!write_freed(log, first, size, check_of((uint32_t)size, first, first, no_mark), fault)) {
        return false;
    }
    windows_give_back(log, first + LOG_FRAME_HEADER_SIZE, size);
    return true;
}

bool log_drop(struct block_log *log, uint64_t position, uint64_t behind, struct fault *fault) {
    uint64_t start = position - LOG_FRAME_HEADER_SIZE;
    REQUIRE(behind <= start);
    struct frame_header header;
    if (!log_copy(log, start, &header, sizeof header, fault)) {
        return false;
    }
    REQUIRE(header.kind == BLOCK_MAGIC);
    if (!write_freed(log, start, header.size, header.check, fault)) {
        return false;
    }
    log->bytes -= header.size;
    /* Small blocks lie on no whole page, so they are joined. The first frame of a window stays:
     * what its check proves lies in the window before. */
    uint64_t window = start / LOG_WINDOW_SIZE * LOG_WINDOW_SIZE;
    uint64_t first = behind;
    if (behind == 0 || behind < window) {
        first = window == 0 ? HEADER_SIZE : window;
    }
    if (first == window) {
        if (!log_copy(log, first, &header, sizeof header, fault)) {
            return false;
        }
        windows_give_back(log, first + sizeof header, header.size);
        first += sizeof header + header.size;
    }
    return first > start || join_freed(log, first, start, fault);
}
