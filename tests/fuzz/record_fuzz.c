/* Records of several writers, as they come from Kafka. The lane's decoder and the view for people
 * must agree about what is broken; a line that was read is read again from what we would write. */
#include "fuzz.h"

#include "accrued/line_json.h"
#include "accrued/record_view.h"

#define SCHEMAS ACCRUED_SOURCE_DIR "/schemas/"
#define WRITERS ACCRUED_SOURCE_DIR "/tests/fuzz/writers/"

static struct schema_set *set;
static struct arena arena;

static void open_set(void) {
    static const struct schema_file files[] = {
        {1, SCHEMAS "billing-line.avsc"}, {2, WRITERS "evolved.avsc"}, {3, WRITERS "nested.avsc"},
        {4, WRITERS "unions.avsc"},       {5, SCHEMAS "accrual.avsc"},
    };
    struct fault fault;
    set =
        schema_set_open(SCHEMAS "billing-line.avsc", files, sizeof files / sizeof files[0], &fault);
    REQUIRE(set != NULL);
    arena_init(&arena);
}

static void count_field(void *context, const struct view_field *field) {
    size_t *end = context;
    REQUIRE(field->begin >= *end && field->end >= field->begin);
    *end = field->end;
}

static void check_again(const struct billing_line *line) {
    struct buffer value;
    struct buffer words[2];
    struct billing_line again;
    struct reject reject;
    buffer_init(&value);
    buffer_init(&words[0]);
    buffer_init(&words[1]);
    frame_append(&value, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
    line_append_avro(&value, line);
    REQUIRE(line_decode(set, buffer_text(&value), &arena, &again, &reject));
    line_append_json(&words[0], line);
    line_append_json(&words[1], &again);
    REQUIRE(text_equal(buffer_text(&words[0]), buffer_text(&words[1])));
    buffer_release(&value);
    buffer_release(&words[0]);
    buffer_release(&words[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (set == NULL) {
        open_set();
    }
    arena_clear(&arena);
    struct text value = {size == 0 ? "" : (const char *)data, size};
    struct billing_line line;
    struct reject reject = {REJECT_NONE, ""};
    size_t end = 0;
    bool is_line = line_decode(set, value, &arena, &line, &reject);
    struct view view = record_view(set, text_null(), value, false, count_field, &end);
    bool is_known = view.end != VIEW_NO_FRAME && view.end != VIEW_NO_SCHEMA;
    REQUIRE(is_line == (reject.code == REJECT_NONE));
    if (is_line) {
        REQUIRE(view.end == VIEW_WHOLE);
        check_again(&line);
    } else if (is_known && reject.code != REJECT_SCHEMA_INCOMPATIBLE) {
        REQUIRE((reject.code == REJECT_AVRO_MALFORMED) == (view.end != VIEW_WHOLE));
    }
    return 0;
}
