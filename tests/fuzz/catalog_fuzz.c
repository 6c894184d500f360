/* catalog.yaml. */
#include "fuzz.h"

#include "accrued/programs_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[FUZZ_PATH_SIZE];
    struct problems problems;
    struct catalog catalog;
    int file = fuzz_file(data, size, path);
    catalog_init(&catalog);
    problems_init(&problems);
    bool is_good = catalog_load_all(&catalog, path, &problems);
    REQUIRE(is_good == (problems.count == 0));
    problems_release(&problems);
    catalog_release(&catalog);
    (void)close(file);
    return 0;
}
