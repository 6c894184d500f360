/* A ledger file from outside: the same frames that log.c reads, without a ledger around them. */
#include "accrued/ledger_file.h"

#include "accrued/entry.h"
#include "accrued/require.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MIN 1024
#define MARK_SIZE sizeof(struct log_mark)

/* The newest entry of a line. A key is told from others by its 64-bit hash alone: two of a billion
 * lines share one with a probability of 3 %, and then a liveness is wrong, on paper only. */
struct newest {
    uint64_t hash;
    uint64_t place; /* 0: empty */
};

struct ledger_file {
    int file;
    uint64_t size;
    uint64_t behind; /* where the last frame ended */
    uint32_t partition;
    uint32_t partition_count;
    uint64_t last_id; /* of the blocks so far */
    uint64_t incarnation;
    struct buffer payload;
    struct newest *newest;
    size_t newest_capacity; /* a power of two */
    size_t line_count;
};

/* What is behind the end reads as zeros. */
static void read_at(const struct ledger_file *file, uint64_t at, void *to, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file->file, (char *)to + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    memset((char *)to + done, 0, size - done);
}

static bool read_facts(struct ledger_file *file, struct ledger_file_facts *ret_facts,
                       struct fault *fault) {
    struct stat status;
    if (fstat(file->file, &status) != 0) {
        return fault_set(fault, "%s", strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return fault_set(fault, "it is not a file");
    }
    uint8_t header[LOG_FILE_HEADER_SIZE];
    read_at(file, 0, header, sizeof header);
    if (!log_read_header(header, &file->partition, &file->partition_count, fault)) {
        return false;
    }
    /* A shared lock that is not to be had: the worker's is exclusive. It is let go at once. */
    bool is_in_use = flock(file->file, LOCK_SH | LOCK_NB) != 0;
    if (!is_in_use) {
        (void)flock(file->file, LOCK_UN);
    }
    file->size = (uint64_t)status.st_size;
    *ret_facts = (struct ledger_file_facts){
        .format_version = LOG_FORMAT_VERSION,
        .partition = file->partition,
        .partition_count = file->partition_count,
        .size_bytes = file->size,
        .disk_bytes = (uint64_t)status.st_blocks * 512,
        .is_in_use = is_in_use,
    };
    return true;
}

struct ledger_file *ledger_file_open(const char *path, struct ledger_file_facts *ret_facts,
                                     struct fault *fault) {
    struct ledger_file *file = calloc(1, sizeof *file);
    REQUIRE(file != NULL);
    buffer_init(&file->payload);
    file->file = open(path, O_RDONLY | O_CLOEXEC);
    bool is_good = file->file >= 0 ? read_facts(file, ret_facts, fault)
                                   : fault_set(fault, "%s", strerror(errno));
    if (!is_good) {
        fault_prefix(fault, "%s: ", path);
        ledger_file_close(file);
        return NULL;
    }
    ledger_file_rewind(file);
    return file;
}

void ledger_file_close(struct ledger_file *file) {
    if (file == NULL) {
        return;
    }
    if (file->file >= 0) {
        (void)close(file->file);
    }
    buffer_release(&file->payload);
    free(file->newest);
    free(file);
}

void ledger_file_rewind(struct ledger_file *file) {
    struct stat status;
    if (fstat(file->file, &status) == 0) {
        file->size = (uint64_t)status.st_size;
    }
    file->behind = LOG_FILE_HEADER_SIZE;
    file->last_id = 0;
    file->incarnation = 0;
}

const char *ledger_frame_kind_name(enum ledger_frame_kind kind) {
    switch (kind) {
    case LEDGER_FRAME_BLOCK: return "block";
    case LEDGER_FRAME_MARK: return "mark";
    case LEDGER_FRAME_FREED: return "freed";
    }
    REQUIRE(false);
    return "";
}

/* ------------------------------------------------------------ which entries are the newest */

static struct newest *find_newest(const struct ledger_file *file, uint64_t hash) {
    size_t at = (size_t)hash & (file->newest_capacity - 1);
    while (file->newest[at].place != 0 && file->newest[at].hash != hash) {
        at = (at + 1) & (file->newest_capacity - 1);
    }
    return &file->newest[at];
}

static void grow(struct ledger_file *file) {
    struct newest *old = file->newest;
    size_t old_capacity = file->newest_capacity;
    file->newest_capacity = old_capacity == 0 ? LINES_MIN : old_capacity * 2;
    file->newest = calloc(file->newest_capacity, sizeof *file->newest);
    REQUIRE(file->newest != NULL);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].place != 0) {
            *find_newest(file, old[i].hash) = old[i];
        }
    }
    free(old);
}

