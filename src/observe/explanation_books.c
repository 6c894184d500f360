/* What the ledger has beside what the rules give today, other rules beside both, and what was
 * published. */
#include "explanation_parts.h"

#include <stdio.h>

static const struct table_column books_columns[] = {
    {"PROGRAM", TABLE_LEFT},          {"PARTNER", TABLE_LEFT}, {"SEQUENCE", TABLE_RIGHT},
    {"LEDGER", TABLE_RIGHT},          {"TODAY", TABLE_RIGHT},  {"AGREES", TABLE_LEFT},
    {"REFERENCE VALUES", TABLE_LEFT},
};
#define BOOKS_COLUMN_COUNT (sizeof books_columns / sizeof books_columns[0])

/* "4", "(4 bank_profile_missing)" or "–" */
static struct words due_words(struct amount cumulative, enum forgone_reason reason,
                              struct amount forgone) {
    struct words words;
    if (reason == FORGONE_NONE) {
        return words_amount(cumulative);
    }
    (void)snprintf(words.text, sizeof words.text, "forgone %.60s (%s)", words_amount(forgone).text,
                   forgone_reason_name(reason));
    return words;
}

static struct words target_words(const struct target *target) {
    if (target == NULL) {
        return words_text(text_null());
    }
    bool accrues = target->reason == FORGONE_NONE;
    return due_words(accrues ? target->cumulative : (struct amount){0}, target->reason,
                     accrues ? (struct amount){0} : target->cumulative);
}

static struct words earner_words(const struct earner *earner) {
    if (earner == NULL) {
        return words_text(text_null());
    }
    return due_words(earner->cumulative, earner->forgone_reason, earner->forgone_amount);
}

static const char *reference_words(const struct explained_earner *pair) {
    if (!pair->is_sought) {
        return "";
    }
    if (pair->last == NULL || !pair->last->has_provenance) {
        return "–";
    }
    return pair->last->reference_hash == pair->reference_hash_now ? "the same" : "changed since";
}

static void report_agreement(struct document *to, const struct explanation *explanation) {
    for (size_t i = 0; i < explanation->unconfigured.count; i++) {
        document_say(to, MARK_ALERT,
                     "the ledger has entries of program %.*s, which the programs file lacks: a "
                     "lane with this file stops",
                     TEXT_ARGS(explanation->unconfigured.items[i]));
    }
    if (explanation->is_bad) {
        document_say(to, MARK_ALERT, "the line cannot be rated today, so the ledger stands");
    } else if (explanation_agrees(explanation)) {
        document_say(to, MARK_YES,
                     "ledger and today's rules and reference values agree: rating "
                     "the line again would publish nothing");
    } else {
        document_say(to, MARK_ALERT,
                     "they differ: rating the line again would publish the "
                     "difference (accrued rerate --customer %.*s)",
                     TEXT_ARGS(explanation->customer_id));
    }
}

void explanation_report_books(struct document *to, const struct explanation *explanation) {
    document_heading(to, 1, "Ledger and today");
    if (explanation->earner_count == 0) {
        document_fact(to, 0, MARK_PLAIN, "nothing", "was ever published, and nothing is due");
    } else {
        document_table(to, books_columns, BOOKS_COLUMN_COUNT);
    }
    for (size_t i = 0; i < explanation->earner_count; i++) {
        const struct explained_earner *pair = &explanation->earners[i];
        struct words program = words_text(pair->program_id);
        struct words partner = words_text(pair->partner_mpn_id);
        struct words ledger = earner_words(pair->earner);
        struct words today = target_words(pair->target);
        char sequence[16] = "";
        if (pair->earner != NULL) {
            (void)snprintf(sequence, sizeof sequence, "%u", pair->earner->sequence);
        }
        document_row(to, (const char *const[BOOKS_COLUMN_COUNT]){program.text, partner.text,
                                                                 sequence, ledger.text, today.text,
                                                                 explanation->is_bad ? "–"
                                                                 : pair->agrees      ? "yes"
                                                                                     : "no",
                                                                 reference_words(pair)});
    }
    report_agreement(to, explanation);
}

