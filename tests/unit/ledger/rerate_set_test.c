#include "accrued/rerate_set.h"

#include "dice.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct text ids[] = {{"a", 1}, {"b", 1}, {"ab", 2}, {"", 0}, {"a\0", 2}};

Test(rerate, scopes_have_names_and_nothing_else_is_one) {
    for (int i = 0; i < RERATE_SCOPE_COUNT; i++) {
        enum rerate_scope scope = RERATE_ALL;
        cr_expect(rerate_scope_parse(text_of(rerate_scope_name((enum rerate_scope)i)), &scope));
        cr_expect_eq(scope, (enum rerate_scope)i);
    }
    const struct text bad[] = {text_null(),   TEXT(""),       TEXT("All"),  TEXT("alls"),
                               TEXT("al"),    TEXT("all\0"),  TEXT(" all"), TEXT("everything"),
                               TEXT("lines"), TEXT("PARTNER")};
    for (size_t i = 0; i < COUNT(bad); i++) {
        enum rerate_scope scope = RERATE_PROGRAM;
        cr_expect(!rerate_scope_parse(bad[i], &scope), "case %zu", i);
        cr_expect_eq(scope, RERATE_PROGRAM);
    }
}

static struct line_state state_of(const char *customer, const char *reseller,
                                  struct earner *earners, size_t count) {
    return (struct line_state){
        .line = {.customer_id = text_of(customer),
                 .line_id = TEXT("l"),
                 .reseller_mpn_id = text_of(reseller),
                 .charge_start_date = 100},
        .origin_offset = -1,
        .rerate_offset = -1,
        .earners = earners,
        .earner_count = count,
    };
}

/* §7: the reseller, whoever has or had an entry, accrued or forgone, and whom a link names. */
Test(rerate, a_partner_concerns_the_lines_it_has_to_do_with) {
    struct earner earners[] = {{.partner_mpn_id = TEXT("D")},
                               {.partner_mpn_id = text_null()},
                               {.partner_mpn_id = TEXT("E"), .sequence = 7}};
    struct line_state state = state_of("c", "R", earners, 3);
    struct link link = {.partner_mpn_id = TEXT("L"), .valid = {0, 1}};
    struct reference customer = {.kind = REFERENCE_CUSTOMER,
                                 .state = REFERENCE_PRESENT,
                                 .customer = {.links = &link, .link_count = 1}};
    static const struct {
        const char *partner;
        enum reference_state customer_state;
        bool concerns;
    } cases[] = {
        {"R", REFERENCE_PRESENT, true},
        {"D", REFERENCE_PRESENT, true},
        {"E", REFERENCE_PRESENT, true},
        {"L", REFERENCE_PRESENT, true}, /* also one that is valid on other days: it may have been */
        {"L", REFERENCE_MISSING, false},
        {"L", REFERENCE_UNREADABLE, false},
        {"R", REFERENCE_MISSING, true},
        {"E", REFERENCE_UNREADABLE, true},
        {"r", REFERENCE_PRESENT, false},
        {"c", REFERENCE_PRESENT, false},
        {"l", REFERENCE_PRESENT, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rerate_request request = {.scope = RERATE_PARTNER,
                                         .id = text_of(cases[i].partner),
                                         .charge_start = {DAY_MIN, DAY_MAX}};
        customer.state = cases[i].customer_state;
        cr_expect_eq(rerate_concerns(&request, &state, &customer), cases[i].concerns, "case %zu",
                     i);
    }
}

Test(rerate, the_charge_decides_whether_a_stretch_of_days_names_a_line) {
    static const struct {
        struct interval days;
        bool concerns;
    } cases[] = {
        {{DAY_MIN, DAY_MAX}, true}, {{100, 101}, true},  {{101, DAY_MAX}, false},
        {{DAY_MIN, 100}, false},    {{100, 100}, false}, {{DAY_MIN, 101}, true},
        {{100, DAY_MAX}, true},     {{200, 100}, false},
    };
    struct line_state state = state_of("c", "R", NULL, 0);
    struct reference customer = {.kind = REFERENCE_CUSTOMER, .state = REFERENCE_MISSING};
    const char *const request_ids[] = {"c", "R", "program", NULL};
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int scope = 0; scope < RERATE_SCOPE_COUNT; scope++) {
            struct rerate_request request = {.scope = (enum rerate_scope)scope,
                                             .id = text_of(request_ids[scope]),
                                             .charge_start = cases[i].days};
            cr_expect_eq(rerate_concerns(&request, &state, &customer), cases[i].concerns,
                         "case %zu, %s", i, rerate_scope_name(request.scope));
        }
    }
}

Test(rerate, an_empty_set_names_nothing) {
    struct rerate_set set;
    rerate_set_init(&set);
    rerate_set_finish(&set);
    struct programs programs = {.count = 0};
    struct line_state state = state_of("c", "R", NULL, 0);
    struct rerate_match match;
    cr_expect(!rerate_set_may_name(&set, &programs, &state));
    cr_expect(!rerate_set_match(&set, &programs, &state, NULL, &match));
    rerate_set_release(&set);
    rerate_set_release(&set);
}

