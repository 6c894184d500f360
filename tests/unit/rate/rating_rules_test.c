#include "accrued/rating.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* One program over which each test changes a single thing; the outcome as one line of text:
 * "program partner reason amount rate accelerators", several split by "; ". */
static const struct text azure_only[] = {{"azure", 5}};
static const struct text both[] = {{"azure", 5}, {"office_365", 10}};
static const struct text teams_only[] = {{"teams", 5}};

struct world {
    struct program programs[3];
    struct program_version versions[3];
    struct rate_rule rates[3][2];
    struct accelerator accelerators[3];
    struct catalog_rule rules[1];
    struct link links[4];
    struct reference customer;
    struct billing_line line;
    struct text unreadable_partner;
    bool no_link;
    enum reject_code code; /* of the last rating */
    char message[REJECT_MESSAGE_SIZE_MAX];
    char outcome[500];
};

static const struct reference *find_partner(void *context, struct text mpn_id) {
    static const struct reference known = {.kind = REFERENCE_PARTNER, .state = REFERENCE_PRESENT};
    static const struct reference missing = {.kind = REFERENCE_PARTNER, .state = REFERENCE_MISSING};
    static const struct reference unreadable = {
        .kind = REFERENCE_PARTNER, .state = REFERENCE_UNREADABLE, .unreadable_reason = "not JSON"};
    const struct world *world = context;
    if (text_equal(mpn_id, world->unreadable_partner)) {
        return &unreadable;
    }
    return text_starts_with(mpn_id, TEXT("unknown")) ? &missing : &known;
}

static void world_make(struct world *world, enum beneficiary beneficiary) {
    memset(world, 0, sizeof *world);
    for (size_t i = 0; i < 3; i++) {
        world->rates[i][0] = (struct rate_rule){{azure_only, 1}, {NULL, 0}, {4000000}, 0};
        world->rates[i][1] = (struct rate_rule){{both, 2}, {NULL, 0}, {6000000}, 0};
        world->versions[i] = (struct program_version){
            .valid = {100, 200}, .rates = world->rates[i], .rate_count = 2};
        world->programs[i] = (struct program){.id = text_of(i == 0   ? "p0"
                                                            : i == 1 ? "p1"
                                                                     : "p2"),
                                              .beneficiary = beneficiary,
                                              .versions = &world->versions[i],
                                              .version_count = 1};
    }
    world->customer = (struct reference){.kind = REFERENCE_CUSTOMER, .state = REFERENCE_PRESENT};
    world->customer.customer.links = world->links;
    world->line = (struct billing_line){.line_id = TEXT("l"),
                                        .customer_id = TEXT("c"),
                                        .reseller_mpn_id = TEXT("42"),
                                        .product_family = TEXT("azure"),
                                        .charge_type = TEXT("new"),
                                        .charge_start_date = 150,
                                        .charge_end_date = 199,
                                        .currency = {{'E', 'U', 'R'}}};
    world->line.billed_amount.units = INT64_C(1000000000000); /* 100 */
}

static void world_link(struct world *world, enum link_type type, const char *partner) {
    size_t at = world->customer.customer.link_count++;
    cr_assert(at < 4);
    static const char *const ids[] = {"a", "b", "c", "d"};
    world->links[at] = (struct link){.link_id = text_of(ids[at]),
                                     .partner_mpn_id = text_of(partner),
                                     .valid = {DAY_MIN, DAY_MAX},
                                     .type = type};
}

static const char *rate_with(struct world *world, struct rating *rating, size_t program_count) {
    struct programs programs = {.items = world->programs, .count = program_count};
    struct catalog catalog = {.rules = world->rules,
                              .rule_count = world->rules[0].valid.to != 0 ? 1 : 0};
    struct reject reject = {REJECT_NONE, ""};
    bool good = rating_compute(rating, &programs, &catalog, &world->line, &world->customer,
                               (struct partner_lookup){find_partner, world},
                               (struct rating_options){world->no_link}, &reject);
    cr_expect_eq(good, reject.code == REJECT_NONE);
    world->code = reject.code;
    memcpy(world->message, reject.message, sizeof world->message);
    world->outcome[0] = '\0';
    for (size_t i = 0; good && i < rating->target_count; i++) {
        const struct target *t = &rating->targets[i];
        char amount[DECIMAL_TEXT_SIZE];
        char rate[DECIMAL_TEXT_SIZE];
        decimal_format(t->cumulative.units, AMOUNT_SCALE, amount);
        decimal_format(t->rate.units, RATE_SCALE, rate);
        size_t used = strlen(world->outcome);
        (void)snprintf(world->outcome + used, sizeof world->outcome - used,
                       "%s%zu %.*s %s %s %s %x", i > 0 ? "; " : "", t->program_index,
                       TEXT_ARGS(text_is_null(t->partner_mpn_id) ? TEXT("-") : t->partner_mpn_id),
                       forgone_reason_name(t->reason), amount, rate, t->accelerators);
    }
    return world->outcome;
}

