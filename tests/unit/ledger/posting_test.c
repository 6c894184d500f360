#include "accrued/buffer.h"
#include "life.h"

#include <criterion/criterion.h>

/* An event in short: program:partner#sequence amount=cumulative currency month REASON version;
 * forgone: program:partner!reason amount (before-reason before-amount) currency month version. */
static void append_event(struct buffer *to, const struct event *event) {
    buffer_append_string(to, to->size > 0 ? "; " : "");
    if (event->kind == EVENT_ACCRUAL) {
        const struct accrual *a = &event->accrual;
        buffer_append_format(to, "%c:%.*s#%u %lld=%lld %.3s %d %s v%d", a->program->id.data[0],
                             TEXT_ARGS(a->partner_mpn_id), a->sequence, (long long)a->amount.units,
                             (long long)a->cumulative.units, a->currency.code,
                             a->billing_period - JANUARY, accrual_reason_name(a->reason),
                             a->program_version);
        return;
    }
    const struct forgone *f = &event->forgone;
    buffer_append_format(to, "%c:%.*s!%s %lld (%s %lld) %.3s %d v%d", f->program->id.data[0],
                         TEXT_ARGS(f->partner_mpn_id), forgone_reason_name(f->reason),
                         (long long)f->amount.units, forgone_reason_name(f->reason_before),
                         (long long)f->amount_before.units, f->currency.code,
                         f->billing_period - JANUARY, f->program_version);
}

static void check_events(const struct life *life, const char *expected) {
    struct buffer out;
    buffer_init(&out);
    for (size_t i = 0; i < life->posting.event_count; i++) {
        append_event(&out, &life->posting.events[i]);
    }
    buffer_append_byte(&out, 0);
    cr_assert_str_eq((char *)out.data, expected, "\n     got %s\nexpected %s", (char *)out.data,
                     expected);
    buffer_release(&out);
}

Test(posting, new_line_redelivery_revision_void) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(1);
    struct target targets[] = {target_of(0, "p", 10), target_of(1, "q", -7)};
    cr_assert_eq(post(&life, &line, targets, 2, at_offset(5)), POSTING_POSTED);
    check_events(&life, "a:p#1 10=10 EUR 0 NEW_LINE v100; b:q#1 -7=-7 EUR 0 NEW_LINE v100");
    const struct accrual *first = &life.posting.events[0].accrual;
    cr_assert_eq(first->as_of, 150);
    cr_assert_eq(life.posting.events[1].accrual.as_of, 180);
    cr_assert_eq((int)first->measure.units, 1000);
    cr_assert_eq(first->rate.units, 4000000);
    cr_assert(first->line == &line && first->version == &versions[0]);
    /* The same record again. */
    cr_assert_eq(post(&life, &line, targets, 2, at_offset(5)), POSTING_UNCHANGED);
    check_events(&life, "");
    cr_assert(life.posting.is_stored_already);
    /* The same facts further on: nothing to publish, but the origin is to be stored. */
    cr_assert_eq(post(&life, &line, targets, 2, at_offset(6)), POSTING_UNCHANGED);
    check_events(&life, "");
    cr_assert(!life.posting.is_stored_already);
    cr_assert_eq(life.state.origin_offset, 6);
    /* A revision that changes one of both. */
    line.revision = 2;
    targets[1].cumulative.units = 3;
    cr_assert_eq(post(&life, &line, targets, 2, at_offset(7)), POSTING_POSTED);
    check_events(&life, "b:q#2 10=3 EUR 0 REVISION v100");
    /* A revision that changes nothing that is published is stored all the same. */
    line.revision = 3;
    cr_assert_eq(post(&life, &line, targets, 2, at_offset(8)), POSTING_POSTED);
    check_events(&life, "");
    cr_assert_eq(life.state.line.revision, 3);
    struct billing_line voided = void_line(4);
    voided.charge_end_date = 190;
    cr_assert_eq(post(&life, &voided, NULL, 0, at_offset(9)), POSTING_POSTED);
    check_events(&life, "a:p#2 -10=0 EUR 0 VOID v100; b:q#3 -3=0 EUR 0 VOID v100");
    life_release(&life);
}

