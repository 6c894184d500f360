/* Field by field in the order of schemas/accrual-balance.avsc. */
#include "accrued/encode.h"

#include "datum.h"

void encode_balance_avro(struct buffer *to, const struct balance *balance) {
    uint8_t *at = buffer_reserve(
        to, 3 * NUMBER_SIZE_MAX + DECIMAL_SIZE_MAX + string_size_max(balance->partner_mpn_id) +
                string_size_max(balance->program_id) + string_size_max(balance->billing_period) +
                string_size_max(balance->currency) + string_size_max(balance->last_accrual_id));
    at = put_string(at, balance->partner_mpn_id);
    at = put_string(at, balance->program_id);
    at = put_string(at, balance->billing_period);
    at = put_string(at, balance->currency);
    at = put_decimal(at, balance->cumulative.units);
    at = put_number(at, balance->lines);
    at = put_string(at, balance->last_accrual_id);
    at = put_number(at, balance->source_offset);
    at = put_number(at, balance->updated_at_ms);
    buffer_written(to, at);
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
