#include "accrued/trace.h"

#include "accrued/require.h"

#include "steps.h"

const char *program_outcome_name(enum program_outcome outcome) {
    switch (outcome) {
    case PROGRAM_YIELDS: return "yields";
    case PROGRAM_NO_RESELLER: return "no_reseller";
    case PROGRAM_RETIRED: return "retired";
    case PROGRAM_NO_VERSION: return "no_version";
    case PROGRAM_CHARGE_TYPE_EXCLUDED: return "charge_type_excluded";
    case PROGRAM_NO_RATE: return "no_rate";
    case PROGRAM_NO_MEASURE: return "no_measure";
    case PROGRAM_YIELDED: return "yielded";
    case PROGRAM_NO_LINK: return "no_link";
    case PROGRAM_OVERFLOW: return "amount_overflow";
    case PROGRAM_UNREADABLE: return "reference_unreadable";
    }
    REQUIRE(false && "a program outcome without a name");
}

const char *link_fit_name(enum link_fit fit) {
    switch (fit) {
    case LINK_FITS: return "candidate";
    case LINK_OTHER_TYPE: return "other_type";
    case LINK_NOT_VALID: return "not_valid";
    case LINK_OTHER_SUBSCRIPTION: return "other_subscription";
    case LINK_OTHER_WORKLOAD: return "other_workload";
    }
    REQUIRE(false && "a link fit without a name");
}

const char *link_edge_name(enum link_edge edge) {
    switch (edge) {
    case EDGE_NONE: return "none";
    case EDGE_SPECIFICITY: return "specificity";
    case EDGE_FROM: return "from";
    case EDGE_LINK_ID: return "link_id";
    }
    REQUIRE(false && "a link edge without a name");
}

const char *accelerator_fit_name(enum accelerator_fit fit) {
    switch (fit) {
    case ACCELERATOR_APPLIES: return "applies";
    case ACCELERATOR_NO_CUSTOMER_ADD: return "no_customer_add";
    case ACCELERATOR_BEFORE_ADD: return "before_customer_add";
    case ACCELERATOR_MONTHS_OVER: return "months_over";
    case ACCELERATOR_OTHER_FAMILY: return "other_family";
    case ACCELERATOR_OTHER_WORKLOAD: return "other_workload";
    case ACCELERATOR_NO_TAG: return "no_tag";
    }
    REQUIRE(false && "an accelerator fit without a name");
}

void trace_init(struct rating_trace *trace) {
    *trace = (struct rating_trace){.rule = NULL};
    arena_init(&trace->arena);
}

void trace_release(struct rating_trace *trace) {
    arena_release(&trace->arena);
    trace_init(trace);
}

void trace_begin(struct rating *rating, const struct programs *programs,
                 const struct catalog *catalog, const struct billing_line *line) {
    struct rating_trace *trace = rating->trace;
    arena_clear(&trace->arena);
    trace->rule = catalog_find_rule(catalog, line);
    trace->rule_index = trace->rule != NULL ? (size_t)(trace->rule - catalog->rules) : 0;
    trace->programs = arena_take(&trace->arena, programs->count * sizeof *trace->programs);
    trace->program_count = 0;
}

/* Keeps [0, count) in order of preference. */
static void insert_candidate(struct link_trace *links, size_t count, struct link_trace candidate) {
    size_t at = count;
    bool wins = true;
    while (at > 0) {
        (void)link_edge(candidate.link, links[at - 1].link, &wins);
        if (!wins) {
            break;
        }
        links[at] = links[at - 1];
        at--;
    }
    links[at] = candidate;
}

/* Who stands in the way of a candidate: the winner, or the winner among its partner's links. */
static void tell_loser(struct link_trace *candidate, const struct link *const *winners,
                       size_t winner_count, enum attribution attribution) {
    for (size_t i = 0; i < winner_count; i++) {
        const struct link *winner = winners[i];
        if (winner == candidate->link) {
            candidate->is_winner = true;
            return;
        }
        if (attribution == ATTRIBUTION_EXCLUSIVE ||
            text_equal(winner->partner_mpn_id, candidate->link->partner_mpn_id)) {
            bool winner_wins = false;
            candidate->beaten_by = winner;
            candidate->edge = link_edge(winner, candidate->link, &winner_wins);
        }
    }
}

