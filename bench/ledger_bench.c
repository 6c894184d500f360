/* What a line costs in the ledger, beside RocksDB and LMDB on the same keys and values. Each phase
 * runs in a process of its own, so that its CPU time (background threads and the kernel's share for
 * it included) and its memory are its own; the cost of making up the lines is measured alone and
 * taken off. */
#include "states.h"
#include "stores.h"
#include "tool.h"

#include "accrued/block.h"
#include "accrued/entry.h"
#include "accrued/ledger.h"
#include "accrued/require.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
    const char *directory;
    uint64_t line_count;
    uint64_t revision_count;
    uint64_t batch;
    uint64_t others;   /* 0: without the general stores */
    uint64_t loads;    /* > 0: only loads the file of a run before, so many times */
    uint64_t restores; /* 0: without restoring, which takes the whole log in memory, twice */
    struct world world;
};

struct figures {
    double new_us;
    double revision_us;
    double index_bytes; /* per line */
    double stored_bytes;
    uint64_t peak_kb;
    double load_s; /* CPU */
    double load_wall_s;
    double read_s;
    double restore_s;
};

static const struct programs *programs_of_one(void) {
    static struct program program;
    static struct programs programs;
    program = (struct program){.id = TEXT("csp-indirect-reseller")};
    programs = (struct programs){.items = &program, .count = 1, .revision = 1};
    return &programs;
}

/* Runs phases in a child and gets its figures back. */
static struct figures apart(void (*run)(const struct options *, struct figures *),
                            const struct options *options) {
    int ends[2];
    struct figures figures = {0};
    REQUIRE(pipe(ends) == 0 && fflush(NULL) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        run(options, &figures);
        figures.peak_kb = tool_peak_kb();
        bool is_told = write(ends[1], &figures, sizeof figures) == (ssize_t)sizeof figures;
        _exit(is_told ? 0 : 1);
    }
    (void)close(ends[1]);
    int status = 0;
    bool is_told = read(ends[0], &figures, sizeof figures) == (ssize_t)sizeof figures;
    (void)close(ends[0]);
    if (waitpid(child, &status, 0) != child || status != 0 || !is_told) {
        tool_fail("a phase ended early (status %d)", status);
    }
    return figures;
}

static double per(uint64_t cpu_us, uint64_t count) {
    return (double)cpu_us / (double)count;
}

/* ---- making up the lines only ---- */

static void run_making(const struct options *options, struct figures *figures) {
    struct made_state made;
    uint64_t sum = 0;
    uint64_t cpu_us = tool_cpu_us();
    for (uint64_t i = 0; i < options->line_count; i++) {
        state_make(&options->world, i, 0, &made);
        sum += (uint64_t)made.state.line.billed_amount.units;
    }
    figures->new_us = per(tool_cpu_us() - cpu_us, options->line_count);
    cpu_us = tool_cpu_us();
    for (uint64_t i = 0; i < options->revision_count; i++) {
        state_make(&options->world, state_revised(i, options->line_count), (int64_t)i + 1, &made);
        sum += (uint64_t)made.state.line.billed_amount.units;
    }
    figures->revision_us = per(tool_cpu_us() - cpu_us, options->revision_count);
    REQUIRE(sum != 0);
}

/* ---- the ledger ---- */

static bool drop_block(void *context, uint64_t id, struct text block) {
    uint64_t *bytes = context;
    REQUIRE(id > 0);
    *bytes += block.size;
    return true;
}

static void seal_and_commit(struct ledger *ledger, uint64_t next_offset, uint64_t *bytes) {
    struct ledger_position position = {.next_offset = (int64_t)next_offset};
    REQUIRE(ledger_seal(ledger, position, 1, 900000, drop_block, bytes));
    ledger_commit(ledger);
    struct fault fault;
    if (ledger_is_broken(ledger, &fault)) {
        tool_fail("%s", fault.text);
    }
}

static void ledger_path(const struct options *options, char path[512]) {
    (void)snprintf(path, 512, "%s/bench.ledger", options->directory);
}

static struct ledger *open_file(const struct options *options) {
    struct ledger *ledger = ledger_open(programs_of_one(), 0, 1);
    char path[512];
    struct fault fault;
    bool is_taken;
    ledger_path(options, path);
    if (!ledger_attach(ledger, path, &is_taken, &fault)) {
        tool_fail("%s", fault.text);
    }
    return ledger;
}

