/* Writer schemas, from local files and from a registry. Avro C decides whether a text is a schema.
 */
#include "accrued/decode.h"

#include "avro_turn.h"
#include "compile.h"

#include "accrued/registry.h"
#include "accrued/require.h"
#include "accrued/schema_file.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>

#define COMMAND_PATIENCE_MS 10000

struct writer {
    bool is_remote; /* of the registry, which calls it: */
    struct schema_ref name;
    uint32_t id; /* of a local file */
    uint64_t fingerprint;
    uint64_t reading;
    bool has_twin; /* another with this fingerprint reads otherwise: only its id names it */
    const struct plan_node *shape; /* for people; NULL: not even a record */
    const struct plan_node *plan;  /* NULL: it cannot become a BillingLine */
    struct text why_not;
};

struct schema_set {
    struct arena arena;           /* plans */
    struct field_aliases aliases; /* of the reader's schema, which is the first writer's too */
    struct writer *writers;
    size_t count;
    size_t capacity;
    size_t last;               /* where the last record's schema was found */
    struct registry *registry; /* may be NULL */
};

static bool avro_accepts(struct text source, struct fault *fault) {
    avro_schema_t schema = NULL;
    avro_turn_take();
    bool is_schema = avro_schema_from_json_length(source.data, source.size, &schema) == 0;
    if (is_schema) {
        avro_schema_decref(schema);
    } else {
        fault_set(fault, "%s", avro_strerror());
    }
    avro_turn_end();
    return is_schema;
}

/* A text that Avro C accepts as a tree, which lives as long as text and arena. Our own parser comes
 * first: it bounds how deep things may be nested. */
static const struct json *parse_schema(struct text source, struct arena *arena,
                                       struct fault *fault) {
    const struct json *tree = json_parse(arena, source, fault);
    return tree != NULL && avro_accepts(source, fault) ? tree : NULL;
}

static const struct json *read_schema(const char *path, struct buffer *source, struct arena *arena,
                                      struct fault *fault) {
    if (!schema_file_read(path, source, fault)) {
        return NULL;
    }
    const struct json *tree = parse_schema(buffer_text(source), arena, fault);
    if (tree == NULL) {
        fault_prefix(fault, "schema %s: ", path);
    }
    return tree;
}

static struct writer *new_writer(struct schema_set *set) {
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 8 : set->capacity * 2;
        set->writers = realloc(set->writers, set->capacity * sizeof *set->writers);
        REQUIRE(set->writers != NULL);
    }
    struct writer *writer = &set->writers[set->count++];
    *writer = (struct writer){.id = 0};
    return writer;
}

static void compile_writer(struct schema_set *set, struct writer *writer, const struct json *tree) {
    struct fault why = {""};
    writer->shape = plan_shape(&set->arena, tree, &why);
    writer->plan =
        writer->shape == NULL ? NULL : plan_bind(&set->arena, writer->shape, set->aliases, &why);
    if (writer->plan == NULL) {
        /* Not a mistake: the ids of our outputs are listed beside those of the input. */
        writer->why_not = arena_copy(&set->arena, text_of(why.text));
    }
}

static bool add_writer(struct schema_set *set, uint32_t id, const char *path, struct fault *fault) {
    struct buffer source;
    struct arena scratch;
    buffer_init(&source);
    arena_init(&scratch);
    const struct json *tree = read_schema(path, &source, &scratch, fault);
    if (tree != NULL) {
        if (set->count == 0) {
            set->aliases = aliases_of(&set->arena, tree);
        }
        struct writer *writer = new_writer(set);
        writer->id = id;
        writer->fingerprint = canonical_fingerprint(tree);
        writer->reading = canonical_reading(tree);
        compile_writer(set, writer, tree);
    }
    arena_release(&scratch);
    buffer_release(&source);
    return tree != NULL;
}

/* A fingerprint says nothing of a decimal's scale. Taking one of several for the other would be
 * another amount of money, without any sign of it. */
static void find_twins(struct schema_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        for (size_t j = 0; j < set->count; j++) {
            set->writers[i].has_twin =
                set->writers[i].has_twin ||
                (set->writers[i].fingerprint == set->writers[j].fingerprint &&
                 set->writers[i].reading != set->writers[j].reading);
        }
    }
}

