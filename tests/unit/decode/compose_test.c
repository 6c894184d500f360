/* A schema and those that it refers to become one that Avro C accepts, with the same meaning. */
#include "decode/compile.h"
#include "decode/compose.h"

#include <avro.h>
#include <criterion/criterion.h>

struct made {
    struct arena arena;
    struct buffer text;
    struct fault fault;
};

static const struct json *tree_of(struct arena *arena, const char *text) {
    struct fault fault = {""};
    const struct json *tree = json_parse(arena, text_of(text), &fault);
    cr_assert(tree != NULL, "%s: %s", fault.text, text);
    return tree;
}

static bool make(struct made *made, const char *schema, const char *const *parts, size_t count) {
    const struct json *trees[8];
    arena_init(&made->arena);
    buffer_init(&made->text);
    made->fault.text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        trees[i] = tree_of(&made->arena, parts[i]);
    }
    return compose_schema(tree_of(&made->arena, schema), trees, count, &made->text, &made->fault);
}

static void release(struct made *made) {
    buffer_release(&made->text);
    arena_release(&made->arena);
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* `written` is the same schema as a person would write it out. */
static void expect(const char *schema, const char *const *parts, size_t count,
                   const char *written) {
    struct made made;
    avro_schema_t accepted = NULL;
    cr_assert(make(&made, schema, parts, count), "%s", made.fault.text);
    cr_assert_eq(
        avro_schema_from_json_length((const char *)made.text.data, made.text.size, &accepted), 0,
        "%s: %.*s", avro_strerror(), TEXT_ARGS(buffer_text(&made.text)));
    avro_schema_decref(accepted);
    struct fault fault = {""};
    const struct json *tree = json_parse(&made.arena, buffer_text(&made.text), &fault);
    cr_assert(tree != NULL, "%s", fault.text);
    cr_expect_eq(canonical_reading(tree), canonical_reading(tree_of(&made.arena, written)), "%.*s",
                 TEXT_ARGS(buffer_text(&made.text)));
    release(&made);
}

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define RECORD(name, space, fields)                                                                \
    "{\"type\":\"record\",\"name\":\"" name "\"," space "\"fields\":[" fields "]}"
#define IN(space) "\"namespace\":\"" space "\","

Test(compose, a_type_is_written_out_where_it_is_first_used) {
    const char *parts[] = {RECORD("Extra", IN("their.types"), FIELD("n", "\"long\""))};
    expect(RECORD("Line", IN("their.feed"),
                  FIELD("a", "{\"type\":\"array\",\"items\":\"their.types.Extra\"}") "," FIELD(
                      "b", "[\"null\",\"their.types.Extra\"]")),
           parts, 1,
           RECORD("Line", IN("their.feed"),
                  FIELD("a",
                        "{\"type\":\"array\",\"items\":" RECORD(
                            "their.types.Extra", "",
                            FIELD("n",
                                  "\"long\"")) "}") "," FIELD("b",
                                                              "[\"null\",\"their.types.Extra\"]")));
}

/* Short names mean the namespace of the schema that they stand in, not of where it comes to stand.
 */
Test(compose, short_names_keep_their_namespace) {
    const char *parts[] = {
        RECORD("Outer", IN("x"), FIELD("v", "{\"type\":\"map\",\"values\":\"Inner\"}")),
        RECORD("Inner", IN("x"),
               FIELD("next", "[\"null\",\"Inner\"]") "," FIELD(
                   "amount", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":28,"
                             "\"scale\":4}"))};
    expect(
        RECORD("Line", IN("y"), FIELD("o", "\"x.Outer\"") "," FIELD("i", "\"x.Inner\"")), parts, 2,
        RECORD(
            "y.Line", "",
            FIELD(
                "o",
                RECORD(
                    "x.Outer", "",
                    FIELD(
                        "v",
                        "{\"type\":\"map\",\"values\":" RECORD(
                            "x.Inner", "",
                            FIELD("next", "[\"null\",\"x.Inner\"]") "," FIELD(
                                "amount",
                                "{\"type\":\"bytes\",\"logicalType\":\"decimal\","
                                "\"precision\":28,\"scale\":4}")) "}"))) "," FIELD("i",
                                                                                   "\"x.Inner\"")));
}

/* A type that stands within another one, and is used before that. */
Test(compose, a_nested_type_is_written_once) {
    const char *parts[] = {RECORD(
        "Outer", "", FIELD("e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\",\"b\"]}"))};
    expect(
        RECORD("Line", "", FIELD("e", "\"E\"") "," FIELD("o", "\"Outer\"")), parts, 1,
        RECORD("Line", "",
               FIELD("e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a\",\"b\"]}") "," FIELD(
                   "o", RECORD("Outer", "", FIELD("e", "\"E\"")))));
}

/* Versions of one subject that are the same, a cycle, a fixed with a primitive's short name, and a
 * default that only looks like a type's name. */
Test(compose, what_is_alike_is_one_type) {
    const char *parts[] = {"{\"type\":\"fixed\",\"name\":\"x.int\",\"size\":4}",
                           "{\"size\":4,\"type\":\"fixed\",\"name\":\"x.int\"}",
                           RECORD("A", IN("x"), FIELD("b", "[\"null\",\"B\"]")),
                           RECORD("B", IN("x"), FIELD("a", "[\"null\",\"A\"]"))};
    expect(
        RECORD("Line", IN("x"),
               "{\"name\":\"s\",\"type\":\"string\",\"default\":\"x.A\"}," FIELD(
                   "i", "\"int\"") "," FIELD("f", "\"x.int\"") "," FIELD("a", "\"A\"")),
        parts, COUNT(parts),
        RECORD(
            "Line", IN("x"),
            FIELD("s", "\"string\"") "," FIELD("i", "\"int\"") "," FIELD(
                "f",
                "{\"type\":"
                "\"fixed\","
                "\"name\":\"x."
                "int\",\"size\":"
                "4}") "," FIELD("a", RECORD("A", "",
                                            FIELD("b", "[\"null\"," RECORD(
                                                           "B", "",
                                                           FIELD("a", "[\"null\",\"A\"]")) "]")))));
}

Test(compose, two_meanings_of_a_name_are_refused) {
    const char *parts[] = {"{\"type\":\"fixed\",\"name\":\"x.F\",\"size\":4}",
                           "{\"type\":\"fixed\",\"name\":\"x.F\",\"size\":5}"};
    struct made made;
    cr_assert(!make(&made, RECORD("Line", IN("x"), FIELD("f", "\"F\"")), parts, 2));
    cr_expect(strstr(made.fault.text, "\"x.F\" is defined twice") != NULL, "%s", made.fault.text);
    release(&made);
    cr_assert(!make(&made, RECORD("F", IN("x"), FIELD("f", "\"int\"")), parts, 1));
    release(&made);
}

/* Nothing that a registry has may do more than be refused later, by Avro C. */
Test(compose, what_is_no_schema_stays_what_it_is) {
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "{\"type\":null}",
        "{\"type\":\"record\"}",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":{\"a\":1}}",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[1,{},{\"type\":7}]}",
        "{\"type\":{\"type\":{\"type\":\"enum\",\"name\":\"\",\"symbols\":3}}}"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct made made;
        struct fault fault = {""};
        cr_assert(make(&made, texts[i], &texts[i], 1), "%s: %s", texts[i], made.fault.text);
        const struct json *tree = json_parse(&made.arena, buffer_text(&made.text), &fault);
        cr_assert(tree != NULL && json_equal(tree, tree_of(&made.arena, texts[i])),
                  "%s became %.*s", texts[i], TEXT_ARGS(buffer_text(&made.text)));
        release(&made);
    }
}