static void load_all(struct ledger *ledger) {
    bool is_done = false;
    struct fault fault;
    struct fault doubt;
    while (!is_done) {
        if (!ledger_load(ledger, 8U << 20, &is_done, &doubt, &fault)) {
            tool_fail("%s", fault.text);
        }
    }
}

/* Lines as a lane has them: those of a batch stand decoded, with their keys, before the first is
 * looked for, so the ledger is told of each some lines before its turn. The keys count. */
#define AHEAD_COUNT 32
#define SLOT_AHEAD 16
#define ENTRY_AHEAD 8

struct line_queue {
    const struct options *options;
    struct ledger *ledger;
    uint64_t count;
    bool is_revision;
    struct made_state made[AHEAD_COUNT];
    struct ledger_key keys[AHEAD_COUNT];
    struct arena arenas[AHEAD_COUNT]; /* … of their bytes */
    struct buffer scratch;
    uint64_t next; /* to be made */
};

static void queue_init(struct line_queue *queue, struct ledger *ledger,
                       const struct options *options) {
    *queue = (struct line_queue){.options = options, .ledger = ledger};
    for (size_t i = 0; i < AHEAD_COUNT; i++) {
        arena_init(&queue->arenas[i]);
    }
    buffer_init(&queue->scratch);
}

static void queue_release(struct line_queue *queue) {
    for (size_t i = 0; i < AHEAD_COUNT; i++) {
        arena_release(&queue->arenas[i]);
    }
    buffer_release(&queue->scratch);
}

static void make_next(struct line_queue *queue) {
    if (queue->next < queue->count) {
        uint64_t i = queue->next;
        struct made_state *made = &queue->made[i % AHEAD_COUNT];
        if (queue->is_revision) {
            state_make(&queue->options->world, state_revised(i, queue->options->line_count),
                       (int64_t)i + 1, made);
        } else {
            state_make(&queue->options->world, i, 0, made);
        }
        struct arena *arena = &queue->arenas[i % AHEAD_COUNT];
        arena_clear(arena);
        struct ledger_key key = ledger_key_of(made->state.line.customer_id,
                                              made->state.line.line_id, &queue->scratch, arena);
        ledger_expect_key(queue->ledger, key);
        queue->keys[i % AHEAD_COUNT] = key;
    }
    queue->next++;
}

/* The state at i, in turn. */
static const struct line_state *take_state(struct line_queue *queue, uint64_t i) {
    while (queue->next <= i + SLOT_AHEAD) {
        make_next(queue);
    }
    if (i + ENTRY_AHEAD < queue->count) {
        ledger_expect_entry(queue->ledger, queue->keys[(i + ENTRY_AHEAD) % AHEAD_COUNT].hash);
    }
    return &queue->made[i % AHEAD_COUNT].state;
}

/* Finds and puts all lines of a queue; returns the CPU time of it. */
static double post_all(struct line_queue *queue, uint64_t offset, uint64_t *bytes) {
    struct line_state found;
    uint64_t cpu_us = tool_cpu_us();
    for (uint64_t i = 0; i < queue->count; i++) {
        const struct line_state *state = take_state(queue, i);
        struct ledger_key key = queue->keys[i % AHEAD_COUNT];
        bool is_known = ledger_find_key(queue->ledger, key, &found);
        REQUIRE(is_known == queue->is_revision);
        REQUIRE(!is_known || (found.line.revision <= (int64_t)i && found.earner_count == 1));
        ledger_put_key(queue->ledger, key, state);
        if ((i + 1) % queue->options->batch == 0 || i + 1 == queue->count) {
            seal_and_commit(queue->ledger, offset + i + 1, bytes);
        }
    }
    return per(tool_cpu_us() - cpu_us, queue->count);
}

static void run_ledger(const struct options *options, struct figures *figures) {
    struct ledger *ledger = open_file(options);
    load_all(ledger);
    uint64_t bytes = 0;
    static struct line_queue lines;
    queue_init(&lines, ledger, options);
    lines.count = options->line_count;
    figures->new_us = post_all(&lines, 0, &bytes);
    figures->stored_bytes = (double)bytes / (double)options->line_count;
    figures->index_bytes =
        (double)(ledger_byte_count(ledger) - bytes) / (double)ledger_line_count(ledger);
    REQUIRE(ledger_line_count(ledger) == options->line_count);
    static struct line_queue revisions;
    queue_init(&revisions, ledger, options);
    revisions.count = options->revision_count;
    revisions.is_revision = true;
    figures->revision_us = post_all(&revisions, options->line_count, &bytes);
    REQUIRE(ledger_line_count(ledger) == options->line_count);
    queue_release(&lines);
    queue_release(&revisions);
    ledger_free(ledger);
}

