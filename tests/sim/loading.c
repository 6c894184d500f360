/* No threads in a simulation: lanes read their files themselves. */
#include "../../src/lane/loading.h"

#include "accrued/require.h"

struct loading *loading_begin(struct ledger *ledger) {
    REQUIRE(ledger != NULL);
    return NULL;
}

bool loading_is_done(const struct loading *loading) {
    return loading != NULL;
}

int loading_percent(const struct loading *loading) {
    return loading == NULL ? 0 : 100;
}

void loading_end(struct loading *loading, struct loading_result *ret_result) {
    (void)ret_result;
    REQUIRE(loading == NULL);
}
