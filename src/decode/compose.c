#include "compose.h"

#include "names.h"

#include "accrued/require.h"

#include <stdlib.h>

#define DEFINITION_COUNT_MAX 1024
/* A type within a type of another schema within …: what comes out is bound by the parser. */
#define NESTING_MAX (4 * JSON_DEPTH_MAX)

struct definition {
    struct text fullname;
    const struct json *schema;
    bool is_written;
};

struct composer {
    struct arena names;
    struct definition *definitions;
    size_t count;
    struct buffer *to;
    struct fault *fault;
    int depth;
};

static bool collect(struct composer *composer, const struct json *schema, struct text space);
static bool write_type(struct composer *composer, const struct json *schema, struct text space);

static struct definition *find(const struct composer *composer, struct text fullname) {
    for (size_t i = 0; i < composer->count; i++) {
        if (text_equal(composer->definitions[i].fullname, fullname)) {
            return &composer->definitions[i];
        }
    }
    return NULL;
}

/* The name that an object gives to a type, or null. */
static struct text defined_name(struct composer *composer, const struct json *schema,
                                struct text space) {
    return name_is_of_definition(string_member(schema, "type"))
               ? name_of_definition(&composer->names, schema, space)
               : text_null();
}

static bool add_definition(struct composer *composer, struct text fullname,
                           const struct json *schema) {
    const struct definition *same = find(composer, fullname);
    if (same != NULL) {
        return json_equal(same->schema, schema) ||
               fault_set(composer->fault, "type \"%.*s\" is defined twice, and not alike",
                         TEXT_ARGS(fullname));
    }
    if (composer->count == DEFINITION_COUNT_MAX) {
        return fault_set(composer->fault, "more than %d named types", DEFINITION_COUNT_MAX);
    }
    composer->definitions[composer->count++] = (struct definition){fullname, schema, false};
    return true;
}

static bool collect_list(struct composer *composer, const struct json *list, struct text space,
                         bool are_fields) {
    for (const struct json *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next) {
        if (!collect(composer, are_fields ? json_member(item, "type") : item, space)) {
            return false;
        }
    }
    return true;
}

/* Every type that has a name, wherever it stands. A tree is no deeper than its parser allows. */
static bool collect(struct composer *composer, const struct json *schema, struct text space) {
    if (schema == NULL || schema->type == JSON_STRING) {
        return true;
    }
    if (schema->type == JSON_ARRAY) {
        return collect_list(composer, schema, space, false);
    }
    struct text fullname = defined_name(composer, schema, space);
    if (!text_is_null(fullname)) {
        space = name_space(fullname);
        if (!add_definition(composer, fullname, schema)) {
            return false;
        }
    }
    return collect(composer, json_member(schema, "type"), space) &&
           collect(composer, json_member(schema, "items"), space) &&
           collect(composer, json_member(schema, "values"), space) &&
           collect_list(composer, json_member(schema, "fields"), space, true);
}

static bool write_union(struct composer *composer, const struct json *schema, struct text space) {
    buffer_append_byte(composer->to, '[');
    for (const struct json *branch = schema->first; branch != NULL; branch = branch->next) {
        buffer_append_string(composer->to, branch == schema->first ? "" : ",");
        if (!write_type(composer, branch, space)) {
            return false;
        }
    }
    buffer_append_byte(composer->to, ']');
    return true;
}

/* A field: all as it is, but for its type. */
static bool write_field(struct composer *composer, const struct json *field, struct text space) {
    if (field->type != JSON_OBJECT) {
        json_append(composer->to, field);
        return true;
    }
    const char *comma = "{";
    for (const struct json *member = field->first; member != NULL; member = member->next) {
        if (json_member_named(field, member->name) != member) {
            continue; /* of equal keys the last counts */
        }
        buffer_append_string(composer->to, comma);
        comma = ",";
        json_append_string(composer->to, member->name);
        buffer_append_byte(composer->to, ':');
        if (!text_equal(member->name, TEXT("type"))) {
            json_append(composer->to, member);
        } else if (!write_type(composer, member, space)) {
            return false;
        }
    }
    buffer_append_string(composer->to, *comma == '{' ? "{}" : "}");
    return true;
}

