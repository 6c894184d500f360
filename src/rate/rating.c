#include "accrued/rating.h"

#include "accrued/require.h"

#include "steps.h"

#include <stdlib.h>

void rating_init(struct rating *rating) {
    *rating = (struct rating){.targets = NULL};
}

void rating_release(struct rating *rating) {
    free(rating->targets);
    free(rating->winners);
    rating_init(rating);
}

static struct target *rating_add(struct rating *rating) {
    if (rating->target_count == rating->target_capacity) {
        size_t capacity = rating->target_capacity == 0 ? 16 : rating->target_capacity * 2;
        struct target *targets = realloc(rating->targets, capacity * sizeof *targets);
        REQUIRE(targets != NULL);
        rating->targets = targets;
        rating->target_capacity = capacity;
    }
    return &rating->targets[rating->target_count++];
}

static const struct link **rating_winners(struct rating *rating, size_t count) {
    if (count > rating->winner_capacity || rating->winners == NULL) {
        size_t capacity = count < 16 ? 16 : count * 2;
        const struct link **winners = realloc(rating->winners, capacity * sizeof(winners[0]));
        REQUIRE(winners != NULL);
        rating->winners = winners;
        rating->winner_capacity = capacity;
    }
    return rating->winners;
}

static bool charge_type_excluded(const struct program *program, struct text charge_type) {
    /* Feeds write "New" and "new" for the same thing (domain.md §3.4). */
    for (size_t i = 0; i < program->charge_types_excluded.count; i++) {
        if (text_equal_ignoring_case(program->charge_types_excluded.items[i], charge_type)) {
            return true;
        }
    }
    return false;
}

static const struct rate_rule *find_rate(const struct program_version *version,
                                         const struct classification *what) {
    for (size_t i = 0; i < version->rate_count; i++) {
        const struct rate_rule *rule = &version->rates[i];
        if (texts_contain(rule->families, what->family) &&
            (rule->workloads.count == 0 ||
             (!text_is_null(what->workload) && texts_contain(rule->workloads, what->workload)))) {
            return rule;
        }
    }
    return NULL;
}

enum accelerator_fit accelerator_fit(const struct accelerator *accelerator,
                                     const struct rating_input *input,
                                     const struct classification *what, int32_t as_of) {
    if (accelerator->months > 0) {
        const struct customer *customer = input->customer;
        if (customer == NULL || !customer->has_added_on) {
            return ACCELERATOR_NO_CUSTOMER_ADD;
        }
        if (as_of < customer->added_on) {
            return ACCELERATOR_BEFORE_ADD;
        }
        if (as_of >= calendar_add_months(customer->added_on, accelerator->months)) {
            return ACCELERATOR_MONTHS_OVER;
        }
    }
    if (accelerator->families.count > 0 && !texts_contain(accelerator->families, what->family)) {
        return ACCELERATOR_OTHER_FAMILY;
    }
    if (accelerator->workloads.count > 0 &&
        (text_is_null(what->workload) || !texts_contain(accelerator->workloads, what->workload))) {
        return ACCELERATOR_OTHER_WORKLOAD;
    }
    return !accelerator->has_tags || (accelerator->tags & what->tags) != 0 ? ACCELERATOR_APPLIES
                                                                           : ACCELERATOR_NO_TAG;
}

/* The link that the program yields to, or NULL. */
static const struct link *yielded_to(const struct program *program,
                                     const struct rating_input *input,
                                     const struct classification *what, int32_t as_of,
                                     const struct link **winners) {
    for (unsigned type = 0; type < LINK_TYPE_COUNT && input->customer != NULL; type++) {
        if ((program->yields_to & (1U << type)) != 0 &&
            matching_winners(input->customer, (enum link_type)type, ATTRIBUTION_EXCLUSIVE,
                             input->line->subscription_id, what->workload, as_of, winners) > 0) {
            return winners[0];
        }
    }
    return NULL;
}

/* Version, rate, measure, accelerators: everything that does not depend on the partner. */
static enum program_outcome program_apply(struct program_yield *yield,
                                          const struct rating_input *input,
                                          const struct classification *what,
                                          const struct link **winners) {
    const struct program *program = yield->program;
    const struct billing_line *line = input->line;
    yield->as_of =
        program->as_of == AS_OF_CHARGE_END_DATE ? line->charge_end_date : line->charge_start_date;
    yield->version = program_version_on(program, yield->as_of);
    if (program->retired) {
        return PROGRAM_RETIRED;
    }
    if (yield->version == NULL) {
        return PROGRAM_NO_VERSION;
    }
    if (charge_type_excluded(program, line->charge_type)) {
        return PROGRAM_CHARGE_TYPE_EXCLUDED;
    }
    const struct rate_rule *rule = find_rate(yield->version, what);
    yield->rule = rule;
    if (rule == NULL) {
        return PROGRAM_NO_RATE;
    }
    bool consumed = rule->measure == MEASURE_CONSUMED_AMOUNT;
    if (consumed && !line->has_consumed_amount) {
        return PROGRAM_NO_MEASURE;
    }
    yield->yielded_to = yielded_to(program, input, what, yield->as_of, winners);
    if (yield->yielded_to != NULL) {
        return PROGRAM_YIELDED;
    }
    yield->measure = consumed ? line->consumed_amount : line->billed_amount;
    yield->rate = rule->rate;
    yield->accelerators = 0;
    for (size_t i = 0; i < yield->version->accelerator_count; i++) {
        const struct accelerator *accelerator = &yield->version->accelerators[i];
        if (accelerator_fit(accelerator, input, what, yield->as_of) == ACCELERATOR_APPLIES) {
            yield->rate.units += accelerator->rate.units;
            yield->accelerators |= UINT32_C(1) << i;
        }
    }
    return money_accrue(yield->measure, yield->rate, &yield->cumulative) ? PROGRAM_YIELDS
                                                                         : PROGRAM_OVERFLOW;
}

