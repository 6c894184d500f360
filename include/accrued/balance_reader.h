/* balance_reader.h: a published balance back into words. Room: decode.
 *
 * One balance is the sum of the accruals of one partner, program, billing period and currency. How
 * `accrued balances` remembers where it stands: accrual-balances is its only memory. One thread. */
#ifndef ACCRUED_BALANCE_READER_H
#define ACCRUED_BALANCE_READER_H

#include "accrued/fault.h"
#include "accrued/money.h"

struct balance {
    struct text partner_mpn_id;
    struct text program_id;
    struct text billing_period; /* YYYY-MM */
    struct text currency;
    struct text last_accrual_id;
    struct amount cumulative;
    int64_t lines;         /* whose cumulative amount under this key is not 0 */
    int64_t source_offset; /* of the last accrual in the sum */
    int64_t updated_at_ms;
};

struct balance_reader;

/* path: schemas/accrual-balance.avsc. NULL: *fault. */
struct balance_reader *balance_reader_open(const char *path, struct fault *fault);
void balance_reader_free(struct balance_reader *reader);

/* A framed record of exactly that schema. Texts are valid until the next call. false: *fault. */
bool balance_reader_read(struct balance_reader *reader, struct text value,
                         struct balance *ret_balance, struct fault *fault);

#endif
