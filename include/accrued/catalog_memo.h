/* catalog_memo.h: what the catalog has said of products that came before. Room: rate. Pure.
 *
 * Lines repeat their products; the catalog tries its rules one by one. A memo answers exactly as
 * the catalog does: it holds the texts that rules look at and compares them byte for byte; a day
 * counts as the span between two days on which the set of rules in force changes. Of a fixed size;
 * a product that comes seldom gives way. Lane thread only. */
#ifndef ACCRUED_CATALOG_MEMO_H
#define ACCRUED_CATALOG_MEMO_H

#include "accrued/catalog.h"

struct catalog_memo;

/* The catalog must outlive it, unchanged. */
struct catalog_memo *catalog_memo_open(const struct catalog *catalog);
void catalog_memo_free(struct catalog_memo *memo);

struct classification catalog_memo_classify(struct catalog_memo *memo,
                                            const struct billing_line *line);

#endif
