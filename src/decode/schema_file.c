#include "accrued/schema_file.h"

#include <errno.h>
#include <stdio.h>

#define SCHEMA_SIZE_MAX (4U << 20)

bool schema_file_read(const char *path, struct buffer *to, struct fault *fault) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fault_set(fault, "schema %s: %s", path, strerror(errno));
    }
    size_t got = 0;
    do {
        got = fread(buffer_reserve(to, 65536), 1, 65536, file);
        to->size += got;
    } while (got > 0 && to->size <= SCHEMA_SIZE_MAX);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || to->size > SCHEMA_SIZE_MAX) {
        return fault_set(fault, "schema %s: %s", path, failed ? "cannot be read" : "too large");
    }
    return true;
}
