#include "accrued/decode.h"

#include "writer.h"

#define READER_PATH ACCRUED_SOURCE_DIR "/schemas/billing-line.avsc"

/* A heap copy of exactly the record: reads behind its end are seen. */
static bool decode(struct schema_set *set, const struct buffer *value, size_t size,
                   struct arena *arena, struct billing_line *ret_line, struct reject *ret_reject) {
    char *copy = arena_take(arena, size + 1);
    memcpy(copy, value->data, size);
    return line_decode(set, (struct text){copy, size}, arena, ret_line, ret_reject);
}

/* Any writer schema that can become a BillingLine: order, defaults, types, scales, other fields. */
Test(decode_resolution, reads_whatever_resolution_allows, .timeout = 240) {
    struct dice dice = {11};
    struct arena arena;
    struct buffer value;
    arena_init(&arena);
    buffer_init(&value);
    for (int schema = 0; schema < 300; schema++) {
        struct writer writer;
        writer_draw(&writer, &dice);
        writer_open(&writer);
        struct fault fault = {""};
        struct schema_file file = {.id = (uint32_t)dice_next(&dice) | 1, .path = writer.path};
        struct schema_set *set = schema_set_open(READER_PATH, &file, 1, &fault);
        cr_assert(set != NULL, "%s", fault.text);
        struct schema_ref ref = {.framing = FRAMING_SINGLE_OBJECT};
        cr_assert(schema_fingerprint(writer.path, &ref.fingerprint, &fault));
        for (int round = 0; round < 20; round++) {
            arena_clear(&arena);
            buffer_clear(&value);
            struct billing_line line = dice_line(&dice, &arena);
            writer_restrict(&writer, &line);
            ref.framing = dice_hits(&dice, 2) ? FRAMING_CONFLUENT : FRAMING_SINGLE_OBJECT;
            ref.id = file.id;
            frame_append(&value, ref);
            size_t header_size = value.size;
            writer_append(&writer, &dice, &line, &value);
            struct billing_line again;
            struct reject reject = {REJECT_NONE, ""};
            cr_assert(decode(set, &value, value.size, &arena, &again, &reject), "%s\n%.*s",
                      reject.message, (int)writer.json.size, (const char *)writer.json.data);
            cr_assert(dice_lines_equal(&line, &again), "schema %d, round %d\n%.*s", schema, round,
                      (int)writer.json.size, (const char *)writer.json.data);
            /* Cut off anywhere, or with a byte too many. */
            for (size_t size = 0; size < value.size && round < 2; size++) {
                cr_assert(!decode(set, &value, size, &arena, &again, &reject));
                cr_assert_eq(reject.code, REJECT_AVRO_MALFORMED, "%zu of %zu (header %zu): %s",
                             size, value.size, header_size, reject.message);
            }
            buffer_append_byte(&value, 0);
            cr_assert(!decode(set, &value, value.size, &arena, &again, &reject));
            cr_assert_eq(reject.code, REJECT_AVRO_MALFORMED);
        }
        schema_set_free(set);
        writer_close(&writer);
    }
    buffer_release(&value);
    arena_release(&arena);
}

/* Damage never crashes and never yields a line that breaks the rules. */
Test(decode_resolution, survives_damage, .timeout = 240) {
    struct dice dice = {12};
    struct arena arena;
    struct buffer value;
    arena_init(&arena);
    buffer_init(&value);
    size_t refused = 0;
    for (int schema = 0; schema < 50; schema++) {
        struct writer writer;
        writer_draw(&writer, &dice);
        writer_open(&writer);
        struct fault fault = {""};
        struct schema_file file = {.id = 5, .path = writer.path};
        struct schema_set *set = schema_set_open(READER_PATH, &file, 1, &fault);
        cr_assert(set != NULL, "%s", fault.text);
        for (int round = 0; round < 2000; round++) {
            arena_clear(&arena);
            buffer_clear(&value);
            struct schema_ref ref = {.framing = FRAMING_CONFLUENT, .id = 5};
            frame_append(&value, ref);
            if (round % 2 == 0) {
                struct billing_line line = dice_line(&dice, &arena);
                writer_restrict(&writer, &line);
                writer_append(&writer, &dice, &line, &value);
                for (size_t count = 1 + dice_below(&dice, 3); count > 0; count--) {
                    value.data[5 + dice_below(&dice, value.size - 5)] = (uint8_t)dice_next(&dice);
                }
            } else {
                for (size_t count = dice_below(&dice, 200); count > 0; count--) {
                    buffer_append_byte(&value, (uint8_t)(dice_hits(&dice, 2) ? dice_below(&dice, 8)
                                                                             : dice_next(&dice)));
                }
            }
            struct billing_line line;
            struct reject reject = {REJECT_NONE, ""};
            if (decode(set, &value, value.size, &arena, &line, &reject)) {
                cr_assert(line_check(&line, &reject), "%s", reject.message);
                cr_assert(decimal_fits(line.billed_amount.units));
                continue;
            }
            refused++;
            cr_assert(reject.code == REJECT_AVRO_MALFORMED || reject.code == REJECT_FIELD_INVALID ||
                      reject.code == REJECT_AMOUNT_OVERFLOW);
            cr_assert(reject.message[0] != 0);
        }
        schema_set_free(set);
        writer_close(&writer);
    }
    cr_assert(refused > 60000, "%zu", refused);
    buffer_release(&value);
    arena_release(&arena);
}
