/* programs.yaml, beside the shipped catalog. */
#include "fuzz.h"

#include "accrued/programs_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_SIZE];
    struct fault fault;
    struct problems problems;
    struct catalog catalog;
    struct programs programs;
    int file = fuzz_file(data, size, path);
    catalog_init(&catalog);
    programs_init(&programs);
    problems_init(&problems);
    REQUIRE(catalog_load(&catalog, ACCRUED_SOURCE_DIR "/tests/sim/catalog.yaml", &fault));
    bool is_good = programs_load_all(&programs, &catalog, path, &problems);
    REQUIRE(is_good == (problems.count == 0));
    problems_release(&problems);
    programs_release(&programs);
    catalog_release(&catalog);
    (void)close(file);
    return 0;
}