/* ------------------------------------------------------------ other rules */

static const struct table_column other_columns[] = {
    {"PROGRAM", TABLE_LEFT},     {"PARTNER", TABLE_LEFT},     {"RATE", TABLE_RIGHT},
    {"TODAY", TABLE_RIGHT},      {"OTHER RATE", TABLE_RIGHT}, {"OTHER RULES", TABLE_RIGHT},
    {"DIFFERENCE", TABLE_RIGHT},
};
#define OTHER_COLUMN_COUNT (sizeof other_columns / sizeof other_columns[0])

static const struct target *find_target(const struct rating *rating, const struct programs *rules,
                                        struct text program_id, struct text partner) {
    for (size_t i = 0; i < rating->target_count; i++) {
        const struct target *target = &rating->targets[i];
        if (text_equal(rules->items[target->program_index].id, program_id) &&
            text_equal(target->partner_mpn_id, partner)) {
            return target;
        }
    }
    return NULL;
}

static int128 accrued_units(const struct target *target) {
    return target != NULL && target->reason == FORGONE_NONE ? target->cumulative.units : 0;
}

static void report_other_row(struct document *to, struct text program_id, const struct target *now,
                             const struct target *then) {
    const struct target *any = now != NULL ? now : then;
    struct words program = words_text(program_id);
    struct words partner = words_text(any->partner_mpn_id);
    struct words rate_now = now != NULL ? words_percent(now->rate) : words_text(text_null());
    struct words rate_then = then != NULL ? words_percent(then->rate) : words_text(text_null());
    struct words due_now = target_words(now);
    struct words due_then = target_words(then);
    struct words difference =
        words_amount((struct amount){accrued_units(then) - accrued_units(now)});
    document_row(to, (const char *const[OTHER_COLUMN_COUNT]){
                         program.text, partner.text, rate_now.text, due_now.text, rate_then.text,
                         due_then.text, difference.text});
}

static const struct program_trace *find_trace(const struct rating_trace *trace, struct text id) {
    for (size_t i = 0; i < trace->program_count; i++) {
        if (text_equal(trace->programs[i].program->id, id)) {
            return &trace->programs[i];
        }
    }
    return NULL;
}

/* Programs that only one of the files has, or whose outcome is another. */
static void report_other_reasons(struct document *to, const struct explanation *explanation) {
    const struct rating_trace *today = explanation->rating->trace;
    const struct rating_trace *other = explanation->other->rating->trace;
    for (size_t i = 0; i < today->program_count; i++) {
        struct text id = today->programs[i].program->id;
        if (find_trace(other, id) == NULL) {
            document_fact(to, 0, MARK_RESULT, "gone", "%.*s: the other rules lack it",
                          TEXT_ARGS(id));
        }
    }
    for (size_t i = 0; i < other->program_count; i++) {
        const struct program_trace *then = &other->programs[i];
        const struct program_trace *now = find_trace(today, then->program->id);
        if (now == NULL) {
            document_fact(to, 0, MARK_RESULT, "new program", "%.*s: %s",
                          TEXT_ARGS(then->program->id), program_outcome_name(then->outcome));
        } else if (now->outcome != then->outcome) {
            document_fact(to, 0, MARK_RESULT, "other outcome",
                          "%.*s: %s today, %s under the other "
                          "rules",
                          TEXT_ARGS(then->program->id), program_outcome_name(now->outcome),
                          program_outcome_name(then->outcome));
        }
    }
}

