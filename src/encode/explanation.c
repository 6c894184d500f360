#include "accrued/explanation.h"

#include "accrued/require.h"

const char *explained_fate_name(enum explained_fate fate) {
    switch (fate) {
    case FATE_WAITS: return "waits";
    case FATE_STANDS: return "stands";
    case FATE_SUPERSEDED: return "superseded";
    }
    REQUIRE(false && "a fate without a name");
}

static int compare_keys(const struct earner *earner, const struct target *target) {
    if (earner->program_index != target->program_index) {
        return earner->program_index < target->program_index ? -1 : 1;
    }
    return text_compare(earner->partner_mpn_id, target->partner_mpn_id);
}

/* Would the posting publish anything for this program and partner? */
static bool is_published(const struct posting *posting, struct text program_id,
                         struct text partner_mpn_id) {
    for (size_t i = 0; i < posting->event_count; i++) {
        const struct event *event = &posting->events[i];
        bool is_accrual = event->kind == EVENT_ACCRUAL;
        const struct program *program =
            is_accrual ? event->accrual.program : event->forgone.program;
        struct text partner =
            is_accrual ? event->accrual.partner_mpn_id : event->forgone.partner_mpn_id;
        if (text_equal(program->id, program_id) && text_equal(partner, partner_mpn_id)) {
            return true;
        }
    }
    return false;
}

/* The accrual of the highest sequence. */
static const struct explained_delta *find_last(const struct explanation *explanation,
                                               const struct explained_earner *earner) {
    const struct explained_delta *last = NULL;
    for (size_t i = 0; i < explanation->delta_count; i++) {
        const struct explained_delta *delta = &explanation->deltas[i];
        if (!delta->is_forgone && text_equal(delta->program_id, earner->program_id) &&
            text_equal(delta->partner_mpn_id, earner->partner_mpn_id) &&
            (last == NULL || delta->sequence > last->sequence)) {
            last = delta;
        }
    }
    return last;
}

/* An accrual that ended an entry was made without regard to the partner's value. */
static uint64_t hash_now(const struct explanation *explanation,
                         const struct explained_earner *earner, struct partner_lookup partners) {
    const struct explained_delta *last = earner->last;
    bool has_ended = last->measure.units == 0 && last->rate.units == 0;
    bool has_partner = !has_ended && !text_is_null(earner->partner_mpn_id);
    return reference_pair_hash(
        explanation->customer->hash,
        has_partner ? partners.find(partners.context, earner->partner_mpn_id)->hash : 0);
}

void explanation_pair(struct explanation *explanation, const struct posting *posting,
                      struct partner_lookup partners, struct arena *arena) {
    const struct line_state *state = explanation->state;
    const struct rating *rating = explanation->rating;
    size_t earner_count = state != NULL ? state->earner_count : 0;
    size_t target_count = rating != NULL ? rating->target_count : 0;
    explanation->earners =
        arena_take(arena, (earner_count + target_count) * sizeof *explanation->earners);
    explanation->earner_count = 0;
    for (size_t e = 0, t = 0; e < earner_count || t < target_count;) {
        const struct earner *earner = e < earner_count ? &state->earners[e] : NULL;
        const struct target *target = t < target_count ? &rating->targets[t] : NULL;
        if (earner != NULL && target != NULL) {
            int order = compare_keys(earner, target);
            earner = order <= 0 ? earner : NULL;
            target = order >= 0 ? target : NULL;
        }
        e += earner != NULL;
        t += target != NULL;
        size_t program = earner != NULL ? earner->program_index : target->program_index;
        struct explained_earner *pair = &explanation->earners[explanation->earner_count++];
        *pair = (struct explained_earner){
            .program_id = explanation->programs->items[program].id,
            .partner_mpn_id = earner != NULL ? earner->partner_mpn_id : target->partner_mpn_id,
            .earner = earner,
            .target = target,
            .is_sought = explanation->deltas_were_sought,
        };
        pair->agrees =
            posting != NULL && !is_published(posting, pair->program_id, pair->partner_mpn_id);
        pair->last = find_last(explanation, pair);
        if (pair->last != NULL && pair->last->has_provenance && explanation->customer != NULL) {
            pair->reference_hash_now = hash_now(explanation, pair, partners);
        }
    }
}

bool explanation_agrees(const struct explanation *explanation) {
    if (explanation->is_bad) {
        return false;
    }
    for (size_t i = 0; i < explanation->earner_count; i++) {
        if (!explanation->earners[i].agrees) {
            return false;
        }
    }
    return true;
}
