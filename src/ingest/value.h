/* value.h: a cell's text → a date, a month, an id, as vendors write them. Private to ingest. Pure.
 *
 * Every function gets a text without white space around it. */
#ifndef ACCRUED_INGEST_VALUE_H
#define ACCRUED_INGEST_VALUE_H

#include "accrued/calendar.h"

struct text value_trim(struct text text);

enum value_result { VALUE_GOOD, VALUE_NONE, VALUE_BAD };

/* 2020-03-01, 2020-03-01T08:00:00.1234567-08:00 (the day as it is written), 2020-03-01 00:00:00,
 * 3/1/2020 0:00, 03/01/2020 11:59:59 PM, 20200301. The year 0001 is none. */
enum value_result value_day(struct text text, bool is_day_first, int32_t *ret_day);
/* 2020-03, 202003, or the month of a date. */
enum value_result value_month(struct text text, bool is_day_first, int32_t *ret_month);
/* 0, -1 and nothing are none; "1234567.0" is not an id, it stays as it is. */
enum value_result value_mpn(struct text text, struct text *ret_mpn);
/* Without "org:", "/subscriptions/", "/providers/Microsoft.Billing/billingAccounts/". */
struct text value_id(struct text text);

/* The known charge type in one spelling ("Cycle fee", "CYCLEFEE" → "cycleFee"), which is static;
 * null if it is not known. */
struct text value_charge_type(struct text text);

#endif
