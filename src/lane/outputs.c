/* What a posting publishes, as records of the transaction to come. */
#include "lane_state.h"

#include "accrued/encode.h"

/* Of the customer's value and, where one earns, the partner's. */
static uint64_t reference_hash(const struct reference *customer, const struct reference *partner) {
    return reference_pair_hash(customer->hash, partner != NULL ? partner->hash : 0);
}

static void encode_accrual(struct lane *lane, const struct accrual *accrual,
                           struct provenance *provenance) {
    struct batch *batch = &lane->batch;
    struct batch_output *output = batch_add_output(batch, OUTPUT_ACCRUALS);
    provenance->reference_hash = reference_hash(accrual->customer, accrual->partner);
    output->key_at = batch->bytes.size;
    output->key_size = accrual->partner_mpn_id.size;
    buffer_append_text(&batch->bytes, accrual->partner_mpn_id);
    output->value_at = batch->bytes.size;
    frame_append(&batch->bytes, lane->accrual_schema);
    encode_accrual_avro(&batch->bytes, accrual, provenance);
    output->value_size = batch->bytes.size - output->value_at;
    batch_add_sum(batch, (size_t)(accrual->program - lane->edition->programs->items), SUM_ACCRUED,
                  accrual->currency, accrual->amount);
}

static void encode_forgone(struct lane *lane, const struct forgone *forgone,
                           struct provenance *provenance) {
    struct batch *batch = &lane->batch;
    struct batch_output *output = batch_add_output(batch, OUTPUT_FORGONE);
    struct text key = text_is_null(forgone->partner_mpn_id) ? forgone->line->customer_id
                                                            : forgone->partner_mpn_id;
    provenance->reference_hash = reference_hash(forgone->customer, forgone->partner);
    output->key_at = batch->bytes.size;
    output->key_size = key.size;
    buffer_append_text(&batch->bytes, key);
    output->value_at = batch->bytes.size;
    frame_append(&batch->bytes, lane->forgone_schema);
    encode_forgone_avro(&batch->bytes, forgone, provenance);
    output->value_size = batch->bytes.size - output->value_at;
    size_t program = (size_t)(forgone->program - lane->edition->programs->items);
    if (forgone->reason_before != FORGONE_NONE) {
        batch_add_sum(batch, program, (int)forgone->reason_before, forgone->currency,
                      (struct amount){-forgone->amount_before.units});
    }
    batch_add_sum(batch, program, (int)forgone->reason, forgone->currency, forgone->amount);
}

void lane_encode_events(struct lane *lane, const struct posting *posting,
                        struct provenance *provenance) {
    for (size_t i = 0; i < posting->event_count; i++) {
        const struct event *event = &posting->events[i];
        switch (event->kind) {
        case EVENT_ACCRUAL: encode_accrual(lane, &event->accrual, provenance); break;
        case EVENT_FORGONE: encode_forgone(lane, &event->forgone, provenance); break;
        }
    }
}
