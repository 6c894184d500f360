/* explainer.h: rates a line of the ledger again with a trace, and changes nothing. Room: lane.
 *
 * The same rating and posting as the lane's, whose results stay here instead of being published.
 * One thread. */
#ifndef ACCRUED_EXPLAINER_H
#define ACCRUED_EXPLAINER_H

#include "accrued/explanation.h"

struct explainer {
    struct rating rating;
    struct rating_trace trace;
    struct rating other_rating;
    struct rating_trace other_trace;
    struct posting posting;
    struct arena arena; /* for whoever makes the explanation, too */
};

/* Where reference values come from, and what else counts. */
struct explainer_reference {
    const struct reference *customer;
    struct partner_lookup partners; /* every partner of the line's links, earners and reseller */
    struct rating_options options;
};

void explainer_init(struct explainer *explainer);
void explainer_release(struct explainer *explainer);

/* Fills in what the rules give for explanation->state, and pairs it with what the ledger has.
 * Everything else of the explanation must be there. Valid until the next call. */
void explainer_rate(struct explainer *explainer, struct explanation *explanation,
                    const struct explainer_reference *reference);

/* The same state under other rules; `other` has their names and `rules`. */
void explainer_rate_other(struct explainer *explainer, struct explanation *explanation,
                          struct explained_other *other, const struct catalog *catalog,
                          const struct explainer_reference *reference);

/* Leaves nothing but one program's part. */
void explainer_only(struct explainer *explainer, struct explanation *explanation,
                    struct text program_id);

#endif
