/* The whole engine against its promise (accrual-model.md §7, §8): whatever lines come and however
 * reference data changes, after the re-rates that the changes ask for, what was published adds up
 * to what each line earns today. */
#include "accrued/offline.h"

#include "dice.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define CUSTOMERS 3
#define LINES 4
#define PROGRAMS 5
#define PARTNERS 6 /* the first is null: no_link */
#define CURRENCIES 2
#define PERIODS 2
#define DAY 18262 /* 2020-01-01 */
#define LINKS_MAX 5
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct text customer_ids[CUSTOMERS] = {{"a", 1}, {"b", 1}, {"c", 1}};
static const struct text line_ids[LINES] = {{"1", 1}, {"2", 1}, {"3", 1}, {"4", 1}};
static const struct text partner_ids[PARTNERS] = {{NULL, 0}, {"A", 1}, {"B", 1},
                                                  {"C", 1},  {"D", 1}, {"E", 1}};
static const struct text values[] = {{NULL, 0}, {"x", 1}, {"y", 1}};
static const struct text families[] = {{"azure", 5}, {"office_365", 10}};
static const struct text names[] = {{"cloud", 5}};

static const struct rate_rule rates[] = {
    {.families = {families, 1}, .rate = {10000000}, .measure = MEASURE_CONSUMED_AMOUNT},
    {.families = {families, 2}, .workloads = {&values[1], 1}, .rate = {3333333}},
    {.families = {families, 2}, .rate = {4000000}},
};
static const struct accelerator accelerators[] = {
    {.id = {"add", 3}, .rate = {5000000}, .months = 2}};
#define ACCELERATED                                                                                \
    .rates = rates, .rate_count = COUNT(rates), .accelerators = accelerators, .accelerator_count = 1
static const struct program_version versions[] = {
    {.valid = {DAY_MIN, DAY + 40},
     .standing = STANDING_MONTH,
     .requirements = {.mpn_active = true,
                      .indirect_reseller = true,
                      .bank_profile = true,
                      .tax_profile = true,
                      .any_competency = true,
                      .level = LEVEL_SILVER,
                      .competencies = {names, 1}},
     ACCELERATED},
    {.valid = {DAY + 40, DAY_MAX}, .requirements = {.mpn_active = true}, ACCELERATED},
};
#define PROGRAM(name, of)                                                                          \
    .id = {name, sizeof(name) - 1}, .beneficiary = (of), .versions = versions, .version_count = 2
static struct program program_items[PROGRAMS] = {
    {PROGRAM("reseller", BENEFICIARY_RESELLER)},
    {PROGRAM("cpor", BENEFICIARY_CPOR), .as_of = AS_OF_CHARGE_END_DATE},
    {PROGRAM("dpor", BENEFICIARY_DPOR), .yields_to = 1U << LINK_CPOR},
    {PROGRAM("pal", BENEFICIARY_PAL), .attribution = ATTRIBUTION_EVERY},
    {PROGRAM("second", BENEFICIARY_PAL), .pays = PAYS_RECOGNITION},
};
static const struct programs all_programs = {
    .items = program_items, .count = PROGRAMS, .revision = 1};

/* All that a reader of the published events knows of one line. */
struct published {
    int128 accrued[PROGRAMS][PARTNERS][CURRENCIES][PERIODS];
    int128 forgone[PROGRAMS][PARTNERS][CURRENCIES][PERIODS];
    enum forgone_reason reason[PROGRAMS][PARTNERS][CURRENCIES][PERIODS];
    uint32_t sequence[PROGRAMS][PARTNERS];
};

struct walk {
    struct dice dice;
    struct offline offline;
    struct catalog catalog;
    struct billing_line winners[CUSTOMERS][LINES]; /* the revision that counts */
    bool is_known[CUSTOMERS][LINES];
    struct published published[CUSTOMERS][LINES];
    size_t event_count;
    size_t unrated_count;
    struct text rerate_id; /* what events must carry now */
};

