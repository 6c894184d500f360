/* Who earns under a program: the links, and the standing of the partner that they lead to. */
#include "explanation_parts.h"

#include "accrued/require.h"

#include <stdio.h>

static const char *fit_words(enum link_fit fit) {
    switch (fit) {
    case LINK_FITS: return "it fits";
    case LINK_OTHER_TYPE: return "it is of another type";
    case LINK_NOT_VALID: return "it is not valid on the day";
    case LINK_OTHER_SUBSCRIPTION: return "it is for another subscription";
    case LINK_OTHER_WORKLOAD: return "it is for another workload";
    }
    REQUIRE(false && "a fit without words");
}

static const char *edge_words(enum link_edge edge) {
    switch (edge) {
    case EDGE_NONE: return "";
    case EDGE_SPECIFICITY: return "is more specific";
    case EDGE_FROM: return "began later";
    case EDGE_LINK_ID: return "has the smaller id";
    }
    REQUIRE(false && "an edge without words");
}

/* What it says itself. */
static struct words link_words(const struct link *link) {
    struct words words;
    (void)snprintf(words.text, sizeof words.text, "%s%.*s%s%.*s",
                   text_is_null(link->subscription_id) ? "any subscription" : "subscription ",
                   TEXT_ARGS(link->subscription_id),
                   text_is_null(link->workload) ? ", any workload" : ", workload ",
                   TEXT_ARGS(link->workload));
    return words;
}

void explanation_report_links(struct document *to, const struct program_trace *traced) {
    if (traced->link_count == 0) {
        document_fact(to, 0, MARK_NO, "links", "the customer has no %s link",
                      link_type_name(beneficiary_link_type(traced->program->beneficiary)));
        return;
    }
    for (size_t i = 0; i < traced->link_count; i++) {
        const struct link_trace *link = &traced->links[i];
        struct words why;
        if (link->is_winner) {
            (void)snprintf(why.text, sizeof why.text, "%s",
                           traced->program->attribution == ATTRIBUTION_EVERY
                               ? "it wins for its partner"
                               : "it wins");
        } else if (link->beaten_by != NULL) {
            (void)snprintf(why.text, sizeof why.text, "it fits, but %.*s %s",
                           TEXT_ARGS(link->beaten_by->link_id), edge_words(link->edge));
        } else {
            (void)snprintf(why.text, sizeof why.text, "%s", fit_words(link->fit));
        }
        document_fact(to, 0, link->is_winner ? MARK_YES : MARK_NO, "link",
                      "%.*s of partner %.*s, %s, %s: %s", TEXT_ARGS(link->link->link_id),
                      TEXT_ARGS(link->link->partner_mpn_id), words_interval(link->link->valid).text,
                      link_words(link->link).text, why.text);
    }
}

static const char *requirement_name(enum forgone_reason requirement) {
    switch (requirement) {
    case FORGONE_MPN_INACTIVE: return "mpn_active";
    case FORGONE_NOT_INDIRECT_RESELLER: return "indirect_reseller";
    case FORGONE_NO_QUALIFYING_COMPETENCY: return "any_competency";
    case FORGONE_BANK_PROFILE_MISSING: return "bank_profile";
    case FORGONE_TAX_PROFILE_MISSING: return "tax_profile";
    case FORGONE_PARTNER_UNKNOWN:
    case FORGONE_NO_LINK:
    case FORGONE_NONE: break;
    }
    return "known";
}

static const char *level_name(enum competency_level level) {
    return level == LEVEL_GOLD ? "gold" : "silver";
}

static void report_competencies(struct document *to, const struct partner *partner,
                                const struct requirements *wanted) {
    document_fact(to, 2, MARK_PLAIN, "wanted", "%s or higher in one of %s",
                  level_name(wanted->level), words_texts(wanted->competencies).text);
    for (size_t i = 0; i < partner->competency_count; i++) {
        const struct competency *competency = &partner->competencies[i];
        document_fact(to, 2, MARK_PLAIN, "has", "%.*s %s, %s", TEXT_ARGS(competency->name),
                      level_name(competency->level), words_interval(competency->valid).text);
    }
    if (partner->competency_count == 0) {
        document_fact(to, 2, MARK_PLAIN, "has", "none");
    }
}

