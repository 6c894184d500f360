/* encode.h: accruals, forgone and balances → Avro binary; pure functions. Room: encode.
 *
 * Field order and types are those of schemas/accrual.avsc and schemas/forgone.avsc; a unit test
 * reads every record back with Avro C. Appends the datum only; the framing header is
 * frame_append's. */
#ifndef ACCRUED_ENCODE_H
#define ACCRUED_ENCODE_H

#include "accrued/balance_reader.h"
#include "accrued/buffer.h"
#include "accrued/posting.h"

/* Where the events of a line come from and when they are made. */
struct provenance {
    struct text source_topic;
    int32_t source_partition;
    int64_t source_offset;
    int64_t accrued_at_ms;
    struct text rerate_id;   /* null unless a re-rate */
    uint64_t reference_hash; /* of the reference values used; written as 16 hex digits */
};

void encode_accrual_avro(struct buffer *to, const struct accrual *accrual,
                         const struct provenance *provenance);
void encode_forgone_avro(struct buffer *to, const struct forgone *forgone,
                         const struct provenance *provenance);

void encode_balance_avro(struct buffer *to, const struct balance *balance);
/* `<partner_mpn_id>|<program_id>|<billing_period>|<currency>`, `%`, `/` and `|` percent-encoded. */
void encode_balance_key(struct buffer *to, const struct balance *balance);

/* The offline form's JSON objects (accrual-model.md §9), without a newline. */
void encode_accrual_json(struct buffer *to, const struct accrual *accrual, struct text rerate_id);
void encode_forgone_json(struct buffer *to, const struct forgone *forgone);

#endif