void explanation_report_other(struct document *to, const struct explanation *explanation) {
    const struct explained_other *other = explanation->other;
    document_heading(to, 1, "What if: %s%s%s", other->programs,
                     other->catalog != NULL ? " and " : "",
                     other->catalog != NULL ? other->catalog : "");
    if (other->rating == NULL) {
        document_fact(to, 0, MARK_ALERT, reject_code_name(other->reject.code), "%s",
                      other->reject.message);
        return;
    }
    const struct rating *today = explanation->rating;
    size_t row_count = 0;
    for (size_t i = 0; i < today->target_count; i++) {
        struct text id = explanation->programs->items[today->targets[i].program_index].id;
        if (row_count++ == 0) {
            document_table(to, other_columns, OTHER_COLUMN_COUNT);
        }
        report_other_row(
            to, id, &today->targets[i],
            find_target(other->rating, other->rules, id, today->targets[i].partner_mpn_id));
    }
    for (size_t i = 0; i < other->rating->target_count; i++) {
        const struct target *then = &other->rating->targets[i];
        struct text id = other->rules->items[then->program_index].id;
        if (find_target(today, explanation->programs, id, then->partner_mpn_id) == NULL) {
            if (row_count++ == 0) {
                document_table(to, other_columns, OTHER_COLUMN_COUNT);
            }
            report_other_row(to, id, NULL, then);
        }
    }
    if (row_count == 0) {
        document_fact(to, 0, MARK_PLAIN, "nothing", "is due under either");
    }
    report_other_reasons(to, explanation);
}

/* ------------------------------------------------------------ published */

static const struct table_column published_columns[] = {
    {"PLACE", TABLE_LEFT},   {"REVISION", TABLE_RIGHT},   {"PROGRAM", TABLE_LEFT},
    {"PARTNER", TABLE_LEFT}, {"SEQUENCE", TABLE_RIGHT},   {"PERIOD", TABLE_LEFT},
    {"AMOUNT", TABLE_RIGHT}, {"CUMULATIVE", TABLE_RIGHT}, {"REASON", TABLE_LEFT},
    {"AT", TABLE_LEFT},      {"RERATE", TABLE_LEFT},
};
#define PUBLISHED_COLUMN_COUNT (sizeof published_columns / sizeof published_columns[0])

static void report_delta(struct document *to, const struct explained_delta *delta) {
    struct words place = words_place(&delta->place);
    struct words program = words_text(delta->program_id);
    struct words partner = words_text(delta->partner_mpn_id);
    struct words amount;
    struct words cumulative = {""};
    char revision[24];
    char sequence[24] = "";
    char period[24];
    char time[CALENDAR_TIME_SIZE] = "";
    struct words reason = words_text(delta->reason);
    struct words rerate =
        text_is_null(delta->rerate_id) ? (struct words){""} : words_text(delta->rerate_id);
    (void)snprintf(amount.text, sizeof amount.text, "%.60s %.*s", words_amount(delta->amount).text,
                   TEXT_ARGS(delta->currency));
    (void)snprintf(revision, sizeof revision, "%lld", (long long)delta->line_revision);
    (void)snprintf(period, sizeof period, "%.*s", TEXT_ARGS(delta->billing_period));
    if (!delta->is_forgone) {
        (void)snprintf(sequence, sizeof sequence, "%lld", (long long)delta->sequence);
        cumulative = words_amount(delta->cumulative);
    }
    if (delta->has_provenance) {
        calendar_format_time(delta->accrued_at_ms, time);
    }
    document_row(to, (const char *const[PUBLISHED_COLUMN_COUNT]){
                         place.text, revision, program.text, partner.text, sequence, period,
                         amount.text, cumulative.text, reason.text, time, rerate.text});
}

void explanation_report_published(struct document *to, const struct explanation *explanation) {
    document_heading(to, 1, "Published");
    if (explanation->delta_count == 0) {
        document_fact(to, 0, MARK_PLAIN, "nothing", "was found");
        return;
    }
    document_table(to, published_columns, PUBLISHED_COLUMN_COUNT);
    for (size_t i = 0; i < explanation->delta_count; i++) {
        report_delta(to, &explanation->deltas[i]);
    }
}

void explanation_report(struct document *to, const struct explanation *explanation) {
    explanation_report_line(to, explanation);
    if (explanation->state != NULL && explanation->rating != NULL) {
        explanation_report_programs(to, explanation);
        explanation_report_books(to, explanation);
    }
    if (explanation->other != NULL && explanation->state != NULL) {
        explanation_report_other(to, explanation);
    }
    if (explanation->deltas_were_sought) {
        explanation_report_published(to, explanation);
    }
}
