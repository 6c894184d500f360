#include "accrued/posting.h"

#include "accrued/buffer.h"
#include "accrued/require.h"

#include <stdlib.h>

const char *accrual_reason_name(enum accrual_reason reason) {
    switch (reason) {
    case ACCRUAL_NEW_LINE: return "NEW_LINE";
    case ACCRUAL_REVISION: return "REVISION";
    case ACCRUAL_VOID: return "VOID";
    case ACCRUAL_RERATE: return "RERATE";
    }
    REQUIRE(false && "an accrual reason without a name");
}

void posting_init(struct posting *posting) {
    *posting = (struct posting){.events = NULL};
}

void posting_release(struct posting *posting) {
    free(posting->events);
    free(posting->next.earners);
    posting_init(posting);
}

static struct event *add_event(struct posting *posting, enum event_kind kind) {
    if (posting->event_count == posting->event_capacity) {
        size_t capacity = posting->event_capacity == 0 ? 32 : posting->event_capacity * 2;
        struct event *events = realloc(posting->events, capacity * sizeof *events);
        REQUIRE(events != NULL);
        posting->events = events;
        posting->event_capacity = capacity;
    }
    struct event *event = &posting->events[posting->event_count++];
    *event = (struct event){.kind = kind};
    return event;
}

static struct earner *add_earner(struct posting *posting) {
    struct line_state *next = &posting->next;
    if (next->earner_count == posting->earner_capacity) {
        size_t capacity = posting->earner_capacity == 0 ? 16 : posting->earner_capacity * 2;
        struct earner *earners = realloc(next->earners, capacity * sizeof *earners);
        REQUIRE(earners != NULL);
        next->earners = earners;
        posting->earner_capacity = capacity;
    }
    return &next->earners[next->earner_count++];
}

static bool amounts_equal(bool has_a, struct measure a, bool has_b, struct measure b) {
    return has_a == has_b && (!has_a || a.units == b.units);
}

/* The facts that the ledger keeps: all but invoice_id and quantity. */
static bool facts_equal(const struct billing_line *a, const struct billing_line *b) {
    return a->revision == b->revision && a->is_void == b->is_void &&
           a->billing_period == b->billing_period && a->charge_start_date == b->charge_start_date &&
           a->charge_end_date == b->charge_end_date && currency_equal(a->currency, b->currency) &&
           a->billed_amount.units == b->billed_amount.units &&
           amounts_equal(a->has_consumed_amount, a->consumed_amount, b->has_consumed_amount,
                         b->consumed_amount) &&
           a->has_event_time == b->has_event_time &&
           (!a->has_event_time || a->event_time_ms == b->event_time_ms) &&
           text_equal(a->subscription_id, b->subscription_id) &&
           text_equal(a->reseller_mpn_id, b->reseller_mpn_id) &&
           text_equal(a->product_id, b->product_id) && text_equal(a->sku_id, b->sku_id) &&
           text_equal(a->product_name, b->product_name) &&
           text_equal(a->meter_category, b->meter_category) &&
           text_equal(a->product_family, b->product_family) &&
           text_equal(a->workload, b->workload) && text_equal(a->charge_type, b->charge_type);
}

bool posting_is_stale(const struct line_state *old, const struct billing_line *line,
                      int64_t origin_offset) {
    if (old == NULL || line->revision > old->line.revision) {
        return false;
    }
    return line->revision < old->line.revision ||
           (origin_offset >= 0 && origin_offset < old->origin_offset);
}

/* What is fixed while one line is posted. */
struct posting_input {
    struct posting *posting;
    const struct programs *programs;
    const struct line_state *old; /* NULL: unknown line */
    const struct billing_line *line;
    const struct rating *rating;
    enum accrual_reason reason;
    struct reject *reject;
};

static bool same_entry_key(const struct posting_input *input) {
    return input->old != NULL && currency_equal(input->old->line.currency, input->line->currency) &&
           input->old->line.billing_period == input->line->billing_period;
}

