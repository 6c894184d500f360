/* Blocks that were appended or read: the index learns where each line's newest entry stands. */
#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

#define CACHE_LINE_SIZE 64
/* So many lines ahead memory is asked for a line's slot, and later for the entry that it may point
 * at. */
#define SLOT_AHEAD 24
#define ENTRY_AHEAD 12

static void prefetch_entry(const struct ledger *ledger, uint64_t position) {
    const char *entry = log_at(&ledger->log, position).data;
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + CACHE_LINE_SIZE); /* a key may begin in one and end in the next */
}

static uint64_t hash_at(const struct ledger *ledger, uint64_t position) {
    struct text key;
    bool found = entry_key(ledger_entry_at(ledger, position), &key);
    REQUIRE(found);
    return entry_key_hash(key);
}

static void hashes_at(void *context, const uint64_t *positions, size_t count,
                      uint64_t *ret_hashes) {
    const struct ledger *ledger = context;
    for (size_t i = 0; i < count; i++) {
        prefetch_entry(ledger, positions[i]);
    }
    for (size_t i = 0; i < count; i++) {
        ret_hashes[i] = hash_at(ledger, positions[i]);
    }
}

void ledger_anticipate(struct ledger *ledger, size_t line_count) {
    index_reserve(&ledger->index, line_count, hashes_at, ledger);
}

void ledger_settle(struct ledger *ledger) {
    index_fit(&ledger->index, hashes_at, ledger);
}

static void make_room(struct ledger *ledger, size_t count) {
    if (count > ledger->read_capacity) {
        free(ledger->read);
        ledger->read = malloc(count * sizeof *ledger->read);
        REQUIRE(ledger->read != NULL);
        ledger->read_capacity = count;
    }
}

bool ledger_read_entries(struct ledger *ledger, const struct block_view *view) {
    struct cursor from = cursor_of(view->entries.data, view->entries.size);
    if (view->entry_count > view->entries.size) {
        return false; /* an entry takes more than a byte */
    }
    make_room(ledger, view->entry_count);
    size_t count = 0;
    while (cursor_left(&from) > 0) {
        struct read_entry read = {.at = (uint32_t)((const char *)from.data - view->entries.data)};
        struct text entry;
        struct text key;
        if (count == view->entry_count || !block_next_entry(&from, &entry) ||
            !entry_key(entry, &key)) {
            return false;
        }
        read.hash = entry_key_hash(key);
        ledger->read[count++] = read;
    }
    ledger->read_count = count;
    return count == view->entry_count;
}

/* The bytes of an entry with its size in front. */
static size_t stored_size(struct text entry) {
    size_t size = entry.size + 1;
    for (size_t rest = entry.size; rest >= 0x80; rest >>= 7) {
        size++;
    }
    return size;
}

/* The entry at a place in the log is its line's newest from now on. Its own bytes are looked at
 * only where another entry may be of the same line. */
static void index_entry(struct ledger *ledger, uint64_t hash, uint64_t at) {
    struct index_probe probe = index_find(&ledger->index, hash);
    uint64_t old_at = 0;
    while (index_next(&probe, &old_at)) {
        struct text key;
        bool found = entry_key(ledger_entry_at(ledger, at), &key);
        REQUIRE(found);
        struct text old = ledger_entry_at(ledger, old_at);
        if (text_starts_with(old, key)) {
            blocks_lose(&ledger->table, old_at, stored_size(old));
            index_move(&ledger->index, &probe, at);
            return;
        }
    }
    index_insert(&ledger->index, &probe, hash, at, hashes_at, ledger);
}

uint64_t ledger_expect(struct ledger *ledger, struct text customer_id, struct text line_id) {
    buffer_clear(&ledger->key);
    entry_append_key(&ledger->key, customer_id, line_id);
    uint64_t hash = entry_key_hash(buffer_text(&ledger->key));
    index_expect(&ledger->index, hash);
    return hash;
}

void ledger_expect_entry(const struct ledger *ledger, uint64_t expected) {
    struct index_probe probe = index_find(&ledger->index, expected);
    uint64_t position = 0;
    if (index_next(&probe, &position)) {
        prefetch_entry(ledger, position);
    }
}

/* All of its entries are needed, until the index shows that it has two of a line. */
static void add_block(struct ledger *ledger, uint64_t position, uint64_t id, size_t size,
                      size_t entries_at) {
    REQUIRE(size <= UINT32_MAX && entries_at <= size);
    ledger->newest_from = ledger->mark;
    blocks_add(&ledger->table,
               (struct block_info){.position = position, .id = id, .size = (uint32_t)size});
    if (entries_at < size) {
        blocks_gain(&ledger->table, position + entries_at, size - entries_at);
    }
}

void ledger_index_block(struct ledger *ledger, uint64_t position, size_t size,
                        const struct block_view *view) {
    REQUIRE(ledger->read_count == view->entry_count);
    add_block(ledger, position, view->header.id, size, view->entries_at);
    uint64_t start = position + view->entries_at;
    for (size_t i = 0; i < ledger->read_count; i++) {
        if (i + SLOT_AHEAD < ledger->read_count) {
            index_expect(&ledger->index, ledger->read[i + SLOT_AHEAD].hash);
        }
        if (i + ENTRY_AHEAD < ledger->read_count) {
            ledger_expect_entry(ledger, ledger->read[i + ENTRY_AHEAD].hash);
        }
        index_entry(ledger, ledger->read[i].hash, start + ledger->read[i].at);
    }
}

void ledger_index_sealed(struct ledger *ledger, uint64_t position,
                         const struct sealed_block *block) {
    add_block(ledger, position, block->id, block->size, block->entries_at);
    const struct overlay *overlay = &ledger->overlay;
    uint64_t at = position + block->entries_at;
    size_t end = block->first_item + block->item_count;
    for (size_t i = block->first_item; i < end; i++) {
        if (i + SLOT_AHEAD < end) {
            index_expect(&ledger->index, overlay->items[i + SLOT_AHEAD].hash);
        }
        if (i + ENTRY_AHEAD < end) {
            ledger_expect_entry(ledger, overlay->items[i + ENTRY_AHEAD].hash);
        }
        index_entry(ledger, overlay->items[i].hash, at);
        at += stored_size(overlay_entry(overlay, i));
    }
    REQUIRE(at == position + block->size);
}
