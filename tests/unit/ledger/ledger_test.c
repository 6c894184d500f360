#include "accrued/ledger.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE_MAX 900000

static struct program program_items[8];

static struct programs programs_of(size_t count, int64_t revision) {
    static const char *const ids[] = {"reseller", "osu", "dpor", "pal", "p5", "p6", "p7", "p8"};
    for (size_t i = 0; i < count; i++) {
        program_items[i] = (struct program){.id = text_of(ids[i])};
    }
    return (struct programs){.items = program_items, .count = count, .revision = revision};
}

/* Blocks as the topic would keep them. */
struct topic {
    struct buffer bytes;
    size_t starts[4096];
    uint64_t ids[4096];
    size_t count;
    size_t refused_at; /* emit fails at this block; SIZE_MAX: never */
};

static void topic_init(struct topic *topic) {
    *topic = (struct topic){.refused_at = SIZE_MAX};
    buffer_init(&topic->bytes);
}

static bool topic_take(void *context, uint64_t block_id, struct text block) {
    struct topic *topic = context;
    if (topic->count == topic->refused_at) {
        return false;
    }
    cr_assert(topic->count + 1 < 4096);
    topic->ids[topic->count] = block_id;
    buffer_append_text(&topic->bytes, block);
    topic->starts[++topic->count] = topic->bytes.size;
    return true;
}

static struct text topic_block(const struct topic *topic, size_t index) {
    return (struct text){(const char *)topic->bytes.data + topic->starts[index],
                         topic->starts[index + 1] - topic->starts[index]};
}

static struct line_state simple_state(const char *customer, const char *line, int64_t revision) {
    return (struct line_state){
        .line =
            {
                .customer_id = text_of(customer),
                .line_id = text_of(line),
                .charge_type = TEXT("new"),
                .currency = {{'E', 'U', 'R'}},
                .revision = revision,
            },
        .origin_offset = revision,
        .rerate_offset = -1,
    };
}

static struct ledger_position position_at(int64_t next_offset) {
    return (struct ledger_position){next_offset, 1000 + next_offset,
                                    UINT64_C(0xABCD) + (uint64_t)next_offset};
}

static void seal_and_commit(struct ledger *ledger, struct topic *topic, int64_t next_offset) {
    cr_assert(ledger_seal(ledger, position_at(next_offset), 77, BLOCK_SIZE_MAX, topic_take, topic));
    ledger_commit(ledger);
}

static struct ledger *restored(const struct programs *programs, const struct topic *topic) {
    struct ledger *ledger = ledger_open(programs, 3, 8);
    for (size_t i = 0; i < topic->count; i++) {
        struct fault fault = {""};
        cr_assert(ledger_restore(ledger, topic_block(topic, i), &fault), "block %zu: %s", i,
                  fault.text);
    }
    return ledger;
}

