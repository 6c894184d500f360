/* catalog.yaml → struct catalog. Rules of the file: accrual-model.md §5. */
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "fields.h"

#include <assert.h>

static const char *const catalog_keys[] = {"revision", "rules"};
static const char *const rule_keys[] = {"match", "family", "workload", "tags", "from", "to"};
/* In the order of enum catalog_field and enum catalog_operator. */
static const char *const match_keys[] = {"product_id", "sku_id", "product_name", "meter_category"};
static const char *const operator_keys[] = {"equals", "prefix", "contains"};
static_assert(sizeof match_keys / sizeof match_keys[0] == CATALOG_FIELD_COUNT,
              "a name for each field");

#define WORDS(names) ((struct words){(names), sizeof(names) / sizeof(names)[0]})
#define OPERATOR_COUNT (sizeof operator_keys / sizeof operator_keys[0])

static void add_match(struct catalog_rule *rule, size_t field, size_t operator, struct text value) {
    REQUIRE(rule->match_count < sizeof rule->matches / sizeof rule->matches[0]);
    rule->matches[rule->match_count++] =
        (struct catalog_match){(enum catalog_field)field, (enum catalog_operator) operator, value };
}

/* `sku_id: "X"` or `sku_id: {prefix: "X", contains: "y"}`. */
static bool read_field_match(const struct fields *fields, const struct node *match, size_t field,
                             struct catalog_rule *rule) {
    bool is_good = true;
    const struct node *given = fields_member(fields, match, match_keys[field], OPTIONAL, &is_good);
    if (given == NULL) {
        return is_good;
    }
    if (given->kind == NODE_SCALAR) {
        struct text value = text_null();
        is_good = fields_text(fields, match, match_keys[field], REQUIRED, &value);
        if (is_good) {
            add_match(rule, field, MATCH_EQUALS, value);
        }
        return is_good;
    }
    if (!fields_mapping(fields, given, WORDS(operator_keys))) {
        return false;
    }
    if (given->count == 0) {
        return node_problem(fields->tree, given, fields->problems,
                            "needs a text, or equals, prefix or contains");
    }
    for (size_t operator= 0; operator<OPERATOR_COUNT; operator++) {
        struct text value = text_null();
        if (node_member(given, operator_keys[operator]) == NULL) {
            continue;
        }
        if (fields_text(fields, given, operator_keys[operator], REQUIRED, &value)) {
            add_match(rule, field, operator, value);
        } else {
            is_good = false;
        }
    }
    return is_good;
}

static bool read_match(const struct fields *fields, const struct node *node,
                       struct catalog_rule *rule) {
    bool is_good = true;
    const struct node *match = fields_member(fields, node, "match", OPTIONAL, &is_good);
    if (match == NULL) {
        return is_good; /* nothing to match: the rule holds always */
    }
    is_good = fields_mapping(fields, match, WORDS(match_keys));
    for (size_t field = 0; field < CATALOG_FIELD_COUNT && match->kind == NODE_MAPPING; field++) {
        is_good = read_field_match(fields, match, field, rule) && is_good;
    }
    return is_good;
}

static bool read_tags(const struct fields *fields, const struct node *node, struct catalog *catalog,
                      struct catalog_rule *rule) {
    struct texts tags = {NULL, 0};
    bool is_good = fields_texts(fields, node, "tags", 0, (struct words){NULL, 0}, &tags);
    for (size_t i = 0; i < tags.count; i++) {
        int bit = catalog_tag(catalog, tags.items[i]);
        if (bit < 0) {
            return node_problem(fields->tree, node_member(node, "tags"), fields->problems,
                                "more than %d different tags", TAG_COUNT_MAX);
        }
        rule->tags |= UINT64_C(1) << bit;
    }
    return is_good;
}

static bool read_rule(const struct fields *fields, const struct node *node, struct catalog *catalog,
                      struct catalog_rule *rule) {
    bool is_good = fields_mapping(fields, node, WORDS(rule_keys));
    if (node->kind != NODE_MAPPING) {
        return false;
    }
    is_good = read_match(fields, node, rule) && is_good;
    unsigned family = 0;
    bool has_family = true;
    if (fields_member(fields, node, "family", OPTIONAL, &has_family) != NULL) {
        if (fields_word(fields, node, "family", REQUIRED, fields_families, &family)) {
            rule->family = text_of(fields_families.names[family]);
        } else {
            is_good = false;
        }
    }
    is_good = fields_text(fields, node, "workload", OPTIONAL, &rule->workload) && is_good;
    is_good = read_tags(fields, node, catalog, rule) && is_good;
    return fields_interval(fields, node, OPTIONAL, &rule->valid) && is_good;
}

static bool read_rules(const struct fields *fields, const struct node *root,
                       struct catalog *catalog) {
    bool is_good = true;
    const struct node *rules = fields_member(fields, root, "rules", REQUIRED, &is_good);
    if (rules == NULL || !fields_sequence(fields, rules, 0)) {
        return false;
    }
    catalog->rules = arena_take(&catalog->arena, (rules->count + 1) * sizeof *catalog->rules);
    for (const struct node *node = rules->first; node != NULL; node = node->next) {
        struct catalog_rule *rule = &catalog->rules[catalog->rule_count++];
        *rule = (struct catalog_rule){.valid = {DAY_MIN, DAY_MAX}};
        is_good = read_rule(fields, node, catalog, rule) && is_good;
    }
    return is_good;
}

bool catalog_load_all(struct catalog *catalog, const char *path, struct problems *problems) {
    REQUIRE(catalog->rule_count == 0 && catalog->tag_count == 0);
    struct tree tree;
    tree_init(&tree);
    bool is_good = tree_load(&tree, path, problems);
    if (tree.root != NULL) {
        struct fields fields = {&tree, problems, &catalog->arena};
        catalog->hash = tree_hash(&tree);
        is_good = fields_mapping(&fields, tree.root, WORDS(catalog_keys)) && is_good;
        if (tree.root->kind == NODE_MAPPING) {
            is_good =
                fields_int(&fields, tree.root, "revision", 0, INT64_MAX, &catalog->revision) &&
                is_good;
            is_good = read_rules(&fields, tree.root, catalog) && is_good;
        }
    }
    tree_release(&tree);
    return is_good;
}

bool catalog_load(struct catalog *catalog, const char *path, struct fault *fault) {
    struct problems problems;
    problems_init(&problems);
    bool is_good = catalog_load_all(catalog, path, &problems);
    REQUIRE(is_good == (problems.count == 0));
    if (!is_good) {
        (void)problems_to_fault(&problems, fault);
    }
    problems_release(&problems);
    return is_good;
}
