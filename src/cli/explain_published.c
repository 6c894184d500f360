/* What has been published of a line, and what has not been processed. */
#include "explain_find.h"

#include "accrued/accrual_reader.h"
#include "accrued/hash.h"
#include "accrued/offsets.h"
#include "accrued/require.h"
#include "accrued/topic_reader.h"

#include "dlq.h"

#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_RECORDS 1000000

/* A list that grows in the heap and ends in the arena. */
struct list {
    void *items;
    size_t count;
    size_t capacity;
};

static void *list_add(struct list *list, size_t size) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->items = realloc(list->items, list->capacity * size);
        REQUIRE(list->items != NULL);
    }
    return (char *)list->items + size * list->count++;
}

static void *list_end(struct list *list, size_t size, struct arena *arena) {
    void *items = arena_take(arena, list->count * size);
    if (list->count > 0) {
        memcpy(items, list->items, list->count * size);
    }
    free(list->items);
    return items;
}

/* ------------------------------------------------------------ accruals and forgone */

struct scan {
    const struct explanation *explanation;
    const struct explain_options *options;
    const struct config *config;
    struct arena *arena;
    struct accrual_reader *reader;
    const char *topic;
    int32_t partition_count;
    bool is_forgone;
    size_t record_count;
    size_t missing_count; /* partners of this partition whose last sequence has not been met */
    struct list deltas;
};

static bool contains(struct text haystack, struct text needle) {
    return memmem(haystack.data, haystack.size, needle.data, needle.size) != NULL;
}

static const struct earner *earner_of(const struct scan *scan,
                                      const struct published_accrual *accrual) {
    const struct line_state *state = scan->explanation->state;
    int program = programs_find(scan->explanation->programs, accrual->program_id);
    for (size_t i = 0; i < state->earner_count; i++) {
        if ((int)state->earners[i].program_index == program &&
            text_equal(state->earners[i].partner_mpn_id, accrual->partner_mpn_id)) {
            return &state->earners[i];
        }
    }
    return NULL;
}

static void add_delta(struct scan *scan, const struct topic_record *record,
                      const struct published_accrual *accrual) {
    struct arena *arena = scan->arena;
    struct explained_delta *delta = list_add(&scan->deltas, sizeof *delta);
    *delta = (struct explained_delta){
        .place = {text_of(scan->topic), record->partition, record->offset},
        .is_forgone = accrual->is_forgone,
        .program_id = arena_copy(arena, accrual->program_id),
        .partner_mpn_id = arena_copy(arena, accrual->partner_mpn_id),
        .reason = arena_copy(arena, accrual->reason),
        .rerate_id = arena_copy(arena, accrual->rerate_id),
        .billing_period = arena_copy(arena, accrual->billing_period),
        .currency = arena_copy(arena, accrual->currency),
        .sequence = accrual->sequence,
        .line_revision = accrual->line_revision,
        .measure = accrual->measure,
        .rate = accrual->rate,
        .amount = accrual->amount,
        .cumulative = accrual->cumulative,
        .source = {arena_copy(arena, accrual->source_topic), accrual->source_partition,
                   accrual->source_offset},
        .has_provenance = true,
        .accrued_at_ms = accrual->accrued_at_ms,
        .reference_hash = accrual->reference_hash,
    };
}

/* false without a fault: everything has been met. */
static bool take_delta(void *context, const struct topic_record *record, struct fault *fault) {
    struct scan *scan = context;
    const struct explanation *explanation = scan->explanation;
    struct published_accrual accrual;
    if (++scan->record_count % PROGRESS_RECORDS == 0) {
        (void)fprintf(stderr, "accrued explain: %zu records of %s [%d] …\n", scan->record_count,
                      scan->topic, record->partition);
    }
    if (text_is_null(record->value) || !contains(record->value, explanation->line_id)) {
        return true;
    }
    if (!accrual_reader_read(scan->reader, record->value, &accrual, fault)) {
        return fault_prefix(fault, "%s [%d] offset %lld: ", scan->topic, record->partition,
                            (long long)record->offset);
    }
    if (!text_equal(accrual.line_id, explanation->line_id) ||
        !text_equal(accrual.customer_id, explanation->customer_id)) {
        return true;
    }
    add_delta(scan, record, &accrual);
    const struct earner *earner = accrual.is_forgone ? NULL : earner_of(scan, &accrual);
    if (earner != NULL && earner->sequence == accrual.sequence && scan->missing_count > 0) {
        scan->missing_count--;
        return scan->missing_count > 0;
    }
    return true;
}

