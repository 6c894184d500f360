#include "accrued/balance_reader.h"

#include "accrued/require.h"
#include "record_reader.h"

#include <stdlib.h>

struct balance_reader {
    struct record_reader *record;
};

struct balance_reader *balance_reader_open(const char *path, struct fault *fault) {
    struct record_reader *record = record_reader_open(path, fault);
    if (record == NULL) {
        return NULL;
    }
    struct balance_reader *reader = calloc(1, sizeof *reader);
    REQUIRE(reader != NULL);
    reader->record = record;
    return reader;
}

void balance_reader_free(struct balance_reader *reader) {
    if (reader != NULL) {
        record_reader_free(reader->record);
        free(reader);
    }
}

static bool fill(const struct record_reader *record, struct balance *balance) {
    return record_reader_text(record, "partner_mpn_id", &balance->partner_mpn_id) &&
           record_reader_text(record, "program_id", &balance->program_id) &&
           record_reader_text(record, "billing_period", &balance->billing_period) &&
           record_reader_text(record, "currency", &balance->currency) &&
           record_reader_text(record, "last_accrual_id", &balance->last_accrual_id) &&
           record_reader_decimal(record, "cumulative_amount", &balance->cumulative.units) &&
           record_reader_long(record, "lines", &balance->lines) &&
           record_reader_long(record, "source_offset", &balance->source_offset) &&
           record_reader_long(record, "updated_at", &balance->updated_at_ms);
}

bool balance_reader_read(struct balance_reader *reader, struct text value,
                         struct balance *ret_balance, struct fault *fault) {
    if (!record_reader_read(reader->record, value, fault)) {
        return fault_prefix(fault, "a balance that is none: ");
    }
    if (!fill(reader->record, ret_balance)) {
        return fault_set(fault, "a balance that lacks a field of schemas/accrual-balance.avsc");
    }
    return (ret_balance->source_offset >= 0 && ret_balance->lines >= 0) ||
           fault_set(fault, "a balance of %lld lines up to offset %lld",
                     (long long)ret_balance->lines, (long long)ret_balance->source_offset);
}
