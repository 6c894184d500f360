#include "states.h"

void state_make(const struct world *world, uint64_t number, int64_t revision,
                struct made_state *to) {
    bool is_revision;
    struct billing_line line = world_line(world, number, &to->texts, &is_revision);
    line.invoice_id = text_null();
    line.has_quantity = false;
    line.revision = revision;
    to->earner = (struct earner){
        .partner_mpn_id = line.reseller_mpn_id,
        .sequence = (uint32_t)revision + 1,
        .program_version = line.charge_start_date,
        .cumulative = {line.billed_amount.units / 1000000},
    };
    to->state = (struct line_state){
        .line = line,
        .origin_offset = (int64_t)number,
        .rerate_offset = -1,
        .earners = &to->earner,
        .earner_count = 1,
    };
}

uint64_t state_revised(uint64_t n, uint64_t line_count) {
    return world_mix(~n) % line_count;
}
