/* The line itself: what the ledger has of it, or why there is nothing. */
#include "explanation_parts.h"

#include <stdio.h>

static void report_optional(struct document *to, const char *name, struct text text) {
    if (!text_is_null(text)) {
        document_fact(to, 0, MARK_PLAIN, name, "%.*s", TEXT_ARGS(text));
    }
}

static void report_amounts(struct document *to, const struct billing_line *line) {
    document_fact(to, 0, MARK_PLAIN, "billed", "%s %.3s", words_measure(line->billed_amount).text,
                  line->currency.code);
    if (line->has_consumed_amount) {
        document_fact(to, 0, MARK_PLAIN, "consumed", "%s %.3s",
                      words_measure(line->consumed_amount).text, line->currency.code);
    }
    char month[CALENDAR_MONTH_SIZE];
    calendar_format_month(line->billing_period, month);
    document_fact(to, 0, MARK_PLAIN, "billing period", "%s; charged from %s to %s", month,
                  words_day(line->charge_start_date).text, words_day(line->charge_end_date).text);
    document_fact(to, 0, MARK_PLAIN, "charge type", "%.*s", TEXT_ARGS(line->charge_type));
}

static void report_facts(struct document *to, const struct billing_line *line) {
    document_fact(to, 0, MARK_PLAIN, "status", "%s, revision %lld",
                  line->is_void ? "VOID" : "ACTIVE", (long long)line->revision);
    report_amounts(to, line);
    report_optional(to, "subscription", line->subscription_id);
    report_optional(to, "reseller", line->reseller_mpn_id);
    report_optional(to, "product_id", line->product_id);
    report_optional(to, "sku_id", line->sku_id);
    report_optional(to, "product_name", line->product_name);
    report_optional(to, "meter_category", line->meter_category);
    if (line->has_event_time) {
        char time[CALENDAR_TIME_SIZE];
        calendar_format_time(line->event_time_ms, time);
        document_fact(to, 0, MARK_PLAIN, "event time", "%s", time);
    }
}

static void report_place(struct document *to, const struct explanation *explanation) {
    const struct line_state *state = explanation->state;
    if (explanation->partition >= 0) {
        document_fact(to, 0, MARK_PLAIN, "came from", "%.*s [%d] offset %lld",
                      TEXT_ARGS(explanation->input_topic), explanation->partition,
                      (long long)state->origin_offset);
    }
    if (!text_is_null(explanation->ledger)) {
        document_fact(to, 0, MARK_PLAIN, "ledger", "%.*s, block %llu",
                      TEXT_ARGS(explanation->ledger), (unsigned long long)explanation->block_id);
    }
    if (state->rerate_offset >= 0) {
        document_fact(to, 0, MARK_PLAIN, "rated again", "up to the request at offset %lld",
                      (long long)state->rerate_offset);
    }
    if (explanation->horizon > state->line.billing_period) {
        char month[CALENDAR_MONTH_SIZE];
        calendar_format_month(explanation->horizon, month);
        document_fact(to, 0, MARK_ALERT, "closed",
                      "periods before %s are closed: what comes for the line goes to the dead "
                      "letters",
                      month);
    }
}

static const char *operator_words(enum catalog_operator operator) {
    switch (operator) {
    case MATCH_EQUALS: return "is";
    case MATCH_PREFIX: return "begins with";
    case MATCH_CONTAINS: return "contains";
    }
    return "";
}

/* "sku_id is "X" and product_name contains "teams"" */
static struct words rule_words(const struct catalog_rule *rule) {
    struct words words = {"it matches everything"};
    size_t size = 0;
    for (size_t i = 0; i < rule->match_count && size < sizeof words.text - 1; i++) {
        const struct catalog_match *match = &rule->matches[i];
        int more = snprintf(words.text + size, sizeof words.text - size, "%s%s %s \"%.*s\"",
                            i > 0 ? " and " : "", catalog_field_name(match->field),
                            operator_words(match->operator), TEXT_ARGS(match->value));
        size += more > 0 ? (size_t)more : 0;
    }
    return words;
}

static void report_classification(struct document *to, const struct explanation *explanation) {
    const struct rating *rating = explanation->rating;
    const struct classification *what = &rating->classification;
    const struct billing_line *line = &explanation->state->line;
    const struct catalog_rule *rule = rating->trace->rule;
    document_heading(to, 1, "Classification");
    if (rule != NULL) {
        document_fact(to, 0, MARK_YES, "catalog", "rule %zu of %zu: %s",
                      rating->trace->rule_index + 1, explanation->catalog->rule_count,
                      rule_words(rule).text);
    } else {
        document_fact(to, 0, MARK_NO, "catalog", "none of %zu rules matches",
                      explanation->catalog->rule_count);
    }
    const char *from_rule = rule != NULL ? "from the rule" : "";
    document_fact(to, 0, MARK_PLAIN, "family", "%.*s, %s", TEXT_ARGS(what->family),
                  !text_is_null(line->product_family)           ? "the line's own"
                  : rule != NULL && !text_is_null(rule->family) ? from_rule
                                                                : "for want of a better one");
    if (!text_is_null(what->workload)) {
        document_fact(to, 0, MARK_PLAIN, "workload", "%.*s, %s", TEXT_ARGS(what->workload),
                      !text_is_null(line->workload) ? "the line's own" : from_rule);
    } else {
        document_fact(to, 0, MARK_PLAIN, "workload", "none");
    }
    for (size_t i = 0; i < explanation->catalog->tag_count; i++) {
        if ((what->tags >> i & 1U) != 0) {
            document_fact(to, 0, MARK_PLAIN, "tag", "%.*s",
                          TEXT_ARGS(explanation->catalog->tags[i]));
        }
    }
}

