#include "log.h"

#include "accrued/block.h"
#include "accrued/require.h"

#include <stdlib.h>

void log_init(struct block_log *log) {
    *log = (struct block_log){.segments = NULL};
}

void log_release(struct block_log *log) {
    for (size_t i = 0; i < log->segment_count; i++) {
        free(log->segments[i]);
    }
    free(log->segments);
    log_init(log);
}

static void add_segment(struct block_log *log) {
    if (log->segment_count == log->segment_capacity) {
        size_t capacity = log->segment_capacity == 0 ? 16 : log->segment_capacity * 2;
        uint8_t **segments = realloc(log->segments, capacity * sizeof segments[0]);
        REQUIRE(segments != NULL);
        log->segments = segments;
        log->segment_capacity = capacity;
    }
    /* Zeroed pages cost nothing until they are written. */
    uint8_t *segment = calloc(1, LOG_SEGMENT_SIZE);
    REQUIRE(segment != NULL);
    log->segments[log->segment_count++] = segment;
    log->used = 0;
}

uint64_t log_append(struct block_log *log, struct text block) {
    REQUIRE(block.size > 0 && block.size <= LOG_SEGMENT_SIZE);
    if (log->segment_count == 0 || LOG_SEGMENT_SIZE - log->used < block.size) {
        add_segment(log);
    }
    memcpy(log->segments[log->segment_count - 1] + log->used, block.data, block.size);
    uint64_t position = (log->segment_count - 1) * LOG_SEGMENT_SIZE + log->used;
    log->used += block.size;
    return position;
}

struct text log_at(const struct block_log *log, uint64_t position) {
    uint64_t segment = position / LOG_SEGMENT_SIZE;
    uint64_t offset = position % LOG_SEGMENT_SIZE;
    REQUIRE(segment < log->segment_count);
    bool is_last = segment + 1 == log->segment_count;
    REQUIRE(!is_last || offset < log->used);
    uint64_t end = is_last ? log->used : LOG_SEGMENT_SIZE;
    return (struct text){(const char *)log->segments[segment] + offset, end - offset};
}

uint64_t log_end(const struct block_log *log) {
    return log->segment_count == 0 ? 0 : (log->segment_count - 1) * LOG_SEGMENT_SIZE + log->used;
}

struct text log_next_block(const struct block_log *log, uint64_t *position) {
    while (*position < log_end(log)) {
        struct text rest = log_at(log, *position);
        size_t size = block_size(rest);
        if (size > 0) {
            REQUIRE(size <= rest.size);
            return (struct text){rest.data, size};
        }
        /* Behind a segment's last block there is nothing but zeros. */
        *position = (*position / LOG_SEGMENT_SIZE + 1) * LOG_SEGMENT_SIZE;
    }
    *position = log_end(log);
    return text_null();
}

size_t log_size(const struct block_log *log) {
    return log->segment_count * LOG_SEGMENT_SIZE;
}
