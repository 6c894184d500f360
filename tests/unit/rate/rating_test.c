#include "rating_world.h"

#include <stdio.h>

static const struct text exchange[] = {{"exchange", 8}};
static const struct text teams[] = {{"teams", 5}};

Test(rating, a_reseller_earns_its_rate) {
    struct program program = simple_program(BENEFICIARY_RESELLER);
    struct world world = world_of(&program, 1, NULL, 0);
    (void)world_add_partner(&world, "R");
    struct billing_line line = simple_line();
    cr_assert_eq(world_targets(&world, &line), 1);
    const struct target *target = world.rating.targets;
    cr_expect_eq(target->program_index, 0);
    cr_expect(target->version == simple_version);
    cr_expect(text_equal(target->partner_mpn_id, TEXT("R")));
    cr_expect(target->link == NULL);
    cr_expect_eq(target->reason, FORGONE_NONE);
    cr_expect(target->measure.units == measure_units(100));
    cr_expect_eq(target->rate.units, 4000000);
    cr_expect_eq(target->accelerators, 0);
    cr_expect(target->cumulative.units == 4000000);
    cr_expect_eq(target->as_of, JANUARY_1);
    rating_release(&world.rating);
}

/* One thing at a time, each enough to make the program yield nothing at all, not even forgone. */
Test(rating, what_makes_a_program_not_apply) {
    static const struct text excluded[] = {{"customerCredit", 14}, {"CYCLEFEE", 8}};
    static const struct program_version later[] = {
        {.valid = {JANUARY_1 + 1, DAY_MAX}, .rates = four_percent, .rate_count = 1}};
    static const struct program_version earlier[] = {
        {.valid = {DAY_MIN, JANUARY_1}, .rates = four_percent, .rate_count = 1}};
    static const struct rate_rule for_teams[] = {
        {.families = {office, 1}, .workloads = {teams, 1}, .rate = {1}}};
    static const struct program_version teams_only[] = {
        {.valid = {DAY_MIN, DAY_MAX}, .rates = for_teams, .rate_count = 1}};
    static const struct program_version no_rates[] = {{.valid = {DAY_MIN, DAY_MAX}}};
    enum {
        APPLIES,
        VOID_LINE,
        NO_RESELLER,
        RETIRED,
        LATER,
        EARLIER,
        NO_VERSION,
        EXCLUDED,
        FAMILY,
        WORKLOAD,
        NULL_WORKLOAD,
        NO_RATES,
        CASES
    };
    for (int c = APPLIES; c < CASES; c++) {
        struct program program = simple_program(BENEFICIARY_RESELLER);
        struct world world = world_of(&program, 1, NULL, 0);
        (void)world_add_partner(&world, "R");
        world.options.no_link = true;
        struct billing_line line = simple_line();
        line.is_void = c == VOID_LINE;
        line.reseller_mpn_id = c == NO_RESELLER ? text_null() : line.reseller_mpn_id;
        line.product_family = c == FAMILY ? TEXT("Office_365") : line.product_family;
        line.workload = c == NULL_WORKLOAD ? text_null() : line.workload;
        program.retired = c == RETIRED;
        program.charge_types_excluded = c == EXCLUDED ? TEXTS(excluded) : (struct texts){0};
        program.versions = c == LATER                            ? later
                           : c == EARLIER                        ? earlier
                           : c == NO_RATES                       ? no_rates
                           : c == WORKLOAD || c == NULL_WORKLOAD ? teams_only
                                                                 : simple_version;
        program.version_count = c == NO_VERSION ? 0 : 1;
        cr_expect_eq(world_targets(&world, &line), c == APPLIES ? 1 : 0, "case %d", c);
        cr_expect(c == APPLIES || world.lookup_count == 0, "case %d: nobody is looked up", c);
        rating_release(&world.rating);
    }
}