static const char *rate(struct world *world, size_t program_count) {
    struct rating rating;
    rating_init(&rating);
    const char *outcome = rate_with(world, &rating, program_count);
    rating_release(&rating);
    return outcome;
}

#define EARNS "0 42 none 4 0.04 0"

Test(rating_rules, a_reseller_earns) {
    struct world w;
    world_make(&w, BENEFICIARY_RESELLER);
    cr_expect_str_eq(rate(&w, 1), EARNS);
    w.line.billed_amount.units = -w.line.billed_amount.units;
    cr_expect_str_eq(rate(&w, 1), "0 42 none -4 0.04 0");
    w.line.billed_amount.units = 0;
    cr_expect_str_eq(rate(&w, 1), "0 42 none 0 0.04 0");
    w.line.reseller_mpn_id = TEXT("unknown");
    w.line.billed_amount.units = INT64_C(1000000000000);
    cr_expect_str_eq(rate(&w, 1), "0 unknown partner_unknown 4 0.04 0");
    w.line.reseller_mpn_id = text_null();
    w.no_link = true;
    cr_expect_str_eq(rate(&w, 1), "", "no reseller is not a missing link");
}

Test(rating_rules, the_version_in_force_on_the_as_of_day) {
    struct world w;
    world_make(&w, BENEFICIARY_RESELLER);
    static const struct {
        int32_t start;
        int32_t end;
        bool by_start;
        bool by_end;
    } cases[] = {{99, 100, false, true},  {100, 100, true, true},   {199, 199, true, true},
                 {199, 200, true, false}, {200, 200, false, false}, {0, 99, false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        w.line.charge_start_date = cases[i].start;
        w.line.charge_end_date = cases[i].end;
        w.programs[0].as_of = AS_OF_CHARGE_START_DATE;
        cr_expect_str_eq(rate(&w, 1), cases[i].by_start ? EARNS : "", "case %zu", i);
        w.programs[0].as_of = AS_OF_CHARGE_END_DATE;
        cr_expect_str_eq(rate(&w, 1), cases[i].by_end ? EARNS : "", "case %zu", i);
    }
}

Test(rating_rules, what_yields_nothing) {
    struct world w;
    static const struct text excluded[] = {{"cancelImmediate", 15}, {"New", 3}};
    world_make(&w, BENEFICIARY_RESELLER);
    w.line.is_void = true;
    cr_expect_str_eq(rate(&w, 1), "");
    world_make(&w, BENEFICIARY_RESELLER);
    w.programs[0].retired = true;
    cr_expect_str_eq(rate(&w, 1), "");
    world_make(&w, BENEFICIARY_RESELLER);
    w.programs[0].charge_types_excluded = (struct texts){excluded, 2};
    cr_expect_str_eq(rate(&w, 1), "", "feeds write New and new for the same");
    w.line.charge_type = TEXT("renew");
    cr_expect_str_eq(rate(&w, 1), EARNS);
    world_make(&w, BENEFICIARY_RESELLER);
    w.line.product_family = TEXT("Azure");
    cr_expect_str_eq(rate(&w, 1), "", "families are compared byte by byte");
    w.line.product_family = text_null();
    cr_expect_str_eq(rate(&w, 1), "", "other has no rate");
    cr_expect_str_eq(rate(&w, 0), "");
}

Test(rating_rules, the_first_rate_that_matches_gives_the_base) {
    struct world w;
    world_make(&w, BENEFICIARY_RESELLER);
    w.line.product_family = TEXT("office_365");
    cr_expect_str_eq(rate(&w, 1), "0 42 none 6 0.06 0");
    w.line.product_family = TEXT("azure");
    w.rates[0][0].workloads = (struct texts){teams_only, 1};
    cr_expect_str_eq(rate(&w, 1), "0 42 none 6 0.06 0", "no workload: the next rule");
    w.line.workload = TEXT("teams");
    cr_expect_str_eq(rate(&w, 1), EARNS);
    /* By rule consumption: null there is no measure, and no later rule steps in. */
    w.rates[0][0].measure = MEASURE_CONSUMED_AMOUNT;
    cr_expect_str_eq(rate(&w, 1), "");
    w.line.has_consumed_amount = true;
    w.line.consumed_amount.units = INT64_C(2000000000000);
    cr_expect_str_eq(rate(&w, 1), "0 42 none 8 0.04 0");
}

Test(rating_rules, accelerators_add_up_when_all_their_conditions_hold) {
    struct world w;
    world_make(&w, BENEFICIARY_RESELLER);
    w.accelerators[0] = (struct accelerator){.id = TEXT("add"), .rate = {1000000}, .months = 1};
    w.accelerators[1] =
        (struct accelerator){.id = TEXT("tag"), .rate = {5000000}, .tags = 2, .has_tags = true};
    w.accelerators[2] = (struct accelerator){
        .id = TEXT("both"), .rate = {100000}, .families = {both, 2}, .workloads = {teams_only, 1}};
    w.versions[0].accelerators = w.accelerators;
    w.versions[0].accelerator_count = 3;
    cr_expect_str_eq(rate(&w, 1), EARNS, "no added_on, no tag, no workload");
    w.rules[0] = (struct catalog_rule){.tags = 6, .valid = {DAY_MIN, DAY_MAX}};
    cr_expect_str_eq(rate(&w, 1), "0 42 none 9 0.09 2", "tags also with the line's own family");
    w.line.workload = TEXT("teams");
    cr_expect_str_eq(rate(&w, 1), "0 42 none 9.1 0.091 6");
    w.rules[0].tags = 4;
    cr_expect_str_eq(rate(&w, 1), "0 42 none 4.1 0.041 4");
    w.accelerators[1].tags = 0; /* asks for tags that no rule sets */
    w.customer.customer.has_added_on = true;
    w.customer.customer.added_on = 150;
    cr_expect_str_eq(rate(&w, 1), "0 42 none 5.1 0.051 5");
    w.customer.state = REFERENCE_MISSING;
    cr_expect_str_eq(rate(&w, 1), "0 42 none 4.1 0.041 4", "no customer, no customer add");
}

/* added_on ≤ as-of < added_on + N months, with the month's end for the 31st. */
Test(rating_rules, a_customer_add_lasts_calendar_months) {
    struct world w;
    world_make(&w, BENEFICIARY_RESELLER);
    static const struct {
        const char *added_on;
        int32_t months;
        const char *as_of;
        bool holds;
    } cases[] = {
        {"2020-01-31", 1, "2020-01-30", false}, {"2020-01-31", 1, "2020-01-31", true},
        {"2020-01-31", 1, "2020-02-28", true},  {"2020-01-31", 1, "2020-02-29", false},
        {"2019-11-05", 12, "2020-11-04", true}, {"2019-11-05", 12, "2020-11-05", false},
        {"2020-02-29", 12, "2021-02-27", true}, {"2020-02-29", 12, "2021-02-28", false},
    };
    w.versions[0].valid = (struct interval){DAY_MIN, DAY_MAX};
    w.versions[0].accelerators = w.accelerators;
    w.versions[0].accelerator_count = 1;
    w.customer.customer.has_added_on = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        w.accelerators[0] = (struct accelerator){.rate = {1000000}, .months = cases[i].months};
        cr_assert(calendar_parse_day(text_of(cases[i].added_on), &w.customer.customer.added_on));
        cr_assert(calendar_parse_day(text_of(cases[i].as_of), &w.line.charge_start_date));
        cr_expect_str_eq(rate(&w, 1), cases[i].holds ? "0 42 none 5 0.05 1" : EARNS, "case %zu", i);
    }
}

