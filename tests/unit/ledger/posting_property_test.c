#include "dice.h"
#include "life.h"

#include <criterion/criterion.h>

#define PARTNER_COUNT 4
#define CURRENCY_COUNT 2
#define PERIOD_COUNT 3

/* What a consumer of the topic adds up. */
struct sums {
    int128 accrued[3][PARTNER_COUNT][CURRENCY_COUNT][PERIOD_COUNT];
    int128 cumulative[3][PARTNER_COUNT][CURRENCY_COUNT][PERIOD_COUNT];
    int128 forgone[3][PARTNER_COUNT][CURRENCY_COUNT][PERIOD_COUNT];
    enum forgone_reason reason[3][PARTNER_COUNT][CURRENCY_COUNT][PERIOD_COUNT];
    uint32_t sequence[3][PARTNER_COUNT];
};

static const char *const partners[PARTNER_COUNT] = {NULL, "10", "100", "2"};

static size_t partner_index(struct text partner) {
    for (size_t i = 0; i < PARTNER_COUNT; i++) {
        if (text_equal(partner, text_of(partners[i]))) {
            return i;
        }
    }
    cr_assert_fail("a partner that nobody named");
    return 0;
}

static void add_event(struct sums *sums, const struct event *event) {
    if (event->kind == EVENT_ACCRUAL) {
        const struct accrual *a = &event->accrual;
        size_t program = (size_t)(a->program - program_items);
        size_t partner = partner_index(a->partner_mpn_id);
        size_t currency = a->currency.code[0] == 'U';
        size_t period = (size_t)(a->billing_period - JANUARY);
        cr_assert_eq(a->sequence, ++sums->sequence[program][partner]);
        cr_assert(a->amount.units != 0);
        sums->accrued[program][partner][currency][period] += a->amount.units;
        sums->cumulative[program][partner][currency][period] = a->cumulative.units;
        cr_assert(sums->accrued[program][partner][currency][period] == a->cumulative.units);
        return;
    }
    const struct forgone *f = &event->forgone;
    size_t program = (size_t)(f->program - program_items);
    size_t partner = partner_index(f->partner_mpn_id);
    size_t currency = f->currency.code[0] == 'U';
    size_t period = (size_t)(f->billing_period - JANUARY);
    cr_assert(sums->forgone[program][partner][currency][period] == f->amount_before.units);
    cr_assert_eq(sums->reason[program][partner][currency][period], f->reason_before);
    cr_assert(f->amount.units != f->amount_before.units || f->reason != f->reason_before);
    sums->forgone[program][partner][currency][period] = f->amount.units;
    sums->reason[program][partner][currency][period] =
        f->amount.units != 0 ? f->reason : FORGONE_NONE;
}

static size_t random_targets(struct dice *dice, struct target *targets) {
    size_t count = 0;
    for (size_t program = 0; program < 3; program++) {
        for (size_t partner = 0; partner < PARTNER_COUNT; partner++) {
            if (dice_hits(dice, 2)) {
                continue;
            }
            struct target *target = &targets[count++];
            *target = target_of(program, partners[partner], (int64_t)dice_below(dice, 4) - 1);
            target->version = &versions[dice_below(dice, 2)];
            if (partner == 0) {
                target->reason = FORGONE_NO_LINK;
            } else if (dice_hits(dice, 3)) {
                target->reason = (enum forgone_reason)(1 + dice_below(dice, 2));
            }
        }
    }
    return count;
}

/* After each posting: the sums of all published are what the targets say, for each key. */
static void check_sums(const struct sums *sums, const struct target *targets, size_t count,
                       const struct billing_line *line) {
    struct sums wanted = {0};
    size_t currency = line->currency.code[0] == 'U';
    size_t period = (size_t)(line->billing_period - JANUARY);
    for (size_t i = 0; i < count; i++) {
        size_t program = targets[i].program_index;
        size_t partner = partner_index(targets[i].partner_mpn_id);
        if (targets[i].reason == FORGONE_NONE) {
            wanted.accrued[program][partner][currency][period] = targets[i].cumulative.units;
        } else if (targets[i].cumulative.units != 0) {
            wanted.forgone[program][partner][currency][period] = targets[i].cumulative.units;
            wanted.reason[program][partner][currency][period] = targets[i].reason;
        }
    }
    cr_assert(memcmp(wanted.accrued, sums->accrued, sizeof wanted.accrued) == 0);
    cr_assert(memcmp(wanted.accrued, sums->cumulative, sizeof wanted.accrued) == 0);
    cr_assert(memcmp(wanted.forgone, sums->forgone, sizeof wanted.forgone) == 0);
    cr_assert(memcmp(wanted.reason, sums->reason, sizeof wanted.reason) == 0);
}

