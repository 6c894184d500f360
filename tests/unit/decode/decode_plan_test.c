#include "decode/compile.h"

#include <criterion/criterion.h>

#define FIELDS(line_id, last)                                                                      \
    "{\"type\":\"record\",\"name\":\"L\",\"fields\":["                                             \
    "{\"name\":\"" line_id "\",\"type\":\"string\"},"                                              \
    "{\"name\":\"billing_period\",\"type\":\"string\"},"                                           \
    "{\"name\":\"customer_id\",\"type\":\"string\"},"                                              \
    "{\"name\":\"charge_type\",\"type\":\"string\"},"                                              \
    "{\"name\":\"charge_start_date\",\"type\":\"int\"},"                                           \
    "{\"name\":\"charge_end_date\",\"type\":\"int\"},"                                             \
    "{\"name\":\"currency\",\"type\":\"string\"},"                                                 \
    "{\"name\":\"billed_amount\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\","        \
    "\"precision\":10,\"scale\":2}}," last "]}"

static void append_string(struct buffer *to, const char *string) {
    buffer_append_zigzag(to, (int64_t)strlen(string));
    buffer_append_string(to, string);
}

/* All but the last field. */
static void append_record(struct buffer *to) {
    append_string(to, "l-1");
    append_string(to, "2020-01");
    append_string(to, "c-1");
    append_string(to, "new");
    buffer_append_zigzag(to, 18262);
    buffer_append_zigzag(to, 18292);
    append_string(to, "USD");
    append_string(to, "\x07");
}

static enum reject_code read_datum(const char *schema, struct field_aliases aliases,
                                   struct text datum, struct billing_line *ret_line) {
    struct arena arena;
    struct fault fault = {""};
    struct reject reject = {REJECT_NONE, ""};
    arena_init(&arena);
    const struct json *tree = json_parse(&arena, text_of(schema), &fault);
    cr_assert(tree != NULL, "%s", fault.text);
    const struct plan_node *shape = plan_shape(&arena, tree, &fault);
    cr_assert(shape != NULL, "%s", fault.text);
    const struct plan_node *plan = plan_bind(&arena, shape, aliases, &fault);
    if (plan == NULL) {
        reject.code = REJECT_SCHEMA_INCOMPATIBLE;
    } else {
        bool is_read = plan_read(plan, datum, &arena, ret_line, &reject);
        cr_assert_eq(is_read, reject.code == REJECT_NONE);
    }
    arena_release(&arena);
    return reject.code;
}

static enum reject_code read_with(const char *schema, struct field_aliases aliases, int64_t last,
                                  struct billing_line *ret_line) {
    struct buffer datum;
    buffer_init(&datum);
    append_record(&datum);
    buffer_append_zigzag(&datum, last);
    enum reject_code code = read_datum(schema, aliases, buffer_text(&datum), ret_line);
    buffer_release(&datum);
    return code;
}

/* Found by tests/schemas/twins.py: it was read as a long. */
Test(decode_plan, an_int_that_nobody_wants_is_an_int_all_the_same) {
    static const char schema[] = FIELDS("line_id", "{\"name\":\"extra\",\"type\":\"int\"}");
    struct field_aliases none = {NULL, 0};
    struct billing_line line;
    cr_assert_eq(read_with(schema, none, INT32_MAX, &line), REJECT_NONE);
    cr_assert_eq(read_with(schema, none, INT32_MIN, &line), REJECT_NONE);
    cr_assert_eq(read_with(schema, none, (int64_t)INT32_MAX + 1, &line), REJECT_AVRO_MALFORMED);
    cr_assert_eq(read_with(schema, none, (int64_t)INT32_MIN - 1, &line), REJECT_AVRO_MALFORMED);
}

Test(decode_plan, aliases_are_the_readers) {
    static const char renamed[] = FIELDS("row", "{\"name\":\"revision\",\"type\":\"long\"}");
    static const char twice[] = FIELDS("line_id", "{\"name\":\"row\",\"type\":\"long\"}");
    static const char reader[] = "{\"type\":\"record\",\"name\":\"L\",\"fields\":["
                                 "{\"name\":\"line_id\",\"type\":\"string\","
                                 "\"aliases\":[\"entry\",\"row\"]},"
                                 "{\"name\":\"nobody\",\"type\":\"string\",\"aliases\":[\"x\"]}]}";
    struct arena arena;
    struct fault fault;
    struct billing_line line;
    arena_init(&arena);
    const struct json *tree = json_parse(&arena, TEXT(reader), &fault);
    cr_assert(tree != NULL);
    struct field_aliases aliases = aliases_of(&arena, tree);
    cr_assert_eq(aliases.count, 2);
    cr_assert_eq(read_with(renamed, (struct field_aliases){NULL, 0}, 4, &line),
                 REJECT_SCHEMA_INCOMPATIBLE);
    cr_assert_eq(read_with(renamed, aliases, 4, &line), REJECT_NONE);
    cr_assert_eq(line.revision, 4);
    /* The name itself goes before: then the other field is nobody's, whatever its type. */
    cr_assert_eq(read_with(twice, aliases, 4, &line), REJECT_NONE);
    arena_release(&arena);
}

