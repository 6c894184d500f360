#include "windows.h"

#include "accrued/require.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE UINT64_C(4096)
#define ROOM_SIZE (UINT64_C(1) << 20)

/* A file that is longer already stays: what it holds behind is to be looked at next. */
static bool grow_file(const struct block_log *log, uint64_t size) {
    struct stat status;
    return fstat(log->file, &status) == 0 &&
           ((uint64_t)status.st_size >= size || ftruncate(log->file, (off_t)size) == 0);
}

static void *map_window(const struct block_log *log, size_t number) {
    if (log->file < 0) {
        return mmap(NULL, LOG_WINDOW_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    return mmap(NULL, LOG_WINDOW_SIZE, PROT_READ, MAP_SHARED, log->file,
                (off_t)(number * LOG_WINDOW_SIZE));
}

bool windows_add(struct block_log *log, struct fault *fault) {
    if (log->window_count == log->window_capacity) {
        size_t capacity = log->window_capacity == 0 ? 16 : log->window_capacity * 2;
        uint8_t **windows = realloc(log->windows, capacity * sizeof windows[0]);
        REQUIRE(windows != NULL);
        log->windows = windows;
        log->window_capacity = capacity;
    }
    void *window = NULL;
    bool is_good = log->file < 0 || grow_file(log, (log->window_count + 1) * LOG_WINDOW_SIZE);
    if (is_good && log_is_at_hand(log)) {
        window = map_window(log, log->window_count);
        is_good = window != MAP_FAILED;
    }
    if (!is_good) {
        return fault_set(fault, "ledger %s: no room for another %llu MiB: %s",
                         log->path != NULL ? log->path : "in memory",
                         (unsigned long long)(LOG_WINDOW_SIZE >> 20), strerror(errno));
    }
    log->windows[log->window_count++] = window;
    return true;
}

/* ------------------------------------------------------------ mapping a file */

static void unmap(struct block_log *log, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void)munmap(log->windows[i], LOG_WINDOW_SIZE);
        log->windows[i] = NULL;
    }
}

bool log_map(struct block_log *log) {
    if (log_is_at_hand(log)) {
        return false;
    }
    for (size_t i = 0; i < log->window_count; i++) {
        void *window = map_window(log, i);
        if (window == MAP_FAILED) {
            unmap(log, i);
            return false;
        }
        log->windows[i] = window;
    }
    log->is_mapped = true;
    return true;
}

void log_unmap(struct block_log *log) {
    if (log->is_mapped) {
        unmap(log, log->window_count);
        log->is_mapped = false;
    }
}

void log_rest(const struct block_log *log) {
    for (size_t i = 0; i < log->window_count && log->is_mapped; i++) {
        (void)madvise(log->windows[i], LOG_WINDOW_SIZE, MADV_DONTNEED);
    }
}

/* ------------------------------------------------------------ reading */

struct text log_at(const struct block_log *log, uint64_t position) {
    uint64_t window = position / LOG_WINDOW_SIZE;
    uint64_t offset = position % LOG_WINDOW_SIZE;
    REQUIRE(log_is_at_hand(log) && window < log->window_count);
    return (struct text){(const char *)log->windows[window] + offset, LOG_WINDOW_SIZE - offset};
}

static bool read_fault(const struct block_log *log, uint64_t position, const char *reason,
                       struct fault *fault) {
    return fault_set(fault,
                     "ledger file %s: at byte %llu: %s; the topic has everything: remove the file, "
                     "and start again",
                     log->path, (unsigned long long)position, reason);
}

bool log_copy(const struct block_log *log, uint64_t position, void *to, size_t size,
              struct fault *fault) {
    REQUIRE(size <= LOG_WINDOW_SIZE - position % LOG_WINDOW_SIZE);
    if (log_is_at_hand(log)) {
        memcpy(to, log_at(log, position).data, size);
        return true;
    }
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(log->file, (char *)to + done, size - done, (off_t)(position + done));
        if (got > 0) {
            done += (size_t)got;
        } else if (got == 0) {
            return read_fault(log, position + done, "it is shorter than it was", fault);
        } else if (errno != EINTR) {
            return read_fault(log, position + done, strerror(errno), fault);
        }
    }
    return true;
}

bool log_read(const struct block_log *log, uint64_t position, size_t size, struct buffer *to,
              struct text *ret_bytes, struct fault *fault) {
    if (log_is_at_hand(log)) {
        REQUIRE(size <= LOG_WINDOW_SIZE - position % LOG_WINDOW_SIZE);
        *ret_bytes = (struct text){log_at(log, position).data, size};
        return true;
    }
    buffer_clear(to);
    if (!log_copy(log, position, buffer_reserve(to, size), size, fault)) {
        return false;
    }
    to->size = size;
    *ret_bytes = buffer_text(to);
    return true;
}

/* ------------------------------------------------------------ writing */

/* To a page that has its place on the disk already writing costs a third less. */
void windows_make_room(struct block_log *log, uint64_t position, uint64_t size) {
    if (log->file < 0 || position + size <= log->roomy_until) {
        return;
    }
    uint64_t from = position > log->roomy_until ? position : log->roomy_until;
    uint64_t window_end = (position / LOG_WINDOW_SIZE + 1) * LOG_WINDOW_SIZE;
    uint64_t until = position + size + ROOM_SIZE;
    until = until < window_end ? until : window_end;
    (void)fallocate(log->file, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(until - from));
    log->roomy_until = until;
}

/* All in one call: what it writes stands together in the page cache, which makes looking there
 * cheaper. Less than was asked for: the disk is full. */
static bool write_file(int file, uint64_t position, const struct iovec parts[2]) {
    ssize_t written = -1;
    do {
        errno = 0;
        written = pwritev(file, parts, 2, (off_t)position);
    } while (written < 0 && errno == EINTR);
    return written == (ssize_t)(parts[0].iov_len + parts[1].iov_len);
}

bool windows_write(const struct block_log *log, uint64_t position, const struct iovec parts[2],
                   struct fault *fault) {
    if (log->file < 0) {
        uint8_t *to = log->windows[position / LOG_WINDOW_SIZE] + position % LOG_WINDOW_SIZE;
        memcpy(to, parts[0].iov_base, parts[0].iov_len);
        if (parts[1].iov_len > 0) {
            memcpy(to + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
        }
        return true;
    }
    if (write_file(log->file, position, parts)) {
        return true;
    }
    return fault_set(fault,
                     "ledger file %s: %s; the topic has everything: make room, or remove the file, "
                     "and start again",
                     log->path, errno != 0 ? strerror(errno) : "the disk is full");
}

void windows_give_back(const struct block_log *log, uint64_t position, uint64_t size) {
    uint64_t first = (position + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    uint64_t end = (position + size) / PAGE_SIZE * PAGE_SIZE;
    if (first >= end) {
        return;
    }
    /* What cannot be given back (a file system without holes) stays; nothing else changes. */
    if (log->file >= 0) {
        (void)fallocate(log->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first,
                        (off_t)(end - first));
    } else {
        (void)madvise(log->windows[first / LOG_WINDOW_SIZE] + first % LOG_WINDOW_SIZE, end - first,
                      MADV_DONTNEED);
    }
}
