/* The time that re-rates take while lines wait, in simulated time: whatever batches and chunks
 * last, live lines keep what is theirs. */
#include "lane/share.h"

#include "dice.h"

#include <criterion/criterion.h>

struct lane_day {
    int64_t live_ms;
    int64_t rerate_ms;
    int64_t chunk_ms_max;
};

/* Rounds of a lane with a backlog: a batch, then a chunk if there is time for one. A chunk takes
 * what it likes, up to `over` times what it was granted: its commit is not in its hands. */
static struct lane_day live_through(struct dice *dice, int64_t percent, int64_t batch_ms,
                                    int64_t over, size_t rounds) {
    struct share share = {0};
    struct lane_day day = {0};
    for (size_t i = 0; i < rounds; i++) {
        int64_t live_ms = (int64_t)dice_below(dice, (uint64_t)batch_ms * 2 + 1);
        day.live_ms += live_ms;
        int64_t budget_ms = share_grant(&share, live_ms, percent, false);
        cr_assert(budget_ms >= 0 && budget_ms <= SHARE_MS_MAX);
        if (budget_ms == 0) {
            continue;
        }
        int64_t took_ms = 1 + (int64_t)dice_below(dice, (uint64_t)(budget_ms * over));
        share_spend(&share, took_ms, false);
        day.rerate_ms += took_ms;
        day.chunk_ms_max = took_ms > day.chunk_ms_max ? took_ms : day.chunk_ms_max;
    }
    return day;
}

Test(share, live_lines_keep_their_time_and_rerates_are_not_starved) {
    struct dice dice = {41};
    const int64_t percents[] = {1, 10, 50, 100, 400};
    const int64_t batches_ms[] = {1, 7, 80, 900};
    for (size_t p = 0; p < sizeof percents / sizeof percents[0]; p++) {
        for (size_t b = 0; b < sizeof batches_ms / sizeof batches_ms[0]; b++) {
            for (int64_t over = 1; over <= 8; over += 7) {
                struct lane_day day = live_through(&dice, percents[p], batches_ms[b], over, 20000);
                int64_t due_ms = day.live_ms * percents[p] / 100;
                cr_assert(day.rerate_ms <= due_ms + day.chunk_ms_max,
                          "%lld %%, batches of %lld ms: %lld of %lld ms", (long long)percents[p],
                          (long long)batches_ms[b], (long long)day.rerate_ms, (long long)due_ms);
                /* What is more than the longest chunk is lost when it is not used at once. */
                bool is_capped = percents[p] * batches_ms[b] * 2 > SHARE_MS_MAX * 100;
                cr_assert(is_capped || day.rerate_ms > due_ms / 3 - 1,
                          "%lld %%, batches of %lld ms: only %lld of %lld ms",
                          (long long)percents[p], (long long)batches_ms[b],
                          (long long)day.rerate_ms, (long long)due_ms);
            }
        }
    }
}

/* Batches shorter than a hundredth of the share's unit add up. */
Test(share, little_is_not_nothing) {
    struct share share = {0};
    int64_t chunks = 0;
    for (size_t i = 0; i < 1000; i++) {
        if (share_grant(&share, 1, 1, false) > 0) {
            share_spend(&share, 1, false);
            chunks++;
        }
    }
    cr_assert(chunks >= 9 && chunks <= 11, "%lld", (long long)chunks);
}

Test(share, what_is_not_used_is_not_saved_up) {
    struct share share = {0};
    for (size_t i = 0; i < 100; i++) {
        (void)share_grant(&share, 1000, 100, false);
    }
    share_spend(&share, SHARE_MS_MAX, false);
    cr_assert_eq(share_grant(&share, 0, 100, false), 0);
}

Test(share, a_chunk_that_took_long_is_paid_back) {
    struct share share = {0};
    cr_assert_eq(share_grant(&share, 100, 50, false), 50);
    share_spend(&share, 350, false);
    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(share_grant(&share, 100, 50, false), 0);
    }
    cr_assert_eq(share_grant(&share, 100, 50, false), 50);
}

Test(share, while_no_line_waits_there_is_nothing_to_count) {
    struct share share = {0};
    cr_assert_eq(share_grant(&share, 0, 1, true), SHARE_MS_MAX);
    share_spend(&share, 5000, true);
    cr_assert_eq(share_grant(&share, 0, 1, true), SHARE_MS_MAX);
    cr_assert_eq(share_grant(&share, 200, 50, false), 100, "no debts from then");
}
