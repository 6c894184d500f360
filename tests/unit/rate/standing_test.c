#include "accrued/rating.h"

#include <criterion/criterion.h>
#include <signal.h>

static const struct interval always = {DAY_MIN, DAY_MAX};

static int32_t day_of(const char *text) {
    int32_t day = 0;
    cr_assert(calendar_parse_day(text_of(text), &day), "a bad test: %s", text);
    return day;
}

static const struct text qualifying[] = {{"cloud-platform", 14}, {"data-analytics", 14}};

static struct program_version version_of(enum standing standing) {
    return (struct program_version){
        .valid = {DAY_MIN, DAY_MAX},
        .standing = standing,
        .requirements =
            {
                .mpn_active = true,
                .indirect_reseller = true,
                .bank_profile = true,
                .tax_profile = true,
                .any_competency = true,
                .level = LEVEL_SILVER,
                .competencies = {qualifying, 2},
            },
    };
}

static const struct competency silver = {{"cloud-platform", 14}, LEVEL_SILVER, {DAY_MIN, DAY_MAX}};

static struct reference perfect_partner(void) {
    struct intervals one = {&always, 1};
    return (struct reference){
        .kind = REFERENCE_PARTNER,
        .state = REFERENCE_PRESENT,
        .partner = {TEXT("42"), one, one, one, one, &silver, 1},
    };
}

Test(standing, all_in_place) {
    struct program_version day = version_of(STANDING_DAY);
    struct program_version month = version_of(STANDING_MONTH);
    struct reference partner = perfect_partner();
    cr_expect_eq(standing_check(&day, &partner, 18000), FORGONE_NONE);
    cr_expect_eq(standing_check(&month, &partner, 18000), FORGONE_NONE);
}

/* Takes away one thing after the other from the last check to the first: the first that fails
 * is always the reason. */
Test(standing, the_first_that_fails_is_the_reason) {
    for (int standing = STANDING_DAY; standing <= STANDING_MONTH; standing++) {
        struct program_version version = version_of((enum standing)standing);
        struct reference partner = perfect_partner();
        partner.partner.tax_profile.count = 0;
        cr_expect_eq(standing_check(&version, &partner, 0), FORGONE_TAX_PROFILE_MISSING);
        partner.partner.bank_profile.count = 0;
        cr_expect_eq(standing_check(&version, &partner, 0), FORGONE_BANK_PROFILE_MISSING);
        partner.partner.competency_count = 0;
        cr_expect_eq(standing_check(&version, &partner, 0), FORGONE_NO_QUALIFYING_COMPETENCY);
        partner.partner.indirect_reseller.count = 0;
        cr_expect_eq(standing_check(&version, &partner, 0), FORGONE_NOT_INDIRECT_RESELLER);
        partner.partner.mpn_active.count = 0;
        cr_expect_eq(standing_check(&version, &partner, 0), FORGONE_MPN_INACTIVE);
        partner.state = REFERENCE_MISSING;
        cr_expect_eq(standing_check(&version, &partner, 0), FORGONE_PARTNER_UNKNOWN);
    }
}

Test(standing, what_is_not_required_is_not_asked_for) {
    struct program_version version = version_of(STANDING_DAY);
    struct reference nobody = {.kind = REFERENCE_PARTNER, .state = REFERENCE_PRESENT};
    version.requirements = (struct requirements){0};
    cr_expect_eq(standing_check(&version, &nobody, 0), FORGONE_NONE);
    /* But known it must be, even so. */
    nobody.state = REFERENCE_MISSING;
    cr_expect_eq(standing_check(&version, &nobody, 0), FORGONE_PARTNER_UNKNOWN);
    nobody.state = REFERENCE_PRESENT;
    version.requirements.tax_profile = true;
    cr_expect_eq(standing_check(&version, &nobody, 0), FORGONE_TAX_PROFILE_MISSING);
}

Test(standing, an_unreadable_partner_is_never_judged, .signal = SIGABRT) {
    struct program_version version = version_of(STANDING_DAY);
    struct reference partner = {.kind = REFERENCE_PARTNER, .state = REFERENCE_UNREADABLE};
    (void)standing_check(&version, &partner, 0);
}

