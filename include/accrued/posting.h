/* posting.h: (what a line has published so far, its new rating) → deltas. Room: ledger. Pure.
 *
 * The heart of exactness: accrual-model.md §7. A posting compares the stored
 * entries of a line with its new targets, makes one accrual event for each
 * difference and the line's next state. Nothing here knows how states are stored
 * (ledger.h) or how events are written (encode.h). */
#ifndef ACCRUED_POSTING_H
#define ACCRUED_POSTING_H

#include "accrued/rating.h"

enum accrual_reason { ACCRUAL_NEW_LINE, ACCRUAL_REVISION, ACCRUAL_VOID, ACCRUAL_RERATE };
/* "NEW_LINE", "REVISION", "VOID", "RERATE" */
const char *accrual_reason_name(enum accrual_reason reason);

/* All that one (program, partner) has of a line. Its one entry is the one of the line's stored
 * currency and billing period: a posting ends every other, so the key needs no room of its own.
 * The earner outlives the entry: sequence and versions are never forgotten. */
struct earner {
    size_t program_index;
    struct text partner_mpn_id;         /* null: no_link */
    uint32_t sequence;                  /* of the last published accrual; 0: none yet */
    int32_t program_version;            /* `from` of the version of the last accrual */
    struct amount cumulative;           /* 0: nothing accrued */
    enum forgone_reason forgone_reason; /* FORGONE_NONE: nothing forgone */
    int32_t forgone_version;            /* `from` of the version of the last forgone event */
    struct amount forgone_amount;
};

/* A line as the ledger knows it. Texts and arrays are borrowed from whoever filled it. */
struct line_state {
    struct billing_line line; /* the facts of the highest revision; invoice_id and quantity null */
    int64_t origin_offset;    /* where that revision stood in billing-lines; −1: nowhere */
    int64_t rerate_offset;    /* request under which it was last rated; −1: none */
    struct earner *earners;   /* by program index, then partner id (null first) */
    size_t earner_count;
};

/* One message for payout systems; texts borrow from the line, the old state, the programs. */
struct accrual {
    const struct billing_line *line;
    const struct reference *customer;
    const struct reference *partner; /* NULL when the entry ended */
    const struct classification *classification;
    const struct program *program;
    int32_t program_version;
    struct text partner_mpn_id;
    const struct link *link;               /* NULL: none, or the entry ended */
    const struct program_version *version; /* for accelerator ids; NULL when the entry ended */
    uint32_t accelerators;
    uint32_t sequence;
    int32_t as_of;
    int32_t billing_period;
    struct currency currency;
    struct measure measure;
    struct rate rate;
    struct amount amount; /* the delta, never 0 */
    struct amount cumulative;
    enum accrual_reason reason;
};

struct forgone {
    const struct billing_line *line;
    const struct reference *customer;
    const struct reference *partner; /* NULL: no_link, or the reason has ended */
    const struct program *program;
    int32_t program_version;
    struct text partner_mpn_id; /* null: no_link */
    int32_t billing_period;
    struct currency currency;
    struct measure measure;
    struct rate rate;
    struct amount amount; /* 0: the reason has ended */
    enum forgone_reason reason;
    struct amount amount_before;       /* what this entry forwent before, under … */
    enum forgone_reason reason_before; /* … this reason; FORGONE_NONE: nothing */
};

enum event_kind { EVENT_ACCRUAL, EVENT_FORGONE };
struct event {
    enum event_kind kind;
    union {
        struct accrual accrual;
        struct forgone forgone;
    };
};

enum posting_outcome {
    POSTING_POSTED,    /* the line's facts or what it published changed */
    POSTING_UNCHANGED, /* the same facts again, and nothing to publish */
    POSTING_STALE,     /* a lower revision, or on a tie an earlier origin: nothing happened */
};

/* Reusable working memory; allocates nothing once warm. */
struct posting {
    struct event *events; /* in the order of accrual-model.md §9 */
    size_t event_count;
    size_t event_capacity;
    struct line_state next; /* to be stored unless `is_stored_already` */
    size_t earner_capacity;
    bool is_stored_already; /* next equals the old state, its origin included */
};

struct posting_cause {
    int64_t
        origin_offset; /* of the record; for a replayed dead letter the original one; −1: none */
    bool is_rerate;    /* rate the stored facts again, whatever the revision */
    int64_t rerate_offset;
    int program_only; /* re-rate of scope `program`: its index; −1: all programs */
};

void posting_init(struct posting *posting);
void posting_release(struct posting *posting);

/* Would the line lose against the stored revision? Saves rating it. */
bool posting_is_stale(const struct line_state *old, const struct billing_line *line,
                      int64_t origin_offset);

/* Computes events and posting->next. `old` NULL: the ledger does not know the line. `rating` has
 * no targets for a VOID line, but its classification. All arguments must outlive the use of the
 * events. false: a delta does not fit decimal(28,6); nothing may be published for the line. */
bool posting_compute(struct posting *posting, const struct programs *programs,
                     const struct line_state *old, const struct billing_line *line,
                     const struct rating *rating, struct posting_cause cause,
                     enum posting_outcome *ret_outcome, struct reject *ret_reject);

/* `<customer_id>/<line_id>/<program_id>/<partner_mpn_id>/<sequence>`, with `%`, `/`, `|`
 * percent-encoded in ids: downstream's idempotency key. Appends to `to`. */
struct buffer;
/* An id's own `%`, `/` and `|` would be taken for the separators that they are downstream: they are
 * percent-encoded. */
void id_append_encoded(struct buffer *to, struct text id);
void accrual_append_id(struct buffer *to, const struct accrual *accrual);

#endif
