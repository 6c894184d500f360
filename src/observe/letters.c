#include "accrued/letters.h"

#include "accrued/require.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct letter letters[LETTER_COUNT_MAX];
static size_t noted;

void letters_note(int64_t at_ms, int32_t partition, int64_t offset, const struct reject *reject) {
    REQUIRE(reject != NULL && reject->code != REJECT_NONE);
    pthread_mutex_lock(&lock);
    struct letter *letter = &letters[noted++ % LETTER_COUNT_MAX];
    *letter = (struct letter){at_ms, partition, offset, reject->code, ""};
    memcpy(letter->message, reject->message, sizeof letter->message);
    pthread_mutex_unlock(&lock);
}

size_t letters_copy(struct letter to[LETTER_COUNT_MAX]) {
    pthread_mutex_lock(&lock);
    size_t count = noted < LETTER_COUNT_MAX ? noted : LETTER_COUNT_MAX;
    for (size_t i = 0; i < count; i++) {
        to[i] = letters[(noted - 1 - i) % LETTER_COUNT_MAX];
    }
    pthread_mutex_unlock(&lock);
    return count;
}
