#include "share.h"

#include "accrued/require.h"

#define HUNDREDTHS INT64_C(100)

int64_t share_grant(struct share *share, int64_t live_ms, int64_t percent, bool is_drained) {
    REQUIRE(live_ms >= 0 && percent > 0);
    if (is_drained) {
        share->granted = 0;
        return SHARE_MS_MAX;
    }
    share->granted += live_ms * percent; /* percent of milliseconds are hundredths of them */
    if (share->granted > SHARE_MS_MAX * HUNDREDTHS) {
        share->granted = SHARE_MS_MAX * HUNDREDTHS;
    }
    return share->granted <= 0 ? 0 : (share->granted + HUNDREDTHS - 1) / HUNDREDTHS;
}

void share_spend(struct share *share, int64_t ms, bool is_drained) {
    REQUIRE(ms >= 0);
    if (!is_drained) {
        share->granted -= ms * HUNDREDTHS;
    }
}