static void report_letters(struct document *to, const struct explanation *explanation) {
    for (size_t i = 0; i < explanation->letter_count; i++) {
        const struct explained_letter *letter = &explanation->letters[i];
        char revision[32] = "";
        if (letter->revision >= 0) {
            (void)snprintf(revision, sizeof revision, "revision %lld, ",
                           (long long)letter->revision);
        }
        document_fact(to, 0, letter->was_replayed ? MARK_PLAIN : MARK_ALERT, "dead letter",
                      "%.*s: %.*s (%s%s%s%s%s)", TEXT_ARGS(letter->code),
                      TEXT_ARGS(letter->message), revision, words_place(&letter->place).text,
                      text_is_null(letter->source.topic) ? "" : "; came in at ",
                      text_is_null(letter->source.topic) ? "" : words_place(&letter->source).text,
                      letter->was_replayed ? "; sent back since" : "");
    }
}

static void report_records(struct document *to, const struct explanation *explanation) {
    for (size_t i = 0; i < explanation->record_count; i++) {
        const struct explained_record *record = &explanation->records[i];
        struct words place = words_place(&record->place);
        const char *is_void = record->is_void ? " (VOID)" : "";
        long long revision = (long long)record->revision;
        switch (record->fate) {
        case FATE_WAITS:
            document_fact(to, 0, MARK_ALERT, "record", "revision %lld%s waits at %s", revision,
                          is_void, place.text);
            break;
        case FATE_STANDS:
            document_fact(to, 0, MARK_YES, "record", "revision %lld%s at %s stands", revision,
                          is_void, place.text);
            break;
        case FATE_SUPERSEDED:
            document_fact(to, 0, MARK_PLAIN, "record",
                          "revision %lld%s at %s: another record of the line won", revision,
                          is_void, place.text);
            break;
        }
    }
}

/* Why nothing: each place where the line could have been, and that it is not there. */
static void report_unknown(struct document *to, const struct explanation *explanation) {
    if (explanation->customers != NULL) {
        document_say(to, MARK_ALERT,
                     "More than one customer has such a line; name one of them "
                     "with --customer:");
        for (size_t i = 0; i < explanation->customers->count; i++) {
            document_fact(to, 0, MARK_PLAIN, "customer", "%.*s",
                          TEXT_ARGS(explanation->customers->items[i]));
        }
        return;
    }
    document_fact(to, 0, MARK_NO, "ledger",
                  "it does not know the line: nothing was ever "
                  "published for it");
    if (explanation->horizon > 0) {
        char month[CALENDAR_MONTH_SIZE];
        calendar_format_month(explanation->horizon, month);
        document_fact(to, 0, MARK_PLAIN, "closed periods",
                      "billing periods before %s are closed, and their lines are forgotten", month);
    }
    report_letters(to, explanation);
    report_records(to, explanation);
    if (explanation->letters_were_sought && explanation->letter_count == 0) {
        document_fact(to, 0, MARK_NO, "dead letters", "none is recognisable as this line");
    }
    if (explanation->records_were_sought && explanation->record_count == 0) {
        document_fact(to, 0, MARK_NO, "input", "no unprocessed record is of this line");
    }
    document_say(to, MARK_RESULT, "%s",
                 explanation->letter_count > 0
                     ? "It came, and was refused: repair the record and send it again."
                 : explanation->record_count > 0
                     ? "It has come and waits for its turn."
                     : "It never came, or under another line or customer id (ids are compared byte "
                       "by byte, in lower case).");
}

void explanation_report_line(struct document *to, const struct explanation *explanation) {
    document_heading(to, 1, "Line %.*s%s%.*s", TEXT_ARGS(explanation->line_id),
                     text_is_null(explanation->customer_id) ? "" : " of customer ",
                     TEXT_ARGS(explanation->customer_id));
    if (explanation->state == NULL) {
        report_unknown(to, explanation);
        return;
    }
    report_facts(to, &explanation->state->line);
    report_place(to, explanation);
    report_letters(to, explanation);
    report_records(to, explanation);
    if (explanation->rating != NULL) {
        report_classification(to, explanation);
    }
}
