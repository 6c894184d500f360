/* The versions of a program: rates, accelerators, requirements, and the two rules that tie them:
 * versions don't overlap, effective rates stay in bounds (accrual-model.md §6). */
#include "versions_yaml.h"

#include "accrued/require.h"

#include <stdlib.h>

#define WORDS(names) ((struct words){(names), sizeof(names) / sizeof(names)[0]})
#define NO_WORDS ((struct words){NULL, 0})
#define MONTHS_MAX 1200

static const char *const version_keys[] = {"from",     "to",    "standing",
                                           "requires", "rates", "accelerators"};
static const char *const requires_keys[] = {"mpn_active", "indirect_reseller", "any_competency",
                                            "bank_profile", "tax_profile"};
static const char *const competency_keys[] = {"level", "of"};
static const char *const rate_keys[] = {"families", "workloads", "rate", "measure"};
static const char *const accelerator_keys[] = {"id",       "rate",      "months",
                                               "families", "workloads", "tags"};
/* In the order of their enums. */
static const char *const standing_names[] = {"day", "month"};
static const char *const level_names[] = {"silver", "gold"};
static const char *const measure_names[] = {"billed_amount", "consumed_amount"};
const struct words versions_measures = {measure_names, 2};

static bool read_any_competency(const struct fields *fields, const struct node *requires,
                                struct requirements *requirements) {
    bool is_good = true;
    const struct node *node = fields_member(fields, requires, "any_competency", OPTIONAL, &is_good);
    if (node == NULL) {
        return is_good;
    }
    is_good = fields_mapping(fields, node, WORDS(competency_keys));
    if (node->kind != NODE_MAPPING) {
        return false;
    }
    unsigned level = 0;
    is_good = fields_word(fields, node, "level", REQUIRED, WORDS(level_names), &level) && is_good;
    if (fields_member(fields, node, "of", REQUIRED, &is_good) == NULL) {
        return false;
    }
    is_good = fields_texts(fields, node, "of", 1, NO_WORDS, &requirements->competencies) && is_good;
    requirements->any_competency = true;
    requirements->level = level == 0 ? LEVEL_SILVER : LEVEL_GOLD;
    return is_good;
}

static bool read_requirements(const struct fields *fields, const struct node *version,
                              struct requirements *requirements) {
    bool is_good = true;
    const struct node *node = fields_member(fields, version, "requires", OPTIONAL, &is_good);
    if (node == NULL) {
        return is_good;
    }
    is_good = fields_mapping(fields, node, WORDS(requires_keys));
    if (node->kind != NODE_MAPPING) {
        return false;
    }
    struct {
        const char *key;
        bool *value;
    } flags[] = {
        {"mpn_active", &requirements->mpn_active},
        {"indirect_reseller", &requirements->indirect_reseller},
        {"bank_profile", &requirements->bank_profile},
        {"tax_profile", &requirements->tax_profile},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        is_good = fields_bool(fields, node, flags[i].key, flags[i].value) && is_good;
    }
    return read_any_competency(fields, node, requirements) && is_good;
}

static bool read_rate(const struct fields *fields, const struct node *node,
                      const struct program *program, struct rate_rule *rule) {
    bool is_good = fields_mapping(fields, node, WORDS(rate_keys));
    if (node->kind != NODE_MAPPING) {
        return false;
    }
    unsigned measure = (unsigned)program->measure;
    if (fields_member(fields, node, "families", REQUIRED, &is_good) != NULL) {
        is_good =
            fields_texts(fields, node, "families", 1, fields_families, &rule->families) && is_good;
    }
    is_good = fields_texts(fields, node, "workloads", 1, NO_WORDS, &rule->workloads) && is_good;
    is_good = fields_rate(fields, node, "rate", &rule->rate) && is_good;
    is_good =
        fields_word(fields, node, "measure", OPTIONAL, versions_measures, &measure) && is_good;
    rule->measure = (enum measure_kind)measure;
    return is_good;
}

static bool read_rates(const struct fields *fields, const struct node *version_node,
                       const struct program *program, struct program_version *version) {
    bool is_good = true;
    const struct node *node = fields_member(fields, version_node, "rates", REQUIRED, &is_good);
    if (node == NULL || !fields_sequence(fields, node, 1)) {
        return false;
    }
    struct rate_rule *rules = arena_take(fields->arena, node->count * sizeof *rules);
    for (const struct node *item = node->first; item != NULL; item = item->next) {
        rules[item->index] = (struct rate_rule){.measure = program->measure};
        is_good = read_rate(fields, item, program, &rules[item->index]) && is_good;
    }
    version->rates = rules;
    version->rate_count = node->count;
    return is_good;
}

