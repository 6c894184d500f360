#include "rating_world.h"

#include <stdio.h>
#include <stdlib.h>

static struct link link_of(enum link_type type, const char *id, const char *partner,
                           const char *subscription, const char *workload) {
    return (struct link){.link_id = text_of(id),
                         .partner_mpn_id = text_of(partner),
                         .subscription_id = text_of(subscription),
                         .workload = text_of(workload),
                         .valid = {DAY_MIN, DAY_MAX},
                         .type = type};
}

static const struct target *only_target(struct world *world, const struct billing_line *line) {
    cr_assert_eq(world_targets(world, line), 1);
    return world->rating.targets;
}

Test(rating_links, the_winner_alone_earns_and_nobody_inherits) {
    const struct link links[] = {
        link_of(LINK_CPOR, "L-1", "A", NULL, "exchange"),
        link_of(LINK_CPOR, "L-2", "B", "s", NULL),
        link_of(LINK_CPOR, "L-3", "C", NULL, NULL),
        link_of(LINK_DPOR, "L-4", "D", "s", "exchange"), /* another type */
        link_of(LINK_CPOR, "L-5", "E", "t", "exchange"), /* another subscription */
        link_of(LINK_CPOR, "L-6", "F", "s", "teams"),    /* another workload */
    };
    struct program program = simple_program(BENEFICIARY_CPOR);
    struct world world = world_of(&program, 1, links, COUNT(links));
    for (const char *id = "ACDEF"; *id != '\0'; id++) {
        static const char *const ids[] = {"A", "B", "C", "D", "E", "F"};
        (void)world_add_partner(&world, ids[*id - 'A']);
    }
    struct billing_line line = simple_line();
    const struct target *target = only_target(&world, &line);
    cr_expect(text_equal(target->partner_mpn_id, TEXT("B")));
    cr_expect(target->link == &links[1]);
    cr_expect_eq(target->reason, FORGONE_PARTNER_UNKNOWN, "B is not known; A does not inherit");
    cr_expect(target->cumulative.units == 4000000);
    line.subscription_id = TEXT("u");
    cr_expect(only_target(&world, &line)->link == &links[0]);
    cr_expect_eq(world.rating.targets[0].reason, FORGONE_NONE);
    line.subscription_id = text_null();
    line.workload = text_null();
    cr_expect(only_target(&world, &line)->link == &links[2], "null equals null only as 'any'");
    rating_release(&world.rating);
}

Test(rating_links, every_partner_once_in_order_of_its_id) {
    const struct link links[] = {
        link_of(LINK_PAL, "L-9", "B", NULL, NULL), link_of(LINK_PAL, "L-8", "AA", NULL, NULL),
        link_of(LINK_PAL, "L-7", "B", "s", NULL),  link_of(LINK_PAL, "L-6", "A", NULL, "exchange"),
        link_of(LINK_PAL, "L-5", "B", "s", NULL),  link_of(LINK_PAL, "L-4", "a", NULL, NULL),
    };
    static const size_t expected[] = {3, 1, 4, 5}; /* A, AA, B by L-5, a */
    struct program program = simple_program(BENEFICIARY_PAL);
    program.attribution = ATTRIBUTION_EVERY;
    struct world world = world_of(&program, 1, links, COUNT(links));
    (void)world_add_partner(&world, "AA");
    struct billing_line line = simple_line();
    cr_assert_eq(world_targets(&world, &line), COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        const struct target *target = &world.rating.targets[i];
        cr_expect(target->link == &links[expected[i]], "target %zu", i);
        cr_expect(text_equal(target->partner_mpn_id, target->link->partner_mpn_id));
        cr_expect_eq(target->reason, i == 1 ? FORGONE_NONE : FORGONE_PARTNER_UNKNOWN);
        cr_expect(target->cumulative.units == 4000000, "each in full");
    }
    program.attribution = ATTRIBUTION_EXCLUSIVE;
    cr_expect(only_target(&world, &line)->link == &links[4]);
    rating_release(&world.rating);
}

