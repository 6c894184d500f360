#include "accrued/problems.h"

#include "accrued/require.h"

#include <stdarg.h>
#include <stdio.h>

/* A problem quotes what a file has; a file that is no configuration at all must not fill the
 * screen. */
#define PROBLEM_SIZE_MAX 1024

void problems_init(struct problems *problems) {
    problems->count = 0;
    buffer_init(&problems->lines);
}

void problems_release(struct problems *problems) {
    buffer_release(&problems->lines);
    problems->count = 0;
}

bool problems_add(struct problems *problems, const char *format, ...) {
    REQUIRE(problems != NULL && format != NULL);
    char line[PROBLEM_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    REQUIRE(size >= 0);
    /* One problem, one line: values may carry line breaks. */
    for (char *at = line; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ') {
            *at = ' ';
        }
    }
    buffer_append_string(&problems->lines, line);
    buffer_append_byte(&problems->lines, '\n');
    problems->count++;
    return false;
}

bool problems_to_fault(const struct problems *problems, struct fault *fault) {
    REQUIRE(problems->count > 0);
    struct text lines = buffer_text(&problems->lines);
    const char *end = memchr(lines.data, '\n', lines.size);
    REQUIRE(end != NULL);
    int size = (int)(end - lines.data);
    if (problems->count == 1) {
        return fault_set(fault, "%.*s", size, lines.data);
    }
    return fault_set(fault, "%.*s (and %zu more: `accrued check` lists them)", size, lines.data,
                     problems->count - 1);
}
