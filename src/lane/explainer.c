#include "accrued/explainer.h"

#include "accrued/require.h"

void explainer_init(struct explainer *explainer) {
    *explainer = (struct explainer){.rating = {.targets = NULL}};
    rating_init(&explainer->rating);
    rating_init(&explainer->other_rating);
    trace_init(&explainer->trace);
    trace_init(&explainer->other_trace);
    posting_init(&explainer->posting);
    arena_init(&explainer->arena);
}

void explainer_release(struct explainer *explainer) {
    rating_release(&explainer->rating);
    rating_release(&explainer->other_rating);
    trace_release(&explainer->trace);
    trace_release(&explainer->other_trace);
    posting_release(&explainer->posting);
    arena_release(&explainer->arena);
}

void explainer_rate(struct explainer *explainer, struct explanation *explanation,
                    const struct explainer_reference *reference) {
    const struct line_state *state = explanation->state;
    REQUIRE(state != NULL && explanation->programs != NULL && explanation->catalog != NULL);
    struct posting_cause cause = {.origin_offset = -1,
                                  .is_rerate = true,
                                  .rerate_offset = state->rerate_offset,
                                  .program_only = -1};
    enum posting_outcome outcome = POSTING_STALE;
    explainer->rating.trace = &explainer->trace;
    explanation->rating = &explainer->rating;
    explanation->customer = reference->customer;
    explanation->is_bad =
        !rating_compute(&explainer->rating, explanation->programs, explanation->catalog,
                        &state->line, reference->customer, reference->partners, reference->options,
                        &explanation->reject) ||
        !posting_compute(&explainer->posting, explanation->programs, state, &state->line,
                         &explainer->rating, cause, &outcome, &explanation->reject);
    if (explanation->is_bad) {
        explainer->rating.target_count = 0; /* of half a rating nothing is due */
    }
    explanation_pair(explanation, explanation->is_bad ? NULL : &explainer->posting,
                     reference->partners, &explainer->arena);
}

void explainer_rate_other(struct explainer *explainer, struct explanation *explanation,
                          struct explained_other *other, const struct catalog *catalog,
                          const struct explainer_reference *reference) {
    const struct billing_line *line = &explanation->state->line;
    explainer->other_rating.trace = &explainer->other_trace;
    bool is_good =
        rating_compute(&explainer->other_rating, other->rules, catalog, line, reference->customer,
                       reference->partners, reference->options, &other->reject);
    other->rating = is_good ? &explainer->other_rating : NULL;
    explanation->other = other;
}

static void keep_targets(struct rating *rating, const struct programs *programs,
                         struct text program_id) {
    size_t kept = 0;
    for (size_t i = 0; i < rating->target_count; i++) {
        if (text_equal(programs->items[rating->targets[i].program_index].id, program_id)) {
            rating->targets[kept++] = rating->targets[i];
        }
    }
    rating->target_count = kept;
}

static void keep_traces(struct rating_trace *trace, struct text program_id) {
    size_t kept = 0;
    for (size_t i = 0; i < trace->program_count; i++) {
        if (text_equal(trace->programs[i].program->id, program_id)) {
            trace->programs[kept++] = trace->programs[i];
        }
    }
    trace->program_count = kept;
}

/* Their targets are copied first: those in the rating are moved. */
static void keep_earners(struct explainer *explainer, struct explanation *explanation,
                         struct text program_id) {
    struct target *targets =
        arena_take(&explainer->arena, explanation->earner_count * sizeof *targets);
    size_t kept = 0;
    for (size_t i = 0; i < explanation->earner_count; i++) {
        struct explained_earner *earner = &explanation->earners[i];
        if (!text_equal(earner->program_id, program_id)) {
            continue;
        }
        if (earner->target != NULL) {
            targets[kept] = *earner->target;
            earner->target = &targets[kept];
        }
        explanation->earners[kept++] = *earner;
    }
    explanation->earner_count = kept;
}

void explainer_only(struct explainer *explainer, struct explanation *explanation,
                    struct text program_id) {
    keep_earners(explainer, explanation, program_id);
    keep_targets(&explainer->rating, explanation->programs, program_id);
    keep_traces(&explainer->trace, program_id);
    if (explanation->other != NULL) {
        keep_traces(&explainer->other_trace, program_id);
        keep_targets(&explainer->other_rating, explanation->other->rules, program_id);
    }
    struct explained_delta *deltas =
        arena_take(&explainer->arena, explanation->delta_count * sizeof *deltas);
    size_t kept = 0;
    for (size_t i = 0; i < explanation->delta_count; i++) {
        if (text_equal(explanation->deltas[i].program_id, program_id)) {
            deltas[kept++] = explanation->deltas[i];
        }
    }
    explanation->deltas = deltas;
    explanation->delta_count = kept;
}
