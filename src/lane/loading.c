#include "loading.h"

#include "accrued/require.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SLICE_BYTES (8U << 20)

struct loading {
    pthread_t thread;
    struct ledger *ledger;
    struct loading_result result; /* the thread's until is_done */
    atomic_bool is_done;
    atomic_bool is_unwanted;
    atomic_int percent;
};

static void *load(void *context) {
    struct loading *loading = context;
    struct loading_result *result = &loading->result;
    bool is_done = false;
    result->is_good = true;
    while (result->is_good && !is_done && !atomic_load(&loading->is_unwanted)) {
        struct fault doubt;
        result->is_good =
            ledger_load(loading->ledger, SLICE_BYTES, &is_done, &doubt, &result->fault);
        if (doubt.text[0] != '\0') {
            result->doubt = doubt; /* why it was begun anew, or where it was cut: never both */
        }
        atomic_store(&loading->percent, ledger_load_percent(loading->ledger));
    }
    atomic_store(&loading->is_done, true);
    return NULL;
}

struct loading *loading_begin(struct ledger *ledger) {
    struct loading *loading = calloc(1, sizeof *loading);
    REQUIRE(loading != NULL && ledger != NULL);
    loading->ledger = ledger;
    if (pthread_create(&loading->thread, NULL, load, loading) != 0) {
        free(loading);
        return NULL;
    }
    return loading;
}

bool loading_is_done(const struct loading *loading) {
    return atomic_load(&loading->is_done);
}

int loading_percent(const struct loading *loading) {
    return atomic_load(&loading->percent);
}

void loading_end(struct loading *loading, struct loading_result *ret_result) {
    if (loading == NULL) {
        return;
    }
    atomic_store(&loading->is_unwanted, true);
    int error = pthread_join(loading->thread, NULL);
    REQUIRE(error == 0);
    *ret_result = loading->result;
    free(loading);
}
