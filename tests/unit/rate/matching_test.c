#include "accrued/rating.h"

#include <criterion/criterion.h>

#define NULL_TEXT                                                                                  \
    { NULL, 0 }
#define S                                                                                          \
    { "s-1", 3 }
#define W                                                                                          \
    { "exchange", 8 }
#define P(id)                                                                                      \
    { id, sizeof(id) - 1 }
#define ALWAYS                                                                                     \
    { DAY_MIN, DAY_MAX }

/* The ids of the winners, in order, as "L-1 L-2". */
static const char *winners_of(const struct link *links, size_t count, enum attribution attribution,
                              struct text subscription_id, struct text workload, int32_t as_of) {
    static char ids[200];
    const struct link *winners[32];
    struct customer customer = {.customer_id = TEXT("c"), .links = links, .link_count = count};
    size_t found = matching_winners(&customer, LINK_CPOR, attribution, subscription_id, workload,
                                    as_of, winners);
    ids[0] = '\0';
    for (size_t i = 0; i < found; i++) {
        strcat(ids, i > 0 ? " " : "");
        strncat(ids, winners[i]->link_id.data, winners[i]->link_id.size);
    }
    return ids;
}

Test(matching, a_link_matches_by_type_day_subscription_and_workload) {
    static const struct {
        struct link link;
        bool matches;
    } cases[] = {
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_CPOR}, true},
        {{P("L"), P("1"), S, NULL_TEXT, ALWAYS, LINK_CPOR}, true},
        {{P("L"), P("1"), NULL_TEXT, W, ALWAYS, LINK_CPOR}, true},
        {{P("L"), P("1"), S, W, ALWAYS, LINK_CPOR}, true},
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_DPOR}, false},
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_PAL}, false},
        {{P("L"), P("1"), P("s-2"), NULL_TEXT, ALWAYS, LINK_CPOR}, false},
        {{P("L"), P("1"), P("s-12"), NULL_TEXT, ALWAYS, LINK_CPOR}, false},
        {{P("L"), P("1"), NULL_TEXT, P("Exchange"), ALWAYS, LINK_CPOR}, false},
        {{P("L"), P("1"), S, P("teams"), ALWAYS, LINK_CPOR}, false},
        {{P("L"), P("1"), P("s-2"), W, ALWAYS, LINK_CPOR}, false},
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, {100, DAY_MAX}, LINK_CPOR}, true},
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, {101, DAY_MAX}, LINK_CPOR}, false},
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, {0, 100}, LINK_CPOR}, false},
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, {0, 101}, LINK_CPOR}, true},
        {{P("L"), P("1"), NULL_TEXT, NULL_TEXT, {100, 100}, LINK_CPOR}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int attribution = ATTRIBUTION_EXCLUSIVE; attribution <= ATTRIBUTION_EVERY;
             attribution++) {
            const char *ids = winners_of(&cases[i].link, 1, (enum attribution)attribution,
                                         TEXT("s-1"), TEXT("exchange"), 100);
            cr_expect_str_eq(ids, cases[i].matches ? "L" : "", "case %zu", i);
        }
    }
    /* A line without subscription and workload: only links that name neither. */
    for (size_t i = 0; i < 4; i++) {
        const char *ids =
            winners_of(&cases[i].link, 1, ATTRIBUTION_EXCLUSIVE, text_null(), text_null(), 100);
        cr_expect_str_eq(ids, i == 0 ? "L" : "", "case %zu", i);
    }
    cr_expect_str_eq(winners_of(NULL, 0, ATTRIBUTION_EXCLUSIVE, (struct text)S, (struct text)W, 0),
                     "");
    cr_expect_str_eq(winners_of(NULL, 0, ATTRIBUTION_EVERY, (struct text)S, (struct text)W, 0), "");
}

/* Each link beats all that stand behind it, from whichever side they are seen. */
Test(matching, the_order_of_preference) {
    static const struct link best_first[] = {
        {P("z9"), P("7"), S, W, ALWAYS, LINK_CPOR},
        {P("b1"), P("6"), S, NULL_TEXT, {50, DAY_MAX}, LINK_CPOR},
        {P("a1"), P("5"), S, NULL_TEXT, {49, DAY_MAX}, LINK_CPOR},
        {P("a2"), P("4"), S, NULL_TEXT, {49, 200}, LINK_CPOR},
        {P("A9"), P("3"), NULL_TEXT, W, {99, DAY_MAX}, LINK_CPOR},
        {P("L-"), P("2"), NULL_TEXT, NULL_TEXT, {99, DAY_MAX}, LINK_CPOR},
        {P("L-10"), P("1"), NULL_TEXT, NULL_TEXT, {99, DAY_MAX}, LINK_CPOR},
        {P("L-9"), P("0"), NULL_TEXT, NULL_TEXT, {99, DAY_MAX}, LINK_CPOR},
        {P("L-0"), P("8"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_CPOR},
    };
    size_t count = sizeof best_first / sizeof best_first[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            struct link pair[] = {best_first[i], best_first[k]};
            size_t better = i < k ? i : k;
            char expected[20] = "";
            strncat(expected, best_first[better].link_id.data, best_first[better].link_id.size);
            cr_expect_str_eq(
                winners_of(pair, 2, ATTRIBUTION_EXCLUSIVE, (struct text)S, (struct text)W, 100),
                expected, "%zu against %zu", i, k);
            /* The same of one partner with several links. */
            pair[0].partner_mpn_id = pair[1].partner_mpn_id = TEXT("42");
            cr_expect_str_eq(
                winners_of(pair, 2, ATTRIBUTION_EVERY, (struct text)S, (struct text)W, 100),
                expected, "%zu against %zu", i, k);
        }
    }
}

