#include "accrued/offline.h"

#include "accrued/require.h"

#define COMMIT_LINE_COUNT 4096
#define BLOCK_SIZE_MAX (1U << 20)
/* There is one ledger and nobody else ever reads its blocks. */
#define INCARNATION 1

void offline_init(struct offline *offline, const struct programs *programs,
                  const struct catalog *catalog, struct offline_options options) {
    *offline = (struct offline){.programs = programs, .catalog = catalog, .options = options};
    reference_table_init(&offline->references);
    offline->ledger = ledger_open(programs, 0, 1);
    rating_init(&offline->rating);
    posting_init(&offline->posting);
}

void offline_release(struct offline *offline) {
    reference_table_release(&offline->references);
    ledger_free(offline->ledger);
    rating_release(&offline->rating);
    posting_release(&offline->posting);
}

static bool keep_block(void *context, uint64_t block_id, struct text block) {
    (void)context;
    (void)block_id;
    (void)block;
    return true;
}

static void commit(struct offline *offline) {
    bool sealed = ledger_seal(offline->ledger, ledger_position(offline->ledger), INCARNATION,
                              BLOCK_SIZE_MAX, keep_block, NULL);
    REQUIRE(sealed);
    ledger_commit(offline->ledger);
    offline->uncommitted_count = 0;
}

/* Rates `line` and posts it against `old`: the one step that lines and re-rates share. */
static bool rate_and_post(struct offline *offline, const struct line_state *old,
                          const struct billing_line *line, struct posting_cause cause,
                          struct text rerate_id, enum posting_outcome *ret_outcome,
                          struct reject *ret_reject) {
    const struct reference *customer =
        reference_table_find(&offline->references, REFERENCE_CUSTOMER, line->customer_id);
    if (!rating_compute(&offline->rating, offline->programs, offline->catalog, line, customer,
                        reference_table_partners(&offline->references), offline->options.rating,
                        ret_reject) ||
        !posting_compute(&offline->posting, offline->programs, old, line, &offline->rating, cause,
                         ret_outcome, ret_reject)) {
        return false;
    }
    for (size_t i = 0; i < offline->posting.event_count; i++) {
        offline->options.event(offline->options.context, &offline->posting.events[i], rerate_id);
    }
    if (!offline->posting.is_stored_already) {
        ledger_put(offline->ledger, &offline->posting.next);
        offline->uncommitted_count++;
    }
    return true;
}

bool offline_line(struct offline *offline, const struct billing_line *line,
                  enum posting_outcome *ret_outcome, struct reject *ret_reject) {
    struct line_state state;
    bool is_known = ledger_find(offline->ledger, line->customer_id, line->line_id, &state);
    const struct line_state *old = is_known ? &state : NULL;
    if (posting_is_stale(old, line, -1)) {
        *ret_outcome = POSTING_STALE;
        return true;
    }
    struct posting_cause cause = {.origin_offset = -1, .program_only = -1};
    bool posted = rate_and_post(offline, old, line, cause, text_null(), ret_outcome, ret_reject);
    if (offline->uncommitted_count >= COMMIT_LINE_COUNT) {
        commit(offline);
    }
    return posted;
}

struct rerate_walk {
    struct offline *offline;
    const struct rerate_request *request;
    int program_index; /* −1: all */
    size_t line_count;
};

static bool is_affected(const struct rerate_walk *walk, const struct line_state *state) {
    /* A program that is not configured has no entries that could be rated. */
    return (walk->request->scope != RERATE_PROGRAM || walk->program_index >= 0) &&
           rerate_concerns(walk->request, state,
                           reference_table_find(&walk->offline->references, REFERENCE_CUSTOMER,
                                                state->line.customer_id));
}

static bool rerate_line(void *context, const struct line_state *state) {
    struct rerate_walk *walk = context;
    if (!is_affected(walk, state)) {
        return true;
    }
    struct posting_cause cause = {
        .origin_offset = -1,
        .is_rerate = true,
        .rerate_offset = -1,
        .program_only = walk->program_index,
    };
    enum posting_outcome outcome;
    struct reject reject;
    walk->line_count++;
    if (!rate_and_post(walk->offline, state, &state->line, cause, walk->request->request_id,
                       &outcome, &reject)) {
        walk->offline->options.unrated(walk->offline->options.context, &state->line, &reject);
    }
    return true;
}

size_t offline_rerate(struct offline *offline, const struct rerate_request *request) {
    commit(offline);
    struct rerate_walk walk = {
        .offline = offline,
        .request = request,
        .program_index =
            request->scope == RERATE_PROGRAM ? programs_find(offline->programs, request->id) : -1,
    };
    (void)ledger_each(offline->ledger, rerate_line, &walk);
    commit(offline);
    return walk.line_count;
}

void offline_each(struct offline *offline, ledger_visit visit, void *context) {
    commit(offline);
    (void)ledger_each(offline->ledger, visit, context);
}
