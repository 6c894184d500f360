/* rerater.h: a walk over one ledger that rates again what a set of requests names. Room: lane.
 *
 * In chunks, so that live lines go on in between: a chunk collects lines, fetches their reference
 * data, rates them and hands out what differs. It puts changed states into the ledger's open
 * transaction; sealing, committing and publishing are the caller's. A line that comes out as it was
 * is left alone. One thread. */
#ifndef ACCRUED_RERATER_H
#define ACCRUED_RERATER_H

#include "accrued/catalog.h"
#include "accrued/enrich.h"
#include "accrued/ledger.h"
#include "accrued/rerate_set.h"

struct rerater_hooks {
    /* The events of one line, in posting->events; reference values are at hand in the enricher. */
    void (*events)(void *context, const struct posting *posting,
                   const struct rerate_request *request);
    /* A line that cannot be rated; it keeps its state. */
    void (*unrated)(void *context, const struct billing_line *line,
                    const struct rerate_request *request, const struct reject *reject);
    void *context;
};

struct rerater_options {
    struct rating_options rating;
    bool is_dry; /* nothing is put into the ledger */
};

struct rerater_counts {
    size_t lines; /* rated again */
    size_t changed;
    size_t unrated;
};

struct rerater_candidate;

struct rerater {
    const struct programs *programs;
    const struct catalog *catalog;
    struct enricher *enricher;
    struct rerater_options options;
    struct rerater_hooks hooks;
    struct rating rating;
    struct posting posting;
    struct arena arena;    /* of the chunk */
    struct buffer scratch; /* of keys that are being made */
    struct rerater_candidate *candidates;
    size_t candidate_count;
    size_t candidate_capacity;
    /* The walk at hand. */
    struct ledger *ledger;
    struct rerate_set set;
    int64_t head; /* offset of the highest request that it serves */
    struct ledger_walk walk;
    struct rerater_counts counts;
    struct ledger_walk chunk_walk; /* where the last chunk began, for going back */
    struct rerater_counts chunk_counts;
};

/* Programs, catalog and enricher must outlive it. */
void rerater_init(struct rerater *rerater, const struct programs *programs,
                  const struct catalog *catalog, struct enricher *enricher,
                  struct rerater_options options, struct rerater_hooks hooks);
void rerater_release(struct rerater *rerater);
/* Other programs and another catalog from the next chunk on. */
void rerater_rules(struct rerater *rerater, const struct programs *programs,
                   const struct catalog *catalog, struct rating_options options);

/* Begins a walk, or goes on with one behind the blocks up to `reached`, which could not rate
 * `unrated` lines. The requests have been added to rerater->set,
 * which has been finished; lines that were rated under `head` or later are done. */
void rerater_begin(struct rerater *rerater, struct ledger *ledger, int64_t head, uint64_t reached,
                   size_t unrated);
/* Forgets the walk and its set. */
void rerater_end(struct rerater *rerater);

enum rerater_result {
    RERATER_MORE,
    RERATER_DONE, /* there are no more lines */
    RERATER_WAIT, /* reference data is not to be had (*fault); nothing has happened */
};
/* Rates at most lines_max lines, and stops when budget_ms are over. */
enum rerater_result rerater_chunk(struct rerater *rerater, size_t lines_max, int64_t budget_ms,
                                  struct fault *fault);
/* What the last chunk did did not happen: the ledger was told to abort. */
void rerater_go_back(struct rerater *rerater);
/* Blocks up to this one are done. */
uint64_t rerater_reached(const struct rerater *rerater);

#endif
