#include "accrued/balance_book.h"

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/encode.h"
#include "accrued/hash.h"
#include "accrued/require.h"

#include <stdlib.h>

#define SLOTS_FIRST 64
#define OFFSET_NONE (-1)

struct sum {
    struct amount cumulative;
    int64_t lines;
    int64_t source_offset; /* OFFSET_NONE: there is no balance yet */
};

struct entry {
    uint64_t hash;
    struct text key;
    struct text partner_mpn_id;
    struct text program_id;
    struct text billing_period;
    struct text currency;
    struct text last_id; /* in the batch's arena; only while it is changed */
    struct sum now;
    struct sum committed;
    bool is_changed;
};

struct balance_book {
    struct arena arena; /* keys */
    struct arena batch; /* of the open batch */
    struct buffer key;
    struct entry *entries; /* in the order of their first accrual */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* index + 1 into entries; 0: free */
    size_t slot_count;
    uint32_t *changed;
    size_t changed_count;
    size_t changed_capacity;
    int64_t next_offset;
    int64_t open_next_offset;
    struct buffer last_id;
    struct text open_last_id;
};

struct balance_book *balance_book_new(void) {
    struct balance_book *book = calloc(1, sizeof *book);
    REQUIRE(book != NULL);
    arena_init(&book->arena);
    arena_init(&book->batch);
    buffer_init(&book->key);
    buffer_init(&book->last_id);
    book->slot_count = SLOTS_FIRST;
    book->slots = calloc(book->slot_count, sizeof *book->slots);
    REQUIRE(book->slots != NULL);
    return book;
}

void balance_book_free(struct balance_book *book) {
    if (book == NULL) {
        return;
    }
    arena_release(&book->arena);
    arena_release(&book->batch);
    buffer_release(&book->key);
    buffer_release(&book->last_id);
    free(book->entries);
    free(book->slots);
    free(book->changed);
    free(book);
}

static size_t slot_of(const struct balance_book *book, uint64_t hash, struct text key) {
    size_t slot = hash & (book->slot_count - 1);
    while (book->slots[slot] != 0) {
        const struct entry *entry = &book->entries[book->slots[slot] - 1];
        if (entry->hash == hash && text_equal(entry->key, key)) {
            break;
        }
        slot = (slot + 1) & (book->slot_count - 1);
    }
    return slot;
}

static void grow_slots(struct balance_book *book) {
    free(book->slots);
    book->slot_count *= 2;
    book->slots = calloc(book->slot_count, sizeof *book->slots);
    REQUIRE(book->slots != NULL);
    for (size_t i = 0; i < book->count; i++) {
        const struct entry *entry = &book->entries[i];
        book->slots[slot_of(book, entry->hash, entry->key)] = (uint32_t)i + 1;
    }
}

static struct entry *add_entry(struct balance_book *book, const struct balance *balance,
                               uint64_t hash, struct text key) {
    if (book->count == book->capacity) {
        size_t capacity = book->capacity == 0 ? SLOTS_FIRST : book->capacity * 2;
        struct entry *entries = realloc(book->entries, capacity * sizeof *entries);
        REQUIRE(entries != NULL && capacity < UINT32_MAX);
        book->entries = entries;
        book->capacity = capacity;
    }
    if ((book->count + 1) * 4 > book->slot_count * 3) {
        grow_slots(book);
    }
    struct entry *entry = &book->entries[book->count];
    *entry = (struct entry){
        .hash = hash,
        .key = arena_copy(&book->arena, key),
        .partner_mpn_id = arena_copy(&book->arena, balance->partner_mpn_id),
        .program_id = arena_copy(&book->arena, balance->program_id),
        .billing_period = arena_copy(&book->arena, balance->billing_period),
        .currency = arena_copy(&book->arena, balance->currency),
        .now.source_offset = OFFSET_NONE,
        .committed.source_offset = OFFSET_NONE,
    };
    book->slots[slot_of(book, hash, entry->key)] = (uint32_t)++book->count;
    return entry;
}

static struct entry *entry_of(struct balance_book *book, const struct balance *balance) {
    buffer_clear(&book->key);
    encode_balance_key(&book->key, balance);
    struct text key = buffer_text(&book->key);
    uint64_t hash = hash64(key.data, key.size, 0);
    uint32_t at = book->slots[slot_of(book, hash, key)];
    return at != 0 ? &book->entries[at - 1] : add_entry(book, balance, hash, key);
}

bool balance_book_restore(struct balance_book *book, const struct balance *balance,
                          struct fault *fault) {
    REQUIRE(book->changed_count == 0);
    struct entry *entry = entry_of(book, balance);
    if (balance->source_offset < entry->committed.source_offset) {
        return fault_set(fault, "the balance of %.*s goes back from offset %lld to %lld",
                         TEXT_ARGS(entry->key), (long long)entry->committed.source_offset,
                         (long long)balance->source_offset);
    }
    entry->committed = (struct sum){balance->cumulative, balance->lines, balance->source_offset};
    entry->now = entry->committed;
    if (balance->source_offset >= book->next_offset) {
        book->next_offset = balance->source_offset + 1;
        book->open_next_offset = book->next_offset;
        buffer_clear(&book->last_id);
        buffer_append_text(&book->last_id, balance->last_accrual_id);
    }
    return true;
}

