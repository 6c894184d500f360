/* Questions about a line, answered from this lane's ledgers between two transactions. */
#include "lane_state.h"

#include "accrued/clock.h"
#include "accrued/explainer.h"
#include "accrued/explanation_report.h"
#include "accrued/hash.h"
#include "accrued/inquiries.h"
#include "accrued/require.h"

static void want_references(struct lane *lane, const struct line_state *state) {
    enricher_begin(lane->enricher);
    enricher_want_customer(lane->enricher, state->line.customer_id);
    if (!text_is_null(state->line.reseller_mpn_id)) {
        enricher_want_partner(lane->enricher, state->line.reseller_mpn_id);
    }
    for (size_t i = 0; i < state->earner_count; i++) {
        if (!text_is_null(state->earners[i].partner_mpn_id)) {
            enricher_want_partner(lane->enricher, state->earners[i].partner_mpn_id);
        }
    }
}

/* What the lane would do with the line now. */
static void explain(struct lane *lane, struct explainer *explainer, struct explanation *explanation,
                    struct document *document) {
    struct fault fault;
    want_references(lane, explanation->state);
    if (enricher_fetch(lane->enricher, clock_steady_ms(), &fault) != ENRICH_READY) {
        document_say(document, MARK_ALERT, "Reference data is not to be had now: %s", fault.text);
        return;
    }
    explainer_rate(
        explainer, explanation,
        &(struct explainer_reference){
            .customer = enricher_customer(lane->enricher, explanation->state->line.customer_id),
            .partners = enricher_partners(lane->enricher),
            .options = {lane->edition->config->rating.no_link}});
}

static void append_answer(struct lane *lane, const struct lane_partition *partition,
                          const struct inquiry *inquiry, struct buffer *to) {
    struct explainer explainer;
    struct document document;
    struct line_state state;
    struct explanation explanation = {
        .customer_id = {inquiry->customer_id, inquiry->customer_size},
        .line_id = {inquiry->line_id, inquiry->line_size},
        .input_topic = text_of(lane->edition->config->topics.billing_lines),
        .partition = partition->number,
        .next_offset = partition->next_offset,
        .horizon = ledger_horizon(partition->ledger),
        .programs = lane->edition->programs,
        .catalog = lane->edition->catalog,
    };
    explainer_init(&explainer);
    document_init(&document);
    if (ledger_find(partition->ledger, explanation.customer_id, explanation.line_id, &state)) {
        explanation.state = &state;
        explain(lane, &explainer, &explanation, &document);
    }
    explanation_report(&document, &explanation);
    document_append_html(to, &document);
    document_release(&document);
    explainer_release(&explainer);
}

void lane_answer(struct lane *lane) {
    struct inquiries *inquiries = lane->shared->inquiries;
    struct inquiry inquiry;
    if (inquiries == NULL || !inquiries_are_new(inquiries, lane->inquiry_seen) ||
        !inquiries_look(inquiries, &inquiry)) {
        return;
    }
    int32_t home = murmur2_partition(inquiry.customer_id, inquiry.customer_size,
                                     source_partition_count(lane->source));
    const struct lane_partition *partition = lane_partition_find(lane, home);
    if (partition != NULL && partition->state != PARTITION_READY) {
        return; /* it will be, or go elsewhere; then the question is seen again */
    }
    lane->inquiry_seen = inquiry.number;
    if (partition == NULL) {
        inquiries_decline(inquiries, inquiry.number, (size_t)lane->number);
    } else if (inquiries_take(inquiries, inquiry.number)) {
        struct buffer html;
        buffer_init(&html);
        append_answer(lane, partition, &inquiry, &html);
        inquiries_answer(inquiries, inquiry.number, buffer_text(&html));
        buffer_release(&html);
    }
}