static bool write_fields(struct composer *composer, const struct json *fields, struct text space) {
    buffer_append_byte(composer->to, '[');
    for (const struct json *field = fields->first; field != NULL; field = field->next) {
        buffer_append_string(composer->to, field == fields->first ? "" : ",");
        if (!write_field(composer, field, space)) {
            return false;
        }
    }
    buffer_append_byte(composer->to, ']');
    return true;
}

static bool write_member(struct composer *composer, const struct json *member, struct text fullname,
                         struct text space) {
    json_append_string(composer->to, member->name);
    buffer_append_byte(composer->to, ':');
    if (text_equal(member->name, TEXT("fields")) && member->type == JSON_ARRAY) {
        return write_fields(composer, member, space);
    }
    if (text_equal(member->name, TEXT("type")) || text_equal(member->name, TEXT("items")) ||
        text_equal(member->name, TEXT("values"))) {
        return write_type(composer, member, space);
    }
    if (!text_is_null(fullname) && text_equal(member->name, TEXT("name"))) {
        json_append_string(composer->to, fullname);
    } else {
        json_append(composer->to, member);
    }
    return true;
}

/* A type that has a name says the whole of it, wherever it comes to stand. One without a namespace
 * is only ever used from where there is none. */
static bool write_object(struct composer *composer, const struct json *schema, struct text space) {
    struct text fullname = defined_name(composer, schema, space);
    bool has_space = false;
    if (!text_is_null(fullname)) {
        struct definition *definition = find(composer, fullname);
        REQUIRE(definition != NULL);
        if (definition->is_written) {
            json_append_string(composer->to, fullname);
            return true;
        }
        definition->is_written = true;
        space = name_space(fullname);
        has_space = space.size > 0;
    }
    const char *comma = "{";
    for (const struct json *member = schema->first; member != NULL; member = member->next) {
        if (json_member_named(schema, member->name) != member ||
            (has_space && text_equal(member->name, TEXT("namespace")))) {
            continue;
        }
        buffer_append_string(composer->to, comma);
        comma = ",";
        if (!write_member(composer, member, fullname, space)) {
            return false;
        }
    }
    buffer_append_string(composer->to, *comma == '{' ? "{}" : "}");
    return true;
}

static bool write_name(struct composer *composer, const struct json *name, struct text space) {
    struct text fullname = name_qualify(&composer->names, name->text, space);
    const struct definition *definition = find(composer, fullname);
    if (definition != NULL && !definition->is_written && !name_is_primitive(name->text) &&
        !name_is_complex(name->text)) {
        return write_object(composer, definition->schema, name_space(fullname));
    }
    json_append_string(composer->to, name->text);
    return true;
}

static bool write_type(struct composer *composer, const struct json *schema, struct text space) {
    if (composer->depth == NESTING_MAX) {
        return fault_set(composer->fault, "types are nested too deep");
    }
    composer->depth++;
    bool is_good = true;
    if (schema->type == JSON_STRING) {
        is_good = write_name(composer, schema, space);
    } else if (schema->type == JSON_ARRAY) {
        is_good = write_union(composer, schema, space);
    } else if (schema->type == JSON_OBJECT) {
        is_good = write_object(composer, schema, space);
    } else {
        json_append(composer->to, schema);
    }
    composer->depth--;
    return is_good;
}

bool compose_schema(const struct json *schema, const struct json *const *parts, size_t count,
                    struct buffer *to, struct fault *fault) {
    struct composer composer = {.to = to, .fault = fault};
    arena_init(&composer.names);
    composer.definitions = calloc(DEFINITION_COUNT_MAX, sizeof *composer.definitions);
    REQUIRE(composer.definitions != NULL);
    bool is_good = collect(&composer, schema, TEXT(""));
    for (size_t i = 0; i < count && is_good; i++) {
        is_good = collect(&composer, parts[i], TEXT(""));
    }
    is_good = is_good && write_type(&composer, schema, TEXT(""));
    free(composer.definitions);
    arena_release(&composer.names);
    return is_good;
}
