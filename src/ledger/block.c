#include "accrued/block.h"

#include "accrued/hash.h"
#include "accrued/require.h"

static const char block_magic[4] = {'A', 'C', 'L', 'B'};

#define SIZE_AT 8
#define CHECKSUM_AT 16
#define BODY_AT 24
#define CHECKSUM_SEED UINT64_C(0x6163636c)

static void append_sized(struct buffer *to, struct text text) {
    /* Null is 0, else size + 1. */
    buffer_append_varint(to, text_is_null(text) ? 0 : text.size + 1);
    buffer_append_text(to, text);
}

static struct text take_sized(struct cursor *from) {
    uint64_t size = cursor_varint(from);
    if (size == 0 || from->bad) {
        return text_null();
    }
    return cursor_take(from, (size_t)size - 1);
}

static void put_u32(uint8_t *at, uint32_t value) {
    for (size_t i = 0; i < sizeof value; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_u64(uint8_t *at, uint64_t value) {
    put_u32(at, (uint32_t)value);
    put_u32(at + 4, (uint32_t)(value >> 32));
}

size_t block_begin(struct buffer *to, const struct block_header *header) {
    size_t start = to->size;
    buffer_append(to, block_magic, sizeof block_magic);
    buffer_append_byte(to, BLOCK_FORMAT_VERSION);
    buffer_append_byte(to, 0);
    buffer_append_u16le(to, 0);
    buffer_append_u32le(to, 0); /* size and entry count: block_finish */
    buffer_append_u32le(to, 0);
    buffer_append_u64le(to, 0); /* checksum: block_finish */
    REQUIRE(to->size - start == BODY_AT);
    buffer_append_u64le(to, header->id);
    buffer_append_u64le(to, header->incarnation);
    buffer_append_u32le(to, header->partition);
    buffer_append_u32le(to, header->partition_count);
    buffer_append_u64le(to, (uint64_t)header->next_offset);
    buffer_append_u64le(to, (uint64_t)header->record_timestamp_ms);
    buffer_append_u64le(to, header->record_hash);
    buffer_append_u64le(to, (uint64_t)header->rerate_offset);
    buffer_append_u32le(to, (uint32_t)header->horizon);
    buffer_append_u64le(to, (uint64_t)header->programs_revision);
    buffer_append_u64le(to, (uint64_t)header->catalog_revision);
    append_sized(to, header->rerate_key);
    buffer_append_varint(to, header->programs.count);
    for (size_t i = 0; i < header->programs.count; i++) {
        append_sized(to, header->programs.items[i]);
    }
    return start;
}

void block_append_entry(struct buffer *to, struct text entry) {
    REQUIRE(entry.size > 0);
    buffer_append_varint(to, entry.size);
    buffer_append_text(to, entry);
}

void block_finish(struct buffer *to, size_t start, size_t entry_count) {
    REQUIRE(to->size - start >= BODY_AT && to->size - start <= UINT32_MAX);
    REQUIRE(entry_count <= UINT32_MAX);
    uint8_t *block = to->data + start;
    size_t size = to->size - start;
    put_u32(block + SIZE_AT, (uint32_t)size);
    put_u32(block + SIZE_AT + 4, (uint32_t)entry_count);
    /* Size and count are covered through the seed: a damaged one changes the sum. */
    uint64_t seed = CHECKSUM_SEED ^ (uint64_t)size << 32 ^ entry_count;
    put_u64(block + CHECKSUM_AT, hash64(block + BODY_AT, size - BODY_AT, seed));
}

size_t block_size(struct text start) {
    struct cursor from = cursor_of(start.data, start.size);
    struct text magic = cursor_take(&from, sizeof block_magic);
    if (from.bad || memcmp(magic.data, block_magic, sizeof block_magic) != 0 ||
        cursor_byte(&from) != BLOCK_FORMAT_VERSION || cursor_byte(&from) != 0 ||
        cursor_u16le(&from) != 0) {
        return 0;
    }
    uint32_t size = cursor_u32le(&from);
    return from.bad || size < BODY_AT ? 0 : size;
}

size_t block_entry_count(struct text start) {
    struct cursor from = cursor_of(start.data, start.size);
    (void)cursor_take(&from, SIZE_AT + 4);
    return cursor_u32le(&from);
}

static void parse_header(struct cursor *from, struct block_header *header) {
    header->id = cursor_u64le(from);
    header->incarnation = cursor_u64le(from);
    header->partition = cursor_u32le(from);
    header->partition_count = cursor_u32le(from);
    header->next_offset = (int64_t)cursor_u64le(from);
    header->record_timestamp_ms = (int64_t)cursor_u64le(from);
    header->record_hash = cursor_u64le(from);
    header->rerate_offset = (int64_t)cursor_u64le(from);
    header->horizon = (int32_t)cursor_u32le(from);
    header->programs_revision = (int64_t)cursor_u64le(from);
    header->catalog_revision = (int64_t)cursor_u64le(from);
    header->rerate_key = take_sized(from);
    uint64_t count = cursor_varint(from);
    if (count > BLOCK_PROGRAM_COUNT_MAX) {
        from->bad = true;
        return;
    }
    header->programs.count = (size_t)count;
    for (size_t i = 0; i < header->programs.count; i++) {
        header->programs.items[i] = take_sized(from);
    }
}

bool block_parse(struct text block, struct block_view *ret_view, struct fault *fault) {
    if (block.size >= sizeof block_magic + 1 &&
        memcmp(block.data, block_magic, sizeof block_magic) == 0 &&
        (uint8_t)block.data[4] > BLOCK_FORMAT_VERSION) {
        return fault_set(fault,
                         "ledger block of format version %u; this build reads up to %u: run the "
                         "version that wrote it, or a newer one",
                         (unsigned)(uint8_t)block.data[4], BLOCK_FORMAT_VERSION);
    }
    size_t size = block_size(block);
    if (size == 0 || size != block.size) {
        return fault_set(fault, "not a ledger block, or cut off (%zu bytes, header says %zu)",
                         block.size, size);
    }
    struct cursor from = cursor_of(block.data + SIZE_AT + 4, block.size - SIZE_AT - 4);
    uint32_t entry_count = cursor_u32le(&from);
    uint64_t checksum = cursor_u64le(&from);
    uint64_t seed = CHECKSUM_SEED ^ (uint64_t)size << 32 ^ entry_count;
    if (hash64(block.data + BODY_AT, size - BODY_AT, seed) != checksum) {
        return fault_set(fault, "ledger block is damaged: its checksum does not match");
    }
    struct block_view view = {.entry_count = entry_count};
    parse_header(&from, &view.header);
    if (from.bad) {
        return fault_set(fault, "ledger block is malformed: its header ends early");
    }
    view.entries = (struct text){(const char *)from.data, cursor_left(&from)};
    view.entries_at = (size_t)((const char *)from.data - block.data);
    *ret_view = view;
    return true;
}

bool block_next_entry(struct cursor *entries, struct text *ret_entry) {
    if (entries->bad || cursor_left(entries) == 0) {
        return false;
    }
    uint64_t size = cursor_varint(entries);
    struct text entry = cursor_take(entries, (size_t)size);
    if (entries->bad || entry.size == 0) {
        entries->bad = true;
        return false;
    }
    *ret_entry = entry;
    return true;
}
