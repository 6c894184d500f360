#include "ledger_world.h"

#include "ledger/ledger_state.h"

#define CLEAN_BYTES_MAX 4000

/* A transaction of a few lines, cleaned, sealed into blocks of some size; sometimes aborted. */
static void transact(struct world *world, struct dice *dice, size_t lines_max) {
    for (size_t count = dice_below(dice, lines_max + 1); count > 0; count--) {
        /* Some lines are revised all the time, others never. */
        size_t range = dice_hits(dice, 2) ? 20 : WORLD_LINE_COUNT;
        world_post(world, dice_below(dice, range));
    }
    const struct topic *topic = &world->topic;
    uint64_t newest = topic->count == 0 ? 0 : topic->records[topic->count - 1].id;
    (void)ledger_clean(world->ledger, CLEAN_BYTES_MAX);
    size_t block_size_max = 200 + dice_below(dice, 8000);
    size_t way = dice_below(dice, 12);
    if (way == 0) {
        world_abort(world);
        return;
    }
    world_seal(world, block_size_max);
    for (size_t i = 0; i < world->open_count; i++) {
        cr_assert(world->open[i].size > 0 || world->open[i].id != newest,
                  "the newest block was cleaned away");
    }
    if (way == 1) {
        world_abort(world);
        return;
    }
    world_commit_topic(world);
    ledger_commit(world->ledger);
}

/* The blocks that the topic keeps are those that the ledger holds, and give the ledger. */
static void check_topic(struct world *world) {
    struct ledger *again = ledger_open(&world_programs, 0, 4);
    restore_from(again, &world->topic, -1, true);
    cr_assert(ledgers_agree(again, world->ledger));
    ledger_free(again);
    uint64_t newest = 0;
    for (size_t i = 0; i < world->topic.count; i++) {
        const struct topic_record *record = &world->topic.records[i];
        cr_assert(record->is_dead || blocks_by_id(&world->ledger->table, record->id) != NULL,
                  "block %llu", (unsigned long long)record->id);
        newest = record->is_dead ? newest : record->id;
    }
    cr_assert_eq(newest, world->topic.records[world->topic.count - 1].id);
}

/* The table's figures are what counting gives. */
static void check_table(const struct ledger *ledger) {
    uint64_t live = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < ledger->table.count; i++) {
        const struct block_info *info = &ledger->table.items[i];
        live += info->size == 0 ? 0 : info->live_bytes;
        bytes += info->size;
    }
    cr_assert_eq(ledger->table.live_bytes, live);
    cr_assert_eq(ledger->log.bytes, bytes);
}

static void run(const char *path, uint64_t seed, int transactions) {
    struct dice dice = {seed};
    struct world *world = world_open(path);
    for (int i = 0; i < transactions; i++) {
        transact(world, &dice, 12);
        if (dice_hits(&dice, 40) && path != NULL) {
            ledger_set_mark(world->ledger, world->topic.end);
        }
        if (dice_hits(&dice, 60) && world->topic.count > 0) {
            world_check(world);
            check_table(world->ledger);
            check_topic(world);
        }
        if (dice_hits(&dice, 60)) {
            world_stop(world);
            world_start(world, dice_hits(&dice, 2));
            cr_assert_str_empty(world->doubt.text, "%s", world->doubt.text);
            world_check(world);
            check_table(world->ledger);
        }
    }
    world_check(world);
    check_topic(world);
    world_free(world);
}

Test(ledger_clean, loses_no_line_in_memory, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run(NULL, seed, 300);
    }
}

Test(ledger_clean, loses_no_line_in_a_file, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        char *path = fresh_path();
        run(path, seed, 300);
        remove_path(path);
    }
}

/* Cut anywhere: what the topic has behind the last mark completes what is left, although blocks
 * before the cut were given up for copies behind it. */
Test(ledger_clean, a_cut_file_and_the_topic_are_the_ledger, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct dice dice = {seed};
        char *path = fresh_path();
        struct world *world = world_open(path);
        for (int i = 0; i < 120; i++) {
            transact(world, &dice, 12);
            if (dice_hits(&dice, 10)) {
                ledger_set_mark(world->ledger, world->topic.end);
            }
        }
        struct buffer bytes = read_bytes(path);
        world_stop(world);
        for (int cut = 0; cut < 20; cut++) {
            write_bytes(path, bytes.data, dice_below(&dice, bytes.size));
            world_start(world, dice_hits(&dice, 2));
            world_check(world);
            check_table(world->ledger);
            world_stop(world);
        }
        /* The whole file once more, as of an older time: the topic has gone on meanwhile. */
        (void)unlink(path);
        world_start(world, true);
        for (int i = 0; i < 60; i++) {
            transact(world, &dice, 12);
        }
        world_stop(world);
        write_bytes(path, bytes.data, bytes.size);
        world_start(world, true);
        world_check(world);
        check_table(world->ledger);
        buffer_release(&bytes);
        world_free(world);
        remove_path(path);
    }
}

