/* What a person is shown of a record agrees with what the lane made of it. */
#include "accrued/record_view.h"

#include "accrued/line_json.h"
#include "dice.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define READER_PATH ACCRUED_SOURCE_DIR "/schemas/billing-line.avsc"
#define ROUNDS 200000

static struct billing_line some_line(void) {
    return (struct billing_line){
        .line_id = TEXT("line"),
        .customer_id = TEXT("customer"),
        .product_name = TEXT("name"),
        .charge_type = TEXT("new"),
        .billing_period = 2020 * 12,
        .charge_start_date = 18300,
        .charge_end_date = 18330,
        .currency = {{'E', 'U', 'R'}},
        .billed_amount = {1500000},
        .has_quantity = true,
        .quantity = {20000000000},
        .has_event_time = true,
        .event_time_ms = 1580000000000,
    };
}

static struct schema_set *open_set(void) {
    struct schema_file file = {.id = 1, .path = READER_PATH};
    struct fault fault = {""};
    struct schema_set *set = schema_set_open(READER_PATH, &file, 1, &fault);
    cr_assert(set != NULL, "%s", fault.text);
    return set;
}

struct seen {
    size_t count;
    size_t end;
    size_t unreadable;
    struct buffer words;
};

static void see(void *context, const struct view_field *field) {
    struct seen *seen = context;
    if (seen->count++ > 0) {
        cr_assert_eq(field->begin, seen->end);
    }
    cr_assert(field->end >= field->begin);
    seen->end = field->end;
    seen->unreadable += text_is_null(field->words);
    buffer_append_text(&seen->words, field->name);
    buffer_append_byte(&seen->words, '=');
    buffer_append_text(&seen->words, field->words);
    buffer_append_byte(&seen->words, '\n');
}

static void frame_line(struct buffer *to) {
    struct billing_line line = some_line();
    frame_append(to, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
    line_append_avro(to, &line);
}

Test(record_view, a_whole_record) {
    struct schema_set *set = open_set();
    struct buffer value;
    struct seen seen = {.count = 0};
    buffer_init(&value);
    buffer_init(&seen.words);
    frame_line(&value);
    struct view view = record_view(set, text_null(), buffer_text(&value), false, see, &seen);
    cr_assert_eq(view.end, VIEW_WHOLE);
    cr_assert_eq(view.at, value.size);
    cr_assert_eq(view.datum_begin, 5);
    buffer_append_byte(&seen.words, 0);
    const char *words = (const char *)seen.words.data;
    cr_assert(strstr(words, "line_id=\"line\"\n") != NULL, "%s", words);
    cr_assert(strstr(words, "status=\"ACTIVE\"\n") != NULL, "%s", words);
    cr_assert(strstr(words, "charge_start_date=\"2020-02-08\"\n") != NULL, "%s", words);
    cr_assert(strstr(words, "billed_amount=\"0.00015\"\n") != NULL, "%s", words);
    cr_assert(strstr(words, "consumed_amount=null\n") != NULL, "%s", words);
    cr_assert(strstr(words, "event_time=\"2020-01-26T00:53:20.000Z\"\n") != NULL, "%s", words);
    buffer_release(&seen.words);
    buffer_release(&value);
    schema_set_free(set);
}

/* The byte at which the decoder gave up, of the datum. */
static size_t byte_of(const char *message, size_t size) {
    size_t byte = size;
    (void)sscanf(message, "byte %zu of", &byte);
    return byte;
}

Test(record_view, breaks_where_the_decoder_breaks) {
    struct schema_set *set = open_set();
    struct buffer good;
    struct buffer value;
    struct seen seen = {.count = 0};
    struct arena arena;
    struct dice dice = {7};
    size_t broken = 0;
    buffer_init(&good);
    buffer_init(&value);
    buffer_init(&seen.words);
    arena_init(&arena);
    frame_line(&good);
    for (int round = 0; round < ROUNDS; round++) {
        buffer_clear(&value);
        buffer_append(&value, good.data, good.size - dice_below(&dice, 2) * dice_below(&dice, 40));
        for (uint64_t i = dice_below(&dice, 4); i > 0; i--) {
            value.data[5 + dice_below(&dice, value.size - 5)] = (uint8_t)dice_below(&dice, 256);
        }
        struct billing_line line;
        struct reject reject = {REJECT_NONE, ""};
        bool decodes = line_decode(set, buffer_text(&value), &arena, &line, &reject);
        seen.count = 0;
        seen.unreadable = 0;
        buffer_clear(&seen.words);
        struct view view = record_view(set, text_null(), buffer_text(&value), false, see, &seen);
        bool is_malformed = !decodes && reject.code == REJECT_AVRO_MALFORMED;
        cr_assert_eq(is_malformed, view.end != VIEW_WHOLE, "round %d: %s, %s", round,
                     reject.message, view_end_name(view.end));
        cr_assert_eq(seen.unreadable, view.end == VIEW_BROKEN);
        if (view.end == VIEW_BROKEN) {
            cr_assert_eq(view.at - 5, byte_of(reject.message, value.size - 5), "round %d: %zu, %s",
                         round, view.at - 5, reject.message);
            broken++;
        }
        arena_clear(&arena);
    }
    cr_assert(broken > ROUNDS / 20 && broken < ROUNDS - ROUNDS / 20, "%zu broken", broken);
    arena_release(&arena);
    buffer_release(&seen.words);
    buffer_release(&value);
    buffer_release(&good);
    schema_set_free(set);
}
