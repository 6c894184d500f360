/* Cleaning, as log-structured file systems do it: a little in every transaction. */
#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

/* Blocks of which less is needed are written anew. */
#define LIVE_PERCENT 50

/* Is this the line's newest entry, and not replaced in the open transaction? */
static bool is_needed(const struct ledger *ledger, uint64_t position, uint64_t hash,
                      struct text key) {
    size_t item = 0;
    if (overlay_find(&ledger->overlay, hash, key, &item)) {
        return false;
    }
    struct index_probe probe = index_find(&ledger->index, hash);
    uint64_t candidate = 0;
    while (index_next(&probe, &candidate)) {
        if (candidate == position) {
            return true;
        }
    }
    return false;
}

/* The entry as it stands, marks included, into the open transaction. */
static void copy_entry(struct ledger *ledger, struct text entry, uint64_t hash) {
    buffer_append_text(&ledger->overlay.bytes, entry);
    struct text copy = {(const char *)ledger->overlay.bytes.data + ledger->overlay.bytes.size -
                            entry.size,
                        entry.size};
    struct text key;
    bool found = entry_key(copy, &key);
    REQUIRE(found);
    overlay_add(&ledger->overlay, hash, key, entry.size);
}

static size_t copy_block(struct ledger *ledger, const struct block_info *info) {
    struct text block = {log_at(&ledger->log, info->position).data, info->size};
    struct block_view view;
    struct fault fault;
    bool parsed = block_parse(block, &view, &fault);
    REQUIRE(parsed);
    struct cursor from = cursor_of(view.entries.data, view.entries.size);
    size_t copied = 0;
    while (cursor_left(&from) > 0) {
        uint64_t at = info->position + view.entries_at +
                      (uint64_t)((const char *)from.data - view.entries.data);
        struct text entry;
        struct text key;
        bool whole = block_next_entry(&from, &entry) && entry_key(entry, &key);
        REQUIRE(whole);
        uint64_t hash = entry_key_hash(key);
        if (is_needed(ledger, at, hash, key)) {
            copy_entry(ledger, entry, hash);
            copied += entry.size;
        }
    }
    return copied;
}

static void add_victim(struct ledger *ledger, const struct block_info *info) {
    if (ledger->victim_count == ledger->victim_capacity) {
        size_t capacity = ledger->victim_capacity == 0 ? 16 : ledger->victim_capacity * 2;
        struct victim *victims = realloc(ledger->victims, capacity * sizeof *victims);
        REQUIRE(victims != NULL);
        ledger->victims = victims;
        ledger->victim_capacity = capacity;
    }
    ledger->victims[ledger->victim_count++] = (struct victim){info->id, info->position};
}

static bool is_victim(const struct ledger *ledger, const struct block_info *info) {
    for (size_t i = 0; i < ledger->victim_count; i++) {
        if (ledger->victims[i].position == info->position) {
            return true;
        }
    }
    return false;
}

size_t ledger_clean(struct ledger *ledger, size_t bytes_max) {
    REQUIRE(ledger->block_count == 0);
    size_t copied = 0;
    while (copied < bytes_max) {
        const struct block_info *info = blocks_victim(&ledger->table, LIVE_PERCENT);
        if (info == NULL || is_victim(ledger, info)) {
            break;
        }
        copied += copy_block(ledger, info);
        add_victim(ledger, info);
    }
    return ledger->victim_count;
}
