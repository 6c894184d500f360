/* ledger_world.h: a ledger, the topic that its blocks go to, and a model of what must be in both,
 * for tests of the file and of cleaning. */
#ifndef ACCRUED_TESTS_LEDGER_WORLD_H
#define ACCRUED_TESTS_LEDGER_WORLD_H

#include "accrued/ledger.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORLD_LINE_COUNT 300
#define WORLD_PROGRAM_COUNT 2

static struct program world_program_items[] = {{.id = {"reseller", 8}}, {.id = {"osu", 3}}};
static struct programs world_programs = {
    .items = world_program_items, .count = WORLD_PROGRAM_COUNT, .revision = 1};

struct topic_record {
    uint64_t id;
    int64_t offset;
    size_t start;
    size_t size;
    bool is_dead; /* a tombstone followed: the topic may have forgotten it */
};

/* The ledger topic of one partition. */
struct topic {
    struct buffer bytes;
    struct topic_record *records;
    size_t count;
    size_t capacity;
    int64_t end;
};

struct world {
    const char *path; /* of the ledger's file; NULL: in memory */
    struct ledger *ledger;
    struct topic topic;
    int64_t revisions[WORLD_LINE_COUNT]; /* committed; 0: not there */
    int64_t pending[WORLD_LINE_COUNT];   /* … or of the open transaction */
    int64_t next_offset;
    uint64_t incarnation;
    struct fault doubt; /* of the last start */
    struct arena arena;
    /* Of the transaction that is being emitted. */
    struct buffer open_bytes;
    struct topic_record open[4096];
    size_t open_count;
};

static inline struct text record_block(const struct topic *topic, size_t index) {
    return (struct text){(const char *)topic->bytes.data + topic->records[index].start,
                         topic->records[index].size};
}

static inline void world_id(size_t line, char to[24]) {
    (void)snprintf(to, 24, "line-%zu", line);
}

/* The state of a line at a revision: always the same, of any shape. */
static inline struct line_state world_state(struct arena *arena, size_t line, int64_t revision) {
    struct dice dice = {line * 1000003 + (uint64_t)revision};
    struct line_state state = dice_state(&dice, arena, WORLD_PROGRAM_COUNT);
    char id[24];
    world_id(line, id);
    state.line.customer_id = TEXT("customer");
    state.line.line_id = arena_copy(arena, text_of(id));
    state.line.revision = revision;
    return state;
}

static inline void world_post(struct world *world, size_t line) {
    arena_clear(&world->arena);
    struct line_state state = world_state(&world->arena, line, ++world->pending[line]);
    ledger_put(world->ledger, &state);
}

static inline bool world_take(void *context, uint64_t block_id, struct text block) {
    struct world *world = context;
    cr_assert(block_id > 0 && world->open_count < 4096);
    world->open[world->open_count++] =
        (struct topic_record){.id = block_id, .start = world->open_bytes.size, .size = block.size};
    if (!text_is_null(block)) {
        buffer_append_text(&world->open_bytes, block);
    }
    return true;
}

static inline void topic_append(struct topic *topic, struct topic_record record,
                                struct text block) {
    if (topic->count == topic->capacity) {
        topic->capacity = topic->capacity == 0 ? 256 : topic->capacity * 2;
        topic->records = realloc(topic->records, topic->capacity * sizeof *topic->records);
        cr_assert(topic->records != NULL);
    }
    record.start = topic->bytes.size;
    record.offset = topic->end++;
    buffer_append_text(&topic->bytes, block);
    topic->records[topic->count++] = record;
}

static inline void topic_bury(struct topic *topic, uint64_t id) {
    topic->end++;
    for (size_t i = 0; i < topic->count; i++) {
        if (topic->records[i].id == id) {
            /* A second tombstone comes from a ledger that read the block before the topic forgot
             * it. */
            topic->records[i].is_dead = true;
            return;
        }
    }
    cr_assert_fail("a tombstone for block %llu, which was never there", (unsigned long long)id);
}

/* Hands the open transaction to the topic and seals it. */
static inline void world_seal(struct world *world, size_t block_size_max) {
    world->open_count = 0;
    buffer_clear(&world->open_bytes);
    struct ledger_position position = {world->next_offset + 1, 1000 + world->next_offset,
                                       (uint64_t)world->next_offset * 7};
    cr_assert(ledger_seal(world->ledger, position, world->incarnation, block_size_max, world_take,
                          world));
}

