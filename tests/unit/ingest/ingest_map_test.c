/* The built-in maps: sound, and the same after they have been printed and read back. */
#include "accrued/ingest_map.h"

#include "ingest/identity.h"

#include <criterion/criterion.h>
#include <stdio.h>

static bool same_text(const char *a, const char *b) {
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static void assert_names(const char *const *a, const char *const *b, size_t count,
                         const char *what) {
    for (size_t i = 0; i < count; i++) {
        cr_assert(same_text(a[i], b[i]), "%s[%zu]: %s and %s", what, i, a[i] ? a[i] : "-",
                  b[i] ? b[i] : "-");
    }
}

static void assert_source(const struct ingest_source *a, const struct ingest_source *b,
                          enum ingest_field field) {
    assert_names(a->columns, b->columns, INGEST_SPELLINGS_MAX, ingest_field_name(field));
    assert_names(a->factors, b->factors, INGEST_FACTORS_MAX, ingest_field_name(field));
    cr_assert(same_text(a->constant, b->constant));
    bool is_used = a->columns[0] != NULL || a->factors[0] != NULL || a->constant != NULL;
    cr_assert(!is_used || a->kind == b->kind, "%s", ingest_field_name(field));
    cr_assert_eq(a->must_have_column, b->must_have_column);
}

Test(ingest_map, printed_and_read_back_is_the_same) {
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        const struct ingest_map *map = &ingest_maps[i];
        struct ingest_map again;
        struct buffer yaml;
        struct arena arena;
        struct problems problems;
        buffer_init(&yaml);
        arena_init(&arena);
        problems_init(&problems);
        ingest_map_append_yaml(&yaml, map);
        bool is_good = ingest_map_parse(&again, map->format, buffer_text(&yaml), &arena, &problems);
        cr_assert(is_good, "%.*s", TEXT_ARGS(buffer_text(&problems.lines)));
        cr_assert_str_eq(again.format, map->format);
        cr_assert_str_eq(again.tag, map->tag);
        cr_assert(same_text(again.what, map->what));
        for (size_t k = 0; k < INGEST_FIELD_COUNT; k++) {
            assert_source(&map->fields[k], &again.fields[k], (enum ingest_field)k);
        }
        assert_names(map->identity, again.identity, INGEST_IDENTITY_MAX, "identity");
        assert_names(map->recognise, again.recognise, INGEST_RECOGNISE_MAX, "recognise");
        assert_names(map->skip_values, again.skip_values, INGEST_SKIP_VALUES_MAX, "skip");
        cr_assert(same_text(map->skip_column, again.skip_column));
        cr_assert(same_text(map->detail, again.detail));
        cr_assert(same_text(map->null_word, again.null_word));
        cr_assert(same_text(map->type_value, again.type_value));
        cr_assert(same_text(map->type_value_2, again.type_value_2));
        cr_assert_eq(map->is_day_first, again.is_day_first);
        cr_assert_eq(map->has_short_rows, again.has_short_rows);
        problems_release(&problems);
        arena_release(&arena);
        buffer_release(&yaml);
    }
}

Test(ingest_map, every_field_has_a_kind_that_suits_it) {
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        for (size_t k = 0; k < INGEST_FIELD_COUNT; k++) {
            const struct ingest_source *source = &ingest_maps[i].fields[k];
            enum ingest_field field = (enum ingest_field)k;
            if (source->columns[0] != NULL || source->factors[0] != NULL) {
                cr_expect_eq(source->kind, ingest_field_kind(field), "%s: %s",
                             ingest_maps[i].format, ingest_field_name(field));
            }
        }
    }
}

Test(ingest_map, tags_differ_and_fit_into_a_line_id) {
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        cr_expect(strlen(ingest_maps[i].tag) <= IDENTITY_TAG_SIZE_MAX);
        for (size_t k = 0; k < i; k++) {
            cr_expect_str_neq(ingest_maps[i].tag, ingest_maps[k].tag);
        }
    }
}

Test(ingest_map, identity_is_never_an_amount_or_a_reseller) {
    static const char *const changing[] = {"billed_amount", "consumed_amount", "quantity",
                                           "reseller_mpn_id", "billing_period"};
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        for (size_t k = 0; k < INGEST_IDENTITY_MAX && ingest_maps[i].identity[k] != NULL; k++) {
            for (size_t n = 0; n < sizeof changing / sizeof changing[0]; n++) {
                cr_expect_str_neq(ingest_maps[i].identity[k], changing[n]);
            }
        }
    }
}

Test(ingest_map, column_names_are_compared_by_letters_and_digits) {
    static const char *const spellings[] = {"BillingCurrency", "billingCurrency",
                                            "Billing Currency", "billing_currency",
                                            "\xEF\xBB\xBF"
                                            "BILLING-CURRENCY"};
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        char to[INGEST_NAME_SIZE_MAX];
        struct text name = ingest_normalise(text_of(spellings[i]), to);
        cr_expect(text_equal(name, TEXT("billingcurrency")), "%.*s", TEXT_ARGS(name));
    }
}

static void assert_problem(const char *yaml, const char *wanted) {
    struct ingest_map map;
    struct arena arena;
    struct problems problems;
    arena_init(&arena);
    problems_init(&problems);
    cr_assert_not(ingest_map_parse(&map, "own.yaml", text_of(yaml), &arena, &problems));
    cr_assert(text_contains_ignoring_case(buffer_text(&problems.lines), text_of(wanted)), "%.*s",
              TEXT_ARGS(buffer_text(&problems.lines)));
    problems_release(&problems);
    arena_release(&arena);
}

Test(ingest_map, mistakes_in_a_users_map_are_named) {
    assert_problem("format: x\ntag: x\nfields: {}\n", "`identity` is missing");
    assert_problem("format: x\ntag: X Y\nfields: {}\nidentity: [a]\n", "lower-case-with-dashes");
    assert_problem("format: x\ntag: x\nfields: {costumer_id: {columns: [A]}}\nidentity: [A]\n",
                   "no such field");
    assert_problem("format: x\ntag: x\nfields: {quantity: {columns: [A], kind: date}}\n"
                   "identity: [A]\n",
                   "does not suit quantity");
    assert_problem("format: x\ntag: x\nfields: {quantity: {}}\nidentity: [A]\n",
                   "needs `columns`, `product` or `constant`");
    assert_problem("format: x\ntag: x\nfields: {}\nidentity: [billed_amount]\n",
                   "cannot name a charge");
    assert_problem("format: x\ntag: x\nfields: {}\nidentity: [A]\nfield: 1\n", "unknown key");
}
