/* Field by field in the order of schemas/accrual.avsc and schemas/forgone.avsc. */
#include "accrued/encode.h"

#include "accrued/require.h"
#include "datum.h"

#define HASH_DIGITS 16

/* What is neither a text nor an accelerator: numbers, amounts, month and currency. */
#define ACCRUAL_FIXED_SIZE_MAX                                                                     \
    (16 * NUMBER_SIZE_MAX + 4 * DECIMAL_SIZE_MAX + MONTH_SIZE_MAX + CURRENCY_SIZE_MAX)
#define FORGONE_FIXED_SIZE_MAX                                                                     \
    (10 * NUMBER_SIZE_MAX + 3 * DECIMAL_SIZE_MAX + MONTH_SIZE_MAX + CURRENCY_SIZE_MAX)

/* Eight hexadecimal digits, a byte each, the highest in the highest. */
static uint64_t hex_digits(uint32_t bits) {
    uint64_t digits = bits;
    digits = (digits << 16 | digits) & UINT64_C(0x0000ffff0000ffff);
    digits = (digits << 8 | digits) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits << 4 | digits) & TEXT_EACH_BYTE(0x0f);
    uint64_t is_letter = (digits + TEXT_EACH_BYTE(6)) >> 4 & TEXT_EACH_BYTE(1);
    return digits + TEXT_EACH_BYTE('0') + is_letter * ('a' - '0' - 10);
}

/* 16 hexadecimal digits, the highest first. */
static uint8_t *put_hash(uint8_t *at, uint64_t hash) {
    uint64_t digits[2] = {__builtin_bswap64(hex_digits((uint32_t)(hash >> 32))),
                          __builtin_bswap64(hex_digits((uint32_t)hash))};
    return put_string(at, (struct text){(const char *)digits, sizeof digits});
}

static size_t provenance_size_max(const struct provenance *provenance) {
    return string_size_max(provenance->source_topic) + NUMBER_SIZE_MAX + HASH_DIGITS;
}

static uint8_t *put_provenance(uint8_t *at, const struct provenance *provenance,
                               const struct billing_line *line) {
    at = put_string(at, provenance->source_topic);
    at = put_number(at, provenance->source_partition);
    at = put_number(at, provenance->source_offset);
    at = put_optional_time(at, line->has_event_time, line->event_time_ms);
    at = put_number(at, provenance->accrued_at_ms);
    return put_hash(at, provenance->reference_hash);
}

/* The id is written behind its size, which is known only afterwards but nearly always takes two
 * bytes. */
static void append_id(struct buffer *to, const struct accrual *accrual) {
    enum { USUAL_SIZE = 2 };
    size_t start = to->size;
    (void)buffer_reserve(to, USUAL_SIZE);
    to->size += USUAL_SIZE;
    accrual_append_id(to, accrual);
    size_t size = to->size - start - USUAL_SIZE;
    uint8_t prefix[NUMBER_SIZE_MAX];
    size_t prefix_size = (size_t)(put_number(prefix, (int64_t)size) - prefix);
    if (prefix_size != USUAL_SIZE) {
        (void)buffer_reserve(to, prefix_size);
        memmove(to->data + start + prefix_size, to->data + start + USUAL_SIZE, size);
        to->size = start + prefix_size + size;
    }
    memcpy(to->data + start, prefix, prefix_size);
}

static size_t accelerators_size_max(const struct accrual *accrual) {
    size_t size = 2 * NUMBER_SIZE_MAX;
    for (size_t i = 0; accrual->accelerators != 0 && i < accrual->version->accelerator_count; i++) {
        size += string_size_max(accrual->version->accelerators[i].id);
    }
    return size;
}

static uint8_t *put_accelerators(uint8_t *at, const struct accrual *accrual) {
    size_t count = (size_t)__builtin_popcount(accrual->accelerators);
    REQUIRE(count == 0 || accrual->version != NULL);
    if (count > 0) {
        at = put_number(at, (int64_t)count);
        for (size_t i = 0; i < accrual->version->accelerator_count; i++) {
            if ((accrual->accelerators >> i & 1U) != 0) {
                at = put_string(at, accrual->version->accelerators[i].id);
            }
        }
    }
    return put_number(at, 0);
}

