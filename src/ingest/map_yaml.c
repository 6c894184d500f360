/* A user's own map (`--map FILE`), in the shape that `--print-map` writes. */
#include "../config/fields.h"
#include "accrued/ingest_map.h"
#include "accrued/require.h"

#define WORDS(names) ((struct words){(names), sizeof(names) / sizeof(names)[0]})
#define NO_WORDS ((struct words){NULL, 0})
#define TAG_SIZE_MAX 16

static const char *const map_keys[] = {"format",    "what",   "tag",        "null_word",
                                       "day_first", "fields", "identity",   "recognise",
                                       "detail",    "skip",   "short_rows", "object_types"};
static const char *const source_keys[] = {"kind", "columns", "product", "constant",
                                          "must_have_column"};
static const char *const skip_keys[] = {"column", "values"};

/* A list of names into a fixed array; unused places stay NULL. The texts end with NUL: they are the
 * arena's copies. */
static bool read_names(const struct fields *fields, const struct node *mapping, const char *key,
                       const char **names, size_t count_max) {
    struct texts given = {NULL, 0};
    if (!fields_texts(fields, mapping, key, 1, NO_WORDS, &given)) {
        return false;
    }
    if (given.count > count_max) {
        return node_problem(fields->tree, node_member(mapping, key), fields->problems,
                            "has %zu entries, at most %zu are allowed", given.count, count_max);
    }
    for (size_t i = 0; i < given.count; i++) {
        names[i] = given.items[i].data;
    }
    return true;
}

static bool read_string(const struct fields *fields, const struct node *mapping, const char *key,
                        enum presence presence, const char **ret_string) {
    struct text text = text_null();
    if (!fields_text(fields, mapping, key, presence, &text)) {
        return false;
    }
    *ret_string = text_is_null(text) ? NULL : arena_copy(fields->arena, text).data;
    return true;
}

/* Text fields take what leaves a text (charge types and ids too); the others only their own. */
static bool kind_suits(enum ingest_field field, enum ingest_kind kind) {
    enum ingest_kind own = ingest_field_kind(field);
    bool own_is_text = own == INGEST_AS_TEXT || own == INGEST_AS_ID || own == INGEST_AS_MPN ||
                       own == INGEST_AS_CHARGE_TYPE;
    bool is_text = kind == INGEST_AS_TEXT || kind == INGEST_AS_ID || kind == INGEST_AS_MPN ||
                   kind == INGEST_AS_CHARGE_TYPE;
    return kind == own || (own_is_text && is_text);
}

static bool read_kind(const struct fields *fields, const struct node *node, enum ingest_field field,
                      enum ingest_kind *ret_kind) {
    struct text text = text_null();
    *ret_kind = ingest_field_kind(field);
    if (!fields_text(fields, node, "kind", OPTIONAL, &text)) {
        return false;
    }
    if (text_is_null(text)) {
        return true;
    }
    enum ingest_kind kind;
    if (!ingest_kind_parse(text, &kind) || !kind_suits(field, kind)) {
        return node_problem(fields->tree, node_member(node, "kind"), fields->problems,
                            "\"%.*s\" does not suit %s, whose own kind is %s", TEXT_ARGS(text),
                            ingest_field_name(field), ingest_kind_name(*ret_kind));
    }
    *ret_kind = kind;
    return true;
}

static bool read_source(const struct fields *fields, const struct node *node,
                        struct ingest_map *map) {
    enum ingest_field field;
    if (!ingest_field_parse(node->key, &field)) {
        return node_problem(fields->tree, node, fields->problems,
                            "a line has no such field (revision_date is the day of the invoice)");
    }
    struct ingest_source *source = &map->fields[field];
    if (!fields_mapping(fields, node, WORDS(source_keys))) {
        return false;
    }
    bool is_good = read_kind(fields, node, field, &source->kind);
    is_good = read_names(fields, node, "columns", source->columns, INGEST_SPELLINGS_MAX) && is_good;
    is_good = read_names(fields, node, "product", source->factors, INGEST_FACTORS_MAX) && is_good;
    is_good = read_string(fields, node, "constant", OPTIONAL, &source->constant) && is_good;
    is_good = fields_bool(fields, node, "must_have_column", &source->must_have_column) && is_good;
    if (source->factors[0] != NULL && source->kind != INGEST_AS_DECIMAL) {
        return node_problem(fields->tree, node, fields->problems,
                            "only a decimal can be a product");
    }
    if (is_good && source->columns[0] == NULL && source->factors[0] == NULL &&
        source->constant == NULL) {
        return node_problem(fields->tree, node, fields->problems,
                            "needs `columns`, `product` or `constant`");
    }
    return is_good;
}

