#include "accrued/catalog_memo.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <assert.h>
#include <stdlib.h>

#define ENTRY_COUNT 2048 /* a power of two */
/* Of the four texts with their sizes; products with longer texts are classified each time. */
#define KEY_SIZE_MAX 224

struct memo_key {
    uint32_t size;
    unsigned char bytes[KEY_SIZE_MAX];
};

struct memo_entry {
    const struct catalog_rule *rule; /* NULL: none matches */
    bool is_taken;
    struct memo_key key;
};

struct catalog_memo {
    const struct catalog *catalog;
    int32_t *days; /* ascending: on each, some rule begins or ends */
    size_t day_count;
    struct memo_entry entries[ENTRY_COUNT];
};

static int compare_days(const void *a, const void *b) {
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

struct catalog_memo *catalog_memo_open(const struct catalog *catalog) {
    REQUIRE(catalog != NULL);
    struct catalog_memo *memo = calloc(1, sizeof *memo);
    REQUIRE(memo != NULL);
    memo->catalog = catalog;
    memo->days = calloc(2 * catalog->rule_count + 1, sizeof memo->days[0]);
    REQUIRE(memo->days != NULL);
    for (size_t i = 0; i < catalog->rule_count; i++) {
        memo->days[2 * i] = catalog->rules[i].valid.from;
        memo->days[2 * i + 1] = catalog->rules[i].valid.to;
    }
    qsort(memo->days, 2 * catalog->rule_count, sizeof memo->days[0], compare_days);
    for (size_t i = 0; i < 2 * catalog->rule_count; i++) {
        if (memo->day_count == 0 || memo->days[memo->day_count - 1] != memo->days[i]) {
            memo->days[memo->day_count++] = memo->days[i];
        }
    }
    return memo;
}

void catalog_memo_free(struct catalog_memo *memo) {
    if (memo != NULL) {
        free(memo->days);
        free(memo);
    }
}

/* How many of the days are at or before this one: in one span the same rules are in force. */
static uint32_t span_of(const struct catalog_memo *memo, int32_t day) {
    size_t low = 0;
    size_t high = memo->day_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (memo->days[middle] <= day) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

/* The size in front tells null from empty, and where a text ends. */
static bool key_append(struct memo_key *key, struct text text) {
    uint32_t size = text_is_null(text) ? UINT32_MAX : (uint32_t)text.size;
    if (text.size > KEY_SIZE_MAX || key->size + sizeof size + text.size > KEY_SIZE_MAX) {
        return false;
    }
    memcpy(key->bytes + key->size, &size, sizeof size);
    key->size += sizeof size;
    if (text.size > 0) {
        memcpy(key->bytes + key->size, text.data, text.size);
        key->size += (uint32_t)text.size;
    }
    return true;
}

/* All that a rule may look at. */
static bool key_make(struct memo_key *key, const struct catalog_memo *memo,
                     const struct billing_line *line) {
    uint32_t span = span_of(memo, line->charge_start_date);
    memcpy(key->bytes, &span, sizeof span);
    key->size = sizeof span;
    return key_append(key, line->product_id) && key_append(key, line->sku_id) &&
           key_append(key, line->product_name) && key_append(key, line->meter_category);
}

struct classification catalog_memo_classify(struct catalog_memo *memo,
                                            const struct billing_line *line) {
    static_assert(CATALOG_FIELD_COUNT == 4, "a rule's fields are those of key_make");
    struct memo_key key;
    if (!key_make(&key, memo, line)) {
        return catalog_classify(memo->catalog, line);
    }
    uint64_t hash = hash64(key.bytes, key.size, 0);
    struct memo_entry *entry = &memo->entries[hash & (ENTRY_COUNT - 1)];
    if (!entry->is_taken || entry->key.size != key.size ||
        memcmp(entry->key.bytes, key.bytes, key.size) != 0) {
        entry->is_taken = true;
        entry->rule = catalog_find_rule(memo->catalog, line);
        entry->key.size = key.size;
        memcpy(entry->key.bytes, key.bytes, key.size);
    }
    return catalog_apply(entry->rule, line);
}
