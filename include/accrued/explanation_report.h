/* explanation_report.h: an explanation in words. Room: observe.
 *
 * One thread. */
#ifndef ACCRUED_EXPLANATION_REPORT_H
#define ACCRUED_EXPLANATION_REPORT_H

#include "accrued/document.h"
#include "accrued/explanation.h"

/* Everything that is known, from the line to what has been published of it. */
void explanation_report(struct document *to, const struct explanation *explanation);

#endif
