#include "compile.h"
#include "names.h"

#include "accrued/require.h"

#define NAMED_COUNT_MAX 256
#define NESTING_MAX 64
#define NAME_SIZE_MAX 512

struct named {
    struct text fullname;
    const struct plan_node *node;
};

struct compiler {
    struct arena *arena;
    struct fault *fault;
    struct named named[NAMED_COUNT_MAX];
    size_t named_count;
    int depth;
};

static const struct plan_node *compile(struct compiler *compiler, const struct json *schema,
                                       struct text space);

static bool primitive_of(struct text name, enum plan_type *ret_type) {
    static const enum plan_type primitives[] = {PLAN_NULL,  PLAN_BOOLEAN, PLAN_INT,   PLAN_LONG,
                                                PLAN_FLOAT, PLAN_DOUBLE,  PLAN_BYTES, PLAN_STRING};
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (text_equal(name, text_of(plan_type_name(primitives[i])))) {
            *ret_type = primitives[i];
            return true;
        }
    }
    return false;
}

static struct plan_node *new_node(struct compiler *compiler, enum plan_type type) {
    struct plan_node *node = arena_take(compiler->arena, sizeof *node);
    *node = (struct plan_node){.type = type};
    return node;
}

static const struct plan_node *refuse(struct compiler *compiler, const char *what,
                                      struct text name) {
    fault_set(compiler->fault, "%s: \"%.*s\"", what, TEXT_ARGS(name));
    return NULL;
}

static const struct plan_node *find_named(struct compiler *compiler, struct text name,
                                          struct text space) {
    enum plan_type type;
    if (primitive_of(name, &type)) {
        return new_node(compiler, type);
    }
    struct text fullname = name_qualify(compiler->arena, name, space);
    for (size_t i = 0; i < compiler->named_count; i++) {
        if (text_equal(compiler->named[i].fullname, fullname)) {
            return compiler->named[i].node;
        }
    }
    return refuse(compiler, "unknown type", name);
}

static struct plan_node *new_children(struct compiler *compiler, enum plan_type type,
                                      size_t count) {
    struct plan_node *node = new_node(compiler, type);
    node->count = count;
    node->children = arena_take(compiler->arena, (count + 1) * sizeof(node->children[0]));
    return node;
}

static const struct plan_node *compile_union(struct compiler *compiler, const struct json *schema,
                                             struct text space) {
    struct plan_node *node = new_children(compiler, PLAN_UNION, schema->count);
    size_t i = 0;
    for (const struct json *branch = schema->first; branch != NULL; branch = branch->next) {
        node->children[i] = compile(compiler, branch, space);
        if (node->children[i++] == NULL) {
            return NULL;
        }
    }
    return node;
}

static bool take_logical(struct compiler *compiler, const struct json *schema,
                         struct plan_node *node) {
    struct text logical = string_member(schema, "logicalType");
    if (text_equal(logical, TEXT("timestamp-micros")) && node->type == PLAN_LONG) {
        node->logical = LOGICAL_TIMESTAMP_MICROS;
    }
    if (!text_equal(logical, TEXT("decimal")) ||
        (node->type != PLAN_BYTES && node->type != PLAN_FIXED)) {
        return true;
    }
    const struct json *scale = json_member(schema, "scale");
    int64_t digits = 0;
    if (scale != NULL &&
        (scale->type != JSON_NUMBER || !text_to_int64(scale->text, &digits) || digits > 1000)) {
        return fault_set(compiler->fault, "a decimal whose scale is not a number up to 1000");
    }
    node->logical = LOGICAL_DECIMAL;
    node->scale = (unsigned)digits;
    return true;
}

/* Fields of a record, and for the outermost one which of ours they are. */
static bool compile_fields(struct compiler *compiler, const struct json *fields, struct text space,
                           struct plan_node *node) {
    struct text *names = arena_take(compiler->arena, (node->count + 1) * sizeof *names);
    node->names = names;
    size_t i = 0;
    for (const struct json *field = fields->first; field != NULL; field = field->next) {
        struct text name = string_member(field, "name");
        names[i] = arena_copy(compiler->arena, name);
        node->children[i] = compile(compiler, json_member(field, "type"), space);
        if (node->children[i++] == NULL) {
            return fault_prefix(compiler->fault, "field %.*s: ", TEXT_ARGS(name));
        }
    }
    return true;
}

