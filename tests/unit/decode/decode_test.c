#include "accrued/decode.h"

#include "writer.h"

#define READER_PATH ACCRUED_SOURCE_DIR "/schemas/billing-line.avsc"

/* A schema with these types; the other required fields are as in BillingLine. */
static void open_variant(struct writer *writer, const char *field, const char *type) {
    static const char *const required[][2] = {
        {"line_id", "\"string\""},
        {"billing_period", "\"string\""},
        {"customer_id", "\"string\""},
        {"charge_type", "\"string\""},
        {"charge_start_date", "\"int\""},
        {"charge_end_date", "\"int\""},
        {"currency", "\"string\""},
        {"billed_amount", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":28,"
                          "\"scale\":10}"},
    };
    struct buffer json;
    buffer_init(&json);
    buffer_append_string(&json, "{\"type\":\"record\",\"name\":\"X\",\"fields\":[");
    bool is_required = false;
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        bool is_it = strcmp(required[i][0], field) == 0;
        is_required = is_required || is_it;
        if (is_it && type == NULL) {
            continue;
        }
        buffer_append_format(&json, "{\"name\":\"%s\",\"type\":%s},", required[i][0],
                             is_it ? type : required[i][1]);
    }
    if (!is_required) {
        buffer_append_format(&json, "{\"name\":\"%s\",\"type\":%s},", field, type);
    }
    buffer_append_string(&json, "{\"name\":\"last\",\"type\":\"null\"}]}");
    buffer_append_byte(&json, 0);
    writer_of(writer, (const char *)json.data);
    buffer_release(&json);
}

static struct billing_line plain_line(void) {
    return (struct billing_line){
        .line_id = TEXT("line"),
        .customer_id = TEXT("customer"),
        .charge_type = TEXT("new"),
        .billing_period = 2020 * 12,
        .charge_start_date = 18300,
        .charge_end_date = 18330,
        .currency = {{'E', 'U', 'R'}},
        .billed_amount = {15},
    };
}

/* The datum of plain_line through a variant schema; `set` puts the field under test. */
static void append_datum(const struct writer *writer, const char *field,
                         void (*set)(avro_value_t *value, const void *argument),
                         const void *argument, struct buffer *to) {
    struct dice dice = {1};
    struct billing_line line = plain_line();
    avro_value_t record;
    cr_assert_eq(avro_generic_value_new(writer->iface, &record), 0);
    writer_fill(&dice, &record, 0);
    struct writer scaled = *writer;
    for (size_t i = 0; i < WRITTEN_FIELD_COUNT; i++) {
        scaled.scales[i] = MEASURE_SCALE;
        avro_value_t value;
        if (avro_value_get_by_name(&record, written_fields[i].name, &value, NULL) != 0) {
            continue;
        }
        if (strcmp(written_fields[i].name, field) == 0) {
            set(&value, argument);
        } else {
            writer_set_field(&scaled, &dice, i, &line, &value);
        }
    }
    size_t size = 0;
    cr_assert_eq(avro_value_sizeof(&record, &size), 0);
    char *place = (char *)buffer_reserve(to, size + 1);
    avro_writer_t memory = avro_writer_memory(place, (int64_t)size + 1);
    cr_assert_eq(avro_value_write(memory, &record), 0, "%s", avro_strerror());
    to->size += size;
    avro_writer_free(memory);
    avro_value_decref(&record);
}

static void set_bytes(avro_value_t *value, const void *argument) {
    const struct text *bytes = argument;
    if (avro_value_get_type(value) == AVRO_FIXED) {
        cr_assert_eq(avro_value_set_fixed(value, (void *)bytes->data, bytes->size), 0);
    } else {
        writer_set_text(value, *bytes);
    }
}

static void set_number(avro_value_t *value, const void *argument) {
    avro_value_t target = writer_branch(value, false);
    int64_t number = *(const int64_t *)argument;
    switch ((int)avro_value_get_type(&target)) {
    case AVRO_INT32: avro_value_set_int(&target, (int32_t)number); return;
    case AVRO_ENUM: avro_value_set_enum(&target, (int)number); return;
    default: avro_value_set_long(&target, number); return;
    }
}

