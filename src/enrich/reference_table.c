#include "accrued/reference_table.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <stdlib.h>

#define CAPACITY_MIN 64

void reference_table_init(struct reference_table *table) {
    *table = (struct reference_table){.slots = NULL};
    for (size_t i = 0; i < REFERENCE_KIND_COUNT; i++) {
        table->missing[i] = (struct reference){.kind = (enum reference_kind)i};
    }
}

void reference_table_release(struct reference_table *table) {
    for (size_t i = 0; i < table->capacity; i++) {
        free(table->slots[i]);
    }
    free(table->slots);
    reference_table_init(table);
}

/* The slot of the id, or the empty one where it would go. */
static size_t probe(struct reference **slots, size_t capacity, enum reference_kind kind,
                    struct text id) {
    size_t at = (size_t)hash64(id.data, id.size, (uint64_t)kind) & (capacity - 1);
    while (slots[at] != NULL &&
           (slots[at]->kind != kind || !text_equal(reference_id(slots[at]), id))) {
        at = (at + 1) & (capacity - 1);
    }
    return at;
}

static void grow(struct reference_table *table) {
    size_t capacity = table->capacity == 0 ? CAPACITY_MIN : table->capacity * 2;
    struct reference **slots = calloc(capacity, sizeof(slots[0]));
    REQUIRE(slots != NULL);
    for (size_t i = 0; i < table->capacity; i++) {
        struct reference *moving = table->slots[i];
        if (moving != NULL) {
            slots[probe(slots, capacity, moving->kind, reference_id(moving))] = moving;
        }
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
}

void reference_table_put(struct reference_table *table, struct reference *reference) {
    REQUIRE(!text_is_null(reference_id(reference)));
    if ((table->count + 1) * 2 > table->capacity) {
        grow(table);
    }
    size_t at = probe(table->slots, table->capacity, reference->kind, reference_id(reference));
    table->count += table->slots[at] == NULL;
    free(table->slots[at]);
    table->slots[at] = reference;
}

const struct reference *reference_table_find(const struct reference_table *table,
                                             enum reference_kind kind, struct text id) {
    const struct reference *found =
        table->capacity == 0 ? NULL : table->slots[probe(table->slots, table->capacity, kind, id)];
    return found != NULL ? found : &table->missing[kind];
}

static const struct reference *find_partner(void *context, struct text mpn_id) {
    return reference_table_find(context, REFERENCE_PARTNER, mpn_id);
}

struct partner_lookup reference_table_partners(struct reference_table *table) {
    return (struct partner_lookup){find_partner, table};
}
