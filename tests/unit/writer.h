/* writer.h: random writer schemas of billing lines, and records written with them by Avro C. */
#ifndef ACCRUED_TESTS_WRITER_H
#define ACCRUED_TESTS_WRITER_H

#include "accrued/buffer.h"
#include "dice.h"

#include <avro.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum written_kind {
    WRITTEN_TEXT,
    WRITTEN_MONTH,
    WRITTEN_CURRENCY,
    WRITTEN_REVISION,
    WRITTEN_STATUS,
    WRITTEN_DAY,
    WRITTEN_MEASURE,
    WRITTEN_TIME,
};

struct written_field {
    const char *name;
    enum written_kind kind;
    bool is_nullable;
    bool has_default;
    size_t offset;
};

#define WRITTEN(name, kind, nullable, has_default)                                                 \
    { #name, kind, nullable, has_default, offsetof(struct billing_line, name) }
#define WRITTEN_FIELD_COUNT 22
static const struct written_field written_fields[WRITTEN_FIELD_COUNT] = {
    WRITTEN(line_id, WRITTEN_TEXT, false, false),
    WRITTEN(revision, WRITTEN_REVISION, false, true),
    {"status", WRITTEN_STATUS, false, true, offsetof(struct billing_line, is_void)},
    WRITTEN(invoice_id, WRITTEN_TEXT, true, true),
    WRITTEN(billing_period, WRITTEN_MONTH, false, false),
    WRITTEN(customer_id, WRITTEN_TEXT, false, false),
    WRITTEN(subscription_id, WRITTEN_TEXT, true, true),
    WRITTEN(reseller_mpn_id, WRITTEN_TEXT, true, true),
    WRITTEN(product_id, WRITTEN_TEXT, true, true),
    WRITTEN(sku_id, WRITTEN_TEXT, true, true),
    WRITTEN(product_name, WRITTEN_TEXT, true, true),
    WRITTEN(meter_category, WRITTEN_TEXT, true, true),
    WRITTEN(product_family, WRITTEN_TEXT, true, true),
    WRITTEN(workload, WRITTEN_TEXT, true, true),
    WRITTEN(charge_type, WRITTEN_TEXT, false, false),
    WRITTEN(charge_start_date, WRITTEN_DAY, false, false),
    WRITTEN(charge_end_date, WRITTEN_DAY, false, false),
    WRITTEN(currency, WRITTEN_CURRENCY, false, false),
    WRITTEN(billed_amount, WRITTEN_MEASURE, false, false),
    WRITTEN(consumed_amount, WRITTEN_MEASURE, true, true),
    WRITTEN(quantity, WRITTEN_MEASURE, true, true),
    {"event_time", WRITTEN_TIME, true, true, offsetof(struct billing_line, event_time_ms)},
};

struct writer {
    struct buffer json;
    bool has[WRITTEN_FIELD_COUNT];
    bool allows_null[WRITTEN_FIELD_COUNT];
    unsigned scales[WRITTEN_FIELD_COUNT]; /* of measures */
    bool revision_is_int;
    bool time_is_micros;
    unsigned name_count;
    char path[64]; /* of the .avsc */
    avro_schema_t schema;
    avro_value_iface_t *iface;
};

static inline bool *writer_flag(struct billing_line *line, size_t field) {
    const char *name = written_fields[field].name;
    return strcmp(name, "consumed_amount") == 0 ? &line->has_consumed_amount
           : strcmp(name, "quantity") == 0      ? &line->has_quantity
           : strcmp(name, "event_time") == 0    ? &line->has_event_time
                                                : NULL;
}

/* A type for the field, one of those that may become it. */
static inline void writer_append_type(struct writer *writer, struct dice *dice, size_t field) {
    struct buffer *to = &writer->json;
    unsigned scale = (unsigned)dice_below(dice, MEASURE_SCALE + 1);
    switch (written_fields[field].kind) {
    case WRITTEN_TEXT:
    case WRITTEN_MONTH:
    case WRITTEN_CURRENCY: {
        static const char *const types[] = {"\"string\"", "\"bytes\"",
                                            "{\"type\":\"string\",\"avro.java.string\":\"String\"}",
                                            "{\"type\":\"string\",\"logicalType\":\"uuid\"}"};
        buffer_append_string(to, types[dice_below(dice, 4)]);
        return;
    }
    case WRITTEN_REVISION:
        writer->revision_is_int = dice_hits(dice, 2);
        buffer_append_string(to, writer->revision_is_int ? "\"int\"" : "\"long\"");
        return;
    case WRITTEN_STATUS:
        buffer_append_format(
            to, "{\"type\":\"enum\",\"name\":\"E%u\",\"symbols\":%s}", writer->name_count++,
            dice_hits(dice, 2) ? "[\"VOID\",\"ACTIVE\"]" : "[\"OTHER\",\"ACTIVE\",\"x\",\"VOID\"]");
        return;
    case WRITTEN_DAY:
        buffer_append_string(to, dice_hits(dice, 2) ? "{\"type\":\"int\",\"logicalType\":\"date\"}"
                                                    : "\"int\"");
        return;
    case WRITTEN_MEASURE:
        writer->scales[field] = scale;
        if (dice_hits(dice, 2)) {
            buffer_append_format(to,
                                 "{\"type\":\"bytes\",\"logicalType\":\"decimal\","
                                 "\"precision\":28,\"scale\":%u}",
                                 scale);
        } else {
            buffer_append_format(to,
                                 "{\"type\":\"fixed\",\"name\":\"F%u\",\"size\":%zu,"
                                 "\"logicalType\":\"decimal\",\"precision\":28,\"scale\":%u}",
                                 writer->name_count++, 12 + dice_below(dice, 20), scale);
        }
        return;
    case WRITTEN_TIME:
        writer->time_is_micros = dice_hits(dice, 2);
        buffer_append_string(
            to, writer->time_is_micros ? "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}"
                : dice_hits(dice, 2)   ? "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"
                                       : "\"long\"");
        return;
    }
}

/* A field that BillingLine does not have. */
static inline void writer_append_extra(struct writer *writer, struct dice *dice) {
    unsigned n = writer->name_count;
    writer->name_count += 3;
    struct buffer *to = &writer->json;
    buffer_append_format(to, "{\"name\":\"extra%u\",\"type\":", n);
    switch (dice_below(dice, 9)) {
    case 0: buffer_append_string(to, "\"double\""); break;
    case 1: buffer_append_string(to, "{\"type\":\"array\",\"items\":[\"null\",\"float\"]}"); break;
    case 2: buffer_append_string(to, "{\"type\":\"map\",\"values\":\"bytes\"}"); break;
    case 3: buffer_append_string(to, "[\"boolean\",\"null\",\"long\"]"); break;
    case 4:
        buffer_append_format(to, "{\"type\":\"fixed\",\"name\":\"F%u\",\"size\":%zu}", n,
                             1 + dice_below(dice, 30));
        break;
    case 5:
        buffer_append_format(to, "{\"type\":\"enum\",\"name\":\"E%u\",\"symbols\":[\"a\",\"b\"]}",
                             n);
        break;
    case 6: /* names of our fields inside are not ours */
        buffer_append_format(
            to,
            "{\"type\":\"record\",\"name\":\"R%u\",\"fields\":[{\"name\":\"line_id\",\"type\":"
            "\"int\"},{\"name\":\"billed_amount\",\"type\":{\"type\":\"array\",\"items\":"
            "\"string\"}}]}",
            n);
        break;
    case 7:
        buffer_append_format(to,
                             "{\"type\":\"record\",\"name\":\"L%u\",\"namespace\":\"other.space\","
                             "\"fields\":[{\"name\":\"v\",\"type\":\"long\"},{\"name\":\"next\","
                             "\"type\":[\"null\",\"L%u\"]}]}",
                             n, n);
        break;
    default: buffer_append_string(to, "\"null\""); break;
    }
    buffer_append_string(to, "}");
}

static inline void writer_append_field(struct writer *writer, struct dice *dice, size_t field) {
    struct buffer *to = &writer->json;
    buffer_append_format(to, "{\"name\":\"%s\",\"type\":", written_fields[field].name);
    size_t form = written_fields[field].is_nullable ? 1 + dice_below(dice, 2) : dice_below(dice, 3);
    writer->allows_null[field] = form > 0;
    buffer_append_string(to, form == 1 ? "[\"null\"," : form == 2 ? "[" : "");
    writer_append_type(writer, dice, field);
    buffer_append_string(to, form == 1 ? "]" : form == 2 ? ",\"null\"]" : "");
    buffer_append_string(to, dice_hits(dice, 3) ? ",\"doc\":\"a field\"}" : "}");
}

/* Fields in any order, those with a default perhaps missing, others between them. */
static inline void writer_draw(struct writer *writer, struct dice *dice) {
    *writer = (struct writer){.name_count = 0};
    buffer_init(&writer->json);
    size_t order[WRITTEN_FIELD_COUNT];
    for (size_t i = 0; i < WRITTEN_FIELD_COUNT; i++) {
        size_t at = dice_below(dice, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    buffer_append_string(&writer->json, "{\"type\":\"record\",\"name\":\"Theirs\","
                                        "\"namespace\":\"their.feed\",\"fields\":[");
    const char *comma = "";
    for (size_t i = 0; i < WRITTEN_FIELD_COUNT; i++) {
        if (dice_hits(dice, 6)) {
            buffer_append_string(&writer->json, comma);
            writer_append_extra(writer, dice);
            comma = ",";
        }
        if (written_fields[order[i]].has_default && dice_hits(dice, 4)) {
            continue;
        }
        writer->has[order[i]] = true;
        buffer_append_string(&writer->json, comma);
        writer_append_field(writer, dice, order[i]);
        comma = ",";
    }
    buffer_append_string(&writer->json, "]}");
}

/* Puts a schema's text into a file and parses it. */
static inline void writer_open(struct writer *writer) {
    (void)snprintf(writer->path, sizeof writer->path, "%s/accrued-writer-XXXXXX", P_tmpdir);
    int file = mkstemp(writer->path);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, writer->json.data, writer->json.size), (ssize_t)writer->json.size);
    cr_assert_eq(close(file), 0);
    cr_assert_eq(avro_schema_from_json_length((const char *)writer->json.data, writer->json.size,
                                              &writer->schema),
                 0, "%s: %.*s", avro_strerror(), (int)writer->json.size,
                 (const char *)writer->json.data);
    writer->iface = avro_generic_class_from_schema(writer->schema);
    cr_assert(writer->iface != NULL);
}

static inline void writer_of(struct writer *writer, const char *json) {
    *writer = (struct writer){.name_count = 0};
    buffer_init(&writer->json);
    buffer_append_string(&writer->json, json);
    writer_open(writer);
}

static inline void writer_close(struct writer *writer) {
    avro_value_iface_decref(writer->iface);
    avro_schema_decref(writer->schema);
    buffer_release(&writer->json);
    cr_assert_eq(unlink(writer->path), 0);
}

/* What of a line can come back through this schema. */
static inline void writer_restrict(const struct writer *writer, struct billing_line *line) {
    for (size_t i = 0; i < WRITTEN_FIELD_COUNT; i++) {
        char *place = (char *)line + written_fields[i].offset;
        bool *flag = writer_flag(line, i);
        if (!writer->has[i]) {
            if (flag != NULL) {
                *flag = false;
            } else if (written_fields[i].kind == WRITTEN_TEXT) {
                *(struct text *)place = text_null();
            }
        } else if (written_fields[i].kind == WRITTEN_MEASURE) {
            struct measure *measure = (struct measure *)place;
            measure->units -=
                measure->units % decimal_power_of_ten(MEASURE_SCALE - writer->scales[i]);
        }
    }
    line->is_void = line->is_void && writer->has[2];
    line->revision = !writer->has[1]           ? 0
                     : writer->revision_is_int ? line->revision % INT32_MAX
                                               : line->revision;
}

/* Any value of any type. */
static inline void writer_fill(struct dice *dice, avro_value_t *value, int depth) {
    avro_value_t child;
    size_t count = 0;
    uint8_t bytes[64] = {1, 2, 3};
    switch (avro_value_get_type(value)) {
    case AVRO_BOOLEAN: avro_value_set_boolean(value, dice_hits(dice, 2)); return;
    case AVRO_INT32: avro_value_set_int(value, (int32_t)dice_next(dice)); return;
    case AVRO_INT64: avro_value_set_long(value, (int64_t)dice_next(dice)); return;
    case AVRO_FLOAT: avro_value_set_float(value, 1.5F); return;
    case AVRO_DOUBLE: avro_value_set_double(value, -0.25); return;
    case AVRO_BYTES: avro_value_set_bytes(value, bytes, dice_below(dice, 60)); return;
    case AVRO_STRING: avro_value_set_string(value, "extra"); return;
    case AVRO_NULL: avro_value_set_null(value); return;
    case AVRO_ENUM: avro_value_set_enum(value, (int)dice_below(dice, 2)); return;
    case AVRO_FIXED: {
        avro_schema_t schema = avro_value_get_schema(value);
        avro_value_set_fixed(value, bytes, (size_t)avro_schema_fixed_size(schema));
        return;
    }
    case AVRO_ARRAY:
        for (count = dice_below(dice, 4); count > 0; count--) {
            avro_value_append(value, &child, NULL);
            writer_fill(dice, &child, depth + 1);
        }
        return;
    case AVRO_MAP:
        for (count = dice_below(dice, 4); count > 0; count--) {
            char key[2] = {(char)('a' + count), 0};
            avro_value_add(value, key, &child, NULL, NULL);
            writer_fill(dice, &child, depth + 1);
        }
        return;
    case AVRO_UNION: {
        avro_schema_t schema = avro_value_get_schema(value);
        size_t branch = depth > 10 ? 0 : dice_below(dice, avro_schema_union_size(schema));
        avro_value_set_branch(value, (int)branch, &child);
        writer_fill(dice, &child, depth + 1);
        return;
    }
    case AVRO_RECORD:
        avro_value_get_size(value, &count);
        for (size_t i = 0; i < count; i++) {
            avro_value_get_by_index(value, i, &child, NULL);
            writer_fill(dice, &child, depth + 1);
        }
        return;
    case AVRO_LINK: break;
    }
    cr_assert_fail("a type that Avro C does not have");
}

/* The branch of a union for a value or for null. */
static inline avro_value_t writer_branch(avro_value_t *value, bool is_null) {
    if (avro_value_get_type(value) != AVRO_UNION) {
        return *value;
    }
    avro_schema_t schema = avro_value_get_schema(value);
    for (size_t i = 0; i < avro_schema_union_size(schema); i++) {
        if (is_avro_null(avro_schema_union_branch(schema, (int)i)) == is_null) {
            avro_value_t branch;
            cr_assert_eq(avro_value_set_branch(value, (int)i, &branch), 0);
            return branch;
        }
    }
    cr_assert_fail("no such branch");
    return *value;
}

static inline void writer_set_text(avro_value_t *value, struct text text) {
    char copy[LINE_TEXT_SIZE_MAX * 2 + 1] = {0};
    cr_assert(text.size < sizeof copy);
    memcpy(copy, text.data, text.size);
    int failed = avro_value_get_type(value) == AVRO_STRING
                     ? avro_value_set_string_len(value, copy, text.size + 1)
                     : avro_value_set_bytes(value, copy, text.size);
    cr_assert_eq(failed, 0);
}

static inline void writer_set_decimal(avro_value_t *value, int128 units) {
    uint8_t bytes[DECIMAL_BYTES_MAX];
    size_t size = decimal_to_bytes(units, bytes);
    if (avro_value_get_type(value) == AVRO_BYTES) {
        cr_assert_eq(avro_value_set_bytes(value, bytes, size), 0);
        return;
    }
    uint8_t fixed[64];
    size_t fixed_size = (size_t)avro_schema_fixed_size(avro_value_get_schema(value));
    cr_assert(fixed_size >= size && fixed_size <= sizeof fixed);
    memset(fixed, units < 0 ? 0xFF : 0, sizeof fixed);
    memcpy(fixed + fixed_size - size, bytes, size);
    cr_assert_eq(avro_value_set_fixed(value, fixed, fixed_size), 0);
}

static inline void writer_set_field(const struct writer *writer, struct dice *dice, size_t field,
                                    const struct billing_line *line, avro_value_t *value) {
    const char *place = (const char *)line + written_fields[field].offset;
    const bool *flag = writer_flag((struct billing_line *)line, field);
    enum written_kind kind = written_fields[field].kind;
    bool is_null = flag != NULL           ? !*flag
                   : kind == WRITTEN_TEXT ? text_is_null(*(const struct text *)place)
                                          : false;
    avro_value_t target = writer_branch(value, is_null);
    if (is_null) {
        avro_value_set_null(&target);
        return;
    }
    char month[CALENDAR_MONTH_SIZE];
    int64_t micros = 0;
    switch (kind) {
    case WRITTEN_TEXT: writer_set_text(&target, *(const struct text *)place); return;
    case WRITTEN_MONTH:
        calendar_format_month(line->billing_period, month);
        writer_set_text(&target, text_of(month));
        return;
    case WRITTEN_CURRENCY: writer_set_text(&target, (struct text){line->currency.code, 3}); return;
    case WRITTEN_REVISION:
        if (avro_value_get_type(&target) == AVRO_INT32) {
            avro_value_set_int(&target, (int32_t)line->revision);
        } else {
            avro_value_set_long(&target, line->revision);
        }
        return;
    case WRITTEN_STATUS: {
        avro_schema_t schema = avro_value_get_schema(&target);
        avro_value_set_enum(
            &target, avro_schema_enum_get_by_name(schema, line->is_void ? "VOID" : "ACTIVE"));
        return;
    }
    case WRITTEN_DAY: avro_value_set_int(&target, *(const int32_t *)place); return;
    case WRITTEN_MEASURE:
        writer_set_decimal(&target,
                           ((const struct measure *)place)->units /
                               decimal_power_of_ten(MEASURE_SCALE - writer->scales[field]));
        return;
    case WRITTEN_TIME:
        micros = line->event_time_ms * 1000 + (int64_t)dice_below(dice, 1000);
        avro_value_set_long(&target, writer->time_is_micros ? micros : line->event_time_ms);
        return;
    }
}

/* Appends the datum of a line that this schema can hold. */
static inline void writer_append(const struct writer *writer, struct dice *dice,
                                 const struct billing_line *line, struct buffer *to) {
    avro_value_t record;
    cr_assert_eq(avro_generic_value_new(writer->iface, &record), 0);
    writer_fill(dice, &record, 0);
    for (size_t i = 0; i < WRITTEN_FIELD_COUNT; i++) {
        avro_value_t value;
        if (avro_value_get_by_name(&record, written_fields[i].name, &value, NULL) == 0) {
            writer_set_field(writer, dice, i, line, &value);
        }
    }
    size_t size = 0;
    cr_assert_eq(avro_value_sizeof(&record, &size), 0);
    char *place = (char *)buffer_reserve(to, size + 1);
    avro_writer_t memory = avro_writer_memory(place, (int64_t)size + 1);
    cr_assert_eq(avro_value_write(memory, &record), 0, "%s", avro_strerror());
    cr_assert_eq(avro_writer_tell(memory), (int64_t)size);
    to->size += size;
    avro_writer_free(memory);
    avro_value_decref(&record);
}

#endif
