/* Cleaning, as log-structured file systems do it: a little in every transaction. */
#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

/* Blocks of which less is needed are written anew. */
#define LIVE_PERCENT 50
/* Blocks that go in one transaction: those of which nothing is needed cost no copying. */
#define VICTIMS_MAX 256
/* Blocks looked at in one transaction for lines of closed periods. */
#define SWEEP_BLOCKS_MAX 16

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

/* A line of a closed period that is not a stub yet. No real line has an empty charge type. */
static bool is_expired(const struct ledger *ledger, const struct line_state *state) {
    return state->line.billing_period < ledger->head.horizon && state->line.charge_type.size > 0;
}

/* Key, revision, period and sequences: nothing else of a closed line will ever be asked. */
static void put_stub(struct ledger *ledger, const struct line_state *state,
                     struct overlay_origin origin) {
    struct line_state stub = *state;
    stub.line = (struct billing_line){
        .line_id = state->line.line_id,
        .customer_id = state->line.customer_id,
        .charge_type = {"", 0},
        .revision = state->line.revision,
        .billing_period = state->line.billing_period,
        .charge_start_date = state->line.charge_start_date,
        .charge_end_date = state->line.charge_start_date,
        .currency = state->line.currency,
        .is_void = state->line.is_void,
    };
    buffer_clear(&ledger->packed);
    entry_append(&ledger->packed, &stub, ledger->numbers);
    ledger_put_packed(ledger, origin);
}

/* The entry as it stands, marks included, into the open transaction. */
static void copy_entry(struct ledger *ledger, struct text entry, uint64_t hash, uint64_t at) {
    struct overlay_origin origin = {at, (uint32_t)ledger_stored_size(entry)};
    struct line_state state;
    if (ledger->head.horizon > 0) {
        ledger_unpack(ledger, entry, &state);
        if (is_expired(ledger, &state)) {
            put_stub(ledger, &state, origin);
            return;
        }
    }
    buffer_append_text(&ledger->overlay.bytes, entry);
    struct text copy = {(const char *)ledger->overlay.bytes.data + ledger->overlay.bytes.size -
                            entry.size,
                        entry.size};
    overlay_add(&ledger->overlay, hash, ledger_key_in(copy), entry.size, origin);
}

static size_t copy_block(struct ledger *ledger, const struct block_info *info) {
    struct block_view view;
    if (info->live_bytes == 0 || !ledger_parse_block(ledger, info, &view)) {
        return 0;
    }
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
            copy_entry(ledger, entry, hash, at);
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

/* Are most of its bytes lines of closed periods? */
static bool is_mostly_expired(struct ledger *ledger, const struct block_info *info) {
    struct block_view view;
    if (!ledger_parse_block(ledger, info, &view)) {
        return false;
    }
    struct cursor from = cursor_of(view.entries.data, view.entries.size);
    size_t expired = 0;
    struct text entry;
    while (block_next_entry(&from, &entry)) {
        struct line_state state;
        ledger_unpack(ledger, entry, &state);
        expired += is_expired(ledger, &state) ? entry.size : 0;
    }
    return expired * 2 > info->size;
}

/* After the horizon moved every block is looked at once. */
static const struct block_info *sweep(struct ledger *ledger) {
    for (size_t i = 0; i < SWEEP_BLOCKS_MAX && ledger->horizon > 0; i++) {
        const struct block_info *info = blocks_from(&ledger->table, ledger->sweep);
        if (info == NULL || info->id == ledger->head.id) {
            return NULL; /* the newest is never cleaned */
        }
        ledger->sweep = info->position + info->size;
        if (is_mostly_expired(ledger, info)) {
            return info;
        }
    }
    return NULL;
}

static const struct block_info *next_victim(struct ledger *ledger) {
    const struct block_info *info = sweep(ledger);
    return info != NULL ? info : blocks_victim(&ledger->table, LIVE_PERCENT);
}

size_t ledger_clean(struct ledger *ledger, size_t bytes_max) {
    REQUIRE(ledger->block_count == 0);
    size_t copied = 0;
    while (copied < bytes_max && ledger->victim_count < VICTIMS_MAX && !ledger->is_broken) {
        const struct block_info *info = next_victim(ledger);
        if (info == NULL || is_victim(ledger, info)) {
            break;
        }
        copied += copy_block(ledger, info);
        add_victim(ledger, info);
    }
    return ledger->victim_count;
}
