/* An explanation as one JSON object; names are those of the outputs, accrual-model.md §8. */
#include "accrued/explanation.h"
#include "accrued/json_tree.h"
#include "accrued/line_json.h"

#include "members.h"

static const char *separator(size_t i) {
    return i > 0 ? ", " : "";
}

static void member_open(struct buffer *to, const char *name, const char *bracket) {
    buffer_append_format(to, ", \"%s\": %s", name, bracket);
}

static void member_bool(struct buffer *to, const char *name, bool value) {
    buffer_append_format(to, ", \"%s\": %s", name, value ? "true" : "false");
}

static void member_null(struct buffer *to, const char *name) {
    member_text(to, name, text_null());
}

/* Open ends are null. */
static void append_interval(struct buffer *to, struct interval interval) {
    char day[CALENDAR_DAY_SIZE];
    buffer_append_string(to, "{\"from\": ");
    if (interval.from == DAY_MIN) {
        buffer_append_string(to, "null");
    } else {
        calendar_format_day(interval.from, day);
        buffer_append_format(to, "\"%s\"", day);
    }
    if (interval.to == DAY_MAX) {
        member_null(to, "to");
    } else {
        member_day(to, "to", interval.to);
    }
    buffer_append_byte(to, '}');
}

static void member_texts(struct buffer *to, const char *name, struct texts texts) {
    member_open(to, name, "[");
    for (size_t i = 0; i < texts.count; i++) {
        buffer_append_string(to, separator(i));
        json_append_text(to, texts.items[i]);
    }
    buffer_append_byte(to, ']');
}

static void member_place(struct buffer *to, const char *name, struct explained_place place) {
    if (text_is_null(place.topic)) {
        member_null(to, name);
        return;
    }
    member_open(to, name, "{\"topic\": ");
    json_append_text(to, place.topic);
    if (place.partition >= 0) {
        member_number(to, "partition", place.partition);
        member_number(to, "offset", place.offset);
    } else {
        member_number(to, "line_number", place.offset);
    }
    buffer_append_byte(to, '}');
}

static void append_links(struct buffer *to, const struct program_trace *traced) {
    member_open(to, "links", "[");
    for (size_t i = 0; i < traced->link_count; i++) {
        const struct link_trace *link = &traced->links[i];
        buffer_append_format(to, "%s{\"link_id\": ", separator(i));
        json_append_text(to, link->link->link_id);
        member_string(to, "link_type", link_type_name(link->link->type));
        member_text(to, "partner_mpn_id", link->link->partner_mpn_id);
        member_text(to, "subscription_id", link->link->subscription_id);
        member_text(to, "workload", link->link->workload);
        member_open(to, "valid", "");
        append_interval(to, link->link->valid);
        member_string(to, "fit", link_fit_name(link->fit));
        member_bool(to, "wins", link->is_winner);
        if (link->beaten_by != NULL) {
            member_text(to, "beaten_by", link->beaten_by->link_id);
            member_string(to, "by", link_edge_name(link->edge));
        }
        buffer_append_byte(to, '}');
    }
    buffer_append_byte(to, ']');
}

static void append_requirements(struct buffer *to, const struct partner_trace *partner) {
    member_open(to, "requirements", "[");
    size_t count = 0;
    for (size_t i = 0; i < REQUIREMENT_COUNT; i++) {
        const struct requirement_trace *requirement = &partner->requirements[i];
        if (!requirement->is_required) {
            continue;
        }
        buffer_append_format(to, "%s{\"fails_as\": \"%s\"", separator(count++),
                             forgone_reason_name(requirement->requirement));
        member_bool(to, "holds", requirement->met_by != NULL);
        if (requirement->competency != NULL) {
            member_text(to, "competency", requirement->competency->name);
            member_string(to, "level",
                          requirement->competency->level == LEVEL_GOLD ? "gold" : "silver");
        }
        if (requirement->met_by != NULL) {
            member_open(to, "by", "");
            append_interval(to, *requirement->met_by);
        }
        buffer_append_byte(to, '}');
    }
    buffer_append_byte(to, ']');
}

