#include "names.h"

static bool is_among(struct text name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (text_equal(name, text_of(names[i]))) {
            return true;
        }
    }
    return false;
}

bool name_is_primitive(struct text name) {
    static const char *const names[] = {"null",  "boolean", "int",   "long",
                                        "float", "double",  "bytes", "string"};
    return is_among(name, names, sizeof names / sizeof names[0]);
}

bool name_is_complex(struct text name) {
    static const char *const names[] = {"array", "map"};
    return name_is_of_definition(name) || is_among(name, names, sizeof names / sizeof names[0]);
}

bool name_is_of_definition(struct text name) {
    static const char *const names[] = {"record", "error", "enum", "fixed"};
    return is_among(name, names, sizeof names / sizeof names[0]);
}

struct text name_qualify(struct arena *arena, struct text name, struct text space) {
    if (space.size == 0 || name.size == 0 || name_is_primitive(name) ||
        memchr(name.data, '.', name.size) != NULL) {
        return name;
    }
    char *full = arena_take(arena, space.size + 1 + name.size);
    memcpy(full, space.data, space.size);
    full[space.size] = '.';
    memcpy(full + space.size + 1, name.data, name.size);
    return (struct text){full, space.size + 1 + name.size};
}

struct text name_space(struct text fullname) {
    for (size_t i = fullname.size; i-- > 0;) {
        if (fullname.data[i] == '.') {
            return (struct text){fullname.data, i};
        }
    }
    return TEXT("");
}

struct text string_member(const struct json *object, const char *name) {
    const struct json *member = json_member(object, name);
    return member != NULL && member->type == JSON_STRING ? member->text : text_null();
}

struct text name_of_definition(struct arena *arena, const struct json *schema, struct text space) {
    struct text name = string_member(schema, "name");
    struct text own = string_member(schema, "namespace");
    return text_is_null(name) ? name : name_qualify(arena, name, text_is_null(own) ? space : own);
}
