/* json_tree.h: JSON text → a tree, numbers kept as text. Room: base. Adapter: yajl.
 *
 * Money must be exact, so a number node holds its source text and nobody
 * converts it to a double. Limits: nesting JSON_DEPTH_MAX. Input must be UTF-8
 * (RFC 8259); a lone surrogate escape is an error; of equal keys the last wins.
 * Nodes and texts live in the arena given until that is cleared. */
#ifndef ACCRUED_JSON_TREE_H
#define ACCRUED_JSON_TREE_H

#include "accrued/arena.h"
#include "accrued/buffer.h"
#include "accrued/fault.h"

#define JSON_DEPTH_MAX 64

enum json_type {
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    struct text text;         /* JSON_STRING: decoded; JSON_NUMBER: source text */
    struct text name;         /* in an object: this member's key */
    const struct json *first; /* JSON_ARRAY, JSON_OBJECT: first child, or NULL */
    const struct json *next;  /* next sibling, or NULL */
    size_t count;             /* children */
};

/* Parses exactly one JSON value (white space around it allowed). NULL: *fault says what and
 * at which byte. */
const struct json *json_parse(struct arena *arena, struct text source, struct fault *fault);

/* Member of an object (last of equal keys), or NULL; NULL also when not an object. */
const struct json *json_member(const struct json *object, const char *name);
/* The same by a text; the object must be one. */
const struct json *json_member_named(const struct json *object, struct text name);

/* "null", "string" … for messages. */
const char *json_type_name(enum json_type type);

/* Do two trees mean the same? White space, the order of members and how a string is escaped do not
 * count; of equal keys the last; numbers are compared as they are written. */
bool json_equal(const struct json *a, const struct json *b);

/* Appends the tree without white space; of equal keys only the last. */
void json_append(struct buffer *to, const struct json *node);

/* Appends a JSON string with quotes and escapes; bytes that are not UTF-8 become U+FFFD. */
void json_append_string(struct buffer *to, struct text text);
/* The same, or `null` for a null text. */
void json_append_text(struct buffer *to, struct text text);

#endif