struct schema_set *schema_set_open(const char *reader_path, const struct schema_file *files,
                                   size_t count, struct fault *fault) {
    struct schema_set *set = calloc(1, sizeof *set);
    REQUIRE(set != NULL);
    arena_init(&set->arena);
    /* The reader's own schema can always be named by its fingerprint. */
    bool opened = add_writer(set, 0, reader_path, fault);
    if (opened && set->writers[0].plan == NULL) {
        opened =
            fault_set(fault, "schema %s: %.*s", reader_path, TEXT_ARGS(set->writers[0].why_not));
    }
    for (size_t i = 0; i < count && opened; i++) {
        opened = add_writer(set, files[i].id, files[i].path, fault);
    }
    if (!opened) {
        schema_set_free(set);
        return NULL;
    }
    find_twins(set);
    return set;
}

void schema_set_free(struct schema_set *set) {
    if (set != NULL) {
        arena_release(&set->arena);
        free(set->writers);
        free(set);
    }
}

bool schema_fingerprint(const char *path, uint64_t *ret_fingerprint, struct fault *fault) {
    struct buffer source;
    struct arena scratch;
    buffer_init(&source);
    arena_init(&scratch);
    const struct json *tree = read_schema(path, &source, &scratch, fault);
    if (tree != NULL) {
        *ret_fingerprint = canonical_fingerprint(tree);
    }
    arena_release(&scratch);
    buffer_release(&source);
    return tree != NULL;
}

void schema_set_use_registry(struct schema_set *set, struct registry *registry) {
    set->registry = registry;
}

static bool is_named_by(const struct schema_set *set, const struct writer *writer,
                        const struct schema_ref *ref) {
    if (ref->framing == FRAMING_SINGLE_OBJECT) {
        return !writer->is_remote && writer->fingerprint == ref->fingerprint;
    }
    if (set->registry == NULL) {
        return ref->framing == FRAMING_CONFLUENT && writer->id != 0 && writer->id == ref->id;
    }
    if (!writer->is_remote || writer->name.framing != ref->framing) {
        return false;
    }
    return ref->framing == FRAMING_GUID
               ? memcmp(writer->name.guid, ref->guid, sizeof ref->guid) == 0
               : writer->name.id == ref->id;
}

/* Records of one writer come in runs: the last one found is the first one tried. */
static const struct writer *find_writer(struct schema_set *set, const struct schema_ref *ref) {
    if (is_named_by(set, &set->writers[set->last], ref)) {
        return &set->writers[set->last];
    }
    for (size_t i = 0; i < set->count; i++) {
        if (is_named_by(set, &set->writers[i], ref)) {
            set->last = i;
            return &set->writers[i];
        }
    }
    return NULL;
}

static const struct writer *add_remote(struct schema_set *set, const struct schema_ref *ref,
                                       const struct registry_schema *schema) {
    struct fault why = {""};
    struct arena scratch;
    arena_init(&scratch);
    struct writer *writer = new_writer(set);
    writer->is_remote = true;
    writer->name = *ref;
    writer->why_not = schema->why_not;
    if (text_is_null(schema->why_not)) {
        const struct json *tree = parse_schema(schema->source, &scratch, &why);
        if (tree != NULL) {
            compile_writer(set, writer, tree);
        } else {
            fault_prefix(&why, "what the registry has is no schema: ");
            writer->why_not = arena_copy(&set->arena, text_of(why.text));
        }
    }
    arena_release(&scratch);
    return writer;
}

/* The writer, or NULL with *ret_answer PENDING or ABSENT. Ids are positive: nobody need be asked
 * for another. */
static const struct writer *ask_registry(struct schema_set *set, const struct schema_ref *ref,
                                         enum registry_answer *ret_answer) {
    *ret_answer = REGISTRY_ABSENT;
    if (set->registry == NULL || ref->framing == FRAMING_SINGLE_OBJECT ||
        (ref->framing == FRAMING_CONFLUENT && (ref->id == 0 || ref->id > INT32_MAX))) {
        return NULL;
    }
    const struct registry_schema *schema = NULL;
    *ret_answer = registry_find(set->registry, ref, &schema);
    return *ret_answer == REGISTRY_KNOWN ? add_remote(set, ref, schema) : NULL;
}

