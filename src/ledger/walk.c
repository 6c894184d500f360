#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

/* Entries whose slot of the index was asked of memory before their turn. */
#define SLOTS_AHEAD 8

/* Puts the walk on the next block. false: there is none, or it cannot be read. */
static bool enter_block(struct ledger *ledger, struct ledger_walk *walk) {
    const struct block_info *info = blocks_from(&ledger->table, walk->position);
    struct block_view view;
    if (info == NULL || !ledger_parse_block(ledger, info, &view)) {
        return false;
    }
    walk->block_id = view.header.id;
    walk->entries_left = view.entry_count;
    walk->block_start = info->position;
    walk->block_end = info->position + info->size;
    walk->position = info->position + view.entries_at;
    walk->ahead = walk->position;
    walk->ahead_left = walk->entries_left;
    return true;
}

/* Cleaning may have dropped it meanwhile; its lines come again at the end of the log. */
static bool block_is_there(const struct ledger *ledger, const struct ledger_walk *walk) {
    const struct block_info *info = blocks_from(&ledger->table, walk->block_start);
    return info != NULL && info->position == walk->block_start;
}

struct ledger_walk ledger_walk_begin(const struct ledger *ledger, uint64_t reached) {
    struct ledger_walk walk = {.position = 0};
    const struct block_info *info = NULL;
    while ((info = blocks_from(&ledger->table, walk.position)) != NULL) {
        walk.block_id = info->id;
        walk.position = info->position;
        if (info->id > reached) {
            break;
        }
        walk.position += info->size;
    }
    return walk;
}

/* The entry of the walk's block at a place, and the place behind it. */
static bool entry_of(struct ledger *ledger, const struct ledger_walk *walk, uint64_t *position,
                     struct text *ret_entry) {
    struct text block;
    if (!ledger_block_at(ledger, walk->block_start, walk->block_end - walk->block_start, &block)) {
        return false;
    }
    size_t at = *position - walk->block_start;
    struct cursor from = cursor_of(block.data + at, block.size - at);
    bool found = block_next_entry(&from, ret_entry);
    REQUIRE(found);
    *position = walk->block_end - cursor_left(&from);
    return true;
}

/* Is this the line's newest entry? */
static bool is_live(const struct ledger *ledger, uint64_t position, struct text entry) {
    struct index_probe probe = index_find(&ledger->index, entry_key_hash(ledger_key_in(entry)));
    uint64_t candidate = 0;
    while (index_next(&probe, &candidate)) {
        if (candidate == position) {
            return true;
        }
    }
    return false;
}

static void look_ahead(struct ledger *ledger, struct ledger_walk *walk) {
    struct text entry;
    while (walk->ahead_left > 0 && walk->ahead_left + SLOTS_AHEAD > walk->entries_left &&
           entry_of(ledger, walk, &walk->ahead, &entry)) {
        index_expect(&ledger->index, entry_key_hash(ledger_key_in(entry)));
        walk->ahead_left--;
    }
}

bool ledger_walk_next(struct ledger *ledger, struct ledger_walk *walk,
                      struct line_state *ret_state) {
    if (walk->entries_left > 0 && !block_is_there(ledger, walk)) {
        walk->entries_left = 0;
    }
    for (;;) {
        if (walk->entries_left == 0) {
            walk->position = walk->block_end > walk->position ? walk->block_end : walk->position;
            if (!enter_block(ledger, walk)) {
                return false;
            }
            continue;
        }
        look_ahead(ledger, walk);
        uint64_t position = walk->position;
        struct text entry;
        if (!entry_of(ledger, walk, &walk->position, &entry)) {
            return false;
        }
        walk->entries_left--;
        if (is_live(ledger, position, entry)) {
            ledger_unpack(ledger, entry, ret_state);
            if (ret_state->line.billing_period >= ledger->head.horizon) {
                return true;
            }
        }
    }
}

struct visit_key {
    struct text customer_id;
    struct text line_id;
};

static int compare_visit_keys(const void *left, const void *right) {
    const struct visit_key *a = left;
    const struct visit_key *b = right;
    int order = text_compare(a->customer_id, b->customer_id);
    return order != 0 ? order : text_compare(a->line_id, b->line_id);
}

bool ledger_each(struct ledger *ledger, ledger_visit visit, void *context) {
    REQUIRE(ledger->overlay.count == 0);
    size_t count = 0;
    struct arena arena;
    arena_init(&arena);
    struct visit_key *keys = arena_take(&arena, (ledger->index.count + 1) * sizeof *keys);
    for (size_t i = 0; i < ledger->index.capacity; i++) {
        if (ledger->index.slots[i] == 0) {
            continue;
        }
        struct line_state state;
        struct text entry;
        if (!ledger_entry_at(ledger, ledger->index.slots[i] & INDEX_POSITION_MAX, &entry)) {
            break;
        }
        ledger_unpack(ledger, entry, &state);
        keys[count].customer_id = arena_copy(&arena, state.line.customer_id);
        keys[count++].line_id = arena_copy(&arena, state.line.line_id);
    }
    bool go_on = !ledger->is_broken;
    REQUIRE(!go_on || count == ledger->index.count);
    qsort(keys, count, sizeof *keys, compare_visit_keys);
    for (size_t i = 0; i < count && go_on; i++) {
        struct line_state state;
        bool found = ledger_find(ledger, keys[i].customer_id, keys[i].line_id, &state);
        REQUIRE(found || ledger->is_broken);
        go_on = found && visit(context, &state);
    }
    arena_release(&arena);
    return go_on;
}