static size_t accrual_size_max(const struct accrual *accrual, const struct provenance *provenance) {
    const struct billing_line *line = accrual->line;
    return ACCRUAL_FIXED_SIZE_MAX + string_size_max(line->line_id) +
           string_size_max(accrual->program->id) + string_size_max(accrual->partner_mpn_id) +
           string_size_max(line->customer_id) + string_size_max(line->subscription_id) +
           string_size_max(accrual->classification->family) +
           string_size_max(accrual->classification->workload) +
           (accrual->link != NULL ? string_size_max(accrual->link->link_id) : NUMBER_SIZE_MAX) +
           accelerators_size_max(accrual) + string_size_max(provenance->rerate_id) +
           provenance_size_max(provenance);
}

static uint8_t *put_link(uint8_t *at, const struct link *link) {
    at = put_branch(at, link != NULL);
    if (link != NULL) {
        at = put_number(at, link->type);
    }
    return put_optional_string(at, link != NULL ? link->link_id : text_null());
}

void encode_accrual_avro(struct buffer *to, const struct accrual *accrual,
                         const struct provenance *provenance) {
    const struct billing_line *line = accrual->line;
    append_id(to, accrual);
    size_t size_max = accrual_size_max(accrual, provenance);
    uint8_t *start = buffer_reserve(to, size_max);
    uint8_t *at = put_number(start, accrual->sequence);
    at = put_string(at, line->line_id);
    at = put_number(at, line->revision);
    at = put_string(at, accrual->program->id);
    at = put_number(at, accrual->program_version);
    at = put_number(at, accrual->program->pays);
    at = put_string(at, accrual->partner_mpn_id);
    at = put_string(at, line->customer_id);
    at = put_optional_string(at, line->subscription_id);
    at = put_string(at, accrual->classification->family);
    at = put_optional_string(at, accrual->classification->workload);
    at = put_link(at, accrual->link);
    at = put_month(at, accrual->billing_period);
    at = put_number(at, accrual->as_of);
    at = put_currency(at, accrual->currency);
    at = put_decimal(at, accrual->measure.units);
    at = put_decimal(at, accrual->rate.units);
    at = put_accelerators(at, accrual);
    at = put_decimal(at, accrual->amount.units);
    at = put_decimal(at, accrual->cumulative.units);
    at = put_number(at, accrual->reason);
    at = put_optional_string(at, provenance->rerate_id);
    at = put_provenance(at, provenance, line);
    REQUIRE((size_t)(at - start) <= size_max);
    buffer_written(to, at);
}

void encode_forgone_avro(struct buffer *to, const struct forgone *forgone,
                         const struct provenance *provenance) {
    const struct billing_line *line = forgone->line;
    REQUIRE(forgone->reason != FORGONE_NONE);
    size_t size_max = FORGONE_FIXED_SIZE_MAX + string_size_max(line->line_id) +
                      string_size_max(forgone->program->id) +
                      string_size_max(forgone->partner_mpn_id) +
                      string_size_max(line->customer_id) + provenance_size_max(provenance);
    uint8_t *start = buffer_reserve(to, size_max);
    uint8_t *at = put_string(start, line->line_id);
    at = put_number(at, line->revision);
    at = put_string(at, forgone->program->id);
    at = put_number(at, forgone->program_version);
    at = put_optional_string(at, forgone->partner_mpn_id);
    at = put_string(at, line->customer_id);
    at = put_month(at, forgone->billing_period);
    at = put_currency(at, forgone->currency);
    at = put_decimal(at, forgone->measure.units);
    at = put_decimal(at, forgone->rate.units);
    at = put_decimal(at, forgone->amount.units);
    /* The schema's symbols begin with the first real reason. */
    at = put_number(at, (int64_t)forgone->reason - FORGONE_PARTNER_UNKNOWN);
    at = put_provenance(at, provenance, line);
    REQUIRE((size_t)(at - start) <= size_max);
    buffer_written(to, at);
}