static size_t index_of(struct text wanted, const struct text *among, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (text_equal(wanted, among[i])) {
            return i;
        }
    }
    cr_assert_fail("an id that nobody gave");
    return 0;
}

static size_t below(struct walk *walk, size_t count) {
    return dice_below(&walk->dice, count);
}

static struct published *published_of(struct walk *walk, const struct billing_line *line) {
    return &walk->published[index_of(line->customer_id, customer_ids, CUSTOMERS)]
                           [index_of(line->line_id, line_ids, LINES)];
}

static void on_event(void *context, const struct event *event, struct text rerate_id) {
    struct walk *walk = context;
    walk->event_count++;
    cr_assert(text_equal(rerate_id, walk->rerate_id));
    if (event->kind == EVENT_ACCRUAL) {
        const struct accrual *a = &event->accrual;
        struct published *to = published_of(walk, a->line);
        size_t program = (size_t)(a->program - program_items);
        size_t partner = index_of(a->partner_mpn_id, partner_ids, PARTNERS);
        int128 *sum =
            &to->accrued[program][partner][a->currency.code[0] == 'U'][a->billing_period % PERIODS];
        *sum += a->amount.units;
        cr_assert(partner != 0 && a->amount.units != 0);
        cr_assert(*sum == a->cumulative.units, "deltas add up to the cumulative");
        cr_assert_eq(a->sequence, ++to->sequence[program][partner]);
        cr_assert_eq(a->reason == ACCRUAL_RERATE, !text_is_null(rerate_id));
        return;
    }
    const struct forgone *f = &event->forgone;
    struct published *to = published_of(walk, f->line);
    size_t program = (size_t)(f->program - program_items);
    size_t partner = index_of(f->partner_mpn_id, partner_ids, PARTNERS);
    size_t currency = f->currency.code[0] == 'U';
    size_t period = (size_t)f->billing_period % PERIODS;
    to->forgone[program][partner][currency][period] = f->amount.units;
    to->reason[program][partner][currency][period] =
        f->amount.units == 0 ? FORGONE_NONE : f->reason;
}

static void on_unrated(void *context, const struct billing_line *line,
                       const struct reject *reject) {
    struct walk *walk = context;
    cr_assert_eq(reject->code, REJECT_REFERENCE_UNREADABLE);
    cr_assert(published_of(walk, line) != NULL);
    walk->unrated_count++;
}

static struct interval random_interval(struct walk *walk) {
    int32_t from = DAY - 20 + (int32_t)below(walk, 80);
    return (struct interval){below(walk, 2) == 0 ? DAY_MIN : from,
                             below(walk, 2) == 0 ? DAY_MAX : from + (int32_t)below(walk, 60)};
}

/* A value, its own memory behind it. */
struct partner_value {
    struct reference reference;
    struct interval intervals[8];
    struct competency competency;
};

static struct reference *random_partner(struct walk *walk, struct text mpn_id) {
    struct partner_value *value = calloc(1, sizeof *value);
    cr_assert(value != NULL);
    for (size_t i = 0; i < COUNT(value->intervals); i++) {
        value->intervals[i] = random_interval(walk);
    }
    value->competency = (struct competency){names[0], (enum competency_level)(1 + below(walk, 2)),
                                            random_interval(walk)};
    struct partner *partner = &value->reference.partner;
    *partner = (struct partner){
        .mpn_id = mpn_id,
        .mpn_active = {&value->intervals[0], 1 + below(walk, 2)},
        .indirect_reseller = {&value->intervals[2], 1 + below(walk, 2)},
        .bank_profile = {&value->intervals[4], 1 + below(walk, 2)},
        .tax_profile = {&value->intervals[6], 1 + below(walk, 2)},
        .competencies = &value->competency,
        .competency_count = below(walk, 4) == 0 ? 0 : 1,
    };
    value->reference.kind = REFERENCE_PARTNER;
    return &value->reference;
}