static uint64_t key_hash_of(struct text entry) {
    struct text key;
    bool found = entry_key(entry, &key);
    REQUIRE(found);
    return entry_key_hash(key);
}

/* Where an entry stands in the file; `entry` lies in the block's bytes. */
static uint64_t place_of(const struct ledger_frame *frame, struct text entry) {
    return frame->place + LOG_FRAME_HEADER_SIZE + frame->block.entries_at +
           (uint64_t)(entry.data - frame->block.entries.data);
}

void ledger_file_learn(struct ledger_file *file) {
    struct ledger_frame frame;
    struct fault unused;
    ledger_file_rewind(file);
    free(file->newest);
    file->newest = NULL;
    file->newest_capacity = 0;
    file->line_count = 0;
    while (ledger_file_next(file, &frame, &unused) == LEDGER_FILE_FRAME) {
        struct cursor from = cursor_of(frame.block.entries.data, frame.block.entries.size);
        struct text entry;
        while (frame.kind == LEDGER_FRAME_BLOCK && block_next_entry(&from, &entry)) {
            if ((file->line_count + 1) * 3 > file->newest_capacity * 2) {
                grow(file);
            }
            uint64_t hash = key_hash_of(entry);
            struct newest *newest = find_newest(file, hash);
            file->line_count += newest->place == 0 ? 1 : 0;
            *newest = (struct newest){hash, place_of(&frame, entry)};
        }
    }
    ledger_file_rewind(file);
}

size_t ledger_file_line_count(const struct ledger_file *file) {
    return file->line_count;
}

static bool is_newest(const struct ledger_file *file, const struct ledger_frame *frame,
                      struct text entry) {
    return file->newest != NULL &&
           find_newest(file, key_hash_of(entry))->place == place_of(frame, entry);
}

/* ------------------------------------------------------------ frames */

/* Entry by entry: whole, and as many as the block says. */
static bool check_entries(const struct ledger_file *file, struct ledger_frame *frame,
                          struct fault *fault) {
    struct cursor from = cursor_of(frame->block.entries.data, frame->block.entries.size);
    struct cursor cursor = from;
    struct arena arena;
    struct ledger_file_entry entry;
    size_t count = 0;
    arena_init(&arena);
    while (ledger_file_entry(file, frame, &cursor, &arena, &entry)) {
        count++;
        frame->live_count += entry.is_newest ? 1 : 0;
        frame->live_bytes += entry.is_newest ? entry.size : 0;
        arena_clear(&arena);
    }
    arena_release(&arena);
    return (cursor_left(&cursor) == 0 && count == frame->block.entry_count) ||
           fault_set(fault, "ledger block %llu: entry %zu is malformed",
                     (unsigned long long)frame->block.header.id, count);
}

static bool read_block(struct ledger_file *file, struct ledger_frame *frame, size_t size,
                       struct fault *fault) {
    buffer_clear(&file->payload);
    read_at(file, frame->place + LOG_FRAME_HEADER_SIZE, buffer_reserve(&file->payload, size), size);
    file->payload.size = size;
    if (!block_parse(buffer_text(&file->payload), &frame->block, fault)) {
        return false;
    }
    const struct block_header *header = &frame->block.header;
    unsigned long long id = header->id;
    if (header->partition != file->partition || header->partition_count != file->partition_count) {
        return fault_set(fault, "ledger block %llu is of partition %u of %u", id, header->partition,
                         header->partition_count);
    }
    if (header->id <= file->last_id) {
        return fault_set(fault, "ledger block %llu follows block %llu: ids must go up", id,
                         (unsigned long long)file->last_id);
    }
    if (file->incarnation != 0 && header->incarnation != file->incarnation) {
        return fault_set(fault, "ledger block %llu is of another ledger than those before it", id);
    }
    file->last_id = header->id;
    file->incarnation = header->incarnation;
    return check_entries(file, frame, fault);
}

