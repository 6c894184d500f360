/* A trace says what the engine decided, and why. */
#include "rating_world.h"

#include "accrued/trace.h"

static const struct interval march[] = {{MARCH_1, MARCH_1 + 31}};

/* Rates with a trace; the trace is the caller's to release. */
static void trace_of(struct world *world, struct rating_trace *trace,
                     const struct billing_line *line) {
    trace_init(trace);
    world->rating.trace = trace;
    (void)world_rate(world, line);
}

static void done(struct world *world, struct rating_trace *trace) {
    trace_release(trace);
    rating_release(&world->rating);
}

Test(trace, a_rating_without_a_trace_is_the_same) {
    struct program program = simple_program(BENEFICIARY_RESELLER);
    struct world world = world_of(&program, 1, NULL, 0);
    struct billing_line line = simple_line();
    struct rating_trace trace;
    world_add_partner(&world, "R");
    size_t plain_count = world_targets(&world, &line);
    struct target plain = world.rating.targets[0];
    trace_of(&world, &trace, &line);
    cr_expect_eq(world.rating.target_count, plain_count);
    cr_expect(world.rating.targets[0].cumulative.units == plain.cumulative.units);
    cr_expect(trace.programs[0].cumulative.units == plain.cumulative.units);
    cr_expect_eq(trace.programs[0].outcome, PROGRAM_YIELDS);
    done(&world, &trace);
}

/* Each program for another reason. */
Test(trace, says_why_nothing) {
    static const struct text excluded[] = {{"CYCLEFEE", 8}};
    static const struct text azure[] = {{"azure", 5}};
    static const struct rate_rule for_azure[] = {{.families = {azure, 1}}};
    static const struct rate_rule of_consumed[] = {
        {.families = {office, 1}, .measure = MEASURE_CONSUMED_AMOUNT}};
    static const struct program_version ended[] = {{.valid = {DAY_MIN, JANUARY_1}}};
    static const struct program_version no_rate[] = {
        {.valid = {DAY_MIN, DAY_MAX}, .rates = for_azure, .rate_count = 1}};
    static const struct program_version consumed[] = {
        {.valid = {DAY_MIN, DAY_MAX}, .rates = of_consumed, .rate_count = 1}};
    struct program programs[7];
    for (size_t i = 0; i < COUNT(programs); i++) {
        programs[i] = simple_program(BENEFICIARY_DPOR);
    }
    programs[0].beneficiary = BENEFICIARY_RESELLER;
    programs[1].retired = true;
    programs[2].versions = ended;
    programs[3].charge_types_excluded = (struct texts){excluded, 1};
    programs[4].versions = no_rate;
    programs[5].versions = consumed;
    programs[6].yields_to = 1U << LINK_CPOR;
    const struct link claim = {.link_id = TEXT("C"),
                               .partner_mpn_id = TEXT("P"),
                               .valid = {DAY_MIN, DAY_MAX},
                               .type = LINK_CPOR};
    static const enum program_outcome want[] = {
        PROGRAM_NO_RESELLER, PROGRAM_RETIRED,    PROGRAM_NO_VERSION, PROGRAM_CHARGE_TYPE_EXCLUDED,
        PROGRAM_NO_RATE,     PROGRAM_NO_MEASURE, PROGRAM_YIELDED};
    struct world world = world_of(programs, COUNT(programs), &claim, 1);
    struct billing_line line = simple_line();
    struct rating_trace trace;
    line.reseller_mpn_id = text_null();
    line.has_consumed_amount = false;
    trace_of(&world, &trace, &line);
    cr_assert_eq(trace.program_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        cr_expect_eq(trace.programs[i].outcome, want[i], "program %zu: %s", i,
                     program_outcome_name(trace.programs[i].outcome));
        cr_expect_eq(trace.programs[i].partner_count, 0);
    }
    cr_expect_eq(trace.programs[6].yielded_to, &claim);
    cr_expect_eq(world.rating.target_count, 0);
    done(&world, &trace);
}

Test(trace, candidates_are_in_order_and_the_loser_knows_why) {
    const struct link links[] = {
        {TEXT("plain"), TEXT("1"), text_null(), text_null(), {DAY_MIN, DAY_MAX}, LINK_DPOR},
        {TEXT("late"), TEXT("2"), text_null(), text_null(), {JANUARY_1, DAY_MAX}, LINK_DPOR},
        {TEXT("other"), TEXT("3"), TEXT("x"), text_null(), {DAY_MIN, DAY_MAX}, LINK_DPOR},
        {TEXT("b"), TEXT("4"), TEXT("s"), text_null(), {DAY_MIN, DAY_MAX}, LINK_DPOR},
        {TEXT("a"), TEXT("5"), TEXT("s"), text_null(), {DAY_MIN, DAY_MAX}, LINK_DPOR},
        {TEXT("over"), TEXT("6"), text_null(), text_null(), {DAY_MIN, JANUARY_1}, LINK_DPOR},
        {TEXT("teams"), TEXT("7"), text_null(), TEXT("teams"), {DAY_MIN, DAY_MAX}, LINK_DPOR},
        {TEXT("claim"), TEXT("8"), text_null(), text_null(), {DAY_MIN, DAY_MAX}, LINK_CPOR},
    };
    struct program program = simple_program(BENEFICIARY_DPOR);
    struct world world = world_of(&program, 1, links, COUNT(links));
    struct billing_line line = simple_line();
    struct rating_trace trace;
    trace_of(&world, &trace, &line);
    const struct program_trace *traced = &trace.programs[0];
    static const struct {
        const char *id;
        enum link_fit fit;
        enum link_edge edge;
    } want[] = {
        {"a", LINK_FITS, EDGE_NONE},
        {"b", LINK_FITS, EDGE_LINK_ID},
        {"late", LINK_FITS, EDGE_SPECIFICITY},
        {"plain", LINK_FITS, EDGE_SPECIFICITY},
        {"other", LINK_OTHER_SUBSCRIPTION, EDGE_NONE},
        {"over", LINK_NOT_VALID, EDGE_NONE},
        {"teams", LINK_OTHER_WORKLOAD, EDGE_NONE},
    };
    cr_assert_eq(traced->link_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct link_trace *link = &traced->links[i];
        cr_expect(text_equal(link->link->link_id, text_of(want[i].id)), "link %zu", i);
        cr_expect_eq(link->fit, want[i].fit, "%s", want[i].id);
        cr_expect_eq(link->edge, want[i].edge, "%s", want[i].id);
        cr_expect_eq(link->is_winner, i == 0, "%s", want[i].id);
    }
    cr_expect_eq(traced->partners[0].link, traced->links[0].link);
    done(&world, &trace);
}

