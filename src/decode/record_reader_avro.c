#include "record_reader.h"

#include "avro_turn.h"

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
    if (!schema_file_read(path, &source, fault)) {
        buffer_release(&source);
        return NULL;
    }
    struct record_reader *reader = calloc(1, sizeof *reader);
    REQUIRE(reader != NULL);
    avro_turn_take();
    if (avro_schema_from_json_length((const char *)source.data, source.size, &reader->schema) ==
        0) {
        reader->class = avro_generic_class_from_schema(reader->schema);
        REQUIRE(reader->class != NULL);
        REQUIRE(avro_generic_value_new(reader->class, &reader->value) == 0);
    } else {
        fault_set(fault, "schema %s: %s", path, avro_strerror());
        free(reader);
        reader = NULL;
    }
    avro_turn_end();
    buffer_release(&source);
    return reader;
}

void record_reader_free(struct record_reader *reader) {
    if (reader == NULL) {
        return;
    }
    avro_turn_take();
    avro_value_decref(&reader->value);
    avro_value_iface_decref(reader->class);
    avro_schema_decref(reader->schema);
    avro_turn_end();
    free(reader);
}

static bool get(const struct record_reader *reader, const char *name, avro_value_t *ret_field) {
    return avro_value_get_by_name(&reader->value, name, ret_field, NULL) == 0;
}

/* In a turn, as all that follow. A null of an optional text is null. */
static bool get_text(const struct record_reader *reader, const char *name, struct text *ret_text) {
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

static bool get_symbol(const struct record_reader *reader, const char *name,
                       struct text *ret_text) {
    avro_value_t field;
    int number = 0;
    if (!get(reader, name, &field) || avro_value_get_enum(&field, &number) != 0) {
        return false;
    }
    *ret_text = text_of(avro_schema_enum_get(avro_value_get_schema(&field), number));
    return !text_is_null(*ret_text);
}

static bool get_decimal(const struct record_reader *reader, const char *name, int128 *ret_units) {
    avro_value_t field;
    const void *data = NULL;
    size_t size = 0;
    return get(reader, name, &field) && avro_value_get_bytes(&field, &data, &size) == 0 &&
           decimal_from_bytes(data, size, ret_units);
}

bool record_reader_text(const struct record_reader *reader, const char *name,
                        struct text *ret_text) {
    avro_turn_take();
    bool is_there = get_text(reader, name, ret_text);
    avro_turn_end();
    return is_there;
}

bool record_reader_symbol(const struct record_reader *reader, const char *name,
                          struct text *ret_text) {
    avro_turn_take();
    bool is_there = get_symbol(reader, name, ret_text);
    avro_turn_end();
    return is_there;
}

bool record_reader_decimal(const struct record_reader *reader, const char *name,
                           int128 *ret_units) {
    avro_turn_take();
    bool is_there = get_decimal(reader, name, ret_units);
    avro_turn_end();
    return is_there;
}

bool record_reader_long(const struct record_reader *reader, const char *name, int64_t *ret_number) {
    avro_value_t field;
    avro_turn_take();
    bool is_there = get(reader, name, &field) && avro_value_get_long(&field, ret_number) == 0;
    avro_turn_end();
    return is_there;
}

bool record_reader_int(const struct record_reader *reader, const char *name, int32_t *ret_number) {
    avro_value_t field;
    avro_turn_take();
    bool is_there = get(reader, name, &field) && avro_value_get_int(&field, ret_number) == 0;
    avro_turn_end();
    return is_there;
}

bool record_reader_has(const struct record_reader *reader, const char *name) {
    avro_value_t unused;
    avro_turn_take();
    bool is_there = get(reader, name, &unused);
    avro_turn_end();
    return is_there;
}

bool record_reader_read(struct record_reader *reader, struct text value, struct fault *fault) {
    struct schema_ref ref;
    struct text datum;
    struct reject reject;
    if (!frame_parse(value, &ref, &datum, &reject)) {
        return fault_set(fault, "%s", reject.message);
    }
    avro_turn_take();
    avro_reader_t from = avro_reader_memory(datum.data, (int64_t)datum.size);
    REQUIRE(from != NULL);
    avro_value_reset(&reader->value);
    bool is_read = avro_value_read(from, &reader->value) == 0;
    if (!is_read) {
        fault_set(fault, "Avro C cannot read it: %s", avro_strerror());
    }
    avro_reader_free(from);
    avro_turn_end();
    return is_read;
}