static int32_t home_of(const struct scan *scan, const struct earner *earner) {
    struct text key = text_is_null(earner->partner_mpn_id) ? scan->explanation->customer_id
                                                           : earner->partner_mpn_id;
    return murmur2_partition(key.data, key.size, scan->partition_count);
}

/* How many earners have published there; a forgone has no number to count by. */
static size_t count_sought(const struct scan *scan, int32_t partition) {
    const struct line_state *state = scan->explanation->state;
    size_t count = 0;
    for (size_t i = 0; i < state->earner_count; i++) {
        const struct earner *earner = &state->earners[i];
        count += (scan->is_forgone || earner->sequence > 0) && home_of(scan, earner) == partition;
    }
    return count;
}

static bool scan_partition(struct scan *scan, int32_t partition, struct fault *fault) {
    size_t sought = count_sought(scan, partition);
    struct topic_range range = {partition, 0, INT64_MAX};
    if (sought == 0) {
        return true;
    }
    if (scan->options->since_ms >= 0 &&
        !offsets_since(scan->config, scan->topic, partition, scan->options->since_ms, &range.first,
                       fault)) {
        return false;
    }
    (void)fprintf(stderr, "accrued explain: reading %s [%d] …\n", scan->topic, partition);
    scan->missing_count = scan->is_forgone ? 0 : sought;
    scan->record_count = 0;
    fault->text[0] = '\0';
    return topic_read_range(scan->config, scan->topic, range, take_delta, scan, fault) ||
           fault->text[0] == '\0';
}

static bool scan_topic(struct scan *scan, const char *schema, struct fault *fault) {
    char path[4096];
    struct topic_bounds *bounds = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", scan->config->schemas.directory, schema);
    scan->reader = accrual_reader_open(path, fault);
    bool is_good = scan->reader != NULL &&
                   topic_bounds(scan->config, scan->topic, &bounds, &scan->partition_count, fault);
    for (int32_t i = 0; is_good && i < scan->partition_count; i++) {
        is_good = scan_partition(scan, i, fault);
    }
    free(bounds);
    accrual_reader_free(scan->reader);
    return is_good;
}

bool explain_find_published(struct explanation *explanation, const struct explain_options *options,
                            const struct config *config, struct arena *arena, struct fault *fault) {
    struct scan scan = {.explanation = explanation,
                        .options = options,
                        .config = config,
                        .arena = arena,
                        .topic = config->topics.accruals};
    bool is_good = scan_topic(&scan, "accrual.avsc", fault);
    if (is_good) {
        scan.topic = config->topics.accruals_forgone;
        scan.is_forgone = true;
        is_good = scan_topic(&scan, "forgone.avsc", fault);
    }
    explanation->delta_count = scan.deltas.count;
    explanation->deltas = list_end(&scan.deltas, sizeof(struct explained_delta), arena);
    explanation->deltas_were_sought = is_good;
    return is_good;
}

/* ------------------------------------------------------------ dead letters */

bool explain_find_letters(struct explanation *explanation, const struct config *config,
                          struct arena *arena, struct fault *fault) {
    struct letter_filter filter = {.customer = explanation->customer_id,
                                   .until_ms = INT64_MAX,
                                   .partition = DLQ_ANY,
                                   .offset = DLQ_ANY};
    struct letters letters;
    struct list found = {.count = 0};
    (void)fprintf(stderr, "accrued explain: reading %s …\n", config->topics.billing_lines_dlq);
    if (!letters_read(config, &filter, &letters, fault)) {
        return false;
    }
    for (size_t i = 0; i < letters.count; i++) {
        const struct letter *letter = &letters.items[i];
        if (!text_equal(letter->line_id, explanation->line_id)) {
            continue;
        }
        struct explained_letter *taken = list_add(&found, sizeof *taken);
        bool has_source = letter->source_partition >= 0 && letter->source_offset >= 0;
        *taken = (struct explained_letter){
            .place = {text_of(config->topics.billing_lines_dlq), letter->partition, letter->offset},
            .source = {has_source ? text_of(config->topics.billing_lines) : text_null(),
                       letter->source_partition, letter->source_offset},
            .code = arena_copy(arena, letter->code),
            .message = arena_copy(arena, letter->message),
            .revision = -1,
            .was_replayed = letter->replayed_at_ms >= 0,
        };
    }
    letters_release(&letters);
    explanation->letter_count = found.count;
    explanation->letters = list_end(&found, sizeof(struct explained_letter), arena);
    explanation->letters_were_sought = true;
    return true;
}