Test(ledger, finds_what_was_put_before_and_after_the_commit) {
    struct programs programs = programs_of(4, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    topic_init(&topic);
    struct line_state found;
    cr_assert(!ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
    struct line_state state = simple_state("c", "l", 1);
    ledger_put(ledger, &state);
    cr_assert_eq(ledger_pending_count(ledger), 1);
    cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
    cr_assert(dice_states_equal(&found, &state));
    cr_assert_eq(ledger_line_count(ledger), 0);
    cr_assert_eq(ledger_position(ledger).next_offset, 0);
    cr_assert_eq(ledger_position(ledger).record_timestamp_ms, -1);
    seal_and_commit(ledger, &topic, 5);
    cr_assert_eq(ledger_pending_count(ledger), 0);
    cr_assert_eq(ledger_line_count(ledger), 1);
    cr_assert_eq(ledger_last_block_id(ledger), 1);
    cr_assert_eq(ledger_position(ledger).next_offset, 5);
    cr_assert_eq(ledger_position(ledger).record_hash, 0xABCD + 5);
    cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
    cr_assert(dice_states_equal(&found, &state));
    /* Neither a prefix nor a longer id nor a shifted border is the same line. */
    cr_assert(!ledger_find(ledger, TEXT("c"), TEXT("l2"), &found));
    cr_assert(!ledger_find(ledger, TEXT("cl"), TEXT(""), &found));
    cr_assert(!ledger_find(ledger, TEXT(""), TEXT("cl"), &found));
    cr_assert(ledger_seal(ledger, position_at(6), 77, BLOCK_SIZE_MAX, topic_take, &topic));
    ledger_commit(ledger);
    cr_assert_eq(topic.count, 1);
    ledger_free(ledger);
    buffer_release(&topic.bytes);
}

Test(ledger, abort_brings_back_what_was_committed) {
    struct programs programs = programs_of(4, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    struct topic aborted;
    topic_init(&topic);
    topic_init(&aborted);
    struct line_state first = simple_state("c", "l", 1);
    ledger_put(ledger, &first);
    seal_and_commit(ledger, &topic, 5);
    struct line_state second = simple_state("c", "l", 2);
    struct line_state other = simple_state("c", "other", 1);
    struct line_state found;
    /* Aborted before the seal, after it, and after an emit that failed. */
    for (int way = 0; way < 3; way++) {
        ledger_put(ledger, &second);
        ledger_put(ledger, &other);
        cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
        cr_assert_eq(found.line.revision, 2);
        if (way > 0) {
            aborted.refused_at = way == 2 ? aborted.count + 1 : SIZE_MAX;
            cr_assert_eq(ledger_seal(ledger, position_at(9), 78, 1, topic_take, &aborted),
                         way == 1);
            cr_assert_eq(ledger_position(ledger).next_offset, 5);
        }
        ledger_abort(ledger);
        cr_assert_eq(ledger_pending_count(ledger), 0);
        cr_assert_eq(ledger_line_count(ledger), 1);
        cr_assert_eq(ledger_position(ledger).next_offset, 5);
        cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
        cr_assert(dice_states_equal(&found, &first));
        cr_assert(!ledger_find(ledger, TEXT("c"), TEXT("other"), &found));
    }
    ledger_put(ledger, &second);
    seal_and_commit(ledger, &topic, 9);
    /* Ids of aborted blocks (2 × 2) are never used again. */
    cr_assert_eq(topic.count, 2);
    cr_assert_eq(topic.ids[0], 1);
    cr_assert_eq(topic.ids[1], 6);
    struct block_view views[2];
    struct fault fault;
    cr_assert(block_parse(topic_block(&topic, 0), &views[0], &fault));
    cr_assert(block_parse(topic_block(&topic, 1), &views[1], &fault));
    cr_assert_eq(views[0].header.incarnation, 77);
    cr_assert_eq(views[1].header.incarnation, 77);
    cr_assert_eq(views[1].header.next_offset, 9);
    struct ledger *again = restored(&programs, &topic);
    cr_assert(ledger_find(again, TEXT("c"), TEXT("l"), &found));
    cr_assert(dice_states_equal(&found, &second));
    cr_assert_eq(ledger_line_count(again), 1);
    ledger_free(again);
    ledger_free(ledger);
    buffer_release(&topic.bytes);
    buffer_release(&aborted.bytes);
}

/* The next state of a line keeps texts of the one that was found: posting.c copies earners. */
Test(ledger, puts_a_state_that_borrows_from_the_ledger_itself) {
    struct programs programs = programs_of(4, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct earner earners[40];
    char partners[40][8];
    for (size_t i = 0; i < 40; i++) {
        (void)snprintf(partners[i], sizeof partners[i], "42%05zu", i);
        earners[i] = (struct earner){.partner_mpn_id = text_of(partners[i]), .sequence = 1};
    }
    struct line_state state = simple_state("c", "l", 0);
    state.earners = earners;
    state.earner_count = 40;
    ledger_put(ledger, &state);
    for (int revision = 1; revision < 200; revision++) {
        struct line_state found;
        cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
        cr_assert(dice_states_equal(&found, &state), "revision %d", revision);
        state.line.revision = revision;
        found.line.revision = revision;
        ledger_put(ledger, &found);
    }
    ledger_free(ledger);
}

struct world {
    struct dice dice;
    struct arena arena;
    struct line_state *committed; /* by line */
    struct line_state *pending;
    bool *is_committed;
    size_t line_count;
};

static void check_world(struct ledger *ledger, const struct world *world) {
    size_t known = 0;
    for (size_t i = 0; i < world->line_count; i++) {
        struct line_state found;
        const struct line_state *wanted = &world->committed[i];
        bool is_found = ledger_find(ledger, wanted->line.customer_id, wanted->line.line_id, &found);
        cr_assert_eq(is_found, world->is_committed[i], "line %zu", i);
        cr_assert(!is_found || dice_states_equal(&found, wanted), "line %zu", i);
        known += is_found;
    }
    cr_assert_eq(ledger_line_count(ledger), known);
}

struct last_visit {
    struct arena arena;
    struct text customer_id;
    struct text line_id;
};

static bool check_order(void *context, const struct line_state *state) {
    struct last_visit *last = context;
    int order = text_compare(last->customer_id, state->line.customer_id);
    cr_assert(order < 0 || (order == 0 && text_compare(last->line_id, state->line.line_id) < 0));
    last->customer_id = arena_copy(&last->arena, state->line.customer_id);
    last->line_id = arena_copy(&last->arena, state->line.line_id);
    return true;
}

/* Random transactions, some of them aborted, in blocks of random size: the ledger is what a plain
 * array says it is, and so is the one that is restored from its blocks at any time. */
Test(ledger, equals_its_model_and_its_restored_self, .timeout = 240) {
    struct programs programs = programs_of(4, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    struct topic aborted;
    topic_init(&topic);
    topic_init(&aborted);
    struct world world = {.dice = {1}, .line_count = 1500};
    arena_init(&world.arena);
    world.committed = calloc(world.line_count, sizeof *world.committed);
    world.pending = calloc(world.line_count, sizeof *world.pending);
    world.is_committed = calloc(world.line_count, sizeof *world.is_committed);
    for (size_t i = 0; i < world.line_count; i++) {
        world.committed[i] = dice_state(&world.dice, &world.arena, 4);
        /* Unique, and many lines of one customer. */
        char *id = arena_take(&world.arena, 24);
        (void)snprintf(id, 24, "%zu", i);
        world.committed[i].line.line_id = text_of(id);
        if (i > 0 && dice_hits(&world.dice, 2)) {
            world.committed[i].line.customer_id = world.committed[i - 1].line.customer_id;
        }
    }
    int64_t next_offset = 0;
    for (int transaction = 0; transaction < 150; transaction++) {
        bool *is_pending = calloc(world.line_count, sizeof *is_pending);
        size_t put_count = 1 + dice_below(&world.dice, 40);
        for (size_t put = 0; put < put_count; put++) {
            size_t i = dice_below(&world.dice, world.line_count);
            struct line_state state = dice_state(&world.dice, &world.arena, 4);
            state.line.customer_id = world.committed[i].line.customer_id;
            state.line.line_id = world.committed[i].line.line_id;
            ledger_put(ledger, &state);
            world.pending[i] = state;
            is_pending[i] = true;
            struct line_state found;
            cr_assert(ledger_find(ledger, state.line.customer_id, state.line.line_id, &found));
            cr_assert(dice_states_equal(&found, &state));
        }
        bool aborts = dice_hits(&world.dice, 4);
        next_offset += aborts ? 0 : (int64_t)put_count;
        cr_assert(ledger_seal(ledger, position_at(next_offset), 77,
                              1 + dice_below(&world.dice, 20000), topic_take,
                              aborts ? &aborted : &topic));
        for (size_t i = 0; i < world.line_count && !aborts; i++) {
            if (is_pending[i]) {
                world.committed[i] = world.pending[i];
                world.is_committed[i] = true;
            }
        }
        if (aborts) {
            ledger_abort(ledger);
        } else {
            ledger_commit(ledger);
        }
        free(is_pending);
        if (transaction % 30 == 29) {
            check_world(ledger, &world);
            struct ledger *again = restored(&programs, &topic);
            check_world(again, &world);
            cr_assert_eq(ledger_position(again).next_offset, next_offset);
            cr_assert_eq(ledger_position(again).record_hash, ledger_position(ledger).record_hash);
            cr_assert_eq(ledger_last_block_id(again), topic.ids[topic.count - 1]);
            struct last_visit last = {.line_id = text_null()};
            arena_init(&last.arena);
            cr_assert(ledger_each(again, check_order, &last));
            arena_release(&last.arena);
            /* The restored one goes on where the first one stood. */
            ledger_free(ledger);
            ledger = again;
        }
    }
    for (size_t i = 1; i < topic.count; i++) {
        cr_assert(topic.ids[i] > topic.ids[i - 1]);
    }
    ledger_free(ledger);
    free(world.committed);
    free(world.pending);
    free(world.is_committed);
    arena_release(&world.arena);
    buffer_release(&topic.bytes);
    buffer_release(&aborted.bytes);
}

Test(ledger, packs_blocks_up_to_their_size) {
    struct programs programs = programs_of(4, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    topic_init(&topic);
    static char big[LINE_TEXT_SIZE_MAX];
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 200; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "line-%d", i);
        struct line_state state = simple_state("customer", id, 1);
        state.line.product_name = (struct text){big, i % 50 == 7 ? sizeof big : 10};
        ledger_put(ledger, &state);
    }
    cr_assert(ledger_seal(ledger, position_at(200), 77, 800, topic_take, &topic));
    ledger_commit(ledger);
    size_t entry_count = 0;
    for (size_t i = 0; i < topic.count; i++) {
        struct block_view view;
        struct fault fault;
        cr_assert(block_parse(topic_block(&topic, i), &view, &fault));
        cr_assert(topic_block(&topic, i).size <= 800 || view.entry_count == 1);
        cr_assert_eq(view.header.id, topic.ids[i]);
        cr_assert_eq(view.header.id, i + 1);
        cr_assert_eq(view.header.next_offset, 200);
        cr_assert_eq(view.header.partition, 3);
        cr_assert_eq(view.header.partition_count, 8);
        entry_count += view.entry_count;
    }
    cr_assert_eq(entry_count, 200);
    cr_assert_eq(ledger_line_count(ledger), 200);
    cr_assert(topic.count > 4);
    ledger_free(ledger);
    buffer_release(&topic.bytes);
}

/* The room of a large transaction goes back between two; what was committed stays. */
Test(ledger, gives_its_room_back_between_transactions) {
    struct programs programs = programs_of(4, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    topic_init(&topic);
    struct line_state found;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            char id[24];
            (void)snprintf(id, sizeof id, "line-%d", i);
            struct line_state state = simple_state("customer", id, round);
            ledger_put(ledger, &state);
        }
        cr_assert_gt(ledger_room(ledger), 5000 * 40);
        seal_and_commit(ledger, &topic, 5000 * (round + 1));
        cr_assert_gt(ledger_room(ledger), 2 * 5000 * 40, "kept for the next one");
        ledger_give_room(ledger);
        cr_assert_eq(ledger_room(ledger), 0);
        cr_assert(ledger_find(ledger, TEXT("customer"), TEXT("line-4999"), &found));
        cr_assert_eq(found.line.revision, round);
    }
    ledger_free(ledger);
    buffer_release(&topic.bytes);
}

/* Programs may move in the file, and new ones may come before old ones. */
Test(ledger, survives_a_reordered_program_file) {
    struct programs programs = programs_of(2, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    topic_init(&topic);
    struct earner earners[] = {
        {.program_index = 0, .partner_mpn_id = TEXT("a"), .sequence = 1, .cumulative = {11}},
        {.program_index = 1, .partner_mpn_id = TEXT("b"), .sequence = 2, .cumulative = {22}},
    };
    struct line_state state = simple_state("c", "l", 1);
    state.earners = earners;
    state.earner_count = 2;
    ledger_put(ledger, &state);
    seal_and_commit(ledger, &topic, 1);
    ledger_free(ledger);
    struct program moved[] = {{.id = TEXT("new")}, {.id = TEXT("osu")}, {.id = TEXT("reseller")}};
    struct programs later = {.items = moved, .count = 3, .revision = 2};
    for (int round = 0; round < 2; round++) {
        ledger = restored(&later, &topic);
        struct line_state found;
        cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
        cr_assert_eq(found.earner_count, 2 + round);
        for (size_t i = 0; i < found.earner_count; i++) {
            const struct earner *earner = &found.earners[i];
            struct text id = later.items[earner->program_index].id;
            cr_assert(i == 0 || found.earners[i - 1].program_index < earner->program_index);
            cr_assert_eq((int)earner->cumulative.units, text_equal(id, TEXT("osu"))   ? 22
                                                        : text_equal(id, TEXT("new")) ? 33
                                                                                      : 11);
        }
        if (round == 0) {
            struct earner more[] = {
                {.program_index = 0, .partner_mpn_id = TEXT("n"), .cumulative = {33}},
                found.earners[0],
                found.earners[1],
            };
            found.earners = more;
            found.earner_count = 3;
            ledger_put(ledger, &found);
            seal_and_commit(ledger, &topic, 2);
        }
        ledger_free(ledger);
    }
    buffer_release(&topic.bytes);
}

Test(ledger, refuses_blocks_that_are_not_its_own) {
    struct programs programs = programs_of(2, 5);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    topic_init(&topic);
    for (int64_t i = 0; i < 2; i++) {
        struct line_state state = simple_state("c", "l", i);
        ledger_put(ledger, &state);
        seal_and_commit(ledger, &topic, i + 1);
    }
    ledger_free(ledger);
    struct program lacking_items[] = {{.id = TEXT("reseller")}};
    struct programs lacking = {.items = lacking_items, .count = 1, .revision = 5};
    struct programs older = programs;
    older.revision = 4;
    const struct {
        const struct programs *programs;
        uint32_t partition;
        uint32_t partition_count;
        const char *says; /* NULL: taken in */
    } cases[] = {
        {&programs, 3, 8, NULL},           {&programs, 2, 8, "partition 3"},
        {&programs, 3, 9, "8 partitions"}, {&older, 3, 8, "revision 5"},
        {&lacking, 3, 8, "osu"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {""};
        ledger = ledger_open(cases[i].programs, cases[i].partition, cases[i].partition_count);
        bool taken = ledger_restore(ledger, topic_block(&topic, 0), &fault);
        cr_assert_eq(taken, cases[i].says == NULL, "case %zu: %s", i, fault.text);
        cr_assert(taken || strstr(fault.text, cases[i].says) != NULL, "case %zu: %s", i,
                  fault.text);
        cr_assert_eq(ledger_line_count(ledger), taken ? 1 : 0);
        ledger_free(ledger);
    }
    /* Twice the same, and in the wrong order. */
    struct fault fault = {""};
    ledger = ledger_open(&programs, 3, 8);
    cr_assert(ledger_restore(ledger, topic_block(&topic, 1), &fault));
    cr_assert(!ledger_restore(ledger, topic_block(&topic, 1), &fault));
    cr_assert(strstr(fault.text, "ids must go up") != NULL);
    cr_assert(!ledger_restore(ledger, topic_block(&topic, 0), &fault));
    struct line_state found;
    cr_assert(ledger_find(ledger, TEXT("c"), TEXT("l"), &found));
    cr_assert_eq(found.line.revision, 1);
    ledger_free(ledger);
    buffer_release(&topic.bytes);
}

static bool put_next_revision(void *context, const struct line_state *state) {
    struct ledger *ledger = context;
    struct line_state next = *state;
    next.line.revision++;
    ledger_put(ledger, &next);
    /* What is visited stays valid while others are put. */
    for (int i = 0; i < 20; i++) {
        struct line_state more = simple_state("new", "line", i);
        ledger_put(ledger, &more);
    }
    cr_assert_eq(state->line.revision + 1, next.line.revision);
    cr_assert(text_equal(state->line.customer_id, TEXT("c")));
    return true;
}

static bool stop_at_once(void *context, const struct line_state *state) {
    (void)state;
    (*(int *)context)++;
    return false;
}

Test(ledger, visits_each_line_once_also_when_it_is_put_again) {
    struct programs programs = programs_of(2, 1);
    struct ledger *ledger = ledger_open(&programs, 3, 8);
    struct topic topic;
    topic_init(&topic);
    for (int i = 0; i < 100; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        struct line_state state = simple_state("c", id, 1);
        ledger_put(ledger, &state);
    }
    seal_and_commit(ledger, &topic, 1);
    cr_assert(ledger_each(ledger, put_next_revision, ledger));
    seal_and_commit(ledger, &topic, 2);
    cr_assert_eq(ledger_line_count(ledger), 101);
    struct line_state found;
    cr_assert(ledger_find(ledger, TEXT("c"), TEXT("42"), &found));
    cr_assert_eq(found.line.revision, 2);
    int visits = 0;
    cr_assert(!ledger_each(ledger, stop_at_once, &visits));
    cr_assert_eq(visits, 1);
    ledger_free(ledger);
    buffer_release(&topic.bytes);
}
