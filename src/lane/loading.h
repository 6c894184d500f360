/* loading.h: a ledger's local file, read by a thread of its own. Private to the lane.
 *
 * A process that starts reads as many files side by side as it has cores, and its lanes go on
 * keeping their memberships. Between begin and end the ledger belongs to the thread. Lane thread
 * only. */
#ifndef ACCRUED_LANE_LOADING_H
#define ACCRUED_LANE_LOADING_H

#include "accrued/ledger.h"

struct loading;

/* NULL: there can be no thread now; the lane reads the file itself. */
struct loading *loading_begin(struct ledger *ledger);
bool loading_is_done(const struct loading *loading);
int loading_percent(const struct loading *loading);

struct loading_result {
    bool is_good;       /* as ledger_load returned */
    struct fault doubt; /* without text: none */
    struct fault fault;
};
/* Waits for the thread, which stops at the next slice. NULL is accepted. */
void loading_end(struct loading *loading, struct loading_result *ret_result);

#endif
