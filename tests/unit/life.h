/* life.h: one line through its postings, for tests of posting.c. */
#ifndef ACCRUED_TESTS_LIFE_H
#define ACCRUED_TESTS_LIFE_H

#include "accrued/posting.h"

#include <criterion/criterion.h>

#define JANUARY (2020 * 12)

static struct program_version versions[] = {{.valid = {100, 200}}, {.valid = {200, 300}}};
static struct program program_items[] = {
    {.id = {"alpha", 5}, .as_of = AS_OF_CHARGE_START_DATE},
    {.id = {"beta", 4}, .as_of = AS_OF_CHARGE_END_DATE},
    {.id = {"gamma", 5}},
};
static struct programs programs = {.items = program_items, .count = 3, .revision = 1};

/* One line's life: what the ledger would hold between two postings. */
struct life {
    struct posting posting;
    struct arena arena;
    struct line_state state;
    bool is_known;
};

static inline void life_init(struct life *life) {
    *life = (struct life){.is_known = false};
    posting_init(&life->posting);
    arena_init(&life->arena);
}

static inline void life_release(struct life *life) {
    posting_release(&life->posting);
    arena_release(&life->arena);
}

/* Posts and keeps the next state. */
static inline enum posting_outcome post(struct life *life, const struct billing_line *line,
                                        const struct target *targets, size_t target_count,
                                        struct posting_cause cause) {
    struct rating rating = {.classification = {.family = TEXT("azure")},
                            .targets = (struct target *)targets,
                            .target_count = target_count};
    enum posting_outcome outcome = POSTING_STALE;
    struct reject reject = {REJECT_NONE, ""};
    cr_assert(posting_compute(&life->posting, &programs, life->is_known ? &life->state : NULL, line,
                              &rating, cause, &outcome, &reject),
              "%s", reject.message);
    cr_assert(outcome != POSTING_STALE || life->posting.is_stored_already);
    if (!life->posting.is_stored_already) {
        life->state = life->posting.next;
        size_t size = life->state.earner_count * sizeof(struct earner);
        life->state.earners = arena_take(&life->arena, size + 1);
        if (size > 0) {
            memcpy(life->state.earners, life->posting.next.earners, size);
        }
        life->is_known = true;
    }
    return outcome;
}

static inline struct posting_cause at_offset(int64_t offset) {
    return (struct posting_cause){.origin_offset = offset, .program_only = -1};
}

static inline struct posting_cause rerate_at(int64_t offset, int program_only) {
    return (struct posting_cause){
        .is_rerate = true, .rerate_offset = offset, .program_only = program_only};
}

static inline struct billing_line line_of(int64_t revision) {
    return (struct billing_line){
        .line_id = TEXT("l"),
        .customer_id = TEXT("c"),
        .charge_type = TEXT("new"),
        .revision = revision,
        .billing_period = JANUARY,
        .charge_start_date = 150,
        .charge_end_date = 180,
        .currency = {{'E', 'U', 'R'}},
    };
}

static inline struct billing_line void_line(int64_t revision) {
    struct billing_line line = line_of(revision);
    line.is_void = true;
    return line;
}

static inline struct target target_of(size_t program, const char *partner, int64_t amount) {
    return (struct target){
        .program_index = program,
        .version = &versions[0],
        .partner_mpn_id = text_of(partner),
        .measure = {100 * (int128)amount},
        .rate = {4000000},
        .cumulative = {amount},
    };
}

static inline struct target forgone_of(size_t program, const char *partner, int64_t amount,
                                       enum forgone_reason reason) {
    struct target target = target_of(program, partner, amount);
    target.reason = reason;
    return target;
}

#endif
