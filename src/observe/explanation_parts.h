/* explanation_parts.h: the parts of an explanation in words. Private to observe. */
#ifndef ACCRUED_OBSERVE_EXPLANATION_PARTS_H
#define ACCRUED_OBSERVE_EXPLANATION_PARTS_H

#include "accrued/calendar.h"
#include "accrued/explanation_report.h"

/* Short texts that are needed in the middle of a sentence. */
struct words {
    char text[160];
};
struct words words_interval(struct interval interval); /* "2020-01-01 … 2020-07-01" */
struct words words_day(int32_t day);                   /* "2020-01-01" */
struct words words_measure(struct measure measure);    /* "12.5" */
struct words words_amount(struct amount amount);       /* "12.5" */
struct words words_percent(struct rate rate);          /* "4 %" */
struct words words_text(struct text text);             /* cut if it is long; "–" if null */
struct words words_texts(struct texts texts);          /* "a, b, c" */
struct words words_place(const struct explained_place *place); /* "accruals [2] offset 17" */

/* Which line, what the ledger has, or why it has nothing. */
void explanation_report_line(struct document *to, const struct explanation *explanation);
/* Every program, step by step. */
void explanation_report_programs(struct document *to, const struct explanation *explanation);
/* The links of a program. */
void explanation_report_links(struct document *to, const struct program_trace *traced);
/* A partner's standing. */
void explanation_report_partner(struct document *to, const struct explanation *explanation,
                                const struct program_trace *traced,
                                const struct partner_trace *partner);
/* Ledger beside today's rules, other rules beside both, and what was published. */
void explanation_report_books(struct document *to, const struct explanation *explanation);
void explanation_report_other(struct document *to, const struct explanation *explanation);
void explanation_report_published(struct document *to, const struct explanation *explanation);

#endif
