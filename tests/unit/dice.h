/* dice.h: reproducible random lines and line states for property tests. */
#ifndef ACCRUED_TESTS_DICE_H
#define ACCRUED_TESTS_DICE_H

#include "accrued/arena.h"
#include "accrued/calendar.h"
#include "accrued/posting.h"

struct dice {
    uint64_t state; /* the seed; splitmix64 */
};

static inline uint64_t dice_next(struct dice *dice) {
    uint64_t z = dice->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline size_t dice_below(struct dice *dice, size_t count) {
    return (size_t)(dice_next(dice) % count);
}

/* One in `count`. */
static inline bool dice_hits(struct dice *dice, size_t count) {
    return dice_below(dice, count) == 0;
}

/* Well-formed UTF-8 of 1 … size_max bytes, without upper-case letters. */
static inline struct text dice_text(struct dice *dice, struct arena *arena, size_t size_max) {
    static const char *const pieces[] = {"a",
                                         "z9",
                                         "-",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\x01",
                                         "/",
                                         "%",
                                         "|",
                                         " ",
                                         "\x7F",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\0",
                                         "{\"x\":",
                                         ",",
                                         "0.5",
                                         "\xF0\x9F\x98\x80"};
    size_t wanted =
        dice_hits(dice, 20) ? size_max : 1 + dice_below(dice, size_max < 20 ? size_max : 20);
    char *data = arena_take(arena, wanted);
    size_t size = 0;
    while (size < wanted) {
        struct text piece = text_of(pieces[dice_below(dice, sizeof pieces / sizeof pieces[0])]);
        if (piece.size == 0) { /* a NUL is a character like any other */
            piece.size = 1;
        }
        if (size + piece.size > wanted) {
            piece = TEXT("x");
        }
        memcpy(data + size, piece.data, piece.size);
        size += piece.size;
    }
    return (struct text){data, size};
}

static inline struct text dice_optional_text(struct dice *dice, struct arena *arena,
                                             size_t size_max) {
    return dice_hits(dice, 2) ? text_null() : dice_text(dice, arena, size_max);
}

static inline struct text dice_uuid(struct dice *dice, struct arena *arena) {
    char *data = arena_take(arena, 36);
    for (size_t i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        data[i] = is_dash ? '-' : "0123456789abcdef"[dice_below(dice, 16)];
    }
    return (struct text){data, 36};
}

/* |units| < 10^28, of every size. */
static inline int128 dice_units(struct dice *dice) {
    int128 bound = decimal_power_of_ten((unsigned)dice_below(dice, DECIMAL_PRECISION + 1));
    uint128 random = (uint128)dice_next(dice) << 64 | dice_next(dice);
    int128 units = dice_hits(dice, 10) ? bound - 1 : (int128)(random % (uint128)bound);
    return dice_hits(dice, 3) ? -units : units;
}

/* A line that passes line_check. */
static inline struct billing_line dice_line(struct dice *dice, struct arena *arena) {
    struct billing_line line = {
        .line_id = dice_text(dice, arena, LINE_ID_SIZE_MAX),
        .customer_id = dice_hits(dice, 3) ? dice_text(dice, arena, LINE_TEXT_SIZE_MAX)
                                          : dice_uuid(dice, arena),
        .invoice_id = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .subscription_id = dice_hits(dice, 2) ? dice_uuid(dice, arena)
                                              : dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .reseller_mpn_id = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .product_id = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .sku_id = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .product_name = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .meter_category = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .product_family = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .workload = dice_optional_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .charge_type = dice_text(dice, arena, LINE_TEXT_SIZE_MAX),
        .revision = dice_hits(dice, 10) ? INT64_MAX : (int64_t)(dice_next(dice) >> 1) % 1000,
        .billing_period = (int32_t)dice_below(dice, 10000 * 12),
        .is_void = dice_hits(dice, 4),
        .has_consumed_amount = dice_hits(dice, 2),
        .has_quantity = dice_hits(dice, 2),
        .has_event_time = dice_hits(dice, 2),
        .billed_amount.units = dice_units(dice),
    };
    int32_t first = 0;
    int32_t last = 0;
    (void)calendar_day_of(0, 1, 1, &first);
    (void)calendar_day_of(9999, 12, 31, &last);
    line.charge_start_date = first + (int32_t)dice_below(dice, (size_t)(last - first) + 1);
    line.charge_end_date =
        dice_hits(dice, 2)
            ? line.charge_start_date
            : line.charge_start_date +
                  (int32_t)dice_below(dice, (size_t)(last - line.charge_start_date) + 1);
    for (size_t i = 0; i < sizeof line.currency.code; i++) {
        line.currency.code[i] = (char)('A' + dice_below(dice, 26));
    }
    line.consumed_amount.units = line.has_consumed_amount ? dice_units(dice) : 0;
    line.quantity.units = line.has_quantity ? dice_units(dice) : 0;
    /* Years 0 to 9999: what RFC 3339 can write. */
    int64_t day_ms = INT64_C(86400000);
    line.event_time_ms = line.has_event_time
                             ? first * day_ms + (int64_t)(dice_next(dice) >> 1) %
                                                    ((last - first + INT64_C(1)) * day_ms)
                             : 0;
    return line;
}

/* A state as posting.c would make it: earners in order, no invoice_id, no quantity. */
static inline struct line_state dice_state(struct dice *dice, struct arena *arena,
                                           size_t program_count) {
    struct line_state state = {.line = dice_line(dice, arena)};
    state.line.invoice_id = text_null();
    state.line.has_quantity = false;
    state.line.quantity.units = 0;
    state.origin_offset = dice_hits(dice, 5) ? -1 : (int64_t)(dice_next(dice) >> 1);
    state.rerate_offset = dice_hits(dice, 2) ? -1 : (int64_t)(dice_next(dice) >> 1);
    state.earners = arena_take(arena, 4 * program_count * sizeof *state.earners + 1);
    for (size_t program = 0; program < program_count; program++) {
        struct text partner = text_null();
        size_t count = dice_below(dice, 4);
        for (size_t i = 0; i < count; i++) {
            state.earners[state.earner_count++] = (struct earner){
                .program_index = program,
                .partner_mpn_id = partner,
                .sequence = dice_hits(dice, 9) ? UINT32_MAX : (uint32_t)dice_below(dice, 300),
                .program_version = dice_hits(dice, 9) ? DAY_MIN : (int32_t)dice_below(dice, 20000),
                .cumulative.units = dice_units(dice),
                .forgone_reason = (enum forgone_reason)dice_below(dice, FORGONE_REASON_COUNT),
                .forgone_version = dice_hits(dice, 9) ? DAY_MAX : (int32_t)dice_below(dice, 20000),
                .forgone_amount.units = dice_units(dice),
            };
            /* The next one is greater: this one, and something behind it. */
            char *longer = arena_take(arena, partner.size + 1);
            if (partner.size > 0) {
                memcpy(longer, partner.data, partner.size);
            }
            longer[partner.size] = (char)('0' + dice_below(dice, 10));
            partner = (struct text){longer, partner.size + 1};
        }
    }
    return state;
}

static inline bool dice_measures_equal(bool has_a, struct measure a, bool has_b, struct measure b) {
    return has_a == has_b && (!has_a || a.units == b.units);
}

/* Every field. */
static inline bool dice_lines_equal(const struct billing_line *a, const struct billing_line *b) {
    return text_equal(a->line_id, b->line_id) && text_equal(a->customer_id, b->customer_id) &&
           text_equal(a->invoice_id, b->invoice_id) &&
           text_equal(a->subscription_id, b->subscription_id) &&
           text_equal(a->reseller_mpn_id, b->reseller_mpn_id) &&
           text_equal(a->product_id, b->product_id) && text_equal(a->sku_id, b->sku_id) &&
           text_equal(a->product_name, b->product_name) &&
           text_equal(a->meter_category, b->meter_category) &&
           text_equal(a->product_family, b->product_family) &&
           text_equal(a->workload, b->workload) && text_equal(a->charge_type, b->charge_type) &&
           a->revision == b->revision && a->billing_period == b->billing_period &&
           a->charge_start_date == b->charge_start_date &&
           a->charge_end_date == b->charge_end_date && currency_equal(a->currency, b->currency) &&
           a->is_void == b->is_void && a->billed_amount.units == b->billed_amount.units &&
           dice_measures_equal(a->has_consumed_amount, a->consumed_amount, b->has_consumed_amount,
                               b->consumed_amount) &&
           dice_measures_equal(a->has_quantity, a->quantity, b->has_quantity, b->quantity) &&
           a->has_event_time == b->has_event_time &&
           (!a->has_event_time || a->event_time_ms == b->event_time_ms);
}

static inline bool dice_earners_equal(const struct earner *a, const struct earner *b) {
    return a->program_index == b->program_index &&
           text_equal(a->partner_mpn_id, b->partner_mpn_id) && a->sequence == b->sequence &&
           a->program_version == b->program_version && a->cumulative.units == b->cumulative.units &&
           a->forgone_reason == b->forgone_reason && a->forgone_version == b->forgone_version &&
           a->forgone_amount.units == b->forgone_amount.units;
}

static inline bool dice_states_equal(const struct line_state *a, const struct line_state *b) {
    if (!dice_lines_equal(&a->line, &b->line) || a->origin_offset != b->origin_offset ||
        a->rerate_offset != b->rerate_offset || a->earner_count != b->earner_count) {
        return false;
    }
    for (size_t i = 0; i < a->earner_count; i++) {
        if (!dice_earners_equal(&a->earners[i], &b->earners[i])) {
            return false;
        }
    }
    return true;
}

#endif