Test(rating_rules, links_exclusive_and_every) {
    struct world w;
    world_make(&w, BENEFICIARY_PAL);
    cr_expect_str_eq(rate(&w, 1), "", "no_link is off by default");
    w.no_link = true;
    cr_expect_str_eq(rate(&w, 1), "0 - no_link 4 0.04 0");
    w.customer.state = REFERENCE_MISSING;
    cr_expect_str_eq(rate(&w, 1), "0 - no_link 4 0.04 0");
    w.customer.state = REFERENCE_PRESENT;
    world_link(&w, LINK_DPOR, "9");
    cr_expect_str_eq(rate(&w, 1), "0 - no_link 4 0.04 0");
    world_link(&w, LINK_PAL, "unknown");
    world_link(&w, LINK_PAL, "7");
    world_link(&w, LINK_PAL, "10");
    cr_expect_str_eq(rate(&w, 1), "0 unknown partner_unknown 4 0.04 0", "nobody inherits");
    w.programs[0].attribution = ATTRIBUTION_EVERY;
    cr_expect_str_eq(rate(&w, 1), "0 10 none 4 0.04 0; 0 7 none 4 0.04 0; "
                                  "0 unknown partner_unknown 4 0.04 0");
}

/* A program gives way to a link of the type that it yields to, eligible partner or not. */
Test(rating_rules, yields_where_such_a_link_matches) {
    struct world w;
    world_make(&w, BENEFICIARY_DPOR);
    w.programs[0].yields_to = 1U << LINK_CPOR;
    world_link(&w, LINK_DPOR, "7");
    cr_expect_str_eq(rate(&w, 1), "0 7 none 4 0.04 0");
    world_link(&w, LINK_CPOR, "unknown");
    cr_expect_str_eq(rate(&w, 1), "");
    w.links[1].workload = TEXT("teams");
    cr_expect_str_eq(rate(&w, 1), "0 7 none 4 0.04 0", "it matches no line of another workload");
    w.line.workload = TEXT("teams");
    cr_expect_str_eq(rate(&w, 1), "");
    w.links[1].valid.to = 150;
    cr_expect_str_eq(rate(&w, 1), "0 7 none 4 0.04 0");
    w.links[1] = w.links[0];
    w.links[1].type = LINK_PAL;
    cr_expect_str_eq(rate(&w, 1), "0 7 none 4 0.04 0");
}

