/* Partner standing: do a version's requirements hold for a partner? accrual-model.md §6. */
#include "accrued/rating.h"
#include "accrued/require.h"

#include "steps.h"

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

static const struct interval *interval_on(struct intervals intervals, int32_t day) {
    for (size_t i = 0; i < intervals.count; i++) {
        if (interval_contains(intervals.items[i], day)) {
            return &intervals.items[i];
        }
    }
    return NULL;
}

static const struct competency *competency_on(const struct partner *partner,
                                              const struct requirements *wanted, int32_t day) {
    for (size_t i = 0; i < partner->competency_count; i++) {
        const struct competency *competency = &partner->competencies[i];
        if (competency->level >= wanted->level && interval_contains(competency->valid, day) &&
            texts_contain(wanted->competencies, competency->name)) {
            return competency;
        }
    }
    return NULL;
}

/* The first requirement that fails on one day. */
static enum forgone_reason check_day(const struct requirements *wanted,
                                     const struct partner *partner, int32_t day) {
    if (wanted->mpn_active && interval_on(partner->mpn_active, day) == NULL) {
        return FORGONE_MPN_INACTIVE;
    }
    if (wanted->indirect_reseller && interval_on(partner->indirect_reseller, day) == NULL) {
        return FORGONE_NOT_INDIRECT_RESELLER;
    }
    if (wanted->any_competency && competency_on(partner, wanted, day) == NULL) {
        return FORGONE_NO_QUALIFYING_COMPETENCY;
    }
    if (wanted->bank_profile && interval_on(partner->bank_profile, day) == NULL) {
        return FORGONE_BANK_PROFILE_MISSING;
    }
    if (wanted->tax_profile && interval_on(partner->tax_profile, day) == NULL) {
        return FORGONE_TAX_PROFILE_MISSING;
    }
    return FORGONE_NONE;
}

void standing_trace(const struct requirements *wanted, const struct partner *partner, int32_t day,
                    struct requirement_trace requirements[REQUIREMENT_COUNT]) {
    const struct requirement_trace in_order[REQUIREMENT_COUNT] = {
        {FORGONE_MPN_INACTIVE, wanted->mpn_active, NULL, NULL, partner->mpn_active},
        {FORGONE_NOT_INDIRECT_RESELLER, wanted->indirect_reseller, NULL, NULL,
         partner->indirect_reseller},
        {FORGONE_NO_QUALIFYING_COMPETENCY, wanted->any_competency, NULL, NULL, {NULL, 0}},
        {FORGONE_BANK_PROFILE_MISSING, wanted->bank_profile, NULL, NULL, partner->bank_profile},
        {FORGONE_TAX_PROFILE_MISSING, wanted->tax_profile, NULL, NULL, partner->tax_profile},
    };
    for (size_t i = 0; i < REQUIREMENT_COUNT; i++) {
        struct requirement_trace *requirement = &requirements[i];
        *requirement = in_order[i];
        requirement->met_by = interval_on(requirement->known, day);
        if (requirement->requirement == FORGONE_NO_QUALIFYING_COMPETENCY) {
            requirement->competency = competency_on(partner, wanted, day);
            requirement->met_by =
                requirement->competency != NULL ? &requirement->competency->valid : NULL;
        }
    }
}

enum forgone_reason standing_decide(const struct program_version *version,
                                    const struct partner *partner, int32_t as_of,
                                    int32_t *ret_day) {
    const struct requirements *wanted = &version->requirements;
    *ret_day = as_of;
    if (version->standing == STANDING_DAY) {
        return check_day(wanted, partner, as_of);
    }
    /* Month: earning starts on the first day of the month in which everything is in place, so one
     * good day makes the whole month. The reason, if there is none, is the last day's. */
    int32_t last = calendar_month_end(as_of);
    *ret_day = last;
    enum forgone_reason reason = check_day(wanted, partner, last);
    if (reason == FORGONE_NONE) {
        return reason; /* by far the most */
    }
    for (int32_t day = calendar_first_day(calendar_month_of_day(as_of)); day < last; day++) {
        if (check_day(wanted, partner, day) == FORGONE_NONE) {
            *ret_day = day;
            return FORGONE_NONE;
        }
    }
    return reason;
}

enum forgone_reason standing_check(const struct program_version *version,
                                   const struct reference *partner, int32_t as_of) {
    REQUIRE(partner->kind == REFERENCE_PARTNER);
    REQUIRE(partner->state != REFERENCE_UNREADABLE);
    int32_t day = 0;
    return partner->state == REFERENCE_MISSING
               ? FORGONE_PARTNER_UNKNOWN
               : standing_decide(version, &partner->partner, as_of, &day);
}
