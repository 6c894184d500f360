/* Partner standing: do a version's requirements hold for a partner? accrual-model.md §6. */
#include "accrued/rating.h"
#include "accrued/require.h"

const char *forgone_reason_name(enum forgone_reason reason) {
    switch (reason) {
    case FORGONE_NONE: return "none";
    case FORGONE_PARTNER_UNKNOWN: return "partner_unknown";
    case FORGONE_MPN_INACTIVE: return "mpn_inactive";
    case FORGONE_NOT_INDIRECT_RESELLER: return "not_indirect_reseller";
    case FORGONE_NO_QUALIFYING_COMPETENCY: return "no_qualifying_competency";
    case FORGONE_BANK_PROFILE_MISSING: return "bank_profile_missing";
    case FORGONE_TAX_PROFILE_MISSING: return "tax_profile_missing";
    case FORGONE_NO_LINK: return "no_link";
    }
    REQUIRE(false && "a forgone reason without a name");
}

static bool any_contains(struct intervals intervals, int32_t day) {
    for (size_t i = 0; i < intervals.count; i++) {
        if (interval_contains(intervals.items[i], day)) {
            return true;
        }
    }
    return false;
}

static bool has_competency(const struct partner *partner, const struct requirements *wanted,
                           int32_t day) {
    for (size_t i = 0; i < partner->competency_count; i++) {
        const struct competency *competency = &partner->competencies[i];
        if (competency->level >= wanted->level && interval_contains(competency->valid, day) &&
            texts_contain(wanted->competencies, competency->name)) {
            return true;
        }
    }
    return false;
}

/* The first requirement that fails on one day. */
static enum forgone_reason check_day(const struct requirements *wanted,
                                     const struct partner *partner, int32_t day) {
    if (wanted->mpn_active && !any_contains(partner->mpn_active, day)) {
        return FORGONE_MPN_INACTIVE;
    }
    if (wanted->indirect_reseller && !any_contains(partner->indirect_reseller, day)) {
        return FORGONE_NOT_INDIRECT_RESELLER;
    }
    if (wanted->any_competency && !has_competency(partner, wanted, day)) {
        return FORGONE_NO_QUALIFYING_COMPETENCY;
    }
    if (wanted->bank_profile && !any_contains(partner->bank_profile, day)) {
        return FORGONE_BANK_PROFILE_MISSING;
    }
    if (wanted->tax_profile && !any_contains(partner->tax_profile, day)) {
        return FORGONE_TAX_PROFILE_MISSING;
    }
    return FORGONE_NONE;
}

enum forgone_reason standing_check(const struct program_version *version,
                                   const struct reference *partner, int32_t as_of) {
    REQUIRE(partner->kind == REFERENCE_PARTNER);
    REQUIRE(partner->state != REFERENCE_UNREADABLE);
    const struct requirements *wanted = &version->requirements;
    if (partner->state == REFERENCE_MISSING) {
        return FORGONE_PARTNER_UNKNOWN;
    }
    if (version->standing == STANDING_DAY) {
        return check_day(wanted, &partner->partner, as_of);
    }
    /* Month: earning starts on the first day of the month in which everything is in place, so one
     * good day makes the whole month. The reason, if there is none, is the last day's. */
    int32_t month = calendar_month_of_day(as_of);
    int32_t first = calendar_first_day(month);
    int32_t last = calendar_first_day(month + 1) - 1;
    enum forgone_reason reason = check_day(wanted, &partner->partner, last);
    for (int32_t day = first; day < last && reason != FORGONE_NONE; day++) {
        if (check_day(wanted, &partner->partner, day) == FORGONE_NONE) {
            reason = FORGONE_NONE;
        }
    }
    return reason;
}
