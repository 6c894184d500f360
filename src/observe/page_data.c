/* From the registry to rows. */
#include "page.h"

#include "accrued/require.h"

struct collection {
    struct arena *arena;
    const char *keys[2];
    bool is_amount;
    struct page_rows rows;
    size_t capacity;
    struct buffer scratch;
};

static bool name_is_amount(const char *name) {
    const char ending[] = "_amount";
    size_t size = strlen(name);
    return size >= sizeof ending - 1 && strcmp(name + size - (sizeof ending - 1), ending) == 0;
}

/* Numbers by value (shorter first), else by bytes: partition 10 comes behind 9. */
static int compare_keys(struct text a, struct text b) {
    int64_t left;
    int64_t right;
    if (text_to_int64(a, &left) && text_to_int64(b, &right)) {
        return (left > right) - (left < right);
    }
    return text_compare(a, b);
}

static int compare_rows(const struct page_row *a, struct text first, struct text second) {
    int order = compare_keys(a->keys[0], first);
    return order != 0 ? order : compare_keys(a->keys[1], second);
}

/* The row for these keys; a new one is put where it belongs. */
static struct page_row *collection_row(struct collection *collection, const struct text keys[2]) {
    struct page_rows *rows = &collection->rows;
    size_t at = 0;
    while (at < rows->count && compare_rows(&rows->items[at], keys[0], keys[1]) < 0) {
        at++;
    }
    if (at < rows->count && compare_rows(&rows->items[at], keys[0], keys[1]) == 0) {
        return &rows->items[at];
    }
    if (rows->count == collection->capacity) {
        collection->capacity = collection->capacity == 0 ? 16 : collection->capacity * 2;
        struct page_row *items =
            arena_take(collection->arena, collection->capacity * sizeof *items);
        if (rows->count > 0) {
            memcpy(items, rows->items, rows->count * sizeof *items);
        }
        rows->items = items;
    }
    memmove(&rows->items[at + 1], &rows->items[at], (rows->count - at) * sizeof rows->items[0]);
    rows->count++;
    rows->items[at] = (struct page_row){
        .keys = {arena_copy(collection->arena, keys[0]), arena_copy(collection->arena, keys[1])}};
    return &rows->items[at];
}

static void collect(void *context, const char *labels, const struct metric *metric) {
    struct collection *collection = context;
    struct text keys[2] = {text_null(), text_null()};
    struct buffer *scratch = &collection->scratch;
    size_t ends[2] = {0, 0};
    bool found[2] = {false, false};
    buffer_clear(scratch);
    buffer_append_byte(scratch, 0); /* so that an empty value is not null */
    for (size_t i = 0; i < 2; i++) {
        found[i] =
            collection->keys[i] != NULL && metric_label(labels, collection->keys[i], scratch);
        ends[i] = scratch->size;
    }
    const char *data = (const char *)scratch->data;
    if (found[0]) {
        keys[0] = (struct text){data + 1, ends[0] - 1};
    }
    if (found[1]) {
        keys[1] = (struct text){data + ends[0], ends[1] - ends[0]};
    }
    struct page_row *row = collection_row(collection, keys);
    row->value += collection->is_amount ? metric_amount(metric).units : metric_value(metric);
}

struct page_rows page_rows(struct arena *arena, const char *name, const char *first_key,
                           const char *second_key) {
    REQUIRE(arena != NULL && name != NULL);
    struct collection collection = {
        .arena = arena, .keys = {first_key, second_key}, .is_amount = name_is_amount(name)};
    buffer_init(&collection.scratch);
    metrics_each(name, collect, &collection);
    buffer_release(&collection.scratch);
    return collection.rows;
}

const struct page_row *page_row_find(struct page_rows rows, struct text first, struct text second) {
    for (size_t i = 0; i < rows.count; i++) {
        if (compare_rows(&rows.items[i], first, second) == 0) {
            return &rows.items[i];
        }
    }
    return NULL;
}

int128 page_rows_total(struct page_rows rows) {
    int128 total = 0;
    for (size_t i = 0; i < rows.count; i++) {
        total += rows.items[i].value;
    }
    return total;
}

struct sum {
    int128 value;
    bool any;
};

static void add_value(void *context, const char *labels, const struct metric *metric) {
    (void)labels;
    struct sum *sum = context;
    sum->value += metric_value(metric);
    sum->any = true;
}

bool page_value(const char *name, int128 *ret_value) {
    REQUIRE(!name_is_amount(name));
    struct sum sum = {0, false};
    metrics_each(name, add_value, &sum);
    if (sum.any) {
        *ret_value = sum.value;
    }
    return sum.any;
}

struct longest {
    int64_t ms;
    bool any;
};

static void keep_longest(void *context, const char *labels, const struct metric *metric) {
    (void)labels;
    struct longest *longest = context;
    int64_t ms = metric_value(metric);
    for (unsigned i = metric_decimals(metric); i < 3; i++) {
        ms *= 10;
    }
    for (unsigned i = metric_decimals(metric); i > 3; i--) {
        ms /= 10;
    }
    longest->ms = !longest->any || ms > longest->ms ? ms : longest->ms;
    longest->any = true;
}

bool page_longest_ms(const char *name, int64_t *ret_ms) {
    struct longest longest = {0, false};
    metrics_each(name, keep_longest, &longest);
    if (longest.any) {
        *ret_ms = longest.ms;
    }
    return longest.any;
}

static void keep_first(void *context, const char *labels, const struct metric *metric) {
    (void)labels;
    const struct metric **first = context;
    *first = *first == NULL ? metric : *first;
}

const struct metric *page_histogram(const char *name) {
    const struct metric *first = NULL;
    metrics_each(name, keep_first, (void *)&first);
    return first;
}
