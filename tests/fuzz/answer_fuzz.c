/* What a registry may answer. The first byte chooses the status. */
#include "fuzz.h"

#include "../../src/decode/answer.h"
#include "../../src/decode/compose.h"

/* What a schema of the registry may hold: as one that uses types of itself, and of another copy. */
static void compose(struct text source, struct arena *arena) {
    struct fault fault = {""};
    struct buffer composed;
    const struct json *tree = json_parse(arena, source, &fault);
    if (tree == NULL) {
        return;
    }
    buffer_init(&composed);
    if (compose_schema(tree, &tree, 1, &composed, &fault)) {
        REQUIRE(composed.size > 0);
    } else {
        REQUIRE(fault.text[0] != '\0');
    }
    buffer_release(&composed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const long statuses[] = {200, 404, 409, 422};
    if (size == 0) {
        return 0;
    }
    long status = statuses[data[0] % 4];
    struct text body = {(const char *)data + 1, size - 1};
    struct arena arena;
    struct fault fault = {""};
    struct answered_schema schema = {{text_null(), text_null()}, NULL, 0};
    uint32_t id = 0;
    arena_init(&arena);
    (void)answer_is_of_registry(status, body);
    switch (answer_schema(status, body, &arena, &schema, &fault)) {
    case REGISTRY_KNOWN:
        REQUIRE(status == 200 && !text_is_null(schema.schema.source));
        compose(schema.schema.source, &arena);
        break;
    case REGISTRY_ABSENT: REQUIRE(status == 404); break;
    case REGISTRY_PENDING: REQUIRE(fault.text[0] != '\0'); break;
    }
    if (answer_id(status, body, &id, &fault) == REGISTRY_RESOLVED) {
        REQUIRE(status == 200 && id > 0 && id <= INT32_MAX);
    }
    arena_release(&arena);
    return 0;
}