/* More links than any scratch was made for, and a second customer with more still. */
Test(rating_links, many_links) {
    enum { MANY = 3000 };
    static struct link links[MANY];
    static char ids[MANY][8];
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%04zu", (i * 7919) % MANY);
        links[i] = link_of(LINK_PAL, ids[i], ids[i], NULL, NULL);
    }
    struct program program = simple_program(BENEFICIARY_PAL);
    program.attribution = ATTRIBUTION_EVERY;
    struct world world = world_of(&program, 1, links, 0);
    struct billing_line line = simple_line();
    for (size_t count = 1; count <= MANY; count = count * 3 + 1) {
        world.customer.customer.link_count = count;
        cr_assert_eq(world_targets(&world, &line), count);
        for (size_t i = 1; i < count; i++) {
            cr_assert(text_compare(world.rating.targets[i - 1].partner_mpn_id,
                                   world.rating.targets[i].partner_mpn_id) < 0);
        }
    }
    rating_release(&world.rating);
}

Test(rating_links, no_link_is_told_only_when_asked_for) {
    struct program programs[] = {simple_program(BENEFICIARY_DPOR), simple_program(BENEFICIARY_PAL),
                                 simple_program(BENEFICIARY_RESELLER)};
    programs[1].attribution = ATTRIBUTION_EVERY;
    struct link link = link_of(LINK_PAL, "L", "A", "another", NULL);
    struct world world = world_of(programs, 3, &link, 1);
    struct billing_line line = simple_line();
    line.reseller_mpn_id = text_null();
    for (int state = REFERENCE_MISSING; state <= REFERENCE_PRESENT; state++) {
        world.customer.state = (enum reference_state)state;
        world.options.no_link = false;
        cr_expect_eq(world_targets(&world, &line), 0);
        world.options.no_link = true;
        cr_assert_eq(world_targets(&world, &line), 2, "a line without a reseller lacks no link");
        for (size_t i = 0; i < 2; i++) {
            const struct target *target = &world.rating.targets[i];
            cr_expect_eq(target->program_index, i);
            cr_expect_eq(target->reason, FORGONE_NO_LINK);
            cr_expect(text_is_null(target->partner_mpn_id) && target->link == NULL);
            cr_expect(target->cumulative.units == 4000000);
        }
    }
    cr_expect_eq(world.lookup_count, 0);
    rating_release(&world.rating);
}

/* CPOR beats DPOR: where a link of such a type matches the line, and only there. */
Test(rating_links, a_program_yields_where_a_link_matches) {
    static const struct {
        const char *subscription;
        const char *workload;
        struct interval valid;
        enum link_type type;
        bool yields;
    } cases[] = {
        {NULL, NULL, {DAY_MIN, DAY_MAX}, LINK_CPOR, true},
        {"s", "exchange", {DAY_MIN, DAY_MAX}, LINK_CPOR, true},
        {NULL, "teams", {DAY_MIN, DAY_MAX}, LINK_CPOR, false},
        {"t", NULL, {DAY_MIN, DAY_MAX}, LINK_CPOR, false},
        {NULL, NULL, {JANUARY_1, JANUARY_1 + 1}, LINK_CPOR, true},
        {NULL, NULL, {JANUARY_1 + 1, DAY_MAX}, LINK_CPOR, false},
        {NULL, NULL, {DAY_MIN, JANUARY_1}, LINK_CPOR, false},
        {NULL, NULL, {DAY_MIN, DAY_MAX}, LINK_PAL, true},
        {NULL, NULL, {DAY_MIN, DAY_MAX}, LINK_DPOR, false}, /* not named by yields_to */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct link links[] = {
            link_of(LINK_DPOR, "L-1", "D", NULL, NULL),
            {.link_id = TEXT("L-2"),
             .partner_mpn_id = TEXT("nobody knows"),
             .subscription_id = text_of(cases[i].subscription),
             .workload = text_of(cases[i].workload),
             .valid = cases[i].valid,
             .type = cases[i].type},
        };
        struct program program = simple_program(BENEFICIARY_DPOR);
        program.yields_to = 1U << LINK_CPOR | 1U << LINK_PAL;
        struct world world = world_of(&program, 1, links, 2);
        struct billing_line line = simple_line();
        world.options.no_link = true;
        cr_expect_eq(world_targets(&world, &line), cases[i].yields ? 0 : 1, "case %zu", i);
        world.customer.state = REFERENCE_MISSING;
        cr_expect_eq(world_targets(&world, &line), 1, "no links to yield to");
        rating_release(&world.rating);
    }
}