/* Endings come before beginnings within a program and partner; accruals before forgone. */
static void check_order(const struct posting *posting, const struct billing_line *line) {
    for (size_t i = 1; i < posting->event_count; i++) {
        const struct event *a = &posting->events[i - 1];
        const struct event *b = &posting->events[i];
        bool a_accrues = a->kind == EVENT_ACCRUAL;
        bool b_accrues = b->kind == EVENT_ACCRUAL;
        const struct program *pa = a_accrues ? a->accrual.program : a->forgone.program;
        const struct program *pb = b_accrues ? b->accrual.program : b->forgone.program;
        struct text ta = a_accrues ? a->accrual.partner_mpn_id : a->forgone.partner_mpn_id;
        struct text tb = b_accrues ? b->accrual.partner_mpn_id : b->forgone.partner_mpn_id;
        int order = text_compare(ta, tb);
        cr_assert(pa < pb || (pa == pb && order <= 0));
        if (pa == pb && order == 0) {
            cr_assert(a_accrues || !b_accrues);
            if (a_accrues == b_accrues) {
                int32_t period = b_accrues ? b->accrual.billing_period : b->forgone.billing_period;
                cr_assert(a_accrues ? a->accrual.cumulative.units == 0
                                    : a->forgone.amount.units == 0);
                cr_assert_eq(period, line->billing_period);
            }
        }
    }
}

Test(posting, any_sequence_of_postings_adds_up, .timeout = 240) {
    struct dice dice = {42};
    struct target targets[3 * PARTNER_COUNT];
    for (int round = 0; round < 3000; round++) {
        struct life life;
        struct sums sums = {0};
        life_init(&life);
        struct billing_line line = line_of(0);
        size_t count = 0;
        for (int step = 0; step < 20; step++) {
            struct billing_line next = line_of((int64_t)dice_below(&dice, 10));
            memcpy(next.currency.code, dice_hits(&dice, 2) ? "EUR" : "USD", 3);
            next.billing_period += (int32_t)dice_below(&dice, PERIOD_COUNT);
            next.is_void = dice_hits(&dice, 5);
            bool is_rerate = life.is_known && dice_hits(&dice, 3);
            if (is_rerate) {
                next = life.state.line;
            }
            struct target drawn[3 * PARTNER_COUNT];
            size_t drawn_count = next.is_void ? 0 : random_targets(&dice, drawn);
            struct posting_cause cause =
                is_rerate ? rerate_at(step, -1) : at_offset((int64_t)dice_below(&dice, 30) - 1);
            bool is_stale = !is_rerate && posting_is_stale(life.is_known ? &life.state : NULL,
                                                           &next, cause.origin_offset);
            enum posting_outcome outcome = post(&life, &next, drawn, drawn_count, cause);
            cr_assert_eq(outcome == POSTING_STALE, is_stale);
            for (size_t i = 0; i < life.posting.event_count; i++) {
                add_event(&sums, &life.posting.events[i]);
            }
            if (!is_stale) {
                line = next;
                count = drawn_count;
                memcpy(targets, drawn, count * sizeof targets[0]);
                check_order(&life.posting, &next);
                /* The same once more publishes nothing. */
                cr_assert_eq(post(&life, &next, drawn, drawn_count, cause), POSTING_UNCHANGED);
                cr_assert(life.posting.event_count == 0 && life.posting.is_stored_already);
            } else {
                cr_assert_eq(life.posting.event_count, 0);
            }
            check_sums(&sums, targets, count, &line);
        }
        life_release(&life);
    }
}