static void append_partners(struct buffer *to, const struct program_trace *traced) {
    member_open(to, "partners", "[");
    for (size_t i = 0; i < traced->partner_count; i++) {
        const struct partner_trace *partner = &traced->partners[i];
        bool is_known =
            partner->reference != NULL && partner->reference->state == REFERENCE_PRESENT;
        buffer_append_format(to, "%s{\"partner_mpn_id\": ", separator(i));
        json_append_text(to, partner->mpn_id);
        member_text(to, "link_id", partner->link != NULL ? partner->link->link_id : text_null());
        member_string(to, "outcome", partner->reason == FORGONE_NONE ? "accrues" : "forgoes");
        member_string(to, "reason_code",
                      partner->reason == FORGONE_NONE ? NULL
                                                      : forgone_reason_name(partner->reason));
        member_bool(to, "known", is_known);
        if (is_known) {
            member_day(to, "day", partner->day);
            append_requirements(to, partner);
        }
        buffer_append_byte(to, '}');
    }
    buffer_append_byte(to, ']');
}

static void append_accelerators(struct buffer *to, const struct program_trace *traced) {
    member_open(to, "accelerators", "[");
    for (size_t i = 0; i < traced->version->accelerator_count; i++) {
        buffer_append_format(to, "%s{\"id\": ", separator(i));
        json_append_text(to, traced->version->accelerators[i].id);
        member_decimal(to, "rate", traced->version->accelerators[i].rate.units, RATE_SCALE);
        member_string(to, "outcome", accelerator_fit_name(traced->accelerators[i]));
        buffer_append_byte(to, '}');
    }
    buffer_append_byte(to, ']');
}

static void append_program(struct buffer *to, const struct program_trace *traced) {
    const struct program *program = traced->program;
    members_begin(to, "beneficiary", beneficiary_name(program->beneficiary));
    member_text(to, "program_id", program->id);
    member_string(to, "pays", pays_name(program->pays));
    member_string(to, "outcome", program_outcome_name(traced->outcome));
    if (traced->outcome != PROGRAM_NO_RESELLER) {
        member_day(to, "as_of", traced->as_of);
    }
    if (traced->version != NULL) {
        member_open(to, "version", "");
        append_interval(to, traced->version->valid);
        member_string(to, "standing",
                      traced->version->standing == STANDING_MONTH ? "month" : "day");
    }
    if (traced->rule != NULL) {
        member_number(to, "rate_row", traced->rule - traced->version->rates + 1);
        member_decimal(to, "base_rate", traced->rule->rate.units, RATE_SCALE);
        member_string(to, "measure_of",
                      traced->rule->measure == MEASURE_CONSUMED_AMOUNT ? "consumed_amount"
                                                                       : "billed_amount");
    }
    if (traced->yielded_to != NULL) {
        member_string(to, "yields_to", link_type_name(traced->yielded_to->type));
        member_text(to, "yields_to_link_id", traced->yielded_to->link_id);
    }
    if (traced->is_rated) {
        append_accelerators(to, traced);
        member_decimal(to, "measure", traced->measure.units, MEASURE_SCALE);
        member_decimal(to, "rate", traced->rate.units, RATE_SCALE);
        if (traced->outcome != PROGRAM_OVERFLOW) {
            member_decimal(to, "cumulative_amount", traced->cumulative.units, AMOUNT_SCALE);
            append_links(to, traced);
            append_partners(to, traced);
        }
    }
    buffer_append_byte(to, '}');
}

static void append_classification(struct buffer *to, const struct explanation *explanation) {
    const struct rating *rating = explanation->rating;
    const struct catalog_rule *rule = rating->trace->rule;
    member_open(to, "classification", "{\"product_family\": ");
    json_append_text(to, rating->classification.family);
    member_text(to, "workload", rating->classification.workload);
    if (rule != NULL) {
        member_number(to, "rule", (int64_t)rating->trace->rule_index + 1);
    } else {
        member_null(to, "rule");
    }
    member_open(to, "tags", "[");
    size_t count = 0;
    for (size_t i = 0; i < explanation->catalog->tag_count; i++) {
        if ((rating->classification.tags >> i & 1U) != 0) {
            buffer_append_string(to, separator(count++));
            json_append_text(to, explanation->catalog->tags[i]);
        }
    }
    buffer_append_string(to, "]}");
}