/* Wherever in the list it stands; feeds write "New" and "new" for the same thing. */
Test(rating, excluded_charge_types_in_any_case) {
    static const struct text excluded[] = {
        {"customerCredit", 14}, {"cancel", 6}, {"ADDQUANTITY", 11}};
    static const struct {
        const char *charge_type;
        bool applies;
    } cases[] = {
        {"customerCredit", false}, {"CUSTOMERCREDIT", false}, {"cancel", false}, {"Cancel", false},
        {"addQuantity", false},    {"cancelImmediate", true}, {"cance", true},   {"cycleFee", true},
    };
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.charge_types_excluded = TEXTS(excluded);
    struct world world = world_of(&program, 1, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct billing_line line = simple_line();
        line.charge_type = text_of(cases[i].charge_type);
        cr_expect_eq(world_targets(&world, &line), cases[i].applies ? 1 : 0, "%s",
                     cases[i].charge_type);
    }
    rating_release(&world.rating);
}

/* Versions meet without a gap; the day that counts is the program's as_of day. */
Test(rating, the_version_of_the_as_of_day) {
    static const struct program_version versions[] = {
        {.valid = {DAY_MIN, JANUARY_1 + 10}, .rates = four_percent, .rate_count = 1},
        {.valid = {JANUARY_1 + 10, FEBRUARY_1}, .rates = four_percent, .rate_count = 1},
        {.valid = {FEBRUARY_1, DAY_MAX}, .rates = four_percent, .rate_count = 1},
    };
    static const struct {
        enum as_of as_of;
        int32_t start;
        int32_t end;
        size_t version;
    } cases[] = {
        {AS_OF_CHARGE_START_DATE, JANUARY_1 + 9, FEBRUARY_1, 0},
        {AS_OF_CHARGE_START_DATE, JANUARY_1 + 10, FEBRUARY_1, 1},
        {AS_OF_CHARGE_START_DATE, FEBRUARY_1 - 1, FEBRUARY_1, 1},
        {AS_OF_CHARGE_START_DATE, FEBRUARY_1, FEBRUARY_1, 2},
        {AS_OF_CHARGE_END_DATE, JANUARY_1, FEBRUARY_1, 2},
        {AS_OF_CHARGE_END_DATE, JANUARY_1, FEBRUARY_1 - 1, 1},
        {AS_OF_CHARGE_END_DATE, JANUARY_1, JANUARY_1 + 9, 0},
    };
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.versions = versions;
    program.version_count = COUNT(versions);
    struct world world = world_of(&program, 1, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct billing_line line = simple_line();
        program.as_of = cases[i].as_of;
        line.charge_start_date = cases[i].start;
        line.charge_end_date = cases[i].end;
        cr_assert_eq(world_targets(&world, &line), 1, "case %zu", i);
        cr_expect(world.rating.targets[0].version == &versions[cases[i].version], "case %zu", i);
        cr_expect_eq(world.rating.targets[0].as_of,
                     cases[i].as_of == AS_OF_CHARGE_END_DATE ? cases[i].end : cases[i].start);
    }
    rating_release(&world.rating);
}

Test(rating, the_first_rate_that_matches_with_its_own_measure) {
    static const struct text azure[] = {{"azure", 5}, {"azure_reservation", 17}};
    static const struct rate_rule rates[] = {
        {.families = {office, 1}, .workloads = {teams, 1}, .rate = {1}},
        {.families = {azure, 2}, .rate = {2}, .measure = MEASURE_CONSUMED_AMOUNT},
        {.families = {azure, 2}, .rate = {3}},
        {.families = {office, 1}, .rate = {4}},
        {.families = {office, 1}, .workloads = {exchange, 1}, .rate = {5}},
    };
    static const struct program_version version = {
        .valid = {DAY_MIN, DAY_MAX}, .rates = rates, .rate_count = COUNT(rates)};
    static const struct {
        const char *family;
        const char *workload;
        bool has_consumed;
        int64_t rate; /* 0: nothing */
        int64_t measure;
    } cases[] = {
        {"office_365", "teams", true, 1, 100},
        {"office_365", "exchange", true, 4, 100}, /* not the more specific: the first */
        {"office_365", NULL, false, 4, 100},
        {"azure", NULL, true, 2, 40},
        {"azure_reservation", "teams", true, 2, 40},
        {"azure", NULL, false, 0, 0}, /* null is no measure; the next rate is not tried */
        {"windows", NULL, true, 0, 0},
    };
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.versions = &version;
    struct world world = world_of(&program, 1, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct billing_line line = simple_line();
        line.product_family = text_of(cases[i].family);
        line.workload = text_of(cases[i].workload);
        line.has_consumed_amount = cases[i].has_consumed;
        cr_assert_eq(world_targets(&world, &line), cases[i].rate == 0 ? 0 : 1, "case %zu", i);
        if (cases[i].rate != 0) {
            cr_expect_eq(world.rating.targets[0].rate.units, cases[i].rate, "case %zu", i);
            cr_expect(world.rating.targets[0].measure.units == measure_units(cases[i].measure));
        }
    }
    rating_release(&world.rating);
}

