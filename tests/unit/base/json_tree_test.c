#include "accrued/json_tree.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A tree written back in one line: what was understood, nothing of how it was spelled. */
static void append_tree(struct buffer *to, const struct json *node) {
    switch (node->type) {
    case JSON_NULL:
    case JSON_TRUE:
    case JSON_FALSE: buffer_append_string(to, json_type_name(node->type)); return;
    case JSON_NUMBER: buffer_append_text(to, node->text); return;
    case JSON_STRING: json_append_string(to, node->text); return;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    size_t count = 0;
    buffer_append_byte(to, node->type == JSON_ARRAY ? '[' : '{');
    for (const struct json *child = node->first; child != NULL; child = child->next) {
        if (count++ > 0) {
            buffer_append_byte(to, ',');
        }
        if (node->type == JSON_OBJECT) {
            json_append_string(to, child->name);
            buffer_append_byte(to, ':');
        }
        append_tree(to, child);
    }
    cr_assert_eq(count, node->count);
    buffer_append_byte(to, node->type == JSON_ARRAY ? ']' : '}');
}

Test(json_tree, reads_what_is_json) {
    static const struct {
        const char *source;
        const char *expected;
    } cases[] = {
        {"null", "null"},
        {" true\n", "true"},
        {"false", "false"},
        {"0", "0"},
        {"-0", "-0"},
        {"1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"},
        {"1E+400", "1E+400"},
        {"-1.50e-7", "-1.50e-7"},
        {"\"\"", "\"\""},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[1,[2,[]],{\"a\":{\"b\":null}}]", "[1,[2,[]],{\"a\":{\"b\":null}}]"},
        {"{\"a\" : 1 , \"a\" : 2}", "{\"a\":1,\"a\":2}"},
        {"\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\/\"",
         "\"A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80/\""},
        {"\"\\\\ud800\"", "\"\\\\ud800\""},
        {"\"a\\nb\\t\\u0001\\\"\"", "\"a\\nb\\t\\u0001\\\"\""},
        {"\"\xF0\x9F\x98\x80\x7F\"", "\"\xF0\x9F\x98\x80\x7F\""},
        {"{\"\":[true,false]}", "{\"\":[true,false]}"},
    };
    struct arena arena;
    struct buffer out;
    arena_init(&arena);
    buffer_init(&out);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {""};
        const struct json *tree = json_parse(&arena, text_of(cases[i].source), &fault);
        cr_assert(tree != NULL, "%s: %s", cases[i].source, fault.text);
        buffer_clear(&out);
        append_tree(&out, tree);
        buffer_append_byte(&out, 0);
        cr_assert_str_eq((char *)out.data, cases[i].expected, "case %zu: %s", i, (char *)out.data);
    }
    buffer_release(&out);
    arena_release(&arena);
}

Test(json_tree, keeps_a_nul_inside_a_string) {
    struct arena arena;
    struct fault fault;
    arena_init(&arena);
    const struct json *tree = json_parse(&arena, TEXT("\"a\\u0000b\""), &fault);
    cr_assert(tree != NULL);
    cr_assert(text_equal(tree->text, TEXT("a\0b")));
    arena_release(&arena);
}

Test(json_tree, refuses_what_is_not_json) {
    const struct {
        struct text source;
        const char *says;
    } cases[] = {
        {TEXT(""), "nothing there"},
        {TEXT("  "), "byte 2"},
        {TEXT("{"), "byte 1"},
        {TEXT("{} x"), "byte 4"},
        {TEXT("{}{}"), "byte 3"},
        {TEXT("1 2"), "not JSON"},
        {TEXT("01"), "not JSON"},
        {TEXT("1."), "not JSON"},
        {TEXT(".5"), "not JSON"},
        {TEXT("+1"), "not JSON"},
        {TEXT("1e"), "not JSON"},
        {TEXT("NaN"), "not JSON"},
        {TEXT("nul"), "not JSON"},
        {TEXT("truex"), "not JSON"},
        {TEXT("'a'"), "not JSON"},
        {TEXT("[1,]"), "not JSON"},
        {TEXT("{\"a\":1,}"), "not JSON"},
        {TEXT("{a:1}"), "not JSON"},
        {TEXT("[1 2]"), "not JSON"},
        {TEXT("]"), "not JSON"},
        {TEXT("[}"), "not JSON"},
        {TEXT("/* c */ 1"), "not JSON"},
        {TEXT("\"a\nb\""), "not JSON"},
        {TEXT("\"a\0b\""), "not JSON"},
        {TEXT("\0"), "not JSON"},
        {TEXT("1\0"), "not JSON"},
        {TEXT("\"\\x\""), "not JSON"},
        {TEXT("\"\\u12g4\""), "not JSON"},
        {TEXT("\"\\u12"), "not JSON"},
        {TEXT("\"\\"), "not JSON"},
        {TEXT("\"open"), "not JSON"},
        {TEXT("\xEF\xBB\xBF{}"), "not JSON"},
        {TEXT("\"\xC0\x80\""), "UTF-8"},
        {TEXT("\"\xED\xA0\x80\""), "UTF-8"},
        {TEXT("\"\xFF\""), "UTF-8"},
        {TEXT("\"\\ud800\""), "byte 1: half"},
        {TEXT("\"a\\ud800\\n....\""), "byte 2: half"},
        {TEXT("\"\\ud800\\u0041\""), "byte 1: half"},
        {TEXT("\"\\ud800\\ud800\\udc00\""), "byte 1: half"},
        {TEXT("\"\\udc00\""), "half"},
        {TEXT("\"\\ud83d\\ude00\\ude00\""), "byte 13: half"},
        {TEXT("{\"\\udead\":1}"), "half"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {""};
        cr_assert(json_parse(&arena, cases[i].source, &fault) == NULL, "case %zu: %s", i,
                  cases[i].source.data);
        cr_assert(strstr(fault.text, cases[i].says) != NULL, "case %zu (%s): %s", i,
                  cases[i].source.data, fault.text);
        cr_assert(strchr(fault.text, '\n') == NULL);
    }
    arena_release(&arena);
}

Test(json_tree, bounds_the_depth) {
    struct arena arena;
    struct buffer source;
    arena_init(&arena);
    buffer_init(&source);
    for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        buffer_clear(&source);
        for (int i = 0; i < depth; i++) {
            buffer_append_string(&source, i % 2 == 0 ? "[" : "{\"a\":");
        }
        buffer_append_string(&source, "1");
        for (int i = depth - 1; i >= 0; i--) {
            buffer_append_string(&source, i % 2 == 0 ? "]" : "}");
        }
        struct fault fault = {""};
        const struct json *tree = json_parse(&arena, buffer_text(&source), &fault);
        cr_assert_eq(tree != NULL, depth <= JSON_DEPTH_MAX, "depth %d: %s", depth, fault.text);
        cr_assert(tree != NULL || strstr(fault.text, "64 deep") != NULL);
    }
    /* Hostile: no closing, no stack. */
    buffer_clear(&source);
    for (int i = 0; i < 1000000; i++) {
        buffer_append_byte(&source, '[');
    }
    struct fault fault = {""};
    cr_assert(json_parse(&arena, buffer_text(&source), &fault) == NULL);
    buffer_release(&source);
    arena_release(&arena);
}

Test(json_tree, finds_the_last_of_equal_members) {
    struct arena arena;
    struct fault fault;
    arena_init(&arena);
    const struct json *tree =
        json_parse(&arena, TEXT("{\"a\":1,\"b\":[3],\"a\":2,\"ab\":4}"), &fault);
    cr_assert(tree != NULL);
    cr_assert(text_equal(json_member(tree, "a")->text, TEXT("2")));
    cr_assert_eq(json_member(tree, "b")->type, JSON_ARRAY);
    cr_assert(json_member(tree, "c") == NULL);
    cr_assert(json_member(json_member(tree, "b"), "a") == NULL);
    cr_assert(json_member(NULL, "a") == NULL);
    arena_release(&arena);
}

Test(json_tree, writes_any_bytes_as_utf8) {
    const struct {
        struct text bytes;
        const char *expected;
    } cases[] = {
        {TEXT(""), "\"\""},
        {TEXT("\0\x1F\"\\/\b\f\n\r\t\x7F"),
         "\"\\u0000\\u001f\\\"\\\\/\\u0008\\u000c\\n\\r\\t\x7F\""},
        {TEXT("\xC3\xA9"), "\"\xC3\xA9\""},
        {TEXT("a\xFF"
              "b"),
         "\"a\xEF\xBF\xBD"
         "b\""},
        {TEXT("\xC3"), "\"\xEF\xBF\xBD\""},
        {TEXT("\xC3\xA9\xE2\x82"), "\"\xC3\xA9\xEF\xBF\xBD\""},
        {TEXT("\xF0\x9F\x98x"), "\"\xEF\xBF\xBDx\""},
        {TEXT("\xE0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {TEXT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {TEXT("\xF4\x90\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    struct buffer out;
    buffer_init(&out);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_clear(&out);
        json_append_string(&out, cases[i].bytes);
        buffer_append_byte(&out, 0);
        cr_assert_str_eq((char *)out.data, cases[i].expected, "case %zu: %s", i, (char *)out.data);
    }
    buffer_clear(&out);
    json_append_text(&out, text_null());
    cr_assert(text_equal(buffer_text(&out), TEXT("null")));
    buffer_release(&out);
}

Test(json_tree, writes_and_compares_trees_by_meaning) {
    static const struct {
        const char *a;
        const char *b;
        bool equal;
        const char *written; /* of a */
    } cases[] = {
        {"{\"a\": 1, \"b\": [true, null]}", "{\"b\":[true,null],\"a\":1}", true,
         "{\"a\":1,\"b\":[true,null]}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}", true, "{\"b\":2,\"a\":3}"},
        {"{\"a\":1}", "{\"a\":1,\"b\":null}", false, "{\"a\":1}"},
        {"{\"a\":1,\"b\":null}", "{\"a\":1}", false, "{\"a\":1,\"b\":null}"},
        {"{\"a\":1}", "{\"b\":1}", false, "{\"a\":1}"},
        {"\"\\u0041\"", "\"A\"", true, "\"A\""},
        {"1.0", "1", false, "1.0"},
        {"[1,2]", "[2,1]", false, "[1,2]"},
        {"[1]", "[1,2]", false, "[1]"},
        {"[1,2]", "[1]", false, "[1,2]"},
        {"false", "null", false, "false"},
        {"\"1\"", "1", false, "\"1\""},
        {"{}", "[]", false, "{}"},
    };
    struct arena arena;
    struct buffer out;
    arena_init(&arena);
    buffer_init(&out);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {""};
        const struct json *a = json_parse(&arena, text_of(cases[i].a), &fault);
        const struct json *b = json_parse(&arena, text_of(cases[i].b), &fault);
        cr_assert(a != NULL && b != NULL, "case %zu: %s", i, fault.text);
        cr_assert_eq(json_equal(a, b), cases[i].equal, "case %zu", i);
        cr_assert_eq(json_equal(b, a), cases[i].equal, "case %zu", i);
        cr_assert(json_equal(a, a));
        buffer_clear(&out);
        json_append(&out, a);
        cr_assert(text_equal(buffer_text(&out), text_of(cases[i].written)), "case %zu", i);
    }
    buffer_release(&out);
    arena_release(&arena);
}
