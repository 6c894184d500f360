/* Writer schemas that nobody here wrote, as a registry may have them; then a record of zeros. The
 * part of the input behind the first NUL, where there is one, is the record. */
#include "fuzz.h"

#include "../../src/decode/compile.h"

#include <avro.h>

static bool avro_accepts(struct text source) {
    avro_schema_t schema = NULL;
    bool is_schema = avro_schema_from_json_length(source.data, source.size, &schema) == 0;
    if (is_schema) {
        avro_schema_decref(schema);
    }
    return is_schema;
}

static void read_record(const struct plan_node *plan, struct text datum, struct arena *arena) {
    struct billing_line line;
    struct reject reject = {REJECT_NONE, ""};
    if (plan_read(plan, datum, arena, &line, &reject)) {
        (void)line_check(&line, &reject);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char zeros[256];
    struct arena arena;
    struct fault fault;
    const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
    struct text source = {size == 0 ? "" : (const char *)data,
                          nul == NULL ? size : (size_t)(nul - data)};
    struct text datum = {zeros, sizeof zeros};
    if (nul != NULL) {
        datum = (struct text){(const char *)nul + 1, size - source.size - 1};
    }
    arena_init(&arena);
    const struct json *tree = json_parse(&arena, source, &fault);
    if (tree != NULL && avro_accepts(source)) {
        (void)canonical_fingerprint(tree);
        (void)canonical_reading(tree);
        struct field_aliases aliases = aliases_of(&arena, tree);
        const struct plan_node *shape = plan_shape(&arena, tree, &fault);
        const struct plan_node *plan =
            shape == NULL ? NULL : plan_bind(&arena, shape, aliases, &fault);
        if (plan != NULL) {
            read_record(plan, datum, &arena);
        }
    }
    arena_release(&arena);
    return 0;
}
