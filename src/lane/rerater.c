#include "accrued/rerater.h"

#include "accrued/clock.h"
#include "accrued/require.h"

#include <stdlib.h>

/* Lines looked at in a chunk, for each that may be rated: most may be none of the requests'. */
#define VISITS_PER_LINE 16
/* How often the clock is read. */
#define LINES_PER_LOOK 64
/* Customers that are looked up together. */
#define WANT_AT_ONCE 64
/* So many lines before their turn memory is asked for what they will need. */
#define EXPECT_SLOT 16
#define EXPECT_LATER 8
#define EXPECT_SOON 4

struct rerater_candidate {
    struct ledger_key key; /* in the chunk's arena, as the id */
    struct text customer_id;
    const struct cache_slot *customer;
    struct ledger_walk behind; /* where the walk goes on after this line */
};

void rerater_init(struct rerater *rerater, const struct programs *programs,
                  const struct catalog *catalog, struct enricher *enricher,
                  struct rerater_options options, struct rerater_hooks hooks) {
    REQUIRE(hooks.events != NULL && hooks.unrated != NULL);
    *rerater = (struct rerater){.programs = programs,
                                .catalog = catalog,
                                .enricher = enricher,
                                .options = options,
                                .hooks = hooks};
    rating_init(&rerater->rating);
    posting_init(&rerater->posting);
    arena_init(&rerater->arena);
    buffer_init(&rerater->scratch);
    rerate_set_init(&rerater->set);
    rerater->rating.memo = catalog_memo_open(catalog);
}

void rerater_rules(struct rerater *rerater, const struct programs *programs,
                   const struct catalog *catalog, struct rating_options options) {
    REQUIRE(programs != NULL && catalog != NULL);
    rerater->programs = programs;
    rerater->catalog = catalog;
    rerater->options.rating = options;
    catalog_memo_free(rerater->rating.memo);
    rerater->rating.memo = catalog_memo_open(catalog);
}

void rerater_release(struct rerater *rerater) {
    catalog_memo_free(rerater->rating.memo);
    rating_release(&rerater->rating);
    posting_release(&rerater->posting);
    arena_release(&rerater->arena);
    buffer_release(&rerater->scratch);
    rerate_set_release(&rerater->set);
    free(rerater->candidates);
    rerater->candidates = NULL;
}

void rerater_begin(struct rerater *rerater, struct ledger *ledger, int64_t head, uint64_t reached,
                   size_t unrated) {
    REQUIRE(rerater->ledger == NULL && rerater->set.slots != NULL);
    rerater->ledger = ledger;
    rerater->head = head;
    rerater->walk = ledger_walk_begin(ledger, reached);
    rerater->counts = (struct rerater_counts){.unrated = unrated};
    rerater->chunk_walk = rerater->walk;
    rerater->chunk_counts = rerater->counts;
}

void rerater_end(struct rerater *rerater) {
    rerater->ledger = NULL;
    rerate_set_release(&rerater->set);
}

uint64_t rerater_reached(const struct rerater *rerater) {
    REQUIRE(rerater->ledger != NULL);
    return rerater->walk.block_id == 0 ? 0 : rerater->walk.block_id - 1;
}

void rerater_go_back(struct rerater *rerater) {
    REQUIRE(rerater->ledger != NULL);
    rerater->walk = rerater->chunk_walk;
    rerater->counts = rerater->chunk_counts;
}

static void add_candidate(struct rerater *rerater, const struct line_state *state) {
    if (rerater->candidate_count == rerater->candidate_capacity) {
        size_t capacity = rerater->candidate_capacity == 0 ? 1024 : rerater->candidate_capacity * 2;
        rerater->candidates = realloc(rerater->candidates, capacity * sizeof *rerater->candidates);
        REQUIRE(rerater->candidates != NULL);
        rerater->candidate_capacity = capacity;
    }
    rerater->candidates[rerater->candidate_count++] = (struct rerater_candidate){
        .key = ledger_key_of(state->line.customer_id, state->line.line_id, &rerater->scratch,
                             &rerater->arena),
        .customer_id = arena_copy(&rerater->arena, state->line.customer_id),
        .behind = rerater->walk,
    };
    if (!text_is_null(state->line.reseller_mpn_id)) {
        enricher_want_partner(rerater->enricher, state->line.reseller_mpn_id);
    }
}

static void want_customers(struct rerater *rerater) {
    struct text ids[WANT_AT_ONCE];
    const struct cache_slot *slots[WANT_AT_ONCE];
    for (size_t first = 0; first < rerater->candidate_count; first += WANT_AT_ONCE) {
        struct rerater_candidate *some = rerater->candidates + first;
        size_t left = rerater->candidate_count - first;
        size_t count = left < WANT_AT_ONCE ? left : WANT_AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            ids[i] = some[i].customer_id;
        }
        enricher_want_all(rerater->enricher, REFERENCE_CUSTOMER, ids, count, slots);
        for (size_t i = 0; i < count; i++) {
            some[i].customer = slots[i];
        }
    }
}

/* Collects the lines of a chunk. false: the walk has come to its end. */
static bool collect(struct rerater *rerater, size_t lines_max, int64_t end_ms) {
    struct line_state state;
    size_t visits = 0;
    arena_clear(&rerater->arena);
    rerater->candidate_count = 0;
    enricher_begin(rerater->enricher);
    while (rerater->candidate_count < lines_max && visits < lines_max * VISITS_PER_LINE) {
        if (!ledger_walk_next(rerater->ledger, &rerater->walk, &state)) {
            return false;
        }
        /* Lines of closed periods are history. */
        if (state.rerate_offset < rerater->head &&
            state.line.billing_period >= ledger_horizon(rerater->ledger) &&
            rerate_set_may_name(&rerater->set, rerater->programs, &state)) {
            add_candidate(rerater, &state);
        }
        if (++visits % LINES_PER_LOOK == 0 && clock_steady_ms() >= end_ms) {
            break;
        }
    }
    return true;
}

