#include "record_reader.h"

#include "accrued/decode.h"
#include "accrued/require.h"
#include "accrued/schema_file.h"

#include <avro.h>
#include <stdlib.h>

struct record_reader {
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
};

struct record_reader *record_reader_open(const char *path, struct fault *fault) {
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
    struct record_reader *reader = calloc(1, sizeof *reader);
    REQUIRE(reader != NULL);
    reader->schema = schema;
    reader->class = avro_generic_class_from_schema(schema);
    REQUIRE(reader->class != NULL);
    REQUIRE(avro_generic_value_new(reader->class, &reader->value) == 0);
    return reader;
}

void record_reader_free(struct record_reader *reader) {
    if (reader == NULL) {
        return;
    }
    avro_value_decref(&reader->value);
    avro_value_iface_decref(reader->class);
    avro_schema_decref(reader->schema);
    free(reader);
}

static bool get(const struct record_reader *reader, const char *name, avro_value_t *ret_field) {
    return avro_value_get_by_name(&reader->value, name, ret_field, NULL) == 0;
}

/* A null of an optional text is null. */
bool record_reader_text(const struct record_reader *reader, const char *name,
                        struct text *ret_text) {
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

bool record_reader_symbol(const struct record_reader *reader, const char *name,
                          struct text *ret_text) {
    avro_value_t field;
    int number = 0;
    if (!get(reader, name, &field) || avro_value_get_enum(&field, &number) != 0) {
        return false;
    }
    *ret_text = text_of(avro_schema_enum_get(avro_value_get_schema(&field), number));
    return !text_is_null(*ret_text);
}

bool record_reader_decimal(const struct record_reader *reader, const char *name,
                           int128 *ret_units) {
    avro_value_t field;
    const void *data = NULL;
    size_t size = 0;
    return get(reader, name, &field) && avro_value_get_bytes(&field, &data, &size) == 0 &&
           decimal_from_bytes(data, size, ret_units);
}

bool record_reader_long(const struct record_reader *reader, const char *name, int64_t *ret_number) {
    avro_value_t field;
    return get(reader, name, &field) && avro_value_get_long(&field, ret_number) == 0;
}

bool record_reader_int(const struct record_reader *reader, const char *name, int32_t *ret_number) {
    avro_value_t field;
    return get(reader, name, &field) && avro_value_get_int(&field, ret_number) == 0;
}

bool record_reader_has(const struct record_reader *reader, const char *name) {
    avro_value_t unused;
    return get(reader, name, &unused);
}

bool record_reader_read(struct record_reader *reader, struct text value, struct fault *fault) {
    struct schema_ref ref;
    struct text datum;
    struct reject reject;
    if (!frame_parse(value, &ref, &datum, &reject)) {
        return fault_set(fault, "%s", reject.message);
    }
    avro_reader_t from = avro_reader_memory(datum.data, (int64_t)datum.size);
    REQUIRE(from != NULL);
    avro_value_reset(&reader->value);
    int error = avro_value_read(from, &reader->value);
    avro_reader_free(from);
    return error == 0 || fault_set(fault, "Avro C cannot read it: %s", avro_strerror());
}
