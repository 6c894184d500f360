#include "accrued/catalog.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* A catalog over rules on the stack, as catalog_yaml.c would have built it. */
static struct catalog catalog_of(struct catalog_rule *rules, size_t count) {
    struct catalog catalog;
    catalog_init(&catalog);
    catalog.rules = rules;
    catalog.rule_count = count;
    return catalog;
}

static struct catalog_rule rule_of(struct catalog_match match, const char *family) {
    return (struct catalog_rule){.matches = {match},
                                 .match_count = 1,
                                 .family = text_of(family),
                                 .valid = {DAY_MIN, DAY_MAX}};
}

static struct billing_line line_with(enum catalog_field field, struct text value) {
    struct billing_line line = {.charge_start_date = 18262};
    switch (field) {
    case CATALOG_PRODUCT_ID: line.product_id = value; break;
    case CATALOG_SKU_ID: line.sku_id = value; break;
    case CATALOG_PRODUCT_NAME: line.product_name = value; break;
    case CATALOG_METER_CATEGORY: line.meter_category = value; break;
    }
    return line;
}

static bool rule_matches(struct catalog_match match, struct text value) {
    struct catalog_rule rule = rule_of(match, "found");
    struct catalog catalog = catalog_of(&rule, 1);
    struct billing_line line = line_with(match.field, value);
    struct classification what = catalog_classify(&catalog, &line);
    cr_assert_eq(what.is_unclassified, !text_equal(what.family, TEXT("found")));
    catalog_release(&catalog);
    return text_equal(what.family, TEXT("found"));
}

Test(catalog, operators_on_every_field) {
    static const struct {
        enum catalog_operator operator;
        const char *wanted;
        const char *value;
        bool holds;
    } cases[] = {
        {MATCH_EQUALS, "CFQ7", "CFQ7", true},
        {MATCH_EQUALS, "CFQ7", "cfq7", false}, /* exact means exact */
        {MATCH_EQUALS, "CFQ7", "CFQ7 ", false},
        {MATCH_EQUALS, "CFQ7", "CFQ", false},
        {MATCH_EQUALS, "CFQ7", NULL, false},
        {MATCH_PREFIX, "DZH", "DZH318Z0", true},
        {MATCH_PREFIX, "DZH", "DZH", true},
        {MATCH_PREFIX, "DZH", "DZ", false},
        {MATCH_PREFIX, "DZH", "dzh318", false},
        {MATCH_PREFIX, "DZH", "xDZH", false},
        {MATCH_PREFIX, "DZH", NULL, false},
        {MATCH_CONTAINS, "teams", "Microsoft Teams Phone", true},
        {MATCH_CONTAINS, "TEAMS", "microsoft teams", true},
        {MATCH_CONTAINS, "teams", "teams", true},
        {MATCH_CONTAINS, "teams", "team s", false},
        {MATCH_CONTAINS, "teams", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int field = 0; field < CATALOG_FIELD_COUNT; field++) {
            struct catalog_match match = {(enum catalog_field)field, cases[i].operator,
                                          text_of(cases[i].wanted)};
            cr_expect_eq(rule_matches(match, text_of(cases[i].value)), cases[i].holds,
                         "case %zu on %s", i, catalog_field_name((enum catalog_field)field));
        }
    }
}

Test(catalog, a_match_looks_at_its_own_field_only) {
    for (int wanted = 0; wanted < CATALOG_FIELD_COUNT; wanted++) {
        struct catalog_rule rule = rule_of(
            (struct catalog_match){(enum catalog_field)wanted, MATCH_EQUALS, TEXT("X")}, "found");
        struct catalog catalog = catalog_of(&rule, 1);
        for (int field = 0; field < CATALOG_FIELD_COUNT; field++) {
            struct billing_line line = line_with((enum catalog_field)field, TEXT("X"));
            struct classification what = catalog_classify(&catalog, &line);
            cr_expect_eq(text_equal(what.family, TEXT("found")), field == wanted);
        }
        catalog_release(&catalog);
    }
}