static void note_unrated(struct rerater *rerater, const struct billing_line *line,
                         const struct rerate_request *request, const struct reject *reject) {
    rerater->counts.unrated++;
    rerater->hooks.unrated(rerater->hooks.context, line, request, reject);
}

/* Rates a line again, all of it (program −1) or one program's entries. */
static bool rate_again(struct rerater *rerater, const struct rerater_candidate *candidate,
                       const struct line_state *state, int program,
                       const struct rerate_request *request) {
    const struct billing_line *line = &state->line;
    struct posting_cause cause = {
        .origin_offset = -1,
        .is_rerate = true,
        .rerate_offset = rerater->head,
        .program_only = program,
    };
    enum posting_outcome outcome;
    struct reject reject;
    if (!rating_compute(&rerater->rating, rerater->programs, rerater->catalog, line,
                        enricher_wanted(rerater->enricher, candidate->customer),
                        enricher_partners(rerater->enricher), rerater->options.rating, &reject) ||
        !posting_compute(&rerater->posting, rerater->programs, state, line, &rerater->rating, cause,
                         &outcome, &reject)) {
        note_unrated(rerater, line, request, &reject);
        return false;
    }
    if (outcome == POSTING_UNCHANGED) {
        return false;
    }
    rerater->hooks.events(rerater->hooks.context, &rerater->posting, request);
    if (!rerater->options.is_dry) {
        ledger_put_key(rerater->ledger, candidate->key, &rerater->posting.next);
    }
    return true;
}

/* false: the ledger is broken, and whoever has it will see that. */
static bool find_again(struct rerater *rerater, const struct rerater_candidate *candidate,
                       struct line_state *ret_state) {
    struct fault unused;
    bool found = ledger_find_key(rerater->ledger, candidate->key, ret_state);
    REQUIRE(found || ledger_is_broken(rerater->ledger, &unused));
    return found;
}

/* Whether its links name a partner of a request cannot be told. */
static void cannot_tell(struct rerater *rerater, const struct line_state *state,
                        const struct reference *customer) {
    struct reject reject;
    (void)reject_set(&reject, REJECT_REFERENCE_UNREADABLE, "customer %.*s: %s",
                     TEXT_ARGS(state->line.customer_id), customer->unreadable_reason);
    rerater->counts.lines++;
    note_unrated(rerater, &state->line, &rerater->set.items[rerater->set.count - 1], &reject);
}

static void rerate_candidate(struct rerater *rerater, const struct rerater_candidate *candidate) {
    struct line_state state;
    struct rerate_match match;
    if (!find_again(rerater, candidate, &state)) {
        return;
    }
    const struct reference *customer = enricher_wanted(rerater->enricher, candidate->customer);
    if (!rerate_set_match(&rerater->set, rerater->programs, &state, customer, &match)) {
        if (customer->state == REFERENCE_UNREADABLE) {
            cannot_tell(rerater, &state, customer);
        }
        return;
    }
    rerater->counts.lines++;
    if (match.whole != NULL) {
        rerater->counts.changed += rate_again(rerater, candidate, &state, -1, match.whole);
        return;
    }
    bool has_changed = false;
    for (size_t i = 0; i < rerater->programs->count; i++) {
        if ((match.programs >> i & 1) != 0 && find_again(rerater, candidate, &state)) {
            has_changed =
                rate_again(rerater, candidate, &state, (int)i, match.by_program[i]) || has_changed;
        }
    }
    rerater->counts.changed += has_changed;
}

static void expect(const struct rerater *rerater, size_t at) {
    const struct rerater_candidate *next = &rerater->candidates[at];
    size_t left = rerater->candidate_count - at;
    enricher_expect(left > EXPECT_SOON ? next[EXPECT_SOON].customer : NULL,
                    left > EXPECT_LATER ? next[EXPECT_LATER].customer : NULL);
    if (left > EXPECT_LATER) {
        ledger_expect_entry(rerater->ledger, next[EXPECT_LATER].key.hash);
    }
    if (left > EXPECT_SLOT) {
        ledger_expect_key(rerater->ledger, next[EXPECT_SLOT].key);
    }
}

enum rerater_result rerater_chunk(struct rerater *rerater, size_t lines_max, int64_t budget_ms,
                                  struct fault *fault) {
    REQUIRE(rerater->ledger != NULL && lines_max > 0);
    int64_t end_ms = clock_steady_ms() + budget_ms;
    rerater->chunk_walk = rerater->walk;
    rerater->chunk_counts = rerater->counts;
    bool has_more = collect(rerater, lines_max, end_ms);
    want_customers(rerater);
    if (rerater->candidate_count > 0 &&
        enricher_fetch(rerater->enricher, clock_steady_ms(), fault) != ENRICH_READY) {
        rerater_go_back(rerater);
        return RERATER_WAIT;
    }
    for (size_t i = 0; i < rerater->candidate_count; i++) {
        expect(rerater, i);
        rerate_candidate(rerater, &rerater->candidates[i]);
        if ((i + 1) % LINES_PER_LOOK == 0 && i + 1 < rerater->candidate_count &&
            clock_steady_ms() >= end_ms) {
            rerater->walk = rerater->candidates[i].behind;
            return RERATER_MORE;
        }
    }
    return has_more ? RERATER_MORE : RERATER_DONE;
}
