#include "accrued/entry.h"

#include "dice.h"

#include <criterion/criterion.h>

#define PROGRAM_COUNT 5

/* Programs by other numbers than indexes; number 3 is of a program that is not configured. */
static const uint32_t numbers[PROGRAM_COUNT] = {7, 0, 300, 1, 2};
static int indexes[301];

static void fill_indexes(void) {
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        indexes[i] = -1;
    }
    for (int i = 0; i < PROGRAM_COUNT; i++) {
        indexes[numbers[i]] = i;
    }
}

static bool parse(struct text entry, struct arena *arena, struct line_state *ret_state) {
    return entry_parse(entry, indexes, sizeof indexes / sizeof indexes[0], arena, ret_state);
}

/* A copy of exactly that size on the heap: a read behind its end is seen. */
static struct text exact_copy(const uint8_t *data, size_t size) {
    char *copy = malloc(size + (size == 0));
    cr_assert(copy != NULL);
    memcpy(copy, data, size);
    return (struct text){copy, size};
}

Test(entry, comes_back_as_it_was, .init = fill_indexes) {
    struct dice dice = {7};
    struct arena arena;
    struct arena parsed;
    struct buffer entry;
    arena_init(&arena);
    arena_init(&parsed);
    buffer_init(&entry);
    for (int i = 0; i < 20000; i++) {
        arena_clear(&arena);
        arena_clear(&parsed);
        buffer_clear(&entry);
        struct line_state state = dice_state(&dice, &arena, PROGRAM_COUNT);
        entry_append(&entry, &state, numbers);
        struct line_state again;
        cr_assert(parse(buffer_text(&entry), &parsed, &again), "round %d", i);
        cr_assert(dice_states_equal(&state, &again), "round %d", i);
        struct text key;
        cr_assert(entry_key(buffer_text(&entry), &key));
        struct buffer wanted;
        buffer_init(&wanted);
        entry_append_key(&wanted, state.line.customer_id, state.line.line_id);
        cr_assert(text_equal(key, buffer_text(&wanted)));
        cr_assert_eq(entry_key_hash(key), entry_key_hash(buffer_text(&wanted)));
        buffer_release(&wanted);
    }
    buffer_release(&entry);
    arena_release(&parsed);
    arena_release(&arena);
}

/* A customer id that is a UUID but for one byte, any byte anywhere, is not taken for one. */
Test(entry, almost_a_uuid_comes_back_as_it_was, .init = fill_indexes) {
    struct arena arena;
    struct buffer entry;
    arena_init(&arena);
    buffer_init(&entry);
    for (size_t place = 0; place < 36; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char id[36];
            memcpy(id, "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", sizeof id);
            id[place] = (char)byte;
            struct line_state state = {.line = {.customer_id = {id, sizeof id},
                                                .line_id = TEXT("l"),
                                                .subscription_id = {id, sizeof id},
                                                .charge_type = TEXT("new"),
                                                .currency = {{'E', 'U', 'R'}}},
                                       .rerate_offset = -1};
            struct line_state again;
            arena_clear(&arena);
            buffer_clear(&entry);
            entry_append(&entry, &state, numbers);
            cr_assert(parse(buffer_text(&entry), &arena, &again));
            cr_assert(text_equal(again.line.customer_id, state.line.customer_id), "%zu %d", place,
                      byte);
            cr_assert(text_equal(again.line.subscription_id, state.line.subscription_id));
            bool is_dash = place == 8 || place == 13 || place == 18 || place == 23;
            bool is_hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
            bool is_uuid = is_dash ? byte == '-' : is_hex;
            cr_assert_eq(entry.data[0], is_uuid ? 1 : 0, "%zu %d", place, byte);
        }
    }
    buffer_release(&entry);
    arena_release(&arena);
}

Test(entry, cut_off_or_prolonged_is_refused, .init = fill_indexes) {
    struct dice dice = {8};
    struct arena arena;
    struct buffer entry;
    arena_init(&arena);
    buffer_init(&entry);
    for (int i = 0; i < 60; i++) {
        arena_clear(&arena);
        buffer_clear(&entry);
        struct line_state state = dice_state(&dice, &arena, PROGRAM_COUNT);
        entry_append(&entry, &state, numbers);
        for (size_t size = 0; size < entry.size; size++) {
            struct text cut = exact_copy(entry.data, size);
            struct line_state again;
            cr_assert(!parse(cut, &arena, &again), "%zu of %zu bytes", size, entry.size);
            struct text key;
            (void)entry_key(cut, &key);
            free((char *)cut.data);
        }
        buffer_append_byte(&entry, 0);
        struct line_state again;
        cr_assert(!parse(buffer_text(&entry), &arena, &again));
    }
    buffer_release(&entry);
    arena_release(&arena);
}

