#include "accrued/programs.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

Test(programs, are_found_by_their_whole_id) {
    struct program items[] = {{.id = TEXT("osu")}, {.id = TEXT("osu-m365")}, {.id = TEXT("dpor")}};
    struct programs programs = {.items = items, .count = 3};
    cr_expect_eq(programs_find(&programs, TEXT("osu")), 0);
    cr_expect_eq(programs_find(&programs, TEXT("osu-m365")), 1);
    cr_expect_eq(programs_find(&programs, TEXT("dpor")), 2);
    const struct text unknown[] = {text_null(), TEXT(""),      TEXT("os"),
                                   TEXT("OSU"), TEXT("osu-m"), TEXT("osu\0")};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        cr_expect_eq(programs_find(&programs, unknown[i]), -1, "case %zu", i);
    }
    programs.count = 2;
    cr_expect_eq(programs_find(&programs, TEXT("dpor")), -1, "not behind the last one");
    programs.count = 0;
    cr_expect_eq(programs_find(&programs, TEXT("osu")), -1);
}

/* Versions with a gap between them: on the days of the gap none is in force. */
Test(programs, have_one_version_a_day_or_none) {
    static const struct program_version versions[] = {
        {.valid = {DAY_MIN, 10}}, {.valid = {10, 20}}, {.valid = {30, DAY_MAX}}};
    struct program program = {.versions = versions, .version_count = 3};
    static const struct {
        int32_t day;
        int version;
    } cases[] = {{DAY_MIN, 0}, {9, 0},  {10, 1}, {19, 1},          {20, -1},
                 {29, -1},     {30, 2}, {31, 2}, {DAY_MAX - 1, 2}, {DAY_MAX, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct program_version *wanted =
            cases[i].version < 0 ? NULL : &versions[cases[i].version];
        cr_expect(program_version_on(&program, cases[i].day) == wanted, "day %d", cases[i].day);
    }
    program.version_count = 0;
    cr_expect(program_version_on(&program, 10) == NULL);
}

Test(programs, lists_are_compared_byte_by_byte) {
    static const struct text items[] = {{"azure", 5}, {"office_365", 10}};
    struct texts texts = {items, 2};
    cr_expect(texts_contain(texts, TEXT("azure")));
    cr_expect(texts_contain(texts, TEXT("office_365")));
    cr_expect(!texts_contain(texts, TEXT("Azure")));
    cr_expect(!texts_contain(texts, TEXT("azure_reservation")));
    cr_expect(!texts_contain(texts, text_null()));
    cr_expect(!texts_contain((struct texts){items, 1}, TEXT("office_365")));
    cr_expect(!texts_contain((struct texts){NULL, 0}, TEXT("azure")));
}

Test(programs, every_link_beneficiary_has_its_link_type) {
    cr_expect_eq(beneficiary_link_type(BENEFICIARY_DPOR), LINK_DPOR);
    cr_expect_eq(beneficiary_link_type(BENEFICIARY_PAL), LINK_PAL);
    cr_expect_eq(beneficiary_link_type(BENEFICIARY_CPOR), LINK_CPOR);
    cr_expect_str_eq(beneficiary_name(BENEFICIARY_RESELLER), "reseller");
    cr_expect_str_eq(beneficiary_name(BENEFICIARY_DPOR), "dpor");
    cr_expect_str_eq(beneficiary_name(BENEFICIARY_PAL), "pal");
    cr_expect_str_eq(beneficiary_name(BENEFICIARY_CPOR), "cpor");
    cr_expect_str_eq(pays_name(PAYS_MONEY), "money");
    cr_expect_str_eq(pays_name(PAYS_RECOGNITION), "recognition");
}

Test(programs, a_reseller_has_no_link, .signal = SIGABRT) {
    (void)beneficiary_link_type(BENEFICIARY_RESELLER);
}