static void run_load(const struct options *options, struct figures *figures) {
    char path[512];
    ledger_path(options, path);
    static char piece[1U << 20];
    uint64_t cpu_us = tool_cpu_us();
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    while (file >= 0 && (got = read(file, piece, sizeof piece)) > 0) {
    }
    REQUIRE(file >= 0 && got == 0);
    (void)close(file);
    figures->read_s = (double)(tool_cpu_us() - cpu_us) / 1e6;
    cpu_us = tool_cpu_us();
    uint64_t wall_us = tool_steady_us();
    struct ledger *ledger = open_file(options);
    load_all(ledger);
    figures->load_s = (double)(tool_cpu_us() - cpu_us) / 1e6;
    figures->load_wall_s = (double)(tool_steady_us() - wall_us) / 1e6;
    REQUIRE(ledger_line_count(ledger) == options->line_count);
    ledger_free(ledger);
}

/* Blocks as they come from the topic: made by one ledger, taken in by another, both in memory; only
 * the taking in counts. */
struct relay {
    struct ledger *to;
    uint64_t cpu_us;
};

static bool take_block(void *context, uint64_t id, struct text block) {
    struct relay *relay = context;
    struct fault fault;
    uint64_t cpu_us = tool_cpu_us();
    REQUIRE(id > 0);
    if (!ledger_restore(relay->to, block, &fault)) {
        tool_fail("%s", fault.text);
    }
    relay->cpu_us += tool_cpu_us() - cpu_us;
    return true;
}

static void run_restore(const struct options *options, struct figures *figures) {
    struct relay relay = {.to = ledger_open(programs_of_one(), 0, 1)};
    struct made_state made;
    uint64_t done = 0;
    struct ledger *from = ledger_open(programs_of_one(), 0, 1);
    while (done < options->line_count) {
        for (uint64_t i = 0; i < options->batch && done < options->line_count; i++, done++) {
            state_make(&options->world, done, 0, &made);
            ledger_put(from, &made.state);
        }
        struct ledger_position position = {.next_offset = (int64_t)done};
        REQUIRE(ledger_seal(from, position, 1, 900000, take_block, &relay));
        ledger_commit(from);
    }
    REQUIRE(ledger_line_count(relay.to) == options->line_count);
    figures->restore_s = (double)relay.cpu_us / 1e6;
    ledger_free(from);
    ledger_free(relay.to);
}

/* ---- general stores ---- */

static const struct store *store_at_hand;

static void put_state(const struct store *store, void *handle, const struct line_state *state,
                      struct buffer *entry) {
    static const uint32_t numbers[1] = {0};
    buffer_clear(entry);
    entry_append(entry, state, numbers);
    struct text key;
    REQUIRE(entry_key(buffer_text(entry), &key));
    store->put(handle, key, buffer_text(entry));
}

static bool get_state(const struct store *store, void *handle, const struct billing_line *line,
                      struct buffer *key, struct buffer *value, struct arena *arena,
                      struct line_state *ret_state) {
    static const int indexes[1] = {0};
    buffer_clear(key);
    buffer_clear(value);
    entry_append_key(key, line->customer_id, line->line_id);
    if (!store->get(handle, buffer_text(key), value)) {
        return false;
    }
    arena_clear(arena);
    REQUIRE(entry_parse(buffer_text(value), indexes, 1, arena, ret_state));
    return true;
}

