#include "accrued/catalog_memo.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define RULE_COUNT 24
#define LINE_COUNT 200000

/* Few texts, so that lines repeat and rules match; some differ only in where a text ends. */
static struct text some_text(struct dice *dice) {
    static const char *const texts[] = {"a", "ab", "b", "Azure plan", "azure", "0001", "E3", "aa"};
    size_t which = dice_below(dice, sizeof texts / sizeof texts[0] + 2);
    if (which == sizeof texts / sizeof texts[0]) {
        return (struct text){"x", 0}; /* empty, not null */
    }
    return which < sizeof texts / sizeof texts[0] ? text_of(texts[which]) : text_null();
}

static int32_t some_day(struct dice *dice) {
    return 18262 + (int32_t)dice_below(dice, 40);
}

static void make_rules(struct dice *dice, struct catalog_rule rules[RULE_COUNT]) {
    static const char *const families[] = {"office_365", "azure", "software"};
    for (size_t i = 0; i < RULE_COUNT; i++) {
        struct catalog_rule *rule = &rules[i];
        *rule = (struct catalog_rule){.family = text_of(families[dice_below(dice, 3)]),
                                      .tags = UINT64_C(1) << i,
                                      .valid = {DAY_MIN, DAY_MAX}};
        rule->match_count = 1 + dice_below(dice, 2);
        for (size_t k = 0; k < rule->match_count; k++) {
            struct text value = some_text(dice);
            rule->matches[k] =
                (struct catalog_match){(enum catalog_field)dice_below(dice, CATALOG_FIELD_COUNT),
                                       (enum catalog_operator)dice_below(dice, 3),
                                       text_is_null(value) ? TEXT("plan") : value};
        }
        if (dice_hits(dice, 2)) {
            rule->valid.from = some_day(dice);
        }
        if (dice_hits(dice, 3)) {
            rule->valid.to = some_day(dice);
        }
    }
}

/* Whatever came before, it says what the catalog says. */
Test(catalog_memo, answers_as_the_catalog_does) {
    struct dice dice = {20261125};
    for (int round = 0; round < 5; round++) {
        struct catalog_rule rules[RULE_COUNT];
        struct catalog catalog;
        catalog_init(&catalog);
        make_rules(&dice, rules);
        catalog.rules = rules;
        catalog.rule_count = RULE_COUNT;
        struct catalog_memo *memo = catalog_memo_open(&catalog);
        size_t matched = 0;
        for (int i = 0; i < LINE_COUNT / 5; i++) {
            struct billing_line line = {.charge_start_date = some_day(&dice),
                                        .product_id = some_text(&dice),
                                        .sku_id = some_text(&dice),
                                        .product_name = some_text(&dice),
                                        .meter_category = some_text(&dice),
                                        .product_family = some_text(&dice),
                                        .workload = some_text(&dice)};
            struct classification wanted = catalog_classify(&catalog, &line);
            struct classification got = catalog_memo_classify(memo, &line);
            cr_assert(text_equal(got.family, wanted.family));
            cr_assert(text_equal(got.workload, wanted.workload));
            cr_assert_eq(got.tags, wanted.tags);
            cr_assert_eq(got.is_unclassified, wanted.is_unclassified);
            matched += wanted.tags != 0;
        }
        cr_assert(matched > LINE_COUNT / 50, "%zu lines matched a rule", matched);
        catalog_memo_free(memo);
        catalog.rules = NULL;
        catalog_release(&catalog);
    }
}

Test(catalog_memo, long_texts_are_classified_each_time) {
    char name[LINE_TEXT_SIZE_MAX];
    memset(name, 'n', sizeof name);
    struct catalog_rule rule = {.matches = {{CATALOG_SKU_ID, MATCH_EQUALS, TEXT("2")}},
                                .match_count = 1,
                                .family = TEXT("azure"),
                                .valid = {DAY_MIN, DAY_MAX}};
    struct catalog catalog;
    catalog_init(&catalog);
    catalog.rules = &rule;
    catalog.rule_count = 1;
    struct catalog_memo *memo = catalog_memo_open(&catalog);
    for (int i = 0; i < 4; i++) {
        struct billing_line line = {.product_name = {name, sizeof name},
                                    .sku_id = i % 2 == 0 ? TEXT("1") : TEXT("2")};
        struct classification got = catalog_memo_classify(memo, &line);
        cr_assert(text_equal(got.family, i % 2 == 0 ? TEXT("other") : TEXT("azure")));
    }
    catalog_memo_free(memo);
    catalog_memo_free(NULL);
}

/* More products than there is room for, in texts that differ in their middles only. */
Test(catalog_memo, more_products_than_places) {
    enum { PRODUCT_COUNT = 5000 };
    struct catalog_rule rule = {.matches = {{CATALOG_PRODUCT_NAME, MATCH_CONTAINS, TEXT("77")}},
                                .match_count = 1,
                                .family = TEXT("azure"),
                                .valid = {DAY_MIN, DAY_MAX}};
    struct catalog catalog;
    catalog_init(&catalog);
    catalog.rules = &rule;
    catalog.rule_count = 1;
    struct catalog_memo *memo = catalog_memo_open(&catalog);
    for (int i = 0; i < 3 * PRODUCT_COUNT; i++) {
        char name[64];
        int size =
            snprintf(name, sizeof name, "Product of ours %06d for everyone", i % PRODUCT_COUNT);
        struct billing_line line = {.product_name = {name, (size_t)size},
                                    .product_id = i % 2 == 0 ? TEXT("same") : TEXT("")};
        struct classification got = catalog_memo_classify(memo, &line);
        struct classification wanted = catalog_classify(&catalog, &line);
        cr_assert(text_equal(got.family, wanted.family), "%s", name);
    }
    catalog_memo_free(memo);
}
