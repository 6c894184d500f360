/* rerate_set.h: requests to rate past lines again, and which lines they name. Room: ledger. Pure.
 *
 * accrual-model.md §7, "Rating again". A set holds the requests that one walk over a ledger serves
 * together; matching a line costs a look-up for each id that the line has to do with, however many
 * requests there are. One thread. */
#ifndef ACCRUED_RERATE_SET_H
#define ACCRUED_RERATE_SET_H

#include "accrued/posting.h"

enum rerate_scope { RERATE_CUSTOMER, RERATE_PARTNER, RERATE_PROGRAM, RERATE_ALL };
#define RERATE_SCOPE_COUNT 4
/* "customer", "partner", "program", "all" */
const char *rerate_scope_name(enum rerate_scope scope);
bool rerate_scope_parse(struct text text, enum rerate_scope *ret_scope);

struct rerate_request {
    enum rerate_scope scope;
    struct text id; /* folded for customers; null for RERATE_ALL */
    struct interval charge_start;
    struct text request_id; /* may be null offline */
    struct text reason;     /* for people; may be null */
    int64_t offset;         /* in rerate-requests; −1 offline */
};

/* Does the request name the line? `customer` is the line's, as it is now. */
bool rerate_concerns(const struct rerate_request *request, const struct line_state *state,
                     const struct reference *customer);

struct rerate_set {
    struct arena arena; /* owns the texts */
    struct rerate_request *items;
    size_t count;
    size_t capacity;
    size_t *slots; /* (scope, id) → item + 1 of the latest; open addressing */
    size_t slot_count;
    size_t *earlier; /* item → item + 1 of the one before it with the same scope and id */
    bool has_partners;
};

void rerate_set_init(struct rerate_set *set);
void rerate_set_release(struct rerate_set *set);
/* Copies the request. By ascending offset. */
void rerate_set_add(struct rerate_set *set, const struct rerate_request *request);
/* After the last one. */
void rerate_set_finish(struct rerate_set *set);

/* What the requests of a set ask of one line. */
struct rerate_match {
    const struct rerate_request *whole; /* the latest that asks for all programs; NULL: none */
    uint64_t programs;                  /* if none: a bit for each program that is asked for */
    const struct rerate_request *by_program[PROGRAM_COUNT_MAX]; /* where the bit is set */
};

/* Whether anything may be asked of the line, told without its customer: false is certain. */
bool rerate_set_may_name(const struct rerate_set *set, const struct programs *programs,
                         const struct line_state *state);
/* false: nothing is asked of it. */
bool rerate_set_match(const struct rerate_set *set, const struct programs *programs,
                      const struct line_state *state, const struct reference *customer,
                      struct rerate_match *ret_match);

#endif