/* The catalog's word is what counts where the line has none. */
Test(rating, rates_what_the_catalog_says) {
    struct catalog_rule rule = {.family = TEXT("office_365"), .valid = {DAY_MIN, DAY_MAX}};
    struct program program = simple_program(BENEFICIARY_RESELLER);
    struct world world = world_of(&program, 1, NULL, 0);
    struct billing_line line = simple_line();
    line.product_family = text_null();
    cr_expect_eq(world_targets(&world, &line), 0);
    cr_expect(text_equal(world.rating.classification.family, TEXT("other")));
    world.catalog.rules = &rule;
    world.catalog.rule_count = 1;
    cr_expect_eq(world_targets(&world, &line), 1);
    line.is_void = true;
    cr_expect_eq(world_targets(&world, &line), 0, "nothing is left over from the line before");
    cr_expect(text_equal(world.rating.classification.family, TEXT("office_365")),
              "a void line is classified, too");
    rating_release(&world.rating);
}

Test(rating, accumulates_half_even_on_either_side_of_zero) {
    static const struct {
        int64_t measure; /* 10^-10 */
        int64_t rate;    /* 10^-8 */
        int64_t amount;  /* 10^-6 */
    } cases[] = {
        {0, 4000000, 0},        {10000, 50000000, 0}, /* 0.0000005 → 0 */
        {30000, 50000000, 2},                         /* 0.0000015 → 0.000002 */
        {50000, 50000000, 2},                         /* 0.0000025 → 0.000002 */
        {50001, 50000000, 3},                         /* just above */
        {49999, 50000000, 2},   {-10000, 50000000, 0},
        {-30000, 50000000, -2}, {-50000, 50000000, -2},
        {-50001, 50000000, -3}, {1, 1, 0},
        {INT64_MAX, 0, 0},      {INT64_MAX, RATE_MAX_UNITS, 92233720368547758},
    };
    struct rate_rule rule = {.families = TEXTS(office)};
    struct program_version version = {.valid = {DAY_MIN, DAY_MAX}, .rates = &rule, .rate_count = 1};
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.versions = &version;
    struct world world = world_of(&program, 1, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct billing_line line = simple_line();
        line.billed_amount.units = cases[i].measure;
        rule.rate.units = cases[i].rate;
        cr_assert_eq(world_targets(&world, &line), 1, "case %zu: also an amount of 0", i);
        cr_expect(world.rating.targets[0].cumulative.units == cases[i].amount, "case %zu", i);
    }
    /* The largest measure at the largest rate that loading lets through still fits. */
    struct billing_line line = simple_line();
    for (int sign = -1; sign <= 1; sign += 2) {
        line.billed_amount.units = sign * (decimal_power_of_ten(DECIMAL_PRECISION) - 1);
        rule.rate.units = RATE_MAX_UNITS;
        cr_assert_eq(world_targets(&world, &line), 1);
        cr_expect(world.rating.targets[0].cumulative.units == sign * decimal_power_of_ten(26));
    }
    rating_release(&world.rating);
}

