#include "ledger/blocks.h"

#include "dice.h"

#include <criterion/criterion.h>

#define BLOCK_COUNT 3000

/* A plain list that does the same. */
struct model {
    struct block_info blocks[BLOCK_COUNT];
    bool is_dropped[BLOCK_COUNT];
    size_t count;
};

static size_t random_live(const struct model *model, struct dice *dice) {
    for (;;) {
        size_t at = dice_below(dice, model->count);
        if (!model->is_dropped[at]) {
            return at;
        }
    }
}

static void check(const struct block_table *table, const struct model *model, struct dice *dice) {
    uint64_t live_bytes = 0;
    size_t small = 0;
    size_t first = model->count;
    uint64_t from = dice_below(dice, (size_t)(model->blocks[model->count - 1].position + 2000));
    for (size_t i = model->count; i-- > 0;) {
        const struct block_info *wanted = &model->blocks[i];
        const struct block_info *by_id = blocks_by_id(table, wanted->id);
        if (model->is_dropped[i]) {
            cr_assert_null(by_id);
            continue;
        }
        live_bytes += wanted->live_bytes;
        small += wanted->size < BLOCK_SMALL_SIZE ? 1 : 0;
        first = wanted->position >= from ? i : first;
        cr_assert(by_id != NULL && by_id->position == wanted->position);
        const struct block_info *found = blocks_of(table, wanted->position + wanted->size - 1);
        cr_assert_eq(found->id, wanted->id);
        cr_assert_eq(found->live_bytes, wanted->live_bytes);
        cr_assert_eq(blocks_of(table, wanted->position), found);
    }
    cr_assert_eq(table->live_bytes, live_bytes);
    cr_assert_eq(table->small, small);
    const struct block_info *next = blocks_from(table, from);
    cr_assert_eq(next == NULL, first == model->count);
    cr_assert(next == NULL || next->id == model->blocks[first].id);
}

Test(blocks, do_what_a_plain_list_does) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct dice dice = {seed};
        struct model *model = calloc(1, sizeof *model);
        cr_assert(model != NULL);
        struct block_table table;
        blocks_init(&table);
        uint64_t position = 80;
        size_t left = 0;
        for (size_t step = 0; step < 4000 && model->count < BLOCK_COUNT; step++) {
            size_t choice = dice_below(&dice, 10);
            if (choice < 5 || left == 0) {
                struct block_info block = {.position = position,
                                           .id = model->count * 3 + 1 + dice_below(&dice, 3),
                                           .size = 1 + (uint32_t)dice_below(&dice, 6000)};
                blocks_add(&table, block);
                model->blocks[model->count++] = block;
                position += block.size + 16 + dice_below(&dice, 3000);
                left++;
                continue;
            }
            size_t at = random_live(model, &dice);
            struct block_info *block = &model->blocks[at];
            uint64_t inside = block->position + dice_below(&dice, block->size);
            if (choice < 8 && block->live_bytes < block->size) {
                size_t size = 1 + dice_below(&dice, block->size - block->live_bytes);
                blocks_gain(&table, inside, size);
                block->live_bytes += (uint32_t)size;
            } else if (block->live_bytes > 0) {
                size_t size = 1 + dice_below(&dice, block->live_bytes);
                blocks_lose(&table, inside, size);
                block->live_bytes -= (uint32_t)size;
            } else {
                model->is_dropped[at] = true;
                size_t before = at;
                while (before > 0 && model->is_dropped[before - 1]) {
                    before--;
                }
                uint64_t end = before == 0 ? 0
                                           : model->blocks[before - 1].position +
                                                 model->blocks[before - 1].size;
                cr_assert_eq(blocks_drop(&table, block->position), end);
                left--;
            }
            if (step % 50 == 0) {
                check(&table, model, &dice);
            }
        }
        blocks_clear(&table);
        cr_assert_null(blocks_from(&table, 0));
        cr_assert_null(blocks_by_id(&table, 1));
        cr_assert_null(blocks_victim(&table, 50));
        blocks_release(&table);
        free(model);
    }
}

static void add_blocks(struct block_table *table, size_t count, uint32_t size, uint32_t live) {
    for (size_t i = 0; i < count; i++) {
        uint64_t position =
            table->count == 0 ? 80 : table->items[table->count - 1].position + 100000;
        blocks_add(table,
                   (struct block_info){.position = position, .id = table->count + 1, .size = size});
        if (live > 0) {
            blocks_gain(table, position, live);
        }
    }
}

static size_t count_victims(struct block_table *table, unsigned percent) {
    size_t count = 0;
    while (blocks_victim(table, percent) != NULL) {
        count++;
    }
    return count;
}

Test(blocks, a_victim_is_less_than_half_needed_and_never_the_newest) {
    struct block_table table;
    blocks_init(&table);
    cr_assert_null(blocks_victim(&table, 50));
    add_blocks(&table, 1, 10000, 0);
    cr_assert_null(blocks_victim(&table, 50), "it is the newest");
    add_blocks(&table, 1, 10000, 5000);
    add_blocks(&table, 1, 10000, 4999);
    add_blocks(&table, 1, 10000, 0);
    const struct block_info *victim = blocks_victim(&table, 50);
    cr_assert(victim != NULL && victim->id == 1);
    victim = blocks_victim(&table, 50);
    cr_assert(victim != NULL && victim->id == 3);
    cr_assert_null(blocks_victim(&table, 50));
    /* Round again. */
    victim = blocks_victim(&table, 50);
    cr_assert(victim != NULL && victim->id == 1);
    blocks_drop(&table, victim->position);
    victim = blocks_victim(&table, 50);
    cr_assert(victim != NULL && victim->id == 3);
    blocks_release(&table);
}

Test(blocks, small_ones_are_victims_only_when_there_are_many) {
    struct block_table table;
    blocks_init(&table);
    add_blocks(&table, 256, BLOCK_SMALL_SIZE - 1, BLOCK_SMALL_SIZE - 1);
    add_blocks(&table, 5, BLOCK_SMALL_SIZE, BLOCK_SMALL_SIZE);
    cr_assert_eq(count_victims(&table, 50), 0);
    add_blocks(&table, 1, BLOCK_SMALL_SIZE - 1, BLOCK_SMALL_SIZE - 1);
    add_blocks(&table, 1, BLOCK_SMALL_SIZE, BLOCK_SMALL_SIZE);
    table.cursor = 0;
    cr_assert_eq(count_victims(&table, 50), 257);
    blocks_release(&table);
}

/* A search is short, but goes on where the last one ended. */
Test(blocks, a_search_is_bounded_and_comes_round) {
    struct block_table table;
    blocks_init(&table);
    add_blocks(&table, 5000, 10000, 9000);
    add_blocks(&table, 1, 10000, 100);
    add_blocks(&table, 1, 10000, 9000);
    size_t searches = 1;
    const struct block_info *victim = NULL;
    while ((victim = blocks_victim(&table, 50)) == NULL) {
        searches++;
        cr_assert_lt(searches, 100);
    }
    cr_assert_eq(victim->id, 5001);
    cr_assert_gt(searches, 5);
    blocks_release(&table);
}