/* Publishes `cumulative − before` for the entry of (currency, billing_period). */
static bool publish_accrual(const struct posting_input *input, struct earner *earner,
                            const struct target *target, struct currency currency,
                            int32_t billing_period, struct amount before) {
    struct amount cumulative = target != NULL ? target->cumulative : (struct amount){0};
    struct amount delta = {cumulative.units - before.units};
    if (delta.units == 0) {
        return true;
    }
    const struct program *program = &input->programs->items[earner->program_index];
    if (!decimal_fits(delta.units)) {
        return reject_set(input->reject, REJECT_AMOUNT_OVERFLOW,
                          "program %.*s: the difference does not fit decimal(28,6)",
                          TEXT_ARGS(program->id));
    }
    REQUIRE(earner->sequence < UINT32_MAX);
    earner->sequence++;
    if (target != NULL) {
        earner->program_version = target->version->valid.from;
    }
    const struct billing_line *line = input->line;
    add_event(input->posting, EVENT_ACCRUAL)->accrual = (struct accrual){
        .line = line,
        .customer = input->rating->customer,
        .partner = target != NULL ? target->partner : NULL,
        .classification = &input->rating->classification,
        .program = program,
        .program_version = earner->program_version,
        .partner_mpn_id = earner->partner_mpn_id,
        .link = target != NULL ? target->link : NULL,
        .version = target != NULL ? target->version : NULL,
        .accelerators = target != NULL ? target->accelerators : 0,
        .sequence = earner->sequence,
        .as_of = program->as_of == AS_OF_CHARGE_END_DATE ? line->charge_end_date
                                                         : line->charge_start_date,
        .billing_period = billing_period,
        .currency = currency,
        .measure = target != NULL ? target->measure : (struct measure){0},
        .rate = target != NULL ? target->rate : (struct rate){0},
        .amount = delta,
        .cumulative = cumulative,
        .reason = input->reason,
    };
    return true;
}

/* Entries that end first, then the one that stands. */
static bool post_accrual(const struct posting_input *input, struct earner *earner,
                         const struct target *target) {
    const struct target *accrues = target != NULL && target->reason == FORGONE_NONE ? target : NULL;
    struct amount before = earner->cumulative;
    if (before.units != 0 && (accrues == NULL || !same_entry_key(input))) {
        REQUIRE(input->old != NULL);
        if (!publish_accrual(input, earner, NULL, input->old->line.currency,
                             input->old->line.billing_period, before)) {
            return false;
        }
        before.units = 0;
    }
    earner->cumulative = accrues != NULL ? accrues->cumulative : (struct amount){0};
    return accrues == NULL || publish_accrual(input, earner, accrues, input->line->currency,
                                              input->line->billing_period, before);
}

static struct forgone *add_forgone(const struct posting_input *input, const struct earner *earner) {
    struct forgone *forgone = &add_event(input->posting, EVENT_FORGONE)->forgone;
    *forgone = (struct forgone){
        .line = input->line,
        .customer = input->rating->customer,
        .program = &input->programs->items[earner->program_index],
        .program_version = earner->forgone_version,
        .partner_mpn_id = earner->partner_mpn_id,
        .billing_period = input->line->billing_period,
        .currency = input->line->currency,
        .reason = earner->forgone_reason,
        .reason_before = earner->forgone_reason,
        .amount_before = earner->forgone_amount,
    };
    return forgone;
}

static void post_forgone(const struct posting_input *input, struct earner *earner,
                         const struct target *target) {
    const struct target *forgoes =
        target != NULL && target->reason != FORGONE_NONE && target->cumulative.units != 0 ? target
                                                                                          : NULL;
    if (earner->forgone_reason != FORGONE_NONE && (forgoes == NULL || !same_entry_key(input))) {
        struct forgone *ended = add_forgone(input, earner);
        ended->currency = input->old->line.currency;
        ended->billing_period = input->old->line.billing_period;
        earner->forgone_reason = FORGONE_NONE;
        earner->forgone_amount.units = 0;
    }
    if (forgoes == NULL || (earner->forgone_reason == forgoes->reason &&
                            earner->forgone_amount.units == forgoes->cumulative.units)) {
        return;
    }
    struct forgone *stands = add_forgone(input, earner);
    earner->forgone_reason = forgoes->reason;
    earner->forgone_amount = forgoes->cumulative;
    earner->forgone_version = forgoes->version->valid.from;
    stands->program_version = earner->forgone_version;
    stands->partner = forgoes->partner;
    stands->reason = earner->forgone_reason;
    stands->measure = forgoes->measure;
    stands->rate = forgoes->rate;
    stands->amount = forgoes->cumulative;
}

/* One (program, partner): `before` NULL: first seen; `target` NULL: nothing due any more. */
static bool post_earner(const struct posting_input *input, const struct earner *before,
                        const struct target *target) {
    if (before == NULL && target->cumulative.units == 0) {
        return true; /* nothing accrued, nothing forgone, nothing to remember */
    }
    struct earner earner = {0};
    if (before != NULL) {
        earner = *before;
    } else {
        earner.program_index = target->program_index;
        earner.partner_mpn_id = target->partner_mpn_id;
    }
    if (!post_accrual(input, &earner, target)) {
        return false;
    }
    post_forgone(input, &earner, target);
    *add_earner(input->posting) = earner;
    return true;
}

static int compare_keys(const struct earner *earner, const struct target *target) {
    if (earner->program_index != target->program_index) {
        return earner->program_index < target->program_index ? -1 : 1;
    }
    return text_compare(earner->partner_mpn_id, target->partner_mpn_id);
}

