/* avro_turn.h: one caller of Avro C at a time. Private to decode. Any thread.
 *
 * Its error state is one for the whole process (Debian builds it without threads), and what fails
 * writes it, also where nobody reads it. A turn goes from the first call to the last look at
 * avro_strerror. Not to be nested. */
#ifndef ACCRUED_DECODE_AVRO_TURN_H
#define ACCRUED_DECODE_AVRO_TURN_H

void avro_turn_take(void);
void avro_turn_end(void);

#endif
