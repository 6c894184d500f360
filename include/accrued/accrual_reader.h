/* accrual_reader.h: a published accrual, or forgone, back into words. Room: decode.
 *
 * For commands that show what was published. Reads with Avro C's own generic values, so that it is
 * no mirror of encode.h. One thread. */
#ifndef ACCRUED_ACCRUAL_READER_H
#define ACCRUED_ACCRUAL_READER_H

#include "accrued/fault.h"
#include "accrued/money.h"

struct published_accrual {
    struct text accrual_id;
    struct text line_id;
    struct text program_id;
    struct text partner_mpn_id;
    struct text customer_id;
    struct text product_family;
    struct text billing_period;
    struct text currency;
    struct text pays;
    struct text reason;
    struct measure measure;
    struct rate rate;
    struct amount amount;
    struct amount cumulative;
    int64_t sequence;
    int64_t line_revision;
    struct text rerate_id; /* null: none */
    struct text source_topic;
    int32_t source_partition;
    int64_t source_offset;
    int64_t accrued_at_ms;
    uint64_t reference_hash;
    /* Of schemas/forgone.avsc: no accrual_id, family, pays, cumulative, sequence and rerate_id, and
     * partner_mpn_id may be null. */
    bool is_forgone;
};

struct accrual_reader;

/* path: schemas/accrual.avsc or schemas/forgone.avsc. NULL: *fault. */
struct accrual_reader *accrual_reader_open(const char *path, struct fault *fault);
void accrual_reader_free(struct accrual_reader *reader);

/* A framed record of exactly that schema. Texts are valid until the next call. false: *fault. */
bool accrual_reader_read(struct accrual_reader *reader, struct text value,
                         struct published_accrual *ret_accrual, struct fault *fault);

#endif
