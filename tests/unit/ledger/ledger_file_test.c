#include "ledger_world.h"

#include "accrued/hash.h"
#include "accrued/ledger_file.h"
#include "ledger/log.h"

#define BLOCK_SIZE_MAX 3000

/* Some transactions of a few lines each, a mark now and then. */
static void work(struct world *world, struct dice *dice, int transactions) {
    for (int i = 0; i < transactions; i++) {
        for (size_t count = 1 + dice_below(dice, 4); count > 0; count--) {
            world_post(world, dice_below(dice, WORLD_LINE_COUNT));
        }
        if (dice_hits(dice, 6)) {
            struct ledger_rerate rerate = ledger_rerate(world->ledger);
            rerate.offset++;
            rerate.reached = dice_below(dice, 9);
            rerate.head = rerate.reached > 0 ? rerate.offset : 0;
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

/* How far `accrued ledger` believes the file. */
static uint64_t id_from_outside(const char *path) {
    struct ledger_file_facts facts;
    struct ledger_frame frame;
    struct fault fault;
    uint64_t last_id = 0;
    struct ledger_file *file = ledger_file_open(path, &facts, &fault);
    while (file != NULL && ledger_file_next(file, &frame, &fault) == LEDGER_FILE_FRAME) {
        last_id = frame.kind == LEDGER_FRAME_BLOCK ? frame.block.header.id : last_id;
    }
    ledger_file_close(file);
    return last_id;
}

/* Whatever the file holds: what it gives is a state that the ledger was once in; with the topic it
 * is the ledger; and it can be written again. Returns whether something was doubted. */
static bool check_damaged(struct world *world, const char *path) {
    struct fault doubt;
    uint64_t seen_id = id_from_outside(path);
    struct ledger *loaded = load_file(path, &doubt);
    bool is_doubted = doubt.text[0] != '\0';
    uint64_t last_id = ledger_last_block_id(loaded);
    cr_assert_eq(seen_id, last_id, "%llu seen from outside, %llu loaded",
                 (unsigned long long)seen_id, (unsigned long long)last_id);
    struct ledger *wanted = prefix_of(&world->topic, last_id);
    cr_assert(ledgers_equal(loaded, wanted), "not a prefix (block %llu): %s",
              (unsigned long long)last_id, doubt.text);
    cr_assert_leq(ledger_mark(loaded), world->topic.end);
    ledger_free(wanted);
    /* What the mark promises is there: the rest of the topic completes it. */
    cr_assert(!topic_is_foreign(loaded, &world->topic, ledger_read_from(loaded)));
    restore_from(loaded, &world->topic, ledger_read_from(loaded), false);
    cr_assert(ledger_is_proven(loaded, &doubt), "%s", doubt.text);
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

Test(ledger_file, cut_off_at_any_byte, .timeout = 240) {
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

Test(ledger_file, a_flipped_bit_anywhere_is_noticed, .timeout = 240) {
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
Test(ledger_file, a_stretch_of_zeros_or_noise_anywhere_is_noticed, .timeout = 240) {
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

/* ------------------------------------------------------------ files of others */

static void flip_header(const char *path, size_t at, uint8_t bits, bool is_sealed_again) {
    struct buffer bytes = read_bytes(path);
    bytes.data[at] ^= bits;
    if (is_sealed_again) {
        uint64_t sum = hash64(bytes.data, 56, UINT64_C(0x61636c66));
        memcpy(bytes.data + 56, &sum, sizeof sum);
    }
    write_bytes(path, bytes.data, bytes.size);
    buffer_release(&bytes);
}

Test(ledger_file, of_another_version_or_partition_is_begun_anew) {
    static const struct {
        size_t at;
        uint8_t bits;
        bool is_sealed_again;
        const char *told;
    } cases[] = {
        {0, 1, true, "it is not a ledger file"},
        {4, 3, true, "it has format version 2, this build reads and writes 1"},
        {5, 128, true, "it has format version 32769, this build reads and writes 1"},
        {8, 2, true, "it is of partition 2 of 4, not of 0 of 4"},
        {12, 1, true, "it is of partition 0 of 5, not of 0 of 4"},
        {12, 1, false, "its header is damaged"},
        {40, 1, false, "its header is damaged"},
        {56, 1, false, "its header is damaged"},
    };
    char *path = fresh_path();
    struct world *world = small_world(path, 8);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_stop(world);
        flip_header(path, cases[i].at, cases[i].bits, cases[i].is_sealed_again);
        struct fault doubt;
        struct ledger *loaded = load_file(path, &doubt);
        cr_assert(strstr(doubt.text, cases[i].told) != NULL, "%s", doubt.text);
        cr_assert(strstr(doubt.text, path) != NULL, "%s", doubt.text);
        cr_assert_eq(ledger_mark(loaded), -1);
        cr_assert_eq(ledger_line_count(loaded), 0);
        ledger_free(loaded);
        world_start(world, false);
        cr_assert_str_empty(world->doubt.text);
        world_check(world);
        world_stop(world);
        world_start(world, false);
        cr_assert_eq(ledger_mark(world->ledger), world->topic.end);
        world_check(world);
    }
    world_free(world);
    remove_path(path);
}

Test(ledger_file, of_any_other_kind_is_begun_anew) {
    char *path = fresh_path();
    static const char *const contents[] = {"x", "a text that somebody left here by mistake", ""};
    for (size_t i = 0; i < 3; i++) {
        write_bytes(path, contents[i], strlen(contents[i]));
        struct world *world = world_open(path);
        cr_assert_eq(world->doubt.text[0] == '\0', contents[i][0] == '\0');
        world_post(world, 3);
        world_commit(world, BLOCK_SIZE_MAX);
        world_stop(world);
        world_start(world, false);
        cr_assert_str_empty(world->doubt.text);
        world_check(world);
        world_free(world);
    }
    remove_path(path);
}

Test(ledger_file, has_one_owner) {
    char *path = fresh_path();
    struct world *world = small_world(path, 9);
    struct ledger *second = ledger_open(&world_programs, 0, 4);
    struct fault fault = {""};
    bool is_taken = false;
    cr_assert(!ledger_attach(second, path, &is_taken, &fault));
    cr_assert(is_taken);
    cr_assert(strstr(fault.text, path) != NULL, "%s", fault.text);
    /* It works in memory, and the first one's file is as it was. */
    restore_from(second, &world->topic, -1, false);
    cr_assert(ledgers_equal(second, world->ledger));
    cr_assert(!ledger_wants_mark(second));
    ledger_free(second);
    world_stop(world);
    world_start(world, false);
    world_check(world);
    world_free(world);
    remove_path(path);
}

Test(ledger_file, that_cannot_be_opened_is_a_fault) {
    struct ledger *ledger = ledger_open(&world_programs, 0, 4);
    struct fault fault = {""};
    bool is_taken = true;
    cr_assert(!ledger_attach(ledger, "/no/such/directory/0.ledger", &is_taken, &fault));
    cr_assert(!is_taken);
    cr_assert(strstr(fault.text, "/no/such/directory/0.ledger: No such file or directory") != NULL,
              "%s", fault.text);
    cr_assert(!ledger_attach(ledger, "/", &is_taken, &fault));
    cr_assert(!is_taken);
    ledger_free(ledger);
}

/* The same topic name in another environment, and its file copied here. */
Test(ledger_file, of_another_ledger_is_recognised_by_the_topic) {
    char *path = fresh_path();
    struct world *other = small_world(path, 10);
    uint64_t other_id = ledger_last_block_id(other->ledger);
    world_free(other);
    struct world *world = world_open(NULL);
    world->incarnation = 78;
    struct dice dice = {11};
    work(world, &dice, 30);
    cr_assert_gt(ledger_last_block_id(world->ledger), other_id);
    world_stop(world);
    world->path = path;
    struct fault doubt;
    struct ledger *loaded = load_file(path, &doubt);
    cr_assert_str_empty(doubt.text);
    cr_assert(ledger_is_foreign(loaded, record_block(&world->topic, 0)));
    cr_assert(!ledger_is_foreign(loaded, TEXT("not a block")));
    ledger_discard(loaded);
    cr_assert_eq(ledger_line_count(loaded), 0);
    cr_assert_eq(ledger_mark(loaded), -1);
    cr_assert_eq(ledger_last_block_id(loaded), 0);
    cr_assert(!ledger_is_foreign(loaded, record_block(&world->topic, 0)));
    restore_from(loaded, &world->topic, -1, false);
    ledger_set_mark(loaded, world->topic.end);
    ledger_free(loaded);
    world_start(world, false);
    cr_assert_str_empty(world->doubt.text);
    world_check(world);
    world_free(world);
    remove_path(path);
}

/* Kafka lost its end and the ids were given again: the same ledger by name, another history. */
Test(ledger_file, with_another_history_of_the_same_ledger_is_foreign) {
    char *path = fresh_path();
    struct world *world = world_open(path);
    for (size_t i = 0; i < 4; i++) {
        world_post(world, i);
        world_commit(world, BLOCK_SIZE_MAX);
    }
    world_stop(world);
    struct fault doubt;
    struct ledger *loaded = load_file(path, &doubt);
    for (size_t i = 0; i < 4; i++) {
        cr_assert(!ledger_is_foreign(loaded, record_block(&world->topic, i)));
    }
    struct world *others = world_open(NULL);
    for (size_t i = 0; i < 3; i++) {
        world_post(others, i);
        world_commit(others, BLOCK_SIZE_MAX);
    }
    world_post(others, 77);
    world_commit(others, BLOCK_SIZE_MAX);
    cr_assert(!ledger_is_foreign(loaded, record_block(&others->topic, 2)));
    cr_assert(ledger_is_foreign(loaded, record_block(&others->topic, 3)));
    world_free(others);
    ledger_free(loaded);
    world_free(world);
    remove_path(path);
}

Test(ledger_file, of_a_newer_configuration_is_refused_and_stays) {
    char *path = fresh_path();
    struct world *world = small_world(path, 12);
    world_stop(world);
    struct program one_item[] = {{.id = {"reseller", 8}}};
    struct programs lacking = {.items = one_item, .count = 1, .revision = 1};
    struct programs older = {
        .items = world_program_items, .count = WORLD_PROGRAM_COUNT, .revision = 0};
    const struct programs *const programs[] = {&lacking, &older};
    static const char *const told[] = {"entries of program osu", "deploy the newer file first"};
    for (size_t i = 0; i < 2; i++) {
        struct ledger *ledger = ledger_open(programs[i], 0, 4);
        struct fault fault = {""};
        struct fault doubt = {""};
        bool is_taken = false;
        bool is_done = false;
        cr_assert(ledger_attach(ledger, path, &is_taken, &fault), "%s", fault.text);
        cr_assert(!ledger_load(ledger, SIZE_MAX, &is_done, &doubt, &fault));
        cr_assert(strstr(fault.text, told[i]) != NULL, "%s", fault.text);
        cr_assert(strstr(fault.text, path) != NULL, "%s", fault.text);
        cr_assert_str_empty(doubt.text);
        ledger_free(ledger);
    }
    world_start(world, false);
    cr_assert_str_empty(world->doubt.text);
    world_check(world);
    world_free(world);
    remove_path(path);
}

/* The topic without its end, or another one: what the file has and the topic has not. */
Test(ledger_file, that_the_topic_does_not_bear_out_is_not_proven) {
    char *path = fresh_path();
    struct world *world = world_open(path);
    for (size_t i = 0; i < 30; i++) {
        world_post(world, i);
        world_commit(world, BLOCK_SIZE_MAX);
        if (i % 4 == 3) {
            ledger_set_mark(world->ledger, world->topic.end);
        }
    }
    world_stop(world);
    for (int is_marked = 0; is_marked < 2; is_marked++) {
        for (size_t count = 0; count <= world->topic.count; count++) {
            struct topic shortened = world->topic;
            shortened.count = count;
            struct fault doubt;
            struct ledger *loaded = load_file(path, &doubt);
            cr_assert(!ledger_is_proven(loaded, &doubt), "before anything was read");
            struct topic_record *last = &world->topic.records[count > 0 ? count - 1 : 0];
            if (count > 0 && last->offset >= ledger_read_from(loaded)) {
                struct fault fault = {""};
                cr_assert(ledger_restore(loaded, record_block(&shortened, count - 1), &fault));
            }
            cr_assert_eq(ledger_is_proven(loaded, &doubt), count == world->topic.count);
            if (count < world->topic.count) {
                cr_assert(strstr(doubt.text, "the topic lacks block 30, which") != NULL, "%s",
                          doubt.text);
                cr_assert(strstr(doubt.text, path) != NULL, "%s", doubt.text);
            }
            ledger_free(loaded);
        }
        world_start(world, false); /* a mark behind the newest block changes nothing */
        world_stop(world);
    }
    world_start(world, false);
    cr_assert_leq(ledger_read_from(world->ledger), world->topic.records[29].offset);
    cr_assert_gt(ledger_read_from(world->ledger), world->topic.records[26].offset);
    world_free(world);
    remove_path(path);
}

/* ------------------------------------------------------------ marks */

Test(ledger_file, wants_a_mark_after_each_block) {
    char *path = fresh_path();
    struct world *world = world_open(path);
    cr_assert(!ledger_wants_mark(world->ledger));
    world_post(world, 1);
    cr_assert(!ledger_wants_mark(world->ledger));
    world_commit(world, BLOCK_SIZE_MAX);
    cr_assert(ledger_wants_mark(world->ledger));
    cr_assert_eq(ledger_mark(world->ledger), 0);
    ledger_set_mark(world->ledger, world->topic.end);
    cr_assert(!ledger_wants_mark(world->ledger));
    cr_assert_eq(ledger_mark(world->ledger), world->topic.end);
    world_commit(world, BLOCK_SIZE_MAX); /* nothing to say: no block */
    cr_assert(!ledger_wants_mark(world->ledger));
    world_post(world, 2);
    world_abort(world);
    cr_assert(!ledger_wants_mark(world->ledger));
    world_free(world);
    /* In memory nobody would ever read it. */
    world = world_open(NULL);
    world_post(world, 1);
    world_commit(world, BLOCK_SIZE_MAX);
    cr_assert(!ledger_wants_mark(world->ledger));
    ledger_set_mark(world->ledger, 9);
    cr_assert_eq(ledger_mark(world->ledger), 9);
    world_free(world);
    remove_path(path);
}