static const struct plan_node *compile_named(struct compiler *compiler, const struct json *schema,
                                             enum plan_type type, struct text space) {
    struct text fullname = name_of_definition(compiler->arena, schema, space);
    const struct json *list = json_member(schema, type == PLAN_ENUM ? "symbols" : "fields");
    size_t count = list == NULL ? 0 : list->count;
    struct plan_node *node =
        type == PLAN_RECORD ? new_children(compiler, type, count) : new_node(compiler, type);
    if (compiler->named_count == NAMED_COUNT_MAX) {
        return refuse(compiler, "too many named types, at", fullname);
    }
    compiler->named[compiler->named_count++] = (struct named){fullname, node};
    if (type == PLAN_RECORD) {
        return compile_fields(compiler, list, name_space(fullname), node) ? node : NULL;
    }
    if (type == PLAN_ENUM) {
        struct text *symbols = arena_take(compiler->arena, (count + 1) * sizeof *symbols);
        for (const struct json *symbol = list->first; symbol != NULL; symbol = symbol->next) {
            symbols[node->count++] = arena_copy(compiler->arena, symbol->text);
        }
        node->symbols = symbols;
        return node;
    }
    const struct json *size = json_member(schema, "size");
    int64_t bytes = 0;
    if (size == NULL || !text_to_int64(size->text, &bytes) || bytes > (1 << 20)) {
        return refuse(compiler, "a fixed type without a usable size", fullname);
    }
    node->size = (size_t)bytes;
    return take_logical(compiler, schema, node) ? node : NULL;
}

static const struct plan_node *compile_object(struct compiler *compiler, const struct json *schema,
                                              struct text space) {
    const struct json *type = json_member(schema, "type");
    if (type == NULL || type->type != JSON_STRING) {
        return type == NULL ? NULL : compile(compiler, type, space);
    }
    struct text name = type->text;
    bool is_array = text_equal(name, TEXT("array"));
    if (is_array || text_equal(name, TEXT("map"))) {
        struct plan_node *node = new_children(compiler, is_array ? PLAN_ARRAY : PLAN_MAP, 1);
        node->children[0] =
            compile(compiler, json_member(schema, is_array ? "items" : "values"), space);
        return node->children[0] == NULL ? NULL : node;
    }
    if (text_equal(name, TEXT("record")) || text_equal(name, TEXT("error"))) {
        return compile_named(compiler, schema, PLAN_RECORD, space);
    }
    if (text_equal(name, TEXT("enum"))) {
        return compile_named(compiler, schema, PLAN_ENUM, space);
    }
    if (text_equal(name, TEXT("fixed"))) {
        return compile_named(compiler, schema, PLAN_FIXED, space);
    }
    enum plan_type primitive;
    if (!primitive_of(name, &primitive)) {
        return find_named(compiler, name, space);
    }
    struct plan_node *node = new_node(compiler, primitive);
    return take_logical(compiler, schema, node) ? node : NULL;
}

static const struct plan_node *compile(struct compiler *compiler, const struct json *schema,
                                       struct text space) {
    if (schema == NULL || compiler->depth == NESTING_MAX) {
        fault_set(compiler->fault, "a type is missing, or nested too deep");
        return NULL;
    }
    compiler->depth++;
    const struct plan_node *node = NULL;
    if (schema->type == JSON_STRING) {
        node = find_named(compiler, schema->text, space);
    } else if (schema->type == JSON_ARRAY) {
        node = compile_union(compiler, schema, space);
    } else if (schema->type == JSON_OBJECT) {
        node = compile_object(compiler, schema, space);
    } else {
        fault_set(compiler->fault, "a type that is neither name, union nor object");
    }
    compiler->depth--;
    return node;
}