/* What stands in the log stays a small multiple of what is needed, however long it runs. */
Test(ledger_clean, bytes_stay_bounded, .timeout = 240) {
    struct dice dice = {3};
    char *path = fresh_path();
    struct world *world = world_open(path);
    uint64_t worst_percent = 0;
    for (int i = 0; i < 6000; i++) {
        for (size_t count = 8; count > 0; count--) {
            world_post(world, dice_below(&dice, WORLD_LINE_COUNT));
        }
        (void)ledger_clean(world->ledger, 64 << 10);
        world_commit(world, 100000);
        if (i > 500) {
            uint64_t percent =
                world->ledger->log.bytes * 100 / (world->ledger->table.live_bytes + 1);
            worst_percent = percent > worst_percent ? percent : worst_percent;
        }
    }
    cr_assert_leq(worst_percent, 250, "%llu %% of what is needed",
                  (unsigned long long)worst_percent);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    /* A block lies on pages of its own but for their ends. */
    size_t blocks = world->ledger->table.count - world->ledger->table.dropped;
    cr_assert_leq(
        (uint64_t)status.st_blocks * 512, world->ledger->log.bytes + blocks * 12288 + (2 << 20),
        "the file takes %lld bytes of disk for %llu in %zu blocks",
        (long long)status.st_blocks * 512, (unsigned long long)world->ledger->log.bytes, blocks);
    world_check(world);
    world_stop(world);
    world_start(world, true);
    world_check(world);
    world_free(world);
    remove_path(path);
}

/* Small transactions leave small blocks: they are put together. */
Test(ledger_clean, small_blocks_are_put_together) {
    struct world *world = world_open(NULL);
    for (size_t i = 0; i < 3000; i++) {
        world_post(world, i % 40);
        (void)ledger_clean(world->ledger, 64 << 10);
        world_commit(world, 100000);
    }
    cr_assert_leq(world->ledger->table.count - world->ledger->table.dropped, 600);
    world_check(world);
    check_topic(world);
    world_free(world);
}

/* Nothing to post is no reason to rest: the blocks' tombstones go into a transaction all the same,
 * and with them a block that says where the ledger stands. */
Test(ledger_clean, what_goes_is_in_the_same_transaction_as_what_replaces_it) {
    struct world *world = world_open(NULL);
    for (size_t i = 0; i < 60; i++) {
        world_post(world, i);
    }
    world_commit(world, 100000);
    for (size_t i = 0; i < 55; i++) {
        world_post(world, i);
    }
    world_commit(world, 100000);
    size_t before = world->topic.count;
    size_t victims = ledger_clean(world->ledger, 64 << 10);
    cr_assert_eq(victims, 1);
    cr_assert_eq(ledger_pending_count(world->ledger), 5);
    world_abort(world);
    cr_assert_eq(ledger_pending_count(world->ledger), 0);
    /* The search goes round and finds it again. */
    for (int i = 0; i < 3 && (victims = ledger_clean(world->ledger, 64 << 10)) == 0; i++) {
    }
    cr_assert_eq(victims, 1);
    world_commit(world, 100000);
    cr_assert_eq(world->topic.count, before + 1);
    cr_assert(world->topic.records[0].is_dead);
    world_check(world);
    check_topic(world);
    world_free(world);
}

static size_t line_of(const struct line_state *state) {
    int64_t line = -1;
    struct text id = state->line.line_id;
    cr_assert(text_to_int64((struct text){id.data + 5, id.size - 5}, &line));
    return (size_t)line;
}

/* A re-rate's walk while cleaning moves lines behind it and before it. */
Test(ledger_clean, a_walk_meets_every_line_meanwhile, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct dice dice = {seed};
        struct world *world = world_open(NULL);
        for (int i = 0; i < 60; i++) {
            transact(world, &dice, 12);
        }
        bool is_known[WORLD_LINE_COUNT];
        bool is_met[WORLD_LINE_COUNT] = {false};
        for (size_t i = 0; i < WORLD_LINE_COUNT; i++) {
            is_known[i] = world->revisions[i] > 0;
        }
        struct ledger_walk walk = ledger_walk_begin(world->ledger, 0);
        struct line_state state;
        int transactions = 300;
        while (ledger_walk_next(world->ledger, &walk, &state)) {
            size_t line = line_of(&state);
            cr_assert_eq(state.line.revision, world->revisions[line]);
            is_met[line] = true;
            if (dice_hits(&dice, 4) && transactions-- > 0) {
                transact(world, &dice, 12);
            }
            if (dice_hits(&dice, 50)) {
                /* Another process goes on behind the blocks that are done. */
                uint64_t reached = walk.block_id - 1;
                world_stop(world);
                world_start(world, dice_hits(&dice, 2));
                walk = ledger_walk_begin(world->ledger, reached);
            }
        }
        cr_assert_leq(transactions, 200, "cleaning had no time");
        for (size_t i = 0; i < WORLD_LINE_COUNT; i++) {
            cr_assert(is_met[i] || !is_known[i], "seed %llu: line %zu was never met",
                      (unsigned long long)seed, i);
        }
        world_check(world);
        world_free(world);
    }
}