/* Every combination of conditions named and conditions that hold. */
Test(rating, an_accelerator_applies_when_all_that_it_names_holds) {
    for (unsigned bits = 0; bits < 256; bits++) {
        unsigned named = bits & 15;
        unsigned holding = bits >> 4;
        static const struct text azure[] = {{"azure", 5}};
        struct accelerator accelerator = {
            .id = TEXT("a"),
            .rate = {7},
            .months = (named & 1) != 0 ? 12 : 0,
            .families = (named & 2) == 0     ? (struct texts){0}
                        : (holding & 2) != 0 ? TEXTS(office)
                                             : TEXTS(azure),
            .workloads = (named & 4) == 0     ? (struct texts){0}
                         : (holding & 4) != 0 ? TEXTS(exchange)
                                              : TEXTS(teams),
            .has_tags = (named & 8) != 0,
            .tags = (named & 8) == 0     ? 0
                    : (holding & 8) != 0 ? 6
                                         : 5,
        };
        struct program_version version = simple_version[0];
        version.accelerators = &accelerator;
        version.accelerator_count = 1;
        struct program program = simple_program(BENEFICIARY_RESELLER);
        program.versions = &version;
        struct catalog_rule rule = {.tags = 2, .valid = {DAY_MIN, DAY_MAX}};
        struct world world = world_of(&program, 1, NULL, 0);
        world.catalog.rules = &rule;
        world.catalog.rule_count = 1;
        world.customer.customer.has_added_on = (holding & 1) != 0;
        world.customer.customer.added_on = JANUARY_1;
        struct billing_line line = simple_line();
        cr_assert_eq(world_targets(&world, &line), 1);
        bool expected = (named & ~holding) == 0;
        cr_expect_eq(world.rating.targets[0].rate.units, 4000000 + (expected ? 7 : 0), "bits %u",
                     bits);
        cr_expect_eq(world.rating.targets[0].accelerators, expected ? 1 : 0, "bits %u", bits);
        rating_release(&world.rating);
    }
}

Test(rating, a_customer_add_lasts_its_calendar_months) {
    static const struct {
        const char *added_on;
        int32_t months;
        const char *day;
        bool applies;
    } cases[] = {
        {"2020-01-01", 12, "2019-12-31", false}, {"2020-01-01", 12, "2020-01-01", true},
        {"2020-01-01", 12, "2020-12-31", true},  {"2020-01-01", 12, "2021-01-01", false},
        {"2020-01-31", 1, "2020-02-28", true},   {"2020-01-31", 1, "2020-02-29", false},
        {"2019-01-31", 1, "2019-02-27", true},   {"2019-01-31", 1, "2019-02-28", false},
        {"2020-02-29", 12, "2021-02-27", true},  {"2020-02-29", 12, "2021-02-28", false},
        {"2020-02-29", 48, "2024-02-28", true},  {"2020-02-29", 48, "2024-02-29", false},
        {"2019-11-30", 3, "2020-02-28", true},   {"2019-11-30", 3, "2020-02-29", false},
        {"9999-12-31", 12, "9999-12-31", true},
    };
    struct accelerator accelerator = {.rate = {1}};
    struct program_version version = simple_version[0];
    version.accelerators = &accelerator;
    version.accelerator_count = 1;
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.versions = &version;
    struct world world = world_of(&program, 1, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct billing_line line = simple_line();
        accelerator.months = cases[i].months;
        world.customer.customer.has_added_on = true;
        cr_assert(
            calendar_parse_day(text_of(cases[i].added_on), &world.customer.customer.added_on));
        cr_assert(calendar_parse_day(text_of(cases[i].day), &line.charge_start_date));
        cr_assert_eq(world_targets(&world, &line), 1);
        cr_expect_eq(world.rating.targets[0].accelerators, cases[i].applies ? 1 : 0, "case %zu", i);
    }
    world.customer.state = REFERENCE_MISSING; /* what lies in the union then means nothing */
    struct billing_line line = simple_line();
    cr_assert_eq(world_targets(&world, &line), 1);
    cr_expect_eq(world.rating.targets[0].accelerators, 0);
    rating_release(&world.rating);
}

