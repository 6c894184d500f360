/* The parser of json_tree.h. yajl finds the tokens; what it is too lenient about (overlong UTF-8,
 * lone surrogates, which it turns into '?') is refused before it sees the text. */
#include "accrued/json_tree.h"

#include "accrued/require.h"

#include <yajl/yajl_parse.h>

struct builder {
    struct arena *arena;
    struct json *root;
    struct json *open[JSON_DEPTH_MAX]; /* the containers around the next value */
    struct json *last[JSON_DEPTH_MAX]; /* their latest children */
    size_t depth;
    struct text name; /* of the next member */
    bool too_deep;
};

static struct json *builder_add(struct builder *builder, enum json_type type, struct text text) {
    struct json *node = arena_take(builder->arena, sizeof *node);
    *node = (struct json){.type = type, .text = text};
    if (builder->depth == 0) {
        REQUIRE(builder->root == NULL);
        builder->root = node;
        return node;
    }
    struct json *parent = builder->open[builder->depth - 1];
    struct json *before = builder->last[builder->depth - 1];
    if (parent->type == JSON_OBJECT) {
        node->name = builder->name;
    }
    if (before == NULL) {
        parent->first = node;
    } else {
        before->next = node;
    }
    parent->count++;
    builder->last[builder->depth - 1] = node;
    return node;
}

static int builder_open(struct builder *builder, enum json_type type) {
    if (builder->depth == JSON_DEPTH_MAX) {
        builder->too_deep = true;
        return 0;
    }
    struct json *node = builder_add(builder, type, text_null());
    builder->open[builder->depth] = node;
    builder->last[builder->depth] = NULL;
    builder->depth++;
    return 1;
}

static int builder_close(struct builder *builder, enum json_type type) {
    REQUIRE(builder->depth > 0);
    REQUIRE(builder->open[builder->depth - 1]->type == type);
    builder->depth--;
    return 1;
}

static struct text builder_copy(struct builder *builder, const unsigned char *data, size_t size) {
    /* yajl may hand over NULL for nothing; a string is empty then, not null. */
    return arena_copy(builder->arena, (struct text){size == 0 ? "" : (const char *)data, size});
}

static int on_null(void *context) {
    builder_add(context, JSON_NULL, text_null());
    return 1;
}

static int on_boolean(void *context, int value) {
    builder_add(context, value ? JSON_TRUE : JSON_FALSE, text_null());
    return 1;
}

static int on_number(void *context, const char *data, size_t size) {
    builder_add(context, JSON_NUMBER, builder_copy(context, (const unsigned char *)data, size));
    return 1;
}

static int on_string(void *context, const unsigned char *data, size_t size) {
    builder_add(context, JSON_STRING, builder_copy(context, data, size));
    return 1;
}

static int on_name(void *context, const unsigned char *data, size_t size) {
    struct builder *builder = context;
    builder->name = builder_copy(builder, data, size);
    return 1;
}

static int on_object(void *context) {
    return builder_open(context, JSON_OBJECT);
}

static int on_object_end(void *context) {
    return builder_close(context, JSON_OBJECT);
}

static int on_array(void *context) {
    return builder_open(context, JSON_ARRAY);
}

static int on_array_end(void *context) {
    return builder_close(context, JSON_ARRAY);
}

/* Four hexadecimal digits at `at`, or -1. */
static int32_t code_unit(struct text source, size_t at) {
    if (source.size - at < 4) {
        return -1;
    }
    int32_t unit = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = source.data[at + i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Where the first half of a surrogate pair stands alone, or source.size. A backslash is legal only
 * inside a string, so the scan need not know where strings are; malformed escapes are yajl's. */
static size_t lone_surrogate(struct text source) {
    size_t at = 0;
    while (at < source.size) {
        const char *found = memchr(source.data + at, '\\', source.size - at);
        if (found == NULL) {
            return source.size;
        }
        at = (size_t)(found - source.data);
        if (source.size - at < 2) {
            return source.size;
        }
        int32_t unit = source.data[at + 1] == 'u' ? code_unit(source, at + 2) : -1;
        if (unit >= 0xDC00 && unit <= 0xDFFF) {
            return at;
        }
        if (unit < 0xD800 || unit > 0xDBFF) {
            at += 2;
            continue;
        }
        bool escaped = source.size - at >= 12 && memcmp(source.data + at + 6, "\\u", 2) == 0;
        int32_t second = escaped ? code_unit(source, at + 8) : -1;
        if (second < 0xDC00 || second > 0xDFFF) {
            return at;
        }
        at += 12;
    }
    return source.size;
}

/* yajl's message is a line such as "lexical error: invalid char in json text.\n"; it stands in the
 * midst of ours, so its full stop goes. */
static bool yajl_fault(yajl_handle parser, size_t at, struct fault *fault) {
    unsigned char *message = yajl_get_error(parser, 0, NULL, 0);
    size_t size = message ? strcspn((const char *)message, "\n") : 0;
    size -= size > 0 && message[size - 1] == '.' ? 1 : 0;
    fault_set(fault, "not JSON at byte %zu: %.*s", at, (int)size,
              message ? (const char *)message : "");
    yajl_free_error(parser, message);
    return false;
}

static bool builder_run(struct builder *builder, struct text source, struct fault *fault) {
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_object,
        .yajl_map_key = on_name,
        .yajl_end_map = on_object_end,
        .yajl_start_array = on_array,
        .yajl_end_array = on_array_end,
    };
    yajl_handle parser = yajl_alloc(&callbacks, NULL, builder);
    REQUIRE(parser != NULL);
    (void)yajl_config(parser, yajl_dont_validate_strings, 1); /* done, and more strictly */
    yajl_status status = yajl_parse(parser, (const unsigned char *)source.data, source.size);
    size_t at = yajl_get_bytes_consumed(parser);
    if (status == yajl_status_ok) {
        at = source.size;
        status = yajl_complete_parse(parser);
    }
    bool ok = status == yajl_status_ok && builder->root != NULL;
    if (!ok && builder->too_deep) {
        fault_set(fault, "JSON at byte %zu: nested more than %d deep", at, JSON_DEPTH_MAX);
    } else if (!ok) {
        yajl_fault(parser, at, fault);
    }
    yajl_free(parser);
    return ok;
}

const struct json *json_parse(struct arena *arena, struct text source, struct fault *fault) {
    REQUIRE(arena != NULL && fault != NULL);
    if (source.size == 0) {
        fault_set(fault, "not JSON at byte 0: nothing there");
        return NULL;
    }
    if (!text_is_utf8(source)) {
        fault_set(fault, "not JSON: the text is not UTF-8");
        return NULL;
    }
    size_t lone = lone_surrogate(source);
    if (lone < source.size) {
        fault_set(fault, "not JSON at byte %zu: half of a surrogate pair", lone);
        return NULL;
    }
    struct builder builder = {.arena = arena};
    return builder_run(&builder, source, fault) ? builder.root : NULL;
}
