/* Billing lines out: what `accrued ingest` writes. */
#include "accrued/line_json.h"

#include "datum.h"

static size_t size_max(const struct billing_line *line) {
    return 7 * NUMBER_SIZE_MAX + MONTH_SIZE_MAX + CURRENCY_SIZE_MAX + 3 * DECIMAL_SIZE_MAX +
           string_size_max(line->line_id) + string_size_max(line->invoice_id) +
           string_size_max(line->customer_id) + string_size_max(line->subscription_id) +
           string_size_max(line->reseller_mpn_id) + string_size_max(line->product_id) +
           string_size_max(line->sku_id) + string_size_max(line->product_name) +
           string_size_max(line->meter_category) + string_size_max(line->product_family) +
           string_size_max(line->workload) + string_size_max(line->charge_type);
}

/* In the order of schemas/billing-line.avsc. */
void line_append_avro(struct buffer *to, const struct billing_line *line) {
    uint8_t *at = buffer_reserve(to, size_max(line));
    at = put_string(at, line->line_id);
    at = put_number(at, line->revision);
    at = put_number(at, line->is_void ? 1 : 0);
    at = put_optional_string(at, line->invoice_id);
    at = put_month(at, line->billing_period);
    at = put_string(at, line->customer_id);
    at = put_optional_string(at, line->subscription_id);
    at = put_optional_string(at, line->reseller_mpn_id);
    at = put_optional_string(at, line->product_id);
    at = put_optional_string(at, line->sku_id);
    at = put_optional_string(at, line->product_name);
    at = put_optional_string(at, line->meter_category);
    at = put_optional_string(at, line->product_family);
    at = put_optional_string(at, line->workload);
    at = put_string(at, line->charge_type);
    at = put_number(at, line->charge_start_date);
    at = put_number(at, line->charge_end_date);
    at = put_currency(at, line->currency);
    at = put_decimal(at, line->billed_amount.units);
    at = put_optional_decimal(at, line->has_consumed_amount, line->consumed_amount);
    at = put_optional_decimal(at, line->has_quantity, line->quantity);
    at = put_optional_time(at, line->has_event_time, line->event_time_ms);
    buffer_written(to, at);
}
