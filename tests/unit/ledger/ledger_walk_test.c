#include "accrued/ledger.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_COUNT 400

static struct program program_items[] = {{.id = {"reseller", 8}}, {.id = {"osu", 3}}};
static struct programs programs = {.items = program_items, .count = 2, .revision = 1};

/* Blocks as the topic would keep them. */
struct topic {
    struct buffer bytes;
    size_t starts[4096];
    size_t count;
};

static bool topic_take(void *context, uint64_t block_id, struct text block) {
    struct topic *topic = context;
    cr_assert(block_id > 0 && topic->count + 1 < 4096);
    buffer_append_text(&topic->bytes, block);
    topic->starts[++topic->count] = topic->bytes.size;
    return true;
}

static void topic_init(struct topic *topic) {
    *topic = (struct topic){.count = 0};
    buffer_init(&topic->bytes);
}

static struct ledger *restored(const struct topic *topic) {
    struct ledger *ledger = ledger_open(&programs, 0, 1);
    for (size_t i = 0; i < topic->count; i++) {
        struct fault fault = {""};
        struct text block = {(const char *)topic->bytes.data + topic->starts[i],
                             topic->starts[i + 1] - topic->starts[i]};
        cr_assert(ledger_restore(ledger, block, &fault), "%s", fault.text);
    }
    return ledger;
}

static void put(struct ledger *ledger, size_t line, int64_t revision) {
    char id[24];
    (void)snprintf(id, sizeof id, "%zu", line);
    struct line_state state = {
        .line = {.customer_id = {"c", 1}, .line_id = text_of(id), .revision = revision},
        .origin_offset = revision,
        .rerate_offset = -1,
    };
    ledger_put(ledger, &state);
}

static void commit(struct ledger *ledger, struct topic *topic, struct dice *dice) {
    static int64_t next_offset;
    struct ledger_position position = {++next_offset, 0, 0};
    cr_assert(ledger_seal(ledger, position, 1, 100 + dice_below(dice, 2000), topic_take, topic));
    ledger_commit(ledger);
}

static size_t line_of(const struct line_state *state) {
    int64_t line = -1;
    cr_assert(text_to_int64(state->line.line_id, &line) && line < LINE_COUNT);
    return (size_t)line;
}

/* What a re-rate does: walks, posts some of what it meets, commits while live lines come in, and
 * sometimes is another process that goes on where the last one stood. */