static bool read_accelerator_tags(const struct fields *fields, const struct node *node,
                                  struct catalog *catalog, struct accelerator *accelerator) {
    struct texts tags = {NULL, 0};
    bool is_good = fields_texts(fields, node, "tags", 1, NO_WORDS, &tags);
    accelerator->has_tags = tags.count > 0;
    for (size_t i = 0; i < tags.count; i++) {
        int bit = catalog_tag(catalog, tags.items[i]);
        if (bit < 0) {
            return node_problem(fields->tree, node_member(node, "tags"), fields->problems,
                                "more than %d different tags with those of the catalog",
                                TAG_COUNT_MAX);
        }
        accelerator->tags |= UINT64_C(1) << bit;
    }
    return is_good;
}

static bool read_accelerator(const struct fields *fields, const struct node *node,
                             struct catalog *catalog, struct accelerator *accelerator) {
    bool is_good = fields_mapping(fields, node, WORDS(accelerator_keys));
    if (node->kind != NODE_MAPPING) {
        return false;
    }
    int64_t months = 0;
    if (!fields_text(fields, node, "id", REQUIRED, &accelerator->id)) {
        is_good = false;
    } else if (!fields_is_id(accelerator->id)) {
        is_good =
            node_problem(fields->tree, node_member(node, "id"), fields->problems,
                         "\"%.*s\" is not lower-case-with-dashes", TEXT_ARGS(accelerator->id));
    }
    is_good = fields_rate(fields, node, "rate", &accelerator->rate) && is_good;
    is_good = fields_int(fields, node, "months", 1, MONTHS_MAX, &months) && is_good;
    is_good = fields_texts(fields, node, "families", 1, fields_families, &accelerator->families) &&
              is_good;
    is_good =
        fields_texts(fields, node, "workloads", 1, NO_WORDS, &accelerator->workloads) && is_good;
    accelerator->months = (int32_t)months;
    return read_accelerator_tags(fields, node, catalog, accelerator) && is_good;
}

static bool read_accelerators(const struct fields *fields, const struct node *version_node,
                              struct catalog *catalog, struct program_version *version) {
    bool is_good = true;
    const struct node *node =
        fields_member(fields, version_node, "accelerators", OPTIONAL, &is_good);
    if (node == NULL) {
        return is_good;
    }
    if (!fields_sequence(fields, node, 0)) {
        return false;
    }
    if (node->count > ACCELERATOR_COUNT_MAX) {
        return node_problem(fields->tree, node, fields->problems,
                            "%zu accelerators; a version may have %d", node->count,
                            ACCELERATOR_COUNT_MAX);
    }
    struct accelerator *accelerators =
        arena_take(fields->arena, (node->count + 1) * sizeof *accelerators);
    for (const struct node *item = node->first; item != NULL; item = item->next) {
        struct accelerator *accelerator = &accelerators[item->index];
        *accelerator = (struct accelerator){.months = 0};
        is_good = read_accelerator(fields, item, catalog, accelerator) && is_good;
        for (size_t i = 0; i < item->index; i++) {
            if (!text_is_null(accelerator->id) && text_equal(accelerators[i].id, accelerator->id)) {
                is_good = node_problem(fields->tree, node_member(item, "id"), fields->problems,
                                       "\"%.*s\" stands twice", TEXT_ARGS(accelerator->id));
            }
        }
    }
    version->accelerators = accelerators;
    version->accelerator_count = node->count;
    return is_good;
}

static bool accelerator_may_apply(const struct accelerator *accelerator, struct text family,
                                  struct text workload) {
    return (accelerator->families.count == 0 || texts_contain(accelerator->families, family)) &&
           (accelerator->workloads.count == 0 || texts_contain(accelerator->workloads, workload));
}

