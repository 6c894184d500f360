#include "accrued/encode.h"

#include "accrued/decode.h"
#include "accrued/json_tree.h"
#include "accrued/line_json.h"
#include "writer.h"

#define SCHEMAS ACCRUED_SOURCE_DIR "/schemas/"

/* A schema of the repository, to read back with. */
struct reader {
    struct writer writer;
    avro_value_t record;
};

static void reader_open(struct reader *reader, const char *path) {
    char json[65536];
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    size_t size = fread(json, 1, sizeof json - 1, file);
    json[size] = 0;
    (void)fclose(file);
    writer_of(&reader->writer, json);
    cr_assert_eq(avro_generic_value_new(reader->writer.iface, &reader->record), 0);
}

static void reader_close(struct reader *reader) {
    avro_value_decref(&reader->record);
    writer_close(&reader->writer);
}

/* Reads one datum, which must end where the bytes end. */
static void reader_take(struct reader *reader, const struct buffer *datum) {
    avro_value_reset(&reader->record);
    avro_reader_t memory = avro_reader_memory((const char *)datum->data, (int64_t)datum->size);
    cr_assert_eq(avro_value_read(memory, &reader->record), 0, "%s", avro_strerror());
    char byte;
    cr_assert(avro_read(memory, &byte, 1) != 0, "bytes are left");
    avro_reader_free(memory);
}

/* The field's value, its union resolved; *ret_is_null. */
static avro_value_t field_of(struct reader *reader, const char *name, bool *ret_is_null) {
    avro_value_t value;
    avro_value_t branch;
    cr_assert_eq(avro_value_get_by_name(&reader->record, name, &value, NULL), 0, "%s", name);
    if (avro_value_get_type(&value) != AVRO_UNION) {
        branch = value;
    } else {
        cr_assert_eq(avro_value_get_current_branch(&value, &branch), 0);
    }
    *ret_is_null = avro_value_get_type(&branch) == AVRO_NULL;
    return branch;
}

static void check_text(struct reader *reader, const char *name, struct text wanted) {
    bool is_null;
    avro_value_t value = field_of(reader, name, &is_null);
    cr_assert_eq(is_null, text_is_null(wanted), "%s", name);
    if (is_null) {
        return;
    }
    const char *string = NULL;
    size_t size = 0;
    cr_assert_eq(avro_value_get_string(&value, &string, &size), 0, "%s", name);
    cr_assert(text_equal((struct text){string, size - 1}, wanted), "%s: %.*s", name, (int)size,
              string);
}

static void check_number(struct reader *reader, const char *name, bool has, int64_t wanted) {
    bool is_null;
    avro_value_t value = field_of(reader, name, &is_null);
    cr_assert_eq(is_null, !has, "%s", name);
    int64_t number = 0;
    int32_t small = 0;
    if (has && avro_value_get_type(&value) == AVRO_INT32) {
        cr_assert_eq(avro_value_get_int(&value, &small), 0);
        number = small;
    } else if (has) {
        cr_assert_eq(avro_value_get_long(&value, &number), 0, "%s", name);
    }
    cr_assert(!has || number == wanted, "%s: %lld", name, (long long)number);
}

static void check_decimal(struct reader *reader, const char *name, int128 wanted) {
    bool is_null;
    avro_value_t value = field_of(reader, name, &is_null);
    const void *bytes = NULL;
    size_t size = 0;
    cr_assert_eq(avro_value_get_bytes(&value, &bytes, &size), 0, "%s", name);
    /* Two's complement, big-endian, by the definition. */
    int128 units = 0;
    for (size_t i = 0; i < size; i++) {
        units = units * 256 + ((const uint8_t *)bytes)[i];
    }
    if (size > 0 && (((const uint8_t *)bytes)[0] & 0x80) != 0) {
        int128 modulus = 1;
        for (size_t i = 0; i < size; i++) {
            modulus *= 256;
        }
        units -= modulus;
    }
    cr_assert(size > 0 && size <= 12 && units == wanted, "%s", name);
}

static void check_symbol(struct reader *reader, const char *name, const char *wanted) {
    bool is_null;
    avro_value_t value = field_of(reader, name, &is_null);
    cr_assert_eq(is_null, wanted == NULL, "%s", name);
    int symbol = -1;
    if (wanted != NULL) {
        cr_assert_eq(avro_value_get_enum(&value, &symbol), 0, "%s", name);
        cr_assert_str_eq(avro_schema_enum_get(avro_value_get_schema(&value), symbol), wanted);
    }
}

