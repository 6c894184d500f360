/* demo_report.h: what the topic `accruals` says, as tables. Private to cli. Main thread. */
#ifndef ACCRUED_CLI_DEMO_REPORT_H
#define ACCRUED_CLI_DEMO_REPORT_H

#include "accrued/config.h"

/* Where the last report ended: the next offset per partition; zeroed at first. */
#define DEMO_PARTITION_COUNT_MAX 256
struct demo_seen {
    int64_t next_offsets[DEMO_PARTITION_COUNT_MAX];
};

/* Reads the topic as any payout system would (a client of its own, read_committed) and prints the
 * accruals that are new since *seen, at most `row_count_max` of them, then the totals per partner,
 * program and currency over all. Moves *seen on. false: *fault. */
bool demo_report(const struct config *config, size_t row_count_max, struct demo_seen *seen,
                 struct fault *fault);

#endif
