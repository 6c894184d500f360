#include "ledger_world.h"

#include "../../src/ledger/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#define BLOCK_SIZE_MAX 3000

/* Some transactions of a few lines each, a mark now and then. */
static void work(struct world *world, struct dice *dice, int transactions) {
    for (int i = 0; i < transactions; i++) {
        for (size_t count = 1 + dice_below(dice, 4); count > 0; count--) {
            world_post(world, dice_below(dice, WORLD_LINE_COUNT));
        }
        if (dice_hits(dice, 6)) {
            struct ledger_rerate rerate = ledger_rerate(world->ledger);
            rerate = (struct ledger_rerate){rerate.offset + 1, dice_below(dice, 9), 3};
            ledger_set_rerate(world->ledger, rerate, true);
        }
        if (dice_hits(dice, 5)) {
            world_abort(world);
        } else {
            world_commit(world, BLOCK_SIZE_MAX);
        }
        if (dice_hits(dice, 5)) {
            ledger_set_mark(world->ledger, world->topic.end);
        }
    }
}

Test(ledger_file, gives_back_what_was_written) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct dice dice = {seed};
        char *path = fresh_path();
        struct world *world = world_open(path);
        for (int start = 0; start < 4; start++) {
            work(world, &dice, 15);
            world_check(world);
            ledger_set_mark(world->ledger, world->topic.end);
            cr_assert(!ledger_wants_mark(world->ledger));
            world_stop(world);
            struct fault doubt;
            struct ledger *loaded = load_file(path, &doubt);
            struct ledger *wanted = prefix_of(&world->topic, UINT64_MAX);
            cr_assert_str_empty(doubt.text);
            cr_assert(ledgers_equal(loaded, wanted));
            cr_assert_eq(ledger_mark(loaded), world->topic.end);
            cr_assert(!ledger_wants_mark(loaded));
            ledger_free(wanted);
            ledger_free(loaded);
            world_start(world, false);
            world_check(world);
        }
        world_free(world);
        remove_path(path);
    }
}

/* As a kill −9 leaves it: the topic has a transaction that the file has not. */
Test(ledger_file, takes_from_the_topic_what_a_killed_process_did_not_write) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct dice dice = {seed};
        char *path = fresh_path();
        struct world *world = world_open(path);
        for (int start = 0; start < 6; start++) {
            work(world, &dice, (int)dice_below(&dice, 10));
            world_post(world, dice_below(&dice, WORLD_LINE_COUNT));
            world_seal(world, BLOCK_SIZE_MAX);
            if (dice_hits(&dice, 2)) {
                world_commit_topic(world);
            }
            world_stop(world);
            world_start(world, false);
            cr_assert_str_empty(world->doubt.text);
            world_check(world);
        }
        world_free(world);
        remove_path(path);
    }
}

/* Whatever the file holds: what it gives is a state that the ledger was once in; with the topic it
 * is the ledger; and it can be written again. Returns whether something was doubted. */
static bool check_damaged(struct world *world, const char *path) {
    struct fault doubt;
    struct ledger *loaded = load_file(path, &doubt);
    bool is_doubted = doubt.text[0] != '\0';
    uint64_t last_id = ledger_last_block_id(loaded);
    struct ledger *wanted = prefix_of(&world->topic, last_id);
    cr_assert(ledgers_equal(loaded, wanted), "not a prefix (block %llu): %s",
              (unsigned long long)last_id, doubt.text);
    cr_assert_leq(ledger_mark(loaded), world->topic.end);
    ledger_free(wanted);
    /* What the mark promises is there: the rest of the topic completes it. */
    cr_assert(!topic_is_foreign(loaded, &world->topic, ledger_mark(loaded)));
    restore_from(loaded, &world->topic, ledger_mark(loaded), false);
    cr_assert(ledgers_equal(loaded, world->ledger), "after block %llu: %s",
              (unsigned long long)last_id, doubt.text);
    ledger_free(loaded);
    /* What was restored stands behind the cut. */
    loaded = load_file(path, &doubt);
    cr_assert_str_empty(doubt.text, "%s", doubt.text);
    cr_assert(ledgers_equal(loaded, world->ledger));
    ledger_free(loaded);
    return is_doubted;
}

