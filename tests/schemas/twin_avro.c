/* Three readings of one record, for tests/schemas/twins.py to compare: ours, Avro C's resolved
 * reader, and whether Avro C can read the writer's own record at all, to its end.
 *
 * argv[1]: the reader's schema. Standard input: frames of 4 bytes of size, little-endian, and so
 * many bytes. A case is the writer's schema, the schema to resolve to (may be empty), and records
 * up to an empty frame. A line of JSON each. */
#include "accrued/decode.h"
#include "accrued/json_tree.h"
#include "accrued/line_json.h"
#include "accrued/require.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct twin {
    struct schema_set *set;
    struct arena arena;
    avro_schema_t writer;
    avro_schema_t wanted;
    avro_value_iface_t *plain_class;
    avro_value_t plain;
    avro_value_iface_t *wanted_class; /* NULL: nothing to resolve to */
    avro_value_t target;
    avro_value_iface_t *resolver;
    avro_value_t resolved;
};

static bool read_frame(struct buffer *to) {
    uint8_t head[4];
    buffer_clear(to);
    if (fread(head, 1, sizeof head, stdin) != sizeof head) {
        return false;
    }
    size_t size =
        (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    REQUIRE(fread(buffer_reserve(to, size + 1), 1, size, stdin) == size);
    to->size = size;
    return true;
}

/* Ours takes files. */
static struct schema_set *open_set(const char *reader, const struct buffer *schema) {
    char path[32];
    struct fault fault;
    int file = memfd_create("schema", 0);
    REQUIRE(file >= 0 && write(file, schema->data, schema->size) == (ssize_t)schema->size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct schema_file one = {.id = 1, .path = path};
    struct schema_set *set = schema_set_open(reader, &one, 1, &fault);
    if (set == NULL) {
        (void)fprintf(stderr, "%s\n", fault.text);
        abort();
    }
    (void)close(file);
    return set;
}

static void twin_open(struct twin *twin, const char *reader, const struct buffer *schema,
                      const struct buffer *wanted) {
    *twin = (struct twin){.set = open_set(reader, schema)};
    arena_init(&twin->arena);
    REQUIRE(avro_schema_from_json_length((const char *)schema->data, schema->size, &twin->writer) ==
            0);
    twin->plain_class = avro_generic_class_from_schema(twin->writer);
    REQUIRE(avro_generic_value_new(twin->plain_class, &twin->plain) == 0);
    if (wanted->size == 0) {
        return;
    }
    REQUIRE(avro_schema_from_json_length((const char *)wanted->data, wanted->size, &twin->wanted) ==
            0);
    twin->resolver = avro_resolved_writer_new(twin->writer, twin->wanted);
    if (twin->resolver == NULL) {
        (void)fprintf(stderr, "%s\n%.*s\n", avro_strerror(), (int)schema->size,
                      (const char *)schema->data);
        abort();
    }
    twin->wanted_class = avro_generic_class_from_schema(twin->wanted);
    REQUIRE(avro_generic_value_new(twin->wanted_class, &twin->target) == 0);
    REQUIRE(avro_resolved_writer_new_value(twin->resolver, &twin->resolved) == 0);
    avro_resolved_writer_set_dest(&twin->resolved, &twin->target);
}

static void twin_close(struct twin *twin) {
    if (twin->resolver != NULL) {
        avro_value_decref(&twin->resolved);
        avro_value_iface_decref(twin->resolver);
        avro_value_decref(&twin->target);
        avro_value_iface_decref(twin->wanted_class);
        avro_schema_decref(twin->wanted);
    }
    avro_value_decref(&twin->plain);
    avro_value_iface_decref(twin->plain_class);
    avro_schema_decref(twin->writer);
    schema_set_free(twin->set);
    arena_release(&twin->arena);
}

static void say_ours(struct twin *twin, const struct buffer *datum, struct buffer *to) {
    struct buffer value;
    struct billing_line line;
    struct reject reject = {REJECT_NONE, ""};
    buffer_init(&value);
    arena_clear(&twin->arena);
    frame_append(&value, (struct schema_ref){.framing = FRAMING_CONFLUENT, .id = 1});
    buffer_append(&value, datum->data, datum->size);
    /* Of exactly the size: a byte too far is seen. */
    char *exact = malloc(value.size);
    REQUIRE(exact != NULL);
    memcpy(exact, value.data, value.size);
    if (line_decode(twin->set, (struct text){exact, value.size}, &twin->arena, &line, &reject)) {
        buffer_append_string(to, "{\"line\": ");
        line_append_json(to, &line);
    } else {
        buffer_append_format(to, "{\"code\": \"%s\", \"message\": ", reject_code_name(reject.code));
        json_append_string(to, text_of(reject.message));
    }
    free(exact);
    buffer_release(&value);
}

/* true: all bytes are one record. */
static bool read_all(const struct buffer *datum, avro_value_t *value) {
    avro_reader_t from = avro_reader_memory((const char *)datum->data, (int64_t)datum->size);
    char more = 0;
    bool is_whole = avro_value_read(from, value) == 0 && avro_read(from, &more, 1) != 0;
    avro_reader_free(from);
    return is_whole;
}

/* Avro C's own JSON ends bytes at a NUL. Here bytes and fixed are hex digits, a union is [branch,
 * value]. */
static void say_value(const avro_value_t *value, struct buffer *to) {
    const void *bytes = NULL;
    const char *string = NULL;
    size_t size = 0;
    int number = 0;
    int64_t wide = 0;
    avro_value_t branch;
    switch ((int)avro_value_get_type(value)) {
    case AVRO_INT32:
        REQUIRE(avro_value_get_int(value, &number) == 0);
        buffer_append_format(to, "%d", number);
        return;
    case AVRO_INT64:
        REQUIRE(avro_value_get_long(value, &wide) == 0);
        buffer_append_format(to, "%lld", (long long)wide);
        return;
    case AVRO_BOOLEAN: buffer_append_string(to, "true"); return;
    case AVRO_STRING:
        REQUIRE(avro_value_get_string(value, &string, &size) == 0);
        json_append_string(to, (struct text){string, size - 1});
        return;
    case AVRO_ENUM:
        REQUIRE(avro_value_get_enum(value, &number) == 0);
        /* Avro C lets pass a number that is no symbol's. */
        buffer_append_format(
            to, "\"%s\"",
            number >= 0 && number < avro_schema_enum_number_of_symbols(avro_value_get_schema(value))
                ? avro_schema_enum_get(avro_value_get_schema(value), number)
                : "?");
        return;
    case AVRO_UNION:
        REQUIRE(avro_value_get_discriminant(value, &number) == 0);
        REQUIRE(avro_value_get_current_branch(value, &branch) == 0);
        buffer_append_format(to, "[%d, ", number);
        say_value(&branch, to);
        buffer_append_byte(to, ']');
        return;
    case AVRO_BYTES: REQUIRE(avro_value_get_bytes(value, &bytes, &size) == 0); break;
    case AVRO_FIXED: REQUIRE(avro_value_get_fixed(value, &bytes, &size) == 0); break;

    default: buffer_append_string(to, "null"); return;
    }
    buffer_append_byte(to, '"');
    for (size_t i = 0; i < size; i++) {
        buffer_append_format(to, "%02x", ((const uint8_t *)bytes)[i]);
    }
    buffer_append_byte(to, '"');
}

static void say_record(const avro_value_t *record, struct buffer *to) {
    size_t count = 0;
    REQUIRE(avro_value_get_size(record, &count) == 0);
    for (size_t i = 0; i < count; i++) {
        avro_value_t field;
        const char *name = NULL;
        REQUIRE(avro_value_get_by_index(record, i, &field, &name) == 0);
        buffer_append_format(to, "%s\"%s\": ", i == 0 ? "{" : ", ", name);
        say_value(&field, to);
    }
    buffer_append_byte(to, '}');
}

static void answer(struct twin *twin, const struct buffer *datum) {
    struct buffer to;
    buffer_init(&to);
    say_ours(twin, datum, &to);
    avro_value_reset(&twin->plain);
    bool is_plain = read_all(datum, &twin->plain);
    buffer_append_format(&to, ", \"plain\": %s", is_plain ? "true" : "false");
    buffer_append_string(&to, ", \"resolved\": ");
    if (twin->resolver == NULL || !is_plain) {
        buffer_append_string(&to, "null");
    } else {
        avro_value_reset(&twin->resolved);
        if (read_all(datum, &twin->resolved)) {
            say_record(&twin->target, &to);
        } else {
            buffer_append_string(&to, "false");
        }
    }
    buffer_append_string(&to, "}\n");
    (void)fwrite(to.data, 1, to.size, stdout);
    (void)fflush(stdout);
    buffer_release(&to);
}

int main(int argc, char **argv) {
    struct buffer schema;
    struct buffer wanted;
    struct buffer datum;
    REQUIRE(argc == 2);
    buffer_init(&schema);
    buffer_init(&wanted);
    buffer_init(&datum);
    while (read_frame(&schema) && read_frame(&wanted)) {
        struct twin twin;
        twin_open(&twin, argv[1], &schema, &wanted);
        while (read_frame(&datum) && datum.size > 0) {
            answer(&twin, &datum);
        }
        twin_close(&twin);
    }
    buffer_release(&schema);
    buffer_release(&wanted);
    buffer_release(&datum);
    return 0;
}
