/* Billing lines out: what `accrued ingest` writes. */
#include "accrued/line_json.h"

#include "datum.h"

/* In the order of schemas/billing-line.avsc. */
void line_append_avro(struct buffer *to, const struct billing_line *line) {
    datum_string(to, line->line_id);
    buffer_append_zigzag(to, line->revision);
    buffer_append_zigzag(to, line->is_void ? 1 : 0);
    datum_optional_string(to, line->invoice_id);
    datum_month(to, line->billing_period);
    datum_string(to, line->customer_id);
    datum_optional_string(to, line->subscription_id);
    datum_optional_string(to, line->reseller_mpn_id);
    datum_optional_string(to, line->product_id);
    datum_optional_string(to, line->sku_id);
    datum_optional_string(to, line->product_name);
    datum_optional_string(to, line->meter_category);
    datum_optional_string(to, line->product_family);
    datum_optional_string(to, line->workload);
    datum_string(to, line->charge_type);
    buffer_append_zigzag(to, line->charge_start_date);
    buffer_append_zigzag(to, line->charge_end_date);
    datum_currency(to, line->currency);
    datum_decimal(to, line->billed_amount.units);
    datum_optional_decimal(to, line->has_consumed_amount, line->consumed_amount);
    datum_optional_decimal(to, line->has_quantity, line->quantity);
    datum_optional_time(to, line->has_event_time, line->event_time_ms);
}
