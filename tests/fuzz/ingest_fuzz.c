/* Feed files: whatever format their columns say, or one that is forced. The first byte chooses. */
#include "fuzz.h"

#include "accrued/ingest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    char path[FUZZ_PATH_SIZE];
    struct ingest_counts counts = {.lines = 0};
    struct fault fault;
    size_t choice = data[0] % (INGEST_MAP_COUNT + 2);
    struct ingest_options options = {
        .map = choice < INGEST_MAP_COUNT ? &ingest_maps[choice] : NULL,
        .is_api = choice == INGEST_MAP_COUNT,
        .rejects_path = "/dev/null",
        .customer_id = "c-1",
        .billing_period = 600,
        .has_billing_period = true,
        .is_quiet = true,
        .revision = -1,
    };
    int file = fuzz_file(data + 1, size - 1, path);
    struct ingest_sink *sink = ingest_sink_json();
    (void)ingest_file(&options, path, NULL, sink, &counts, &fault);
    ingest_sink_free(sink);
    (void)close(file);
    return 0;
}
