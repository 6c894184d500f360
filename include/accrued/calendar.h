/* calendar.h: days and months, proleptic Gregorian. Room: base. Pure.
 *
 * A day is a count of days since 1970-01-01 (Avro `date`). A month is a count of
 * months since 0000-01 (year × 12 + month − 1). Intervals are half-open:
 * from ≤ day < to; DAY_MIN and DAY_MAX stand for open ends.
 * Source of the rules: accrual-model.md §2. */
#ifndef ACCRUED_CALENDAR_H
#define ACCRUED_CALENDAR_H

#include "accrued/text.h"

#define DAY_MIN INT32_MIN
#define DAY_MAX INT32_MAX

/* Years 0 to 9999, what a date can say as YYYY-MM-DD: from the first day to before the second. */
#define DAY_OF_YEAR_0 (-719528)
#define DAY_OF_YEAR_10000 2932897

struct interval {
    int32_t from;
    int32_t to;
};

static inline bool interval_contains(struct interval interval, int32_t day) {
    return interval.from <= day && day < interval.to;
}

/* 1 ≤ month ≤ 12, 1 ≤ day; false for a date that does not exist or a year outside 0..9999. */
bool calendar_day_of(int year, int month, int day, int32_t *ret_day);
void calendar_split(int32_t day, int *ret_year, int *ret_month, int *ret_day);

/* `YYYY-MM-DD` and nothing else. */
bool calendar_parse_day(struct text text, int32_t *ret_day);
/* `YYYY-MM` and nothing else: a month. */
bool calendar_parse_month(struct text text, int32_t *ret_month);
/* RFC 3339 with any number of fraction digits (cut to milliseconds): ms since the epoch, UTC.
 * false also for a time that its offset carries out of the years 0..9999. */
bool calendar_parse_time(struct text text, int64_t *ret_ms);

#define CALENDAR_DAY_SIZE 11  /* "2020-01-31" and NUL */
#define CALENDAR_MONTH_SIZE 8 /* "2020-01" and NUL */
#define CALENDAR_TIME_SIZE 25 /* "2020-01-31T00:00:00.000Z" and NUL */
void calendar_format_day(int32_t day, char to[CALENDAR_DAY_SIZE]);
void calendar_format_month(int32_t month, char to[CALENDAR_MONTH_SIZE]);
void calendar_format_time(int64_t ms, char to[CALENDAR_TIME_SIZE]);

int32_t calendar_month_of_day(int32_t day);
/* The last day of the day's month. */
int32_t calendar_month_end(int32_t day);
/* First day of a month; the month's last day is first_day(month + 1) − 1. */
int32_t calendar_first_day(int32_t month);
/* The same day `months` later; day 31 clamps to the month's end. */
int32_t calendar_add_months(int32_t day, int32_t months);

#endif