/* Walks old earners and new targets, both by program and partner, as one merged list. */
static bool merge(const struct posting_input *input, int program_only) {
    const struct rating *rating = input->rating;
    size_t old_count = input->old != NULL ? input->old->earner_count : 0;
    size_t e = 0;
    size_t t = 0;
    while (e < old_count || t < rating->target_count) {
        const struct earner *earner = e < old_count ? &input->old->earners[e] : NULL;
        const struct target *target = t < rating->target_count ? &rating->targets[t] : NULL;
        if (earner != NULL && target != NULL) {
            int order = compare_keys(earner, target);
            earner = order <= 0 ? earner : NULL;
            target = order >= 0 ? target : NULL;
        }
        e += earner != NULL;
        t += target != NULL;
        size_t program = earner != NULL ? earner->program_index : target->program_index;
        if (program_only >= 0 && program != (size_t)program_only) {
            if (earner != NULL) {
                *add_earner(input->posting) = *earner;
            }
        } else if (!post_earner(input, earner, target)) {
            return false;
        }
    }
    return true;
}

bool posting_compute(struct posting *posting, const struct programs *programs,
                     const struct line_state *old, const struct billing_line *line,
                     const struct rating *rating, struct posting_cause cause,
                     enum posting_outcome *ret_outcome, struct reject *ret_reject) {
    REQUIRE(!cause.is_rerate || old != NULL);
    REQUIRE(!line->is_void || rating->target_count == 0);
    posting->event_count = 0;
    posting->next.earner_count = 0;
    posting->is_stored_already = true;
    if (!cause.is_rerate && posting_is_stale(old, line, cause.origin_offset)) {
        *ret_outcome = POSTING_STALE;
        return true;
    }
    struct posting_input input = {
        .posting = posting,
        .programs = programs,
        .old = old,
        .line = line,
        .rating = rating,
        .reason = cause.is_rerate ? ACCRUAL_RERATE
                  : line->is_void ? ACCRUAL_VOID
                  : old == NULL   ? ACCRUAL_NEW_LINE
                                  : ACCRUAL_REVISION,
        .reject = ret_reject,
    };
    if (!merge(&input, cause.is_rerate ? cause.program_only : -1)) {
        posting->event_count = 0;
        return false;
    }
    posting->next.line = *line;
    posting->next.line.invoice_id = text_null();
    posting->next.line.has_quantity = false;
    posting->next.line.quantity = (struct measure){0};
    posting->next.origin_offset = cause.is_rerate ? old->origin_offset : cause.origin_offset;
    posting->next.rerate_offset = cause.is_rerate ? cause.rerate_offset
                                  : old != NULL   ? old->rerate_offset
                                                  : -1;
    bool same = old != NULL && posting->event_count == 0 && facts_equal(&old->line, line);
    posting->is_stored_already = same && posting->next.origin_offset == old->origin_offset &&
                                 posting->next.rerate_offset == old->rerate_offset;
    *ret_outcome = same ? POSTING_UNCHANGED : POSTING_POSTED;
    return true;
}

static inline bool has_byte(uint64_t word, uint8_t byte) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t zero_where_equal = word ^ (ones * byte);
    return ((zero_where_equal - ones) & ~zero_where_equal & (ones << 7)) != 0;
}

/* How many bytes surely stand in front of the first separator. Eight at a time: an accrual has four
 * ids, and hardly any has one. */
static size_t span_plain(struct text id) {
    size_t span = 0;
    for (uint64_t eight; span + sizeof eight <= id.size; span += sizeof eight) {
        memcpy(&eight, id.data + span, sizeof eight);
        if (has_byte(eight, '%') || has_byte(eight, '/') || has_byte(eight, '|')) {
            break;
        }
    }
    return span;
}

void id_append_encoded(struct buffer *to, struct text id) {
    size_t done = 0;
    for (size_t i = span_plain(id); i < id.size; i++) {
        char c = id.data[i];
        if (c == '%' || c == '/' || c == '|') {
            buffer_append(to, id.data + done, i - done);
            buffer_append_string(to, c == '%' ? "%25" : c == '/' ? "%2F" : "%7C");
            done = i + 1;
        }
    }
    if (done < id.size) {
        buffer_append(to, id.data + done, id.size - done);
    }
}

void accrual_append_id(struct buffer *to, const struct accrual *accrual) {
    id_append_encoded(to, accrual->line->customer_id);
    buffer_append_byte(to, '/');
    id_append_encoded(to, accrual->line->line_id);
    buffer_append_byte(to, '/');
    id_append_encoded(to, accrual->program->id);
    buffer_append_byte(to, '/');
    id_append_encoded(to, accrual->partner_mpn_id);
    char sequence[16];
    size_t at = sizeof sequence;
    for (uint32_t rest = accrual->sequence; at == sizeof sequence || rest > 0; rest /= 10) {
        sequence[--at] = (char)('0' + rest % 10);
    }
    buffer_append_byte(to, '/');
    buffer_append(to, sequence + at, sizeof sequence - at);
}