Test(standing, competencies_by_name_level_and_day) {
    struct program_version version = version_of(STANDING_DAY);
    struct reference partner = perfect_partner();
    const struct {
        struct competency competency;
        enum competency_level wanted;
        bool qualifies;
    } cases[] = {
        {{TEXT("cloud-platform"), LEVEL_SILVER, {0, 10}}, LEVEL_SILVER, true},
        {{TEXT("data-analytics"), LEVEL_SILVER, {0, 10}}, LEVEL_SILVER, true},
        {{TEXT("cloud-platform"), LEVEL_GOLD, {0, 10}}, LEVEL_SILVER, true},
        {{TEXT("cloud-platform"), LEVEL_GOLD, {0, 10}}, LEVEL_GOLD, true},
        {{TEXT("cloud-platform"), LEVEL_SILVER, {0, 10}}, LEVEL_GOLD, false},
        {{TEXT("Cloud-platform"), LEVEL_GOLD, {0, 10}}, LEVEL_SILVER, false},
        {{TEXT("cloud-platfor"), LEVEL_GOLD, {0, 10}}, LEVEL_SILVER, false},
        {{TEXT("cloud-platform"), LEVEL_GOLD, {0, 5}}, LEVEL_SILVER, false},
        {{TEXT("cloud-platform"), LEVEL_GOLD, {5, 6}}, LEVEL_SILVER, true},
        {{TEXT("cloud-platform"), LEVEL_GOLD, {6, 10}}, LEVEL_SILVER, false},
        {{TEXT("cloud-platform"), LEVEL_GOLD, {5, 5}}, LEVEL_SILVER, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        version.requirements.level = cases[i].wanted;
        partner.partner.competencies = &cases[i].competency;
        cr_expect_eq(standing_check(&version, &partner, 5),
                     cases[i].qualifies ? FORGONE_NONE : FORGONE_NO_QUALIFYING_COMPETENCY,
                     "case %zu", i);
    }
}

/* A level that ran out and a name that does not count make no competency together. */
Test(standing, one_competency_must_hold_in_all) {
    struct program_version version = version_of(STANDING_DAY);
    struct reference partner = perfect_partner();
    const struct competency several[] = {
        {TEXT("cloud-platform"), LEVEL_SILVER, {0, 10}},
        {TEXT("cloud-platform"), LEVEL_GOLD, {0, 5}},
        {TEXT("security"), LEVEL_GOLD, {0, 10}},
    };
    version.requirements.level = LEVEL_GOLD;
    partner.partner.competencies = several;
    partner.partner.competency_count = 3;
    cr_expect_eq(standing_check(&version, &partner, 4), FORGONE_NONE);
    cr_expect_eq(standing_check(&version, &partner, 5), FORGONE_NO_QUALIFYING_COMPETENCY);
    version.requirements.level = LEVEL_SILVER;
    cr_expect_eq(standing_check(&version, &partner, 5), FORGONE_NONE);
    /* No name counts: nobody qualifies. */
    version.requirements.competencies.count = 0;
    cr_expect_eq(standing_check(&version, &partner, 5), FORGONE_NO_QUALIFYING_COMPETENCY);
}

Test(standing, intervals_with_a_gap) {
    struct program_version version = version_of(STANDING_DAY);
    struct reference partner = perfect_partner();
    const struct interval gap[] = {{DAY_MIN, 10}, {20, DAY_MAX}};
    partner.partner.mpn_active = (struct intervals){gap, 2};
    cr_expect_eq(standing_check(&version, &partner, 9), FORGONE_NONE);
    cr_expect_eq(standing_check(&version, &partner, 10), FORGONE_MPN_INACTIVE);
    cr_expect_eq(standing_check(&version, &partner, 19), FORGONE_MPN_INACTIVE);
    cr_expect_eq(standing_check(&version, &partner, 20), FORGONE_NONE);
}

Test(standing, one_good_day_makes_the_month) {
    struct program_version version = version_of(STANDING_MONTH);
    version.valid = (struct interval){day_of("2020-02-10"), day_of("2020-02-20")};
    const char *const good_days[] = {"2020-02-01", "2020-02-05", "2020-02-29"};
    for (size_t i = 0; i < 3; i++) {
        int32_t good = day_of(good_days[i]);
        struct interval one_day = {good, good + 1};
        struct reference partner = perfect_partner();
        partner.partner.bank_profile = (struct intervals){&one_day, 1};
        for (int32_t as_of = day_of("2020-01-30"); as_of < day_of("2020-03-03"); as_of++) {
            bool in_month = as_of >= day_of("2020-02-01") && as_of <= day_of("2020-02-29");
            cr_expect_eq(standing_check(&version, &partner, as_of),
                         in_month ? FORGONE_NONE : FORGONE_BANK_PROFILE_MISSING, "%s, day %d",
                         good_days[i], as_of);
        }
        version.standing = STANDING_DAY;
        cr_expect_eq(standing_check(&version, &partner, good + (i == 2 ? -1 : 1)),
                     FORGONE_BANK_PROFILE_MISSING);
        version.standing = STANDING_MONTH;
    }
}

/* Bank profile in the first half, tax profile in the second: never together. */
Test(standing, all_must_hold_on_the_same_day) {
    struct program_version version = version_of(STANDING_MONTH);
    struct reference partner = perfect_partner();
    struct interval first_half = {day_of("2020-04-01"), day_of("2020-04-15")};
    struct interval second_half = {day_of("2020-04-15"), day_of("2020-05-01")};
    partner.partner.bank_profile = (struct intervals){&first_half, 1};
    partner.partner.tax_profile = (struct intervals){&second_half, 1};
    /* The reason is that of the last day: the bank profile is gone by then. */
    cr_expect_eq(standing_check(&version, &partner, day_of("2020-04-03")),
                 FORGONE_BANK_PROFILE_MISSING);
    partner.partner.bank_profile = (struct intervals){&second_half, 1};
    partner.partner.tax_profile = (struct intervals){&first_half, 1};
    cr_expect_eq(standing_check(&version, &partner, day_of("2020-04-03")),
                 FORGONE_TAX_PROFILE_MISSING);
    first_half.to++;
    cr_expect_eq(standing_check(&version, &partner, day_of("2020-04-03")), FORGONE_NONE);
    /* The edges of the calendar have months as well. */
    cr_expect_eq(standing_check(&version, &partner, day_of("0000-01-01")),
                 FORGONE_BANK_PROFILE_MISSING);
    cr_expect_eq(standing_check(&version, &partner, day_of("9999-12-31")),
                 FORGONE_BANK_PROFILE_MISSING);
}

Test(standing, every_reason_has_its_own_name) {
    static const char *const names[FORGONE_REASON_COUNT] = {
        "none",
        "partner_unknown",
        "mpn_inactive",
        "not_indirect_reseller",
        "no_qualifying_competency",
        "bank_profile_missing",
        "tax_profile_missing",
        "no_link",
    };
    for (int i = 0; i < FORGONE_REASON_COUNT; i++) {
        cr_expect_str_eq(forgone_reason_name((enum forgone_reason)i), names[i]);
    }
}
