/* programs.yaml → struct programs. Rules of the file: accrual-model.md §6. */
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "fields.h"
#include "versions_yaml.h"

#define WORDS(names) ((struct words){(names), sizeof(names) / sizeof(names)[0]})
#define NO_WORDS ((struct words){NULL, 0})

static const char *const file_keys[] = {"revision", "programs"};
static const char *const program_keys[] = {
    "id",    "name",    "beneficiary",           "attribution", "measure", "pays",
    "as_of", "retired", "charge_types_excluded", "yields_to",   "versions"};
/* In the order of their enums. */
static const char *const beneficiary_names[] = {"reseller", "dpor", "pal", "cpor"};
static const char *const attribution_names[] = {"exclusive", "every"};
static const char *const pays_names[] = {"money", "recognition"};
static const char *const as_of_names[] = {"charge_start_date", "charge_end_date"};
static const char *const link_names[] = {"dpor", "pal", "cpor"};

static bool read_id(const struct fields *fields, const struct node *node, struct programs *programs,
                    struct program *program) {
    struct text id = text_null();
    if (!fields_text(fields, node, "id", REQUIRED, &id)) {
        return false;
    }
    const struct node *where = node_member(node, "id");
    if (!fields_is_id(id)) {
        return node_problem(fields->tree, where, fields->problems,
                            "\"%.*s\" is not lower-case-with-dashes", TEXT_ARGS(id));
    }
    int twin = programs_find(programs, id);
    if (twin >= 0) {
        return node_problem(fields->tree, where, fields->problems,
                            "\"%.*s\" is the id of programs[%d] already", TEXT_ARGS(id), twin);
    }
    program->id = id;
    program->name = id;
    return fields_text(fields, node, "name", OPTIONAL, &program->name);
}

static bool read_words(const struct fields *fields, const struct node *node,
                       struct program *program) {
    unsigned beneficiary = BENEFICIARY_RESELLER;
    unsigned attribution = ATTRIBUTION_EXCLUSIVE;
    unsigned measure = MEASURE_BILLED_AMOUNT;
    unsigned pays = PAYS_MONEY;
    unsigned as_of = AS_OF_CHARGE_START_DATE;
    struct {
        const char *key;
        enum presence presence;
        struct words words;
        unsigned *index;
    } keys[] = {
        {"beneficiary", REQUIRED, WORDS(beneficiary_names), &beneficiary},
        {"attribution", OPTIONAL, WORDS(attribution_names), &attribution},
        {"measure", OPTIONAL, versions_measures, &measure},
        {"pays", OPTIONAL, WORDS(pays_names), &pays},
        {"as_of", OPTIONAL, WORDS(as_of_names), &as_of},
    };
    bool is_good = true;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        is_good = fields_word(fields, node, keys[i].key, keys[i].presence, keys[i].words,
                              keys[i].index) &&
                  is_good;
    }
    program->beneficiary = (enum beneficiary)beneficiary;
    program->attribution = (enum attribution)attribution;
    program->measure = (enum measure_kind)measure;
    program->pays = (enum pays)pays;
    program->as_of = (enum as_of)as_of;
    return is_good;
}

/* Link types, in any case as in reference data. */
static bool read_yields_to(const struct fields *fields, const struct node *node,
                           struct program *program) {
    struct texts types = {NULL, 0};
    if (!fields_texts(fields, node, "yields_to", 0, NO_WORDS, &types)) {
        return false;
    }
    const struct node *item = types.count > 0 ? node_member(node, "yields_to")->first : NULL;
    bool is_good = true;
    for (size_t i = 0; i < types.count; i++, item = item->next) {
        enum link_type type = LINK_DPOR;
        if (!link_type_parse(types.items[i], &type)) {
            is_good = fields_unknown_word(fields, item, types.items[i], WORDS(link_names));
        } else if (program->beneficiary != BENEFICIARY_RESELLER &&
                   beneficiary_link_type(program->beneficiary) == type) {
            is_good = node_problem(fields->tree, item, fields->problems,
                                   "the program's own link type: it would never apply");
        } else {
            program->yields_to = (uint8_t)(program->yields_to | 1U << type);
        }
    }
    return is_good;
}

static bool read_program(const struct fields *fields, const struct node *node,
                         struct catalog *catalog, struct programs *programs,
                         struct program *program) {
    bool is_good = fields_mapping(fields, node, WORDS(program_keys));
    if (node->kind != NODE_MAPPING) {
        return false;
    }
    is_good = read_id(fields, node, programs, program) && is_good;
    is_good = read_words(fields, node, program) && is_good;
    is_good = fields_bool(fields, node, "retired", &program->retired) && is_good;
    is_good = fields_texts(fields, node, "charge_types_excluded", 0, NO_WORDS,
                           &program->charge_types_excluded) &&
              is_good;
    is_good = read_yields_to(fields, node, program) && is_good;
    const struct node *versions = fields_member(fields, node, "versions", REQUIRED, &is_good);
    return versions != NULL && versions_read(fields, versions, catalog, program) && is_good;
}

static bool read_programs(const struct fields *fields, const struct node *root,
                          struct catalog *catalog, struct programs *programs) {
    bool is_good = true;
    const struct node *list = fields_member(fields, root, "programs", REQUIRED, &is_good);
    if (list == NULL || !fields_sequence(fields, list, 0)) {
        return false;
    }
    if (list->count > PROGRAM_COUNT_MAX) {
        return node_problem(fields->tree, list, fields->problems,
                            "%zu programs; the file may have %d", list->count, PROGRAM_COUNT_MAX);
    }
    programs->items = arena_take(fields->arena, (list->count + 1) * sizeof *programs->items);
    for (const struct node *node = list->first; node != NULL; node = node->next) {
        struct program program = {.versions = NULL};
        is_good = read_program(fields, node, catalog, programs, &program) && is_good;
        programs->items[programs->count++] = program;
    }
    return is_good;
}

bool programs_load_all(struct programs *programs, struct catalog *catalog, const char *path,
                       struct problems *problems) {
    REQUIRE(programs->count == 0 && programs->items == NULL);
    struct tree tree;
    tree_init(&tree);
    bool is_good = tree_load(&tree, path, problems);
    if (tree.root != NULL) {
        struct fields fields = {&tree, problems, &programs->arena};
        programs->hash = tree_hash(&tree);
        is_good = fields_mapping(&fields, tree.root, WORDS(file_keys)) && is_good;
        if (tree.root->kind == NODE_MAPPING) {
            is_good =
                fields_int(&fields, tree.root, "revision", 0, INT64_MAX, &programs->revision) &&
                is_good;
            is_good = read_programs(&fields, tree.root, catalog, programs) && is_good;
        }
    }
    tree_release(&tree);
    return is_good;
}

bool programs_load(struct programs *programs, struct catalog *catalog, const char *path,
                   struct fault *fault) {
    struct problems problems;
    problems_init(&problems);
    bool is_good = programs_load_all(programs, catalog, path, &problems);
    REQUIRE(is_good == (problems.count == 0));
    if (!is_good) {
        (void)problems_to_fault(&problems, fault);
    }
    problems_release(&problems);
    return is_good;
}
