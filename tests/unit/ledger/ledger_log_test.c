/* The file's frames at the end of windows, and disks without room. */
#include "ledger_world.h"

#include "accrued/hash.h"
#include "ledger/ledger_state.h"

#include <signal.h>
#include <sys/resource.h>

#define BLOCK_SIZE_MAX 3000
#define LONG_COUNT 9 /* … lines of 9 MiB: two windows */

static struct world *begun(const char *path) {
    struct world *world = world_open(path);
    for (size_t i = 0; i < 10; i++) {
        world_post(world, i);
        world_commit(world, BLOCK_SIZE_MAX);
    }
    return world;
}

/* ------------------------------------------------------------ a full disk */

static void limit_file_size(uint64_t size) {
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Writing ends somewhere in a frame, as on a full disk. */
Test(ledger_log, on_a_full_disk_is_broken_and_says_so, .timeout = 240) {
    cr_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    char *path = fresh_path();
    struct world *world = begun(path);
    for (size_t room = 0; room < 300; room = room < 30 ? room + 1 : room + 30) {
        ledger_set_mark(world->ledger, world->topic.end);
        struct buffer bytes = read_bytes(path);
        limit_file_size(bytes.size + room);
        buffer_release(&bytes);
        for (size_t i = 0; i < 3; i++) {
            world_post(world, (room + i) % WORLD_LINE_COUNT);
        }
        world_seal(world, 1);
        world_commit_topic(world);
        ledger_commit(world->ledger);
        struct fault fault = {""};
        cr_assert(ledger_is_broken(world->ledger, &fault), "with room for %zu bytes", room);
        cr_assert(strstr(fault.text, path) != NULL, "%s", fault.text);
        cr_assert(strstr(fault.text, "make room, or remove the file, and start again") != NULL,
                  "%s", fault.text);
        world_stop(world);
        limit_file_size(RLIM_INFINITY);
        world_start(world, false);
        world_check(world);
        cr_assert(!ledger_is_broken(world->ledger, &fault));
    }
    world_free(world);
    remove_path(path);
}

Test(ledger_log, that_cannot_grow_is_a_fault) {
    cr_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    char *path = fresh_path();
    for (int is_begun = 0; is_begun < 2; is_begun++) {
        struct ledger *ledger = ledger_open(&world_programs, 0, 4);
        struct fault fault = {""};
        bool is_taken = true;
        limit_file_size(is_begun == 0 ? 10 : 1000);
        cr_assert(!ledger_attach(ledger, path, &is_taken, &fault));
        limit_file_size(RLIM_INFINITY);
        cr_assert(!is_taken);
        cr_assert(strstr(fault.text, path) != NULL, "%s", fault.text);
        /* It goes on in memory. */
        ledger_free(ledger);
    }
    remove_path(path);
}

/* A mark that cannot be written costs a little reading, nothing else. */
Test(ledger_log, without_room_for_a_mark_goes_on) {
    cr_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    char *path = fresh_path();
    struct world *world = begun(path);
    struct buffer bytes = read_bytes(path);
    for (size_t room = 0; room < 24; room += 5) {
        limit_file_size(bytes.size + room);
        ledger_set_mark(world->ledger, world->topic.end);
        cr_assert(ledger_wants_mark(world->ledger));
        limit_file_size(RLIM_INFINITY);
    }
    world_post(world, 5);
    world_commit(world, BLOCK_SIZE_MAX);
    world_stop(world);
    world_start(world, false);
    cr_assert_str_empty(world->doubt.text);
    world_check(world);
    buffer_release(&bytes);
    world_free(world);
    remove_path(path);
}

/* ------------------------------------------------------------ a file that somebody spoils */

static void take_away(const char *path) {
    cr_assert_eq(truncate(path, 64), 0);
}

static void wipe(const char *path) {
    struct buffer bytes = read_bytes(path);
    cr_assert_eq(truncate(path, 64), 0);
    cr_assert_eq(truncate(path, (off_t)bytes.size), 0);
    buffer_release(&bytes);
}

static bool find_line(struct ledger *ledger) {
    struct line_state state;
    return ledger_find(ledger, TEXT("customer"), TEXT("line-3"), &state);
}

static bool walk_on(struct ledger *ledger) {
    struct line_state state;
    struct ledger_walk walk = ledger_walk_begin(ledger, 0);
    return ledger_walk_next(ledger, &walk, &state);
}

static bool recognise(struct ledger *ledger) {
    const struct block_info *info = blocks_by_id(&ledger->table, 1);
    struct text block;
    cr_assert(info != NULL);
    return ledger_block_at(ledger, info->position, info->size, &block);
}

/* Also where lines were taken for new meanwhile, nothing of it is ever sealed. */
static void check_is_broken(struct world *world, const char *reason) {
    struct fault fault = {""};
    cr_assert(ledger_is_broken(world->ledger, &fault));
    cr_assert(strstr(fault.text, world->path) != NULL, "%s", fault.text);
    cr_assert(strstr(fault.text, reason) != NULL, "%s", fault.text);
    world_post(world, 3);
    struct ledger_position position = {world->next_offset + 1, 0, 0};
    cr_assert(!ledger_seal(world->ledger, position, world->incarnation, BLOCK_SIZE_MAX, world_take,
                           world));
    world_abort(world);
}

Test(ledger_log, that_is_spoilt_under_its_ledger_breaks_it, .timeout = 240) {
    static bool (*const looks[])(struct ledger *) = {find_line, walk_on, recognise};
    char *path = fresh_path();
    struct world *world = begun(path);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        for (int is_wiped = 0; is_wiped < 2; is_wiped++) {
            (is_wiped != 0 ? wipe : take_away)(path);
            bool is_found = looks[i](world->ledger);
            if (is_wiped == 0 || looks[i] != recognise) {
                cr_assert(!is_found);
                check_is_broken(world, is_wiped == 0 ? "shorter than it was"
                                       : i == 0      ? "no entry any more"
                                                     : "no block any more");
            }
            world_stop(world);
            world_start(world, false);
            world_check(world);
        }
    }
    world_free(world);
    remove_path(path);
}

