/* accrued explain without a broker: the files of `accrued rate`, and the same engine. */
#include "explain.h"

#include "accrued/json_tree.h"
#include "accrued/require.h"

#include "rate_input.h"

#include <stdio.h>
#include <stdlib.h>

/* Lists that grow while the file is read. */
struct found {
    void *items;
    size_t count;
    size_t capacity;
};

struct offline_run {
    const struct explain_options *options;
    struct rate_input input;
    struct offline offline;
    struct explainer explainer;
    struct explanation explanation;
    struct found deltas;
    struct found letters;
    struct found records;
    struct found customers;
};

static void *add(struct found *found, size_t size) {
    if (found->count == found->capacity) {
        found->capacity = found->capacity == 0 ? 8 : found->capacity * 2;
        found->items = realloc(found->items, found->capacity * size);
        REQUIRE(found->items != NULL);
    }
    return (char *)found->items + size * found->count++;
}

static bool is_sought(const struct offline_run *run, struct text customer_id, struct text line_id) {
    const struct explain_options *options = run->options;
    return text_equal(line_id, options->line_id) &&
           (text_is_null(options->customer_id) || text_equal(customer_id, options->customer_id));
}

static struct explained_place here(const struct offline_run *run) {
    return (struct explained_place){text_of(run->options->lines), -1,
                                    (int64_t)run->input.line_number};
}

static void take_event(void *context, const struct event *event, struct text rerate_id) {
    struct offline_run *run = context;
    const struct accrual *accrual = event->kind == EVENT_ACCRUAL ? &event->accrual : NULL;
    const struct forgone *forgone = event->kind == EVENT_FORGONE ? &event->forgone : NULL;
    const struct billing_line *line = accrual != NULL ? accrual->line : forgone->line;
    if (!is_sought(run, line->customer_id, line->line_id)) {
        return;
    }
    struct arena *arena = &run->explainer.arena;
    struct currency currency = accrual != NULL ? accrual->currency : forgone->currency;
    char period[CALENDAR_MONTH_SIZE];
    calendar_format_month(accrual != NULL ? accrual->billing_period : forgone->billing_period,
                          period);
    struct explained_delta *delta = add(&run->deltas, sizeof *delta);
    *delta = (struct explained_delta){
        .place = here(run),
        .is_forgone = forgone != NULL,
        .program_id = accrual != NULL ? accrual->program->id : forgone->program->id,
        .partner_mpn_id =
            arena_copy(arena, accrual != NULL ? accrual->partner_mpn_id : forgone->partner_mpn_id),
        .reason = text_of(accrual != NULL ? accrual_reason_name(accrual->reason)
                                          : forgone_reason_name(forgone->reason)),
        .rerate_id = arena_copy(arena, rerate_id),
        .billing_period = arena_copy(arena, text_of(period)),
        .currency = arena_copy(arena, (struct text){currency.code, sizeof currency.code}),
        .sequence = accrual != NULL ? accrual->sequence : 0,
        .line_revision = line->revision,
        .measure = accrual != NULL ? accrual->measure : forgone->measure,
        .rate = accrual != NULL ? accrual->rate : forgone->rate,
        .amount = accrual != NULL ? accrual->amount : forgone->amount,
        .cumulative = accrual != NULL ? accrual->cumulative : (struct amount){0},
    };
}

static void ignore_unrated(void *context, const struct billing_line *line,
                           const struct reject *reject) {
    (void)context;
    (void)line;
    (void)reject;
}

static void take_line(void *context, const struct billing_line *line) {
    struct offline_run *run = context;
    if (is_sought(run, line->customer_id, line->line_id)) {
        struct explained_record *record = add(&run->records, sizeof *record);
        *record = (struct explained_record){.place = here(run),
                                            .revision = line->revision,
                                            .is_void = line->is_void,
                                            .fate = FATE_SUPERSEDED};
    }
}

static struct text folded_member(struct arena *arena, const struct json *object, const char *name) {
    const struct json *member = object != NULL ? json_member(object, name) : NULL;
    return member != NULL && member->type == JSON_STRING ? arena_fold(arena, member->text)
                                                         : text_null();
}

