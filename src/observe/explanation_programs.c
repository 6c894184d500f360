/* Every program, in the order in which rating asks: version, charge type, rate, measure, links,
 * standing, accelerators, amount. */
#include "explanation_parts.h"

#include "accrued/require.h"

#include <stdio.h>

/* What is told of one program. */
struct told {
    struct document *to;
    const struct explanation *explanation;
    const struct program_trace *traced;
    const struct billing_line *line;
};

static const char *as_of_name(const struct program *program) {
    return program->as_of == AS_OF_CHARGE_END_DATE ? "charge_end_date" : "charge_start_date";
}

/* "row 2 of 5" */
static struct words row_words(const struct program_trace *traced) {
    struct words words;
    (void)snprintf(words.text, sizeof words.text, "row %td of %zu",
                   traced->rule - traced->version->rates + 1, traced->version->rate_count);
    return words;
}

static void tell_version(const struct told *told) {
    const struct program_trace *traced = told->traced;
    if (traced->version != NULL) {
        document_fact(told->to, 0, MARK_YES, "version", "%s is in force on %s (%s)",
                      words_interval(traced->version->valid).text, words_day(traced->as_of).text,
                      as_of_name(traced->program));
        return;
    }
    document_fact(told->to, 0, MARK_NO, "version", "none is in force on %s (%s)",
                  words_day(traced->as_of).text, as_of_name(traced->program));
    for (size_t i = 0; i < traced->program->version_count; i++) {
        document_fact(told->to, 1, MARK_PLAIN, "there is", "%s",
                      words_interval(traced->program->versions[i].valid).text);
    }
}

static void tell_no_rate(const struct told *told) {
    const struct program_version *version = told->traced->version;
    const struct classification *what = &told->explanation->rating->classification;
    document_fact(told->to, 0, MARK_NO, "rate", "none for family %.*s, workload %s",
                  TEXT_ARGS(what->family), words_text(what->workload).text);
    for (size_t i = 0; i < version->rate_count; i++) {
        const struct rate_rule *rule = &version->rates[i];
        document_fact(told->to, 1, MARK_PLAIN, "there is", "%s for %s%s%s",
                      words_percent(rule->rate).text, words_texts(rule->families).text,
                      rule->workloads.count > 0 ? "; workloads " : "",
                      words_texts(rule->workloads).text);
    }
}

static void tell_rate(const struct told *told) {
    const struct program_trace *traced = told->traced;
    const struct rate_rule *rule = traced->rule;
    document_fact(told->to, 0, MARK_YES, "rate", "%s for %s%s%s (%s)",
                  words_percent(rule->rate).text, words_texts(rule->families).text,
                  rule->workloads.count > 0 ? "; workloads " : "",
                  words_texts(rule->workloads).text, row_words(traced).text);
    bool is_consumed = rule->measure == MEASURE_CONSUMED_AMOUNT;
    if (traced->outcome == PROGRAM_NO_MEASURE) {
        document_fact(told->to, 0, MARK_NO, "measure",
                      "consumed_amount is wanted, and the line has none");
    } else {
        document_fact(
            told->to, 0, MARK_YES, "measure", "%s %s %.3s",
            is_consumed ? "consumed_amount" : "billed_amount",
            words_measure(is_consumed ? told->line->consumed_amount : told->line->billed_amount)
                .text,
            told->line->currency.code);
    }
}

static void tell_accelerator(const struct told *told, const struct accelerator *accelerator,
                             enum accelerator_fit fit) {
    const struct reference *customer = told->explanation->customer;
    const struct classification *what = &told->explanation->rating->classification;
    struct words why = {""};
    bool has_date =
        customer != NULL && customer->state == REFERENCE_PRESENT && customer->customer.has_added_on;
    switch (fit) {
    case ACCELERATOR_APPLIES:
        (void)snprintf(why.text, sizeof why.text, "all of its conditions hold");
        break;
    case ACCELERATOR_NO_CUSTOMER_ADD:
        (void)snprintf(why.text, sizeof why.text, "nobody says when the customer was added");
        break;
    case ACCELERATOR_BEFORE_ADD:
    case ACCELERATOR_MONTHS_OVER:
        REQUIRE(has_date);
        (void)snprintf(
            why.text, sizeof why.text,
            "the customer was added on %.10s, and that counts before %.10s only",
            words_day(customer->customer.added_on).text,
            words_day(calendar_add_months(customer->customer.added_on, accelerator->months)).text);
        break;
    case ACCELERATOR_OTHER_FAMILY:
        (void)snprintf(why.text, sizeof why.text, "it is for %.120s",
                       words_texts(accelerator->families).text);
        break;
    case ACCELERATOR_OTHER_WORKLOAD:
        (void)snprintf(why.text, sizeof why.text, "it is for workloads %.120s",
                       words_texts(accelerator->workloads).text);
        break;
    case ACCELERATOR_NO_TAG:
        (void)snprintf(why.text, sizeof why.text, "the line has none of its tags%s",
                       what->tags == 0 ? ", nor any" : "");
        break;
    }
    document_fact(told->to, 0, fit == ACCELERATOR_APPLIES ? MARK_YES : MARK_NO, "accelerator",
                  "%.*s, + %s: %s", TEXT_ARGS(accelerator->id),
                  words_percent(accelerator->rate).text, why.text);
}