/* A set owns what it was given. */
Test(rerate, a_set_copies_its_requests) {
    struct rerate_set set;
    rerate_set_init(&set);
    char id[] = "c";
    char request_id[] = "r-1";
    char reason[] = "late link";
    struct rerate_request request = {.scope = RERATE_CUSTOMER,
                                     .id = {id, 1},
                                     .charge_start = {DAY_MIN, DAY_MAX},
                                     .request_id = {request_id, 3},
                                     .reason = {reason, 9},
                                     .offset = 4};
    rerate_set_add(&set, &request);
    memset(id, '?', 1);
    memset(request_id, '?', 3);
    memset(reason, '?', 9);
    rerate_set_finish(&set);
    struct programs programs = {.count = 0};
    struct line_state state = state_of("c", NULL, NULL, 0);
    struct rerate_match match;
    cr_assert(rerate_set_match(&set, &programs, &state, NULL, &match));
    cr_expect(text_equal(match.whole->request_id, TEXT("r-1")));
    cr_expect(text_equal(match.whole->reason, TEXT("late link")));
    rerate_set_release(&set);
}

/* Random sets and lines: a set finds what asking each request by itself finds. */
static void check_match(const struct rerate_set *set, const struct rerate_request *requests,
                        size_t count, const struct programs *programs,
                        const struct line_state *state, const struct reference *customer) {
    const struct rerate_request *whole = NULL;
    const struct rerate_request *by_program[4] = {NULL};
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        const struct rerate_request *request = &requests[i];
        if (!rerate_concerns(request, state, customer)) {
            continue;
        }
        if (request->scope != RERATE_PROGRAM) {
            whole = request;
            continue;
        }
        int program = programs_find(programs, request->id);
        if (program >= 0) {
            by_program[program] = request;
            bits |= UINT64_C(1) << program;
        }
    }
    struct rerate_match match;
    bool found = rerate_set_match(set, programs, state, customer, &match);
    cr_assert_eq(found, whole != NULL || bits != 0);
    cr_assert_eq(match.whole != NULL, whole != NULL);
    cr_assert(whole == NULL || match.whole->offset == whole->offset, "the latest of all");
    cr_assert_eq(match.programs, whole != NULL ? 0 : bits);
    for (size_t i = 0; i < programs->count; i++) {
        cr_assert((match.programs >> i & 1) == 0 ||
                  match.by_program[i]->offset == by_program[i]->offset);
    }
    cr_assert(!found || rerate_set_may_name(set, programs, state), "'no' must be certain");
}

static struct interval random_days(struct dice *dice) {
    return (struct interval){dice_hits(dice, 2) ? DAY_MIN : (int32_t)dice_below(dice, 6),
                             dice_hits(dice, 2) ? DAY_MAX : (int32_t)dice_below(dice, 6)};
}

Test(rerate, a_set_agrees_with_its_requests_one_by_one) {
    struct dice dice = {77};
    struct program items[4] = {{.id = ids[0]}, {.id = ids[1]}, {.id = ids[2]}, {.id = TEXT("p")}};
    struct programs programs = {.items = items, .count = 4};
    for (int round = 0; round < 5000; round++) {
        struct rerate_request requests[40];
        struct rerate_set set;
        rerate_set_init(&set);
        size_t count = dice_below(&dice, round % 10 == 0 ? 40 : 5);
        for (size_t i = 0; i < count; i++) {
            requests[i] = (struct rerate_request){
                .scope = (enum rerate_scope)dice_below(&dice, RERATE_SCOPE_COUNT),
                .id = ids[dice_below(&dice, COUNT(ids))],
                .charge_start = random_days(&dice),
                .offset = (int64_t)(i * 3),
            };
            if (requests[i].scope == RERATE_ALL) {
                requests[i].id = text_null();
            }
            rerate_set_add(&set, &requests[i]);
        }
        rerate_set_finish(&set);
        for (int line = 0; line < 10; line++) {
            struct earner earners[3];
            struct link links[3];
            struct line_state state = {.earners = earners, .earner_count = dice_below(&dice, 4)};
            struct reference customer = {
                .kind = REFERENCE_CUSTOMER,
                .state = (enum reference_state)dice_below(&dice, 3),
                .customer = {.links = links, .link_count = dice_below(&dice, 4)}};
            for (size_t i = 0; i < 3; i++) {
                earners[i] = (struct earner){.partner_mpn_id = ids[dice_below(&dice, COUNT(ids))]};
                links[i] = (struct link){.partner_mpn_id = ids[dice_below(&dice, COUNT(ids))]};
            }
            if (dice_hits(&dice, 2)) {
                earners[0].partner_mpn_id = text_null();
            }
            state.line.customer_id = ids[dice_below(&dice, COUNT(ids))];
            state.line.reseller_mpn_id =
                dice_hits(&dice, 2) ? text_null() : ids[dice_below(&dice, COUNT(ids))];
            state.line.charge_start_date = (int32_t)dice_below(&dice, 6);
            check_match(&set, requests, count, &programs, &state, &customer);
        }
        rerate_set_release(&set);
    }
}
