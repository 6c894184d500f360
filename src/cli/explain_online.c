/* accrued explain on a running service: its ledger, its reference data, what it has published. */
#include "explain.h"

#include "accrued/clock.h"
#include "accrued/enrich.h"
#include "accrued/require.h"

#include "explain_find.h"

#include <signal.h>
#include <stdlib.h>

struct online_run {
    const struct explain_options *options;
    const struct config *config;
    struct explain_rules rules;
    struct explainer explainer;
    struct explanation explanation;
    struct found_lines found;
    struct line_state state;
    struct texts customers;
    struct enricher *enricher;
};

static int compare_texts(const void *left, const void *right) {
    return text_compare(*(const struct text *)left, *(const struct text *)right);
}

/* More than one customer has such a line. */
static void name_customers(struct online_run *run) {
    struct text *names = arena_take(&run->explainer.arena, run->found.count * sizeof *names);
    for (size_t i = 0; i < run->found.count; i++) {
        names[i] = run->found.items[i].customer_id;
    }
    qsort(names, run->found.count, sizeof *names, compare_texts);
    run->customers = (struct texts){names, run->found.count};
    run->explanation.customers = &run->customers;
}

static bool take_found(struct online_run *run, struct fault *fault) {
    struct explanation *explanation = &run->explanation;
    const struct found_line *line = &run->found.items[0];
    explanation->customer_id = line->customer_id;
    explanation->partition = line->partition;
    explanation->block_id = line->block_id;
    explanation->state = &run->state;
    return explain_found_state(line, &run->rules.programs, &run->explainer.arena, &run->state,
                               &explanation->unconfigured, fault);
}

static bool find_line(struct online_run *run, struct fault *fault) {
    struct explanation *explanation = &run->explanation;
    const struct explain_options *options = run->options;
    run->found = (struct found_lines){.arena = &run->explainer.arena,
                                      .line_id = options->line_id,
                                      .customer_id = options->customer_id};
    *explanation = (struct explanation){
        .customer_id = options->customer_id,
        .line_id = options->line_id,
        .input_topic = text_of(run->config->topics.billing_lines),
        .partition = -1,
        .ledger = text_of(options->ledger_file != NULL ? options->ledger_file
                                                       : run->config->topics.ledger),
        .next_offset = -1,
        .programs = &run->rules.programs,
        .catalog = &run->rules.catalog,
    };
    if (!explain_find_lines(&run->found, options, run->config, fault)) {
        return false;
    }
    if (run->found.count > 1) {
        name_customers(run);
    } else if (run->found.count == 1 && !take_found(run, fault)) {
        return false;
    }
    int32_t partition = explanation->partition >= 0 ? explanation->partition : run->found.partition;
    if (partition >= 0) {
        explanation->next_offset = run->found.partitions[partition].next_offset;
        explanation->horizon = run->found.partitions[partition].horizon;
    }
    return true;
}

/* As the lane asks: the customer, the reseller, those whom the links name; and who has an entry. */
static bool look_up(struct online_run *run, struct explainer_reference *reference,
                    struct fault *fault) {
    const struct line_state *state = &run->state;
    (void)signal(SIGPIPE, SIG_IGN);
    run->enricher = enricher_open(run->config, fault);
    if (run->enricher == NULL) {
        return false;
    }
    enricher_begin(run->enricher);
    enricher_want_customer(run->enricher, state->line.customer_id);
    if (!text_is_null(state->line.reseller_mpn_id)) {
        enricher_want_partner(run->enricher, state->line.reseller_mpn_id);
    }
    for (size_t i = 0; i < state->earner_count; i++) {
        if (!text_is_null(state->earners[i].partner_mpn_id)) {
            enricher_want_partner(run->enricher, state->earners[i].partner_mpn_id);
        }
    }
    if (enricher_fetch(run->enricher, clock_steady_ms(), fault) != ENRICH_READY) {
        return false;
    }
    reference->customer = enricher_customer(run->enricher, state->line.customer_id);
    reference->partners = enricher_partners(run->enricher);
    return true;
}

/* Letters before records: what is a dead letter is not superseded. */
static bool find_published(struct online_run *run, struct fault *fault) {
    struct explanation *explanation = &run->explanation;
    struct arena *arena = &run->explainer.arena;
    if (!run->options->with_published || explanation->customers != NULL) {
        return true;
    }
    return (explanation->state == NULL ||
            explain_find_published(explanation, run->options, run->config, arena, fault)) &&
           explain_find_letters(explanation, run->config, arena, fault) &&
           explain_find_records(explanation, run->options, run->config, &run->found, arena, fault);
}

int explain_online(const struct explain_options *options, const struct config *config) {
    struct online_run run = {.options = options, .config = config};
    struct explainer_reference reference = {.options = {config->rating.no_link}};
    struct fault fault;
    explain_rules_init(&run.rules);
    explainer_init(&run.explainer);
    bool is_good = explain_rules_load(&run.rules, options, config->rating.programs,
                                      config->rating.catalog, &fault) &&
                   find_line(&run, &fault) &&
                   (run.explanation.state == NULL || look_up(&run, &reference, &fault)) &&
                   find_published(&run, &fault);
    int code =
        is_good ? explain_finish(options, &run.explainer, &run.explanation, &run.rules, &reference)
                : command_failed("explain", &fault);
    enricher_free(run.enricher);
    explain_find_lines_release(&run.found);
    explainer_release(&run.explainer);
    explain_rules_release(&run.rules);
    return code;
}
