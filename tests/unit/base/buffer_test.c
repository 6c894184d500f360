#include "accrued/buffer.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

Test(buffer, grows_and_keeps_what_it_has) {
    struct buffer buffer;
    buffer_init(&buffer);
    cr_expect_eq(buffer.size, 0);
    for (size_t i = 0; i < 100000; i++) {
        buffer_append_byte(&buffer, (uint8_t)(i * 31));
    }
    cr_assert_eq(buffer.size, 100000);
    for (size_t i = 0; i < buffer.size; i++) {
        cr_assert_eq(buffer.data[i], (uint8_t)(i * 31), "byte %zu", i);
    }
    uint8_t *data = buffer.data;
    size_t capacity = buffer.capacity;
    buffer_clear(&buffer);
    cr_expect_eq(buffer.size, 0);
    buffer_append(&buffer, "again", 5);
    cr_expect(buffer.data == data && buffer.capacity == capacity, "a clear keeps the memory");
    cr_expect(text_equal(buffer_text(&buffer), TEXT("again")));
    buffer_release(&buffer);
    cr_expect(buffer.data == NULL && buffer.size == 0 && buffer.capacity == 0);
    buffer_release(&buffer); /* and once more */
    buffer_append_string(&buffer, "a released buffer is an empty one");
    buffer_release(&buffer);
}

/* Short ones are copied in pieces that overlap. */
Test(buffer, appends_every_size_whole_and_nothing_else) {
    uint8_t source[200];
    for (size_t i = 0; i < sizeof source; i++) {
        source[i] = (uint8_t)(i + 1);
    }
    for (size_t size = 0; size <= sizeof source; size++) {
        struct buffer buffer;
        buffer_init(&buffer);
        buffer_append_byte(&buffer, 0xA5);
        memset(buffer_reserve(&buffer, size + 64), 0x5A, size + 64);
        uint8_t *exact = malloc(size > 0 ? size : 1); /* so that a sanitizer sees a byte too many */
        memcpy(exact, source, size);
        buffer_append(&buffer, exact, size);
        free(exact);
        cr_assert_eq(buffer.size, 1 + size);
        cr_assert_eq(buffer.data[0], 0xA5);
        cr_assert_eq(memcmp(buffer.data + 1, source, size), 0, "%zu bytes", size);
        cr_assert_eq(buffer.data[1 + size], 0x5A, "behind %zu bytes", size);
        buffer_release(&buffer);
    }
}

Test(buffer, reserve_makes_room_and_takes_none) {
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_string(&buffer, "ab");
    uint8_t *room = buffer_reserve(&buffer, 5000);
    cr_expect(room == buffer.data + 2);
    cr_expect_eq(buffer.size, 2);
    memset(room, 'x', 5000);
    cr_expect(buffer_reserve(&buffer, 5000) == room, "the room is there already");
    buffer_append(&buffer, NULL, 0);
    buffer_append_text(&buffer, text_null());
    buffer_append_text(&buffer, TEXT(""));
    buffer_append_string(&buffer, "");
    cr_expect(text_equal(buffer_text(&buffer), TEXT("ab")));
    buffer_release(&buffer);
    cr_expect(buffer_reserve(&buffer, 0) != NULL, "room for nothing has an address, too");
    buffer_release(&buffer);
}

/* A size that comes from a wild calculation stops at once; it does not wrap around. */
Test(buffer, a_size_beyond_memory_is_a_bug, .signal = SIGABRT) {
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_byte(&buffer, 1);
    (void)buffer_reserve(&buffer, SIZE_MAX);
}

Test(buffer, formats_of_any_length) {
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_format(&buffer, "%s", "");
    cr_expect_eq(buffer.size, 0);
    for (int width = 1; width < 1000; width++) {
        buffer_clear(&buffer);
        buffer_append_byte(&buffer, '<');
        buffer_append_format(&buffer, "%*d>", width, 7);
        cr_assert_eq(buffer.size, (size_t)width + 2);
        cr_assert_eq(buffer.data[buffer.size - 2], '7');
        cr_assert_eq(buffer.data[buffer.size - 1], '>');
    }
    buffer_release(&buffer);
}

static const uint64_t edges[] = {
    0,
    1,
    0x7F,
    0x80,
    0x3FFF,
    0x4000,
    UINT16_MAX,
    0x10000,
    UINT32_MAX,
    0x100000000,
    INT64_MAX,
    (uint64_t)INT64_MAX + 1,
    UINT64_MAX,
    UINT64_MAX - 1,
    0x7FFFFFFFFFFFFFFE,
};