struct customer_value {
    struct reference reference;
    struct link links[LINKS_MAX];
};

static struct reference *random_customer(struct walk *walk, struct text customer_id) {
    static const struct text link_ids[LINKS_MAX] = {
        {"L1", 2}, {"L2", 2}, {"L3", 2}, {"L4", 2}, {"L5", 2}};
    struct customer_value *value = calloc(1, sizeof *value);
    cr_assert(value != NULL);
    size_t count = below(walk, LINKS_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        value->links[i] = (struct link){
            .link_id = link_ids[i],
            .partner_mpn_id = partner_ids[1 + below(walk, PARTNERS - 1)],
            .subscription_id = values[below(walk, 2)],
            .workload = values[below(walk, 3)],
            .valid = random_interval(walk),
            .type = (enum link_type)below(walk, LINK_TYPE_COUNT),
        };
    }
    value->reference.kind = REFERENCE_CUSTOMER;
    value->reference.customer = (struct customer){.customer_id = customer_id,
                                                  .links = value->links,
                                                  .link_count = count,
                                                  .has_added_on = below(walk, 2) == 0,
                                                  .added_on = DAY - 60 + (int32_t)below(walk, 80)};
    return &value->reference;
}

/* A changed value, and the request that whoever changes it has to make. */
static void change_reference(struct walk *walk, bool may_break) {
    bool is_partner = below(walk, 2) == 0;
    struct text id = is_partner ? partner_ids[1 + below(walk, PARTNERS - 1)]
                                : customer_ids[below(walk, CUSTOMERS)];
    struct reference *value = is_partner ? random_partner(walk, id) : random_customer(walk, id);
    value->state = may_break && below(walk, 4) == 0 ? REFERENCE_UNREADABLE : REFERENCE_PRESENT;
    reference_table_put(&walk->offline.references, value);
    struct rerate_request request = {
        .scope = is_partner ? RERATE_PARTNER : RERATE_CUSTOMER,
        .id = id,
        .charge_start = {DAY_MIN, DAY_MAX},
        .request_id = TEXT("change"),
        .offset = -1,
    };
    walk->rerate_id = request.request_id;
    (void)offline_rerate(&walk->offline, &request);
}

static void send_line(struct walk *walk) {
    size_t customer = below(walk, CUSTOMERS);
    size_t number = below(walk, LINES);
    struct billing_line line = {
        .line_id = line_ids[number],
        .customer_id = customer_ids[customer],
        .subscription_id = values[below(walk, 2)],
        .reseller_mpn_id = partner_ids[below(walk, PARTNERS)],
        .product_family = families[below(walk, 2)],
        .workload = values[below(walk, 3)],
        .charge_type = TEXT("new"),
        .revision =
            (int64_t)below(walk, 3) +
            (walk->is_known[customer][number] ? walk->winners[customer][number].revision - 1 : 1),
        .billing_period = 2020 * 12 + (int32_t)below(walk, PERIODS),
        .charge_start_date = DAY + (int32_t)below(walk, 45),
        .currency = {{below(walk, 3) == 0 ? 'U' : 'E', 'X', 'X'}},
        .is_void = below(walk, 6) == 0,
        .billed_amount = {(int128)below(walk, 2000000000000) - 500000000000},
        .has_consumed_amount = below(walk, 2) == 0,
    };
    line.charge_end_date = line.charge_start_date + (int32_t)below(walk, 45);
    line.consumed_amount.units = line.has_consumed_amount ? line.billed_amount.units * 3 : 0;
    enum posting_outcome outcome = POSTING_STALE;
    struct reject reject = {REJECT_NONE, ""};
    walk->rerate_id = text_null();
    size_t before = walk->event_count;
    bool is_stale = walk->is_known[customer][number] &&
                    line.revision < walk->winners[customer][number].revision;
    if (!offline_line(&walk->offline, &line, &outcome, &reject)) {
        cr_assert_eq(reject.code, REJECT_REFERENCE_UNREADABLE);
        cr_assert(!is_stale && walk->event_count == before, "a bad line changes nothing");
        return;
    }
    cr_assert_eq(outcome == POSTING_STALE, is_stale);
    if (is_stale) {
        cr_assert_eq(walk->event_count, before);
        return;
    }
    walk->winners[customer][number] = line;
    walk->is_known[customer][number] = true;
    /* The same record once more: at-least-once delivery upstream costs nothing. */
    before = walk->event_count;
    cr_assert(offline_line(&walk->offline, &line, &outcome, &reject));
    cr_assert_eq(outcome, POSTING_UNCHANGED);
    cr_assert_eq(walk->event_count, before);
}