/* The sealed transaction is committed in the topic; the ledger may or may not hear of it. */
static inline void world_commit_topic(struct world *world) {
    if (world->open_count == 0) {
        return; /* nothing to say: the group's offset alone moves on */
    }
    for (size_t i = 0; i < world->open_count; i++) {
        struct topic_record *record = &world->open[i];
        if (record->size == 0) {
            topic_bury(&world->topic, record->id);
            continue;
        }
        struct text block = {(const char *)world->open_bytes.data + record->start, record->size};
        topic_append(&world->topic, *record, block);
    }
    world->topic.end++; /* the commit's marker */
    world->next_offset++;
    memcpy(world->revisions, world->pending, sizeof world->revisions);
}

static inline void world_commit(struct world *world, size_t block_size_max) {
    world_seal(world, block_size_max);
    world_commit_topic(world);
    ledger_commit(world->ledger);
    struct fault fault = {""};
    cr_assert(!ledger_is_broken(world->ledger, &fault), "%s", fault.text);
}

static inline void world_abort(struct world *world) {
    ledger_abort(world->ledger);
    memcpy(world->pending, world->revisions, sizeof world->pending);
}

static inline void restore_from(struct ledger *ledger, const struct topic *topic, int64_t from,
                                bool is_compacted) {
    for (size_t i = 0; i < topic->count; i++) {
        if (topic->records[i].offset < from || (is_compacted && topic->records[i].is_dead)) {
            continue;
        }
        struct fault fault = {""};
        cr_assert(ledger_restore(ledger, record_block(topic, i), &fault), "record %zu: %s", i,
                  fault.text);
    }
}

static inline bool topic_is_foreign(struct ledger *ledger, const struct topic *topic,
                                    int64_t from) {
    for (size_t i = 0; i < topic->count; i++) {
        if (topic->records[i].offset >= from && ledger_is_foreign(ledger, record_block(topic, i))) {
            return true;
        }
    }
    return false;
}

/* Loads what stands in the file, in small slices. */
static inline struct ledger *load_file(const char *path, struct fault *ret_doubt) {
    struct ledger *ledger = ledger_open(&world_programs, 0, 4);
    struct fault fault = {""};
    bool is_taken = false;
    cr_assert(ledger_attach(ledger, path, &is_taken, &fault), "%s", fault.text);
    bool is_done = false;
    ret_doubt->text[0] = '\0';
    while (!is_done) {
        struct fault doubt;
        cr_assert(ledger_load(ledger, 5000, &is_done, &doubt, &fault), "%s", fault.text);
        if (doubt.text[0] != '\0') {
            *ret_doubt = doubt;
        }
    }
    return ledger;
}

/* As a lane does it: the file, then what the topic has behind the mark. */
static inline void world_start(struct world *world, bool is_compacted) {
    if (world->path == NULL) {
        world->ledger = ledger_open(&world_programs, 0, 4);
        restore_from(world->ledger, &world->topic, -1, is_compacted);
    } else {
        world->ledger = load_file(world->path, &world->doubt);
        int64_t from = ledger_read_from(world->ledger);
        cr_assert_leq(ledger_mark(world->ledger), world->topic.end);
        cr_assert_leq(from, ledger_mark(world->ledger));
        if (topic_is_foreign(world->ledger, &world->topic, from)) {
            ledger_discard(world->ledger);
            from = -1;
        }
        restore_from(world->ledger, &world->topic, from, is_compacted);
        struct fault fault = {""};
        cr_assert(ledger_is_proven(world->ledger, &fault), "%s", fault.text);
        ledger_set_mark(world->ledger, world->topic.end);
    }
    memcpy(world->pending, world->revisions, sizeof world->pending);
}

static inline void world_stop(struct world *world) {
    ledger_free(world->ledger);
    world->ledger = NULL;
}

static inline struct world *world_open(const char *path) {
    struct world *world = calloc(1, sizeof *world);
    cr_assert(world != NULL);
    world->path = path;
    world->incarnation = 77;
    arena_init(&world->arena);
    buffer_init(&world->topic.bytes);
    buffer_init(&world->open_bytes);
    world_start(world, false);
    return world;
}

static inline void world_free(struct world *world) {
    world_stop(world);
    arena_release(&world->arena);
    buffer_release(&world->topic.bytes);
    buffer_release(&world->open_bytes);
    free(world->topic.records);
    free(world);
}

