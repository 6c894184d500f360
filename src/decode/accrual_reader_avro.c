#include "accrued/accrual_reader.h"

#include "accrued/decode.h"
#include "accrued/require.h"
#include "accrued/schema_file.h"

#include <avro.h>
#include <stdlib.h>

struct accrual_reader {
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
};

struct accrual_reader *accrual_reader_open(const char *path, struct fault *fault) {
    struct buffer source;
    buffer_init(&source);
    avro_schema_t schema = NULL;
    bool is_good = schema_file_read(path, &source, fault);
    if (is_good &&
        avro_schema_from_json_length((const char *)source.data, source.size, &schema) != 0) {
        is_good = fault_set(fault, "schema %s: %s", path, avro_strerror());
    }
    buffer_release(&source);
    if (!is_good) {
        return NULL;
    }
    struct accrual_reader *reader = calloc(1, sizeof *reader);
    REQUIRE(reader != NULL);
    reader->schema = schema;
    reader->class = avro_generic_class_from_schema(schema);
    REQUIRE(reader->class != NULL);
    REQUIRE(avro_generic_value_new(reader->class, &reader->value) == 0);
    return reader;
}

void accrual_reader_free(struct accrual_reader *reader) {
    if (reader == NULL) {
        return;
    }
    avro_value_decref(&reader->value);
    avro_value_iface_decref(reader->class);
    avro_schema_decref(reader->schema);
    free(reader);
}

static bool get(const struct accrual_reader *reader, const char *name, avro_value_t *ret_field) {
    return avro_value_get_by_name(&reader->value, name, ret_field, NULL) == 0;
}

/* A null of an optional text is null. */
static bool get_text(const struct accrual_reader *reader, const char *name, struct text *ret_text) {
    avro_value_t field;
    avro_value_t branch;
    const char *data = NULL;
    size_t size = 0;
    if (!get(reader, name, &field)) {
        return false;
    }
    if (avro_value_get_type(&field) == AVRO_UNION) {
        if (avro_value_get_current_branch(&field, &branch) != 0) {
            return false;
        }
        field = branch;
    }
    if (avro_value_get_type(&field) == AVRO_NULL) {
        *ret_text = text_null();
        return true;
    }
    if (avro_value_get_string(&field, &data, &size) != 0) {
        return false;
    }
    *ret_text = (struct text){data, size - 1}; /* Avro C counts the NUL */
    return true;
}

static bool get_symbol(const struct accrual_reader *reader, const char *name,
                       struct text *ret_text) {
    avro_value_t field;
    int number = 0;
    if (!get(reader, name, &field) || avro_value_get_enum(&field, &number) != 0) {
        return false;
    }
    *ret_text = text_of(avro_schema_enum_get(avro_value_get_schema(&field), number));
    return !text_is_null(*ret_text);
}

static bool get_decimal(const struct accrual_reader *reader, const char *name, int128 *ret_units) {
    avro_value_t field;
    const void *data = NULL;
    size_t size = 0;
    return get(reader, name, &field) && avro_value_get_bytes(&field, &data, &size) == 0 &&
           decimal_from_bytes(data, size, ret_units);
}

static bool get_rate(const struct accrual_reader *reader, struct rate *ret_rate) {
    int128 units = 0;
    if (!get_decimal(reader, "rate", &units)) {
        return false;
    }
    ret_rate->units = (int64_t)units;
    return ret_rate->units == units;
}

static bool get_long(const struct accrual_reader *reader, const char *name, int64_t *ret_number) {
    avro_value_t field;
    return get(reader, name, &field) && avro_value_get_long(&field, ret_number) == 0;
}

static bool get_hash(const struct accrual_reader *reader, uint64_t *ret_hash) {
    struct text text;
    if (!get_text(reader, "reference_hash", &text) || text.size != 16) {
        return false;
    }
    *ret_hash = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char digits[] = "0123456789abcdef";
        const char *digit = text.data[i] != '\0' ? strchr(digits, text.data[i]) : NULL;
        if (digit == NULL) {
            return false;
        }
        *ret_hash = *ret_hash << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

static bool get_source(const struct accrual_reader *reader, struct published_accrual *accrual) {
    avro_value_t field;
    return get_text(reader, "source_topic", &accrual->source_topic) &&
           get(reader, "source_partition", &field) &&
           avro_value_get_int(&field, &accrual->source_partition) == 0 &&
           get_long(reader, "source_offset", &accrual->source_offset) &&
           get_long(reader, "accrued_at", &accrual->accrued_at_ms) &&
           get_hash(reader, &accrual->reference_hash);
}

/* What accruals and forgone have both. */
static bool fill_common(const struct accrual_reader *reader, struct published_accrual *accrual) {
    return get_text(reader, "line_id", &accrual->line_id) &&
           get_long(reader, "line_revision", &accrual->line_revision) &&
           get_text(reader, "program_id", &accrual->program_id) &&
           get_text(reader, "partner_mpn_id", &accrual->partner_mpn_id) &&
           get_text(reader, "customer_id", &accrual->customer_id) &&
           get_text(reader, "billing_period", &accrual->billing_period) &&
           get_text(reader, "currency", &accrual->currency) &&
           get_decimal(reader, "measure", &accrual->measure.units) &&
           get_rate(reader, &accrual->rate) &&
           get_decimal(reader, "amount", &accrual->amount.units) && get_source(reader, accrual);
}

static bool fill(const struct accrual_reader *reader, struct published_accrual *accrual) {
    avro_value_t unused;
    accrual->is_forgone = !get(reader, "accrual_id", &unused);
    if (!fill_common(reader, accrual)) {
        return false;
    }
    if (accrual->is_forgone) {
        return get_symbol(reader, "reason_code", &accrual->reason);
    }
    return get_text(reader, "accrual_id", &accrual->accrual_id) &&
           get_text(reader, "product_family", &accrual->product_family) &&
           get_symbol(reader, "pays", &accrual->pays) &&
           get_symbol(reader, "reason", &accrual->reason) &&
           get_text(reader, "rerate_id", &accrual->rerate_id) &&
           get_decimal(reader, "cumulative_amount", &accrual->cumulative.units) &&
           get_long(reader, "sequence", &accrual->sequence);
}

bool accrual_reader_read(struct accrual_reader *reader, struct text value,
                         struct published_accrual *ret_accrual, struct fault *fault) {
    struct schema_ref ref;
    struct text datum;
    struct reject reject;
    if (!frame_parse(value, &ref, &datum, &reject)) {
        return fault_set(fault, "an accrual that is none: %s", reject.message);
    }
    avro_reader_t from = avro_reader_memory(datum.data, (int64_t)datum.size);
    REQUIRE(from != NULL);
    avro_value_reset(&reader->value);
    int error = avro_value_read(from, &reader->value);
    avro_reader_free(from);
    if (error != 0) {
        return fault_set(fault, "an accrual that Avro C cannot read: %s", avro_strerror());
    }
    *ret_accrual = (struct published_accrual){.sequence = 0};
    return fill(reader, ret_accrual) ||
           fault_set(fault, "an accrual that lacks a field of its schema");
}