Test(posting, an_ended_entry_says_so) {
    struct life life;
    life_init(&life);
    static const struct link link = {.link_id = {"L", 1}, .type = LINK_CPOR};
    struct billing_line line = line_of(1);
    struct target target = target_of(1, "p", 10);
    target.link = &link;
    target.accelerators = 5;
    post(&life, &line, &target, 1, at_offset(1));
    const struct accrual *accrual = &life.posting.events[0].accrual;
    cr_assert(accrual->link == &link);
    cr_assert_eq(accrual->accelerators, 5);
    struct billing_line voided = void_line(2);
    voided.charge_end_date = 190;
    voided.billing_period = JANUARY + 1;
    post(&life, &voided, NULL, 0, at_offset(2));
    check_events(&life, "b:p#2 -10=0 EUR 0 VOID v100");
    accrual = &life.posting.events[0].accrual;
    cr_assert(accrual->link == NULL && accrual->version == NULL);
    cr_assert_eq(accrual->accelerators, 0);
    cr_assert_eq((int)accrual->measure.units, 0);
    cr_assert_eq(accrual->rate.units, 0);
    cr_assert_eq(accrual->as_of, 190); /* the ending revision's */
    cr_assert(accrual->line == &voided);
    cr_assert_eq(life.state.earner_count, 1); /* the sequence outlives the entry */
    /* Back again: the sequence goes on, and it is a REVISION, under today's version. */
    line.revision = 3;
    target.version = &versions[1];
    post(&life, &line, &target, 1, at_offset(3));
    check_events(&life, "b:p#3 10=10 EUR 0 REVISION v200");
    life_release(&life);
}

Test(posting, void_and_nothing_are_stored_too) {
    struct life life;
    life_init(&life);
    struct billing_line voided = void_line(1);
    cr_assert_eq(post(&life, &voided, NULL, 0, at_offset(1)), POSTING_POSTED);
    check_events(&life, "");
    cr_assert(life.is_known && life.state.line.is_void);
    struct billing_line line = line_of(1);
    struct target target = target_of(0, "p", 1);
    cr_assert_eq(post(&life, &line, &target, 1, at_offset(2)), POSTING_POSTED);
    check_events(&life, "a:p#1 1=1 EUR 0 REVISION v100");
    life_release(&life);
    life_init(&life);
    /* What yields 0, accrued or forgone, leaves no trace. */
    struct target zeros[] = {target_of(0, "p", 0), forgone_of(1, "p", 0, FORGONE_MPN_INACTIVE)};
    cr_assert_eq(post(&life, &line, zeros, 2, at_offset(1)), POSTING_POSTED);
    check_events(&life, "");
    cr_assert_eq(life.state.earner_count, 0);
    cr_assert_eq(post(&life, &line, zeros, 2, at_offset(1)), POSTING_UNCHANGED);
    cr_assert(life.posting.is_stored_already);
    life_release(&life);
}

Test(posting, stale_and_ties) {
    static const struct {
        int64_t old_revision;
        int64_t old_origin;
        int64_t revision;
        int64_t origin;
        bool is_stale;
    } cases[] = {
        {5, 100, 4, 200, true},
        {5, 100, 6, 1, false},
        {5, 100, 5, 99, true},
        {5, 100, 5, 100, false},
        {5, 100, 5, 101, false},
        {5, 100, 5, -1, false},
        {5, -1, 5, 0, false},
        {5, -1, 5, -1, false},
        {0, 100, 0, 0, true},
        {5, 100, 4, -1, true},
        {INT64_MAX, 1, INT64_MAX - 1, 2, true},
        {INT64_MAX, 1, INT64_MAX, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct life life;
        life_init(&life);
        struct billing_line old = line_of(cases[i].old_revision);
        struct target target = target_of(0, "p", 1);
        post(&life, &old, &target, 1, at_offset(cases[i].old_origin));
        struct billing_line line = line_of(cases[i].revision);
        cr_assert_eq(posting_is_stale(&life.state, &line, cases[i].origin), cases[i].is_stale,
                     "case %zu", i);
        cr_assert(!posting_is_stale(NULL, &line, cases[i].origin));
        target.cumulative.units = 2;
        enum posting_outcome outcome = post(&life, &line, &target, 1, at_offset(cases[i].origin));
        cr_assert_eq(outcome == POSTING_STALE, cases[i].is_stale, "case %zu", i);
        cr_assert_eq(life.posting.event_count, cases[i].is_stale ? 0 : 1, "case %zu", i);
        cr_assert_eq((int)life.state.earners[0].cumulative.units, cases[i].is_stale ? 1 : 2);
        life_release(&life);
    }
}

/* On a tie the original offset decides whatever order they come in. */
Test(posting, a_replayed_dead_letter_does_not_win_over_a_later_record) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(1);
    struct target late = target_of(0, "p", 20);
    struct target early = target_of(0, "p", 10);
    post(&life, &line, &late, 1, at_offset(20));
    cr_assert_eq(post(&life, &line, &early, 1, at_offset(10)), POSTING_STALE);
    cr_assert_eq((int)life.state.earners[0].cumulative.units, 20);
    life_release(&life);
}