/* "schema id 7", "schema fingerprint …", "schema GUID …" */
static const char *ref_format(const struct schema_ref *ref, char to[64]) {
    char guid[GUID_TEXT_SIZE];
    switch (ref->framing) {
    case FRAMING_CONFLUENT: (void)snprintf(to, 64, "schema id %u", ref->id); break;
    case FRAMING_SINGLE_OBJECT:
        (void)snprintf(to, 64, "schema fingerprint %016llx", (unsigned long long)ref->fingerprint);
        break;
    case FRAMING_GUID:
        schema_guid_format(ref->guid, guid);
        (void)snprintf(to, 64, "schema GUID %s", guid);
        break;
    }
    return to;
}

static bool reject_unknown(const struct schema_set *set, const struct schema_ref *ref,
                           struct reject *ret_reject) {
    char name[64];
    bool is_local = set->registry == NULL || ref->framing == FRAMING_SINGLE_OBJECT;
    return reject_set(ret_reject, REJECT_SCHEMA_UNKNOWN, "%s is %s", ref_format(ref, name),
                      is_local ? "not configured" : "not in the registry");
}

static bool writer_is_usable(const struct writer *writer, const struct schema_ref *ref,
                             struct reject *ret_reject) {
    char name[64];
    if (writer->has_twin && ref->framing == FRAMING_SINGLE_OBJECT) {
        return reject_set(ret_reject, REJECT_SCHEMA_INCOMPATIBLE,
                          "%s: several configured schemas have it, with other decimal scales or "
                          "times; write records with a schema id",
                          ref_format(ref, name));
    }
    return writer->plan != NULL || reject_set(ret_reject, REJECT_SCHEMA_INCOMPATIBLE, "%s: %.*s",
                                              ref_format(ref, name), TEXT_ARGS(writer->why_not));
}

enum decode_end record_decode(struct schema_set *set, struct text header, struct text value,
                              struct arena *arena, struct billing_line *ret_line,
                              struct reject *ret_reject) {
    struct schema_ref ref;
    struct text datum = value;
    bool is_framed = text_is_null(header) ? frame_parse(value, &ref, &datum, ret_reject)
                                          : frame_parse_header(header, &ref, ret_reject);
    if (!is_framed) {
        return DECODE_REJECT;
    }
    const struct writer *writer = find_writer(set, &ref);
    if (writer == NULL) {
        enum registry_answer answer;
        writer = ask_registry(set, &ref, &answer);
        if (writer == NULL && answer == REGISTRY_PENDING) {
            return DECODE_LATER;
        }
    }
    bool is_good = writer == NULL
                       ? reject_unknown(set, &ref, ret_reject)
                       : writer_is_usable(writer, &ref, ret_reject) &&
                             plan_read(writer->plan, datum, arena, ret_line, ret_reject) &&
                             line_check(ret_line, ret_reject);
    return is_good ? DECODE_LINE : DECODE_REJECT;
}

const struct plan_node *schema_set_shape(struct schema_set *set, struct schema_ref ref,
                                         bool may_wait) {
    enum registry_answer answer = REGISTRY_ABSENT;
    const struct writer *writer = find_writer(set, &ref);
    if (writer == NULL) {
        writer = ask_registry(set, &ref, &answer);
    }
    if (writer == NULL && answer == REGISTRY_PENDING && may_wait) {
        struct fault ignored;
        (void)registry_await(set->registry, COMMAND_PATIENCE_MS, &ignored);
        writer = ask_registry(set, &ref, &answer);
    }
    return writer == NULL ? NULL : writer->shape;
}

bool record_decode_patiently(struct schema_set *set, struct text header, struct text value,
                             struct arena *arena, struct billing_line *ret_line,
                             struct reject *ret_reject) {
    struct fault fault;
    enum decode_end end = record_decode(set, header, value, arena, ret_line, ret_reject);
    if (end == DECODE_LATER) {
        (void)registry_await(set->registry, COMMAND_PATIENCE_MS, &fault);
        end = record_decode(set, header, value, arena, ret_line, ret_reject);
    }
    if (end == DECODE_LATER) {
        return reject_set(ret_reject, REJECT_SCHEMA_UNKNOWN, "not known by now: %s", fault.text);
    }
    return end == DECODE_LINE;
}

bool line_decode(struct schema_set *set, struct text value, struct arena *arena,
                 struct billing_line *ret_line, struct reject *ret_reject) {
    return record_decode_patiently(set, text_null(), value, arena, ret_line, ret_reject);
}