static void run_store(const struct options *options, struct figures *figures) {
    const struct store *store = store_at_hand;
    char directory[512];
    (void)snprintf(directory, sizeof directory, "%s/%s", options->directory, store->name);
    REQUIRE(mkdir(directory, 0700) == 0);
    void *handle = store->open(directory);
    struct buffer key;
    struct buffer value;
    struct arena arena;
    buffer_init(&key);
    buffer_init(&value);
    arena_init(&arena);
    struct made_state made;
    struct line_state found;
    uint64_t cpu_us = tool_cpu_us();
    for (uint64_t i = 0; i < options->line_count; i++) {
        if (i % options->batch == 0) {
            store->begin(handle);
        }
        state_make(&options->world, i, 0, &made);
        REQUIRE(!get_state(store, handle, &made.state.line, &key, &value, &arena, &found));
        put_state(store, handle, &made.state, &value);
        if ((i + 1) % options->batch == 0 || i + 1 == options->line_count) {
            store->commit(handle);
        }
    }
    figures->new_us = per(tool_cpu_us() - cpu_us, options->line_count);
    cpu_us = tool_cpu_us();
    for (uint64_t i = 0; i < options->revision_count; i++) {
        if (i % options->batch == 0) {
            store->begin(handle);
        }
        state_make(&options->world, state_revised(i, options->line_count), (int64_t)i + 1, &made);
        REQUIRE(get_state(store, handle, &made.state.line, &key, &value, &arena, &found));
        put_state(store, handle, &made.state, &value);
        if ((i + 1) % options->batch == 0 || i + 1 == options->revision_count) {
            store->commit(handle);
        }
    }
    figures->revision_us = per(tool_cpu_us() - cpu_us, options->revision_count);
    store->close(handle);
    arena_release(&arena);
    buffer_release(&value);
    buffer_release(&key);
}

/* ---- the report ---- */

static void print_row(const char *name, const struct figures *figures,
                      const struct figures *making) {
    printf("%-10s new line %5.2f   revision %5.2f   CPU-µs; peak memory %5llu MB\n", name,
           figures->new_us - making->new_us, figures->revision_us - making->revision_us,
           (unsigned long long)figures->peak_kb / 1024);
    (void)fflush(stdout);
}

static void print_load(const struct figures *load) {
    printf("           file: reading %.2f, loading %.2f CPU-s, %.2f s\n", load->read_s,
           load->load_s, load->load_wall_s);
    (void)fflush(stdout);
}

static void measure_loads(const struct options *options) {
    for (uint64_t i = 0; i < options->loads; i++) {
        struct figures load = apart(run_load, options);
        print_load(&load);
    }
}

static void measure(const struct options *options) {
    struct figures making = apart(run_making, options);
    printf("%llu lines, %llu revisions, %llu a transaction; taken off: %.2f and %.2f CPU-µs for "
           "making them up\n",
           (unsigned long long)options->line_count, (unsigned long long)options->revision_count,
           (unsigned long long)options->batch, making.new_us, making.revision_us);
    struct figures ledger = apart(run_ledger, options);
    print_row("ledger", &ledger, &making);
    printf("           %.1f bytes of index and %.1f bytes of log a line\n", ledger.index_bytes,
           ledger.stored_bytes);
    struct figures load = apart(run_load, options);
    print_load(&load);
    if (options->restores > 0) {
        struct figures restore = apart(run_restore, options);
        printf("           restoring the topic's blocks: %.2f CPU-s\n", restore.restore_s);
        (void)fflush(stdout);
    }
    static const struct store *const stores[] = {&store_rocksdb, &store_lmdb};
    for (size_t i = 0; i < sizeof stores / sizeof stores[0] && options->others != 0; i++) {
        store_at_hand = stores[i];
        struct figures figures = apart(run_store, options);
        print_row(stores[i]->name, &figures, &making);
    }
}

int main(int argc, char **argv) {
    struct options options = {
        .line_count = 10000000,
        .revision_count = 1000000,
        .batch = 10000,
        .others = 1,
        .restores = 1,
        .world = {.partner_count = 2000, .customer_count = 50000},
    };
    const struct tool_option known[] = {
        {"directory", &options.directory, NULL},
        {"lines", NULL, &options.line_count},
        {"revisions", NULL, &options.revision_count},
        {"batch", NULL, &options.batch},
        {"others", NULL, &options.others},
        {"loads", NULL, &options.loads},
        {"restores", NULL, &options.restores},
        {"customers", NULL, &options.world.customer_count},
    };
    tool_options(argc, argv, known, sizeof known / sizeof known[0]);
    if (options.directory == NULL) {
        tool_fail("--directory DIR is missing: an empty one, on the disk that is meant");
    }
    if (options.loads > 0) {
        measure_loads(&options);
    } else {
        measure(&options);
    }
    return 0;
}
