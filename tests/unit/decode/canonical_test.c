#include "decode/compile.h"

#include <criterion/criterion.h>
#include <inttypes.h>

static uint64_t fingerprint_of(const char *schema) {
    struct arena arena;
    struct fault fault = {""};
    arena_init(&arena);
    const struct json *tree = json_parse(&arena, text_of(schema), &fault);
    cr_assert(tree != NULL, "%s: %s", schema, fault.text);
    uint64_t fingerprint = canonical_fingerprint(tree);
    arena_release(&arena);
    return fingerprint;
}

/* Avro's own table (share/test/data/schema-tests.txt), signed as Java prints them. */
Test(canonical, agrees_with_avros_own_table) {
    static const struct {
        const char *schema;
        int64_t fingerprint;
    } cases[] = {
        {"\"null\"", 7195948357588979594},
        {"{\"type\":\"null\"}", 7195948357588979594},
        {"\"boolean\"", -6970731678124411036},
        {"\"int\"", 8247732601305521295},
        {"{\"type\":\"int\"}", 8247732601305521295},
        {"\"long\"", -3434872931120570953},
        {"\"float\"", 5583340709985441680},
        {"\"double\"", -8181574048448539266},
        {"\"bytes\"", 5746618253357095269},
        {"\"string\"", -8142146995180207161},
        {"[  ]", -1241056759729112623},
        {"[ \"int\"  ]", -5232228896498058493},
        {"[ \"int\" , {\"type\":\"boolean\"} ]", 5392556393470105090},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\"}", -4824392279771201922},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
         5916914534497305771},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
         -4616218487480524110},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"doc\":\"Useful info\"}",
         -4824392279771201922},
        {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"aliases\":[\"foo\",\"bar\"]}",
         -4824392279771201922},
        {"{\"fields\":[{\"type\":{\"type\":\"boolean\"}, \"name\":\"f1\"}], \"type\":\"record\", "
         "\"name\":\"foo\"}",
         7843277075252814651},
        {"{\"fields\":[{\"type\":\"boolean\", \"aliases\":[], \"name\":\"f1\", "
         "\"default\":\"true\"}, {\"order\":\"descending\",\"name\":\"f2\",\"doc\":\"Hello\","
         "\"type\":\"int\"}], \"type\":\"record\", \"name\":\"foo\"}",
         -4860222112080293046},
        {"{\"type\":\"enum\", \"name\":\"foo\", \"symbols\":[\"A1\"]}", -6342190197741309591},
        {"{\"namespace\":\"x.y.z\", \"type\":\"enum\", \"name\":\"foo\", \"doc\":\"foo bar\", "
         "\"symbols\":[\"A1\", \"A2\"]}",
         -4448647247586288245},
        {"{\"name\":\"foo\",\"type\":\"fixed\",\"size\":15}", 1756455273707447556},
        {"{\"namespace\":\"x.y.z\", \"type\":\"fixed\", \"name\":\"foo\", \"doc\":\"foo bar\", "
         "\"size\":32}",
         -3064184465700546786},
        {"{ \"items\":{\"type\":\"null\"}, \"type\":\"array\"}", -589620603366471059},
        {"{ \"values\":\"string\", \"type\":\"map\"}", -8732877298790414990},
        {"{\"name\":\"PigValue\",\"type\":\"record\", \"fields\":[{\"name\":\"value\", "
         "\"type\":[\"null\", \"int\", \"long\", \"PigValue\"]}]}",
         -1759257747318642341},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq((int64_t)fingerprint_of(cases[i].schema), cases[i].fingerprint, "%s: %" PRId64,
                     cases[i].schema, (int64_t)fingerprint_of(cases[i].schema));
    }
}

