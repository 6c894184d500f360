/* share.h: how much of a lane's time re-rates may take. Private to the lane. Pure.
 *
 * While lines wait, the time that they take grants re-rates a share of as much time; a chunk that
 * took longer than it was granted is paid back before the next one. What is granted and not used is
 * not saved up for long: SHARE_MS_MAX is the most that live lines may ever be kept waiting by one
 * chunk. While none wait, there is nothing to count. One thread. */
#ifndef ACCRUED_LANE_SHARE_H
#define ACCRUED_LANE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* The longest chunk, whatever is granted. */
#define SHARE_MS_MAX 500

struct share {
    int64_t granted; /* in hundredths of a millisecond; below 0: borrowed */
};

/* Live lines took `live_ms` since the last call. How long a chunk may take now; 0: none. */
int64_t share_grant(struct share *share, int64_t live_ms, int64_t percent, bool is_drained);
/* A chunk took so long. */
void share_spend(struct share *share, int64_t ms, bool is_drained);

#endif
