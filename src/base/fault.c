#include "accrued/fault.h"

#include "accrued/require.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fault_set(struct fault *fault, const char *format, ...) {
    REQUIRE(fault != NULL && format != NULL);
    /* The arguments may point into the old text. */
    char text[FAULT_TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(fault->text, text, sizeof text);
    return false;
}

bool fault_prefix(struct fault *fault, const char *format, ...) {
    REQUIRE(fault != NULL && format != NULL);
    char text[FAULT_TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t used = size < 0 ? 0 : (size_t)size;
    if (used >= sizeof text) {
        used = sizeof text - 1;
    }
    (void)snprintf(text + used, sizeof text - used, "%s", fault->text);
    memcpy(fault->text, text, sizeof text);
    return false;
}