/* Each type by its own bit, and nothing by another's. */
Test(rating_links, every_link_type_can_be_yielded_to) {
    for (unsigned type = 0; type < LINK_TYPE_COUNT; type++) {
        struct link link = link_of((enum link_type)type, "L", "A", NULL, NULL);
        struct program program = simple_program(BENEFICIARY_RESELLER);
        struct world world = world_of(&program, 1, &link, 1);
        struct billing_line line = simple_line();
        for (unsigned bits = 0; bits < 1U << LINK_TYPE_COUNT; bits++) {
            program.yields_to = (uint8_t)bits;
            bool yields = (bits >> type & 1) != 0;
            cr_expect_eq(world_targets(&world, &line), yields ? 0 : 1, "%s, bits %u",
                         link_type_name(link.type), bits);
        }
        rating_release(&world.rating);
    }
}

/* A program of resellers may yield, too; and a day that matters is the program's own. */
Test(rating_links, yields_on_its_as_of_day) {
    struct link link = link_of(LINK_CPOR, "L", "C", NULL, NULL);
    link.valid.from = FEBRUARY_1 - 1;
    struct program program = simple_program(BENEFICIARY_RESELLER);
    program.yields_to = 1U << LINK_CPOR;
    struct world world = world_of(&program, 1, &link, 1);
    struct billing_line line = simple_line();
    cr_expect_eq(world_targets(&world, &line), 1);
    program.as_of = AS_OF_CHARGE_END_DATE;
    cr_expect_eq(world_targets(&world, &line), 0);
    rating_release(&world.rating);
}

/* An unreadable partner that a link names stops the line, whichever place it has. */
Test(rating_links, one_unreadable_partner_of_many) {
    const struct link links[] = {link_of(LINK_PAL, "1", "A", NULL, NULL),
                                 link_of(LINK_PAL, "2", "B", NULL, NULL),
                                 link_of(LINK_PAL, "3", "C", "another", NULL)};
    struct program program = simple_program(BENEFICIARY_PAL);
    program.attribution = ATTRIBUTION_EVERY;
    struct world world = world_of(&program, 1, links, 3);
    (void)world_add_partner(&world, "A");
    (void)world_add_partner(&world, "B");
    (void)world_add_partner(&world, "C");
    struct billing_line line = simple_line();
    world.partners[2].state = REFERENCE_UNREADABLE;
    cr_expect_eq(world_targets(&world, &line), 2, "C has no part in this line");
    world.partners[1].state = REFERENCE_UNREADABLE;
    cr_expect(!world_rate(&world, &line));
    cr_expect_eq(world.reject.code, REJECT_REFERENCE_UNREADABLE);
    cr_expect(strstr(world.reject.message, "partner B") != NULL);
    rating_release(&world.rating);
}

Test(rating_links, targets_come_by_program_then_partner) {
    const struct link links[] = {link_of(LINK_PAL, "1", "B", NULL, NULL),
                                 link_of(LINK_PAL, "2", "A", NULL, NULL),
                                 link_of(LINK_CPOR, "3", "C", NULL, NULL)};
    struct program programs[] = {simple_program(BENEFICIARY_PAL), simple_program(BENEFICIARY_DPOR),
                                 simple_program(BENEFICIARY_CPOR), simple_program(BENEFICIARY_PAL),
                                 simple_program(BENEFICIARY_RESELLER)};
    programs[0].attribution = programs[3].attribution = ATTRIBUTION_EVERY;
    programs[2].retired = true;
    struct world world = world_of(programs, COUNT(programs), links, COUNT(links));
    world.options.no_link = true;
    struct billing_line line = simple_line();
    static const struct {
        size_t program_index;
        const char *partner;
    } expected[] = {{0, "A"}, {0, "B"}, {1, NULL}, {3, "A"}, {3, "B"}, {4, "R"}};
    for (int round = 0; round < 3; round++) {
        cr_assert_eq(world_targets(&world, &line), COUNT(expected), "not one more the next time");
        for (size_t i = 0; i < COUNT(expected); i++) {
            cr_expect_eq(world.rating.targets[i].program_index, expected[i].program_index);
            cr_expect(
                text_equal(world.rating.targets[i].partner_mpn_id, text_of(expected[i].partner)));
        }
    }
    rating_release(&world.rating);
}