/* In more bytes than it needs, which Avro allows. */
static void append_in(struct buffer *to, int64_t number, size_t byte_count) {
    uint64_t zigzag = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
    for (size_t i = 1; i < byte_count; i++) {
        buffer_append_byte(to, (uint8_t)(zigzag | 0x80));
        zigzag >>= 7;
    }
    cr_assert(zigzag < 0x80);
    buffer_append_byte(to, (uint8_t)zigzag);
}

Test(decode_plan, numbers_of_all_sizes) {
    static const char schema[] = FIELDS("line_id", "{\"name\":\"revision\",\"type\":\"long\"}");
    struct field_aliases none = {NULL, 0};
    struct buffer datum;
    buffer_init(&datum);
    for (size_t bits = 0; bits < 63; bits++) {
        int64_t number = INT64_C(1) << bits;
        for (size_t byte_count = (bits + 1) / 7 + 1; byte_count <= 10; byte_count++) {
            struct billing_line line;
            buffer_clear(&datum);
            append_record(&datum);
            append_in(&datum, number, byte_count);
            cr_assert_eq(read_datum(schema, none, buffer_text(&datum), &line), REJECT_NONE);
            cr_assert_eq(line.revision, number, "2^%zu in %zu bytes", bits, byte_count);
            datum.size--;
            cr_assert_eq(read_datum(schema, none, buffer_text(&datum), &line),
                         REJECT_AVRO_MALFORMED);
        }
    }
    buffer_release(&datum);
}

/* Of a field that may be null, with null first, last, and beside another type. */
Test(decode_plan, texts_of_all_sizes_in_all_unions) {
    static const char *const schemas[] = {
        FIELDS("line_id", "{\"name\":\"invoice_id\",\"type\":[\"null\",\"string\"]}"),
        FIELDS("line_id", "{\"name\":\"invoice_id\",\"type\":[\"string\",\"null\"]}"),
        FIELDS("line_id", "{\"name\":\"invoice_id\",\"type\":[\"long\",\"string\",\"null\"]}"),
    };
    static const int64_t text_branches[] = {1, 0, 1};
    static const int64_t null_branches[] = {0, 1, 2};
    char text[200];
    memset(text, 't', sizeof text);
    struct field_aliases none = {NULL, 0};
    struct buffer datum;
    buffer_init(&datum);
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct billing_line line;
        for (size_t size = 0; size < sizeof text; size++) {
            buffer_clear(&datum);
            append_record(&datum);
            append_in(&datum, text_branches[i], 1 + size % 2);
            append_in(&datum, (int64_t)size, size < 64 ? 1 + size % 3 : 2 + size % 3);
            buffer_append(&datum, text, size);
            cr_assert_eq(read_datum(schemas[i], none, buffer_text(&datum), &line), REJECT_NONE);
            cr_assert(text_equal(line.invoice_id, (struct text){text, size}), "%zu: %zu", i, size);
            datum.size--;
            cr_assert_eq(read_datum(schemas[i], none, buffer_text(&datum), &line),
                         REJECT_AVRO_MALFORMED);
        }
        buffer_clear(&datum);
        append_record(&datum);
        append_in(&datum, null_branches[i], 1);
        cr_assert_eq(read_datum(schemas[i], none, buffer_text(&datum), &line), REJECT_NONE);
        cr_assert(text_is_null(line.invoice_id));
        datum.data[datum.size - 1] = 6; /* a branch that is not there */
        cr_assert_eq(read_datum(schemas[i], none, buffer_text(&datum), &line),
                     REJECT_AVRO_MALFORMED);
        datum.data[datum.size - 1] = 1; /* a negative one */
        cr_assert_eq(read_datum(schemas[i], none, buffer_text(&datum), &line),
                     REJECT_AVRO_MALFORMED);
    }
    buffer_release(&datum);
}
