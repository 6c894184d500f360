/* The letters of the topic, with what can be said of each without its bytes. */
#include "dlq.h"

#include "accrued/record_view.h"
#include "accrued/replay.h"
#include "accrued/require.h"
#include "schemas.h"

#include <stdio.h>
#include <stdlib.h>

/* A list says who it is about where that can be known without much waiting. */
#define WAITS_MAX 3

struct mark {
    int32_t partition;
    int64_t offset;
    int64_t at_ms;
};

struct collecting {
    const struct letter_filter *filter;
    struct letters *letters;
    struct dlq_schemas schemas;
    int waits_left; /* for a registry that may be away */
    struct mark *marks;
    size_t mark_count;
    size_t mark_capacity;
};

bool dlq_schemas_open(const struct config *config, struct dlq_schemas *ret_schemas,
                      struct fault *fault) {
    size_t count = config->schemas.id_count;
    struct schema_file *files = calloc(count + 1, sizeof *files);
    char(*paths)[4096] = calloc(count + 1, sizeof *paths);
    REQUIRE(files != NULL && paths != NULL);
    for (size_t i = 0; i <= count; i++) {
        const char *file = i < count ? config->schemas.ids[i].file : "billing-line.avsc";
        bool is_absolute = file[0] == '/';
        (void)snprintf(paths[i], sizeof paths[i], "%s%s%s",
                       is_absolute ? "" : config->schemas.directory, is_absolute ? "" : "/", file);
        files[i] = (struct schema_file){i < count ? config->schemas.ids[i].id : 0, paths[i]};
    }
    *ret_schemas = (struct dlq_schemas){.set = schema_set_open(paths[count], files, count, fault)};
    free(files);
    free(paths);
    if (ret_schemas->set == NULL || !schemas_open_registry(config, &ret_schemas->registry, fault)) {
        dlq_schemas_close(ret_schemas);
        return false;
    }
    schema_set_use_registry(ret_schemas->set, ret_schemas->registry);
    return true;
}

void dlq_schemas_close(struct dlq_schemas *schemas) {
    schema_set_free(schemas->set);
    registry_free(schemas->registry);
    *schemas = (struct dlq_schemas){.set = NULL};
}

bool letter_is_mark(const struct topic_record *record, int64_t *ret_offset) {
    return text_is_null(record->value) &&
           text_to_int64(topic_record_header(record, REPLAY_MARK_HEADER), ret_offset);
}

static void add_mark(struct collecting *collecting, const struct topic_record *record,
                     int64_t offset) {
    if (collecting->mark_count == collecting->mark_capacity) {
        size_t capacity = collecting->mark_capacity == 0 ? 64 : collecting->mark_capacity * 2;
        struct mark *marks = realloc(collecting->marks, capacity * sizeof *marks);
        REQUIRE(marks != NULL);
        collecting->marks = marks;
        collecting->mark_capacity = capacity;
    }
    collecting->marks[collecting->mark_count++] =
        (struct mark){record->partition, offset, record->timestamp_ms};
}

static void take_ids(void *context, const struct view_field *field) {
    struct text *ids = context; /* customer_id, line_id */
    bool is_customer = text_equal(field->name, TEXT("customer_id"));
    if ((is_customer || text_equal(field->name, TEXT("line_id"))) && !text_is_null(field->string)) {
        ids[is_customer ? 0 : 1] = field->string;
    }
}

/* Whose letter it is, as far as its bytes tell; else by its key. */
static void identify(struct collecting *collecting, const struct topic_record *record,
                     struct letter *letter) {
    struct arena *arena = &collecting->letters->arena;
    struct text ids[2] = {text_null(), text_null()};
    struct view view =
        record_view(collecting->schemas.set, topic_record_header(record, SCHEMA_HEADER),
                    record->value, collecting->waits_left > 0, take_ids, ids);
    collecting->waits_left -= view.end == VIEW_NO_SCHEMA && collecting->waits_left > 0;
    letter->customer_is_key = text_is_null(ids[0]);
    letter->customer = arena_fold(arena, letter->customer_is_key ? record->key : ids[0]);
    letter->line_id = arena_fold(arena, ids[1]);
    letter->key_is_customer = !letter->customer_is_key && text_equal(record->key, letter->customer);
}

static bool is_position(const struct letter_filter *filter, const struct topic_record *record) {
    for (size_t i = 0; i < filter->position_count; i++) {
        if (filter->positions[i].partition == record->partition &&
            filter->positions[i].offset == record->offset) {
            return true;
        }
    }
    return filter->position_count == 0;
}

static bool is_code(const struct letter_filter *filter, struct text code) {
    for (size_t i = 0; i < filter->code_count; i++) {
        if (text_equal(filter->codes[i], code)) {
            return true;
        }
    }
    return filter->code_count == 0;
}

