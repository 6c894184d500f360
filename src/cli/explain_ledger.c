/* A line's newest entry, in the ledger's topic or in a local file. */
#include "explain_find.h"

#include "accrued/entry.h"
#include "accrued/hash.h"
#include "accrued/ledger_file.h"
#include "accrued/require.h"
#include "accrued/topic_reader.h"

#include <stdio.h>
#include <stdlib.h>

struct search {
    struct found_lines *found;
    struct buffer key; /* of the line, if its customer is known */
    struct arena scratch;
    const struct program_names *names; /* the last copy */
    size_t block_count;
};

static struct found_line *line_of(struct found_lines *found, struct text customer_id) {
    for (size_t i = 0; i < found->count; i++) {
        if (text_equal(found->items[i].customer_id, customer_id)) {
            return &found->items[i];
        }
    }
    if (found->count == found->capacity) {
        found->capacity = found->capacity == 0 ? 4 : found->capacity * 2;
        found->items = realloc(found->items, found->capacity * sizeof *found->items);
        REQUIRE(found->items != NULL);
    }
    struct found_line *line = &found->items[found->count++];
    *line = (struct found_line){.customer_id = arena_copy(found->arena, customer_id)};
    return line;
}

/* The block is gone with the next one: its table of programs goes where the entry goes. */
static const struct program_names *copy_names(struct found_lines *found,
                                              const struct program_names *names) {
    struct program_names *copy = arena_take(found->arena, sizeof *copy);
    copy->count = names->count;
    for (size_t i = 0; i < names->count; i++) {
        copy->items[i] = arena_copy(found->arena, names->items[i]);
    }
    return copy;
}

static void identity(int indexes[BLOCK_PROGRAM_COUNT_MAX]) {
    for (int i = 0; i < BLOCK_PROGRAM_COUNT_MAX; i++) {
        indexes[i] = i;
    }
}

/* Is it the line's? Then whose. */
static bool is_sought(struct search *search, const struct block_view *view, struct text entry,
                      struct text *ret_customer) {
    const struct found_lines *found = search->found;
    if (!text_is_null(found->customer_id)) {
        struct text key;
        *ret_customer = found->customer_id;
        return entry_key(entry, &key) && text_equal(key, buffer_text(&search->key));
    }
    int indexes[BLOCK_PROGRAM_COUNT_MAX];
    struct line_state state;
    identity(indexes);
    arena_clear(&search->scratch);
    if (!entry_parse(entry, indexes, view->header.programs.count, &search->scratch, &state) ||
        !text_equal(state.line.line_id, found->line_id)) {
        return false;
    }
    *ret_customer = state.line.customer_id;
    return true;
}

/* Blocks come in the order in which they were written: the last one that has the line wins. */
static void search_block(struct search *search, const struct block_view *view) {
    struct found_lines *found = search->found;
    const struct block_header *header = &view->header;
    struct cursor cursor = cursor_of(view->entries.data, view->entries.size);
    struct text entry;
    struct text customer;
    search->block_count++;
    if ((int32_t)header->partition < found->partition_count) {
        found->partitions[header->partition] =
            (struct found_partition){header->next_offset, header->horizon};
    }
    while (block_next_entry(&cursor, &entry)) {
        if (is_sought(search, view, entry, &customer)) {
            struct found_line *line = line_of(found, customer);
            line->entry = arena_copy(found->arena, entry);
            line->names = copy_names(found, &header->programs);
            line->partition = (int32_t)header->partition;
            line->block_id = header->id;
        }
    }
}

static bool take_record(void *context, const struct topic_record *record, struct fault *fault) {
    struct search *search = context;
    struct block_view view;
    if (text_is_null(record->value)) {
        return true; /* the tombstone of a block that was cleaned */
    }
    if (!block_parse(record->value, &view, fault)) {
        return fault_prefix(fault, "partition %d offset %lld: ", record->partition,
                            (long long)record->offset);
    }
    search_block(search, &view);
    return true;
}

static bool search_topic(struct search *search, const struct config *config, struct fault *fault) {
    struct found_lines *found = search->found;
    const char *topic = config->topics.ledger;
    if (found->partition < 0) {
        (void)fprintf(stderr, "accrued explain: reading %s …\n", topic);
        return topic_read(config, topic, take_record, search, fault);
    }
    (void)fprintf(stderr, "accrued explain: reading %s [%d] …\n", topic, found->partition);
    return topic_read_range(config, topic, (struct topic_range){found->partition, 0, INT64_MAX},
                            take_record, search, fault);
}