static void check_month(struct reader *reader, int32_t month) {
    char text[CALENDAR_MONTH_SIZE];
    calendar_format_month(month, text);
    check_text(reader, "billing_period", text_of(text));
}

/* Everything that an event can hold, at random. */
struct world {
    struct dice dice;
    struct arena arena;
    struct billing_line line;
    struct classification classification;
    struct program program;
    struct program_version version;
    struct accelerator accelerators[ACCELERATOR_COUNT_MAX];
    struct link link;
    struct provenance provenance;
    char hash[17];
};

static struct rate dice_rate(struct dice *dice) {
    return (struct rate){(int64_t)dice_below(dice, (size_t)RATE_MAX_UNITS + 1)};
}

static void world_draw(struct world *world) {
    struct dice *dice = &world->dice;
    struct arena *arena = &world->arena;
    arena_clear(arena);
    world->line = dice_line(dice, arena);
    world->classification =
        (struct classification){.family = dice_text(dice, arena, LINE_TEXT_SIZE_MAX),
                                .workload = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX)};
    world->program =
        (struct program){.id = dice_text(dice, arena, 60), .pays = (enum pays)dice_below(dice, 2)};
    world->version =
        (struct program_version){.valid = {(int32_t)dice_below(dice, 30000), DAY_MAX},
                                 .accelerators = world->accelerators,
                                 .accelerator_count = dice_below(dice, ACCELERATOR_COUNT_MAX + 1)};
    for (size_t i = 0; i < ACCELERATOR_COUNT_MAX; i++) {
        world->accelerators[i].id = dice_text(dice, arena, 60);
    }
    world->link = (struct link){.link_id = dice_text(dice, arena, 200),
                                .type = (enum link_type)dice_below(dice, LINK_TYPE_COUNT)};
    world->provenance = (struct provenance){
        .source_topic = dice_text(dice, arena, 200),
        .source_partition = (int32_t)(dice_next(dice) >> 33),
        .source_offset = (int64_t)(dice_next(dice) >> 1),
        .accrued_at_ms = (int64_t)(dice_next(dice) >> 20),
        .rerate_id = dice_optional_text(dice, arena, 300),
        .reference_hash = dice_hits(dice, 3) ? dice_below(dice, 300) : dice_next(dice),
    };
    (void)snprintf(world->hash, sizeof world->hash, "%016llx",
                   (unsigned long long)world->provenance.reference_hash);
}

static struct accrual world_accrual(struct world *world) {
    struct dice *dice = &world->dice;
    bool has_ended = dice_hits(dice, 3);
    uint32_t accelerators = dice_hits(dice, 2) ? 0 : (uint32_t)dice_next(dice);
    if (world->version.accelerator_count < 32) {
        accelerators &= (1U << world->version.accelerator_count) - 1;
    }
    return (struct accrual){
        .line = &world->line,
        .classification = &world->classification,
        .program = &world->program,
        .program_version = (int32_t)dice_below(dice, 30000),
        .partner_mpn_id = dice_text(dice, &world->arena, 100),
        .link = has_ended || dice_hits(dice, 2) ? NULL : &world->link,
        .version = has_ended ? NULL : &world->version,
        .accelerators = has_ended ? 0 : accelerators,
        .sequence = dice_hits(dice, 5) ? UINT32_MAX : (uint32_t)dice_below(dice, 1000),
        .as_of = (int32_t)dice_below(dice, 40000) - 10000,
        .billing_period = (int32_t)dice_below(dice, 120000),
        .currency = {{'A', 'B', (char)('C' + dice_below(dice, 20))}},
        .measure = {dice_units(dice)},
        .rate = dice_rate(dice),
        .amount = {dice_units(dice)},
        .cumulative = {dice_units(dice)},
        .reason = (enum accrual_reason)dice_below(dice, 4),
    };
}

static void check_provenance(struct reader *reader, const struct world *world) {
    check_text(reader, "source_topic", world->provenance.source_topic);
    check_number(reader, "source_partition", true, world->provenance.source_partition);
    check_number(reader, "source_offset", true, world->provenance.source_offset);
    check_number(reader, "event_time", world->line.has_event_time, world->line.event_time_ms);
    check_number(reader, "accrued_at", true, world->provenance.accrued_at_ms);
    check_text(reader, "reference_hash", text_of(world->hash));
}

