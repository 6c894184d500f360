#include "accrued/buffer.h"

#include <criterion/criterion.h>
#include <signal.h>

static uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(buffer, grows_and_keeps_its_bytes) {
    struct buffer buffer;
    buffer_init(&buffer);
    cr_expect_eq(buffer.size, 0);
    for (int i = 0; i < 100000; i++) {
        buffer_append_byte(&buffer, (uint8_t)(i * 7));
    }
    cr_assert_eq(buffer.size, 100000);
    for (int i = 0; i < 100000; i++) {
        cr_assert_eq(buffer.data[i], (uint8_t)(i * 7));
    }
    size_t capacity = buffer.capacity;
    const uint8_t *data = buffer.data;
    buffer_clear(&buffer);
    cr_expect_eq(buffer.size, 0);
    buffer_reserve(&buffer, 100000);
    cr_expect_eq(buffer.capacity, capacity, "a buffer at its working size allocates no more");
    cr_expect_eq(buffer.data, data);
    buffer_release(&buffer);
    cr_expect_null(buffer.data);
    buffer_release(&buffer); /* twice does no harm */
}

Test(buffer, appends_nothing_from_nothing) {
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, NULL, 0);
    buffer_append_text(&buffer, text_null());
    buffer_append_string(&buffer, "");
    buffer_append_format(&buffer, "%s", "");
    cr_expect_eq(buffer.size, 0);
    cr_expect_eq(buffer_text(&buffer).size, 0);
    buffer_append_text(&buffer, TEXT("a\0b"));
    buffer_append_string(&buffer, "cd");
    buffer_append_format(&buffer, "%d|%.*s", -7, TEXT_ARGS(TEXT("xyz")));
    cr_expect(text_equal(buffer_text(&buffer), TEXT("a\0bcd-7|xyz")));
    buffer_release(&buffer);
}

Test(buffer, formats_texts_of_every_size_around_its_capacity) {
    static char long_text[1100];
    memset(long_text, 'z', sizeof long_text - 1);
    for (int size = 250; size < 1100; size += 1) {
        struct buffer buffer;
        buffer_init(&buffer);
        buffer_append_format(&buffer, "%.*s", size, long_text);
        buffer_append_format(&buffer, "%c", '!');
        cr_assert_eq(buffer.size, (size_t)size + 1);
        cr_assert_eq(buffer.data[size], '!');
        cr_assert_eq(buffer.data[size - 1], 'z');
        buffer_release(&buffer);
    }
}

Test(buffer, a_size_that_cannot_be_is_a_bug, .signal = SIGABRT) {
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_byte(&buffer, 1);
    (void)buffer_reserve(&buffer, SIZE_MAX);
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

Test(buffer, varints_that_pass_64_bits_are_malformed) {
    static const struct {
        const char *bytes;
        size_t size;
        bool good;
    } cases[] = {
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10, true},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10, false},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 10, false},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, false},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x81\x00", 11, false},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, false},
        {"\x80", 1, false},
        {"", 0, false},
        {"\x80\x00", 2, true}, /* longer than needed, but 0 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor cursor = cursor_of(cases[i].bytes, cases[i].size);
        uint64_t value = cursor_varint(&cursor);
        cr_expect_eq(!cursor.bad, cases[i].good, "case %zu", i);
        cr_expect(cases[i].good || value == 0, "case %zu", i);
    }
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

Test(buffer, a_cursor_takes_what_is_there) {
    static const uint8_t bytes[] = {1, 2, 3};
    struct cursor cursor = cursor_of(bytes, sizeof bytes);
    struct text none = cursor_take(&cursor, 0);
    cr_expect(!text_is_null(none) && none.size == 0, "empty, not null");
    cr_expect_eq(cursor_take(&cursor, 3).size, 3);
    none = cursor_take(&cursor, 0);
    cr_expect(!text_is_null(none) && none.size == 0, "empty at the end, not null");
    cr_expect(!cursor.bad);
    struct cursor nothing = cursor_of(NULL, 0);
    cr_expect_eq(cursor_left(&nothing), 0);
    cr_expect_eq(cursor_byte(&nothing), 0);
    cr_expect(nothing.bad);
}
