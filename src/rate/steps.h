/* steps.h: the steps of a rating, shared by those who take them and the trace. Private to rate.
 * Pure.
 *
 * Every question of accrual-model.md §6 is one function here, answered by the reason and not by yes
 * or no, so that rating.c can decide by it and trace.c can tell it. */
#ifndef ACCRUED_RATE_STEPS_H
#define ACCRUED_RATE_STEPS_H

#include "accrued/trace.h"

/* All that stays the same while one line is rated. */
struct rating_input {
    const struct billing_line *line;
    const struct customer *customer; /* NULL: customer without links */
    struct partner_lookup partners;
    struct rating_options options;
    struct reject *reject;
};

/* What a program says about the line before it is known who earns. */
struct program_yield {
    size_t program_index;
    const struct program *program;
    const struct program_version *version;
    const struct rate_rule *rule;
    const struct link *yielded_to;
    size_t winner_count; /* of the rating's winners */
    struct measure measure;
    struct rate rate;
    uint32_t accelerators;
    struct amount cumulative;
    int32_t as_of;
};

/* matching.c */
enum link_fit link_fit(const struct link *link, enum link_type type, struct text subscription_id,
                       struct text workload, int32_t as_of);
/* What decides between the two, and for whom. */
enum link_edge link_edge(const struct link *a, const struct link *b, bool *ret_a_wins);

/* standing.c */
/* The reason that standing_check gives, and the day that it is of. The partner is known. */
enum forgone_reason standing_decide(const struct program_version *version,
                                    const struct partner *partner, int32_t as_of, int32_t *ret_day);
/* Each requirement on a day. */
void standing_trace(const struct requirements *wanted, const struct partner *partner, int32_t day,
                    struct requirement_trace requirements[REQUIREMENT_COUNT]);

/* rating.c */
enum accelerator_fit accelerator_fit(const struct accelerator *accelerator,
                                     const struct rating_input *input,
                                     const struct classification *what, int32_t as_of);

/* trace.c: both for a rating that has a trace. */
void trace_begin(struct rating *rating, const struct programs *programs,
                 const struct catalog *catalog, const struct billing_line *line);
/* After the program; its targets are those from `first_target` on. */
void trace_program(struct rating *rating, const struct program_yield *yield,
                   enum program_outcome outcome, const struct rating_input *input,
                   size_t first_target);

#endif
