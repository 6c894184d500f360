/* feed.h: billing lines and reference data over time. */
#ifndef ACCRUED_SIM_FEED_H
#define ACCRUED_SIM_FEED_H

#include <stdbool.h>
#include <stdint.h>

void feed_begin(int64_t end_ms);
bool feed_is_over(void);
/* Every line's winning record once more. */
void feed_again(void);
/* A request to rate everything again. */
void feed_request_of_all(void);

#endif