Test(ledger_walk, meets_every_line_whatever_happens_meanwhile, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct dice dice = {seed};
        struct topic topic;
        topic_init(&topic);
        struct ledger *ledger = ledger_open(&programs, 0, 1);
        int64_t revisions[LINE_COUNT] = {0}; /* 0: unknown */
        for (int transaction = 0; transaction < 30; transaction++) {
            for (size_t count = 1 + dice_below(&dice, 30); count > 0; count--) {
                size_t line = dice_below(&dice, LINE_COUNT);
                put(ledger, line, ++revisions[line]);
            }
            commit(ledger, &topic, &dice);
        }
        bool is_met[LINE_COUNT] = {false};
        bool is_known[LINE_COUNT];
        for (size_t i = 0; i < LINE_COUNT; i++) {
            is_known[i] = revisions[i] > 0;
        }
        struct ledger_walk walk = ledger_walk_begin(ledger, 0);
        struct line_state state;
        int live_transactions = 60;
        while (ledger_walk_next(ledger, &walk, &state)) {
            size_t line = line_of(&state);
            cr_assert_eq(state.line.revision, revisions[line], "an entry that is not the newest");
            is_met[line] = true;
            if (!dice_hits(&dice, 8) || live_transactions-- <= 0) {
                continue;
            }
            for (size_t count = dice_below(&dice, 5); count > 0; count--) {
                line = dice_below(&dice, LINE_COUNT);
                put(ledger, line, ++revisions[line]);
            }
            /* All before this block is done; it itself is not. */
            struct ledger_rerate rerate = {7, walk.block_id - 1, 9, walk.block_id % 3};
            bool aborts = dice_hits(&dice, 4);
            struct ledger_rerate before = ledger_rerate(ledger);
            ledger_set_rerate(ledger, rerate, true);
            if (aborts) {
                ledger_abort(ledger);
                cr_assert_eq(ledger_rerate(ledger).offset, before.offset);
                cr_assert_eq(ledger_rerate(ledger).reached, before.reached);
                for (size_t i = 0; i < LINE_COUNT; i++) {
                    char id[24];
                    (void)snprintf(id, sizeof id, "%zu", i);
                    revisions[i] = ledger_find(ledger, TEXT("c"), text_of(id), &state)
                                       ? state.line.revision
                                       : 0;
                }
                continue;
            }
            commit(ledger, &topic, &dice);
            cr_assert_eq(ledger_rerate(ledger).offset, 7);
            cr_assert_eq(ledger_rerate(ledger).reached, rerate.reached);
            if (dice_hits(&dice, 5)) {
                ledger_free(ledger);
                ledger = restored(&topic);
                cr_assert_eq(ledger_rerate(ledger).offset, 7);
                cr_assert_eq(ledger_rerate(ledger).reached, rerate.reached);
                bool says_more = rerate.reached > 0 || rerate.unrated > 0;
                cr_assert(ledger_rerate(ledger).head == (says_more ? 9 : 0));
                cr_assert(ledger_rerate(ledger).unrated == rerate.unrated);
                walk = ledger_walk_begin(ledger, ledger_rerate(ledger).reached);
            }
        }
        for (size_t i = 0; i < LINE_COUNT; i++) {
            cr_assert(is_met[i] || !is_known[i], "seed %llu: line %zu was never met",
                      (unsigned long long)seed, i);
        }
        /* Nothing more, until something is committed. */
        cr_assert(!ledger_walk_next(ledger, &walk, &state));
        put(ledger, 0, ++revisions[0]);
        cr_assert(!ledger_walk_next(ledger, &walk, &state));
        commit(ledger, &topic, &dice);
        cr_assert(ledger_walk_next(ledger, &walk, &state));
        cr_assert_eq(line_of(&state), 0);
        cr_assert(!ledger_walk_next(ledger, &walk, &state));
        ledger_free(ledger);
        buffer_release(&topic.bytes);
    }
}

Test(ledger_walk, an_empty_ledger_and_an_empty_block) {
    struct dice dice = {1};
    struct topic topic;
    topic_init(&topic);
    struct ledger *ledger = ledger_open(&programs, 0, 1);
    struct line_state state;
    struct ledger_walk walk = ledger_walk_begin(ledger, 0);
    cr_assert(!ledger_walk_next(ledger, &walk, &state));
    cr_assert_eq(ledger_rerate(ledger).offset, -1);
    /* A request that concerned no line still has to be remembered. */
    ledger_set_rerate(ledger, (struct ledger_rerate){.offset = 3, .head = 2, .unrated = 5}, true);
    commit(ledger, &topic, &dice);
    cr_assert_eq(topic.count, 1);
    cr_assert(!ledger_walk_next(ledger, &walk, &state));
    /* Not worth a block of its own. */
    ledger_set_rerate(ledger, (struct ledger_rerate){.offset = 4}, false);
    commit(ledger, &topic, &dice);
    cr_assert_eq(topic.count, 1);
    put(ledger, 5, 1);
    commit(ledger, &topic, &dice);
    cr_assert_eq(topic.count, 2);
    cr_assert(ledger_walk_next(ledger, &walk, &state));
    cr_assert_eq(line_of(&state), 5);
    struct ledger *again = restored(&topic);
    cr_assert_eq(ledger_line_count(again), 1);
    cr_assert(ledger_rerate(again).offset == ledger_rerate(ledger).offset);
    walk = ledger_walk_begin(again, ledger_last_block_id(again));
    cr_assert(!ledger_walk_next(again, &walk, &state));
    ledger_free(again);
    ledger_free(ledger);
    buffer_release(&topic.bytes);
}
