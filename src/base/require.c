#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void require_failed(const char *condition, const char *file, int line,
                              const char *function) {
    fprintf(stderr, "accrued: bug: %s:%d: %s: required: %s\n", file, line, function, condition);
    fflush(stderr);
    abort();
}