/* As many as there may be: exact sum, one bit each, the highest bit, too. */
Test(rating, accelerators_add_up) {
    struct accelerator accelerators[ACCELERATOR_COUNT_MAX];
    int64_t sum = 4000000;
    for (size_t i = 0; i < ACCELERATOR_COUNT_MAX; i++) {
        accelerators[i] =
            (struct accelerator){.rate = {INT64_C(1) << (i % 16)},
                                 .workloads = i % 2 == 0 ? TEXTS(exchange) : TEXTS(teams)};
        sum += i % 2 == 0 ? INT64_C(1) << (i % 16) : 0;
    }
    accelerators[31].workloads = (struct texts){0};
    sum += INT64_C(1) << 15;
    struct program_version version = simple_version[0];
    version.accelerators = accelerators;
    version.accelerator_count = ACCELERATOR_COUNT_MAX;
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.versions = &version;
    struct world world = world_of(&program, 1, NULL, 0);
    struct billing_line line = simple_line();
    cr_assert_eq(world_targets(&world, &line), 1);
    cr_expect_eq(world.rating.targets[0].accelerators, 0xD5555555U);
    cr_expect_eq(world.rating.targets[0].rate.units, sum);
    cr_expect(world.rating.targets[0].cumulative.units == (int128)sum,
              "100 × sum × 10^-8 is sum × 10^-6");
    rating_release(&world.rating);
}

Test(rating, an_unknown_or_ineligible_partner_forgoes_what_it_would_have_earned) {
    struct program_version version = simple_version[0];
    version.requirements.tax_profile = true;
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.versions = &version;
    struct world world = world_of(&program, 1, NULL, 0);
    struct billing_line line = simple_line();
    for (int known = 0; known < 2; known++) {
        if (known == 1) {
            world_add_partner(&world, "R")->tax_profile.count = 0;
        }
        cr_assert_eq(world_targets(&world, &line), 1);
        const struct target *target = world.rating.targets;
        cr_expect_eq(target->reason,
                     known == 1 ? FORGONE_TAX_PROFILE_MISSING : FORGONE_PARTNER_UNKNOWN);
        cr_expect(text_equal(target->partner_mpn_id, TEXT("R")));
        cr_expect(target->cumulative.units == 4000000);
        cr_expect_eq(target->rate.units, 4000000);
    }
    rating_release(&world.rating);
}

/* A guess would publish wrong money; but only what is needed may stop a line. */
Test(rating, unreadable_reference_data_stops_a_line_that_needs_it) {
    struct program programs[] = {simple_program(BENEFICIARY_DPOR),
                                 simple_program(BENEFICIARY_RESELLER)};
    struct world world = world_of(programs, 2, NULL, 0);
    (void)world_add_partner(&world, "R");
    world.partners[0].state = REFERENCE_UNREADABLE;
    (void)snprintf(world.partners[0].unreadable_reason, sizeof world.partners[0].unreadable_reason,
                   "byte 7: not JSON");
    struct billing_line line = simple_line();
    cr_expect(!world_rate(&world, &line));
    cr_expect_eq(world.reject.code, REJECT_REFERENCE_UNREADABLE);
    cr_expect(strstr(world.reject.message, "partner R: byte 7: not JSON") != NULL, "%s",
              world.reject.message);
    line.product_family = TEXT("other");
    cr_expect_eq(world_targets(&world, &line), 0, "no program asks for the partner");
    line = simple_line();
    line.is_void = true;
    cr_expect_eq(world_targets(&world, &line), 0);

    world.partners[0].state = REFERENCE_PRESENT;
    world.customer.state = REFERENCE_UNREADABLE;
    (void)snprintf(world.customer.unreadable_reason, sizeof world.customer.unreadable_reason,
                   "links is no array");
    cr_expect_eq(world_targets(&world, &line), 0, "a void needs no customer");
    line.is_void = false;
    cr_expect(!world_rate(&world, &line));
    cr_expect_eq(world.reject.code, REJECT_REFERENCE_UNREADABLE);
    cr_expect(strstr(world.reject.message, "customer c: links is no array") != NULL, "%s",
              world.reject.message);
    rating_release(&world.rating);
}

Test(rating, without_programs_nothing_happens) {
    struct world world = world_of(NULL, 0, NULL, 0);
    struct billing_line line = simple_line();
    cr_expect_eq(world_targets(&world, &line), 0);
    cr_expect_eq(world.lookup_count, 0);
    rating_release(&world.rating);
    rating_release(&world.rating);
}
