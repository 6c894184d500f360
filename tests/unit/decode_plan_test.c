#include "../../src/decode/compile.h"

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

static void append_record(struct buffer *to, int64_t last) {
    append_string(to, "l-1");
    append_string(to, "2020-01");
    append_string(to, "c-1");
    append_string(to, "new");
    buffer_append_zigzag(to, 18262);
    buffer_append_zigzag(to, 18292);
    append_string(to, "USD");
    append_string(to, "\x07");
    buffer_append_zigzag(to, last);
}

static enum reject_code read_with(const char *schema, struct field_aliases aliases, int64_t last,
                                  struct billing_line *ret_line) {
    struct arena arena;
    struct buffer datum;
    struct fault fault = {""};
    struct reject reject = {REJECT_NONE, ""};
    arena_init(&arena);
    buffer_init(&datum);
    append_record(&datum, last);
    const struct json *tree = json_parse(&arena, text_of(schema), &fault);
    cr_assert(tree != NULL, "%s", fault.text);
    const struct plan_node *shape = plan_shape(&arena, tree, &fault);
    cr_assert(shape != NULL, "%s", fault.text);
    const struct plan_node *plan = plan_bind(&arena, shape, aliases, &fault);
    if (plan == NULL) {
        reject.code = REJECT_SCHEMA_INCOMPATIBLE;
    } else {
        (void)plan_read(plan, buffer_text(&datum), &arena, ret_line, &reject);
    }
    buffer_release(&datum);
    arena_release(&arena);
    return reject.code;
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
