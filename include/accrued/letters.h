/* letters.h: the last dead letters of this process, for the page. Room: observe. Any thread.
 *
 * Only what an operator needs to find one: when, where, why. The letters themselves stand in their
 * topic. */
#ifndef ACCRUED_LETTERS_H
#define ACCRUED_LETTERS_H

#include "accrued/line.h"

#define LETTER_COUNT_MAX 20

struct letter {
    int64_t at_ms; /* when its transaction had committed */
    int32_t partition;
    int64_t offset; /* of the input */
    enum reject_code code;
    char message[REJECT_MESSAGE_SIZE_MAX];
};

/* Copies what it needs. */
void letters_note(int64_t at_ms, int32_t partition, int64_t offset, const struct reject *reject);
/* Newest first; returns how many. */
size_t letters_copy(struct letter to[LETTER_COUNT_MAX]);

#endif
