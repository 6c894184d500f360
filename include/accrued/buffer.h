/* buffer.h: bytes that grow. Room: base. Owner: whoever called buffer_init.
 *
 * Capacity is kept over buffer_clear, so a buffer that has reached its working
 * size allocates no more. Out of memory aborts (there is no way on). Not for
 * sharing between threads. */
#ifndef ACCRUED_BUFFER_H
#define ACCRUED_BUFFER_H

#include "accrued/text.h"

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void buffer_init(struct buffer *buffer);
void buffer_release(struct buffer *buffer);

static inline void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
}

/* buffer_reserve where there is no room yet. */
uint8_t *buffer_grow(struct buffer *buffer, size_t more);

/* Makes room for `more` bytes behind size and returns where they begin. Inline, as are the smallest
 * of those that follow: a record is made of dozens of them. */
static inline uint8_t *buffer_reserve(struct buffer *buffer, size_t more) {
    return buffer->data != NULL && more <= buffer->capacity - buffer->size
               ? buffer->data + buffer->size
               : buffer_grow(buffer, more);
}

/* What is appended is short, and of every size: ids, codes, amounts. In two or four overlapping
 * pieces it is copied sooner than memcpy finds out how. */
static inline void bytes_copy(uint8_t *to, const void *data, size_t size) {
    const uint8_t *from = (const uint8_t *)data;
    if (size > 64) {
        memcpy(to, from, size);
    } else if (size >= 16) {
        if (size > 32) {
            memcpy(to + 16, from + 16, 16);
            memcpy(to + size - 32, from + size - 32, 16);
        }
        memcpy(to, from, 16);
        memcpy(to + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else {
        for (size_t i = 0; i < size; i++) {
            to[i] = from[i];
        }
    }
}

void buffer_append(struct buffer *buffer, const void *data, size_t size);
static inline void buffer_append_text(struct buffer *buffer, struct text text) {
    buffer_append(buffer, text.data, text.size);
}
void buffer_append_string(struct buffer *buffer, const char *string);
static inline void buffer_append_byte(struct buffer *buffer, uint8_t byte) {
    *buffer_reserve(buffer, 1) = byte;
    buffer->size++;
}
__attribute__((format(printf, 2, 3))) void buffer_append_format(struct buffer *buffer,
                                                                const char *format, ...);

/* buffer_append_varint of more than one byte. */
void buffer_append_long_varint(struct buffer *buffer, uint64_t value);

/* Unsigned LEB128; and zigzag LEB128, which is Avro's int and long. Most are of one byte. */
static inline void buffer_append_varint(struct buffer *buffer, uint64_t value) {
    if (value < 0x80) {
        buffer_append_byte(buffer, (uint8_t)value);
    } else {
        buffer_append_long_varint(buffer, value);
    }
}

static inline void buffer_append_zigzag(struct buffer *buffer, int64_t value) {
    buffer_append_varint(buffer, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void buffer_append_u16le(struct buffer *buffer, uint16_t value);
void buffer_append_u32le(struct buffer *buffer, uint32_t value);
void buffer_append_u64le(struct buffer *buffer, uint64_t value);

/* Where many things follow each other, buffer_reserve makes room for all of them at once, and who
 * writes keeps the place itself: a buffer's own size lives in memory, and each piece would wait for
 * the one before. This ends it: `behind` is behind what was written. */
static inline void buffer_written(struct buffer *buffer, const uint8_t *behind) {
    buffer->size = (size_t)(behind - buffer->data);
}

static inline struct text buffer_text(const struct buffer *buffer) {
    return (struct text){(const char *)buffer->data, buffer->size};
}

/* Reading: a cursor over borrowed bytes. After the first short or malformed read
 * `bad` is set and every further read yields 0 or null. */
struct cursor {
    const uint8_t *data;
    const uint8_t *end;
    bool bad;
};

static inline struct cursor cursor_of(const void *data, size_t size) {
    return (struct cursor){data, (const uint8_t *)data + size, false};
}

static inline size_t cursor_left(const struct cursor *cursor) {
    return (size_t)(cursor->end - cursor->data);
}

/* cursor_varint of more than one byte. */
uint64_t cursor_long_varint(struct cursor *cursor);

static inline uint64_t cursor_varint(struct cursor *cursor) {
    if (!cursor->bad && cursor->data != cursor->end && *cursor->data < 0x80) {
        return *cursor->data++;
    }
    return cursor_long_varint(cursor);
}

static inline int64_t cursor_zigzag(struct cursor *cursor) {
    uint64_t value = cursor_varint(cursor);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint8_t cursor_byte(struct cursor *cursor) {
    if (!cursor->bad && cursor->data != cursor->end) {
        return *cursor->data++;
    }
    cursor->bad = true;
    return 0;
}

uint16_t cursor_u16le(struct cursor *cursor);
uint32_t cursor_u32le(struct cursor *cursor);
uint64_t cursor_u64le(struct cursor *cursor);
/* `size` bytes, borrowed from the cursor's data. */
static inline struct text cursor_take(struct cursor *cursor, size_t size) {
    if (cursor->bad || cursor_left(cursor) < size) {
        cursor->bad = true;
        return (struct text){NULL, 0};
    }
    struct text taken = {(const char *)cursor->data, size};
    cursor->data += size;
    return taken;
}

#endif
