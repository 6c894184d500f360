/* rating_world.h: partners, a customer and one line, as small as rating can do with. */
#ifndef ACCRUED_TESTS_RATING_WORLD_H
#define ACCRUED_TESTS_RATING_WORLD_H

#include "accrued/rating.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXTS(array) ((struct texts){(array), COUNT(array)})
#define WORLD_PARTNERS_MAX 8
#define JANUARY_1 18262  /* 2020-01-01 */
#define FEBRUARY_1 18293 /* 2020-02-01 */
#define MARCH_1 18322    /* 2020-03-01 */

static const struct interval always[] = {{DAY_MIN, DAY_MAX}};

struct world {
    struct reference partners[WORLD_PARTNERS_MAX];
    size_t partner_count;
    struct reference missing;
    size_t lookup_count;
    struct reference customer;
    struct catalog catalog;
    struct programs programs;
    struct rating_options options;
    struct rating rating;
    struct reject reject;
};

static inline const struct reference *world_find(void *context, struct text mpn_id) {
    struct world *world = context;
    world->lookup_count++;
    for (size_t i = 0; i < world->partner_count; i++) {
        if (text_equal(world->partners[i].partner.mpn_id, mpn_id)) {
            return &world->partners[i];
        }
    }
    return &world->missing;
}

/* Borrows programs and links; the customer has them all. */
static inline struct world world_of(struct program *programs, size_t program_count,
                                    const struct link *links, size_t link_count) {
    struct world world = {
        .missing = {.kind = REFERENCE_PARTNER, .state = REFERENCE_MISSING},
        .customer = {.kind = REFERENCE_CUSTOMER,
                     .state = REFERENCE_PRESENT,
                     .customer = {.customer_id = TEXT("c"),
                                  .links = links,
                                  .link_count = link_count}},
        .programs = {.items = programs, .count = program_count},
    };
    rating_init(&world.rating);
    return world;
}

/* A partner of whom everything but competencies is in place, always. */
static inline struct partner *world_add_partner(struct world *world, const char *mpn_id) {
    cr_assert(world->partner_count < WORLD_PARTNERS_MAX);
    struct reference *reference = &world->partners[world->partner_count++];
    *reference = (struct reference){.kind = REFERENCE_PARTNER, .state = REFERENCE_PRESENT};
    reference->partner = (struct partner){.mpn_id = text_of(mpn_id),
                                          .mpn_active = {always, 1},
                                          .indirect_reseller = {always, 1},
                                          .bank_profile = {always, 1},
                                          .tax_profile = {always, 1}};
    return &reference->partner;
}

static inline bool world_rate(struct world *world, const struct billing_line *line) {
    world->reject.code = REJECT_NONE;
    return rating_compute(&world->rating, &world->programs, &world->catalog, line, &world->customer,
                          (struct partner_lookup){world_find, world}, world->options,
                          &world->reject);
}

/* How many targets a line has that must be ratable. */
static inline size_t world_targets(struct world *world, const struct billing_line *line) {
    cr_assert(world_rate(world, line), "%s", world->reject.message);
    return world->rating.target_count;
}

static inline int128 measure_units(int64_t whole) {
    return (int128)whole * decimal_power_of_ten(MEASURE_SCALE);
}

/* 100.00 billed and 40.00 consumed for office_365, workload exchange, of January 2020. */
static inline struct billing_line simple_line(void) {
    return (struct billing_line){
        .line_id = TEXT("l"),
        .customer_id = TEXT("c"),
        .subscription_id = TEXT("s"),
        .reseller_mpn_id = TEXT("R"),
        .product_family = TEXT("office_365"),
        .workload = TEXT("exchange"),
        .charge_type = TEXT("cycleFee"),
        .billing_period = 2020 * 12,
        .charge_start_date = JANUARY_1,
        .charge_end_date = FEBRUARY_1 - 1,
        .currency = {{'E', 'U', 'R'}},
        .billed_amount = {measure_units(100)},
        .has_consumed_amount = true,
        .consumed_amount = {measure_units(40)},
    };
}

static const struct text office[] = {{"office_365", 10}};
static const struct rate_rule four_percent[] = {
    {.families = {office, 1}, .rate = {RATE_UNITS_ONE / 25}}};
static const struct program_version simple_version[] = {
    {.valid = {DAY_MIN, DAY_MAX}, .rates = four_percent, .rate_count = 1}};

/* 4 % of what is billed for office_365, always, of whoever is known. */
static inline struct program simple_program(enum beneficiary beneficiary) {
    return (struct program){.id = TEXT("p"),
                            .beneficiary = beneficiary,
                            .versions = simple_version,
                            .version_count = 1};
}

#endif