/* ------------------------------------------------------------ the input */

struct records {
    const struct explanation *explanation;
    struct dlq_schemas schemas;
    struct arena scratch;
    const char *topic;
    int64_t committed;
    struct list found;
};

static bool is_dead_letter(const struct explanation *explanation,
                           const struct topic_record *record) {
    for (size_t i = 0; i < explanation->letter_count; i++) {
        const struct explained_place *source = &explanation->letters[i].source;
        if (!text_is_null(source->topic) && source->partition == record->partition &&
            source->offset == record->offset) {
            return true;
        }
    }
    return false;
}

/* What the ledger calls the record: a letter that was sent again has the offset that it came in at
 * first (lane/work.c). */
static int64_t origin_of(const struct records *records, const struct topic_record *record) {
    int64_t partition = -1;
    int64_t offset = -1;
    bool is_letter =
        text_equal(topic_record_header(record, "accrued.source.topic"), text_of(records->topic)) &&
        text_to_int64(topic_record_header(record, "accrued.source.partition"), &partition) &&
        text_to_int64(topic_record_header(record, "accrued.source.offset"), &offset);
    return is_letter && partition == record->partition && offset < record->offset ? offset
                                                                                  : record->offset;
}

static enum explained_fate fate_of(const struct records *records,
                                   const struct topic_record *record) {
    const struct explanation *explanation = records->explanation;
    if (record->offset >= records->committed) {
        return FATE_WAITS;
    }
    return explanation->state != NULL &&
                   explanation->state->origin_offset == origin_of(records, record)
               ? FATE_STANDS
               : FATE_SUPERSEDED;
}

static bool take_input(void *context, const struct topic_record *record, struct fault *fault) {
    struct records *records = context;
    const struct explanation *explanation = records->explanation;
    struct billing_line line;
    struct reject reject;
    (void)fault;
    arena_clear(&records->scratch);
    if (text_is_null(record->value) ||
        !text_contains_ignoring_case(record->value, explanation->line_id) ||
        is_dead_letter(explanation, record) ||
        !line_decode(records->schemas.set, record->value, &records->scratch, &line, &reject)) {
        return true;
    }
    if (text_equal(line.line_id, explanation->line_id) &&
        (text_is_null(explanation->customer_id) ||
         text_equal(line.customer_id, explanation->customer_id))) {
        struct explained_record *taken = list_add(&records->found, sizeof *taken);
        *taken = (struct explained_record){
            .place = {text_of(records->topic), record->partition, record->offset},
            .revision = line.revision,
            .is_void = line.is_void,
            .fate = fate_of(records, record)};
    }
    return true;
}

static bool scan_input(struct records *records, const struct config *config, int32_t partition,
                       bool with_history, struct fault *fault) {
    if (!offsets_committed(config, records->topic, partition, &records->committed, fault)) {
        return false;
    }
    struct topic_range range = {partition, with_history ? 0 : records->committed, INT64_MAX};
    (void)fprintf(stderr, "accrued explain: reading %s [%d] from offset %lld on …\n",
                  records->topic, partition, (long long)(range.first > 0 ? range.first : 0));
    return topic_read_range(config, records->topic, range, take_input, records, fault);
}

bool explain_find_records(struct explanation *explanation, const struct explain_options *options,
                          const struct config *config, const struct found_lines *found,
                          struct arena *arena, struct fault *fault) {
    struct records records = {.explanation = explanation, .topic = config->topics.billing_lines};
    arena_init(&records.scratch);
    bool is_good = dlq_schemas_open(config, &records.schemas, fault);
    for (int32_t i = 0; is_good && i < found->partition_count; i++) {
        int32_t only = explanation->partition >= 0 ? explanation->partition : found->partition;
        if (only < 0 || only == i) {
            is_good = scan_input(&records, config, i, options->with_history, fault);
        }
    }
    dlq_schemas_close(&records.schemas);
    arena_release(&records.scratch);
    explanation->record_count = records.found.count;
    explanation->records = list_end(&records.found, sizeof(struct explained_record), arena);
    explanation->records_were_sought = is_good;
    return is_good;
}