Test(catalog, all_matches_of_a_rule_must_hold_and_none_always_do) {
    struct catalog_rule rules[] = {
        {.matches = {{CATALOG_SKU_ID, MATCH_EQUALS, TEXT("0001")},
                     {CATALOG_PRODUCT_NAME, MATCH_CONTAINS, TEXT("azure")},
                     {CATALOG_PRODUCT_NAME, MATCH_PREFIX, TEXT("Azure R")}},
         .match_count = 3,
         .family = TEXT("azure_reservation"),
         .valid = {DAY_MIN, DAY_MAX}},
        {.match_count = 0, .family = TEXT("software"), .valid = {DAY_MIN, DAY_MAX}},
    };
    struct catalog catalog = catalog_of(rules, 2);
    struct billing_line line = {.sku_id = TEXT("0001"), .product_name = TEXT("Azure Reserved VM")};
    cr_expect(text_equal(catalog_classify(&catalog, &line).family, TEXT("azure_reservation")));
    line.product_name = TEXT("Azure VM"); /* one of two matches on the same field */
    cr_expect(text_equal(catalog_classify(&catalog, &line).family, TEXT("software")));
    line = (struct billing_line){.revision = 0};
    cr_expect(text_equal(catalog_classify(&catalog, &line).family, TEXT("software")),
              "an empty match holds also for a line that says nothing");
    catalog_release(&catalog);
}

/* A month's list of strategic products: from ≤ charge_start_date < to. */
Test(catalog, a_rule_holds_on_its_days) {
    struct catalog_rule rules[] = {
        {.family = TEXT("strategic_software"), .valid = {18262, 18293}},
        {.family = TEXT("software"), .valid = {18293, DAY_MAX}},
        {.family = TEXT("never"), .valid = {18262, 18262}},
    };
    struct catalog catalog = catalog_of(rules, 3);
    static const struct {
        int32_t day;
        const char *family;
    } cases[] = {
        {18261, "other"},    {18262, "strategic_software"}, {18292, "strategic_software"},
        {18293, "software"}, {2932896, "software"},         {-719528, "other"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* The end of the charge says nothing. */
        struct billing_line line = {.charge_start_date = cases[i].day, .charge_end_date = 2932896};
        cr_expect(text_equal(catalog_classify(&catalog, &line).family, text_of(cases[i].family)),
                  "day %d", cases[i].day);
    }
    catalog_release(&catalog);
}

/* Every combination of what the line brings and what the first matching rule says. */
Test(catalog, the_line_wins_and_only_the_first_matching_rule_counts) {
    for (unsigned bits = 0; bits < 32; bits++) {
        bool line_family = (bits & 1) != 0;
        bool line_workload = (bits & 2) != 0;
        bool rule_family = (bits & 4) != 0;
        bool rule_workload = (bits & 8) != 0;
        bool matches = (bits & 16) != 0;
        struct catalog_rule rules[] = {
            rule_of((struct catalog_match){CATALOG_SKU_ID, MATCH_EQUALS, TEXT("none")}, "skipped"),
            {.matches = {{CATALOG_SKU_ID, MATCH_EQUALS, TEXT("S")}},
             .match_count = 1,
             .family = rule_family ? TEXT("rules") : text_null(),
             .workload = rule_workload ? TEXT("teams") : text_null(),
             .tags = 5,
             .valid = {DAY_MIN, DAY_MAX}},
            {.matches = {{CATALOG_SKU_ID, MATCH_PREFIX, TEXT("S")}},
             .match_count = 1,
             .family = TEXT("second"),
             .workload = TEXT("second"),
             .tags = 2,
             .valid = {DAY_MIN, DAY_MAX}},
        };
        struct catalog catalog = catalog_of(rules, 3);
        struct billing_line line = {
            .sku_id = matches ? TEXT("S") : TEXT("T"),
            .product_family = line_family ? TEXT("invented") : text_null(),
            .workload = line_workload ? TEXT("exchange") : text_null(),
        };
        struct classification what = catalog_classify(&catalog, &line);
        struct text family = line_family              ? TEXT("invented")
                             : matches && rule_family ? TEXT("rules")
                                                      : TEXT("other");
        struct text workload = line_workload              ? TEXT("exchange")
                               : matches && rule_workload ? TEXT("teams")
                                                          : text_null();
        cr_expect(text_equal(what.family, family), "bits %u: %.*s", bits, TEXT_ARGS(what.family));
        cr_expect(text_equal(what.workload, workload), "bits %u", bits);
        cr_expect_eq(what.tags, matches ? 5 : 0, "tags also where the line brings its own family");
        cr_expect_eq(what.is_unclassified, !matches && !line_family, "bits %u", bits);
        catalog_release(&catalog);
    }
}

Test(catalog, nothing_in_it_leaves_everything_unclassified) {
    struct catalog catalog = catalog_of(NULL, 0);
    struct billing_line line = {.product_name = TEXT("Office 365 E3")};
    struct classification what = catalog_classify(&catalog, &line);
    cr_expect(text_equal(what.family, TEXT("other")));
    cr_expect(text_is_null(what.workload));
    cr_expect_eq(what.tags, 0);
    cr_expect(what.is_unclassified);
    catalog_release(&catalog);
}

Test(catalog, tags_are_bits_given_once) {
    struct catalog catalog;
    catalog_init(&catalog);
    char name[16];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < TAG_COUNT_MAX; i++) {
            int size = snprintf(name, sizeof name, "tag-%d", i);
            cr_assert_eq(catalog_tag(&catalog, (struct text){name, (size_t)size}), i);
            memset(name, '?', sizeof name); /* the catalog has its own copy */
        }
    }
    cr_expect_eq(catalog.tag_count, TAG_COUNT_MAX);
    cr_expect_eq(catalog_tag(&catalog, TEXT("one more")), -1);
    cr_expect_eq(catalog_tag(&catalog, TEXT("TAG-0")), -1, "tags are compared byte by byte");
    cr_expect_eq(catalog_tag(&catalog, TEXT("tag-63")), 63, "full, but this one is known");
    cr_expect_eq(catalog.tag_count, TAG_COUNT_MAX);
    catalog_release(&catalog);
    cr_expect_eq(catalog.tag_count, 0);
    cr_expect_eq(catalog_tag(&catalog, TEXT("anew")), 0);
    catalog_release(&catalog);
}