/* Damaged entries are behind a checksum; reading one must still do no harm. */
Test(entry, any_bytes_do_no_harm, .init = fill_indexes) {
    struct dice dice = {9};
    struct arena arena;
    struct buffer entry;
    arena_init(&arena);
    buffer_init(&entry);
    size_t refused = 0;
    for (int i = 0; i < 100000; i++) {
        buffer_clear(&entry);
        arena_clear(&arena);
        if (i % 2 == 0) {
            struct line_state state = dice_state(&dice, &arena, PROGRAM_COUNT);
            entry_append(&entry, &state, numbers);
            for (size_t flips = 1 + dice_below(&dice, 3); flips > 0; flips--) {
                entry.data[dice_below(&dice, entry.size)] ^= (uint8_t)(1U << dice_below(&dice, 8));
            }
            if (dice_hits(&dice, 2)) {
                size_t at = dice_below(&dice, entry.size);
                memset(entry.data + at, 0xFF, entry.size - at < 9 ? entry.size - at : 9);
            }
        } else {
            for (size_t size = dice_below(&dice, 120); size > 0; size--) {
                buffer_append_byte(&entry, (uint8_t)(dice_hits(&dice, 2) ? dice_below(&dice, 4)
                                                                         : dice_next(&dice)));
            }
        }
        struct text bytes = exact_copy(entry.data != NULL ? entry.data : (uint8_t *)"", entry.size);
        struct line_state state;
        struct text key;
        (void)entry_key(bytes, &key);
        refused += !parse(bytes, &arena, &state);
        free((char *)bytes.data);
    }
    cr_assert(refused > 50000);
    buffer_release(&entry);
    arena_release(&arena);
}

/* The index finds an entry by its first bytes: no key may be the beginning of another. */
Test(entry, keys_are_apart) {
    static const struct {
        struct text customer;
        struct text line;
    } ids[] = {
        {{"", 0}, {"ab", 2}},
        {{"a", 1}, {"b", 1}},
        {{"ab", 2}, {"", 0}},
        {{"ab", 2}, {"c", 1}},
        {{"a", 1}, {"bc", 2}},
        {{"a", 1}, {"bcd", 3}},
        {{"a\0", 2}, {"b", 1}},
        {{"00000000-0000-0000-0000-000000000000", 36}, {"b", 1}},
        {{"00000000-0000-0000-0000-00000000000g", 36}, {"b", 1}},
        {{"00000000-0000-0000-0000-00000000000A", 36}, {"b", 1}},
        {{"00000000-0000-0000-0000-00000000000a", 36}, {"b", 1}},
        {{"00000000x0000-0000-0000-000000000000", 36}, {"b", 1}},
        {{"00000000-0000-0000-0000-0000000000001", 37}, {"b", 1}},
        {{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16}, {"b", 1}},
        {{"\x01", 1},
         {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
          "b",
          17}},
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        for (size_t j = 0; j < sizeof ids / sizeof ids[0]; j++) {
            struct buffer a;
            struct buffer b;
            buffer_init(&a);
            buffer_init(&b);
            entry_append_key(&a, ids[i].customer, ids[i].line);
            entry_append_key(&b, ids[j].customer, ids[j].line);
            cr_assert_eq(text_starts_with(buffer_text(&a), buffer_text(&b)), i == j, "%zu %zu", i,
                         j);
            buffer_release(&a);
            buffer_release(&b);
        }
    }
}

Test(entry, names_only_configured_programs, .init = fill_indexes) {
    struct arena arena;
    struct buffer entry;
    arena_init(&arena);
    buffer_init(&entry);
    struct earner earner = {.program_index = 2, .partner_mpn_id = {"p", 1}, .sequence = 1};
    struct line_state state = {.line = {.customer_id = {"c", 1}, .line_id = {"l", 1}},
                               .rerate_offset = -1,
                               .earners = &earner,
                               .earner_count = 1};
    entry_append(&entry, &state, numbers);
    struct line_state again;
    cr_assert(parse(buffer_text(&entry), &arena, &again));
    cr_assert(!entry_parse(buffer_text(&entry), indexes, 300, &arena, &again));
    indexes[300] = -1;
    cr_assert(!parse(buffer_text(&entry), &arena, &again));
    buffer_release(&entry);
    arena_release(&arena);
}

/* An ordinary line must stay small: millions of them stand in memory. */
Test(entry, is_small) {
    struct buffer entry;
    buffer_init(&entry);
    struct earner earner = {.partner_mpn_id = {"4200001", 7}, .sequence = 1, .cumulative = {40000}};
    struct line_state state = {
        .line = {.customer_id = {"9a1f0000-0000-4000-8000-000000000001", 36},
                 .line_id = {"g001234567-001", 14},
                 .subscription_id = {"9a1f0000-0000-4000-8000-000000000002", 36},
                 .reseller_mpn_id = {"4200001", 7},
                 .product_family = {"office_365", 10},
                 .charge_type = {"cycleFee", 8},
                 .billing_period = 2020 * 12,
                 .charge_start_date = 18300,
                 .charge_end_date = 18330,
                 .currency = {{'E', 'U', 'R'}},
                 .billed_amount = {INT64_C(10000000000)}},
        .origin_offset = 1000000,
        .rerate_offset = -1,
        .earners = &earner,
        .earner_count = 1,
    };
    entry_append(&entry, &state, numbers);
    cr_assert(entry.size <= 130, "%zu bytes", entry.size);
    buffer_release(&entry);
}