int64_t balance_book_next_offset(const struct balance_book *book) {
    return book->next_offset;
}

struct text balance_book_last_id(const struct balance_book *book) {
    return book->last_id.size > 0 ? buffer_text(&book->last_id) : TEXT("");
}

size_t balance_book_count(const struct balance_book *book) {
    return book->count;
}

static struct balance balance_of(const struct entry *entry) {
    return (struct balance){
        .partner_mpn_id = entry->partner_mpn_id,
        .program_id = entry->program_id,
        .billing_period = entry->billing_period,
        .currency = entry->currency,
        .last_accrual_id = entry->last_id,
        .cumulative = entry->now.cumulative,
        .lines = entry->now.lines,
        .source_offset = entry->now.source_offset,
    };
}

bool balance_book_find(const struct balance_book *book, const struct balance *key,
                       struct balance *ret_balance) {
    struct buffer bytes;
    buffer_init(&bytes);
    encode_balance_key(&bytes, key);
    uint64_t hash = hash64(bytes.data, bytes.size, 0);
    uint32_t at = book->slots[slot_of(book, hash, buffer_text(&bytes))];
    buffer_release(&bytes);
    if (at == 0 || book->entries[at - 1].now.source_offset == OFFSET_NONE) {
        return false;
    }
    *ret_balance = balance_of(&book->entries[at - 1]);
    return true;
}

static void note_change(struct balance_book *book, struct entry *entry) {
    if (entry->is_changed) {
        return;
    }
    if (book->changed_count == book->changed_capacity) {
        size_t capacity = book->changed_capacity == 0 ? SLOTS_FIRST : book->changed_capacity * 2;
        uint32_t *changed = realloc(book->changed, capacity * sizeof *changed);
        REQUIRE(changed != NULL);
        book->changed = changed;
        book->changed_capacity = capacity;
    }
    book->changed[book->changed_count++] = (uint32_t)(entry - book->entries);
    entry->is_changed = true;
}

bool balance_book_add(struct balance_book *book, const struct published_accrual *accrual,
                      int64_t offset, bool is_partial, struct fault *fault) {
    REQUIRE(offset >= book->open_next_offset);
    const struct balance key = {
        .partner_mpn_id = accrual->partner_mpn_id,
        .program_id = accrual->program_id,
        .billing_period = accrual->billing_period,
        .currency = accrual->currency,
    };
    struct entry *entry = entry_of(book, &key);
    int128 before = accrual->cumulative.units - accrual->amount.units;
    int128 sum = entry->now.cumulative.units + accrual->amount.units;
    int64_t lines = entry->now.lines + (accrual->cumulative.units != 0) - (before != 0);
    if (!decimal_fits(sum)) {
        return fault_set(fault, "the balance of %.*s does not fit decimal(28,6)",
                         TEXT_ARGS(entry->key));
    }
    if (accrual->amount.units == 0 || (lines < 0 && !is_partial)) {
        return fault_set(fault, "accrual %.*s does not follow from what came before",
                         TEXT_ARGS(accrual->accrual_id));
    }
    lines = lines < 0 ? 0 : lines;
    note_change(book, entry);
    entry->now = (struct sum){{sum}, lines, offset};
    entry->last_id = arena_copy(&book->batch, accrual->accrual_id);
    book->open_last_id = entry->last_id;
    book->open_next_offset = offset + 1;
    return true;
}

bool balance_book_changes(const struct balance_book *book, balance_visit visit, void *context) {
    for (size_t i = 0; i < book->changed_count; i++) {
        struct balance balance = balance_of(&book->entries[book->changed[i]]);
        if (!visit(context, &balance)) {
            return false;
        }
    }
    return true;
}

bool balance_book_each(const struct balance_book *book, balance_visit visit, void *context) {
    for (size_t i = 0; i < book->count; i++) {
        if (book->entries[i].now.source_offset != OFFSET_NONE) {
            struct balance balance = balance_of(&book->entries[i]);
            if (!visit(context, &balance)) {
                return false;
            }
        }
    }
    return true;
}

static void end_batch(struct balance_book *book, bool is_committed) {
    for (size_t i = 0; i < book->changed_count; i++) {
        struct entry *entry = &book->entries[book->changed[i]];
        if (is_committed) {
            entry->committed = entry->now;
        } else {
            entry->now = entry->committed;
        }
        entry->is_changed = false;
        entry->last_id = text_null();
    }
    book->changed_count = 0;
    book->open_last_id = text_null();
    arena_clear(&book->batch);
}

void balance_book_commit(struct balance_book *book) {
    if (book->changed_count > 0) {
        buffer_clear(&book->last_id);
        buffer_append_text(&book->last_id, book->open_last_id);
    }
    book->next_offset = book->open_next_offset;
    end_batch(book, true);
}

void balance_book_abort(struct balance_book *book) {
    book->open_next_offset = book->next_offset;
    end_batch(book, false);
}
