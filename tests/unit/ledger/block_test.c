#include "accrued/block.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct block_header header_of(struct dice *dice, struct arena *arena) {
    struct block_header header = {
        .id = dice_next(dice),
        .incarnation = dice_next(dice),
        .partition = (uint32_t)dice_next(dice),
        .partition_count = (uint32_t)dice_next(dice),
        .next_offset = (int64_t)dice_next(dice),
        .record_timestamp_ms = (int64_t)dice_next(dice),
        .record_hash = dice_next(dice),
        .rerate_offset = dice_hits(dice, 2) ? -1 : (int64_t)dice_next(dice),
        .rerate_key = dice_hits(dice, 3)   ? text_null()
                      : dice_hits(dice, 3) ? TEXT("")
                                           : dice_text(dice, arena, 300),
        .horizon = (int32_t)dice_next(dice),
        .programs_revision = (int64_t)dice_next(dice),
        .catalog_revision = (int64_t)dice_next(dice),
    };
    header.programs.count = dice_hits(dice, 10) ? BLOCK_PROGRAM_COUNT_MAX : dice_below(dice, 6);
    for (size_t i = 0; i < header.programs.count; i++) {
        header.programs.items[i] = dice_text(dice, arena, 64);
    }
    return header;
}

static bool headers_equal(const struct block_header *a, const struct block_header *b) {
    if (a->id != b->id || a->incarnation != b->incarnation || a->partition != b->partition ||
        a->partition_count != b->partition_count || a->next_offset != b->next_offset ||
        a->record_timestamp_ms != b->record_timestamp_ms || a->record_hash != b->record_hash ||
        a->rerate_offset != b->rerate_offset || a->horizon != b->horizon ||
        a->programs_revision != b->programs_revision ||
        a->catalog_revision != b->catalog_revision || !text_equal(a->rerate_key, b->rerate_key) ||
        a->programs.count != b->programs.count) {
        return false;
    }
    for (size_t i = 0; i < a->programs.count; i++) {
        if (!text_equal(a->programs.items[i], b->programs.items[i])) {
            return false;
        }
    }
    return true;
}

/* A block of `count` entries behind whatever `to` holds; returns where it starts. */
static size_t append_block(struct buffer *to, struct dice *dice, struct arena *arena, size_t count,
                           struct text *ret_entries, struct block_header *ret_header) {
    *ret_header = header_of(dice, arena);
    size_t start = block_begin(to, ret_header);
    for (size_t i = 0; i < count; i++) {
        ret_entries[i] = dice_text(dice, arena, 500);
        block_append_entry(to, ret_entries[i]);
    }
    block_finish(to, start, count);
    return start;
}

static struct text exact_copy(const uint8_t *data, size_t size) {
    char *copy = malloc(size + (size == 0));
    cr_assert(copy != NULL);
    memcpy(copy, data, size);
    return (struct text){copy, size};
}

Test(block, comes_back_as_it_was) {
    struct dice dice = {1};
    struct arena arena;
    struct buffer bytes;
    arena_init(&arena);
    buffer_init(&bytes);
    for (int round = 0; round < 2000; round++) {
        arena_clear(&arena);
        buffer_clear(&bytes);
        for (size_t before = dice_below(&dice, 20); before > 0; before--) {
            buffer_append_byte(&bytes, 'x'); /* a block begins anywhere in a buffer */
        }
        struct text entries[20];
        struct block_header header;
        size_t count = dice_below(&dice, 20);
        size_t start = append_block(&bytes, &dice, &arena, count, entries, &header);
        struct text block = {(const char *)bytes.data + start, bytes.size - start};
        cr_assert_eq(block_size(block), block.size);
        struct block_view view;
        struct fault fault = {"untouched"};
        cr_assert(block_parse(block, &view, &fault), "%s", fault.text);
        cr_assert_str_eq(fault.text, "untouched");
        cr_assert(headers_equal(&view.header, &header), "round %d", round);
        cr_assert_eq(view.entry_count, count);
        cr_assert(view.entries.data == block.data + view.entries_at);
        cr_assert_eq(view.entries_at + view.entries.size, block.size);
        struct cursor from = cursor_of(view.entries.data, view.entries.size);
        struct text entry;
        for (size_t i = 0; i < count; i++) {
            cr_assert(block_next_entry(&from, &entry));
            cr_assert(text_equal(entry, entries[i]));
        }
        cr_assert(!block_next_entry(&from, &entry));
        cr_assert(!from.bad);
    }
    buffer_release(&bytes);
    arena_release(&arena);
}

