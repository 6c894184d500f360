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

/* Of an entry that cannot be read the hash is of no use, as then the ledger is not either. */
static uint64_t hash_at(struct ledger *ledger, uint64_t position) {
    struct text entry;
    return ledger_entry_at(ledger, position, &entry) ? entry_key_hash(ledger_key_in(entry)) : 0;
}

static void hashes_at(void *context, const uint64_t *positions, size_t count,
                      uint64_t *ret_hashes) {
    struct ledger *ledger = context;
    for (size_t i = 0; i < count && log_is_at_hand(&ledger->log); i++) {
        prefetch_entry(ledger, positions[i]);
    }
    for (size_t i = 0; i < count; i++) {
        ret_hashes[i] = hash_at(ledger, positions[i]);
    }
}

void ledger_anticipate(struct ledger *ledger, size_t line_count) {
    log_map(&ledger->log);
    index_reserve(&ledger->index, line_count, hashes_at, ledger);
}

void ledger_settle(struct ledger *ledger) {
    log_map(&ledger->log);
    index_fit(&ledger->index, hashes_at, ledger);
    log_unmap(&ledger->log);
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
        read.before = (uint32_t)(entry.data - view->entries.data) - read.at;
        read.size = (uint32_t)entry.size;
        read.hash = entry_key_hash(key);
        ledger->read[count++] = read;
    }
    ledger->read_count = count;
    return count == view->entry_count;
}

/* A table that grows may ask for the hash of every entry. */
static void insert(struct ledger *ledger, const struct index_probe *probe, uint64_t hash,
                   uint64_t at) {
    bool is_mapped = !index_has_room(&ledger->index) && log_map(&ledger->log);
    index_insert(&ledger->index, probe, hash, at, hashes_at, ledger);
    if (is_mapped) {
        log_unmap(&ledger->log);
    }
}

/* Where a line's entry stood that has a newer one now. */
static void move(struct ledger *ledger, const struct index_probe *probe,
                 struct overlay_origin origin, uint64_t at) {
    blocks_lose(&ledger->table, origin.at, origin.stored_size);
    index_move(&ledger->index, probe, at);
}

/* The entry, which stands in the log at a place, is its line's newest from now on. Older ones are
 * read only where it is not known which one it replaces. */
static void index_entry(struct ledger *ledger, uint64_t hash, struct text entry, uint64_t at,
                        struct overlay_origin origin) {
    struct index_probe probe = index_find(&ledger->index, hash);
    uint64_t old_at = 0;
    while (index_next(&probe, &old_at)) {
        if (origin.at != 0) {
            if (old_at == origin.at) {
                move(ledger, &probe, origin, at);
                return;
            }
            continue;
        }
        struct text old;
        if (!ledger_entry_at(ledger, old_at, &old)) {
            return;
        }
        if (text_starts_with(old, ledger_key_in(entry))) {
            struct overlay_origin found = {old_at, (uint32_t)ledger_stored_size(old)};
            move(ledger, &probe, found, at);
            return;
        }
    }
    REQUIRE(origin.at == 0);
    insert(ledger, &probe, hash, at);
}

uint64_t ledger_expect(struct ledger *ledger, struct text customer_id, struct text line_id) {
    buffer_clear(&ledger->key);
    entry_append_key(&ledger->key, customer_id, line_id);
    uint64_t hash = entry_key_hash(buffer_text(&ledger->key));
    index_expect(&ledger->index, hash);
    return hash;
}

void ledger_expect_entry(const struct ledger *ledger, uint64_t expected) {
    if (!log_is_at_hand(&ledger->log)) {
        return; /* the system will read it, and nothing can be asked ahead */
    }
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
    struct overlay_origin unknown = {0};
    ledger->found_at = 0;
    for (size_t i = 0; i < ledger->read_count; i++) {
        if (i + SLOT_AHEAD < ledger->read_count) {
            index_expect(&ledger->index, ledger->read[i + SLOT_AHEAD].hash);
        }
        if (i + ENTRY_AHEAD < ledger->read_count) {
            ledger_expect_entry(ledger, ledger->read[i + ENTRY_AHEAD].hash);
        }
        const struct read_entry *read = &ledger->read[i];
        struct text entry = {view->entries.data + read->at + read->before, read->size};
        index_entry(ledger, read->hash, entry, start + read->at, unknown);
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
        const struct overlay_item *item = &overlay->items[i];
        struct text entry = overlay_entry(overlay, i);
        index_entry(ledger, item->hash, entry, at, item->origin);
        at += ledger_stored_size(entry);
    }
    REQUIRE(at == position + block->size);
}