static void set_null(avro_value_t *value, const void *argument) {
    (void)argument;
    avro_value_t target = writer_branch(value, true);
    avro_value_set_null(&target);
}

/* Opens a set with the writer as id 7. */
static struct schema_set *open_set(const struct writer *writer) {
    struct schema_file file = {.id = 7, .path = writer->path};
    struct fault fault = {""};
    struct schema_set *set = schema_set_open(READER_PATH, &file, 1, &fault);
    cr_assert(set != NULL, "%s", fault.text);
    return set;
}

/* Decodes one record with the field set so. */
static enum reject_code decode_field(const char *field, const char *type,
                                     void (*set)(avro_value_t *, const void *),
                                     const void *argument, struct billing_line *ret_line,
                                     struct reject *ret_reject) {
    struct writer writer;
    open_variant(&writer, field, type);
    struct schema_set *schemas = open_set(&writer);
    static struct buffer value; /* what is returned borrows from it */
    static struct arena arena;
    buffer_clear(&value);
    struct schema_ref ref = {.framing = FRAMING_CONFLUENT, .id = 7};
    frame_append(&value, ref);
    append_datum(&writer, field, set, argument, &value);
    *ret_reject = (struct reject){REJECT_NONE, ""};
    bool decoded = line_decode(schemas, buffer_text(&value), &arena, ret_line, ret_reject);
    cr_assert_eq(decoded, ret_reject->code == REJECT_NONE, "%s", ret_reject->message);
    schema_set_free(schemas);
    writer_close(&writer);
    return ret_reject->code;
}

