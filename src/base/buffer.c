#include "accrued/buffer.h"

#include "accrued/require.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFER_CAPACITY_MIN 256
#define VARINT_SIZE_MAX 10

void buffer_init(struct buffer *buffer) {
    *buffer = (struct buffer){NULL, 0, 0};
}

void buffer_release(struct buffer *buffer) {
    free(buffer->data);
    buffer_init(buffer);
}

uint8_t *buffer_grow(struct buffer *buffer, size_t more) {
    REQUIRE(buffer->size <= buffer->capacity);
    REQUIRE(more <= SIZE_MAX / 4 - buffer->size);
    size_t wanted = buffer->size + more;
    if (wanted > buffer->capacity || buffer->data == NULL) {
        size_t capacity =
            buffer->capacity < BUFFER_CAPACITY_MIN ? BUFFER_CAPACITY_MIN : buffer->capacity;
        while (capacity < wanted) {
            capacity *= 2;
        }
        uint8_t *data = realloc(buffer->data, capacity);
        REQUIRE(data != NULL);
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size) {
    uint8_t *to = buffer_reserve(buffer, size);
    REQUIRE(data != NULL || size == 0);
    bytes_copy(to, data, size);
    buffer->size += size;
}

void buffer_append_string(struct buffer *buffer, const char *string) {
    buffer_append(buffer, string, strlen(string));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    REQUIRE(size >= 0);
    char *to = (char *)buffer_reserve(buffer, (size_t)size + 1);
    (void)vsnprintf(to, (size_t)size + 1, format, again);
    va_end(again);
    buffer->size += (size_t)size;
}

void buffer_append_long_varint(struct buffer *buffer, uint64_t value) {
    uint8_t *to = buffer_reserve(buffer, VARINT_SIZE_MAX);
    size_t size = 0;
    while (value >= 0x80) {
        to[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[size++] = (uint8_t)value;
    buffer->size += size;
}

static void append_little_endian(struct buffer *buffer, uint64_t value, size_t size) {
    uint8_t *to = buffer_reserve(buffer, size);
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
    buffer->size += size;
}

void buffer_append_u16le(struct buffer *buffer, uint16_t value) {
    append_little_endian(buffer, value, 2);
}

void buffer_append_u32le(struct buffer *buffer, uint32_t value) {
    append_little_endian(buffer, value, 4);
}

void buffer_append_u64le(struct buffer *buffer, uint64_t value) {
    append_little_endian(buffer, value, 8);
}

uint64_t cursor_long_varint(struct cursor *cursor) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (cursor->bad || cursor->data == cursor->end) {
            break;
        }
        uint8_t byte = *cursor->data++;
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    cursor->bad = true;
    return 0;
}

static uint64_t little_endian(struct cursor *cursor, size_t size) {
    if (cursor->bad || cursor_left(cursor) < size) {
        cursor->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)cursor->data[i] << (8 * i);
    }
    cursor->data += size;
    return value;
}

uint16_t cursor_u16le(struct cursor *cursor) {
    return (uint16_t)little_endian(cursor, 2);
}

uint32_t cursor_u32le(struct cursor *cursor) {
    return (uint32_t)little_endian(cursor, 4);
}

uint64_t cursor_u64le(struct cursor *cursor) {
    return little_endian(cursor, 8);
}
