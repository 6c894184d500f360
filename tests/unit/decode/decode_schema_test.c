#include "accrued/decode.h"

#include "writer.h"

#define READER_PATH ACCRUED_SOURCE_DIR "/schemas/billing-line.avsc"

/* Opens a set with the writer as id 7. */
static struct schema_set *open_set(const struct writer *writer) {
    struct schema_file file = {.id = 7, .path = writer->path};
    struct fault fault = {""};
    struct schema_set *set = schema_set_open(READER_PATH, &file, 1, &fault);
    cr_assert(set != NULL, "%s", fault.text);
    return set;
}

/* The specification's values, and canonical forms written by hand. */
Test(decode_schema, fingerprints) {
    static const struct {
        const char *schema;
        const char *canonical; /* NULL: `fingerprint` is known */
        uint64_t fingerprint;
    } cases[] = {
        {"\"null\"", NULL, UINT64_C(0x63dd24e7cc258f8a)},
        {"\"int\"", NULL, UINT64_C(0x7275d51a3f395c8f)},
        {" \"string\"\n", NULL, UINT64_C(0x8f014872634503c7)},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", NULL, UINT64_C(0x8f014872634503c7)},
        {"{\"fields\":[{\"default\":true,\"type\":\"boolean\",\"aliases\":[],\"name\":\"f1\"}],"
         "\"doc\":\"x\",\"namespace\":\"x.y\",\"type\":\"record\",\"name\":\"a.b.foo\"}",
         "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":"
         "\"boolean\"}]}",
         0},
        {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"x.y\",\"fields\":["
         "{\"name\":\"next\",\"type\":[\"null\",\"R\"]},"
         "{\"name\":\"fixed\",\"type\":{\"size\":16,\"type\":\"fixed\",\"name\":\"F\"}},"
         "{\"name\":\"same\",\"type\":\"x.y.F\"},"
         "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"namespace\":\"z\",\"name\":\"E\","
         "\"default\":\"a\",\"symbols\":[\"a\",\"b\"]}},"
         "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"map\","
         "\"values\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4}}}}]}",
         "{\"name\":\"x.y.R\",\"type\":\"record\",\"fields\":[{\"name\":\"next\",\"type\":["
         "\"null\",\"x.y.R\"]},{\"name\":\"fixed\",\"type\":{\"name\":\"x.y.F\",\"type\":"
         "\"fixed\",\"size\":16}},{\"name\":\"same\",\"type\":\"x.y.F\"},{\"name\":\"e\",\"type\":"
         "{\"name\":\"z.E\",\"type\":\"enum\",\"symbols\":[\"a\",\"b\"]}},{\"name\":\"list\","
         "\"type\":{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"bytes\"}}}]}",
         0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t wanted = cases[i].fingerprint;
        if (cases[i].canonical != NULL) {
            wanted = UINT64_C(0xc15d213aa4d7a795);
            for (const char *at = cases[i].canonical; *at != 0; at++) {
                wanted ^= (uint8_t)*at;
                for (int bit = 0; bit < 8; bit++) {
                    wanted = wanted >> 1 ^ (wanted & 1 ? UINT64_C(0xc15d213aa4d7a795) : 0);
                }
            }
        }
        struct writer writer;
        writer_of(&writer, cases[i].schema);
        uint64_t fingerprint = 0;
        struct fault fault = {""};
        cr_assert(schema_fingerprint(writer.path, &fingerprint, &fault), "%s", fault.text);
        cr_assert_eq(fingerprint, wanted, "case %zu: %016llx", i, (unsigned long long)fingerprint);
        writer_close(&writer);
    }
}

Test(decode_schema, refuses_files_that_are_no_schemas) {
    struct fault fault = {""};
    cr_assert(schema_set_open("/no/such/reader.avsc", NULL, 0, &fault) == NULL);
    cr_assert(strstr(fault.text, "/no/such/reader.avsc") != NULL);
    static const char *const texts[] = {"",
                                        "{",
                                        "{}",
                                        "{\"type\":\"record\"}",
                                        "\"nothing\"",
                                        "{\"type\":\"record\",\"name\":\"X\",\"fields\":[{}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct writer writer;
        writer_of(&writer, "\"int\"");
        FILE *file = fopen(writer.path, "w");
        cr_assert(file != NULL);
        (void)fputs(texts[i], file);
        (void)fclose(file);
        struct schema_file files = {.id = 1, .path = writer.path};
        struct schema_set *set = schema_set_open(READER_PATH, &files, 1, &fault);
        cr_assert(set == NULL, "%s", texts[i]);
        cr_assert(strstr(fault.text, writer.path) != NULL, "%s", fault.text);
        writer_close(&writer);
    }
}

/* Blocks with a negative count and a size, as other writers make them; hostile counts and depth. */
Test(decode_schema, skips_blocks_of_every_kind) {
    struct writer writer;
    writer_of(&writer,
              "{\"type\":\"record\",\"name\":\"X\",\"fields\":["
              "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
              "{\"name\":\"map\",\"type\":{\"type\":\"map\",\"values\":\"int\"}},"
              "{\"name\":\"deep\",\"type\":{\"type\":\"record\",\"name\":\"D\",\"fields\":["
              "{\"name\":\"next\",\"type\":[\"null\",\"D\"]}]}},"
              "{\"name\":\"line_id\",\"type\":\"string\"},"
              "{\"name\":\"billing_period\",\"type\":\"string\"},"
              "{\"name\":\"customer_id\",\"type\":\"string\"},"
              "{\"name\":\"charge_type\",\"type\":\"string\"},"
              "{\"name\":\"charge_start_date\",\"type\":\"int\"},"
              "{\"name\":\"charge_end_date\",\"type\":\"int\"},"
              "{\"name\":\"currency\",\"type\":\"string\"},"
              "{\"name\":\"billed_amount\",\"type\":{\"type\":\"bytes\","
              "\"logicalType\":\"decimal\",\"precision\":28}}]}");
    struct schema_set *set = open_set(&writer);
    static const char rest[] = "\2l\0162020-01\2c\2n\0\0\6EUR\2\1";
    const struct {
        struct text start; /* list, map, deep */
        bool is_good;
    } cases[] = {
        {TEXT("\0\0\0"), true},
        {TEXT("\2\0\0\0"), true},
        {TEXT("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\0\0\0"), true}, /* 2^63 − 1 nulls */
        {TEXT("\0\2\2a\2\0\0"), true},
        {TEXT("\0\1\6\2a\2\0\0"), true},  /* −1 entries, 3 bytes */
        {TEXT("\0\1\4\2a\2\0\0"), false}, /* 2 of the 3 bytes */
        {TEXT("\0\1\1\2a\2\0\0"), false}, /* a negative size */
        {TEXT("\1\0\1\0\0\0\0"), true},   /* −1 nulls, 0 bytes, twice */
        {TEXT("\0\0\2\2\2\0"), true},     /* 3 deep */
        {TEXT("\0\0\4"), false},          /* no such branch */
        {TEXT("\0\0\1"), false},
        {TEXT("\0\2\1"), false}, /* a key of −1 bytes */
        {TEXT("\0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\2a\2"), false},
        {TEXT("\0\1\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), false},
        {TEXT("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), false}, /* 11 bytes of varint */
    };
    struct buffer value;
    struct arena arena;
    buffer_init(&value);
    arena_init(&arena);
    for (size_t i = 0; i <= sizeof cases / sizeof cases[0]; i++) {
        bool is_good = false;
        buffer_clear(&value);
        buffer_append_text(&value, TEXT("\0\0\0\0\7"));
        if (i < sizeof cases / sizeof cases[0]) {
            buffer_append_text(&value, cases[i].start);
            is_good = cases[i].is_good;
        } else { /* deeper than any stack */
            buffer_append_text(&value, TEXT("\0\0"));
            memset(buffer_reserve(&value, 1000000), 2, 1000000);
            value.size += 1000000;
            buffer_append_byte(&value, 0);
        }
        buffer_append_text(&value, (struct text){rest, sizeof rest - 1});
        struct billing_line line;
        struct reject reject = {REJECT_NONE, ""};
        cr_assert_eq(line_decode(set, buffer_text(&value), &arena, &line, &reject), is_good,
                     "case %zu: %s", i, reject.message);
        cr_assert_eq(reject.code, is_good ? REJECT_NONE : REJECT_AVRO_MALFORMED);
    }
    buffer_release(&value);
    arena_release(&arena);
    schema_set_free(set);
    writer_close(&writer);
}

/* Names with dots carry their namespace; an int is one of 32 bits. */
Test(decode_schema, namespaces_and_widths) {
    struct writer writer;
    writer_of(&writer, "{\"type\":\"record\",\"name\":\"a.b.X\",\"fields\":["
                       "{\"name\":\"one\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}},"
                       "{\"name\":\"two\",\"type\":\"a.b.F\"},"
                       "{\"name\":\"three\",\"type\":\"F\"},"
                       "{\"name\":\"revision\",\"type\":\"int\"},"
                       "{\"name\":\"line_id\",\"type\":\"string\"},"
                       "{\"name\":\"billing_period\",\"type\":\"string\"},"
                       "{\"name\":\"customer_id\",\"type\":\"string\"},"
                       "{\"name\":\"charge_type\",\"type\":\"string\"},"
                       "{\"name\":\"charge_start_date\",\"type\":\"int\"},"
                       "{\"name\":\"charge_end_date\",\"type\":\"int\"},"
                       "{\"name\":\"currency\",\"type\":\"string\"},"
                       "{\"name\":\"billed_amount\",\"type\":{\"type\":\"bytes\","
                       "\"logicalType\":\"decimal\",\"precision\":28}}]}");
    struct schema_set *set = open_set(&writer);
    const struct {
        struct text revision;
        enum reject_code code;
    } cases[] = {
        {TEXT("\2"), REJECT_NONE},
        {TEXT("\xFE\xFF\xFF\xFF\x0F"), REJECT_NONE},           /* 2^31 − 1 */
        {TEXT("\x80\x80\x80\x80\x10"), REJECT_AVRO_MALFORMED}, /* 2^31 */
        {TEXT("\xFF\xFF\xFF\xFF\x0F"), REJECT_FIELD_INVALID},  /* −2^31 */
        {TEXT("\x81\x80\x80\x80\x10"), REJECT_AVRO_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer value;
        struct arena arena;
        buffer_init(&value);
        arena_init(&arena);
        buffer_append_text(&value, TEXT("\0\0\0\0\7aabbcc"));
        buffer_append_text(&value, cases[i].revision);
        buffer_append_text(&value, TEXT("\2l\0162020-01\2c\2n\0\0\6EUR\2\1"));
        struct billing_line line;
        struct reject reject = {REJECT_NONE, ""};
        (void)line_decode(set, buffer_text(&value), &arena, &line, &reject);
        cr_assert_eq(reject.code, cases[i].code, "case %zu: %s", i, reject.message);
        buffer_release(&value);
        arena_release(&arena);
    }
    schema_set_free(set);
    writer_close(&writer);
}

/* Files that Avro C takes are not always what it should take: no crash whatever it lets through. */
Test(decode_schema, damaged_schemas_do_no_harm, .timeout = 240) {
    struct dice dice = {21};
    struct writer file;
    writer_of(&file, "\"int\"");
    struct buffer text;
    buffer_init(&text);
    for (int round = 0; round < 2000; round++) {
        struct writer drawn;
        writer_draw(&drawn, &dice);
        buffer_clear(&text);
        buffer_append_text(&text, buffer_text(&drawn.json));
        buffer_release(&drawn.json);
        for (size_t count = 1 + dice_below(&dice, 2); count > 0; count--) {
            static const char *const pieces[] = {"\"type\"", "null",     "1",    "[]",
                                                 "{}",       "\"name\"", "\"\"", "\"size\""};
            struct text piece = text_of(pieces[dice_below(&dice, 8)]);
            size_t at = dice_below(&dice, text.size - piece.size);
            if (dice_hits(&dice, 2)) { /* a whole token: from a separator on */
                while (at > 0 && strchr("[{:,", text.data[at - 1]) == NULL) {
                    at--;
                }
                size_t end = at;
                while (end < text.size && strchr("]}:,", text.data[end]) == NULL) {
                    end++;
                }
                size_t rest = text.size - end;
                (void)buffer_reserve(&text, piece.size);
                memmove(text.data + at + piece.size, text.data + end, rest);
                memcpy(text.data + at, piece.data, piece.size);
                text.size = at + piece.size + rest;
            } else {
                text.data[at] = (uint8_t)(32 + dice_below(&dice, 95));
            }
        }
        FILE *out = fopen(file.path, "w");
        cr_assert(out != NULL);
        cr_assert_eq(fwrite(text.data, 1, text.size, out), text.size);
        cr_assert_eq(fclose(out), 0);
        struct schema_file files = {.id = 1, .path = file.path};
        struct fault fault = {""};
        struct schema_set *set = schema_set_open(READER_PATH, &files, 1, &fault);
        cr_assert(set != NULL || fault.text[0] != 0);
        schema_set_free(set);
    }
    buffer_release(&text);
    writer_close(&file);
}

Test(decode_schema, bounds_the_depth) {
    struct buffer text;
    buffer_init(&text);
    for (int depth = 1; depth < 200; depth += depth < 70 ? 1 : 10) {
        buffer_clear(&text);
        for (int i = 0; i < depth; i++) {
            buffer_append_string(&text, "{\"type\":\"array\",\"items\":");
        }
        buffer_append_string(&text, "\"int\"");
        for (int i = 0; i < depth; i++) {
            buffer_append_byte(&text, '}');
        }
        buffer_append_byte(&text, 0);
        struct writer writer;
        writer_of(&writer, (const char *)text.data);
        struct schema_file files = {.id = 1, .path = writer.path};
        struct fault fault = {""};
        struct schema_set *set = schema_set_open(READER_PATH, &files, 1, &fault);
        cr_assert(set != NULL || fault.text[0] != 0);
        schema_set_free(set);
        writer_close(&writer);
    }
    buffer_release(&text);
}