/* Different spellings of one schema: Java's parser makes the same of both. */
Test(canonical, spellings_of_one_schema_have_one_fingerprint) {
#define RECORD(fields)                                                                             \
    "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"x\",\"fields\":[" fields "]}"
#define FIXED "{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}},"
    static const char *const pairs[][2] = {
        /* A named type again, as a string or as an object with nothing but its name. */
        {RECORD(FIXED "{\"name\":\"b\",\"type\":\"F\"}"),
         RECORD(FIXED "{\"name\":\"b\",\"type\":{\"type\":\"F\"}}")},
        {RECORD(FIXED "{\"name\":\"b\",\"type\":\"x.F\"}"),
         RECORD(FIXED "{\"name\":\"b\",\"type\":{\"type\":\"x.F\",\"doc\":\"again\"}}")},
        {RECORD("{\"name\":\"b\",\"type\":[\"null\",\"R\"]}"),
         RECORD("{\"name\":\"b\",\"type\":[\"null\",{\"type\":\"R\"}]}")},
        /* A type wrapped in a type. */
        {RECORD("{\"name\":\"b\",\"type\":\"long\"}"),
         RECORD("{\"name\":\"b\",\"type\":{\"type\":{\"type\":\"long\"}}}")},
        /* A full name needs no namespace, and gives one to what is inside. */
        {RECORD(FIXED "{\"name\":\"b\",\"type\":\"F\"}"),
         "{\"type\":\"record\",\"name\":\"x.R\",\"namespace\":\"ignored\",\"fields\":[" FIXED
         "{\"name\":\"b\",\"type\":\"x.F\"}]}"},
        {RECORD(FIXED "{\"name\":\"b\",\"type\":\"F\"}"),
         RECORD("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"x\","
                "\"size\":2}},{\"name\":\"b\",\"type\":\"F\"}")},
        /* Logical types and order of members say nothing. */
        {RECORD("{\"name\":\"b\",\"type\":\"bytes\"}"),
         "{\"fields\":[{\"type\":{\"scale\":2,\"precision\":9,\"logicalType\":\"decimal\","
         "\"type\":\"bytes\"},\"name\":\"b\"}],\"namespace\":\"x\",\"name\":\"R\",\"type\":"
         "\"record\"}"},
        /* What belongs to another type says nothing, whatever it is. */
        {RECORD("{\"name\":\"b\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}}"),
         RECORD("{\"name\":\"b\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],"
                "\"fields\":[{\"name\":\"c\"}],\"items\":7,\"size\":\"x\"}}")},
        {RECORD("{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":\"int\"}}"),
         RECORD("{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":\"int\",\"name\":\"A\","
                "\"namespace\":\"y\",\"values\":\"int\",\"symbols\":[1]}}")},
        /* Escapes are spelling, too. */
        {RECORD("{\"name\":\"b\",\"type\":\"bytes\"}"),
         RECORD("{\"name\":\"\\u0062\",\"type\":\"byt\\u0065s\"}")},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        cr_expect_eq(fingerprint_of(pairs[i][0]), fingerprint_of(pairs[i][1]), "pair %zu", i);
    }
}

Test(canonical, what_differs_has_another_fingerprint) {
    static const char *const schemas[] = {
        RECORD("{\"name\":\"a\",\"type\":\"long\"}"),
        RECORD("{\"name\":\"a\",\"type\":\"int\"}"),
        RECORD("{\"name\":\"b\",\"type\":\"long\"}"),
        RECORD("{\"name\":\"a\",\"type\":[\"long\"]}"),
        RECORD("{\"name\":\"a\",\"type\":[\"null\",\"long\"]}"),
        RECORD("{\"name\":\"a\",\"type\":[\"long\",\"null\"]}"),
        RECORD("{\"name\":\"a\",\"type\":\"long\"},{\"name\":\"b\",\"type\":\"long\"}"),
        RECORD("{\"name\":\"b\",\"type\":\"long\"},{\"name\":\"a\",\"type\":\"long\"}"),
        RECORD(FIXED "{\"name\":\"b\",\"type\":\"F\"}"),
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"}]}",
        /* An empty namespace leaves the one around it. */
        RECORD("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}}"),
        RECORD("{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"\","
               "\"size\":2}}"),
    };
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        for (size_t j = 0; j < i; j++) {
            cr_expect_neq(fingerprint_of(schemas[i]), fingerprint_of(schemas[j]), "%zu and %zu", i,
                          j);
        }
    }
}
