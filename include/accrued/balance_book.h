/* balance_book.h: the balances of one partition of accruals. Room: balance. Pure.
 *
 * A table from key to sum. What a batch changes is kept apart until it is committed, so that an
 * abort leaves no trace. A line counts under a key while its cumulative amount there is not 0,
 * which each accrual tells by itself: cumulative_amount is what the line has after it,
 * cumulative_amount − amount what it had before. So the number of lines is exact without a memory
 * of lines. */
#ifndef ACCRUED_BALANCE_BOOK_H
#define ACCRUED_BALANCE_BOOK_H

#include "accrued/accrual_reader.h"
#include "accrued/balance_reader.h"

struct balance_book;

struct balance_book *balance_book_new(void);
void balance_book_free(struct balance_book *book);

/* A balance as it was published; the last one of a key stands. false: *fault. */
bool balance_book_restore(struct balance_book *book, const struct balance *balance,
                          struct fault *fault);
/* All accruals below are in the sums; 0: none are. */
int64_t balance_book_next_offset(const struct balance_book *book);
/* The last accrual that is in any of them; empty: none. */
struct text balance_book_last_id(const struct balance_book *book);
size_t balance_book_count(const struct balance_book *book);
/* The balance of a key as it stands now, open changes included. false: there is none. Its
 * last_accrual_id is only known of what the open batch changed. */
bool balance_book_find(const struct balance_book *book, const struct balance *key,
                       struct balance *ret_balance);

/* Adds an accrual, which must be at or behind next_offset. false: *fault, the sum would not fit or
 * the accrual contradicts what came before it; is_partial: that is known to be incomplete, and the
 * number of lines is that of the lines that are known. */
bool balance_book_add(struct balance_book *book, const struct published_accrual *accrual,
                      int64_t offset, bool is_partial, struct fault *fault);

/* false: the visitor wants no more. */
typedef bool (*balance_visit)(void *context, const struct balance *balance);
/* What the open batch changed; updated_at is not set. false: a visitor said so. */
bool balance_book_changes(const struct balance_book *book, balance_visit visit, void *context);
/* All of them. */
bool balance_book_each(const struct balance_book *book, balance_visit visit, void *context);
void balance_book_commit(struct balance_book *book);
void balance_book_abort(struct balance_book *book);

#endif
