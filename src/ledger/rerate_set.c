#include "accrued/rerate_set.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <stdlib.h>

static const char *const scope_names[RERATE_SCOPE_COUNT] = {
    [RERATE_CUSTOMER] = "customer",
    [RERATE_PARTNER] = "partner",
    [RERATE_PROGRAM] = "program",
    [RERATE_ALL] = "all",
};

const char *rerate_scope_name(enum rerate_scope scope) {
    REQUIRE((size_t)scope < RERATE_SCOPE_COUNT);
    return scope_names[scope];
}

bool rerate_scope_parse(struct text text, enum rerate_scope *ret_scope) {
    for (size_t i = 0; i < RERATE_SCOPE_COUNT; i++) {
        if (text_equal(text, text_of(scope_names[i]))) {
            *ret_scope = (enum rerate_scope)i;
            return true;
        }
    }
    return false;
}

static bool is_linked(const struct reference *customer, struct text partner) {
    for (size_t i = 0; customer->state == REFERENCE_PRESENT && i < customer->customer.link_count;
         i++) {
        if (text_equal(customer->customer.links[i].partner_mpn_id, partner)) {
            return true;
        }
    }
    return false;
}

static bool concerns_partner(struct text partner, const struct line_state *state,
                             const struct reference *customer) {
    if (text_equal(state->line.reseller_mpn_id, partner)) {
        return true;
    }
    for (size_t i = 0; i < state->earner_count; i++) {
        if (text_equal(state->earners[i].partner_mpn_id, partner)) {
            return true;
        }
    }
    return is_linked(customer, partner);
}

bool rerate_concerns(const struct rerate_request *request, const struct line_state *state,
                     const struct reference *customer) {
    if (!interval_contains(request->charge_start, state->line.charge_start_date)) {
        return false;
    }
    switch (request->scope) {
    case RERATE_CUSTOMER: return text_equal(state->line.customer_id, request->id);
    case RERATE_PARTNER: return concerns_partner(request->id, state, customer);
    case RERATE_PROGRAM:
    case RERATE_ALL: return true;
    }
    REQUIRE(false && "a re-rate scope without a meaning");
}

void rerate_set_init(struct rerate_set *set) {
    *set = (struct rerate_set){.items = NULL};
    arena_init(&set->arena);
}

void rerate_set_release(struct rerate_set *set) {
    arena_release(&set->arena);
    free(set->items);
    free(set->slots);
    free(set->earlier);
    rerate_set_init(set);
}

void rerate_set_add(struct rerate_set *set, const struct rerate_request *request) {
    REQUIRE(set->slots == NULL);
    REQUIRE(set->count == 0 || set->items[set->count - 1].offset < request->offset);
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 16 : set->capacity * 2;
        set->items = realloc(set->items, set->capacity * sizeof *set->items);
        REQUIRE(set->items != NULL);
    }
    struct rerate_request *added = &set->items[set->count++];
    *added = *request;
    added->id = arena_copy(&set->arena, request->id);
    added->request_id = arena_copy(&set->arena, request->request_id);
    added->reason = arena_copy(&set->arena, request->reason);
    set->has_partners = set->has_partners || request->scope == RERATE_PARTNER;
}

/* The slot of (scope, id), or the free one where it belongs. */
static size_t *find_slot(const struct rerate_set *set, enum rerate_scope scope, struct text id) {
    size_t at = (size_t)hash64(id.data != NULL ? id.data : "", id.size, (uint64_t)scope) &
                (set->slot_count - 1);
    while (set->slots[at] != 0) {
        const struct rerate_request *item = &set->items[set->slots[at] - 1];
        if (item->scope == scope && text_equal(item->id, id)) {
            break;
        }
        at = (at + 1) & (set->slot_count - 1);
    }
    return &set->slots[at];
}

void rerate_set_finish(struct rerate_set *set) {
    REQUIRE(set->slots == NULL);
    set->slot_count = 8;
    while (set->slot_count < set->count * 2) {
        set->slot_count *= 2;
    }
    set->slots = calloc(set->slot_count, sizeof *set->slots);
    set->earlier = calloc(set->count + 1, sizeof *set->earlier);
    REQUIRE(set->slots != NULL && set->earlier != NULL);
    for (size_t i = 0; i < set->count; i++) {
        size_t *slot = find_slot(set, set->items[i].scope, set->items[i].id);
        set->earlier[i] = *slot;
        *slot = i + 1;
    }
}

/* The latest request of (scope, id) whose interval has the line's day; NULL: none. */
static const struct rerate_request *latest(const struct rerate_set *set, enum rerate_scope scope,
                                           struct text id, const struct line_state *state) {
    REQUIRE(set->slots != NULL);
    for (size_t at = *find_slot(set, scope, id); at != 0; at = set->earlier[at - 1]) {
        const struct rerate_request *request = &set->items[at - 1];
        if (interval_contains(request->charge_start, state->line.charge_start_date)) {
            return request;
        }
    }
    return NULL;
}

static void take_later(const struct rerate_request **best, const struct rerate_request *other) {
    if (other != NULL && (*best == NULL || other->offset > (*best)->offset)) {
        *best = other;
    }
}

static const struct rerate_request *latest_whole(const struct rerate_set *set,
                                                 const struct line_state *state,
                                                 const struct reference *customer) {
    const struct rerate_request *best = latest(set, RERATE_ALL, text_null(), state);
    take_later(&best, latest(set, RERATE_CUSTOMER, state->line.customer_id, state));
    if (!set->has_partners) {
        return best;
    }
    if (!text_is_null(state->line.reseller_mpn_id)) {
        take_later(&best, latest(set, RERATE_PARTNER, state->line.reseller_mpn_id, state));
    }
    for (size_t i = 0; i < state->earner_count; i++) {
        if (!text_is_null(state->earners[i].partner_mpn_id)) {
            take_later(&best, latest(set, RERATE_PARTNER, state->earners[i].partner_mpn_id, state));
        }
    }
    bool has_links = customer != NULL && customer->state == REFERENCE_PRESENT;
    for (size_t i = 0; has_links && i < customer->customer.link_count; i++) {
        take_later(&best,
                   latest(set, RERATE_PARTNER, customer->customer.links[i].partner_mpn_id, state));
    }
    return best;
}

bool rerate_set_may_name(const struct rerate_set *set, const struct programs *programs,
                         const struct line_state *state) {
    struct rerate_match match;
    return set->has_partners || rerate_set_match(set, programs, state, NULL, &match);
}

bool rerate_set_match(const struct rerate_set *set, const struct programs *programs,
                      const struct line_state *state, const struct reference *customer,
                      struct rerate_match *ret_match) {
    ret_match->whole = latest_whole(set, state, customer);
    ret_match->programs = 0;
    for (size_t i = 0; ret_match->whole == NULL && i < programs->count; i++) {
        const struct rerate_request *request =
            latest(set, RERATE_PROGRAM, programs->items[i].id, state);
        if (request != NULL) {
            ret_match->programs |= UINT64_C(1) << i;
            ret_match->by_program[i] = request;
        }
    }
    return ret_match->whole != NULL || ret_match->programs != 0;
}
