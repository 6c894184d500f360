/* rating.h: (line, reference data, programs) → what each program yields. Room: rate. Pure.
 *
 * One pass over the programs in file order, targets within a program ordered by
 * partner id (null first): accrual-model.md §6. Knows nothing of what was
 * published before; that is posting.h. */
#ifndef ACCRUED_RATING_H
#define ACCRUED_RATING_H

#include "accrued/catalog_memo.h"
#include "accrued/line.h"
#include "accrued/programs.h"
#include "accrued/reference.h"

/* Why a partner forgoes, in the order in which requirements are checked (§6). */
enum forgone_reason {
    FORGONE_NONE,
    FORGONE_PARTNER_UNKNOWN,
    FORGONE_MPN_INACTIVE,
    FORGONE_NOT_INDIRECT_RESELLER,
    FORGONE_NO_QUALIFYING_COMPETENCY,
    FORGONE_BANK_PROFILE_MISSING,
    FORGONE_TAX_PROFILE_MISSING,
    FORGONE_NO_LINK,
};
#define FORGONE_REASON_COUNT 8
const char *forgone_reason_name(enum forgone_reason reason);

/* One beneficiary of one program: an accrual, or forgone with the reason. */
struct target {
    size_t program_index;
    const struct program_version *version;
    struct text partner_mpn_id;      /* null only for FORGONE_NO_LINK */
    const struct reference *partner; /* NULL without a partner */
    const struct link *link;         /* NULL for resellers and no_link; lives in the customer */
    enum forgone_reason reason;      /* FORGONE_NONE: an accrual */
    struct measure measure;
    struct rate rate;         /* effective: base + accelerators */
    uint32_t accelerators;    /* bit i: version->accelerators[i] applied */
    struct amount cumulative; /* half-even(measure × rate, 6) */
    int32_t as_of;
};

struct rating_trace;

struct rating {
    const struct reference *customer; /* as given */
    struct classification classification;
    struct target *targets; /* by program, then partner id */
    size_t target_count;
    size_t target_capacity;
    struct catalog_memo *memo;   /* NULL: the catalog is asked each time; owned by who set it */
    const struct link **winners; /* scratch of rating_compute */
    size_t winner_capacity;
    struct rating_trace *trace; /* NULL: none is kept; else borrowed, and filled (trace.h) */
};

struct rating_options {
    bool no_link; /* report lines without a matching link as forgone */
};

void rating_init(struct rating *rating);
void rating_release(struct rating *rating);

/* Rates an ACTIVE line (a VOID one yields no targets). `customer` is PRESENT or MISSING.
 * false: amount overflow or an unreadable partner; *ret_reject says which. */
bool rating_compute(struct rating *rating, const struct programs *programs,
                    const struct catalog *catalog, const struct billing_line *line,
                    const struct reference *customer, struct partner_lookup partners,
                    struct rating_options options, struct reject *ret_reject);

/* Do the requirements hold? FORGONE_NONE: yes; else the first that fails.
 * `partner` is PRESENT or MISSING. Standing per accrual-model.md §6. */
enum forgone_reason standing_check(const struct program_version *version,
                                   const struct reference *partner, int32_t as_of);

/* The winning links of a type for a line, in `winners` (room for customer->link_count):
 * one for ATTRIBUTION_EXCLUSIVE, one per partner ordered by partner id for _EVERY. */
size_t matching_winners(const struct customer *customer, enum link_type type,
                        enum attribution attribution, struct text subscription_id,
                        struct text workload, int32_t as_of, const struct link **winners);

#endif