/* What one side, ledger or rules, has of an earner. */
static void append_side(struct buffer *to, const char *name, bool is_there,
                        struct amount cumulative, enum forgone_reason reason,
                        struct amount forgone) {
    if (!is_there) {
        member_null(to, name);
        return;
    }
    member_open(to, name, "{\"cumulative_amount\": ");
    char amount[DECIMAL_TEXT_SIZE];
    (void)decimal_format(cumulative.units, AMOUNT_SCALE, amount);
    buffer_append_format(to, "\"%s\"", amount);
    member_string(to, "forgone_reason",
                  reason != FORGONE_NONE ? forgone_reason_name(reason) : NULL);
    member_decimal(to, "forgone_amount", forgone.units, AMOUNT_SCALE);
    buffer_append_byte(to, '}');
}

static void member_hash(struct buffer *to, const char *name, uint64_t hash) {
    buffer_append_format(to, ", \"%s\": \"%016llx\"", name, (unsigned long long)hash);
}

static void append_target(struct buffer *to, const char *name, const struct target *target) {
    struct amount none = {0};
    bool accrues = target != NULL && target->reason == FORGONE_NONE;
    bool forgoes = target != NULL && !accrues;
    append_side(to, name, target != NULL, accrues ? target->cumulative : none,
                forgoes ? target->reason : FORGONE_NONE, forgoes ? target->cumulative : none);
}

static void append_earner(struct buffer *to, const struct explained_earner *pair) {
    const struct earner *earner = pair->earner;
    buffer_append_string(to, "{\"program_id\": ");
    json_append_text(to, pair->program_id);
    member_text(to, "partner_mpn_id", pair->partner_mpn_id);
    member_number(to, "sequence", earner != NULL ? earner->sequence : 0);
    append_side(to, "ledger", earner != NULL,
                earner != NULL ? earner->cumulative : (struct amount){0},
                earner != NULL ? earner->forgone_reason : FORGONE_NONE,
                earner != NULL ? earner->forgone_amount : (struct amount){0});
    append_target(to, "today", pair->target);
    member_bool(to, "agrees", pair->agrees);
    if (pair->last != NULL && pair->last->has_provenance) {
        member_hash(to, "reference_hash", pair->last->reference_hash);
        member_hash(to, "reference_hash_today", pair->reference_hash_now);
        member_bool(to, "reference_changed",
                    pair->last->reference_hash != pair->reference_hash_now);
    }
    buffer_append_byte(to, '}');
}

static void append_delta(struct buffer *to, const struct explained_delta *delta) {
    members_begin(to, "type", delta->is_forgone ? "forgone" : "accrual");
    member_place(to, "place", delta->place);
    member_text(to, "program_id", delta->program_id);
    member_text(to, "partner_mpn_id", delta->partner_mpn_id);
    member_number(to, "line_revision", delta->line_revision);
    if (!delta->is_forgone) {
        member_number(to, "sequence", delta->sequence);
    }
    member_text(to, "billing_period", delta->billing_period);
    member_text(to, "currency", delta->currency);
    member_decimal(to, "measure", delta->measure.units, MEASURE_SCALE);
    member_decimal(to, "rate", delta->rate.units, RATE_SCALE);
    member_decimal(to, "amount", delta->amount.units, AMOUNT_SCALE);
    if (!delta->is_forgone) {
        member_decimal(to, "cumulative_amount", delta->cumulative.units, AMOUNT_SCALE);
    }
    member_text(to, delta->is_forgone ? "reason_code" : "reason", delta->reason);
    member_text(to, "rerate_id", delta->rerate_id);
    if (delta->has_provenance) {
        member_optional_time(to, "accrued_at", true, delta->accrued_at_ms);
        member_place(to, "source", delta->source);
        member_hash(to, "reference_hash", delta->reference_hash);
    }
    buffer_append_byte(to, '}');
}

static void append_letter(struct buffer *to, const struct explained_letter *letter) {
    buffer_append_string(to, "{\"code\": ");
    json_append_text(to, letter->code);
    member_text(to, "message", letter->message);
    member_place(to, "place", letter->place);
    member_place(to, "source", letter->source);
    if (letter->revision >= 0) {
        member_number(to, "revision", letter->revision);
    }
    member_bool(to, "replayed", letter->was_replayed);
    buffer_append_byte(to, '}');
}