Test(posting, the_earner_moves) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(1);
    struct target first[] = {target_of(0, "m", 10)};
    post(&life, &line, first, 1, at_offset(1));
    /* To one that sorts before it. */
    struct target second[] = {target_of(0, "a", 10)};
    line.revision++;
    post(&life, &line, second, 1, at_offset(2));
    check_events(&life, "a:a#1 10=10 EUR 0 REVISION v100; a:m#2 -10=0 EUR 0 REVISION v100");
    /* To one behind it in another program, with a rest that stays. */
    struct target third[] = {target_of(0, "a", 4), target_of(1, "z", 6)};
    line.revision++;
    post(&life, &line, third, 2, at_offset(3));
    check_events(&life, "a:a#2 -6=4 EUR 0 REVISION v100; b:z#1 6=6 EUR 0 REVISION v100");
    /* And back to the first. */
    line.revision++;
    post(&life, &line, first, 1, at_offset(4));
    check_events(&life, "a:a#3 -4=0 EUR 0 REVISION v100; a:m#3 10=10 EUR 0 REVISION v100; "
                        "b:z#2 -6=0 EUR 0 REVISION v100");
    cr_assert_eq(life.state.earner_count, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(life.state.earners[i].sequence, i < 2 ? 3 : 2);
    }
    life_release(&life);
}

Test(posting, currency_and_period_moves_end_before_they_begin) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(1);
    struct target targets[] = {target_of(0, "p", 10), target_of(1, "p", 5)};
    post(&life, &line, targets, 2, at_offset(1));
    line.revision++;
    memcpy(line.currency.code, "USD", 3);
    post(&life, &line, targets, 2, at_offset(2));
    check_events(&life, "a:p#2 -10=0 EUR 0 REVISION v100; a:p#3 10=10 USD 0 REVISION v100; "
                        "b:p#2 -5=0 EUR 0 REVISION v100; b:p#3 5=5 USD 0 REVISION v100");
    line.revision++;
    line.billing_period++;
    targets[0].version = &versions[1];
    targets[0].cumulative.units = 4;
    targets[1].cumulative.units = 0;
    post(&life, &line, targets, 2, at_offset(3));
    check_events(&life, "a:p#4 -10=0 USD 0 REVISION v100; a:p#5 4=4 USD 1 REVISION v200; "
                        "b:p#4 -5=0 USD 0 REVISION v100");
    /* A void that names another currency ends the entry that there is. */
    struct billing_line voided = void_line(9);
    post(&life, &voided, NULL, 0, at_offset(4));
    check_events(&life, "a:p#6 -4=0 USD 1 VOID v200");
    life_release(&life);
}

