/* fuzz.h: what all targets share. A target is int LLVMFuzzerTestOneInput(data, size). */
#ifndef ACCRUED_TESTS_FUZZ_H
#define ACCRUED_TESTS_FUZZ_H

#include "accrued/require.h"
#include "accrued/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_PATH_SIZE 32

/* For what reads files: the bytes as a file without a name on a disk. */
static inline int fuzz_file(const uint8_t *data, size_t size, char ret_path[FUZZ_PATH_SIZE]) {
    int file = memfd_create("input", 0);
    REQUIRE(file >= 0);
    REQUIRE(write(file, data, size) == (ssize_t)size);
    REQUIRE(lseek(file, 0, SEEK_SET) == 0);
    (void)snprintf(ret_path, FUZZ_PATH_SIZE, "/proc/self/fd/%d", file);
    return file;
}

#endif
