/* The half of json_tree.h that needs no parser: looking at trees and writing them. */
#include "accrued/json_tree.h"

#include "accrued/require.h"

const struct json *json_member_named(const struct json *object, struct text name) {
    const struct json *found = NULL;
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        if (text_equal(member->name, name)) {
            found = member;
        }
    }
    return found;
}

const struct json *json_member(const struct json *object, const char *name) {
    REQUIRE(name != NULL);
    if (object == NULL || object->type != JSON_OBJECT) {
        return NULL;
    }
    return json_member_named(object, text_of(name));
}

static size_t member_count(const struct json *object) {
    size_t count = 0;
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        count += json_member_named(object, member->name) == member;
    }
    return count;
}

static bool objects_equal(const struct json *a, const struct json *b) {
    if (member_count(a) != member_count(b)) {
        return false;
    }
    for (const struct json *member = a->first; member != NULL; member = member->next) {
        if (json_member_named(a, member->name) != member) {
            continue;
        }
        const struct json *other = json_member_named(b, member->name);
        if (other == NULL || !json_equal(member, other)) {
            return false;
        }
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b) {
    REQUIRE(a != NULL && b != NULL);
    if (a->type != b->type) {
        return false;
    }
    if (a->type == JSON_OBJECT) {
        return objects_equal(a, b);
    }
    if (a->type != JSON_ARRAY) {
        return text_equal(a->text, b->text);
    }
    const struct json *item_b = b->first;
    for (const struct json *item = a->first; item != NULL; item = item->next) {
        if (item_b == NULL || !json_equal(item, item_b)) {
            return false;
        }
        item_b = item_b->next;
    }
    return item_b == NULL;
}

static void append_children(struct buffer *to, const struct json *node) {
    bool is_object = node->type == JSON_OBJECT;
    bool is_first = true;
    for (const struct json *child = node->first; child != NULL; child = child->next) {
        if (is_object && json_member_named(node, child->name) != child) {
            continue;
        }
        if (!is_first) {
            buffer_append_byte(to, ',');
        }
        is_first = false;
        if (is_object) {
            json_append_string(to, child->name);
            buffer_append_byte(to, ':');
        }
        json_append(to, child);
    }
}

void json_append(struct buffer *to, const struct json *node) {
    REQUIRE(to != NULL && node != NULL);
    switch (node->type) {
    case JSON_NULL:
    case JSON_TRUE:
    case JSON_FALSE: buffer_append_string(to, json_type_name(node->type)); return;
    case JSON_NUMBER: buffer_append_text(to, node->text); return;
    case JSON_STRING: json_append_string(to, node->text); return;
    case JSON_ARRAY:
        buffer_append_byte(to, '[');
        append_children(to, node);
        buffer_append_byte(to, ']');
        return;
    case JSON_OBJECT:
        buffer_append_byte(to, '{');
        append_children(to, node);
        buffer_append_byte(to, '}');
        return;
    }
}

const char *json_type_name(enum json_type type) {
    switch (type) {
    case JSON_NULL: return "null";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_NUMBER: return "number";
    case JSON_STRING: return "string";
    case JSON_ARRAY: return "array";
    case JSON_OBJECT: return "object";
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
    case '"': buffer_append_string(to, "\\\""); return;
    case '\\': buffer_append_string(to, "\\\\"); return;
    case '\n': buffer_append_string(to, "\\n"); return;
    case '\r': buffer_append_string(to, "\\r"); return;
    case '\t': buffer_append_string(to, "\\t"); return;
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