Test(posting, forgone_starts_changes_and_ends) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(1);
    struct target target = forgone_of(0, "p", 10, FORGONE_MPN_INACTIVE);
    post(&life, &line, &target, 1, at_offset(1));
    check_events(&life, "a:p!mpn_inactive 10 (none 0) EUR 0 v100");
    cr_assert_eq((int)life.posting.events[0].forgone.measure.units, 1000);
    cr_assert_eq(life.posting.events[0].forgone.rate.units, 4000000);
    cr_assert_eq(post(&life, &line, &target, 1, at_offset(1)), POSTING_UNCHANGED);
    check_events(&life, "");
    line.revision++;
    target.cumulative.units = 12;
    post(&life, &line, &target, 1, at_offset(2));
    check_events(&life, "a:p!mpn_inactive 12 (mpn_inactive 10) EUR 0 v100");
    line.revision++;
    target.reason = FORGONE_TAX_PROFILE_MISSING;
    target.version = &versions[1];
    post(&life, &line, &target, 1, at_offset(3));
    check_events(&life, "a:p!tax_profile_missing 12 (mpn_inactive 12) EUR 0 v200");
    /* The reason ends and it is earned: the accrual comes before the forgone. */
    line.revision++;
    target.reason = FORGONE_NONE;
    post(&life, &line, &target, 1, at_offset(4));
    check_events(&life, "a:p#1 12=12 EUR 0 REVISION v200; "
                        "a:p!tax_profile_missing 0 (tax_profile_missing 12) EUR 0 v200");
    cr_assert_eq((int)life.posting.events[1].forgone.measure.units, 0);
    cr_assert_eq(life.posting.events[1].forgone.rate.units, 0);
    /* And back. */
    line.revision++;
    target.reason = FORGONE_MPN_INACTIVE;
    post(&life, &line, &target, 1, at_offset(5));
    check_events(&life, "a:p#2 -12=0 EUR 0 REVISION v200; "
                        "a:p!mpn_inactive 12 (none 0) EUR 0 v200");
    /* Another period: ends there, begins here. */
    line.revision++;
    line.billing_period++;
    post(&life, &line, &target, 1, at_offset(6));
    check_events(&life, "a:p!mpn_inactive 0 (mpn_inactive 12) EUR 0 v200; "
                        "a:p!mpn_inactive 12 (none 0) EUR 1 v200");
    /* An amount of 0 is nothing forgone. */
    line.revision++;
    target.cumulative.units = 0;
    post(&life, &line, &target, 1, at_offset(7));
    check_events(&life, "a:p!mpn_inactive 0 (mpn_inactive 12) EUR 1 v200");
    line.revision++;
    post(&life, &line, &target, 1, at_offset(8));
    check_events(&life, "");
    life_release(&life);
}

Test(posting, no_link_becomes_a_partner) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(1);
    struct target nobody = forgone_of(1, NULL, 10, FORGONE_NO_LINK);
    post(&life, &line, &nobody, 1, at_offset(1));
    check_events(&life, "b:!no_link 10 (none 0) EUR 0 v100");
    cr_assert(text_is_null(life.posting.events[0].forgone.partner_mpn_id));
    struct target somebody = target_of(1, "p", 10);
    post(&life, &line, &somebody, 1, rerate_at(77, -1));
    check_events(&life, "b:!no_link 0 (no_link 10) EUR 0 v100; b:p#1 10=10 EUR 0 RERATE v100");
    life_release(&life);
}

Test(posting, rerate_whatever_the_revision) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(3);
    struct target targets[] = {target_of(0, "p", 10), target_of(1, "p", 5), target_of(2, "p", 1)};
    post(&life, &line, targets, 3, at_offset(40));
    cr_assert_eq(life.state.rerate_offset, -1);
    for (size_t i = 0; i < 3; i++) {
        targets[i].cumulative.units += 100;
    }
    /* Scope program: only that one's entries. */
    cr_assert_eq(post(&life, &life.state.line, targets, 3, rerate_at(8, 1)), POSTING_POSTED);
    check_events(&life, "b:p#2 100=105 EUR 0 RERATE v100");
    cr_assert_eq(life.state.rerate_offset, 8);
    cr_assert_eq(life.state.origin_offset, 40);
    cr_assert_eq(life.state.earner_count, 3);
    cr_assert_eq((int)life.state.earners[0].cumulative.units, 10);
    cr_assert_eq((int)life.state.earners[2].cumulative.units, 1);
    cr_assert_eq(post(&life, &life.state.line, targets, 3, rerate_at(9, -1)), POSTING_POSTED);
    check_events(&life, "a:p#2 100=110 EUR 0 RERATE v100; g:p#2 100=101 EUR 0 RERATE v100");
    /* Nothing to publish; that it was done is stored, once. */
    cr_assert_eq(post(&life, &life.state.line, targets, 3, rerate_at(10, -1)), POSTING_UNCHANGED);
    cr_assert(!life.posting.is_stored_already);
    cr_assert_eq(post(&life, &life.state.line, targets, 3, rerate_at(10, -1)), POSTING_UNCHANGED);
    cr_assert(life.posting.is_stored_already);
    /* A line that follows keeps the request's offset. */
    line.revision = 4;
    post(&life, &line, targets, 3, at_offset(41));
    cr_assert_eq(life.state.rerate_offset, 10);
    life_release(&life);
}