/* What one line would have published, had it come today for the first time; under one program, or
 * all of them (−1). */
static void check_line(struct walk *walk, size_t customer, size_t number, struct rating *rating,
                       int program_only) {
    const struct billing_line *line = &walk->winners[customer][number];
    struct reference_table *references = &walk->offline.references;
    struct reject reject;
    if (!rating_compute(rating, &all_programs, &walk->catalog, line,
                        reference_table_find(references, REFERENCE_CUSTOMER, line->customer_id),
                        reference_table_partners(references), walk->offline.options.rating,
                        &reject)) {
        return; /* it keeps what it has until it can be read again */
    }
    static struct published wanted;
    memset(&wanted, 0, sizeof wanted);
    size_t currency = line->currency.code[0] == 'U';
    size_t period = (size_t)line->billing_period % PERIODS;
    for (size_t i = 0; i < rating->target_count; i++) {
        const struct target *target = &rating->targets[i];
        size_t partner = index_of(target->partner_mpn_id, partner_ids, PARTNERS);
        if (target->reason == FORGONE_NONE) {
            wanted.accrued[target->program_index][partner][currency][period] =
                target->cumulative.units;
        } else if (target->cumulative.units != 0) {
            wanted.forgone[target->program_index][partner][currency][period] =
                target->cumulative.units;
            wanted.reason[target->program_index][partner][currency][period] = target->reason;
        }
    }
    const struct published *is = &walk->published[customer][number];
    for (size_t p = 0; p < PROGRAMS; p++) {
        if (program_only < 0 || p == (size_t)program_only) {
            cr_assert(memcmp(is->accrued[p], wanted.accrued[p], sizeof wanted.accrued[p]) == 0);
            cr_assert(memcmp(is->forgone[p], wanted.forgone[p], sizeof wanted.forgone[p]) == 0);
            cr_assert(memcmp(is->reason[p], wanted.reason[p], sizeof wanted.reason[p]) == 0);
        }
    }
}

static void check_all(struct walk *walk) {
    struct rating rating;
    rating_init(&rating);
    for (size_t customer = 0; customer < CUSTOMERS; customer++) {
        for (size_t number = 0; number < LINES; number++) {
            if (walk->is_known[customer][number]) {
                check_line(walk, customer, number, &rating, -1);
            }
        }
    }
    rating_release(&rating);
}

static void walk_init(struct walk *walk, uint64_t seed) {
    *walk = (struct walk){.dice = {seed}};
    catalog_init(&walk->catalog);
    offline_init(&walk->offline, &all_programs, &walk->catalog,
                 (struct offline_options){.rating = {.no_link = true},
                                          .event = on_event,
                                          .unrated = on_unrated,
                                          .context = walk});
}

static void rerate_all(struct walk *walk) {
    struct rerate_request request = {.scope = RERATE_ALL,
                                     .charge_start = {DAY_MIN, DAY_MAX},
                                     .request_id = TEXT("audit"),
                                     .offset = -1};
    walk->rerate_id = request.request_id;
    (void)offline_rerate(&walk->offline, &request);
}