Test(buffer, varints_round_trip_at_every_size) {
    struct buffer buffer;
    buffer_init(&buffer);
    for (unsigned shift = 0; shift < 64; shift++) {
        for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
            uint64_t value = edges[i] >> shift;
            buffer_clear(&buffer);
            buffer_append_varint(&buffer, value);
            buffer_append_zigzag(&buffer, (int64_t)value);
            struct cursor from = cursor_of(buffer.data, buffer.size);
            cr_assert_eq(cursor_varint(&from), value);
            size_t bits = 0;
            while (bits < 64 && value >> bits != 0) {
                bits++;
            }
            cr_assert_eq(buffer.size - cursor_left(&from), bits == 0 ? 1 : (bits + 6) / 7,
                         "%llx: the shortest form", (unsigned long long)value);
            cr_assert_eq(cursor_zigzag(&from), (int64_t)value);
            cr_assert(!from.bad && cursor_left(&from) == 0);
        }
    }
    buffer_release(&buffer);
}

/* Avro's specification gives these. */
Test(buffer, zigzag_is_avros) {
    static const struct {
        int64_t value;
        struct text bytes;
    } cases[] = {
        {0, {"\x00", 1}},
        {-1, {"\x01", 1}},
        {1, {"\x02", 1}},
        {-2, {"\x03", 1}},
        {2, {"\x04", 1}},
        {-64, {"\x7f", 1}},
        {64, {"\x80\x01", 2}},
        {INT64_MAX, {"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10}},
        {INT64_MIN, {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10}},
    };
    struct buffer buffer;
    buffer_init(&buffer);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&buffer);
        buffer_append_zigzag(&buffer, cases[i].value);
        cr_expect(text_equal(buffer_text(&buffer), cases[i].bytes), "case %zu", i);
        struct cursor from = cursor_of(cases[i].bytes.data, cases[i].bytes.size);
        cr_expect_eq(cursor_zigzag(&from), cases[i].value, "case %zu", i);
    }
    buffer_release(&buffer);
}

static void expect_bad_varint(struct text bytes) {
    struct cursor from = cursor_of(bytes.data, bytes.size);
    cr_expect_eq(cursor_varint(&from), 0);
    cr_expect(from.bad, "%zu bytes", bytes.size);
    cr_expect(from.data <= from.end);
}

