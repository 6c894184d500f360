/* Field by field in the order of schemas/accrual.avsc and schemas/forgone.avsc. */
#include "accrued/encode.h"

#include "accrued/require.h"
#include "datum.h"

#define HASH_DIGITS 16

static void append_provenance(struct buffer *to, const struct provenance *provenance,
                              const struct billing_line *line) {
    char hash[HASH_DIGITS];
    for (size_t i = 0; i < HASH_DIGITS; i++) {
        hash[i] =
            "0123456789abcdef"[provenance->reference_hash >> (4 * (HASH_DIGITS - 1 - i)) & 15];
    }
    datum_string(to, provenance->source_topic);
    buffer_append_zigzag(to, provenance->source_partition);
    buffer_append_zigzag(to, provenance->source_offset);
    datum_optional_time(to, line->has_event_time, line->event_time_ms);
    buffer_append_zigzag(to, provenance->accrued_at_ms);
    datum_string(to, (struct text){hash, sizeof hash});
}

/* The id is written behind a size of one byte or two; its length is known only afterwards. */
static void append_id(struct buffer *to, const struct accrual *accrual) {
    size_t start = to->size;
    accrual_append_id(to, accrual);
    size_t size = to->size - start;
    buffer_append_zigzag(to, (int64_t)size);
    size_t prefix_size = to->size - start - size;
    uint8_t prefix[10];
    REQUIRE(prefix_size <= sizeof prefix);
    memcpy(prefix, to->data + start + size, prefix_size);
    memmove(to->data + start + prefix_size, to->data + start, size);
    memcpy(to->data + start, prefix, prefix_size);
}

static void append_accelerators(struct buffer *to, const struct accrual *accrual) {
    size_t count = (size_t)__builtin_popcount(accrual->accelerators);
    REQUIRE(count == 0 || accrual->version != NULL);
    if (count > 0) {
        buffer_append_zigzag(to, (int64_t)count);
        for (size_t i = 0; i < accrual->version->accelerator_count; i++) {
            if ((accrual->accelerators >> i & 1U) != 0) {
                datum_string(to, accrual->version->accelerators[i].id);
            }
        }
    }
    buffer_append_zigzag(to, 0);
}

void encode_accrual_avro(struct buffer *to, const struct accrual *accrual,
                         const struct provenance *provenance) {
    const struct billing_line *line = accrual->line;
    const struct link *link = accrual->link;
    append_id(to, accrual);
    buffer_append_zigzag(to, accrual->sequence);
    datum_string(to, line->line_id);
    buffer_append_zigzag(to, line->revision);
    datum_string(to, accrual->program->id);
    buffer_append_zigzag(to, accrual->program_version);
    buffer_append_zigzag(to, accrual->program->pays);
    datum_string(to, accrual->partner_mpn_id);
    datum_string(to, line->customer_id);
    datum_optional_string(to, line->subscription_id);
    datum_string(to, accrual->classification->family);
    datum_optional_string(to, accrual->classification->workload);
    buffer_append_zigzag(to, link != NULL ? BRANCH_VALUE : BRANCH_NULL);
    if (link != NULL) {
        buffer_append_zigzag(to, link->type);
    }
    datum_optional_string(to, link != NULL ? link->link_id : text_null());
    datum_month(to, accrual->billing_period);
    buffer_append_zigzag(to, accrual->as_of);
    datum_currency(to, accrual->currency);
    datum_decimal(to, accrual->measure.units);
    datum_decimal(to, accrual->rate.units);
    append_accelerators(to, accrual);
    datum_decimal(to, accrual->amount.units);
    datum_decimal(to, accrual->cumulative.units);
    buffer_append_zigzag(to, accrual->reason);
    datum_optional_string(to, provenance->rerate_id);
    append_provenance(to, provenance, line);
}

void encode_forgone_avro(struct buffer *to, const struct forgone *forgone,
                         const struct provenance *provenance) {
    const struct billing_line *line = forgone->line;
    REQUIRE(forgone->reason != FORGONE_NONE);
    datum_string(to, line->line_id);
    buffer_append_zigzag(to, line->revision);
    datum_string(to, forgone->program->id);
    buffer_append_zigzag(to, forgone->program_version);
    datum_optional_string(to, forgone->partner_mpn_id);
    datum_string(to, line->customer_id);
    datum_month(to, forgone->billing_period);
    datum_currency(to, forgone->currency);
    datum_decimal(to, forgone->measure.units);
    datum_decimal(to, forgone->rate.units);
    datum_decimal(to, forgone->amount.units);
    /* The schema's symbols begin with the first real reason. */
    buffer_append_zigzag(to, (int64_t)forgone->reason - FORGONE_PARTNER_UNKNOWN);
    append_provenance(to, provenance, line);
}