static bool search_file(struct search *search, const char *path, struct fault *fault) {
    struct ledger_file_facts facts;
    struct ledger_frame frame;
    struct ledger_file *file = ledger_file_open(path, &facts, fault);
    if (file == NULL) {
        return false;
    }
    enum ledger_file_step step = LEDGER_FILE_END;
    while ((step = ledger_file_next(file, &frame, fault)) == LEDGER_FILE_FRAME) {
        if (frame.kind == LEDGER_FRAME_BLOCK) {
            search_block(search, &frame.block);
        }
    }
    ledger_file_close(file);
    /* What is half written at the end of a file in use is not in the ledger yet. */
    return step == LEDGER_FILE_END || facts.is_in_use || fault_prefix(fault, "%s: ", path);
}

static bool count_partitions(struct found_lines *found, const struct explain_options *options,
                             const struct config *config, struct fault *fault) {
    if (options->ledger_file != NULL) {
        struct ledger_file_facts facts;
        struct ledger_file *file = ledger_file_open(options->ledger_file, &facts, fault);
        if (file == NULL) {
            return false;
        }
        found->partition_count = (int32_t)facts.partition_count;
        ledger_file_close(file);
        return true;
    }
    struct topic_bounds *bounds = NULL;
    bool is_good =
        topic_bounds(config, config->topics.ledger, &bounds, &found->partition_count, fault);
    free(bounds);
    return is_good;
}

bool explain_find_lines(struct found_lines *found, const struct explain_options *options,
                        const struct config *config, struct fault *fault) {
    struct text customer = found->customer_id;
    if (!count_partitions(found, options, config, fault)) {
        return false;
    }
    found->partition = text_is_null(customer) ? -1
                                              : murmur2_partition(customer.data, customer.size,
                                                                  found->partition_count);
    found->partitions = calloc((size_t)found->partition_count, sizeof *found->partitions);
    REQUIRE(found->partitions != NULL);
    for (int32_t i = 0; i < found->partition_count; i++) {
        found->partitions[i].next_offset = -1;
    }
    struct search search = {.found = found};
    buffer_init(&search.key);
    arena_init(&search.scratch);
    if (!text_is_null(customer)) {
        entry_append_key(&search.key, customer, found->line_id);
    }
    bool is_good = options->ledger_file != NULL ? search_file(&search, options->ledger_file, fault)
                                                : search_topic(&search, config, fault);
    (void)fprintf(stderr, "accrued explain: %zu blocks read\n", search.block_count);
    buffer_release(&search.key);
    arena_release(&search.scratch);
    return is_good;
}

void explain_find_lines_release(struct found_lines *found) {
    free(found->items);
    free(found->partitions);
}

static int compare_earners(const void *left, const void *right) {
    const struct earner *a = left;
    const struct earner *b = right;
    if (a->program_index != b->program_index) {
        return a->program_index < b->program_index ? -1 : 1;
    }
    return text_compare(a->partner_mpn_id, b->partner_mpn_id);
}

bool explain_found_state(const struct found_line *line, const struct programs *programs,
                         struct arena *arena, struct line_state *ret_state,
                         struct texts *ret_unconfigured, struct fault *fault) {
    int indexes[BLOCK_PROGRAM_COUNT_MAX];
    identity(indexes);
    if (!entry_parse(line->entry, indexes, line->names->count, arena, ret_state)) {
        return fault_set(fault, "ledger block %llu: the line's entry is malformed",
                         (unsigned long long)line->block_id);
    }
    struct text *unconfigured = arena_take(arena, ret_state->earner_count * sizeof *unconfigured);
    *ret_unconfigured = (struct texts){unconfigured, 0};
    size_t kept = 0;
    for (size_t i = 0; i < ret_state->earner_count; i++) {
        struct earner earner = ret_state->earners[i];
        struct text program = line->names->items[earner.program_index];
        int index = programs_find(programs, program);
        if (index >= 0) {
            earner.program_index = (size_t)index;
            ret_state->earners[kept++] = earner;
        } else if (!texts_contain(*ret_unconfigured, program)) {
            unconfigured[ret_unconfigured->count++] = program;
        }
    }
    ret_state->earner_count = kept;
    if (kept > 0) {
        qsort(ret_state->earners, kept, sizeof *ret_state->earners, compare_earners);
    }
    return true;
}