static void check_accelerators(struct reader *reader, const struct world *world,
                               const struct accrual *accrual) {
    avro_value_t list;
    cr_assert_eq(avro_value_get_by_name(&reader->record, "accelerators", &list, NULL), 0);
    size_t count = 0;
    cr_assert_eq(avro_value_get_size(&list, &count), 0);
    size_t at = 0;
    for (size_t i = 0; i < ACCELERATOR_COUNT_MAX; i++) {
        if ((accrual->accelerators & (1U << i)) == 0) {
            continue;
        }
        avro_value_t item;
        const char *string = NULL;
        size_t size = 0;
        cr_assert(at < count);
        cr_assert_eq(avro_value_get_by_index(&list, at++, &item, NULL), 0);
        cr_assert_eq(avro_value_get_string(&item, &string, &size), 0);
        cr_assert(text_equal((struct text){string, size - 1}, world->accelerators[i].id));
    }
    cr_assert_eq(at, count);
}

Test(encode, accruals_are_read_back_by_avro_c, .timeout = 240) {
    static const char *const reasons[] = {"NEW_LINE", "REVISION", "VOID", "RERATE"};
    static const char *const links[] = {"DPOR", "PAL", "CPOR"};
    struct reader reader;
    reader_open(&reader, SCHEMAS "accrual.avsc");
    struct world world = {.dice = {31}};
    struct buffer datum;
    struct buffer id;
    arena_init(&world.arena);
    buffer_init(&datum);
    buffer_init(&id);
    for (int round = 0; round < 3000; round++) {
        world_draw(&world);
        struct accrual accrual = world_accrual(&world);
        buffer_clear(&datum);
        buffer_clear(&id);
        encode_accrual_avro(&datum, &accrual, &world.provenance);
        accrual_append_id(&id, &accrual);
        reader_take(&reader, &datum);
        size_t field_count = 0;
        cr_assert_eq(avro_value_get_size(&reader.record, &field_count), 0);
        cr_assert_eq(field_count, 30, "a field that nobody checks");
        check_text(&reader, "accrual_id", buffer_text(&id));
        check_number(&reader, "sequence", true, accrual.sequence);
        check_text(&reader, "line_id", world.line.line_id);
        check_number(&reader, "line_revision", true, world.line.revision);
        check_text(&reader, "program_id", world.program.id);
        check_number(&reader, "program_version", true, accrual.program_version);
        check_symbol(&reader, "pays", world.program.pays == PAYS_MONEY ? "money" : "recognition");
        check_text(&reader, "partner_mpn_id", accrual.partner_mpn_id);
        check_text(&reader, "customer_id", world.line.customer_id);
        check_text(&reader, "subscription_id", world.line.subscription_id);
        check_text(&reader, "product_family", world.classification.family);
        check_text(&reader, "workload", world.classification.workload);
        check_symbol(&reader, "link_type", accrual.link != NULL ? links[accrual.link->type] : NULL);
        check_text(&reader, "link_id", accrual.link != NULL ? accrual.link->link_id : text_null());
        check_month(&reader, accrual.billing_period);
        check_number(&reader, "as_of", true, accrual.as_of);
        check_text(&reader, "currency", (struct text){accrual.currency.code, 3});
        check_decimal(&reader, "measure", accrual.measure.units);
        check_decimal(&reader, "rate", accrual.rate.units);
        check_accelerators(&reader, &world, &accrual);
        check_decimal(&reader, "amount", accrual.amount.units);
        check_decimal(&reader, "cumulative_amount", accrual.cumulative.units);
        check_symbol(&reader, "reason", reasons[accrual.reason]);
        check_text(&reader, "rerate_id", world.provenance.rerate_id);
        check_provenance(&reader, &world);
    }
    buffer_release(&id);
    buffer_release(&datum);
    arena_release(&world.arena);
    reader_close(&reader);
}

