/* product.h: exact products of decimals, price × quantity × exchange rate. Private to ingest. Pure.
 *
 * Up to four factors of 18 decimals each (what a factor has beyond is rounded half-even); the
 * product is rounded half-even once, to the scale of a measure. */
#ifndef ACCRUED_INGEST_PRODUCT_H
#define ACCRUED_INGEST_PRODUCT_H

#include "accrued/money.h"

#define PRODUCT_LIMB_COUNT 14 /* 448 bits: four factors of 94 bits and some */

struct product {
    uint32_t limbs[PRODUCT_LIMB_COUNT]; /* least significant first */
    unsigned scale;
    bool is_negative;
};

/* One. */
void product_init(struct product *product);
/* false: the text is no decimal of at most 10 digits before the point. */
bool product_multiply(struct product *product, struct text factor);
/* false: it does not fit decimal(28,10). */
bool product_measure(const struct product *product, int128 *ret_units);

#endif