static void append_other(struct buffer *to, const struct explanation *explanation) {
    const struct explained_other *other = explanation->other;
    member_open(to, "what_if", "{\"programs\": ");
    json_append_text(to, text_of(other->programs));
    member_string(to, "catalog", other->catalog);
    if (other->rating == NULL) {
        member_string(to, "code", reject_code_name(other->reject.code));
        member_string(to, "message", other->reject.message);
        buffer_append_byte(to, '}');
        return;
    }
    member_open(to, "targets", "[");
    for (size_t i = 0; i < other->rating->target_count; i++) {
        const struct target *target = &other->rating->targets[i];
        buffer_append_format(to, "%s{\"program_id\": ", separator(i));
        json_append_text(to, other->rules->items[target->program_index].id);
        member_text(to, "partner_mpn_id", target->partner_mpn_id);
        member_decimal(to, "rate", target->rate.units, RATE_SCALE);
        append_target(to, "would_be", target);
        buffer_append_byte(to, '}');
    }
    buffer_append_byte(to, ']');
    member_open(to, "program_traces", "[");
    for (size_t i = 0; i < other->rating->trace->program_count; i++) {
        buffer_append_string(to, separator(i));
        append_program(to, &other->rating->trace->programs[i]);
    }
    buffer_append_string(to, "]}");
}

/* What was looked for; absent where it was not. */
static void append_found(struct buffer *to, const struct explanation *explanation) {
    if (explanation->deltas_were_sought) {
        member_open(to, "published", "[");
        for (size_t i = 0; i < explanation->delta_count; i++) {
            buffer_append_string(to, separator(i));
            append_delta(to, &explanation->deltas[i]);
        }
        buffer_append_byte(to, ']');
    }
    if (explanation->letters_were_sought) {
        member_open(to, "dead_letters", "[");
        for (size_t i = 0; i < explanation->letter_count; i++) {
            buffer_append_string(to, separator(i));
            append_letter(to, &explanation->letters[i]);
        }
        buffer_append_byte(to, ']');
    }
    if (explanation->records_were_sought) {
        member_open(to, "records", "[");
        for (size_t i = 0; i < explanation->record_count; i++) {
            const struct explained_record *record = &explanation->records[i];
            buffer_append_format(to, "%s{\"revision\": %lld", separator(i),
                                 (long long)record->revision);
            member_string(to, "status", record->is_void ? "VOID" : "ACTIVE");
            member_string(to, "fate", explained_fate_name(record->fate));
            member_place(to, "place", record->place);
            buffer_append_byte(to, '}');
        }
        buffer_append_byte(to, ']');
    }
}

static void append_state(struct buffer *to, const struct explanation *explanation) {
    member_open(to, "line", "");
    line_append_json(to, &explanation->state->line);
    member_place(to, "origin",
                 (struct explained_place){
                     explanation->partition >= 0 ? explanation->input_topic : text_null(),
                     explanation->partition, explanation->state->origin_offset});
    if (!text_is_null(explanation->ledger)) {
        member_text(to, "ledger", explanation->ledger);
        member_number(to, "block", (int64_t)explanation->block_id);
    }
    member_texts(to, "unconfigured_programs", explanation->unconfigured);
}

static void append_rating(struct buffer *to, const struct explanation *explanation) {
    const struct rating_trace *trace = explanation->rating->trace;
    append_classification(to, explanation);
    member_open(to, "programs", "[");
    for (size_t i = 0; i < trace->program_count; i++) {
        buffer_append_string(to, separator(i));
        append_program(to, &trace->programs[i]);
    }
    buffer_append_byte(to, ']');
    if (explanation->is_bad) {
        member_string(to, "code", reject_code_name(explanation->reject.code));
        member_string(to, "message", explanation->reject.message);
    }
    member_open(to, "earners", "[");
    for (size_t i = 0; i < explanation->earner_count; i++) {
        buffer_append_string(to, separator(i));
        append_earner(to, &explanation->earners[i]);
    }
    buffer_append_byte(to, ']');
    member_bool(to, "agrees", explanation_agrees(explanation));
}

void explanation_append_json(struct buffer *to, const struct explanation *explanation) {
    members_begin(to, "type", "explanation");
    member_text(to, "customer_id", explanation->customer_id);
    member_text(to, "line_id", explanation->line_id);
    member_bool(to, "known", explanation->state != NULL);
    if (explanation->customers != NULL) {
        member_texts(to, "customers", *explanation->customers);
    }
    if (explanation->state != NULL) {
        append_state(to, explanation);
    }
    if (explanation->rating != NULL) {
        append_rating(to, explanation);
    }
    append_found(to, explanation);
    if (explanation->other != NULL) {
        append_other(to, explanation);
    }
    buffer_append_byte(to, '}');
}