static bool is_wanted(const struct letter_filter *filter, const struct topic_record *record) {
    return is_position(filter, record) &&
           (filter->partition == DLQ_ANY || filter->partition == record->partition) &&
           (filter->offset == DLQ_ANY || filter->offset == record->offset) &&
           record->timestamp_ms >= filter->since_ms && record->timestamp_ms < filter->until_ms &&
           is_code(filter, topic_record_header(record, "accrued.error.code"));
}

static struct letter *add_letter(struct letters *letters) {
    if (letters->count == letters->capacity) {
        size_t capacity = letters->capacity == 0 ? 1024 : letters->capacity * 2;
        struct letter *items = realloc(letters->items, capacity * sizeof *items);
        REQUIRE(items != NULL);
        letters->items = items;
        letters->capacity = capacity;
    }
    return &letters->items[letters->count++];
}

static int64_t number_or_unknown(struct text text) {
    int64_t number = 0;
    return text_to_int64(text, &number) ? number : -1;
}

static bool collect(void *context, const struct topic_record *record, struct fault *fault) {
    struct collecting *collecting = context;
    struct letters *letters = collecting->letters;
    int64_t marked = 0;
    (void)fault;
    if (letter_is_mark(record, &marked)) {
        add_mark(collecting, record, marked);
        return true;
    }
    if (!is_wanted(collecting->filter, record)) {
        return true;
    }
    struct letter letter = {
        .partition = record->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .code = arena_copy(&letters->arena, topic_record_header(record, "accrued.error.code")),
        .message =
            arena_copy(&letters->arena, topic_record_header(record, "accrued.error.message")),
        .source_partition =
            (int32_t)number_or_unknown(topic_record_header(record, "accrued.source.partition")),
        .source_offset = number_or_unknown(topic_record_header(record, "accrued.source.offset")),
        .value_size = record->value.size,
        .replayed_at_ms = -1,
    };
    identify(collecting, record, &letter);
    if (text_is_null(collecting->filter->customer) ||
        text_equal(collecting->filter->customer, letter.customer)) {
        *add_letter(letters) = letter;
    }
    return true;
}

static int compare(const void *left, const void *right) {
    const struct letter *a = left;
    const struct letter *b = right;
    if (a->partition != b->partition) {
        return a->partition < b->partition ? -1 : 1;
    }
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

const struct letter *letters_find(const struct letters *letters, int32_t partition,
                                  int64_t offset) {
    struct letter key = {.partition = partition, .offset = offset};
    return letters->count == 0 ? NULL
                               : bsearch(&key, letters->items, letters->count, sizeof key, compare);
}

static void apply_marks(const struct collecting *collecting) {
    struct letters *letters = collecting->letters;
    for (size_t i = 0; i < collecting->mark_count; i++) {
        const struct mark *mark = &collecting->marks[i];
        const struct letter *found = letters_find(letters, mark->partition, mark->offset);
        if (found != NULL) {
            letters->items[found - letters->items].replayed_at_ms = mark->at_ms;
        }
    }
    if (collecting->filter->only_open) {
        size_t kept = 0;
        for (size_t i = 0; i < letters->count; i++) {
            if (letters->items[i].replayed_at_ms < 0) {
                letters->items[kept++] = letters->items[i];
            }
        }
        letters->count = kept;
    }
}

bool letters_read(const struct config *config, const struct letter_filter *filter,
                  struct letters *ret_letters, struct fault *fault) {
    *ret_letters = (struct letters){.count = 0};
    arena_init(&ret_letters->arena);
    struct collecting collecting = {
        .filter = filter, .letters = ret_letters, .waits_left = WAITS_MAX};
    bool is_good =
        dlq_schemas_open(config, &collecting.schemas, fault) &&
        (filter->partition == DLQ_ANY
             ? topic_read(config, config->topics.billing_lines_dlq, collect, &collecting, fault)
             : topic_read_range(config, config->topics.billing_lines_dlq,
                                (struct topic_range){filter->partition,
                                                     filter->offset == DLQ_ANY ? 0 : filter->offset,
                                                     INT64_MAX},
                                collect, &collecting, fault));
    if (is_good) {
        if (ret_letters->count > 0) {
            qsort(ret_letters->items, ret_letters->count, sizeof *ret_letters->items, compare);
        }
        apply_marks(&collecting);
    } else {
        letters_release(ret_letters);
    }
    free(collecting.marks);
    dlq_schemas_close(&collecting.schemas);
    return is_good;
}

void letters_release(struct letters *letters) {
    arena_release(&letters->arena);
    free(letters->items);
    *letters = (struct letters){.count = 0};
}
