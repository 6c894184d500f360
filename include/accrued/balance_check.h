/* balance_check.h: are the published balances the sums of the published accruals? Room: balance.
 *
 * Reads both topics from their beginnings, whole. Each balance says up to which accrual it goes, so
 * it can be checked to the last digit while a processor runs: against the accruals of its key up to
 * that one. What the group has committed must be in. Main thread. */
#ifndef ACCRUED_BALANCE_CHECK_H
#define ACCRUED_BALANCE_CHECK_H

#include "accrued/config.h"

struct balance_check {
    size_t balances;
    size_t accruals; /* in the sums */
    size_t pending;  /* published, and not added up yet */
    size_t wrong;    /* balances that differ, or are not there */
};

/* `tell` is called with a sentence for each balance that is wrong. false: *fault. */
bool balance_check(const struct config *config, void (*tell)(void *context, const char *text),
                   void *context, struct balance_check *ret_check, struct fault *fault);

#endif