Test(buffer, varints_that_are_cut_or_pass_64_bits_are_bad) {
    expect_bad_varint(TEXT(""));
    expect_bad_varint(TEXT("\x80"));
    expect_bad_varint(TEXT("\x80\x80\x80\x80\x80\x80\x80\x80\x80"));
    expect_bad_varint(TEXT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"));
    expect_bad_varint(TEXT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"));
    expect_bad_varint(TEXT("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"));
    expect_bad_varint(TEXT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"));
    /* Longer than need be, but within 64 bits: a number all the same, as other readers see it. */
    struct cursor from = cursor_of("\x85\x80\x00", 3);
    cr_expect_eq(cursor_varint(&from), 5);
    cr_expect(!from.bad);
}

Test(buffer, fixed_sizes_are_little_endian) {
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_byte(&buffer, 0xFF); /* nothing is aligned */
    buffer_append_u16le(&buffer, 0x0102);
    buffer_append_u32le(&buffer, 0x03040506);
    buffer_append_u64le(&buffer, UINT64_C(0x0708090A0B0C0D8E));
    cr_expect(text_equal(buffer_text(&buffer),
                         TEXT("\xFF\x02\x01\x06\x05\x04\x03\x8E\x0D\x0C\x0B\x0A\x09\x08\x07")));
    struct cursor from = cursor_of(buffer.data, buffer.size);
    cr_expect_eq(cursor_byte(&from), 0xFF);
    cr_expect_eq(cursor_u16le(&from), 0x0102);
    cr_expect_eq(cursor_u32le(&from), 0x03040506);
    cr_expect_eq(cursor_u64le(&from), UINT64_C(0x0708090A0B0C0D8E));
    cr_expect(!from.bad && cursor_left(&from) == 0);
    buffer_release(&buffer);
}

/* Bad once is bad for good, even where a shorter read would fit. */
Test(buffer, a_bad_cursor_yields_nothing_more) {
    for (int read = 0; read < 6; read++) {
        struct cursor from = cursor_of("\x01\x02\x03", 3);
        cr_expect(text_is_null(cursor_take(&from, 4)));
        cr_expect(from.bad);
        switch (read) {
        case 0: cr_expect_eq(cursor_byte(&from), 0); break;
        case 1: cr_expect_eq(cursor_u16le(&from), 0); break;
        case 2: cr_expect_eq(cursor_varint(&from), 0); break;
        case 3: cr_expect_eq(cursor_zigzag(&from), 0); break;
        case 4: cr_expect(text_is_null(cursor_take(&from, 0))); break;
        default: cr_expect(text_is_null(cursor_take(&from, 1))); break;
        }
        cr_expect(from.bad);
        cr_expect_eq(cursor_left(&from), 3, "a failed read moves nothing");
    }
    const struct {
        size_t size;
        size_t available;
    } cuts[] = {{2, 1}, {4, 3}, {8, 7}, {8, 0}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct cursor from = cursor_of("\x01\x02\x03\x04\x05\x06\x07", cuts[i].available);
        uint64_t value = cuts[i].size == 2   ? cursor_u16le(&from)
                         : cuts[i].size == 4 ? cursor_u32le(&from)
                                             : cursor_u64le(&from);
        cr_expect_eq(value, 0);
        cr_expect(from.bad);
    }
}

Test(buffer, takes_exactly_what_is_there) {
    struct cursor from = cursor_of("abc", 3);
    cr_expect(text_equal(cursor_take(&from, 0), TEXT("")), "nothing taken is empty, not null");
    cr_expect(text_equal(cursor_take(&from, 3), TEXT("abc")));
    cr_expect(text_equal(cursor_take(&from, 0), TEXT("")));
    cr_expect(!from.bad);
    cr_expect(text_is_null(cursor_take(&from, SIZE_MAX)));
    cr_expect(from.bad);
    struct cursor of_nothing = cursor_of(NULL, 0);
    cr_expect_eq(cursor_left(&of_nothing), 0);
    cr_expect_eq(cursor_byte(&of_nothing), 0);
    cr_expect(of_nothing.bad);
}

/* Any bytes at all: every read either succeeds within them or turns the cursor bad. */
Test(buffer, reads_of_random_bytes_stay_inside) {
    srand(3);
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)(rand() % 24);
        uint8_t *bytes = malloc(size + 1); /* the sanitizer watches its end */
        cr_assert(bytes != NULL);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(rand() % 2 == 0 ? rand() : rand() | 0x80);
        }
        uint8_t *exact = realloc(bytes, size == 0 ? 1 : size);
        cr_assert(exact != NULL);
        struct cursor from = cursor_of(exact, size);
        while (!from.bad) {
            size_t before = cursor_left(&from);
            switch (rand() % 6) {
            case 0: (void)cursor_varint(&from); break;
            case 1: (void)cursor_zigzag(&from); break;
            case 2: (void)cursor_u16le(&from); break;
            case 3: (void)cursor_u32le(&from); break;
            case 4: (void)cursor_u64le(&from); break;
            default: (void)cursor_take(&from, (size_t)(1 + rand() % 8)); break;
            }
            cr_assert(from.bad || cursor_left(&from) < before);
        }
        free(exact);
    }
}

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(buffer, varints_as_avro_writes_them) {
    static const struct {
        int64_t value;
        size_t size;
        uint8_t bytes[10];
    } cases[] = {
        {0, 1, {0x00}},
        {-1, 1, {0x01}},
        {1, 1, {0x02}},
        {-2, 1, {0x03}},
        {-64, 1, {0x7F}},
        {64, 2, {0x80, 0x01}},
        {-65, 2, {0x81, 0x01}},
        {8191, 2, {0xFE, 0x7F}},
        {8192, 3, {0x80, 0x80, 0x01}},
        {INT32_MAX, 5, {0xFE, 0xFF, 0xFF, 0xFF, 0x0F}},
        {INT32_MIN, 5, {0xFF, 0xFF, 0xFF, 0xFF, 0x0F}},
        {INT64_MAX, 10, {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}},
        {INT64_MIN, 10, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer buffer;
        buffer_init(&buffer);
        buffer_append_zigzag(&buffer, cases[i].value);
        cr_assert_eq(buffer.size, cases[i].size, "%lld", (long long)cases[i].value);
        cr_expect_eq(memcmp(buffer.data, cases[i].bytes, buffer.size), 0, "%lld",
                     (long long)cases[i].value);
        /* Short by a byte it is malformed, and stays so. */
        for (size_t size = 0; size < buffer.size; size++) {
            struct cursor cursor = cursor_of(buffer.data, size);
            cr_expect_eq(cursor_zigzag(&cursor), 0);
            cr_expect(cursor.bad);
        }
        buffer_release(&buffer);
    }
}

Test(buffer, what_is_written_is_read) {
    uint64_t state = 99;
    for (int round = 0; round < 20000; round++) {
        struct buffer buffer;
        buffer_init(&buffer);
        uint64_t value = random_next(&state) >> (random_next(&state) % 64);
        int64_t signed_value = (int64_t)(round % 2 == 0 ? value : ~value);
        buffer_append_varint(&buffer, value);
        buffer_append_zigzag(&buffer, signed_value);
        buffer_append_u16le(&buffer, (uint16_t)value);
        buffer_append_u32le(&buffer, (uint32_t)value);
        buffer_append_u64le(&buffer, value);
        buffer_append_byte(&buffer, (uint8_t)value);
        buffer_append_string(&buffer, "end");
        struct cursor cursor = cursor_of(buffer.data, buffer.size);
        cr_assert_eq(cursor_varint(&cursor), value);
        cr_assert_eq(cursor_zigzag(&cursor), signed_value);
        cr_assert_eq(cursor_u16le(&cursor), (uint16_t)value);
        cr_assert_eq(cursor_u32le(&cursor), (uint32_t)value);
        cr_assert_eq(cursor_u64le(&cursor), value);
        cr_assert_eq(cursor_byte(&cursor), (uint8_t)value);
        cr_assert(text_equal(cursor_take(&cursor, 3), TEXT("end")));
        cr_assert(!cursor.bad);
        cr_assert_eq(cursor_left(&cursor), 0);
        buffer_release(&buffer);
    }
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_u32le(&buffer, 0x01020304);
    cr_expect_eq(memcmp(buffer.data, "\x04\x03\x02\x01", 4), 0);
    buffer_release(&buffer);
}

/* After the first bad read nothing is read any more, whatever is left. */
static void expect_dead(struct cursor cursor) {
    cr_expect(cursor.bad);
    cr_expect_eq(cursor_varint(&cursor), 0);
    cr_expect_eq(cursor_zigzag(&cursor), 0);
    cr_expect_eq(cursor_byte(&cursor), 0);
    cr_expect_eq(cursor_u16le(&cursor), 0);
    cr_expect_eq(cursor_u32le(&cursor), 0);
    cr_expect_eq(cursor_u64le(&cursor), 0);
    cr_expect(text_is_null(cursor_take(&cursor, 0)));
    cr_expect(text_is_null(cursor_take(&cursor, 1)));
    cr_expect(cursor.bad);
}

Test(buffer, a_cursor_stays_bad) {
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7};
    struct cursor cursor = cursor_of(bytes, sizeof bytes);
    cr_expect_eq(cursor_u64le(&cursor), 0);
    expect_dead(cursor);
    cursor = cursor_of(bytes, 3);
    cr_expect_eq(cursor_u32le(&cursor), 0);
    expect_dead(cursor);
    cursor = cursor_of(bytes, 1);
    cr_expect_eq(cursor_u16le(&cursor), 0);
    expect_dead(cursor);
    cursor = cursor_of(bytes, 0);
    cr_expect_eq(cursor_byte(&cursor), 0);
    expect_dead(cursor);
    cursor = cursor_of(bytes, sizeof bytes);
    cr_expect(text_is_null(cursor_take(&cursor, SIZE_MAX)));
    expect_dead(cursor);
    cursor = cursor_of(bytes, sizeof bytes);
    cr_expect(text_is_null(cursor_take(&cursor, sizeof bytes + 1)));
    expect_dead(cursor);
}

/* Every way of appending, one byte at a time and many. */
Test(buffer, appends_texts_bytes_and_strings_alike) {
    static const char source[] = "0123456789abcdef";
    for (size_t size = 0; size < sizeof source; size++) {
        struct buffer buffer;
        buffer_init(&buffer);
        buffer_append_string(&buffer, "<");
        buffer_append(&buffer, source, size);
        buffer_append_text(&buffer, (struct text){source, size});
        buffer_append_string(&buffer, source + sizeof source - 1 - size);
        buffer_append_byte(&buffer, 0);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "<%.*s%.*s%s", (int)size, source, (int)size,
                       source, source + sizeof source - 1 - size);
        cr_expect_str_eq((char *)buffer.data, expected);
        cr_expect_eq(buffer.size, 3 * size + 2);
        buffer_release(&buffer);
    }
}
