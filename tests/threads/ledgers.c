/* Local files read by threads, while the lane asks how far they are. */
#include "lane/loading.h"

#include "dice.h"
#include "threads.h"

#include <time.h>
#include <unistd.h>

#define FILE_COUNT 3
#define BATCH_COUNT 40
#define LINE_COUNT 500 /* of a batch */

static struct program program_items[] = {{.id = {"reseller", 8}}, {.id = {"osu", 3}}};
static const struct programs programs = {.items = program_items, .count = 2, .revision = 1};

static struct ledger *open_file(const char *directory, uint32_t partition) {
    char path[256];
    struct fault fault;
    bool is_taken = false;
    (void)snprintf(path, sizeof path, "%s/%u.ledger", directory, partition);
    struct ledger *ledger = ledger_open(&programs, partition, FILE_COUNT);
    CHECK(ledger_attach(ledger, path, &is_taken, &fault));
    return ledger;
}

static void remove_file(const char *directory, uint32_t partition) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%u.ledger", directory, partition);
    CHECK(unlink(path) == 0);
}

static bool drop_block(void *context, uint64_t id, struct text block) {
    *(uint64_t *)context += block.size;
    return id > 0;
}

/* Returns how many lines it has. */
static size_t write_file(const char *directory, uint32_t partition) {
    struct ledger *ledger = open_file(directory, partition);
    struct dice dice = {partition + 1};
    struct arena arena;
    struct fault fault;
    struct fault doubt;
    bool is_done = false;
    uint64_t bytes = 0;
    CHECK(ledger_load(ledger, 1, &is_done, &doubt, &fault) && is_done);
    arena_init(&arena);
    for (int64_t batch = 1; batch <= BATCH_COUNT; batch++) {
        arena_clear(&arena);
        for (size_t i = 0; i < LINE_COUNT; i++) {
            struct line_state state = dice_state(&dice, &arena, 2);
            ledger_put(ledger, &state);
        }
        struct ledger_position position = {.next_offset = batch};
        CHECK(ledger_seal(ledger, position, 7, 900000, drop_block, &bytes));
        ledger_commit(ledger);
    }
    size_t count = ledger_line_count(ledger);
    arena_release(&arena);
    ledger_free(ledger);
    return count;
}

static void nap(void) {
    struct timespec pause = {0, 100000};
    (void)nanosleep(&pause, NULL);
}

void ledgers_are_loaded_side_by_side(const char *directory) {
    size_t counts[FILE_COUNT];
    struct ledger *ledgers[FILE_COUNT];
    struct loading *loadings[FILE_COUNT];
    for (uint32_t i = 0; i < FILE_COUNT; i++) {
        counts[i] = write_file(directory, i);
        ledgers[i] = open_file(directory, i);
        loadings[i] = loading_begin(ledgers[i]);
        CHECK(loadings[i] != NULL);
    }
    for (size_t i = 0; i < FILE_COUNT; i++) {
        int percent = 0;
        while (!loading_is_done(loadings[i])) {
            int now = loading_percent(loadings[i]);
            CHECK(now >= percent && now <= 100);
            percent = now;
            nap();
        }
        struct loading_result result;
        loading_end(loadings[i], &result);
        CHECK(result.is_good && result.doubt.text[0] == '\0');
        CHECK(ledger_line_count(ledgers[i]) == counts[i]);
        ledger_free(ledgers[i]);
        remove_file(directory, (uint32_t)i);
    }
}

/* A partition that is revoked meanwhile: the thread stops where it is. */
void a_loading_is_given_up(const char *directory) {
    (void)write_file(directory, 0);
    for (int i = 0; i < 20; i++) {
        struct ledger *ledger = open_file(directory, 0);
        struct loading *loading = loading_begin(ledger);
        CHECK(loading != NULL);
        for (int naps = 0; naps < i; naps++) {
            (void)loading_percent(loading);
            nap();
        }
        struct loading_result result;
        loading_end(loading, &result);
        CHECK(result.is_good);
        ledger_free(ledger);
    }
    remove_file(directory, 0);
}