/* Rules at random against the definition written the other way round: per rule, does it hold; then
 * the smallest index. */
static bool holds_naively(const struct catalog_rule *rule, const struct billing_line *line) {
    const struct text values[] = {line->product_id, line->sku_id, line->product_name,
                                  line->meter_category};
    bool all =
        line->charge_start_date >= rule->valid.from && line->charge_start_date < rule->valid.to;
    for (size_t i = 0; i < rule->match_count; i++) {
        const struct catalog_match *match = &rule->matches[i];
        char value[64];
        char wanted[64];
        (void)snprintf(value, sizeof value, "%.*s", TEXT_ARGS(values[match->field]));
        (void)snprintf(wanted, sizeof wanted, "%.*s", TEXT_ARGS(match->value));
        bool holds = match->operator== MATCH_EQUALS   ? strcmp(value, wanted) == 0
                     : match->operator== MATCH_PREFIX ? strstr(value, wanted) == value
                                                      : strcasestr(value, wanted) != NULL;
        all = all && values[match->field].data != NULL && holds;
    }
    return all;
}

Test(catalog, random_rules_and_lines_agree_with_the_definition) {
    static const char *const words[] = {"a", "A", "ab", "Ab", "abA", "bab", "b", "aab"};
    srand(17);
    size_t found = 0;
    for (int round = 0; round < 20000; round++) {
        struct catalog_rule rules[6];
        for (size_t r = 0; r < 6; r++) {
            int32_t from = rand() % 3;
            rules[r] = (struct catalog_rule){
                .match_count = (size_t)(rand() % 4),
                .family = TEXT("rule"),
                .tags = UINT64_C(1) << r,
                .valid = {rand() % 3 == 0 ? DAY_MIN : from, from + rand() % 3},
            };
            for (size_t m = 0; m < rules[r].match_count; m++) {
                rules[r].matches[m] = (struct catalog_match){
                    (enum catalog_field)(rand() % CATALOG_FIELD_COUNT),
                    (enum catalog_operator)(rand() % 3), text_of(words[rand() % 8])};
            }
        }
        struct billing_line line = {
            .charge_start_date = rand() % 4,
            .product_id = text_of(rand() % 4 == 0 ? NULL : words[rand() % 8]),
            .sku_id = text_of(rand() % 4 == 0 ? NULL : words[rand() % 8]),
            .product_name = text_of(rand() % 4 == 0 ? NULL : words[rand() % 8]),
            .meter_category = text_of(rand() % 4 == 0 ? NULL : words[rand() % 8]),
        };
        uint64_t expected = 0;
        for (size_t r = 6; r-- > 0;) {
            expected = holds_naively(&rules[r], &line) ? UINT64_C(1) << r : expected;
        }
        struct catalog catalog = catalog_of(rules, 6);
        struct classification what = catalog_classify(&catalog, &line);
        cr_assert_eq(what.tags, expected, "round %d", round);
        cr_assert_eq(what.is_unclassified, expected == 0);
        found += expected != 0;
        catalog_release(&catalog);
    }
    cr_expect(found > 5000 && found < 19000, "%zu: the dice must hit and miss", found);
}