/* The most that a line of this family and workload can get: months and tags may all hold. */
static int64_t highest_for(const struct program_version *version, const struct rate_rule *rule,
                           struct text family, struct text workload) {
    int64_t units = rule->rate.units;
    for (size_t i = 0; i < version->accelerator_count; i++) {
        if (accelerator_may_apply(&version->accelerators[i], family, workload)) {
            units += version->accelerators[i].rate.units;
        }
    }
    return units;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t highest_of_family(const struct program_version *version,
                                 const struct rate_rule *rule, struct text family) {
    if (rule->workloads.count > 0) {
        int64_t highest = 0;
        for (size_t i = 0; i < rule->workloads.count; i++) {
            highest = larger(highest, highest_for(version, rule, family, rule->workloads.items[i]));
        }
        return highest;
    }
    int64_t highest = highest_for(version, rule, family, text_null());
    for (size_t i = 0; i < version->accelerator_count; i++) {
        struct texts workloads = version->accelerators[i].workloads;
        for (size_t k = 0; k < workloads.count; k++) {
            highest = larger(highest, highest_for(version, rule, family, workloads.items[k]));
        }
    }
    return highest;
}

/* Effective rates: at most 100; above 1 only as recognition, which nobody pays out. */
static bool check_rates(const struct fields *fields, const struct node *version_node,
                        const struct program *program, const struct program_version *version) {
    bool is_good = true;
    int64_t max = program->pays == PAYS_MONEY ? RATE_UNITS_ONE : RATE_MAX_UNITS;
    const struct node *rates = node_member(version_node, "rates");
    for (const struct node *node = rates->first; node != NULL; node = node->next) {
        const struct rate_rule *rule = &version->rates[node->index];
        int64_t highest = 0;
        for (size_t i = 0; i < rule->families.count; i++) {
            highest = larger(highest, highest_of_family(version, rule, rule->families.items[i]));
        }
        if (highest > max) {
            char text[DECIMAL_TEXT_SIZE];
            (void)decimal_format(highest, RATE_SCALE, text);
            is_good = node_problem(
                fields->tree, node_member(node, "rate"), fields->problems,
                "with all accelerators that can apply the effective rate is %s, above %s", text,
                program->pays == PAYS_MONEY ? "1, which only `pays: recognition` may be" : "100");
        }
    }
    return is_good;
}

static bool read_version(const struct fields *fields, const struct node *node,
                         struct catalog *catalog, const struct program *program,
                         struct program_version *version) {
    bool is_good = fields_mapping(fields, node, WORDS(version_keys));
    if (node->kind != NODE_MAPPING) {
        return false;
    }
    unsigned standing = STANDING_DAY;
    is_good = fields_interval(fields, node, REQUIRED, &version->valid) && is_good;
    is_good = fields_word(fields, node, "standing", OPTIONAL, WORDS(standing_names), &standing) &&
              is_good;
    version->standing = (enum standing)standing;
    is_good = read_requirements(fields, node, &version->requirements) && is_good;
    is_good = read_rates(fields, node, program, version) && is_good;
    is_good = read_accelerators(fields, node, catalog, version) && is_good;
    return is_good && check_rates(fields, node, program, version);
}

static bool check_overlap(const struct fields *fields, const struct node *list,
                          const struct program_version *versions) {
    bool is_good = true;
    for (const struct node *node = list->first; node != NULL; node = node->next) {
        struct interval own = versions[node->index].valid;
        for (const struct node *other = list->first; other != node; other = other->next) {
            struct interval earlier = versions[other->index].valid;
            if (own.from < earlier.to && earlier.from < own.to) {
                is_good = node_problem(fields->tree, node_member(node, "from"), fields->problems,
                                       "overlaps with versions[%zu] on line %zu", other->index,
                                       other->line);
            }
        }
    }
    return is_good;
}

static int compare_from(const void *a, const void *b) {
    const struct program_version *left = a;
    const struct program_version *right = b;
    return (left->valid.from > right->valid.from) - (left->valid.from < right->valid.from);
}

bool versions_read(const struct fields *fields, const struct node *node, struct catalog *catalog,
                   struct program *program) {
    REQUIRE(program->versions == NULL);
    if (!fields_sequence(fields, node, 1)) {
        return false;
    }
    struct program_version *versions = arena_take(fields->arena, node->count * sizeof *versions);
    bool is_good = true;
    for (const struct node *item = node->first; item != NULL; item = item->next) {
        struct program_version *version = &versions[item->index];
        *version = (struct program_version){.standing = STANDING_DAY};
        is_good = read_version(fields, item, catalog, program, version) && is_good;
    }
    is_good = is_good && check_overlap(fields, node, versions);
    qsort(versions, node->count, sizeof *versions, compare_from);
    program->versions = versions;
    program->version_count = node->count;
    return is_good;
}