/* The commit knows what an entry replaces from the search before, and must find out where there was
 * none, or one for another line. */
Test(ledger_log, knows_what_is_replaced, .timeout = 240) {
    char *path = fresh_path();
    struct world *world = world_open(path);
    for (size_t round = 0; round < 30; round++) {
        for (size_t i = 0; i < 20; i++) {
            struct line_state state;
            char id[24];
            world_id(round % 3 == 2 ? (i + 1) % 20 : i, id);
            if (round % 3 > 0) {
                (void)ledger_find(world->ledger, TEXT("customer"), text_of(id), &state);
            }
            world_post(world, i);
            world_post(world, i); /* twice in one transaction */
        }
        if (round % 7 == 6) {
            world_abort(world);
        } else {
            world_commit(world, BLOCK_SIZE_MAX);
        }
        world_check(world);
    }
    /* All but the newest round's entries are known to be of no use any more. */
    uint64_t live_bytes = world->ledger->table.live_bytes;
    world_stop(world);
    world_start(world, false);
    cr_assert_eq(world->ledger->table.live_bytes, live_bytes);
    world_check(world);
    world_free(world);
    remove_path(path);
}

/* ------------------------------------------------------------ windows */

static char *disk_path(void) {
    char directory[] = "/tmp/accrued-ledger-XXXXXX";
    cr_assert(mkdtemp(directory) != NULL);
    char *path = malloc(sizeof directory + 16);
    cr_assert(path != NULL);
    (void)snprintf(path, sizeof directory + 16, "%s/0.ledger", directory);
    return path;
}

/* What a log holds, as kinds and sizes. */
static void check_frames(const struct block_log *log, const size_t *sizes, size_t count) {
    uint64_t cursor = 0;
    for (size_t i = 0; i < count; i++) {
        struct log_frame frame = log_scan(log, &cursor);
        cr_assert_eq(frame.kind,
                     sizes[i] == 0 ? LOG_MARK
                     : i == 0      ? LOG_FREED
                                   : LOG_BLOCK,
                     "frame %zu", i);
        cr_assert(sizes[i] == 0 || frame.payload.size == sizes[i]);
        cr_assert_eq(frame.start / LOG_WINDOW_SIZE, (cursor - 1) / LOG_WINDOW_SIZE);
    }
    cr_assert_eq(log_scan(log, &cursor).kind, LOG_END);
}

Test(ledger_log, frames_at_the_end_of_a_window, .timeout = 240) {
    static const size_t rooms[] = {0, 15, 16, 39, 40};
    size_t whole = LOG_WINDOW_SIZE - 64 - LOG_FRAME_HEADER_SIZE;
    char *zeros = calloc(1, whole);
    cr_assert(zeros != NULL);
    char *path = disk_path();
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        for (int is_in_memory = 0; is_in_memory < 2; is_in_memory++) {
            struct block_log log;
            struct fault fault = {""};
            uint64_t first = 0;
            uint64_t at = 0;
            log_init(&log);
            (void)unlink(path);
            cr_assert(is_in_memory || log_open(&log, path, 1, 2, &fault) == LOG_OPENED);
            cr_assert(log_append(&log, (struct text){zeros, whole - rooms[i]}, &first, &fault));
            cr_assert_eq(log.end, LOG_WINDOW_SIZE - rooms[i]);
            cr_assert(log_append(&log, TEXT("a block of 24 bytes long"), &at, &fault));
            cr_assert_eq(at / LOG_WINDOW_SIZE, rooms[i] < 40 ? 1 : 0);
            cr_assert(text_equal((struct text){log_at(&log, at).data, 24},
                                 TEXT("a block of 24 bytes long")));
            cr_assert(log_append_mark(&log, (struct log_mark){7, 5}, &fault));
            cr_assert(log_drop(&log, first, 0, &fault));
            cr_assert_eq(log.bytes, 24);
            size_t sizes[] = {whole - rooms[i], 24, 0};
            check_frames(&log, sizes, 3);
            uint64_t end = log.end;
            log_release(&log);
            if (is_in_memory) {
                continue;
            }
            cr_assert_eq(log_open(&log, path, 1, 2, &fault), LOG_OPENED);
            cr_assert_str_empty(log.replaced.text);
            check_frames(&log, sizes, 3);
            cr_assert(log_cut(&log, end, &fault));
            check_frames(&log, sizes, 3);
            log_release(&log);
        }
    }
    free(zeros);
    remove_path(path);
}