Test(posting, changes_of_any_fact_are_stored) {
    struct life life;
    life_init(&life);
    const struct billing_line line = line_of(1);
    post(&life, &line, NULL, 0, at_offset(1));
    struct billing_line changed[] = {line, line, line, line, line, line, line, line, line,
                                     line, line, line, line, line, line, line, line};
    changed[0].is_void = true;
    changed[1].billing_period++;
    changed[2].charge_start_date--;
    changed[3].charge_end_date++;
    changed[4].currency.code[2] = 'X';
    changed[5].billed_amount.units = 1;
    changed[6].has_consumed_amount = true;
    changed[7].has_event_time = true;
    changed[8].subscription_id = TEXT("s");
    changed[9].reseller_mpn_id = TEXT("r");
    changed[10].product_id = TEXT("r");
    changed[11].sku_id = TEXT("r");
    changed[12].product_name = TEXT("r");
    changed[13].meter_category = TEXT("r");
    changed[14].product_family = TEXT("r");
    changed[15].workload = TEXT("r");
    changed[16].charge_type = TEXT("renew");
    const struct line_state stored = life.state;
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        life.state = stored;
        cr_assert_eq(post(&life, &changed[i], NULL, 0, at_offset(1)), POSTING_POSTED, "fact %zu",
                     i);
        cr_assert(!life.posting.is_stored_already);
    }
    /* What the ledger does not keep. */
    struct billing_line same = line;
    same.invoice_id = TEXT("i");
    same.has_quantity = true;
    same.quantity.units = 5;
    life.state = stored;
    cr_assert_eq(post(&life, &same, NULL, 0, at_offset(1)), POSTING_UNCHANGED);
    cr_assert_eq(post(&life, &same, NULL, 0, at_offset(2)), POSTING_UNCHANGED);
    cr_assert(text_is_null(life.state.line.invoice_id));
    cr_assert(!life.state.line.has_quantity && life.state.line.quantity.units == 0);
    life_release(&life);
}

/* A request for one program, the first one as well as any other, leaves all others as they are. */
Test(posting, a_rerate_of_one_program_touches_no_other) {
    for (int only = 0; only < 3; only++) {
        struct life life;
        life_init(&life);
        struct billing_line line = line_of(1);
        struct target before[] = {target_of(0, "a", 10), target_of(1, "a", 20),
                                  forgone_of(2, "a", 30, FORGONE_MPN_INACTIVE)};
        post(&life, &line, before, 3, at_offset(1));
        struct target after[] = {target_of(0, "b", 11), target_of(1, "b", 21),
                                 target_of(2, "b", 31)};
        post(&life, &line, after, 3, rerate_at(5, only));
        cr_assert_eq(life.posting.event_count, 2);
        cr_assert_eq(life.state.earner_count, 4);
        for (size_t i = 0; i < life.state.earner_count; i++) {
            const struct earner *earner = &life.state.earners[i];
            bool is_named = earner->program_index == (size_t)only;
            cr_expect(is_named || text_equal(earner->partner_mpn_id, TEXT("a")));
            cr_expect(is_named ||
                      earner->cumulative.units == before[earner->program_index].cumulative.units ||
                      earner->forgone_amount.units == 30);
        }
        life_release(&life);
    }
}

