#include "accrued/catalog.h"

#include "accrued/require.h"

const char *catalog_field_name(enum catalog_field field) {
    switch (field) {
    case CATALOG_PRODUCT_ID: return "product_id";
    case CATALOG_SKU_ID: return "sku_id";
    case CATALOG_PRODUCT_NAME: return "product_name";
    case CATALOG_METER_CATEGORY: return "meter_category";
    }
    REQUIRE(false && "a catalog field without a name");
}

void catalog_init(struct catalog *catalog) {
    *catalog = (struct catalog){.rules = NULL};
    arena_init(&catalog->arena);
}

void catalog_release(struct catalog *catalog) {
    arena_release(&catalog->arena);
    catalog_init(catalog);
}

int catalog_tag(struct catalog *catalog, struct text name) {
    for (size_t i = 0; i < catalog->tag_count; i++) {
        if (text_equal(catalog->tags[i], name)) {
            return (int)i;
        }
    }
    if (catalog->tag_count == TAG_COUNT_MAX) {
        return -1;
    }
    catalog->tags[catalog->tag_count] = arena_copy(&catalog->arena, name);
    return (int)catalog->tag_count++;
}

static struct text field_of(const struct billing_line *line, enum catalog_field field) {
    switch (field) {
    case CATALOG_PRODUCT_ID: return line->product_id;
    case CATALOG_SKU_ID: return line->sku_id;
    case CATALOG_PRODUCT_NAME: return line->product_name;
    case CATALOG_METER_CATEGORY: return line->meter_category;
    }
    REQUIRE(false && "a catalog field without a place in the line");
}

static bool match_holds(const struct catalog_match *match, const struct billing_line *line) {
    struct text value = field_of(line, match->field);
    if (text_is_null(value)) {
        return false;
    }
    switch (match->operator) {
    case MATCH_EQUALS: return text_equal(value, match->value);
    case MATCH_PREFIX: return text_starts_with(value, match->value);
    case MATCH_CONTAINS: return text_contains_ignoring_case(value, match->value);
    }
    REQUIRE(false && "a match operator without a meaning");
}

static bool rule_holds(const struct catalog_rule *rule, const struct billing_line *line) {
    if (!interval_contains(rule->valid, line->charge_start_date)) {
        return false;
    }
    for (size_t i = 0; i < rule->match_count; i++) {
        if (!match_holds(&rule->matches[i], line)) {
            return false;
        }
    }
    return true;
}

const struct catalog_rule *catalog_find_rule(const struct catalog *catalog,
                                             const struct billing_line *line) {
    for (size_t i = 0; i < catalog->rule_count; i++) {
        if (rule_holds(&catalog->rules[i], line)) {
            return &catalog->rules[i];
        }
    }
    return NULL;
}

struct classification catalog_apply(const struct catalog_rule *rule,
                                    const struct billing_line *line) {
    struct classification found = {line->product_family, line->workload, 0, false};
    if (rule != NULL) {
        found.tags = rule->tags;
        if (text_is_null(found.family)) {
            found.family = rule->family;
        }
        if (text_is_null(found.workload)) {
            found.workload = rule->workload;
        }
    }
    if (text_is_null(found.family)) {
        found.family = TEXT("other");
        found.is_unclassified = rule == NULL;
    }
    return found;
}

struct classification catalog_classify(const struct catalog *catalog,
                                       const struct billing_line *line) {
    return catalog_apply(catalog_find_rule(catalog, line), line);
}