/* Adds the target of one beneficiary, accrual or forgone. */
static bool add_partner(struct rating *rating, const struct program_yield *yield,
                        const struct rating_input *input, struct text mpn_id,
                        const struct link *link) {
    enum forgone_reason reason = FORGONE_NO_LINK;
    const struct reference *partner = NULL;
    if (!text_is_null(mpn_id)) {
        partner = input->partners.find(input->partners.context, mpn_id);
        REQUIRE(partner != NULL && partner->kind == REFERENCE_PARTNER);
        if (partner->state == REFERENCE_UNREADABLE) {
            return reject_set(input->reject, REJECT_REFERENCE_UNREADABLE, "partner %.*s: %s",
                              TEXT_ARGS(mpn_id), partner->unreadable_reason);
        }
        reason = standing_check(yield->version, partner, yield->as_of);
    }
    *rating_add(rating) = (struct target){
        .program_index = yield->program_index,
        .version = yield->version,
        .partner_mpn_id = mpn_id,
        .partner = partner,
        .link = link,
        .reason = reason,
        .measure = yield->measure,
        .rate = yield->rate,
        .accelerators = yield->accelerators,
        .cumulative = yield->cumulative,
        .as_of = yield->as_of,
    };
    return true;
}

static enum program_outcome add_beneficiaries(struct rating *rating, struct program_yield *yield,
                                              const struct rating_input *input) {
    const struct program *program = yield->program;
    if (program->beneficiary == BENEFICIARY_RESELLER) {
        return add_partner(rating, yield, input, input->line->reseller_mpn_id, NULL)
                   ? PROGRAM_YIELDS
                   : PROGRAM_UNREADABLE;
    }
    size_t count = 0;
    if (input->customer != NULL) {
        count = matching_winners(input->customer, beneficiary_link_type(program->beneficiary),
                                 program->attribution, input->line->subscription_id,
                                 rating->classification.workload, yield->as_of, rating->winners);
    }
    yield->winner_count = count;
    if (count == 0 && input->options.no_link) {
        bool added = add_partner(rating, yield, input, text_null(), NULL);
        REQUIRE(added); /* nobody cannot be unreadable */
    }
    for (size_t i = 0; i < count; i++) {
        const struct link *link = rating->winners[i];
        if (!add_partner(rating, yield, input, link->partner_mpn_id, link)) {
            return PROGRAM_UNREADABLE;
        }
    }
    return count > 0 ? PROGRAM_YIELDS : PROGRAM_NO_LINK;
}

/* Member by member: GCC clears the whole of it with an instruction of twenty cycles, and each line
 * needs one for each program. */
static void yield_begin(struct program_yield *yield, const struct program *program,
                        size_t program_index) {
    yield->program_index = program_index;
    yield->program = program;
    yield->version = NULL;
    yield->rule = NULL;
    yield->yielded_to = NULL;
    yield->winner_count = 0;
    yield->measure.units = 0;
    yield->rate.units = 0;
    yield->accelerators = 0;
    yield->cumulative.units = 0;
    yield->as_of = 0;
}

static bool rate_program(struct rating *rating, const struct program *program, size_t program_index,
                         const struct rating_input *input) {
    size_t first_target = rating->target_count;
    struct program_yield yield;
    yield_begin(&yield, program, program_index);
    enum program_outcome outcome = PROGRAM_NO_RESELLER;
    if (program->beneficiary != BENEFICIARY_RESELLER ||
        !text_is_null(input->line->reseller_mpn_id)) {
        outcome = program_apply(&yield, input, &rating->classification, rating->winners);
    }
    if (outcome == PROGRAM_YIELDS) {
        outcome = add_beneficiaries(rating, &yield, input);
    }
    if (rating->trace != NULL) {
        trace_program(rating, &yield, outcome, input, first_target);
    }
    if (outcome == PROGRAM_OVERFLOW) {
        return reject_set(input->reject, REJECT_AMOUNT_OVERFLOW,
                          "program %.*s: measure × rate does not fit decimal(28,6)",
                          TEXT_ARGS(program->id));
    }
    return outcome != PROGRAM_UNREADABLE;
}

bool rating_compute(struct rating *rating, const struct programs *programs,
                    const struct catalog *catalog, const struct billing_line *line,
                    const struct reference *customer, struct partner_lookup partners,
                    struct rating_options options, struct reject *ret_reject) {
    REQUIRE(customer != NULL && customer->kind == REFERENCE_CUSTOMER);
    rating->target_count = 0;
    rating->customer = customer;
    rating->classification = rating->memo != NULL ? catalog_memo_classify(rating->memo, line)
                                                  : catalog_classify(catalog, line);
    if (rating->trace != NULL) {
        trace_begin(rating, programs, catalog, line);
    }
    if (line->is_void) {
        return true;
    }
    if (customer->state == REFERENCE_UNREADABLE) {
        return reject_set(ret_reject, REJECT_REFERENCE_UNREADABLE, "customer %.*s: %s",
                          TEXT_ARGS(line->customer_id), customer->unreadable_reason);
    }
    struct rating_input input = {
        .line = line,
        .customer = customer->state == REFERENCE_PRESENT ? &customer->customer : NULL,
        .partners = partners,
        .options = options,
        .reject = ret_reject,
    };
    (void)rating_winners(rating, input.customer != NULL ? input.customer->link_count : 0);
    for (size_t i = 0; i < programs->count; i++) {
        if (!rate_program(rating, &programs->items[i], i, &input)) {
            return false;
        }
    }
    return true;
}
