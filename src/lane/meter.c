#include "meter.h"

#include "accrued/log.h"
#include "accrued/metrics.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>

enum { POSTED, UNCHANGED, STALE, SKIPPED, DEAD_LETTERED, OUTCOME_COUNT };

static const char *const outcome_names[OUTCOME_COUNT] = {"posted", "unchanged", "stale", "skipped",
                                                         "dead_lettered"};

struct meter {
    int32_t partition;
    struct metric *lines_in;
    struct metric *outcomes[OUTCOME_COUNT];
    struct metric *difference;
};

struct meter *meter_open(int32_t partition) {
    REQUIRE(partition >= 0);
    struct meter *meter = calloc(1, sizeof *meter);
    REQUIRE(meter != NULL);
    char label[64];
    meter->partition = partition;
    (void)snprintf(label, sizeof label, "partition=\"%d\"", partition);
    meter->lines_in = metric_get("accrued_lines_in_total", METRIC_COUNTER,
                                 "Billing lines taken from the input and committed.", label);
    meter->difference =
        metric_get("accrued_conservation_difference_lines", METRIC_GAUGE,
                   "Lines in without an outcome, or outcomes without a line (below 0) since the "
                   "start. Not 0: a bug.",
                   label);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        (void)snprintf(label, sizeof label, "partition=\"%d\",outcome=\"%s\"", partition,
                       outcome_names[i]);
        meter->outcomes[i] = metric_get("accrued_lines_total", METRIC_COUNTER,
                                        "Billing lines by what became of them.", label);
    }
    return meter;
}

void meter_free(struct meter *meter) {
    free(meter);
}

bool meter_commit(struct meter *meter, size_t lines_in, const struct line_outcomes *outcomes) {
    REQUIRE(meter != NULL && outcomes != NULL);
    const size_t counts[OUTCOME_COUNT] = {outcomes->posted, outcomes->unchanged, outcomes->stale,
                                          outcomes->skipped, outcomes->dead_lettered};
    metric_add(meter->lines_in, (int64_t)lines_in);
    int64_t difference = metric_value(meter->lines_in);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        metric_add(meter->outcomes[i], (int64_t)counts[i]);
        difference -= metric_value(meter->outcomes[i]);
    }
    if (difference != 0 && difference != metric_value(meter->difference)) {
        log_event(LOG_ERROR, "conservation_broken",
                  "partition=%d difference=%lld lines_in=%zu posted=%zu unchanged=%zu stale=%zu "
                  "skipped=%zu dead_lettered=%zu reason=\"a bug: not every line of this "
                  "transaction has exactly one outcome; please report it with this line\"",
                  meter->partition, (long long)difference, lines_in, outcomes->posted,
                  outcomes->unchanged, outcomes->stale, outcomes->skipped, outcomes->dead_lettered);
    }
    metric_set(meter->difference, difference);
    return difference == 0;
}