/* Optional numbers count where they are there, and only there. */
Test(posting, optional_facts_are_compared_by_value) {
    struct life life;
    life_init(&life);
    struct billing_line line = line_of(1);
    line.has_consumed_amount = true;
    line.consumed_amount.units = 40;
    line.has_event_time = true;
    line.event_time_ms = 1000;
    line.subscription_id = TEXT("s");
    line.workload = TEXT("w");
    cr_assert_eq(post(&life, &line, NULL, 0, at_offset(1)), POSTING_POSTED);
    cr_assert_eq(post(&life, &line, NULL, 0, at_offset(1)), POSTING_UNCHANGED);
    cr_assert(life.posting.is_stored_already);
    line.consumed_amount.units = 41;
    cr_assert_eq(post(&life, &line, NULL, 0, at_offset(1)), POSTING_POSTED);
    line.event_time_ms = 1001;
    cr_assert_eq(post(&life, &line, NULL, 0, at_offset(1)), POSTING_POSTED);
    line.has_consumed_amount = false;
    cr_assert_eq(post(&life, &line, NULL, 0, at_offset(1)), POSTING_POSTED);
    line.has_event_time = false;
    cr_assert_eq(post(&life, &line, NULL, 0, at_offset(1)), POSTING_POSTED);
    line.consumed_amount.units = 7; /* of no meaning any more */
    line.event_time_ms = 7;
    cr_assert_eq(post(&life, &line, NULL, 0, at_offset(1)), POSTING_UNCHANGED);
    life_release(&life);
}

Test(posting, a_delta_that_does_not_fit_changes_nothing) {
    struct life life;
    life_init(&life);
    int128 most = decimal_power_of_ten(DECIMAL_PRECISION) - 1;
    struct billing_line line = line_of(1);
    struct target targets[] = {target_of(0, "p", 1), target_of(1, "p", 0)};
    targets[1].cumulative.units = most;
    post(&life, &line, targets, 2, at_offset(1));
    cr_assert_eq(life.posting.event_count, 2);
    line.revision++;
    targets[0].cumulative.units = 2;
    targets[1].cumulative.units = -1;
    struct rating rating = {.targets = targets, .target_count = 2};
    enum posting_outcome outcome = POSTING_STALE;
    struct reject reject = {REJECT_NONE, ""};
    cr_assert(!posting_compute(&life.posting, &programs, &life.state, &line, &rating, at_offset(2),
                               &outcome, &reject));
    cr_assert_eq(reject.code, REJECT_AMOUNT_OVERFLOW);
    cr_assert(strstr(reject.message, "beta") != NULL);
    cr_assert_eq(life.posting.event_count, 0);
    /* In another period the two never meet: it fits. */
    line.billing_period++;
    cr_assert(posting_compute(&life.posting, &programs, &life.state, &line, &rating, at_offset(2),
                              &outcome, &reject));
    cr_assert_eq(life.posting.event_count, 4);
    /* The largest step that fits. */
    line.billing_period--;
    targets[1].cumulative.units = 0;
    cr_assert(posting_compute(&life.posting, &programs, &life.state, &line, &rating, at_offset(2),
                              &outcome, &reject));
    life_release(&life);
}

Test(posting, accrual_ids_keep_their_separators_apart) {
    struct buffer id;
    buffer_init(&id);
    static const struct program program = {.id = {"p|q", 3}};
    struct billing_line line = {.customer_id = TEXT("a/b"), .line_id = TEXT("50%2F|\xC3\xA9 ")};
    struct accrual accrual = {
        .line = &line, .program = &program, .partner_mpn_id = TEXT("/"), .sequence = UINT32_MAX};
    accrual_append_id(&id, &accrual);
    cr_assert(text_equal(buffer_text(&id), TEXT("a%2Fb/50%252F%7C\xC3\xA9 /p%7Cq/%2F/4294967295")));
    buffer_clear(&id);
    accrual.sequence = 10;
    line.customer_id = TEXT("c");
    line.line_id = TEXT("l");
    accrual.partner_mpn_id = TEXT("1");
    accrual_append_id(&id, &accrual);
    cr_assert(text_equal(buffer_text(&id), TEXT("c/l/p%7Cq/1/10")));
    buffer_release(&id);
}
