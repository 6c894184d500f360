/* trace.h: how a rating came about, step by step. Room: rate. Pure.
 *
 * Filled by rating_compute while rating->trace is set; a rating without one pays a comparison a
 * program. It records what the engine decided and asks the engine's own predicates for the details:
 * no rule stands here a second time. Pointers lead into programs, catalog and reference values and
 * are valid as long as those and until the next rating. Rules: accrual-model.md §5 and §6. */
#ifndef ACCRUED_TRACE_H
#define ACCRUED_TRACE_H

#include "accrued/rating.h"

/* Why a program yields something for a line, or nothing; in the order in which it is asked. */
enum program_outcome {
    PROGRAM_YIELDS,
    PROGRAM_NO_RESELLER, /* it is the reseller's, and the line names none */
    PROGRAM_RETIRED,
    PROGRAM_NO_VERSION, /* none in force on the as-of day */
    PROGRAM_CHARGE_TYPE_EXCLUDED,
    PROGRAM_NO_RATE,    /* for the line's family and workload */
    PROGRAM_NO_MEASURE, /* consumed_amount is null */
    PROGRAM_YIELDED,    /* a link of a type that it yields to matches the line */
    PROGRAM_NO_LINK,
    PROGRAM_OVERFLOW,   /* measure × rate does not fit: the line is bad */
    PROGRAM_UNREADABLE, /* a partner's value in the store cannot be read: the line is bad */
};
#define PROGRAM_OUTCOME_COUNT 11
/* "yields", "no_reseller" … */
const char *program_outcome_name(enum program_outcome outcome);

/* Why a link is no candidate. */
enum link_fit {
    LINK_FITS,
    LINK_OTHER_TYPE,
    LINK_NOT_VALID,
    LINK_OTHER_SUBSCRIPTION,
    LINK_OTHER_WORKLOAD
};
#define LINK_FIT_COUNT 5
const char *link_fit_name(enum link_fit fit);

/* What decides between two candidates. */
enum link_edge { EDGE_NONE, EDGE_SPECIFICITY, EDGE_FROM, EDGE_LINK_ID };
#define LINK_EDGE_COUNT 4
const char *link_edge_name(enum link_edge edge);

/* Why an accelerator does not apply. */
enum accelerator_fit {
    ACCELERATOR_APPLIES,
    ACCELERATOR_NO_CUSTOMER_ADD, /* nobody says when the customer was added */
    ACCELERATOR_BEFORE_ADD,
    ACCELERATOR_MONTHS_OVER,
    ACCELERATOR_OTHER_FAMILY,
    ACCELERATOR_OTHER_WORKLOAD,
    ACCELERATOR_NO_TAG,
};
#define ACCELERATOR_FIT_COUNT 7
const char *accelerator_fit_name(enum accelerator_fit fit);

/* A link of the program's type. */
struct link_trace {
    const struct link *link;
    enum link_fit fit;
    bool is_winner;
    const struct link *beaten_by; /* NULL: a winner, or no candidate */
    enum link_edge edge;          /* … by this */
};

/* One requirement on the day that counts, whether or not one before it failed already. */
struct requirement_trace {
    enum forgone_reason requirement; /* named by the reason that its failing gives */
    bool is_required;
    const struct interval *met_by;       /* NULL: it does not hold */
    const struct competency *competency; /* the same for FORGONE_NO_QUALIFYING_COMPETENCY */
    struct intervals known;              /* what the partner has; empty for competencies */
};
#define REQUIREMENT_COUNT 5

struct partner_trace {
    struct text mpn_id;                /* null: nobody has a link */
    const struct link *link;           /* NULL: the reseller, or nobody */
    const struct reference *reference; /* NULL: nobody */
    enum forgone_reason reason;
    /* The day that counts: the as-of day; by month the one on which all holds, else the last. */
    int32_t day;
    struct requirement_trace requirements[REQUIREMENT_COUNT];
};

struct program_trace {
    const struct program *program;
    size_t program_index;
    enum program_outcome outcome;
    int32_t as_of;
    const struct program_version *version; /* NULL: none in force, or not asked */
    const struct rate_rule *rule;          /* of the version's rates; NULL: none, or not asked */
    bool is_rated;                         /* measure … cumulative are known */
    struct measure measure;
    struct rate rate; /* effective */
    struct amount cumulative;
    enum accelerator_fit *accelerators; /* one for each of the version's, if it is rated */
    const struct link *yielded_to;      /* NULL: nothing */
    struct link_trace *links;           /* candidates, best first, then the others */
    size_t link_count;
    struct partner_trace *partners; /* one for each target, in the same order */
    size_t partner_count;
};

struct rating_trace {
    struct arena arena;
    const struct catalog_rule *rule; /* that classified the line; NULL: none matched */
    size_t rule_index;
    struct program_trace *programs; /* in file order; fewer than there are if the line is bad */
    size_t program_count;
};

void trace_init(struct rating_trace *trace);
void trace_release(struct rating_trace *trace);

#endif
