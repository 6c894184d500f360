#include "accrued/rating.h"

#include "accrued/require.h"

#include <stdlib.h>

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
    struct measure measure;
    struct rate rate;
    uint32_t accelerators;
    struct amount cumulative;
    int32_t as_of;
};

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

static bool accelerator_applies(const struct accelerator *accelerator,
                                const struct rating_input *input, const struct classification *what,
                                int32_t as_of) {
    if (accelerator->months > 0) {
        const struct customer *customer = input->customer;
        if (customer == NULL || !customer->has_added_on || as_of < customer->added_on ||
            as_of >= calendar_add_months(customer->added_on, accelerator->months)) {
            return false;
        }
    }
    if (accelerator->families.count > 0 && !texts_contain(accelerator->families, what->family)) {
        return false;
    }
    if (accelerator->workloads.count > 0 &&
        (text_is_null(what->workload) || !texts_contain(accelerator->workloads, what->workload))) {
        return false;
    }
    return !accelerator->has_tags || (accelerator->tags & what->tags) != 0;
}

static bool is_yielded(const struct program *program, const struct rating_input *input,
                       const struct classification *what, int32_t as_of,
                       const struct link **winners) {
    for (unsigned type = 0; type < LINK_TYPE_COUNT && input->customer != NULL; type++) {
        if ((program->yields_to & (1U << type)) != 0 &&
            matching_winners(input->customer, (enum link_type)type, ATTRIBUTION_EXCLUSIVE,
                             input->line->subscription_id, what->workload, as_of, winners) > 0) {
            return true;
        }
    }
    return false;
}

enum yield_result { YIELD_NOTHING, YIELD_SOMETHING, YIELD_OVERFLOW };

/* Version, rate, measure, accelerators: everything that does not depend on the partner. */
static enum yield_result program_apply(struct program_yield *yield,
                                       const struct rating_input *input,
                                       const struct classification *what,
                                       const struct link **winners) {
    const struct program *program = yield->program;
    const struct billing_line *line = input->line;
    yield->as_of =
        program->as_of == AS_OF_CHARGE_END_DATE ? line->charge_end_date : line->charge_start_date;
    yield->version = program_version_on(program, yield->as_of);
    if (program->retired || yield->version == NULL ||
        charge_type_excluded(program, line->charge_type)) {
        return YIELD_NOTHING;
    }
    const struct rate_rule *rule = find_rate(yield->version, what);
    if (rule == NULL) {
        return YIELD_NOTHING;
    }
    bool consumed = rule->measure == MEASURE_CONSUMED_AMOUNT;
    if ((consumed && !line->has_consumed_amount) ||
        is_yielded(program, input, what, yield->as_of, winners)) {
        return YIELD_NOTHING;
    }
    yield->measure = consumed ? line->consumed_amount : line->billed_amount;
    yield->rate = rule->rate;
    yield->accelerators = 0;
    for (size_t i = 0; i < yield->version->accelerator_count; i++) {
        const struct accelerator *accelerator = &yield->version->accelerators[i];
        if (accelerator_applies(accelerator, input, what, yield->as_of)) {
            yield->rate.units += accelerator->rate.units;
            yield->accelerators |= UINT32_C(1) << i;
        }
    }
    return money_accrue(yield->measure, yield->rate, &yield->cumulative) ? YIELD_SOMETHING
                                                                         : YIELD_OVERFLOW;
}

/* Adds the target of one beneficiary, accrual or forgone. */
static bool add_partner(struct rating *rating, const struct program_yield *yield,
                        const struct rating_input *input, struct text mpn_id,
                        const struct link *link) {
    enum forgone_reason reason = FORGONE_NO_LINK;
    if (!text_is_null(mpn_id)) {
        const struct reference *partner = input->partners.find(input->partners.context, mpn_id);
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

static bool add_beneficiaries(struct rating *rating, const struct program_yield *yield,
                              const struct rating_input *input) {
    const struct program *program = yield->program;
    if (program->beneficiary == BENEFICIARY_RESELLER) {
        return add_partner(rating, yield, input, input->line->reseller_mpn_id, NULL);
    }
    size_t count = 0;
    if (input->customer != NULL) {
        count = matching_winners(input->customer, beneficiary_link_type(program->beneficiary),
                                 program->attribution, input->line->subscription_id,
                                 rating->classification.workload, yield->as_of, rating->winners);
    }
    if (count == 0 && input->options.no_link) {
        return add_partner(rating, yield, input, text_null(), NULL);
    }
    for (size_t i = 0; i < count; i++) {
        const struct link *link = rating->winners[i];
        if (!add_partner(rating, yield, input, link->partner_mpn_id, link)) {
            return false;
        }
    }
    return true;
}

static bool rate_program(struct rating *rating, const struct program *program, size_t program_index,
                         const struct rating_input *input) {
    if (program->beneficiary == BENEFICIARY_RESELLER &&
        text_is_null(input->line->reseller_mpn_id)) {
        return true;
    }
    struct program_yield yield = {.program_index = program_index, .program = program};
    switch (program_apply(&yield, input, &rating->classification, rating->winners)) {
    case YIELD_NOTHING: return true;
    case YIELD_SOMETHING: return add_beneficiaries(rating, &yield, input);
    case YIELD_OVERFLOW: break;
    }
    return reject_set(input->reject, REJECT_AMOUNT_OVERFLOW,
                      "program %.*s: measure × rate does not fit decimal(28,6)",
                      TEXT_ARGS(program->id));
}

bool rating_compute(struct rating *rating, const struct programs *programs,
                    const struct catalog *catalog, const struct billing_line *line,
                    const struct reference *customer, struct partner_lookup partners,
                    struct rating_options options, struct reject *ret_reject) {
    REQUIRE(customer != NULL && customer->kind == REFERENCE_CUSTOMER);
    rating->target_count = 0;
    rating->classification = catalog_classify(catalog, line);
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
