#include "avro_turn.h"

#include "accrued/require.h"

#include <pthread.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void avro_turn_take(void) {
    REQUIRE(pthread_mutex_lock(&turn) == 0);
}

void avro_turn_end(void) {
    REQUIRE(pthread_mutex_unlock(&turn) == 0);
}
