#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

/* Entries whose slot of the index was asked of memory before their turn. */
#define SLOTS_AHEAD 8

/* Puts the walk on the next block. false: there is none. */
static bool enter_block(const struct ledger *ledger, struct ledger_walk *walk) {
    const struct block_info *info = blocks_from(&ledger->table, walk->position);
    if (info == NULL) {
        return false;
    }
    struct text block = {log_at(&ledger->log, info->position).data, info->size};
    struct block_view view;
    struct fault fault;
    bool parsed = block_parse(block, &view, &fault);
    REQUIRE(parsed);
    walk->block_id = view.header.id;
    walk->entries_left = view.entry_count;
    walk->block_start = info->position;
    walk->block_end = info->position + block.size;
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
    while (enter_block(ledger, &walk)) {
        if (walk.block_id > reached) {
            return walk;
        }
        walk.position = walk.block_end;
        walk.entries_left = 0;
    }
    return walk;
}

/* Is this the line's newest entry? */
static bool is_live(const struct ledger *ledger, uint64_t position, struct text entry) {
    struct text key;
    bool found = entry_key(entry, &key);
    REQUIRE(found);
    struct index_probe probe = index_find(&ledger->index, entry_key_hash(key));
    uint64_t candidate = 0;
    while (index_next(&probe, &candidate)) {
        if (candidate == position) {
            return true;
        }
    }
    return false;
}

static uint64_t behind_entry(const struct ledger *ledger, uint64_t position, struct text entry) {
    return position + (uint64_t)(entry.data + entry.size - log_at(&ledger->log, position).data);
}

static void look_ahead(const struct ledger *ledger, struct ledger_walk *walk) {
    while (walk->ahead_left > 0 && walk->ahead_left + SLOTS_AHEAD > walk->entries_left) {
        struct text entry = ledger_entry_at(ledger, walk->ahead);
        struct text key;
        bool found = entry_key(entry, &key);
        REQUIRE(found);
        index_expect(&ledger->index, entry_key_hash(key));
        walk->ahead = behind_entry(ledger, walk->ahead, entry);
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
        struct text entry = ledger_entry_at(ledger, position);
        walk->position = behind_entry(ledger, position, entry);
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
        ledger_unpack(ledger, ledger_entry_at(ledger, ledger->index.slots[i] & INDEX_POSITION_MAX),
                      &state);
        keys[count].customer_id = arena_copy(&arena, state.line.customer_id);
        keys[count++].line_id = arena_copy(&arena, state.line.line_id);
    }
    REQUIRE(count == ledger->index.count);
    qsort(keys, count, sizeof *keys, compare_visit_keys);
    bool go_on = true;
    for (size_t i = 0; i < count && go_on; i++) {
        struct line_state state;
        bool found = ledger_find(ledger, keys[i].customer_id, keys[i].line_id, &state);
        REQUIRE(found);
        go_on = visit(context, &state);
    }
    arena_release(&arena);
    return go_on;
}