static bool read_sources(const struct fields *fields, const struct node *root,
                         struct ingest_map *map) {
    bool is_good = true;
    const struct node *list = fields_member(fields, root, "fields", REQUIRED, &is_good);
    if (list == NULL) {
        return false;
    }
    if (list->kind != NODE_MAPPING) {
        return node_problem(fields->tree, list, fields->problems, "must be a mapping, not %s",
                            node_kind_name(list->kind));
    }
    for (const struct node *node = list->first; node != NULL; node = node->next) {
        is_good = read_source(fields, node, map) && is_good;
    }
    return is_good;
}

static bool read_tag(const struct fields *fields, const struct node *root, struct ingest_map *map) {
    struct text tag = text_null();
    if (!fields_text(fields, root, "tag", REQUIRED, &tag)) {
        return false;
    }
    if (!fields_is_id(tag) || tag.size > TAG_SIZE_MAX) {
        return node_problem(fields->tree, node_member(root, "tag"), fields->problems,
                            "\"%.*s\" is not lower-case-with-dashes of at most %d letters",
                            TEXT_ARGS(tag), TAG_SIZE_MAX);
    }
    map->tag = arena_copy(fields->arena, tag).data;
    return true;
}

/* Lower-case identity entries are fields: is each one, and one that does not change on revision? */
static bool check_identity(const struct fields *fields, const struct node *root,
                           const struct ingest_map *map) {
    bool is_good = true;
    if (map->identity[0] == NULL) {
        return node_problem(fields->tree, root, fields->problems,
                            "`identity` is missing: what together names a charge?");
    }
    for (size_t i = 0; i < INGEST_IDENTITY_MAX && map->identity[i] != NULL; i++) {
        enum ingest_field field;
        bool is_field = ingest_field_parse(text_of(map->identity[i]), &field);
        if (is_field && (field == INGEST_BILLED_AMOUNT || field == INGEST_CONSUMED_AMOUNT ||
                         field == INGEST_QUANTITY || field == INGEST_REVISION_DATE)) {
            is_good =
                node_problem(fields->tree, node_member(root, "identity"), fields->problems,
                             "%s cannot name a charge: a correction changes it", map->identity[i]);
        }
    }
    return is_good;
}

static bool read_skip(const struct fields *fields, const struct node *root,
                      struct ingest_map *map) {
    bool is_good = true;
    const struct node *skip = fields_member(fields, root, "skip", OPTIONAL, &is_good);
    if (skip == NULL) {
        return is_good;
    }
    return fields_mapping(fields, skip, WORDS(skip_keys)) &&
           read_string(fields, skip, "column", REQUIRED, &map->skip_column) &&
           read_names(fields, skip, "values", map->skip_values, INGEST_SKIP_VALUES_MAX);
}

static bool read_map(const struct fields *fields, const struct node *root, struct ingest_map *map) {
    const char *types[2] = {NULL, NULL};
    if (!fields_mapping(fields, root, WORDS(map_keys))) {
        return false;
    }
    bool is_good = read_tag(fields, root, map);
    is_good = read_string(fields, root, "format", REQUIRED, &map->format) && is_good;
    is_good = read_string(fields, root, "what", OPTIONAL, &map->what) && is_good;
    is_good = read_string(fields, root, "null_word", OPTIONAL, &map->null_word) && is_good;
    is_good = read_string(fields, root, "detail", OPTIONAL, &map->detail) && is_good;
    is_good = fields_bool(fields, root, "day_first", &map->is_day_first) && is_good;
    is_good = fields_bool(fields, root, "short_rows", &map->has_short_rows) && is_good;
    is_good = read_sources(fields, root, map) && is_good;
    is_good = read_names(fields, root, "identity", map->identity, INGEST_IDENTITY_MAX) && is_good;
    is_good =
        read_names(fields, root, "recognise", map->recognise, INGEST_RECOGNISE_MAX) && is_good;
    is_good = read_names(fields, root, "object_types", types, 2) && is_good;
    is_good = read_skip(fields, root, map) && is_good;
    map->type_value = types[0];
    map->type_value_2 = types[1];
    return is_good && check_identity(fields, root, map);
}

static bool take_tree(struct ingest_map *ret_map, struct tree *tree, bool is_loaded,
                      struct arena *arena, struct problems *problems) {
    struct ingest_map map = {.format = NULL};
    struct fields fields = {tree, problems, arena};
    bool is_good = is_loaded && read_map(&fields, tree->root, &map);
    if (is_good) {
        *ret_map = map;
    }
    tree_release(tree);
    return is_good;
}

bool ingest_map_load(struct ingest_map *ret_map, const char *path, struct arena *arena,
                     struct problems *problems) {
    struct tree tree;
    tree_init(&tree);
    bool is_loaded = tree_load(&tree, path, problems);
    return take_tree(ret_map, &tree, is_loaded, arena, problems);
}

bool ingest_map_parse(struct ingest_map *ret_map, const char *name, struct text source,
                      struct arena *arena, struct problems *problems) {
    struct tree tree;
    tree_init(&tree);
    bool is_loaded = tree_parse(&tree, name, source, problems);
    return take_tree(ret_map, &tree, is_loaded, arena, problems);
}