static uint64_t next_window(uint64_t place) {
    return (place / LOG_WINDOW_SIZE + 1) * LOG_WINDOW_SIZE;
}

/* The next place with a frame's header, or LOG_END; zeros reach to the window's end. */
static enum log_kind find_frame(const struct ledger_file *file, uint64_t *ret_place,
                                uint32_t *ret_size, int64_t *ret_mark) {
    for (uint64_t at = file->behind; at < file->size;) {
        if (next_window(at) - at < LOG_FRAME_HEADER_SIZE) {
            at = next_window(at);
            continue;
        }
        uint8_t bytes[LOG_FRAME_HEADER_SIZE + MARK_SIZE];
        read_at(file, at, bytes, sizeof bytes);
        struct text rest = {(const char *)bytes + LOG_FRAME_HEADER_SIZE,
                            next_window(at) - at - LOG_FRAME_HEADER_SIZE};
        enum log_kind kind = log_header_kind(bytes, at, file->behind, rest, ret_size);
        if (kind != LOG_END) {
            *ret_place = at;
            *ret_mark = kind == LOG_MARK ? log_mark_of(rest).offset : -1;
            return kind;
        }
        at = next_window(at);
    }
    return LOG_END;
}

enum ledger_file_step ledger_file_next(struct ledger_file *file, struct ledger_frame *ret_frame,
                                       struct fault *fault) {
    struct ledger_frame frame = {.mark = -1};
    uint32_t size = 0;
    enum log_kind kind = find_frame(file, &frame.place, &size, &frame.mark);
    bool is_good = true;
    frame.size = size + (uint64_t)LOG_FRAME_HEADER_SIZE;
    switch (kind) {
    case LOG_END: return LEDGER_FILE_END;
    case LOG_BLOCK:
        frame.kind = LEDGER_FRAME_BLOCK;
        is_good = read_block(file, &frame, size, fault);
        break;
    case LOG_MARK: frame.kind = LEDGER_FRAME_MARK; break;
    case LOG_FREED: frame.kind = LEDGER_FRAME_FREED; break;
    case LOG_DAMAGED: is_good = fault_set(fault, "a frame is damaged"); break;
    }
    if (!is_good) {
        fault_prefix(fault, "at byte %llu: ", (unsigned long long)frame.place);
        return LEDGER_FILE_DOUBT;
    }
    file->behind = frame.place + frame.size;
    *ret_frame = frame;
    return LEDGER_FILE_FRAME;
}

bool ledger_file_entry(const struct ledger_file *file, const struct ledger_frame *frame,
                       struct cursor *cursor, struct arena *arena,
                       struct ledger_file_entry *ret_entry) {
    /* A program's number in the block is its index here. */
    int indexes[BLOCK_PROGRAM_COUNT_MAX];
    for (int i = 0; i < BLOCK_PROGRAM_COUNT_MAX; i++) {
        indexes[i] = i;
    }
    struct text entry;
    struct text key;
    struct cursor from = *cursor;
    struct ledger_file_entry taken = {.place = 0};
    if (!block_next_entry(&from, &entry) || !entry_key(entry, &key) ||
        !entry_parse(entry, indexes, frame->block.header.programs.count, arena, &taken.state)) {
        return false;
    }
    *cursor = from;
    taken.place = place_of(frame, entry);
    taken.size = entry.size;
    taken.is_newest = is_newest(file, frame, entry);
    *ret_entry = taken;
    return true;
}
