#include "accrued/accrual_reader.h"

#include "accrued/require.h"
#include "record_reader.h"

#include <stdlib.h>

struct accrual_reader {
    struct record_reader *record;
};

struct accrual_reader *accrual_reader_open(const char *path, struct fault *fault) {
    struct record_reader *record = record_reader_open(path, fault);
    if (record == NULL) {
        return NULL;
    }
    struct accrual_reader *reader = calloc(1, sizeof *reader);
    REQUIRE(reader != NULL);
    reader->record = record;
    return reader;
}

void accrual_reader_free(struct accrual_reader *reader) {
    if (reader != NULL) {
        record_reader_free(reader->record);
        free(reader);
    }
}

static bool get_rate(const struct record_reader *record, struct rate *ret_rate) {
    int128 units = 0;
    if (!record_reader_decimal(record, "rate", &units)) {
        return false;
    }
    ret_rate->units = (int64_t)units;
    return ret_rate->units == units;
}

static bool get_hash(const struct record_reader *record, uint64_t *ret_hash) {
    struct text text;
    if (!record_reader_text(record, "reference_hash", &text) || text.size != 16) {
        return false;
    }
    *ret_hash = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char digits[] = "0123456789abcdef";
        const char *digit = text.data[i] != '\0' ? strchr(digits, text.data[i]) : NULL;
        if (digit == NULL) {
            return false;
        }
        *ret_hash = *ret_hash << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

static bool get_source(const struct record_reader *record, struct published_accrual *accrual) {
    return record_reader_text(record, "source_topic", &accrual->source_topic) &&
           record_reader_int(record, "source_partition", &accrual->source_partition) &&
           record_reader_long(record, "source_offset", &accrual->source_offset) &&
           record_reader_long(record, "accrued_at", &accrual->accrued_at_ms) &&
           get_hash(record, &accrual->reference_hash);
}

/* What accruals and forgone have both. */
static bool fill_common(const struct record_reader *record, struct published_accrual *accrual) {
    return record_reader_text(record, "line_id", &accrual->line_id) &&
           record_reader_long(record, "line_revision", &accrual->line_revision) &&
           record_reader_text(record, "program_id", &accrual->program_id) &&
           record_reader_text(record, "partner_mpn_id", &accrual->partner_mpn_id) &&
           record_reader_text(record, "customer_id", &accrual->customer_id) &&
           record_reader_text(record, "billing_period", &accrual->billing_period) &&
           record_reader_text(record, "currency", &accrual->currency) &&
           record_reader_decimal(record, "measure", &accrual->measure.units) &&
           get_rate(record, &accrual->rate) &&
           record_reader_decimal(record, "amount", &accrual->amount.units) &&
           get_source(record, accrual);
}

static bool fill(const struct record_reader *record, struct published_accrual *accrual) {
    accrual->is_forgone = !record_reader_has(record, "accrual_id");
    if (!fill_common(record, accrual)) {
        return false;
    }
    if (accrual->is_forgone) {
        return record_reader_symbol(record, "reason_code", &accrual->reason);
    }
    return record_reader_text(record, "accrual_id", &accrual->accrual_id) &&
           record_reader_text(record, "product_family", &accrual->product_family) &&
           record_reader_symbol(record, "pays", &accrual->pays) &&
           record_reader_symbol(record, "reason", &accrual->reason) &&
           record_reader_text(record, "rerate_id", &accrual->rerate_id) &&
           record_reader_decimal(record, "cumulative_amount", &accrual->cumulative.units) &&
           record_reader_long(record, "sequence", &accrual->sequence);
}

bool accrual_reader_read(struct accrual_reader *reader, struct text value,
                         struct published_accrual *ret_accrual, struct fault *fault) {
    if (!record_reader_read(reader->record, value, fault)) {
        return fault_prefix(fault, "an accrual that is none: ");
    }
    *ret_accrual = (struct published_accrual){.sequence = 0};
    return fill(reader->record, ret_accrual) ||
           fault_set(fault, "an accrual that lacks a field of its schema");
}