struct field_aliases aliases_of(struct arena *arena, const struct json *reader) {
    const struct json *fields = json_member(reader, "fields");
    size_t count = 0;
    for (const struct json *field = fields != NULL ? fields->first : NULL; field != NULL;
         field = field->next) {
        const struct json *names = json_member(field, "aliases");
        count += names != NULL ? names->count : 0;
    }
    struct field_alias *items = arena_take(arena, (count + 1) * sizeof *items);
    struct field_aliases aliases = {items, 0};
    for (const struct json *field = count > 0 ? fields->first : NULL; field != NULL;
         field = field->next) {
        const struct json *names = json_member(field, "aliases");
        int index = line_field_find(string_member(field, "name"));
        for (const struct json *name = names != NULL && index >= 0 ? names->first : NULL;
             name != NULL; name = name->next) {
            items[aliases.count++] = (struct field_alias){arena_copy(arena, name->text), index};
        }
    }
    return aliases;
}

static int find_alias(struct field_aliases aliases, struct text name) {
    for (size_t i = 0; i < aliases.count; i++) {
        if (text_equal(aliases.items[i].name, name)) {
            return aliases.items[i].field;
        }
    }
    return -1;
}

/* Which of our fields each of the writer's is: by name, then what is left by alias. */
static void find_targets(struct plan_node *record, struct field_aliases aliases, bool *is_written) {
    for (size_t i = 0; i < record->count; i++) {
        int target = line_field_find(record->names[i]);
        record->fields[i] = (struct plan_field){.target = target};
        if (target >= 0) {
            is_written[target] = true;
        }
    }
    for (size_t i = 0; i < record->count; i++) {
        int target = record->fields[i].target < 0 ? find_alias(aliases, record->names[i]) : -1;
        if (target >= 0 && !is_written[target]) {
            record->fields[i].target = target;
            is_written[target] = true;
        }
    }
}

/* What its values are, nearly all of them. */
static void find_plain(struct plan_field *field, const struct plan_node *node) {
    const struct line_field *target = &line_fields[field->target];
    const struct plan_node *plain = node;
    if (node->type == PLAN_UNION && node->count == 2 && target->optional) {
        size_t null_index = node->children[0]->type == PLAN_NULL ? 0 : 1;
        field->has_null = node->children[null_index]->type == PLAN_NULL;
        field->null_branch = (uint8_t)(2 * null_index);
        field->plain_branch = (uint8_t)(2 - field->null_branch);
        plain = node->children[1 - null_index];
    }
    bool is_plain = (node->type != PLAN_UNION || field->has_null) && plain->type != PLAN_UNION &&
                    plain->type != PLAN_NULL && line_field_accepts(target, plain);
    field->plain = is_plain ? plain : NULL;
}

static bool bind_targets(struct arena *arena, struct plan_node *record,
                         struct field_aliases aliases, struct fault *fault) {
    bool is_written[64] = {false};
    REQUIRE(line_field_count <= sizeof is_written);
    record->fields = arena_take(arena, (record->count + 1) * sizeof *record->fields);
    find_targets(record, aliases, is_written);
    for (size_t i = 0; i < record->count; i++) {
        int target = record->fields[i].target;
        if (target < 0) {
            continue;
        }
        if (!line_field_accepts(&line_fields[target], record->children[i])) {
            return fault_set(fault, "field %s: the writer's %s cannot become this field",
                             line_fields[target].name, plan_type_name(record->children[i]->type));
        }
        find_plain(&record->fields[i], record->children[i]);
    }
    for (size_t f = 0; f < line_field_count; f++) {
        if (!is_written[f] && !line_fields[f].has_default) {
            return fault_set(fault, "field %s: the writer's schema lacks it, and it has no default",
                             line_fields[f].name);
        }
    }
    return true;
}

const struct plan_node *plan_shape(struct arena *arena, const struct json *schema,
                                   struct fault *fault) {
    struct compiler *compiler = arena_take(arena, sizeof *compiler);
    *compiler = (struct compiler){.arena = arena, .fault = fault};
    const struct plan_node *node = compile(compiler, schema, TEXT(""));
    if (node != NULL && node->type != PLAN_RECORD) {
        fault_set(fault, "the writer's schema is %s, expected a record",
                  plan_type_name(node->type));
        return NULL;
    }
    return node;
}

const struct plan_node *plan_bind(struct arena *arena, const struct plan_node *shape,
                                  struct field_aliases aliases, struct fault *fault) {
    REQUIRE(shape->type == PLAN_RECORD);
    struct plan_node *record = arena_take(arena, sizeof *record);
    *record = *shape;
    return bind_targets(arena, record, aliases, fault) ? record : NULL;
}