static void tell_amount(const struct told *told) {
    const struct program_trace *traced = told->traced;
    for (size_t i = 0; i < traced->version->accelerator_count; i++) {
        tell_accelerator(told, &traced->version->accelerators[i], traced->accelerators[i]);
    }
    if (traced->outcome == PROGRAM_OVERFLOW) {
        document_fact(told->to, 0, MARK_ALERT, "amount", "%s × %s does not fit decimal(28,6)",
                      words_measure(traced->measure).text, words_percent(traced->rate).text);
        return;
    }
    document_fact(told->to, 0, MARK_PLAIN, "amount",
                  "%s × %s = %s %.3s, rounded half-even to %d "
                  "decimals once",
                  words_measure(traced->measure).text, words_percent(traced->rate).text,
                  words_amount(traced->cumulative).text, told->line->currency.code, AMOUNT_SCALE);
}

/* The conditions up to the one that decides. */
static void tell_conditions(const struct told *told) {
    const struct program_trace *traced = told->traced;
    enum program_outcome outcome = traced->outcome;
    tell_version(told);
    if (outcome == PROGRAM_NO_VERSION) {
        return;
    }
    bool is_excluded = outcome == PROGRAM_CHARGE_TYPE_EXCLUDED;
    document_fact(told->to, 0, is_excluded ? MARK_NO : MARK_YES, "charge type", "%.*s is %s",
                  TEXT_ARGS(told->line->charge_type), is_excluded ? "excluded" : "not excluded");
    if (is_excluded) {
        return;
    }
    if (outcome == PROGRAM_NO_RATE) {
        tell_no_rate(told);
        return;
    }
    tell_rate(told);
    if (outcome == PROGRAM_YIELDED) {
        const struct link *link = traced->yielded_to;
        document_fact(told->to, 0, MARK_NO, "yields to",
                      "%s link %.*s of partner %.*s, which matches the line",
                      link_type_name(link->type), TEXT_ARGS(link->link_id),
                      TEXT_ARGS(link->partner_mpn_id));
    } else if (traced->is_rated) {
        tell_amount(told);
    }
}

static const char *nothing_words(enum program_outcome outcome) {
    switch (outcome) {
    case PROGRAM_NO_RESELLER: return "nothing: it is the reseller's, and the line names none";
    case PROGRAM_RETIRED: return "nothing: the program is retired, its entries end";
    case PROGRAM_NO_VERSION: return "nothing: no version is in force";
    case PROGRAM_CHARGE_TYPE_EXCLUDED: return "nothing: the charge type is excluded";
    case PROGRAM_NO_RATE: return "nothing: there is no rate for such a product";
    case PROGRAM_NO_MEASURE: return "nothing: there is no amount to take the rate of";
    case PROGRAM_YIELDED: return "nothing: another kind of link comes first";
    case PROGRAM_NO_LINK: return "nothing: no partner has a link that fits";
    case PROGRAM_OVERFLOW: return "the line is bad under this program";
    case PROGRAM_UNREADABLE: return "the line is bad: a partner's value cannot be read";
    case PROGRAM_YIELDS: return "";
    }
    REQUIRE(false && "an outcome without words");
}

static void tell_program(const struct told *told) {
    const struct program_trace *traced = told->traced;
    const struct program *program = traced->program;
    document_heading(told->to, 1, "Program %.*s (%s, %s)", TEXT_ARGS(program->id),
                     beneficiary_name(program->beneficiary), pays_name(program->pays));
    if (traced->outcome == PROGRAM_RETIRED) {
        document_fact(told->to, 0, MARK_NO, "retired", "its entries end with the next rating");
    } else if (traced->outcome == PROGRAM_NO_RESELLER) {
        document_fact(told->to, 0, MARK_NO, "reseller", "the line names none");
    } else {
        tell_conditions(told);
    }
    if (program->beneficiary != BENEFICIARY_RESELLER && traced->is_rated &&
        traced->outcome != PROGRAM_OVERFLOW) {
        explanation_report_links(told->to, traced);
    }
    for (size_t i = 0; i < traced->partner_count; i++) {
        explanation_report_partner(told->to, told->explanation, traced, &traced->partners[i]);
    }
    if (traced->partner_count == 0) {
        document_say(told->to, MARK_RESULT, "%s", nothing_words(traced->outcome));
    }
}

void explanation_report_programs(struct document *to, const struct explanation *explanation) {
    if (explanation->state->line.is_void) {
        document_heading(to, 1, "Programs");
        document_fact(to, 0, MARK_NO, "VOID",
                      "revision %lld took the line back: as if it had never been billed, no "
                      "program yields anything",
                      (long long)explanation->state->line.revision);
        return;
    }
    if (explanation->is_bad) {
        document_heading(to, 1, "The line cannot be rated today");
        document_fact(to, 0, MARK_ALERT, reject_code_name(explanation->reject.code), "%s",
                      explanation->reject.message);
        document_say(to, MARK_RESULT, "what was published stands until it can be rated again");
    }
    const struct rating_trace *trace = explanation->rating->trace;
    for (size_t i = 0; i < trace->program_count; i++) {
        tell_program(
            &(struct told){to, explanation, &trace->programs[i], &explanation->state->line});
    }
}
