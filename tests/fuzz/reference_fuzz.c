/* Values of Redis. The first byte chooses the kind. */
#include "fuzz.h"

#include "accrued/reference_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct text ids[REFERENCE_KIND_COUNT] = {
        {"4200001", 7}, {"c-1", 3}, {"2020-01", 7}};
    if (size == 0) {
        return 0;
    }
    enum reference_kind kind = (enum reference_kind)(data[0] % REFERENCE_KIND_COUNT);
    struct arena scratch;
    arena_init(&scratch);
    size_t reference_size = 0;
    struct reference *reference =
        reference_from_json(kind, ids[kind], (struct text){(const char *)data + 1, size - 1},
                            &scratch, &reference_size);
    REQUIRE(reference != NULL && reference_size > 0);
    free(reference);
    arena_release(&scratch);
    return 0;
}