static struct world *small_world(const char *path, uint64_t seed) {
    struct dice dice = {seed};
    struct world *world = world_open(path);
    work(world, &dice, 12);
    ledger_set_mark(world->ledger, world->topic.end);
    work(world, &dice, 4);
    return world;
}

/* The ledger goes on without its file, so that the file can be damaged again and again. */
static struct buffer detach(struct world *world) {
    struct buffer bytes = read_bytes(world->path);
    world_stop(world);
    world->path = NULL;
    world_start(world, false);
    return bytes;
}

/* Is nothing lost of a frame that was begun? Behind a cut the file reads as zeros. */
static bool is_whole(const struct buffer *bytes, uint64_t cut) {
    uint64_t first_lost = cut;
    while (first_lost < bytes->size && bytes->data[first_lost] == 0) {
        first_lost++;
    }
    uint64_t end = 64;
    while (end < cut) {
        uint32_t size = 0;
        memcpy(&size, bytes->data + end + 4, sizeof size);
        end += LOG_FRAME_HEADER_SIZE + size;
    }
    return end <= first_lost;
}

Test(ledger_file, cut_off_at_any_byte, .timeout = 60) {
    char *path = fresh_path();
    struct world *world = small_world(path, 5);
    struct buffer bytes = detach(world);
    size_t from = bytes.size > 1000 ? bytes.size - 1000 : 0;
    for (size_t size = 0; size < bytes.size; size += size < 150 || size >= from ? 1 : 197) {
        write_bytes(path, bytes.data, size);
        bool is_doubted = check_damaged(world, path);
        cr_assert_eq(is_doubted, size > 0 && !is_whole(&bytes, size), "%zu bytes", size);
    }
    buffer_release(&bytes);
    world_free(world);
    remove_path(path);
}

Test(ledger_file, a_flipped_bit_anywhere_is_noticed, .timeout = 60) {
    char *path = fresh_path();
    struct world *world = small_world(path, 6);
    struct buffer bytes = detach(world);
    struct dice dice = {6};
    for (size_t at = 0; at < bytes.size; at += at < 250 || at + 200 > bytes.size ? 1 : 41) {
        uint8_t bit = (uint8_t)(1U << dice_below(&dice, 8));
        bytes.data[at] ^= bit;
        write_bytes(path, bytes.data, bytes.size);
        cr_assert(check_damaged(world, path), "byte %zu", at);
        bytes.data[at] ^= bit;
    }
    buffer_release(&bytes);
    world_free(world);
    remove_path(path);
}

/* Pages that were not written when the power went. */
Test(ledger_file, a_stretch_of_zeros_or_noise_anywhere_is_noticed, .timeout = 60) {
    char *path = fresh_path();
    struct world *world = small_world(path, 7);
    struct buffer bytes = detach(world);
    for (uint64_t seed = 1; seed <= 80; seed++) {
        struct dice dice = {seed};
        struct buffer damaged;
        buffer_init(&damaged);
        buffer_append(&damaged, bytes.data, bytes.size);
        size_t at = dice_below(&dice, bytes.size);
        size_t size = 1 + dice_below(&dice, bytes.size - at);
        bool is_noise = dice_hits(&dice, 2);
        for (size_t i = at; i < at + size; i++) {
            damaged.data[i] = is_noise ? (uint8_t)dice_next(&dice) : 0;
        }
        write_bytes(path, damaged.data, damaged.size);
        (void)check_damaged(world, path);
        buffer_release(&damaged);
    }
    buffer_release(&bytes);
    world_free(world);
    remove_path(path);
}