Test(rating_rules, targets_stand_in_program_order_and_do_not_pile_up) {
    struct world w;
    struct rating rating;
    world_make(&w, BENEFICIARY_RESELLER);
    w.programs[1].beneficiary = BENEFICIARY_DPOR;
    w.programs[1].attribution = ATTRIBUTION_EVERY;
    world_link(&w, LINK_DPOR, "9");
    world_link(&w, LINK_DPOR, "1");
    rating_init(&rating);
    for (int round = 0; round < 3; round++) {
        cr_expect_str_eq(rate_with(&w, &rating, 3),
                         "0 42 none 4 0.04 0; 1 1 none 4 0.04 0; 1 9 none 4 0.04 0; "
                         "2 42 none 4 0.04 0");
    }
    cr_expect(rating.targets[0].link == NULL && rating.targets[0].as_of == 150);
    cr_expect(rating.targets[1].link == &w.links[1] && rating.targets[2].link == &w.links[0]);
    cr_expect(rating.targets[3].version == &w.versions[2]);
    rating_release(&rating);
}

/* |measure| < 10^18 and rate ≤ 100: the product stays below decimal(28,6)'s 10^22, always. */
Test(rating_rules, the_largest_measure_at_the_highest_rate_fits) {
    struct world w;
    for (int standing = 0; standing < 2; standing++) {
        world_make(&w, BENEFICIARY_RESELLER);
        w.line.reseller_mpn_id = standing == 0 ? TEXT("42") : TEXT("unknown");
        w.line.billed_amount.units = decimal_power_of_ten(DECIMAL_PRECISION) - 1;
        cr_expect_neq(rate(&w, 1)[0], '\0', "the largest measure at 4%% fits");
        w.rates[0][0].rate.units = RATE_MAX_UNITS;
        cr_expect_neq(rate(&w, 1)[0], '\0', "10^20 fits in 10^22");
    }
    cr_expect_eq(w.code, REJECT_NONE);
}

Test(rating_rules, unreadable_reference_data_is_never_a_guess) {
    struct world w;
    world_make(&w, BENEFICIARY_RESELLER);
    w.customer.state = REFERENCE_UNREADABLE;
    (void)snprintf(w.customer.unreadable_reason, sizeof w.customer.unreadable_reason, "cut");
    cr_expect_str_eq(rate(&w, 1), "");
    cr_expect_eq(w.code, REJECT_REFERENCE_UNREADABLE);
    cr_expect(strstr(w.message, "customer c") && strstr(w.message, "cut"), "%s", w.message);
    w.line.is_void = true; /* needs no reference data */
    cr_expect_str_eq(rate(&w, 1), "");
    cr_expect_eq(w.code, REJECT_NONE);
    world_make(&w, BENEFICIARY_RESELLER);
    w.unreadable_partner = TEXT("42");
    (void)rate(&w, 1);
    cr_expect_eq(w.code, REJECT_REFERENCE_UNREADABLE);
    cr_expect(strstr(w.message, "partner 42") && strstr(w.message, "not JSON"), "%s", w.message);
    w.programs[0].retired = true; /* nobody asks for the partner */
    (void)rate(&w, 1);
    cr_expect_eq(w.code, REJECT_NONE);
}
