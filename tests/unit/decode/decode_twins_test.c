/* Schemas that differ only in what Avro's parsing canonical form leaves out have one fingerprint.
 * Where such twins read the same bytes as different money, a fingerprint names neither of them. */
#include "accrued/decode.h"
#include "accrued/line_json.h"

#include "writer.h"

#define READER_PATH ACCRUED_SOURCE_DIR "/schemas/billing-line.avsc"

/* BillingLine's schema with the first `from` in it replaced. */
static void open_twin(struct writer *writer, const char *from, const char *to) {
    struct buffer json;
    buffer_init(&json);
    FILE *file = fopen(READER_PATH, "rb");
    cr_assert(file != NULL);
    json.size = fread(buffer_reserve(&json, 65536), 1, 65535, file);
    (void)fclose(file);
    buffer_append_byte(&json, 0);
    char *at = strstr((char *)json.data, from);
    cr_assert(at != NULL, "%s", from);
    struct buffer twin;
    buffer_init(&twin);
    buffer_append(&twin, json.data, (size_t)(at - (char *)json.data));
    buffer_append_string(&twin, to);
    buffer_append_string(&twin, at + strlen(from));
    buffer_append_byte(&twin, 0);
    writer_of(writer, (const char *)twin.data);
    buffer_release(&twin);
    buffer_release(&json);
}

struct twins {
    struct writer writer;
    struct schema_set *set;
    struct arena arena;
    struct buffer datum;
    uint64_t fingerprint;
};

/* The reader's own schema, and a twin of it as id 7. */
static void twins_init(struct twins *twins, const char *from, const char *to) {
    struct fault fault = {""};
    open_twin(&twins->writer, from, to);
    struct schema_file file = {.id = 7, .path = twins->writer.path};
    twins->set = schema_set_open(READER_PATH, &file, 1, &fault);
    cr_assert(twins->set != NULL, "%s", fault.text);
    uint64_t other = 0;
    cr_assert(schema_fingerprint(READER_PATH, &twins->fingerprint, &fault));
    cr_assert(schema_fingerprint(twins->writer.path, &other, &fault));
    cr_assert_eq(other, twins->fingerprint, "twins have one fingerprint");
    arena_init(&twins->arena);
    buffer_init(&twins->datum);
    const struct billing_line line = {
        .line_id = TEXT("line"),
        .customer_id = TEXT("customer"),
        .charge_type = TEXT("new"),
        .billing_period = 2020 * 12,
        .charge_start_date = 18300,
        .charge_end_date = 18330,
        .currency = {{'E', 'U', 'R'}},
        .billed_amount = {15},
        .has_event_time = true,
        .event_time_ms = 1580000000000,
    };
    line_append_avro(&twins->datum, &line);
}

static void twins_release(struct twins *twins) {
    schema_set_free(twins->set);
    arena_release(&twins->arena);
    buffer_release(&twins->datum);
    writer_close(&twins->writer);
}

static enum reject_code decode(struct twins *twins, enum framing framing,
                               struct billing_line *ret_line, struct reject *ret_reject) {
    struct buffer value;
    buffer_init(&value);
    frame_append(&value, (struct schema_ref){
                             .framing = framing, .id = 7, .fingerprint = twins->fingerprint});
    buffer_append_text(&value, buffer_text(&twins->datum));
    *ret_reject = (struct reject){REJECT_NONE, ""};
    struct text copy = arena_copy(&twins->arena, buffer_text(&value));
    (void)line_decode(twins->set, copy, &twins->arena, ret_line, ret_reject);
    buffer_release(&value);
    return ret_reject->code;
}

Test(decode_twins, a_fingerprint_of_two_readings_is_refused_and_an_id_is_not) {
    static const struct {
        const char *from;
        const char *to;
        int64_t billed; /* as id 7 has it */
        int64_t event_time;
    } cases[] = {
        {"\"scale\": 10", "\"scale\": 2", INT64_C(1500000000), 1580000000000},
        {"\"scale\": 10", "\"doc\": \"scale 0\"", INT64_C(150000000000), 1580000000000},
        {"timestamp-millis", "timestamp-micros", 15, 1580000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct twins twins;
        struct billing_line line;
        struct reject reject;
        twins_init(&twins, cases[i].from, cases[i].to);
        for (int round = 0; round < 2; round++) { /* whichever was used last */
            cr_assert_eq(decode(&twins, FRAMING_SINGLE_OBJECT, &line, &reject),
                         REJECT_SCHEMA_INCOMPATIBLE, "case %zu", i);
            cr_assert(strstr(reject.message, "fingerprint") != NULL, "%s", reject.message);
            cr_assert_eq(decode(&twins, FRAMING_CONFLUENT, &line, &reject), REJECT_NONE, "%s",
                         reject.message);
            cr_assert(line.billed_amount.units == cases[i].billed, "case %zu", i);
            cr_assert_eq(line.event_time_ms, cases[i].event_time, "case %zu", i);
        }
        twins_release(&twins);
    }
}

Test(decode_twins, what_reads_the_same_is_named_by_its_fingerprint) {
    static const char *const changes[][2] = {
        {"\"doc\": \"Billed quantity.\"", "\"doc\": \"Another word.\""},
        {"\"precision\": 28", "\"precision\": 20"},
        {"timestamp-millis", "local-timestamp-millis"},
        {"\"logicalType\": \"date\"", "\"doc\": \"days\""},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct twins twins;
        struct billing_line line;
        struct reject reject;
        twins_init(&twins, changes[i][0], changes[i][1]);
        for (int framing = FRAMING_CONFLUENT; framing <= FRAMING_SINGLE_OBJECT; framing++) {
            cr_assert_eq(decode(&twins, (enum framing)framing, &line, &reject), REJECT_NONE,
                         "case %zu: %s", i, reject.message);
            cr_assert(line.billed_amount.units == 15);
        }
        twins_release(&twins);
    }
}
