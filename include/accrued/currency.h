/* currency.h: ISO 4217 codes and their minor units. Room: rate. Pure.
 *
 * The form of a code is checked, three upper-case letters, and not whether the code is assigned: a
 * currency that is new tomorrow needs no new program. Source of the decimals: settlement-model.md
 * §5. */
#ifndef ACCRUED_CURRENCY_H
#define ACCRUED_CURRENCY_H

#include "accrued/text.h"

struct currency {
    char code[3]; /* ISO 4217, upper-case letters, no NUL */
};

/* For printf: printf("%.*s", CURRENCY_ARGS(c)). */
#define CURRENCY_ARGS(c) (int)sizeof(c).code, (c).code

/* Three upper-case ASCII letters. */
bool currency_parse(struct text text, struct currency *ret_currency);

/* Decimals of the minor unit: 0 to 4; 2 for a code that is not listed. */
unsigned currency_decimals(struct currency currency);

static inline bool currency_equal(struct currency a, struct currency b) {
    return memcmp(a.code, b.code, sizeof a.code) == 0;
}

/* Byte order: <0, 0, >0. */
static inline int currency_compare(struct currency a, struct currency b) {
    return memcmp(a.code, b.code, sizeof a.code);
}

#endif