Test(block, every_flipped_bit_and_every_cut_is_refused) {
    struct dice dice = {2};
    struct arena arena;
    struct buffer bytes;
    arena_init(&arena);
    buffer_init(&bytes);
    for (size_t count = 0; count < 4; count++) {
        buffer_clear(&bytes);
        struct text entries[4];
        struct block_header header;
        append_block(&bytes, &dice, &arena, count, entries, &header);
        struct block_view view;
        struct fault fault = {""};
        cr_assert(block_parse(buffer_text(&bytes), &view, &fault));
        for (size_t bit = 0; bit < bytes.size * 8; bit++) {
            bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            fault.text[0] = 0;
            cr_assert(!block_parse(buffer_text(&bytes), &view, &fault), "bit %zu", bit);
            cr_assert(fault.text[0] != 0);
            bytes.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        for (size_t size = 0; size < bytes.size; size++) {
            struct text cut = exact_copy(bytes.data, size);
            cr_assert(!block_parse(cut, &view, &fault), "%zu bytes", size);
            size_t says = block_size(cut);
            cr_assert(says == 0 || says == bytes.size);
            free((char *)cut.data);
        }
        buffer_append_byte(&bytes, 0);
        cr_assert(!block_parse(buffer_text(&bytes), &view, &fault));
    }
    cr_assert(
        !block_parse(text_null(), &(struct block_view){.entry_count = 0}, &(struct fault){""}));
    buffer_release(&bytes);
    arena_release(&arena);
}

Test(block, says_that_it_is_newer_than_the_program) {
    struct dice dice = {3};
    struct arena arena;
    struct buffer bytes;
    arena_init(&arena);
    buffer_init(&bytes);
    struct block_header header;
    append_block(&bytes, &dice, &arena, 0, NULL, &header);
    for (unsigned version = 0; version < 256; version++) {
        bytes.data[4] = (uint8_t)version;
        struct block_view view;
        struct fault fault = {""};
        cr_assert_eq(block_parse(buffer_text(&bytes), &view, &fault),
                     version == BLOCK_FORMAT_VERSION);
        cr_assert_eq(strstr(fault.text, "format version") != NULL, version > BLOCK_FORMAT_VERSION);
        cr_assert_eq(block_size(buffer_text(&bytes)) != 0, version == BLOCK_FORMAT_VERSION);
    }
    buffer_release(&bytes);
    arena_release(&arena);
}

/* The checksum holds, but what it covers is not a header: never read behind the end. */
Test(block, nonsense_under_a_right_checksum_does_no_harm) {
    struct dice dice = {4};
    struct arena arena;
    struct buffer bytes;
    arena_init(&arena);
    buffer_init(&bytes);
    for (int round = 0; round < 20000; round++) {
        arena_clear(&arena);
        buffer_clear(&bytes);
        struct text entries[3];
        struct block_header header;
        append_block(&bytes, &dice, &arena, 3, entries, &header);
        size_t body = 24;
        for (size_t changes = 1 + dice_below(&dice, 4); changes > 0; changes--) {
            bytes.data[body + dice_below(&dice, bytes.size - body)] = (uint8_t)dice_next(&dice);
        }
        if (dice_hits(&dice, 2)) {
            bytes.size = body + dice_below(&dice, bytes.size - body + 1);
        }
        block_finish(&bytes, 0, dice_below(&dice, 5));
        struct text block = exact_copy(bytes.data, bytes.size);
        struct block_view view;
        struct fault fault;
        if (block_parse(block, &view, &fault)) {
            cr_assert(view.header.programs.count <= BLOCK_PROGRAM_COUNT_MAX);
            struct cursor from = cursor_of(view.entries.data, view.entries.size);
            struct text entry;
            while (block_next_entry(&from, &entry)) {
                cr_assert(entry.size > 0 && entry.data >= block.data &&
                          entry.data + entry.size <= block.data + block.size);
            }
        }
        free((char *)block.data);
    }
    buffer_release(&bytes);
    arena_release(&arena);
}

Test(block, entries_of_no_size_end_the_walk) {
    static const uint8_t bytes[][3] = {{0, 1, 'a'}, {3, 'a', 'b'}, {0x80, 0x80, 0x80}};
    for (size_t i = 0; i < 3; i++) {
        struct cursor from = cursor_of(bytes[i], sizeof bytes[i]);
        struct text entry;
        cr_assert(!block_next_entry(&from, &entry));
        cr_assert(from.bad);
        cr_assert(!block_next_entry(&from, &entry));
    }
}

/* What a reader of a file asks first, of bytes that may end anywhere and say anything. */
Test(block, a_size_that_no_block_can_have_is_none) {
    enum { SIZE_AT = 8, SMALLEST = 24 };
    struct buffer bytes;
    struct block_header header = {.id = 1};
    buffer_init(&bytes);
    block_finish(&bytes, block_begin(&bytes, &header), 0);
    for (size_t size = 0; size < bytes.size; size++) {
        struct text start = exact_copy(bytes.data, size);
        cr_expect_eq(block_size(start), size < SIZE_AT + 4 ? 0 : bytes.size, "%zu bytes", size);
        free((char *)start.data);
    }
    for (uint32_t size = 0; size < 2 * SMALLEST; size++) {
        bytes.data[SIZE_AT] = (uint8_t)size;
        bytes.data[SIZE_AT + 1] = bytes.data[SIZE_AT + 2] = bytes.data[SIZE_AT + 3] = 0;
        cr_expect_eq(block_size(buffer_text(&bytes)), size < SMALLEST ? 0 : size, "size %u", size);
    }
    buffer_release(&bytes);
}

Test(block, more_programs_than_there_can_be_are_refused) {
    struct buffer bytes;
    buffer_init(&bytes);
    for (size_t count = BLOCK_PROGRAM_COUNT_MAX - 1; count <= BLOCK_PROGRAM_COUNT_MAX + 1;
         count++) {
        struct block_header header = {.id = 1};
        buffer_clear(&bytes);
        size_t start = block_begin(&bytes, &header);
        bytes.size--; /* no programs: that was the last byte */
        buffer_append_varint(&bytes, count);
        for (size_t i = 0; i < count; i++) {
            buffer_append_string(&bytes, "\2p");
        }
        block_finish(&bytes, start, 0);
        static struct block_view view;
        struct fault fault = {""};
        bool parsed = block_parse(buffer_text(&bytes), &view, &fault);
        cr_expect_eq(parsed, count <= BLOCK_PROGRAM_COUNT_MAX, "%zu: %s", count, fault.text);
        cr_expect(!parsed || text_equal(view.header.programs.items[count - 1], TEXT("p")));
    }
    buffer_release(&bytes);
}
