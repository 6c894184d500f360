/* The index against a plain list of keys, through all of its ways to grow and to shrink. */
#include "ledger/index.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* hashes[position]: keys are told apart by it, as entries tell keys apart. */
struct model {
    struct line_index index;
    uint64_t *hashes;
    size_t count;
    size_t asked; /* how many hashes the index has asked for */
};

static void hashes_at(void *context, const uint64_t *positions, size_t count,
                      uint64_t *ret_hashes) {
    struct model *model = context;
    cr_assert(count <= INDEX_HASHES_MAX);
    for (size_t i = 0; i < count; i++) {
        cr_assert(positions[i] > 0 && positions[i] <= model->count);
        ret_hashes[i] = model->hashes[positions[i]];
    }
    model->asked += count;
}

static void begin(struct model *model, size_t count_max) {
    *model = (struct model){.hashes = calloc(count_max + 1, sizeof(uint64_t))};
    cr_assert_not_null(model->hashes);
    index_init(&model->index);
}

static void end(struct model *model) {
    index_release(&model->index);
    free(model->hashes);
}

/* How many candidates were looked at before the key was found; 0: it was not. */
static size_t candidates(const struct model *model, uint64_t hash, struct index_probe *ret_probe) {
    *ret_probe = index_find(&model->index, hash);
    uint64_t position = 0;
    for (size_t count = 1; index_next(ret_probe, &position); count++) {
        if (model->hashes[position] == hash) {
            return count;
        }
    }
    return 0;
}

static void add(struct model *model, uint64_t hash) {
    struct index_probe probe;
    cr_assert_eq(candidates(model, hash, &probe), 0);
    model->hashes[++model->count] = hash;
    index_insert(&model->index, &probe, hash, model->count, hashes_at, model);
}

static void check_all(const struct model *model) {
    cr_assert_eq(model->index.count, model->count);
    size_t looked = 0;
    for (size_t position = 1; position <= model->count; position++) {
        struct index_probe probe;
        size_t count = candidates(model, model->hashes[position], &probe);
        cr_assert(count > 0, "the key at %zu of %zu is lost, capacity %zu", position, model->count,
                  model->index.capacity);
        looked += count;
    }
    cr_assert(model->count < 1000 || looked < model->count + model->count / 4);
    size_t taken = 0;
    for (size_t i = 0; i < model->index.capacity; i++) {
        taken += model->index.slots[i] != 0 ? 1 : 0;
    }
    cr_assert_eq(taken, model->count, "no key stands twice");
}

/* Random keys, checked whole around every growth; from 64 Ki slots on no hash is asked for. */
Test(index, grows_without_the_entries) {
    const size_t count_max = 1500000;
    struct dice dice = {20261125};
    struct model model;
    begin(&model, count_max);
    size_t asked_small = 0;
    while (model.count < count_max) {
        size_t capacity = model.index.capacity;
        add(&model, dice_next(&dice));
        if (model.index.capacity != capacity) {
            check_all(&model);
        }
        asked_small = model.index.capacity <= 1 << 16 ? model.asked : asked_small;
    }
    check_all(&model);
    cr_assert_eq(model.index.capacity, 1 << 22);
    cr_assert_eq(model.asked, asked_small);
    cr_assert(asked_small > 0);
    cr_assert(!model.index.has_far);
    end(&model);
}

/* Makes room for many at once, and gives it back. */
Test(index, reserves_and_fits) {
    struct dice dice = {7};
    struct model model;
    begin(&model, 400000);
    for (int round = 0; round < 6; round++) {
        index_reserve(&model.index, 5000000 >> round, hashes_at, &model);
        size_t capacity = model.index.capacity;
        cr_assert(round > 0 || capacity == 1 << 23);
        for (size_t i = 0; i < 50000; i++) {
            add(&model, dice_next(&dice));
        }
        check_all(&model);
        index_fit(&model.index, hashes_at, &model);
        cr_assert(model.index.capacity <= capacity);
        cr_assert(model.index.count * 20 > model.index.capacity * 7);
        check_all(&model);
    }
    end(&model);
}

/* A key that moves keeps its place in the table. */
Test(index, moves) {
    struct dice dice = {3};
    struct model model;
    begin(&model, 200000);
    for (size_t i = 0; i < 100000; i++) {
        add(&model, dice_next(&dice));
    }
    for (size_t i = 0; i < 1000; i++) {
        size_t old = 1 + dice_below(&dice, 100000);
        if (model.hashes[old] == 0) {
            continue;
        }
        struct index_probe probe;
        cr_assert(candidates(&model, model.hashes[old], &probe) > 0);
        model.hashes[++model.count] = model.hashes[old];
        index_move(&model.index, &probe, model.count);
        uint64_t hash = model.hashes[old];
        model.hashes[old] = 0;
        cr_assert(candidates(&model, hash, &probe) > 0);
    }
    cr_assert_eq(model.index.count, 100000);
    end(&model);
}

/* Runs that pass the table's end, and the end of what becomes its half. */
Test(index, grows_where_runs_pass_the_end) {
    struct dice dice = {11};
    struct model model;
    begin(&model, 300000);
    index_reserve(&model.index, 40000, hashes_at, &model);
    while (model.index.capacity < 1 << 19) {
        uint64_t hash = dice_next(&dice);
        if (dice_hits(&dice, 1500)) {
            /* The base bits all set, and the near bits nearly: among the last slots. */
            hash |= (INDEX_NEAR_COUNT - 1) << INDEX_POSITION_BITS | 0xffff;
            hash -= (uint64_t)dice_below(&dice, 4) << INDEX_POSITION_BITS;
        }
        size_t capacity = model.index.capacity;
        add(&model, hash);
        if (model.index.capacity != capacity) {
            cr_assert(model.index.slots[0] != 0, "a run passes the end");
            check_all(&model);
        }
    }
    cr_assert(!model.index.has_far);
    end(&model);
}

/* Keys of one home, more than a slot can tell apart: then the hashes are asked for, as ever. */
Test(index, survives_keys_of_one_home) {
    struct dice dice = {5};
    struct model model;
    begin(&model, 200000);
    for (size_t i = 0; i < 2 * INDEX_NEAR_COUNT; i++) {
        add(&model, (uint64_t)(i + 1) << 49 | 0x155);
    }
    cr_assert(model.index.has_far);
    for (size_t i = 0; i < 150000; i++) {
        add(&model, dice_next(&dice));
    }
    cr_assert_eq(model.index.count, model.count);
    for (size_t position = 1; position <= model.count; position++) {
        struct index_probe probe;
        cr_assert(candidates(&model, model.hashes[position], &probe) > 0);
    }
    end(&model);
}
