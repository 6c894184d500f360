/* Field by field in the order of schemas/accrual-balance.avsc. */
#include "accrued/encode.h"

#include "datum.h"

void encode_balance_avro(struct buffer *to, const struct balance *balance) {
    datum_string(to, balance->partner_mpn_id);
    datum_string(to, balance->program_id);
    datum_string(to, balance->billing_period);
    datum_string(to, balance->currency);
    datum_decimal(to, balance->cumulative.units);
    buffer_append_zigzag(to, balance->lines);
    datum_string(to, balance->last_accrual_id);
    buffer_append_zigzag(to, balance->source_offset);
    buffer_append_zigzag(to, balance->updated_at_ms);
}

void encode_balance_key(struct buffer *to, const struct balance *balance) {
    id_append_encoded(to, balance->partner_mpn_id);
    buffer_append_byte(to, '|');
    id_append_encoded(to, balance->program_id);
    buffer_append_byte(to, '|');
    id_append_encoded(to, balance->billing_period);
    buffer_append_byte(to, '|');
    id_append_encoded(to, balance->currency);
}
