#include "accrued/catalog_memo.h"

#include "accrued/require.h"

#include <assert.h>
#include <stdlib.h>

#define SET_COUNT 512 /* a power of two */
#define SET_SIZE 4    /* products that fall into the same set stand side by side */
/* Of the four texts; products with longer ones are classified each time. */
#define TEXTS_SIZE_MAX 208

/* All that a rule may look at. */
struct memo_key {
    uint32_t span;
    struct text texts[CATALOG_FIELD_COUNT];
};

struct memo_entry {
    const struct catalog_rule *rule; /* NULL: none matches */
    struct memo_key key;             /* its texts are these bytes */
    char bytes[TEXTS_SIZE_MAX];
};

struct memo_set {
    uint64_t hashes[SET_SIZE]; /* 0: not taken */
    struct memo_entry entries[SET_SIZE];
};

struct catalog_memo {
    const struct catalog *catalog;
    int32_t *days; /* ascending: on each, some rule begins or ends */
    size_t day_count;
    size_t put_count;
    struct memo_set sets[SET_COUNT];
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

static struct memo_key key_of(const struct catalog_memo *memo, const struct billing_line *line) {
    static_assert(CATALOG_FIELD_COUNT == 4, "these are what a rule looks at");
    return (struct memo_key){
        .span = span_of(memo, line->charge_start_date),
        .texts = {line->product_id, line->sku_id, line->product_name, line->meter_category},
    };
}

static uint64_t mix(uint64_t hash, uint64_t word) {
    uint128 product = (uint128)(hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of sizes, first and last words: what else tells products apart, the comparison finds. Not 0. */
static uint64_t key_hash(const struct memo_key *key) {
    uint64_t hash = key->span;
    for (size_t i = 0; i < CATALOG_FIELD_COUNT; i++) {
        struct text text = key->texts[i];
        hash = mix(hash + text.size, text_last_word(text));
        hash ^= text.size > sizeof hash ? text_word(text.data) : 0;
    }
    return mix(hash, 0) | 1;
}

static bool key_equal(const struct memo_key *a, const struct memo_key *b) {
    bool is_equal = a->span == b->span;
    for (size_t i = 0; i < CATALOG_FIELD_COUNT && is_equal; i++) {
        is_equal = text_equal(a->texts[i], b->texts[i]);
    }
    return is_equal;
}

static void entry_put(struct memo_entry *entry, const struct memo_key *key,
                      const struct catalog_rule *rule) {
    size_t size = 0;
    entry->rule = rule;
    entry->key = *key;
    for (size_t i = 0; i < CATALOG_FIELD_COUNT; i++) {
        struct text text = key->texts[i];
        if (text.data != NULL) {
            memcpy(entry->bytes + size, text.data, text.size);
            entry->key.texts[i].data = entry->bytes + size;
            size += text.size;
        }
    }
    REQUIRE(size <= TEXTS_SIZE_MAX);
}

/* The place for one more of the set: a free one, else each in turn. */
static size_t place_in(struct catalog_memo *memo, const struct memo_set *set) {
    for (size_t i = 0; i < SET_SIZE; i++) {
        if (set->hashes[i] == 0) {
            return i;
        }
    }
    return memo->put_count++ % SET_SIZE;
}

struct classification catalog_memo_classify(struct catalog_memo *memo,
                                            const struct billing_line *line) {
    struct memo_key key = key_of(memo, line);
    uint64_t hash = key_hash(&key);
    struct memo_set *set = &memo->sets[(hash >> 32) & (SET_COUNT - 1)];
    for (size_t i = 0; i < SET_SIZE; i++) {
        if (set->hashes[i] == hash && key_equal(&set->entries[i].key, &key)) {
            return catalog_apply(set->entries[i].rule, line);
        }
    }
    const struct catalog_rule *rule = catalog_find_rule(memo->catalog, line);
    size_t size = 0;
    for (size_t i = 0; i < CATALOG_FIELD_COUNT; i++) {
        size += key.texts[i].size;
    }
    if (size <= TEXTS_SIZE_MAX) {
        size_t at = place_in(memo, set);
        set->hashes[at] = hash;
        entry_put(&set->entries[at], &key, rule);
    }
    return catalog_apply(rule, line);
}
