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

static int on_object(void *context) { return builder_open(context, JSON_OBJECT); }

static int on_object_end(void *context) { return builder_close(context, JSON_OBJECT); }

static int on_array(void *context) { return builder_open(context, JSON_ARRAY); }

static int on_array_end(void *context) { return builder_close(context, JSON_ARRAY); }

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

/* yajl's message is a line such as "lexical error: invalid char in json text.\n". */
static bool yajl_fault(yajl_handle parser, size_t at, struct fault *fault) {
    unsigned char *message = yajl_get_error(parser, 0, NULL, 0);
    size_t size = message ? strcspn((const char *)message, "\n") : 0;
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

const struct json *json_member(const struct json *object, const char *name) {
    REQUIRE(name != NULL);
    if (object == NULL || object->type != JSON_OBJECT) {
        return NULL;
    }
    struct text wanted = text_of(name);
    const struct json *found = NULL;
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        if (text_equal(member->name, wanted)) {
            found = member;
        }
    }
    return found;
}

const char *json_type_name(enum json_type type) {
    switch (type) {
    case JSON_NULL:
        return "null";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NUMBER:
        return "number";
    case JSON_STRING:
        return "string";
    case JSON_ARRAY:
        return "array";
    case JSON_OBJECT:
        return "object";
    }
    REQUIRE(false && "unknown json_type");
}

/* Bytes of the longest start of `text` that could begin a UTF-8 sequence, at least 1: what one
 * U+FFFD stands for (Unicode's "maximal subpart", which is what other languages do). */
static size_t malformed_size(struct text text) {
    unsigned char lead = (unsigned char)text.data[0];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) {
        return 1;
    }
    /* A part is a possible start if it becomes well-formed with the smallest tail. */
    size_t size = 1;
    for (size_t part = 2; part < wanted && part <= text.size; part++) {
        char whole[4] = {(char)0x80, (char)0x80, (char)0x80, (char)0x80};
        memcpy(whole, text.data, part);
        if (!text_is_utf8((struct text){whole, wanted})) {
            break;
        }
        size = part;
    }
    return size;
}

static size_t wellformed_size(struct text text) {
    for (size_t size = 1; size <= 4 && size <= text.size; size++) {
        if (text_is_utf8((struct text){text.data, size})) {
            return size;
        }
    }
    return 0;
}

static void append_escaped(struct buffer *to, char c) {
    switch (c) {
    case '"':
        buffer_append_string(to, "\\\"");
        return;
    case '\\':
        buffer_append_string(to, "\\\\");
        return;
    case '\n':
        buffer_append_string(to, "\\n");
        return;
    case '\r':
        buffer_append_string(to, "\\r");
        return;
    case '\t':
        buffer_append_string(to, "\\t");
        return;
    }
    buffer_append_format(to, "\\u%04x", (unsigned)c);
}

void json_append_string(struct buffer *to, struct text text) {
    REQUIRE(to != NULL && text.data != NULL);
    bool is_utf8 = text_is_utf8(text);
    buffer_append_byte(to, '"');
    size_t at = 0;
    while (at < text.size) {
        size_t plain = at;
        while (plain < text.size && (unsigned char)text.data[plain] >= 0x20 &&
               text.data[plain] != '"' && text.data[plain] != '\\' &&
               (is_utf8 || (unsigned char)text.data[plain] < 0x80)) {
            plain++;
        }
        buffer_append(to, text.data + at, plain - at);
        at = plain;
        if (at == text.size) {
            break;
        }
        if ((unsigned char)text.data[at] < 0x80) {
            append_escaped(to, text.data[at]);
            at++;
            continue;
        }
        struct text rest = {text.data + at, text.size - at};
        size_t size = wellformed_size(rest);
        if (size > 0) {
            buffer_append(to, rest.data, size);
        } else {
            buffer_append_string(to, "\xEF\xBF\xBD");
            size = malformed_size(rest);
        }
        at += size;
    }
    buffer_append_byte(to, '"');
}

void json_append_text(struct buffer *to, struct text text) {
    if (text_is_null(text)) {
        buffer_append_string(to, "null");
    } else {
        json_append_string(to, text);
    }
}
