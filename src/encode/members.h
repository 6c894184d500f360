/* members.h: members of a JSON object, appended to a buffer. Private to encode. Pure.
 *
 * Each writes `, "name": value`; begin the object with members_begin. */
#ifndef ACCRUED_ENCODE_MEMBERS_H
#define ACCRUED_ENCODE_MEMBERS_H

#include "accrued/buffer.h"
#include "accrued/calendar.h"
#include "accrued/line.h"

/* `{"name": "value"`; both without characters to escape. */
void members_begin(struct buffer *to, const char *name, const char *value);
void member_text(struct buffer *to, const char *name, struct text text);
void member_string(struct buffer *to, const char *name, const char *string);
void member_number(struct buffer *to, const char *name, int64_t number);
void member_decimal(struct buffer *to, const char *name, int128 units, unsigned scale);
void member_optional_measure(struct buffer *to, const char *name, bool has, struct measure measure);
void member_day(struct buffer *to, const char *name, int32_t day);
void member_month(struct buffer *to, const char *name, int32_t month);
void member_optional_time(struct buffer *to, const char *name, bool has, int64_t ms);
void member_currency(struct buffer *to, const char *name, struct currency currency);

#endif