static size_t run(uint64_t seed, bool may_break) {
    static struct walk walk;
    walk_init(&walk, seed);
    for (int step = 0; step < 150; step++) {
        if (below(&walk, 3) == 0) {
            change_reference(&walk, may_break);
        } else {
            send_line(&walk);
        }
        check_all(&walk);
    }
    /* The audit: nothing that a change asked for was forgotten. */
    size_t before = walk.event_count;
    rerate_all(&walk);
    cr_assert_eq(walk.event_count, before, "seed %llu", (unsigned long long)seed);
    cr_assert(may_break || walk.unrated_count == 0);
    size_t unrated_count = walk.unrated_count;
    cr_assert(walk.event_count > 100, "seed %llu: the dice must earn", (unsigned long long)seed);
    offline_release(&walk.offline);
    catalog_release(&walk.catalog);
    return unrated_count;
}

Test(offline_property, what_was_published_is_what_is_earned_today, .timeout = 240) {
    for (uint64_t seed = 1; seed <= 150; seed++) {
        (void)run(seed, false);
    }
}

/* Unreadable values come and go; a line keeps what it has until all that it needs can be read. */
Test(offline_property, unreadable_values_delay_and_never_corrupt, .timeout = 240) {
    size_t unrated_count = 0;
    for (uint64_t seed = 1001; seed <= 1150; seed++) {
        unrated_count += run(seed, true);
    }
    cr_expect(unrated_count > 1000, "%zu", unrated_count);
}

/* A request for a stretch of charges or one program rates no more than it names. */
Test(offline_property, a_scoped_request_touches_nothing_else, .timeout = 240) {
    static struct walk walk;
    for (uint64_t seed = 5001; seed <= 5060; seed++) {
        walk_init(&walk, seed);
        for (int step = 0; step < 30; step++) {
            send_line(&walk);
        }
        /* Changed behind everybody's back: no request for it. */
        for (size_t i = 1; i < PARTNERS; i++) {
            struct reference *value = random_partner(&walk, partner_ids[i]);
            value->state = REFERENCE_PRESENT;
            reference_table_put(&walk.offline.references, value);
        }
        static struct published before[CUSTOMERS][LINES];
        memcpy(before, walk.published, sizeof before);
        size_t program = below(&walk, PROGRAMS);
        struct rerate_request request = {
            .scope = RERATE_PROGRAM,
            .id = program_items[program].id,
            .charge_start = {DAY + 10, DAY + 30},
            .request_id = TEXT("scoped"),
            .offset = -1,
        };
        walk.rerate_id = request.request_id;
        size_t rated_count = offline_rerate(&walk.offline, &request);
        struct rating rating;
        rating_init(&rating);
        for (size_t customer = 0; customer < CUSTOMERS; customer++) {
            for (size_t number = 0; number < LINES; number++) {
                int32_t start = walk.winners[customer][number].charge_start_date;
                bool is_named =
                    walk.is_known[customer][number] && start >= DAY + 10 && start < DAY + 30;
                rated_count -= is_named;
                if (is_named) {
                    check_line(&walk, customer, number, &rating, (int)program);
                }
                for (size_t p = 0; p < PROGRAMS; p++) {
                    cr_assert((is_named && p == program) ||
                              memcmp(walk.published[customer][number].accrued[p],
                                     before[customer][number].accrued[p],
                                     sizeof before[customer][number].accrued[p]) == 0);
                }
            }
        }
        rating_release(&rating);
        cr_assert_eq(rated_count, 0, "as many lines as it says");
        size_t event_count = walk.event_count;
        request.id = TEXT("no program of this name");
        cr_assert_eq(offline_rerate(&walk.offline, &request), 0);
        cr_assert_eq(walk.event_count, event_count);
        rerate_all(&walk);
        check_all(&walk);
        offline_release(&walk.offline);
        catalog_release(&walk.catalog);
    }
}