/* What was refused is of the line if it says so, as far as it can be read. */
static void take_refused(void *context, size_t engine, struct text raw,
                         const struct reject *reject) {
    (void)engine;
    struct offline_run *run = context;
    struct arena *arena = &run->explainer.arena;
    struct fault unused;
    const struct json *tree = json_parse(arena, raw, &unused);
    const struct json *line = tree != NULL ? json_member(tree, "line") : NULL;
    if (is_sought(run, folded_member(arena, line, "customer_id"),
                  folded_member(arena, line, "line_id"))) {
        struct explained_letter *letter = add(&run->letters, sizeof *letter);
        *letter = (struct explained_letter){
            .place = here(run),
            .code = text_of(reject_code_name(reject->code)),
            .message = arena_copy(arena, text_of(reject->message)),
            .revision = -1,
        };
    }
}

static bool note_customer(void *context, const struct line_state *state) {
    struct offline_run *run = context;
    if (is_sought(run, state->line.customer_id, state->line.line_id)) {
        struct text *customer = add(&run->customers, sizeof *customer);
        *customer = arena_copy(&run->explainer.arena, state->line.customer_id);
    }
    return true;
}

/* The last record of the stored revision is the one that stands (§3: on a tie the later). */
static void settle_fates(const struct offline_run *run, const struct line_state *state) {
    struct explained_record *records = run->records.items;
    for (size_t i = run->records.count; i-- > 0;) {
        if (records[i].revision == state->line.revision) {
            records[i].fate = FATE_STANDS;
            return;
        }
    }
}

static int explain_line(struct offline_run *run, const struct explain_rules *rules) {
    struct explanation *explanation = &run->explanation;
    struct line_state state;
    struct texts customers;
    struct explainer_reference reference = {.options = {run->options->no_link}};
    offline_each(&run->offline, note_customer, run);
    customers = (struct texts){run->customers.items, run->customers.count};
    *explanation = (struct explanation){
        .customer_id = customers.count == 1 ? customers.items[0] : run->options->customer_id,
        .line_id = run->options->line_id,
        .partition = -1,
        .next_offset = -1,
        .customers = customers.count > 1 ? &customers : NULL,
        .programs = &rules->programs,
        .catalog = &rules->catalog,
        .deltas_were_sought = true,
        .letters_were_sought = true,
        .letters = run->letters.items,
        .letter_count = run->letters.count,
    };
    if (customers.count == 1) {
        bool found = ledger_find(run->offline.ledger, explanation->customer_id,
                                 explanation->line_id, &state);
        REQUIRE(found);
        explanation->state = &state;
        settle_fates(run, &state);
        explanation->deltas = run->deltas.items;
        explanation->delta_count = run->deltas.count;
        explanation->records_were_sought = true;
        explanation->records = run->records.items;
        explanation->record_count = run->records.count;
        reference.customer = reference_table_find(&run->offline.references, REFERENCE_CUSTOMER,
                                                  explanation->customer_id);
        reference.partners = reference_table_partners(&run->offline.references);
    }
    return explain_finish(run->options, &run->explainer, explanation, rules, &reference);
}

int explain_offline(const struct explain_options *options) {
    struct explain_rules rules;
    struct fault fault;
    explain_rules_init(&rules);
    if (!explain_rules_load(&rules, options, options->programs, options->catalog, &fault)) {
        explain_rules_release(&rules);
        return command_failed("explain", &fault);
    }
    struct offline_run run = {.options = options};
    explainer_init(&run.explainer);
    rate_input_init(&run.input);
    offline_init(&run.offline, &rules.programs, &rules.catalog,
                 (struct offline_options){{options->no_link}, take_event, ignore_unrated, &run});
    run.input.command = "explain";
    run.input.engines[run.input.engine_count++] = &run.offline;
    run.input.hooks = (struct rate_input_hooks){take_refused, take_line, &run};
    bool is_read =
        (options->reference == NULL || rate_input_reference(&run.input, options->reference)) &&
        rate_input_lines(&run.input, options->lines);
    int code = is_read ? explain_line(&run, &rules) : COMMAND_FAILED;
    free(run.deltas.items);
    free(run.letters.items);
    free(run.records.items);
    free(run.customers.items);
    offline_release(&run.offline);
    rate_input_release(&run.input);
    explainer_release(&run.explainer);
    explain_rules_release(&rules);
    return code;
}
