/* Avro's parsing canonical form and its CRC-64-AVRO fingerprint, as the specification has them. */
#include "compile.h"
#include "names.h"

#include "accrued/require.h"

#define CRC64_EMPTY UINT64_C(0xc15d213aa4d7a795)
#define NESTING_MAX (JSON_DEPTH_MAX + 1) /* of a tree, and what stands inside of it */

struct canonical {
    struct buffer text;
    struct arena names;
    int depth;
    bool with_logical; /* of types that the plan reads by them */
};

static void write_schema(struct canonical *to, const struct json *schema, struct text space);

static void write_string(struct canonical *to, struct text text) {
    json_append_string(&to->text, text);
}

static void write_key(struct canonical *to, const char *key, bool *is_first) {
    buffer_append_string(&to->text, *is_first ? "\"" : ",\"");
    buffer_append_string(&to->text, key);
    buffer_append_string(&to->text, "\":");
    *is_first = false;
}

static void write_list(struct canonical *to, const struct json *list, struct text space,
                       bool are_symbols) {
    buffer_append_byte(&to->text, '[');
    for (const struct json *item = list->first; item != NULL; item = item->next) {
        if (item != list->first) {
            buffer_append_byte(&to->text, ',');
        }
        if (are_symbols) {
            write_string(to, item->text);
        } else {
            write_schema(to, item, space);
        }
    }
    buffer_append_byte(&to->text, ']');
}

static void write_fields(struct canonical *to, const struct json *fields, struct text space) {
    buffer_append_byte(&to->text, '[');
    for (const struct json *field = fields->first; field != NULL; field = field->next) {
        buffer_append_string(&to->text, field == fields->first ? "{" : ",{");
        bool is_first = true;
        const struct json *name = json_member(field, "name");
        REQUIRE(name != NULL);
        write_key(to, "name", &is_first);
        write_string(to, name->text);
        write_key(to, "type", &is_first);
        write_schema(to, json_member(field, "type"), space);
        buffer_append_byte(&to->text, '}');
    }
    buffer_append_byte(&to->text, ']');
}

/* What take_logical in compile.c makes a difference of. */
static bool is_read_by_logical(const struct json *schema) {
    const struct json *type = json_member(schema, "type");
    const struct json *logical = json_member(schema, "logicalType");
    if (type->type != JSON_STRING || logical == NULL || logical->type != JSON_STRING) {
        return false;
    }
    bool is_decimal =
        text_equal(logical->text, TEXT("decimal")) &&
        (text_equal(type->text, TEXT("bytes")) || text_equal(type->text, TEXT("fixed")));
    return is_decimal || (text_equal(logical->text, TEXT("timestamp-micros")) &&
                          text_equal(type->text, TEXT("long")));
}

static void write_logical(struct canonical *to, const struct json *schema) {
    const struct json *scale = json_member(schema, "scale");
    write_string(to, json_member(schema, "logicalType")->text);
    buffer_append_text(&to->text, scale != NULL ? scale->text : TEXT("0"));
}

/* What a type consists of. */
static void write_parts(struct canonical *to, const struct json *schema, struct text type,
                        struct text space) {
    bool is_first = false;
    if (text_equal(type, TEXT("enum"))) {
        write_key(to, "symbols", &is_first);
        write_list(to, json_member(schema, "symbols"), space, true);
    } else if (text_equal(type, TEXT("array"))) {
        write_key(to, "items", &is_first);
        write_schema(to, json_member(schema, "items"), space);
    } else if (text_equal(type, TEXT("map"))) {
        write_key(to, "values", &is_first);
        write_schema(to, json_member(schema, "values"), space);
    } else if (text_equal(type, TEXT("fixed"))) {
        write_key(to, "size", &is_first);
        buffer_append_text(&to->text, json_member(schema, "size")->text);
    } else {
        write_key(to, "fields", &is_first);
        write_fields(to, json_member(schema, "fields"), space);
    }
}

/* Attributes in the order name, type, fields, symbols, items, values, size; all others are left
 * out, also those that belong to another type. */
static void write_object(struct canonical *to, const struct json *schema, struct text space) {
    const struct json *type = json_member(schema, "type");
    REQUIRE(type != NULL);
    if (to->with_logical && is_read_by_logical(schema)) {
        write_logical(to, schema);
    }
    if (type->type != JSON_STRING || !name_is_complex(type->text)) {
        write_schema(to, type, space);
        return;
    }
    bool is_first = true;
    buffer_append_byte(&to->text, '{');
    if (name_is_of_definition(type->text)) {
        struct text fullname = name_of_definition(&to->names, schema, space);
        space = name_space(fullname);
        write_key(to, "name", &is_first);
        write_string(to, fullname);
    }
    write_key(to, "type", &is_first);
    write_string(to, type->text);
    write_parts(to, schema, type->text, space);
    buffer_append_byte(&to->text, '}');
}

static void write_schema(struct canonical *to, const struct json *schema, struct text space) {
    REQUIRE(schema != NULL && to->depth < NESTING_MAX);
    to->depth++;
    if (schema->type == JSON_STRING) {
        write_string(to, name_qualify(&to->names, schema->text, space));
    } else if (schema->type == JSON_ARRAY) {
        write_list(to, schema, space, false);
    } else {
        write_object(to, schema, space);
    }
    to->depth--;
}

static uint64_t crc64_avro(struct text text) {
    uint64_t crc = CRC64_EMPTY;
    for (size_t i = 0; i < text.size; i++) {
        crc ^= (uint8_t)text.data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (CRC64_EMPTY & -(crc & 1));
        }
    }
    return crc;
}

static uint64_t fingerprint(const struct json *schema, bool with_logical) {
    struct canonical to = {.depth = 0, .with_logical = with_logical};
    buffer_init(&to.text);
    arena_init(&to.names);
    write_schema(&to, schema, TEXT(""));
    uint64_t crc = crc64_avro(buffer_text(&to.text));
    buffer_release(&to.text);
    arena_release(&to.names);
    return crc;
}

uint64_t canonical_fingerprint(const struct json *schema) {
    return fingerprint(schema, false);
}

uint64_t canonical_reading(const struct json *schema) {
    return fingerprint(schema, true);
}
