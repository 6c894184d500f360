/* problems.h: everything that is wrong with a file, not only the first thing. Room: config. Pure.
 *
 * One problem is one line of text that names file, line, key and reason. Loaders go on after a
 * problem where that makes sense, so that a person repairs a file in one round. Owner: whoever
 * called problems_init. */
#ifndef ACCRUED_PROBLEMS_H
#define ACCRUED_PROBLEMS_H

#include "accrued/buffer.h"
#include "accrued/fault.h"

struct problems {
    struct buffer lines; /* each ends with a newline */
    size_t count;
};

void problems_init(struct problems *problems);
void problems_release(struct problems *problems);

/* Adds one line. Always returns false, so that `return problems_add(…);` reads as "failed". */
__attribute__((format(printf, 2, 3))) bool problems_add(struct problems *problems,
                                                        const char *format, ...);

/* The first problem, and how many more there are. Only with count > 0. Returns false. */
bool problems_to_fault(const struct problems *problems, struct fault *fault);

#endif