static void report_requirement(struct document *to, const struct requirement_trace *requirement,
                               const struct partner_trace *partner,
                               const struct requirements *wanted) {
    const char *name = requirement_name(requirement->requirement);
    if (requirement->competency != NULL) {
        document_fact(to, 1, MARK_YES, name, "%.*s %s, %s",
                      TEXT_ARGS(requirement->competency->name),
                      level_name(requirement->competency->level),
                      words_interval(requirement->competency->valid).text);
        return;
    }
    if (requirement->met_by != NULL) {
        document_fact(to, 1, MARK_YES, name, "%s", words_interval(*requirement->met_by).text);
        return;
    }
    document_fact(to, 1, MARK_NO, name, "not on %s%s", words_day(partner->day).text,
                  requirement->requirement != FORGONE_NO_QUALIFYING_COMPETENCY &&
                          requirement->known.count == 0
                      ? ", nor on any other day"
                      : "");
    for (size_t i = 0; i < requirement->known.count; i++) {
        document_fact(to, 2, MARK_PLAIN, "has", "%s",
                      words_interval(requirement->known.items[i]).text);
    }
    if (requirement->requirement == FORGONE_NO_QUALIFYING_COMPETENCY) {
        report_competencies(to, &partner->reference->partner, wanted);
    }
}

/* Which day counts, and why that one. */
static void report_day(struct document *to, const struct program_version *version,
                       const struct partner_trace *partner) {
    char month[CALENDAR_MONTH_SIZE];
    calendar_format_month(calendar_month_of_day(partner->day), month);
    if (version->standing == STANDING_DAY) {
        document_fact(to, 1, MARK_PLAIN, "on", "%s, the as-of day (standing by day)",
                      words_day(partner->day).text);
    } else if (partner->reason == FORGONE_NONE) {
        document_fact(to, 1, MARK_PLAIN, "on",
                      "%s: one day of %s on which all holds together makes the month",
                      words_day(partner->day).text, month);
    } else {
        document_fact(to, 1, MARK_PLAIN, "on",
                      "%s, the last day of %s: on no day of the month all holds together",
                      words_day(partner->day).text, month);
    }
}

static void report_standing(struct document *to, const struct program_trace *traced,
                            const struct partner_trace *partner) {
    if (partner->reference->state != REFERENCE_PRESENT) {
        document_fact(to, 1, MARK_NO, "known", "there is no such partner in the reference data");
        return;
    }
    report_day(to, traced->version, partner);
    document_fact(to, 1, MARK_YES, "known", "the reference data has the partner");
    for (size_t i = 0; i < REQUIREMENT_COUNT; i++) {
        if (partner->requirements[i].is_required) {
            report_requirement(to, &partner->requirements[i], partner,
                               &traced->version->requirements);
        }
    }
}

void explanation_report_partner(struct document *to, const struct explanation *explanation,
                                const struct program_trace *traced,
                                const struct partner_trace *partner) {
    const char *currency = explanation->state->line.currency.code;
    if (text_is_null(partner->mpn_id)) {
        document_say(to, MARK_RESULT, "forgone: %s %.3s (no_link): no partner has a link that fits",
                     words_amount(traced->cumulative).text, currency);
        return;
    }
    document_heading(to, 2, "Partner %.*s, %s%.*s", TEXT_ARGS(partner->mpn_id),
                     partner->link != NULL ? "by link " : "the reseller",
                     TEXT_ARGS(partner->link != NULL ? partner->link->link_id : text_null()));
    report_standing(to, traced, partner);
    if (partner->reason == FORGONE_NONE) {
        document_say(to, MARK_RESULT, "%s: %s %.3s for %.*s",
                     traced->program->pays == PAYS_MONEY ? "earns" : "is credited",
                     words_amount(traced->cumulative).text, currency, TEXT_ARGS(partner->mpn_id));
    } else {
        document_say(to, MARK_RESULT, "forgone: %s %.3s (%s)",
                     words_amount(traced->cumulative).text, currency,
                     forgone_reason_name(partner->reason));
    }
}
