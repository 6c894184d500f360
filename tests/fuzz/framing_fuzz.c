/* Frames and headers: what is recognised is written the same again. */
#include "fuzz.h"

#include "accrued/decode.h"

static void check_again(struct schema_ref ref, struct text value, struct text datum) {
    struct buffer again;
    buffer_init(&again);
    frame_append(&again, ref);
    buffer_append_text(&again, datum);
    REQUIRE(text_equal(buffer_text(&again), value));
    buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct text value = {size == 0 ? "" : (const char *)data, size};
    struct schema_ref ref;
    struct text datum;
    struct reject reject = {REJECT_NONE, ""};
    if (frame_parse(value, &ref, &datum, &reject)) {
        REQUIRE(ref.framing != FRAMING_GUID && datum.size < size);
        check_again(ref, value, datum);
    } else {
        REQUIRE(reject.code == REJECT_AVRO_MALFORMED && reject.message[0] != '\0');
    }
    char guid[GUID_TEXT_SIZE];
    if (frame_parse_header(value, &ref, &reject)) {
        REQUIRE(size == 5 || size == 1 + GUID_SIZE);
        schema_guid_format(ref.guid, guid);
        REQUIRE(strlen(guid) == GUID_TEXT_SIZE - 1);
    }
    return 0;
}