/* All links of the program's type. */
static void trace_links(struct rating *rating, struct program_trace *traced,
                        const struct program_yield *yield, const struct rating_input *input) {
    const struct customer *customer = input->customer;
    const struct program *program = yield->program;
    if (customer == NULL || program->beneficiary == BENEFICIARY_RESELLER) {
        return;
    }
    struct arena *arena = &rating->trace->arena;
    struct link_trace *others = arena_take(arena, customer->link_count * sizeof *others);
    size_t other_count = 0;
    traced->links = arena_take(arena, customer->link_count * sizeof *traced->links);
    for (size_t i = 0; i < customer->link_count; i++) {
        struct link_trace link = {.link = &customer->links[i]};
        link.fit =
            link_fit(link.link, beneficiary_link_type(program->beneficiary),
                     input->line->subscription_id, rating->classification.workload, yield->as_of);
        if (link.fit == LINK_FITS) {
            tell_loser(&link, rating->winners, yield->winner_count, program->attribution);
            insert_candidate(traced->links, traced->link_count++, link);
        } else if (link.fit != LINK_OTHER_TYPE) {
            others[other_count++] = link;
        }
    }
    if (other_count > 0) {
        memcpy(&traced->links[traced->link_count], others, other_count * sizeof *others);
        traced->link_count += other_count;
    }
}

static void trace_accelerators(struct rating *rating, struct program_trace *traced,
                               const struct program_yield *yield,
                               const struct rating_input *input) {
    const struct program_version *version = yield->version;
    traced->accelerators = arena_take(&rating->trace->arena,
                                      version->accelerator_count * sizeof *traced->accelerators);
    for (size_t i = 0; i < version->accelerator_count; i++) {
        traced->accelerators[i] = accelerator_fit(&version->accelerators[i], input,
                                                  &rating->classification, yield->as_of);
        REQUIRE((traced->accelerators[i] == ACCELERATOR_APPLIES) ==
                ((yield->accelerators >> i & 1U) != 0));
    }
}

static void trace_partner(struct partner_trace *traced, const struct target *target,
                          const struct rating_input *input) {
    *traced = (struct partner_trace){
        .mpn_id = target->partner_mpn_id,
        .link = target->link,
        .reason = target->reason,
        .day = target->as_of,
    };
    if (text_is_null(target->partner_mpn_id)) {
        return;
    }
    traced->reference = input->partners.find(input->partners.context, target->partner_mpn_id);
    if (traced->reference->state == REFERENCE_PRESENT) {
        const struct partner *partner = &traced->reference->partner;
        enum forgone_reason reason =
            standing_decide(target->version, partner, target->as_of, &traced->day);
        REQUIRE(reason == target->reason);
        standing_trace(&target->version->requirements, partner, traced->day, traced->requirements);
    }
}

void trace_program(struct rating *rating, const struct program_yield *yield,
                   enum program_outcome outcome, const struct rating_input *input,
                   size_t first_target) {
    struct rating_trace *trace = rating->trace;
    struct program_trace *traced = &trace->programs[trace->program_count++];
    *traced = (struct program_trace){
        .program = yield->program,
        .program_index = yield->program_index,
        .outcome = outcome,
        .as_of = yield->as_of,
        .version = yield->version,
        .rule = yield->rule,
        .yielded_to = yield->yielded_to,
        .is_rated = outcome == PROGRAM_YIELDS || outcome == PROGRAM_NO_LINK ||
                    outcome == PROGRAM_OVERFLOW || outcome == PROGRAM_UNREADABLE,
    };
    if (!traced->is_rated) {
        return;
    }
    traced->measure = yield->measure;
    traced->rate = yield->rate;
    traced->cumulative = yield->cumulative;
    trace_accelerators(rating, traced, yield, input);
    if (outcome == PROGRAM_OVERFLOW) {
        return;
    }
    trace_links(rating, traced, yield, input);
    traced->partner_count = rating->target_count - first_target;
    traced->partners = arena_take(&trace->arena, traced->partner_count * sizeof *traced->partners);
    for (size_t i = 0; i < traced->partner_count; i++) {
        trace_partner(&traced->partners[i], &rating->targets[first_target + i], input);
    }
}
