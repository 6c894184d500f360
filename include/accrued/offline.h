/* offline.h: the engine without broker and Redis: lines in, events out. Room: lane.
 *
 * The same decode, rating, posting and ledger as in a lane, fed from memory: accrual-model.md §9.
 * One thread. */
#ifndef ACCRUED_OFFLINE_H
#define ACCRUED_OFFLINE_H

#include "accrued/ledger.h"
#include "accrued/reference_table.h"
#include "accrued/rerate_set.h"

/* Receives every event, in the order of §9; it is valid during the call only. */
typedef void (*offline_event)(void *context, const struct event *event, struct text rerate_id);
/* Receives lines that could not be rated again. */
typedef void (*offline_unrated)(void *context, const struct billing_line *line,
                                const struct reject *reject);

struct offline_options {
    struct rating_options rating;
    offline_event event;
    offline_unrated unrated;
    void *context;
};

struct offline {
    const struct programs *programs;
    const struct catalog *catalog;
    struct offline_options options;
    struct reference_table references;
    struct ledger *ledger;
    struct rating rating;
    struct posting posting;
    size_t uncommitted_count;
};

/* Programs and catalog must outlive it. */
void offline_init(struct offline *offline, const struct programs *programs,
                  const struct catalog *catalog, struct offline_options options);
void offline_release(struct offline *offline);

/* Rates and posts one line. false: it belongs to the dead letters, *ret_reject says why. */
bool offline_line(struct offline *offline, const struct billing_line *line,
                  enum posting_outcome *ret_outcome, struct reject *ret_reject);

/* Rates again what the request names; returns how many lines that were. */
size_t offline_rerate(struct offline *offline, const struct rerate_request *request);

/* Visits every line, in byte order of customer id, then line id. */
void offline_each(struct offline *offline, ledger_visit visit, void *context);

#endif
