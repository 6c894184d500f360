/* fault.h: why something failed, in words for a person. Room: base. Pure.
 *
 * Functions that can fail for reasons outside the program take a `struct fault
 * *` and write it only when they fail. The text names the thing, the place and,
 * where it helps, what to do. A fault is a value: no ownership, no allocation. */
#ifndef ACCRUED_FAULT_H
#define ACCRUED_FAULT_H

#include <stdbool.h>

#define FAULT_TEXT_SIZE_MAX 768

struct fault {
    char text[FAULT_TEXT_SIZE_MAX];
};

/* Sets the text (cut at FAULT_TEXT_SIZE_MAX - 1 bytes). Always returns false, so
 * that `return fault_set(fault, …);` reads as "failed, because". */
__attribute__((format(printf, 2, 3))) bool fault_set(struct fault *fault, const char *format, ...);

/* Puts a prefix ("programs.yaml:12: ") before the text. Returns false. */
__attribute__((format(printf, 2, 3))) bool fault_prefix(struct fault *fault, const char *format,
                                                        ...);

#endif