/* A line with a text of many MiB: no real one, but it fills windows fast. */
static void post_long(struct world *world, size_t line, const char *bytes, size_t size) {
    char id[24];
    world_id(line, id);
    struct line_state state = {
        .line = {.customer_id = TEXT("long"),
                 .line_id = text_of(id),
                 .product_name = {bytes, size},
                 .charge_type = TEXT("new"),
                 .currency = {{'E', 'U', 'R'}}},
        .origin_offset = -1,
        .rerate_offset = -1,
    };
    ledger_put(world->ledger, &state);
}

static void zero_frame_header(const char *path, size_t which) {
    int file = open(path, O_RDWR);
    uint64_t at = 64;
    uint32_t header[4];
    for (size_t i = 0; i <= which; i++) {
        cr_assert_eq(pread(file, header, sizeof header, (off_t)at), (ssize_t)sizeof header);
        at += i < which ? LOG_FRAME_HEADER_SIZE + header[1] : 0;
    }
    memset(header, 0, sizeof header);
    cr_assert_eq(pwrite(file, header, sizeof header, (off_t)at), (ssize_t)sizeof header);
    (void)close(file);
}

Test(ledger_log, of_several_windows, .timeout = 240) {
    char *path = disk_path();
    struct world *world = world_open(path);
    size_t size = 9 << 20;
    char *bytes = malloc(size);
    cr_assert(bytes != NULL);
    memset(bytes, 'x', size);
    for (size_t i = 0; i < LONG_COUNT; i++) {
        post_long(world, i, bytes, size - i);
        world_commit(world, 900000);
        ledger_set_mark(world->ledger, world->topic.end);
    }
    world_stop(world);
    struct fault doubt;
    world->ledger = load_file(path, &doubt);
    cr_assert_str_empty(doubt.text);
    cr_assert_eq(ledger_line_count(world->ledger), LONG_COUNT);
    cr_assert_eq(ledger_mark(world->ledger), world->topic.end);
    struct ledger *wanted = prefix_of(&world->topic, UINT64_MAX);
    cr_assert(ledgers_equal(world->ledger, wanted));
    ledger_free(wanted);
    world_stop(world);
    /* Zeros where a frame of the first window began: the second one's frames prove that something
     * was lost before them. */
    zero_frame_header(path, 7);
    world->ledger = load_file(path, &doubt);
    cr_assert(doubt.text[0] != '\0');
    cr_assert_eq(ledger_last_block_id(world->ledger), 3);
    cr_assert_eq(ledger_line_count(world->ledger), 3);
    restore_from(world->ledger, &world->topic, ledger_mark(world->ledger), false);
    cr_assert_eq(ledger_line_count(world->ledger), LONG_COUNT);
    free(bytes);
    world_free(world);
    remove_path(path);
}

/* Room is given back, but places are not used again: in the end a file is little but holes. */
Test(ledger_log, of_holes_only_is_begun_anew) {
    char *path = disk_path();
    struct world *world = begun(path);
    ledger_set_mark(world->ledger, world->topic.end);
    for (int is_beyond = 0; is_beyond < 2; is_beyond++) {
        uint64_t end = world->ledger->log.end;
        world_stop(world);
        uint64_t start = (UINT64_C(16) << 30) - (is_beyond == 0 ? LOG_WINDOW_SIZE : 0);
        uint64_t parts[5] = {0, start, end, 0, 0};
        struct {
            uint32_t kind;
            uint32_t size;
            uint64_t check;
        } freed = {0x45455246, 0, hash64(parts, sizeof parts, UINT64_C(0x61636c66))};
        int file = open(path, O_WRONLY);
        cr_assert_eq(pwrite(file, &freed, sizeof freed, (off_t)start), (ssize_t)sizeof freed);
        cr_assert_eq(ftruncate(file, (off_t)(start + LOG_WINDOW_SIZE)), 0);
        (void)close(file);
        world_start(world, false);
        cr_assert_eq(strstr(world->doubt.text, "of its 16384 MiB only 0 are in use") != NULL,
                     is_beyond, "%s", world->doubt.text);
        world_check(world);
        world_stop(world);
        cr_assert_eq(truncate(path, (off_t)end), 0);
        world_start(world, false);
        world_check(world);
    }
    world_free(world);
    remove_path(path);
}