static int sign_of(int order) {
    return (order > 0) - (order < 0);
}

/* §6 as a sort: subscription over workload over neither, later from, smaller id. */
static int by_rank(const void *left, const void *right) {
    const struct link *a = *(const struct link *const *)left;
    const struct link *b = *(const struct link *const *)right;
    int rank_a = (a->subscription_id.data != NULL) * 2 + (a->workload.data != NULL);
    int rank_b = (b->subscription_id.data != NULL) * 2 + (b->workload.data != NULL);
    if (rank_a != rank_b) {
        return rank_b - rank_a;
    }
    if (a->valid.from != b->valid.from) {
        return a->valid.from < b->valid.from ? 1 : -1;
    }
    return sign_of(text_compare(a->link_id, b->link_id));
}

static bool is_any_or(struct text wanted, struct text value) {
    return wanted.data == NULL || text_equal(wanted, value);
}

/* Random links against sorting all of them and taking the first, of all or of each partner. */
Test(rating_links, winners_agree_with_sorting) {
    static const char *const values[] = {NULL, NULL, "x", "y"};
    static const char *const partners[] = {"A", "B", "C"};
    static const char *const ids[] = {"1", "10", "2", "3", "4", "5", "6", "7", "8", "9"};
    srand(23);
    size_t won = 0;
    for (int round = 0; round < 30000; round++) {
        struct link links[10];
        const struct link *sorted[10];
        const struct link *winners[10];
        size_t count = 0;
        struct customer customer = {.links = links, .link_count = (size_t)(rand() % 11)};
        struct text subscription = text_of(values[rand() % 4]);
        struct text workload = text_of(values[rand() % 4]);
        for (size_t i = 0; i < customer.link_count; i++) {
            links[i] = link_of((enum link_type)(rand() % 5 == 0), ids[i], partners[rand() % 3],
                               values[rand() % 4], values[rand() % 4]);
            links[i].valid.from = rand() % 3 == 0 ? DAY_MIN : rand() % 4;
            links[i].valid.to = rand() % 3 == 0 ? DAY_MAX : rand() % 6;
            const struct link *link = &links[i];
            if (link->type == LINK_DPOR && link->valid.from <= 2 && 2 < link->valid.to &&
                is_any_or(link->subscription_id, subscription) &&
                is_any_or(link->workload, workload)) {
                sorted[count++] = link;
            }
        }
        qsort(sorted, count, sizeof sorted[0], by_rank);
        size_t found = matching_winners(&customer, LINK_DPOR, ATTRIBUTION_EXCLUSIVE, subscription,
                                        workload, 2, winners);
        cr_assert_eq(found, count > 0 ? 1 : 0, "round %d", round);
        cr_assert(found == 0 || winners[0] == sorted[0], "round %d", round);
        found = matching_winners(&customer, LINK_DPOR, ATTRIBUTION_EVERY, subscription, workload, 2,
                                 winners);
        size_t at = 0;
        for (size_t p = 0; p < 3; p++) {
            for (size_t i = 0; i < count; i++) {
                if (text_equal(sorted[i]->partner_mpn_id, text_of(partners[p]))) {
                    cr_assert(at < found && winners[at] == sorted[i], "round %d", round);
                    at++;
                    break;
                }
            }
        }
        cr_assert_eq(at, found, "round %d", round);
        won += count > 1;
    }
    cr_expect(won > 5000, "%zu: the dice must make contests", won);
}