/* Every line as committed and no other, and where the ledger stands. */
static inline void world_check(struct world *world) {
    size_t count = 0;
    for (size_t i = 0; i < WORLD_LINE_COUNT; i++) {
        char id[24];
        world_id(i, id);
        struct line_state found;
        bool is_found = ledger_find(world->ledger, TEXT("customer"), text_of(id), &found);
        cr_assert_eq(is_found, world->revisions[i] > 0, "line %zu", i);
        if (is_found) {
            arena_clear(&world->arena);
            struct line_state wanted = world_state(&world->arena, i, world->revisions[i]);
            cr_assert(dice_states_equal(&found, &wanted), "line %zu: revision %lld, wanted %lld", i,
                      (long long)found.line.revision, (long long)world->revisions[i]);
            count++;
        }
    }
    cr_assert_eq(ledger_line_count(world->ledger), count);
    cr_assert_eq(ledger_position(world->ledger).next_offset, world->next_offset);
}

static inline bool find_in_other(void *context, const struct line_state *state) {
    struct line_state found;
    return ledger_find(context, state->line.customer_id, state->line.line_id, &found) &&
           dice_states_equal(state, &found);
}

/* The same lines, the same place in the input and in the re-rates. */
static inline bool ledgers_agree(struct ledger *a, struct ledger *b) {
    struct ledger_position left = ledger_position(a);
    struct ledger_position right = ledger_position(b);
    return ledger_line_count(a) == ledger_line_count(b) && ledger_each(a, find_in_other, b) &&
           left.next_offset == right.next_offset &&
           left.record_timestamp_ms == right.record_timestamp_ms &&
           left.record_hash == right.record_hash &&
           ledger_rerate(a).offset == ledger_rerate(b).offset &&
           ledger_rerate(a).reached == ledger_rerate(b).reached &&
           ledger_rerate(a).head == ledger_rerate(b).head;
}

/* … and the same last block: no transaction was aborted since. */
static inline bool ledgers_equal(struct ledger *a, struct ledger *b) {
    return ledgers_agree(a, b) && ledger_last_block_id(a) == ledger_last_block_id(b);
}

/* What the first blocks of the topic, up to an id, make of an empty ledger. */
static inline struct ledger *prefix_of(const struct topic *topic, uint64_t last_id) {
    struct ledger *ledger = ledger_open(&world_programs, 0, 4);
    for (size_t i = 0; i < topic->count && topic->records[i].id <= last_id; i++) {
        struct fault fault = {""};
        cr_assert(ledger_restore(ledger, record_block(topic, i), &fault), "%s", fault.text);
    }
    return ledger;
}

/* ------------------------------------------------------------ files */

/* A path in a fresh directory, removed by remove_path. */
static inline char *fresh_path(void) {
    char in_memory[] = "/dev/shm/accrued-ledger-XXXXXX";
    char on_disk[] = "/tmp/accrued-ledger-XXXXXX";
    char *directory = access("/dev/shm", W_OK) == 0 ? in_memory : on_disk;
    cr_assert(mkdtemp(directory) != NULL);
    char *path = malloc(sizeof in_memory + 16);
    cr_assert(path != NULL);
    (void)snprintf(path, sizeof in_memory + 16, "%s/0.ledger", directory);
    return path;
}

static inline void remove_path(char *path) {
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    cr_assert_eq(rmdir(path), 0);
    free(path);
}

/* The file's bytes without the zeros at its end. */
static inline struct buffer read_bytes(const char *path) {
    struct buffer bytes;
    buffer_init(&bytes);
    int file = open(path, O_RDONLY);
    cr_assert(file >= 0);
    off_t size = 0;
    for (off_t data = 0; (data = lseek(file, size, SEEK_DATA)) >= 0;) {
        size = lseek(file, data, SEEK_HOLE);
    }
    uint8_t *content = malloc((size_t)size + 1);
    cr_assert(content != NULL && pread(file, content, (size_t)size, 0) == (ssize_t)size);
    while (size > 0 && content[size - 1] == 0) {
        size--;
    }
    buffer_append(&bytes, content, (size_t)size);
    free(content);
    (void)close(file);
    return bytes;
}

static inline void write_bytes(const char *path, const void *data, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert(file >= 0 && write(file, data, size) == (ssize_t)size);
    (void)close(file);
}

#endif