static struct forgone world_forgone(struct world *world) {
    struct dice *dice = &world->dice;
    return (struct forgone){
        .line = &world->line,
        .program = &world->program,
        .program_version = (int32_t)dice_below(dice, 30000),
        .partner_mpn_id = dice_optional_text(dice, &world->arena, 100),
        .billing_period = (int32_t)dice_below(dice, 120000),
        .currency = {{'A', 'B', (char)('C' + dice_below(dice, 20))}},
        .measure = {dice_units(dice)},
        .rate = dice_rate(dice),
        .amount = {dice_units(dice)},
        .reason = (enum forgone_reason)(1 + dice_below(dice, FORGONE_REASON_COUNT - 1)),
    };
}

static const char *const reason_codes[FORGONE_REASON_COUNT] = {
    NULL,
    "partner_unknown",
    "mpn_inactive",
    "not_indirect_reseller",
    "no_qualifying_competency",
    "bank_profile_missing",
    "tax_profile_missing",
    "no_link",
};

Test(encode, forgone_are_read_back_by_avro_c, .timeout = 240) {
    struct reader reader;
    reader_open(&reader, SCHEMAS "forgone.avsc");
    struct world world = {.dice = {32}};
    struct buffer datum;
    arena_init(&world.arena);
    buffer_init(&datum);
    for (int round = 0; round < 3000; round++) {
        world_draw(&world);
        struct forgone forgone = world_forgone(&world);
        buffer_clear(&datum);
        encode_forgone_avro(&datum, &forgone, &world.provenance);
        reader_take(&reader, &datum);
        size_t field_count = 0;
        cr_assert_eq(avro_value_get_size(&reader.record, &field_count), 0);
        cr_assert_eq(field_count, 18, "a field that nobody checks");
        check_text(&reader, "line_id", world.line.line_id);
        check_number(&reader, "line_revision", true, world.line.revision);
        check_text(&reader, "program_id", world.program.id);
        check_number(&reader, "program_version", true, forgone.program_version);
        check_text(&reader, "partner_mpn_id", forgone.partner_mpn_id);
        check_text(&reader, "customer_id", world.line.customer_id);
        check_month(&reader, forgone.billing_period);
        check_text(&reader, "currency", (struct text){forgone.currency.code, 3});
        check_decimal(&reader, "measure", forgone.measure.units);
        check_decimal(&reader, "rate", forgone.rate.units);
        check_decimal(&reader, "amount", forgone.amount.units);
        check_symbol(&reader, "reason_code", reason_codes[forgone.reason]);
        check_provenance(&reader, &world);
    }
    buffer_release(&datum);
    arena_release(&world.arena);
    reader_close(&reader);
}

/* A text or null member of a JSON object. */
static void check_member(const struct json *object, const char *name, struct text wanted) {
    const struct json *value = json_member(object, name);
    cr_assert(value != NULL, "%s", name);
    cr_assert_eq(value->type, text_is_null(wanted) ? JSON_NULL : JSON_STRING, "%s", name);
    cr_assert(text_is_null(wanted) || text_equal(value->text, wanted), "%s: %.*s", name,
              TEXT_ARGS(value->text));
}

static void check_member_decimal(const struct json *object, const char *name, int128 wanted,
                                 unsigned scale) {
    char text[DECIMAL_TEXT_SIZE];
    (void)decimal_format(wanted, scale, text);
    check_member(object, name, text_of(text));
}

/* The offline form has the members of the schema, but for those that only a broker has. */
static void check_member_names(const struct json *object, const char *path) {
    static const char *const left_out[] = {"source_topic", "source_partition", "source_offset",
                                           "accrued_at", "reference_hash"};
    struct reader reader;
    reader_open(&reader, path);
    size_t count = 0;
    size_t wanted = 1; /* type */
    cr_assert_eq(avro_value_get_size(&reader.record, &count), 0);
    for (size_t i = 0; i < count; i++) {
        avro_value_t value;
        const char *name = NULL;
        cr_assert_eq(avro_value_get_by_index(&reader.record, i, &value, &name), 0);
        bool is_left_out = false;
        for (size_t j = 0; j < sizeof left_out / sizeof left_out[0]; j++) {
            is_left_out = is_left_out || strcmp(name, left_out[j]) == 0;
        }
        cr_assert_eq(json_member(object, name) == NULL, is_left_out, "%s", name);
        wanted += !is_left_out;
    }
    cr_assert_eq(object->count, wanted);
    reader_close(&reader);
}

