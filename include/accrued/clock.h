/* clock.h: the two clocks. Room: base. Only wiring reads them; the core takes time as an argument.
 */
#ifndef ACCRUED_CLOCK_H
#define ACCRUED_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970-01-01 UTC; may jump. For accrued_at and for people. */
int64_t clock_wall_ms(void);
/* Milliseconds since some start; never jumps. For time-outs and ages. */
int64_t clock_steady_ms(void);

#endif
