/* The offline form of lines and events: accrual-model.md §9. */
#include "accrued/encode.h"
#include "accrued/json_tree.h"
#include "accrued/line_json.h"

#include "members.h"

static void append_accelerators(struct buffer *to, const struct accrual *accrual) {
    const char *separator = "";
    buffer_append_string(to, ", \"accelerators\": [");
    for (size_t i = 0; accrual->version != NULL && i < accrual->version->accelerator_count; i++) {
        if ((accrual->accelerators >> i & 1U) != 0) {
            buffer_append_string(to, separator);
            json_append_string(to, accrual->version->accelerators[i].id);
            separator = ", ";
        }
    }
    buffer_append_byte(to, ']');
}

static void append_accrual_id(struct buffer *to, const struct accrual *accrual) {
    /* Ids are UTF-8, but may hold quotes and control characters. */
    struct buffer id;
    buffer_init(&id);
    accrual_append_id(&id, accrual);
    member_text(to, "accrual_id", buffer_text(&id));
    buffer_release(&id);
}

void encode_accrual_json(struct buffer *to, const struct accrual *accrual, struct text rerate_id) {
    const struct billing_line *line = accrual->line;
    const struct link *link = accrual->link;
    members_begin(to, "type", "accrual");
    append_accrual_id(to, accrual);
    member_number(to, "sequence", accrual->sequence);
    member_text(to, "line_id", line->line_id);
    member_number(to, "line_revision", line->revision);
    member_text(to, "program_id", accrual->program->id);
    member_day(to, "program_version", accrual->program_version);
    member_string(to, "pays", pays_name(accrual->program->pays));
    member_text(to, "partner_mpn_id", accrual->partner_mpn_id);
    member_text(to, "customer_id", line->customer_id);
    member_text(to, "subscription_id", line->subscription_id);
    member_text(to, "product_family", accrual->classification->family);
    member_text(to, "workload", accrual->classification->workload);
    member_string(to, "link_type", link != NULL ? link_type_name(link->type) : NULL);
    member_text(to, "link_id", link != NULL ? link->link_id : text_null());
    member_month(to, "billing_period", accrual->billing_period);
    member_day(to, "as_of", accrual->as_of);
    member_currency(to, "currency", accrual->currency);
    member_decimal(to, "measure", accrual->measure.units, MEASURE_SCALE);
    member_decimal(to, "rate", accrual->rate.units, RATE_SCALE);
    append_accelerators(to, accrual);
    member_decimal(to, "amount", accrual->amount.units, AMOUNT_SCALE);
    member_decimal(to, "cumulative_amount", accrual->cumulative.units, AMOUNT_SCALE);
    member_string(to, "reason", accrual_reason_name(accrual->reason));
    member_text(to, "rerate_id", rerate_id);
    member_optional_time(to, "event_time", line->has_event_time, line->event_time_ms);
    buffer_append_byte(to, '}');
}

void encode_forgone_json(struct buffer *to, const struct forgone *forgone) {
    const struct billing_line *line = forgone->line;
    members_begin(to, "type", "forgone");
    member_text(to, "line_id", line->line_id);
    member_number(to, "line_revision", line->revision);
    member_text(to, "program_id", forgone->program->id);
    member_day(to, "program_version", forgone->program_version);
    member_text(to, "partner_mpn_id", forgone->partner_mpn_id);
    member_text(to, "customer_id", line->customer_id);
    member_month(to, "billing_period", forgone->billing_period);
    member_currency(to, "currency", forgone->currency);
    member_decimal(to, "measure", forgone->measure.units, MEASURE_SCALE);
    member_decimal(to, "rate", forgone->rate.units, RATE_SCALE);
    member_decimal(to, "amount", forgone->amount.units, AMOUNT_SCALE);
    member_string(to, "reason_code", forgone_reason_name(forgone->reason));
    member_optional_time(to, "event_time", line->has_event_time, line->event_time_ms);
    buffer_append_byte(to, '}');
}

void line_append_json(struct buffer *to, const struct billing_line *line) {
    members_begin(to, "status", line->is_void ? "VOID" : "ACTIVE");
    member_text(to, "line_id", line->line_id);
    member_number(to, "revision", line->revision);
    member_text(to, "invoice_id", line->invoice_id);
    member_month(to, "billing_period", line->billing_period);
    member_text(to, "customer_id", line->customer_id);
    member_text(to, "subscription_id", line->subscription_id);
    member_text(to, "reseller_mpn_id", line->reseller_mpn_id);
    member_text(to, "product_id", line->product_id);
    member_text(to, "sku_id", line->sku_id);
    member_text(to, "product_name", line->product_name);
    member_text(to, "meter_category", line->meter_category);
    member_text(to, "product_family", line->product_family);
    member_text(to, "workload", line->workload);
    member_text(to, "charge_type", line->charge_type);
    member_day(to, "charge_start_date", line->charge_start_date);
    member_day(to, "charge_end_date", line->charge_end_date);
    member_currency(to, "currency", line->currency);
    member_decimal(to, "billed_amount", line->billed_amount.units, MEASURE_SCALE);
    member_optional_measure(to, "consumed_amount", line->has_consumed_amount,
                            line->consumed_amount);
    member_optional_measure(to, "quantity", line->has_quantity, line->quantity);
    member_optional_time(to, "event_time", line->has_event_time, line->event_time_ms);
    buffer_append_byte(to, '}');
}