Test(trace, every_partner_has_a_winner_of_its_own) {
    const struct link links[] = {
        {TEXT("1-plain"), TEXT("1"), text_null(), text_null(), {DAY_MIN, DAY_MAX}, LINK_PAL},
        {TEXT("1-sub"), TEXT("1"), TEXT("s"), text_null(), {DAY_MIN, DAY_MAX}, LINK_PAL},
        {TEXT("2-plain"), TEXT("2"), text_null(), text_null(), {DAY_MIN, DAY_MAX}, LINK_PAL},
    };
    struct program program = simple_program(BENEFICIARY_PAL);
    program.attribution = ATTRIBUTION_EVERY;
    struct world world = world_of(&program, 1, links, COUNT(links));
    struct billing_line line = simple_line();
    struct rating_trace trace;
    trace_of(&world, &trace, &line);
    const struct program_trace *traced = &trace.programs[0];
    cr_assert_eq(traced->link_count, 3);
    cr_expect(traced->links[0].is_winner); /* 1-sub */
    cr_expect_not(traced->links[1].is_winner);
    cr_expect_eq(traced->links[1].beaten_by, traced->links[0].link);
    cr_expect(traced->links[2].is_winner);
    cr_expect_eq(traced->partner_count, 2);
    done(&world, &trace);
}

Test(trace, a_requirement_names_its_interval_and_the_day) {
    static const struct program_version version[] = {
        {.valid = {DAY_MIN, DAY_MAX},
         .standing = STANDING_MONTH,
         .requirements = {.mpn_active = true, .bank_profile = true},
         .rates = four_percent,
         .rate_count = 1}};
    static const struct interval from_tenth[] = {{JANUARY_1 + 9, JANUARY_1 + 20}};
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.versions = version;
    struct world world = world_of(&program, 1, NULL, 0);
    struct billing_line line = simple_line();
    struct rating_trace trace;
    struct partner *partner = world_add_partner(&world, "R");
    partner->bank_profile = (struct intervals){from_tenth, 1};
    trace_of(&world, &trace, &line);
    const struct partner_trace *traced = &trace.programs[0].partners[0];
    cr_expect_eq(traced->reason, FORGONE_NONE);
    cr_expect_eq(traced->day, JANUARY_1 + 9);
    cr_expect_eq(traced->requirements[0].met_by, &always[0]);
    cr_expect_not(traced->requirements[1].is_required);
    cr_expect_eq(traced->requirements[3].met_by, &from_tenth[0]);
    trace_release(&trace);
    partner->bank_profile = (struct intervals){march, 1};
    trace_of(&world, &trace, &line);
    traced = &trace.programs[0].partners[0];
    cr_expect_eq(traced->reason, FORGONE_BANK_PROFILE_MISSING);
    cr_expect_eq(traced->day, FEBRUARY_1 - 1, "the month's last day gives the reason");
    cr_expect_null(traced->requirements[3].met_by);
    cr_expect_eq(traced->requirements[3].known.items, march);
    done(&world, &trace);
}

Test(trace, an_unreadable_partner_ends_it_where_the_rating_ended) {
    struct program programs[2] = {simple_program(BENEFICIARY_RESELLER),
                                  simple_program(BENEFICIARY_RESELLER)};
    struct world world = world_of(programs, 2, NULL, 0);
    struct billing_line line = simple_line();
    struct rating_trace trace;
    world_add_partner(&world, "R");
    world.partners[0].state = REFERENCE_UNREADABLE;
    trace_of(&world, &trace, &line);
    cr_expect_eq(world.reject.code, REJECT_REFERENCE_UNREADABLE);
    cr_assert_eq(trace.program_count, 1);
    cr_expect_eq(trace.programs[0].outcome, PROGRAM_UNREADABLE);
    cr_expect(trace.programs[0].is_rated);
    cr_expect_eq(trace.programs[0].partner_count, 0);
    done(&world, &trace);
}

Test(trace, names_are_names) {
    for (int i = 0; i < PROGRAM_OUTCOME_COUNT; i++) {
        cr_expect_gt(strlen(program_outcome_name((enum program_outcome)i)), 3);
    }
    for (int i = 0; i < LINK_FIT_COUNT; i++) {
        cr_expect_gt(strlen(link_fit_name((enum link_fit)i)), 3);
    }
    for (int i = 0; i < LINK_EDGE_COUNT; i++) {
        cr_expect_gt(strlen(link_edge_name((enum link_edge)i)), 3);
    }
    for (int i = 0; i < ACCELERATOR_FIT_COUNT; i++) {
        cr_expect_gt(strlen(accelerator_fit_name((enum accelerator_fit)i)), 3);
    }
}
