/* What a registry may answer. The first byte chooses the status. */
#include "fuzz.h"

#include "../../src/decode/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const long statuses[] = {200, 404, 409, 422};
    if (size == 0) {
        return 0;
    }
    long status = statuses[data[0] % 4];
    struct text body = {(const char *)data + 1, size - 1};
    struct arena arena;
    struct fault fault = {""};
    struct registry_schema schema = {text_null(), text_null()};
    uint32_t id = 0;
    arena_init(&arena);
    (void)answer_is_of_registry(status, body);
    switch (answer_schema(status, body, &arena, &schema, &fault)) {
    case REGISTRY_KNOWN: REQUIRE(status == 200 && !text_is_null(schema.source)); break;
    case REGISTRY_ABSENT: REQUIRE(status == 404); break;
    case REGISTRY_PENDING: REQUIRE(fault.text[0] != '\0'); break;
    }
    if (answer_id(status, body, &id, &fault) == REGISTRY_RESOLVED) {
        REQUIRE(status == 200 && id > 0 && id <= INT32_MAX);
    }
    arena_release(&arena);
    return 0;
}
