/* Link matching: which links of a customer win for a line. accrual-model.md §6. */
#include "accrued/rating.h"
#include "accrued/require.h"

#include "steps.h"

static inline enum link_fit fit(const struct link *link, enum link_type type,
                                struct text subscription_id, struct text workload, int32_t as_of) {
    if (link->type != type) {
        return LINK_OTHER_TYPE;
    }
    if (!interval_contains(link->valid, as_of)) {
        return LINK_NOT_VALID;
    }
    if (!text_is_null(link->subscription_id) &&
        !text_equal(link->subscription_id, subscription_id)) {
        return LINK_OTHER_SUBSCRIPTION;
    }
    return text_is_null(link->workload) || text_equal(link->workload, workload)
               ? LINK_FITS
               : LINK_OTHER_WORKLOAD;
}

enum link_fit link_fit(const struct link *link, enum link_type type, struct text subscription_id,
                       struct text workload, int32_t as_of) {
    return fit(link, type, subscription_id, workload, as_of);
}

/* Subscription counts more than workload, both more than either. */
static int specificity(const struct link *link) {
    return (text_is_null(link->subscription_id) ? 0 : 2) + (text_is_null(link->workload) ? 0 : 1);
}

/* Most specific, then latest `from`, then smallest link_id. */
enum link_edge link_edge(const struct link *a, const struct link *b, bool *ret_a_wins) {
    int by_specificity = specificity(a) - specificity(b);
    if (by_specificity != 0) {
        *ret_a_wins = by_specificity > 0;
        return EDGE_SPECIFICITY;
    }
    if (a->valid.from != b->valid.from) {
        *ret_a_wins = a->valid.from > b->valid.from;
        return EDGE_FROM;
    }
    *ret_a_wins = text_compare(a->link_id, b->link_id) < 0;
    return EDGE_LINK_ID;
}

static bool beats(const struct link *a, const struct link *b) {
    bool a_wins = false;
    (void)link_edge(a, b, &a_wins);
    return a_wins;
}

/* Puts `link` among the winners, kept in order of partner id; one a partner. */
static size_t keep_best_of_partner(const struct link **winners, size_t count,
                                   const struct link *link) {
    size_t at = 0;
    while (at < count && text_compare(winners[at]->partner_mpn_id, link->partner_mpn_id) < 0) {
        at++;
    }
    if (at < count && text_equal(winners[at]->partner_mpn_id, link->partner_mpn_id)) {
        if (beats(link, winners[at])) {
            winners[at] = link;
        }
        return count;
    }
    memmove(&winners[at + 1], &winners[at], (count - at) * sizeof winners[0]);
    winners[at] = link;
    return count + 1;
}

size_t matching_winners(const struct customer *customer, enum link_type type,
                        enum attribution attribution, struct text subscription_id,
                        struct text workload, int32_t as_of, const struct link **winners) {
    size_t count = 0;
    for (size_t i = 0; i < customer->link_count; i++) {
        const struct link *link = &customer->links[i];
        if (fit(link, type, subscription_id, workload, as_of) != LINK_FITS) {
            continue;
        }
        if (attribution == ATTRIBUTION_EVERY) {
            count = keep_best_of_partner(winners, count, link);
        } else if (count == 0 || beats(link, winners[0])) {
            winners[0] = link;
            count = 1;
        }
    }
    REQUIRE(count <= customer->link_count);
    return count;
}
