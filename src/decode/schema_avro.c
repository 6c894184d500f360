/* Writer schemas from local files. Avro C decides whether a file is a schema; it is called here,
 * before the lanes start, and nowhere else, because its error state is one for the whole process.
 */
#include "accrued/decode.h"

#include "compile.h"
#include "file.h"

#include "accrued/require.h"

#include <avro.h>
#include <stdlib.h>

struct writer {
    uint32_t id;
    uint64_t fingerprint;
    uint64_t reading;
    bool has_twin; /* another with this fingerprint reads otherwise: only its id names it */
    const struct plan_node *shape; /* for people; NULL: not even a record */
    const struct plan_node *plan;  /* NULL: it cannot become a BillingLine */
    struct text why_not;
};

struct schema_set {
    struct arena arena; /* plans */
    struct writer *writers;
    size_t count;
    size_t last; /* where the last record's schema was found */
};

/* Reads a file that Avro C accepts into a tree; source and tree live as long as buffer and arena.
 */
static const struct json *read_schema(const char *path, struct buffer *source, struct arena *arena,
                                      struct fault *fault) {
    if (!schema_file_read(path, source, fault)) {
        return NULL;
    }
    avro_schema_t schema = NULL;
    if (avro_schema_from_json_length((const char *)source->data, source->size, &schema) != 0) {
        fault_set(fault, "schema %s: %s", path, avro_strerror());
        return NULL;
    }
    avro_schema_decref(schema);
    const struct json *tree = json_parse(arena, buffer_text(source), fault);
    if (tree == NULL) {
        fault_prefix(fault, "schema %s: ", path);
    }
    return tree;
}

static bool add_writer(struct schema_set *set, uint32_t id, const char *path, struct fault *fault) {
    struct buffer source;
    struct arena scratch;
    buffer_init(&source);
    arena_init(&scratch);
    const struct json *tree = read_schema(path, &source, &scratch, fault);
    if (tree != NULL) {
        struct fault why = {""};
        struct writer *writer = &set->writers[set->count++];
        *writer = (struct writer){.id = id,
                                  .fingerprint = canonical_fingerprint(tree),
                                  .reading = canonical_reading(tree)};
        writer->shape = plan_shape(&set->arena, tree, &why);
        writer->plan = writer->shape == NULL ? NULL : plan_bind(&set->arena, writer->shape, &why);
        if (writer->plan == NULL) {
            /* Not a mistake: the ids of our outputs are listed beside those of the input. */
            writer->why_not = arena_copy(&set->arena, text_of(why.text));
        }
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
    set->writers = calloc(count + 1, sizeof *set->writers);
    REQUIRE(set->writers != NULL);
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

static bool is_named_by(const struct writer *writer, struct schema_ref ref) {
    return ref.framing == FRAMING_CONFLUENT ? writer->id != 0 && writer->id == ref.id
                                            : writer->fingerprint == ref.fingerprint;
}

/* Records of one writer come in runs: the last one found is the first one tried. */
static const struct writer *find_writer(struct schema_set *set, struct schema_ref ref) {
    for (size_t i = 0; i < set->count; i++) {
        size_t at = (set->last + i) % set->count;
        if (is_named_by(&set->writers[at], ref)) {
            set->last = at;
            return &set->writers[at];
        }
    }
    return NULL;
}

const struct plan_node *schema_set_shape(struct schema_set *set, struct schema_ref ref) {
    const struct writer *writer = find_writer(set, ref);
    return writer == NULL ? NULL : writer->shape;
}

bool line_decode(struct schema_set *set, struct text value, struct arena *arena,
                 struct billing_line *ret_line, struct reject *ret_reject) {
    struct schema_ref ref;
    struct text datum;
    if (!frame_parse(value, &ref, &datum, ret_reject)) {
        return false;
    }
    const struct writer *writer = find_writer(set, ref);
    if (writer == NULL && ref.framing == FRAMING_CONFLUENT) {
        return reject_set(ret_reject, REJECT_SCHEMA_UNKNOWN, "schema id %u is not configured",
                          ref.id);
    }
    if (writer == NULL) {
        return reject_set(ret_reject, REJECT_SCHEMA_UNKNOWN,
                          "schema fingerprint %016llx is not configured",
                          (unsigned long long)ref.fingerprint);
    }
    if (writer->has_twin && ref.framing == FRAMING_SINGLE_OBJECT) {
        return reject_set(ret_reject, REJECT_SCHEMA_INCOMPATIBLE,
                          "schema fingerprint %016llx: several configured schemas have it, with "
                          "other decimal scales or times; write records with a schema id",
                          (unsigned long long)ref.fingerprint);
    }
    if (writer->plan == NULL && ref.framing == FRAMING_SINGLE_OBJECT) {
        return reject_set(ret_reject, REJECT_SCHEMA_INCOMPATIBLE,
                          "schema fingerprint %016llx: %.*s", (unsigned long long)ref.fingerprint,
                          TEXT_ARGS(writer->why_not));
    }
    if (writer->plan == NULL) {
        return reject_set(ret_reject, REJECT_SCHEMA_INCOMPATIBLE, "schema id %u: %.*s", ref.id,
                          TEXT_ARGS(writer->why_not));
    }
    return plan_read(writer->plan, datum, arena, ret_line, ret_reject) &&
           line_check(ret_line, ret_reject);
}