Test(matching, every_gives_one_a_partner_in_order_of_partner_id) {
    static const struct link links[] = {
        {P("e"), P("9"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_CPOR},
        {P("c"), P("10"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_CPOR},
        {P("b"), P("10"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_CPOR},
        {P("x"), P("2"), NULL_TEXT, NULL_TEXT, ALWAYS, LINK_PAL},
        {P("d"), P("1"), NULL_TEXT, W, ALWAYS, LINK_CPOR},
        {P("a"), P("1"), NULL_TEXT, NULL_TEXT, {99, DAY_MAX}, LINK_CPOR},
        {P("y"), P("0"), NULL_TEXT, NULL_TEXT, {0, 100}, LINK_CPOR},
        {P("f"), P("9"), S, NULL_TEXT, ALWAYS, LINK_CPOR},
    };
    cr_expect_str_eq(winners_of(links, 8, ATTRIBUTION_EVERY, (struct text)S, (struct text)W, 100),
                     "d b f");
    cr_expect_str_eq(winners_of(links, 8, ATTRIBUTION_EVERY, text_null(), text_null(), 100),
                     "a b e");
    cr_expect_str_eq(
        winners_of(links, 8, ATTRIBUTION_EXCLUSIVE, (struct text)S, (struct text)W, 100), "f");
}

/* The order in which the customer's links are written must not matter. */
Test(matching, the_order_of_the_links_does_not_matter) {
    uint32_t state = 77;
    for (int round = 0; round < 5000; round++) {
        static const char *const partners[] = {"1", "10", "2", "22"};
        static char ids[12][4];
        struct link links[12];
        for (size_t i = 0; i < 12; i++) {
            state = state * 1664525 + 1013904223;
            uint32_t r = state >> 8;
            ids[i][0] = 'L';
            ids[i][1] = (char)('a' + i);
            links[i] = (struct link){
                .link_id = {ids[i], 2},
                .partner_mpn_id = text_of(partners[r % 4]),
                .subscription_id = (r & 0x10) != 0 ? (struct text)S : text_null(),
                .workload = (r & 0x20) != 0 ? (struct text)W : text_null(),
                .valid = {(int32_t)(r >> 6) % 3, 100 + (int32_t)(r >> 9) % 3},
                .type = (r >> 12) % 5 == 0 ? LINK_DPOR : LINK_CPOR,
            };
        }
        char exclusive[200];
        char every[200];
        strcpy(exclusive,
               winners_of(links, 12, ATTRIBUTION_EXCLUSIVE, (struct text)S, (struct text)W, 100));
        strcpy(every,
               winners_of(links, 12, ATTRIBUTION_EVERY, (struct text)S, (struct text)W, 100));
        for (size_t i = 11; i > 0; i--) {
            state = state * 1664525 + 1013904223;
            size_t k = (state >> 8) % (i + 1);
            struct link kept = links[i];
            links[i] = links[k];
            links[k] = kept;
        }
        cr_assert_str_eq(
            winners_of(links, 12, ATTRIBUTION_EXCLUSIVE, (struct text)S, (struct text)W, 100),
            exclusive);
        cr_assert_str_eq(
            winners_of(links, 12, ATTRIBUTION_EVERY, (struct text)S, (struct text)W, 100), every);
        cr_assert(exclusive[0] == '\0' || strstr(every, exclusive) != NULL,
                  "the one winner is among those of every partner: %s, %s", exclusive, every);
    }
}

Test(matching, link_types_in_any_case) {
    enum link_type type = LINK_DPOR;
    cr_expect(link_type_parse(TEXT("cpor"), &type) && type == LINK_CPOR);
    cr_expect(link_type_parse(TEXT("Pal"), &type) && type == LINK_PAL);
    cr_expect(link_type_parse(TEXT("DPOR"), &type) && type == LINK_DPOR);
    cr_expect(!link_type_parse(TEXT("POR"), &type));
    cr_expect(!link_type_parse(TEXT("CPOR "), &type));
    cr_expect(!link_type_parse(TEXT(""), &type));
    cr_expect(!link_type_parse(text_null(), &type));
    for (int i = 0; i < LINK_TYPE_COUNT; i++) {
        cr_expect(link_type_parse(text_of(link_type_name((enum link_type)i)), &type));
        cr_expect_eq((int)type, i);
    }
}