Test(decode, frames) {
    struct buffer bytes;
    buffer_init(&bytes);
    struct schema_ref ref = {.framing = FRAMING_CONFLUENT, .id = 0x01020304};
    frame_append(&bytes, ref);
    cr_assert(text_equal(buffer_text(&bytes), TEXT("\0\1\2\3\4")));
    buffer_clear(&bytes);
    ref = (struct schema_ref){.framing = FRAMING_SINGLE_OBJECT,
                              .fingerprint = UINT64_C(0x0807060504030201)};
    frame_append(&bytes, ref);
    cr_assert(text_equal(buffer_text(&bytes), TEXT("\xC3\x01\1\2\3\4\5\6\7\x08")));
    buffer_release(&bytes);
    const struct {
        struct text value;
        bool is_frame;
        struct schema_ref ref;
        size_t datum_size;
    } cases[] = {
        {TEXT("\0\0\0\0\7"), true, {.framing = FRAMING_CONFLUENT, .id = 7}, 0},
        {TEXT("\0\xFF\xFF\xFF\xFF"
              "abc"),
         true,
         {.framing = FRAMING_CONFLUENT, .id = UINT32_MAX},
         3},
        {TEXT("\xC3\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx"),
         true,
         {.framing = FRAMING_SINGLE_OBJECT, .fingerprint = UINT64_MAX},
         1},
        {TEXT("\xC3\x01\1\2\3\4\5\6\7"), false, {.framing = FRAMING_CONFLUENT}, 0},
        {TEXT("\xC3\x02\1\2\3\4\5\6\7\x08"), false, {.framing = FRAMING_CONFLUENT}, 0},
        {TEXT("\0\0\0\0"), false, {.framing = FRAMING_CONFLUENT}, 0},
        {TEXT("\1\0\0\0\0\0\0\0\0\0\0"), false, {.framing = FRAMING_CONFLUENT}, 0},
        {TEXT("{\"line_id\":\"x\"}"), false, {.framing = FRAMING_CONFLUENT}, 0},
        {TEXT(""), false, {.framing = FRAMING_CONFLUENT}, 0},
        {text_null(), false, {.framing = FRAMING_CONFLUENT}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text datum = text_null();
        struct reject reject = {REJECT_NONE, ""};
        cr_assert_eq(frame_parse(cases[i].value, &ref, &datum, &reject), cases[i].is_frame,
                     "case %zu", i);
        cr_assert_eq(reject.code, cases[i].is_frame ? REJECT_NONE : REJECT_AVRO_MALFORMED);
        if (cases[i].is_frame) {
            cr_assert_eq(ref.framing, cases[i].ref.framing);
            cr_assert_eq(ref.id, cases[i].ref.id);
            cr_assert_eq(ref.fingerprint, cases[i].ref.fingerprint);
            cr_assert_eq(datum.size, cases[i].datum_size);
            cr_assert(datum.data + datum.size == cases[i].value.data + cases[i].value.size);
        }
    }
}

Test(decode, header_frames) {
    const struct {
        struct text header;
        enum framing framing;
        bool is_frame;
    } cases[] = {
        {TEXT("\1\x01\x23\x45\x67\x89\xab\xcd\xef\x10\x32\x54\x76\x98\xba\xdc\xfe"), FRAMING_GUID,
         true},
        {TEXT("\0\0\0\1\2"), FRAMING_CONFLUENT, true},
        {TEXT("\1\0\0\1\2"), FRAMING_GUID, false},
        {TEXT("\0\x01\x23\x45\x67\x89\xab\xcd\xef\x10\x32\x54\x76\x98\xba\xdc\xfe"), FRAMING_GUID,
         false},
        {TEXT("\0\0\0\1\2\3"), FRAMING_GUID, false},
        {TEXT(""), FRAMING_GUID, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schema_ref ref = {.framing = FRAMING_SINGLE_OBJECT};
        struct reject reject = {REJECT_NONE, ""};
        cr_assert_eq(frame_parse_header(cases[i].header, &ref, &reject), cases[i].is_frame,
                     "case %zu", i);
        cr_assert_eq(reject.code, cases[i].is_frame ? REJECT_NONE : REJECT_AVRO_MALFORMED);
        cr_assert_eq(ref.framing, cases[i].is_frame ? cases[i].framing : FRAMING_SINGLE_OBJECT);
        if (cases[i].is_frame && ref.framing == FRAMING_GUID) {
            char guid[GUID_TEXT_SIZE];
            schema_guid_format(ref.guid, guid);
            cr_assert_str_eq(guid, "01234567-89ab-cdef-1032-547698badcfe");
        } else if (cases[i].is_frame) {
            cr_assert_eq(ref.id, 0x0102);
        }
    }
}

Test(decode, schemas_unknown_and_incompatible) {
    static const struct {
        const char *field;
        const char *type; /* NULL: lacking */
        const char *says;
    } cases[] = {
        {"line_id", NULL, "line_id"},
        {"billed_amount", NULL, "billed_amount"},
        {"line_id", "\"int\"", "line_id"},
        {"line_id", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "line_id"},
        {"charge_end_date", "\"long\"", "charge_end_date"},
        {"charge_end_date", "\"string\"", "charge_end_date"},
        {"billed_amount", "\"double\"", "billed_amount"},
        {"billed_amount", "\"bytes\"", "billed_amount"},
        {"billed_amount", "\"string\"", "billed_amount"},
        {"revision", "\"float\"", "revision"},
        {"status", "\"string\"", "status"},
        {"event_time", "\"double\"", "event_time"},
        {"product_id", "{\"type\":\"array\",\"items\":\"string\"}", "product_id"},
        {"line_id", "\"null\"", "line_id"},
        {"billed_amount",
         "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":-1}", "scale"},
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct writer writer;
        open_variant(&writer, cases[i].field, cases[i].type);
        struct schema_set *set = open_set(&writer);
        struct billing_line line;
        struct reject reject = {REJECT_NONE, ""};
        cr_assert(!line_decode(set, TEXT("\0\0\0\0\7anything"), &arena, &line, &reject));
        cr_assert_eq(reject.code, REJECT_SCHEMA_INCOMPATIBLE, "case %zu: %s", i, reject.message);
        cr_assert(strstr(reject.message, cases[i].says) != NULL, "case %zu: %s", i, reject.message);
        cr_assert(!line_decode(set, TEXT("\0\0\0\0\x08"), &arena, &line, &reject));
        cr_assert_eq(reject.code, REJECT_SCHEMA_UNKNOWN);
        cr_assert(strstr(reject.message, "8") != NULL);
        /* The reader's own schema has no id: 0 names nothing. */
        cr_assert(!line_decode(set, TEXT("\0\0\0\0\0"), &arena, &line, &reject));
        cr_assert_eq(reject.code, REJECT_SCHEMA_UNKNOWN);
        cr_assert(!line_decode(set, TEXT("\xC3\1\1\2\3\4\5\6\7\x08"), &arena, &line, &reject));
        cr_assert_eq(reject.code, REJECT_SCHEMA_UNKNOWN);
        cr_assert(strstr(reject.message, "0807060504030201") != NULL, "%s", reject.message);
        schema_set_free(set);
        writer_close(&writer);
    }
    arena_release(&arena);
}

Test(decode, decimals_of_any_scale) {
    const struct {
        const char *type; /* "bytes" or "fixed" and size */
        unsigned scale;
        struct text bytes;
        enum reject_code code;
        int64_t units;
    } cases[] = {
        {"bytes", 10, TEXT("\1"), REJECT_NONE, 1},
        {"bytes", 10, TEXT("\xFF"), REJECT_NONE, -1},
        {"bytes", 10, TEXT("\0\0\0\x80"), REJECT_NONE, 128},
        {"bytes", 10, TEXT("\xFF\xFF\x80"), REJECT_NONE, -128},
        {"bytes", 0, TEXT("\2"), REJECT_NONE, INT64_C(20000000000)},
        {"bytes", 2, TEXT("\x9C"), REJECT_NONE, INT64_C(-10000000000)},
        /* Half-even, once: 5, 15, 25, −25, 26, 4 at scale 11. */
        {"bytes", 11, TEXT("\5"), REJECT_NONE, 0},
        {"bytes", 11, TEXT("\17"), REJECT_NONE, 2},
        {"bytes", 11, TEXT("\31"), REJECT_NONE, 2},
        {"bytes", 11, TEXT("\xE7"), REJECT_NONE, -2},
        {"bytes", 11, TEXT("\32"), REJECT_NONE, 3},
        {"bytes", 11, TEXT("\4"), REJECT_NONE, 0},
        {"bytes", 12, TEXT("\61"), REJECT_NONE, 0}, /* 49: not 5 and then 1 */
        {"bytes", 12, TEXT("\63"), REJECT_NONE, 1}, /* 51 */
        {"bytes", 60, TEXT("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
         REJECT_NONE, 0},
        {"bytes", 1000, TEXT("\1"), REJECT_NONE, 0},
        /* 100.5, wider than 128 bits before it is rounded. */
        {"bytes", 40,
         TEXT("\x0B\x89\x6D\xF7\x69\x31\xDE\xAD\x3E\xEA\x80\xD4\x94\x80\x00\x00\x00\x00"),
         REJECT_NONE, INT64_C(1005000000000)},
        {"fixed", 10, TEXT("\0\0\0\0\0\0\0\5"), REJECT_NONE, 5},
        {"fixed", 10, TEXT("\xFB"), REJECT_NONE, -5},
        {"bytes", 10, TEXT(""), REJECT_FIELD_INVALID, 0},
        {"bytes", 0, TEXT("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), REJECT_AMOUNT_OVERFLOW, 0},
        {"bytes", 10, TEXT("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
         REJECT_AMOUNT_OVERFLOW, 0},
        {"bytes", 10, TEXT("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), REJECT_AMOUNT_OVERFLOW, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char type[160];
        (void)snprintf(type, sizeof type,
                       "{\"type\":\"%s\",\"name\":\"D\",\"size\":%zu,\"logicalType\":\"decimal\","
                       "\"precision\":4,\"scale\":%u}",
                       cases[i].type, cases[i].bytes.size, cases[i].scale);
        struct billing_line line;
        struct reject reject;
        enum reject_code code =
            decode_field("billed_amount", type, set_bytes, &cases[i].bytes, &line, &reject);
        cr_assert_eq(code, cases[i].code, "case %zu: %s", i, reject.message);
        cr_assert(code != REJECT_NONE || line.billed_amount.units == cases[i].units,
                  "case %zu: %lld", i, (long long)line.billed_amount.units);
        cr_assert(code == REJECT_NONE || strstr(reject.message, "billed_amount") != NULL);
    }
}

Test(decode, bad_texts) {
    static char big[LINE_TEXT_SIZE_MAX + 1];
    memset(big, 'a', sizeof big);
    const struct {
        const char *field;
        struct text value;
        bool is_good;
    } cases[] = {
        {"line_id", TEXT(""), false},
        {"line_id", {big, LINE_ID_SIZE_MAX}, true},
        {"line_id", {big, LINE_ID_SIZE_MAX + 1}, false},
        {"line_id", TEXT("\xFF"), false},
        {"customer_id", TEXT(""), false},
        {"customer_id", {big, LINE_TEXT_SIZE_MAX}, true},
        {"customer_id", {big, LINE_TEXT_SIZE_MAX + 1}, false},
        {"charge_type", TEXT(""), false},
        {"charge_type", TEXT("\xC0\x80"), false},
        {"product_id", TEXT(""), true},
        {"product_id", TEXT("\xED\xA0\x80"), false},
        {"billing_period", TEXT("2020-13"), false},
        {"billing_period", TEXT("2020-1"), false},
        {"billing_period", TEXT("2020-01 "), false},
        {"billing_period", TEXT(""), false},
        {"billing_period", TEXT("9999-12"), true},
        {"currency", TEXT("eur"), false},
        {"currency", TEXT("EURO"), false},
        {"currency", TEXT("EU"), false},
        {"currency", TEXT(""), false},
        {"currency", TEXT("USD"), true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct billing_line line;
        struct reject reject;
        enum reject_code code =
            decode_field(cases[i].field, "\"string\"", set_bytes, &cases[i].value, &line, &reject);
        cr_assert_eq(code, cases[i].is_good ? REJECT_NONE : REJECT_FIELD_INVALID, "case %zu: %s", i,
                     reject.message);
        cr_assert(cases[i].is_good || strstr(reject.message, cases[i].field) != NULL);
    }
}

Test(decode, folds_ids_and_empties_are_null) {
    struct billing_line line;
    struct reject reject;
    struct text mixed = TEXT("MiXeD-\xC3\x89");
    struct text folded = TEXT("mixed-\xC3\x89");
    cr_assert_eq(decode_field("line_id", "\"string\"", set_bytes, &mixed, &line, &reject), 0);
    cr_assert(text_equal(line.line_id, folded));
    cr_assert_eq(decode_field("customer_id", "\"string\"", set_bytes, &mixed, &line, &reject), 0);
    cr_assert(text_equal(line.customer_id, folded));
    cr_assert_eq(decode_field("subscription_id", "\"string\"", set_bytes, &mixed, &line, &reject),
                 0);
    cr_assert(text_equal(line.subscription_id, folded));
    cr_assert_eq(decode_field("product_id", "\"string\"", set_bytes, &mixed, &line, &reject), 0);
    cr_assert(text_equal(line.product_id, mixed));
    struct text empty = TEXT("");
    cr_assert_eq(decode_field("subscription_id", "\"string\"", set_bytes, &empty, &line, &reject),
                 0);
    cr_assert(text_is_null(line.subscription_id));
}

Test(decode, bad_numbers) {
    static const char enums[] =
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"PAUSED\",\"VOID\",\"ACTIVE\"]}";
    static const char micros[] = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}";
    static const struct {
        const char *field;
        const char *type;
        int64_t number;
        enum reject_code code;
    } cases[] = {
        {"revision", "\"long\"", -1, REJECT_FIELD_INVALID},
        {"revision", "\"long\"", INT64_MAX, REJECT_NONE},
        {"revision", "[\"null\",\"int\"]", 3, REJECT_NONE},
        {"status", enums, 0, REJECT_FIELD_INVALID},
        {"status", enums, 1, REJECT_NONE},
        {"charge_end_date", "\"int\"", 18299, REJECT_FIELD_INVALID},
        {"charge_end_date", "\"int\"", 18300, REJECT_NONE},
        {"charge_end_date", "\"int\"", 2932896, REJECT_NONE}, /* 9999-12-31 */
        {"charge_end_date", "\"int\"", 2932897, REJECT_FIELD_INVALID},
        {"charge_end_date", "\"int\"", INT32_MAX, REJECT_FIELD_INVALID},
        {"charge_start_date", "\"int\"", -719528, REJECT_NONE}, /* 0000-01-01 */
        {"charge_start_date", "\"int\"", -719529, REJECT_FIELD_INVALID},
        {"charge_start_date", "\"int\"", INT32_MIN, REJECT_FIELD_INVALID},
        {"event_time", "\"long\"", INT64_MAX, REJECT_FIELD_INVALID},
        {"event_time", "\"long\"", INT64_MIN, REJECT_FIELD_INVALID},
        {"event_time", micros, INT64_MAX, REJECT_FIELD_INVALID},
        {"event_time", micros, INT64_MIN, REJECT_FIELD_INVALID},
        {"event_time", "\"int\"", -1, REJECT_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct billing_line line;
        struct reject reject;
        enum reject_code code = decode_field(cases[i].field, cases[i].type, set_number,
                                             &cases[i].number, &line, &reject);
        cr_assert_eq(code, cases[i].code, "case %zu: %s", i, reject.message);
        cr_assert(code == REJECT_NONE || strstr(reject.message, cases[i].field) != NULL);
    }
    struct billing_line line;
    struct reject reject;
    int64_t before_epoch = -1;
    cr_assert_eq(decode_field("event_time", micros, set_number, &before_epoch, &line, &reject), 0);
    cr_assert_eq(line.event_time_ms, -1); /* cut, not rounded: the millisecond it is in */
    cr_assert_eq(decode_field("status", enums, set_number, &(int64_t){1}, &line, &reject), 0);
    cr_assert(line.is_void);
    cr_assert_eq(decode_field("status", enums, set_number, &(int64_t){2}, &line, &reject), 0);
    cr_assert(!line.is_void);
}

/* A union that may hold what the field cannot is decided per record. */
Test(decode, nulls_and_unfit_branches) {
    struct billing_line line;
    struct reject reject;
    cr_assert_eq(decode_field("line_id", "[\"null\",\"string\"]", set_null, NULL, &line, &reject),
                 REJECT_FIELD_INVALID);
    cr_assert(strstr(reject.message, "line_id") != NULL);
    cr_assert_eq(decode_field("revision", "[\"null\",\"long\"]", set_null, NULL, &line, &reject),
                 REJECT_FIELD_INVALID);
    cr_assert_eq(decode_field("quantity", "\"null\"", set_null, NULL, &line, &reject), REJECT_NONE);
    cr_assert(!line.has_quantity);
    cr_assert_eq(decode_field("product_id", "[\"long\",\"null\"]", set_null, NULL, &line, &reject),
                 REJECT_NONE);
    cr_assert_eq(decode_field("product_id", "[\"long\",\"null\"]", set_number, &(int64_t){1}, &line,
                              &reject),
                 REJECT_SCHEMA_INCOMPATIBLE);
    cr_assert(strstr(reject.message, "product_id") != NULL);
}