Test(encode, offline_objects_are_json, .timeout = 240) {
    struct world world = {.dice = {33}};
    struct buffer json;
    struct buffer id;
    struct arena arena;
    arena_init(&world.arena);
    arena_init(&arena);
    buffer_init(&json);
    buffer_init(&id);
    for (int round = 0; round < 3000; round++) {
        world_draw(&world);
        struct accrual accrual = world_accrual(&world);
        struct forgone forgone = world_forgone(&world);
        struct fault fault = {""};
        arena_clear(&arena);
        buffer_clear(&json);
        buffer_clear(&id);
        encode_accrual_json(&json, &accrual, world.provenance.rerate_id);
        accrual_append_id(&id, &accrual);
        cr_assert(memchr(json.data, '\n', json.size) == NULL);
        const struct json *object = json_parse(&arena, buffer_text(&json), &fault);
        cr_assert(object != NULL, "%s", fault.text);
        check_member(object, "type", TEXT("accrual"));
        check_member(object, "accrual_id", buffer_text(&id));
        check_member(object, "partner_mpn_id", accrual.partner_mpn_id);
        check_member(object, "workload", world.classification.workload);
        check_member(object, "link_id", accrual.link != NULL ? accrual.link->link_id : text_null());
        check_member_decimal(object, "measure", accrual.measure.units, MEASURE_SCALE);
        check_member_decimal(object, "rate", accrual.rate.units, RATE_SCALE);
        check_member_decimal(object, "amount", accrual.amount.units, AMOUNT_SCALE);
        check_member_decimal(object, "cumulative_amount", accrual.cumulative.units, AMOUNT_SCALE);
        cr_assert_eq(json_member(object, "accelerators")->count,
                     (size_t)__builtin_popcount(accrual.accelerators));
        if (round == 0) {
            check_member_names(object, SCHEMAS "accrual.avsc");
        }
        buffer_clear(&json);
        encode_forgone_json(&json, &forgone);
        object = json_parse(&arena, buffer_text(&json), &fault);
        cr_assert(object != NULL, "%s", fault.text);
        check_member(object, "type", TEXT("forgone"));
        check_member(object, "partner_mpn_id", forgone.partner_mpn_id);
        check_member(object, "reason_code", text_of(reason_codes[forgone.reason]));
        check_member_decimal(object, "amount", forgone.amount.units, AMOUNT_SCALE);
        if (round == 0) {
            check_member_names(object, SCHEMAS "forgone.avsc");
        }
    }
    buffer_release(&id);
    buffer_release(&json);
    arena_release(&arena);
    arena_release(&world.arena);
}

/* What ingest writes is what the worker reads. */
Test(encode, lines_come_back_through_both_forms, .timeout = 240) {
    struct fault fault = {""};
    struct schema_set *set = schema_set_open(SCHEMAS "billing-line.avsc", NULL, 0, &fault);
    cr_assert(set != NULL, "%s", fault.text);
    struct schema_ref ref = {.framing = FRAMING_SINGLE_OBJECT};
    cr_assert(schema_fingerprint(SCHEMAS "billing-line.avsc", &ref.fingerprint, &fault));
    struct dice dice = {34};
    struct arena arena;
    struct buffer out;
    arena_init(&arena);
    buffer_init(&out);
    for (int round = 0; round < 5000; round++) {
        arena_clear(&arena);
        buffer_clear(&out);
        struct billing_line line = dice_line(&dice, &arena);
        struct billing_line again;
        struct reject reject = {REJECT_NONE, ""};
        frame_append(&out, ref);
        line_append_avro(&out, &line);
        cr_assert(line_decode(set, buffer_text(&out), &arena, &again, &reject), "%s",
                  reject.message);
        cr_assert(dice_lines_equal(&line, &again), "round %d", round);
        buffer_clear(&out);
        line_append_json(&out, &line);
        cr_assert(memchr(out.data, '\n', out.size) == NULL);
        const struct json *object = json_parse(&arena, buffer_text(&out), &fault);
        cr_assert(object != NULL, "%s", fault.text);
        cr_assert(line_from_json(object, &arena, &again, &reject), "%s", reject.message);
        cr_assert(dice_lines_equal(&line, &again), "round %d: %.*s", round, (int)out.size,
                  (const char *)out.data);
    }
    buffer_release(&out);
    arena_release(&arena);
    schema_set_free(set);
}
