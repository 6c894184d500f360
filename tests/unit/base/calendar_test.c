#include "accrued/calendar.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A day counted by walking, a day at a time. Nothing here is shared with calendar.c. */
struct walk {
    int year;
    int month;
    int day;
};

static int walk_month_size(const struct walk *at) {
    switch (at->month) {
    case 4:
    case 6:
    case 9:
    case 11: return 30;
    case 2:
        if (at->year % 400 == 0) {
            return 29;
        }
        return at->year % 4 == 0 && at->year % 100 != 0 ? 29 : 28;
    default: return 31;
    }
}

static void walk_next(struct walk *at) {
    if (++at->day <= walk_month_size(at)) {
        return;
    }
    at->day = 1;
    if (++at->month > 12) {
        at->month = 1;
        at->year++;
    }
}

#define FIRST_DAY (-719528) /* 0000-01-01 */
#define LAST_DAY 2932896    /* 9999-12-31 */

Test(calendar, every_day_of_ten_thousand_years) {
    struct walk at = {0, 1, 1};
    for (int32_t day = FIRST_DAY; day <= LAST_DAY; day++, walk_next(&at)) {
        int32_t got = 0;
        int year = 0;
        int month = 0;
        int day_of_month = 0;
        bool exists = calendar_day_of(at.year, at.month, at.day, &got);
        calendar_split(day, &year, &month, &day_of_month);
        if (!exists || got != day || year != at.year || month != at.month ||
            day_of_month != at.day || calendar_month_of_day(day) != at.year * 12 + at.month - 1 ||
            calendar_first_day(calendar_month_of_day(day)) != day - at.day + 1 ||
            calendar_month_end(day) != day - at.day + walk_month_size(&at)) {
            cr_assert(false, "day %d, %04d-%02d-%02d", day, at.year, at.month, at.day);
        }
        if (at.day == walk_month_size(&at)) {
            bool past = calendar_day_of(at.year, at.month, at.day + 1, &got);
            cr_assert(!past, "%04d-%02d-%02d does not exist", at.year, at.month, at.day + 1);
        }
        if (day % 31 == 0) {
            char text[64];
            char formatted[CALENDAR_DAY_SIZE];
            (void)snprintf(text, sizeof text, "%04d-%02d-%02d", at.year, at.month, at.day);
            calendar_format_day(day, formatted);
            cr_assert_str_eq(formatted, text);
            cr_assert(calendar_parse_day(text_of(text), &got));
            cr_assert_eq(got, day, "%s", text);
        }
    }
    cr_assert_eq(at.year, 10000);
    cr_assert_eq(DAY_OF_YEAR_0, FIRST_DAY);
    cr_assert_eq(DAY_OF_YEAR_10000, LAST_DAY + 1);
}

Test(calendar, days_that_every_book_agrees_on) {
    static const struct {
        const char *text;
        int32_t day;
    } cases[] = {
        {"1970-01-01", 0},      {"1969-12-31", -1},        {"2000-02-29", 11016},
        {"2000-03-01", 11017},  {"2020-02-29", 18321},     {"2019-10-01", 18170},
        {"1900-03-01", -25508}, {"0000-01-01", FIRST_DAY}, {"9999-12-31", LAST_DAY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t day = 0;
        cr_expect(calendar_parse_day(text_of(cases[i].text), &day), "%s", cases[i].text);
        cr_expect_eq(day, cases[i].day, "%s: %d", cases[i].text, day);
    }
}

Test(calendar, splits_days_far_out_without_overflow) {
    int year = 0;
    int month = 0;
    int day = 0;
    calendar_split(DAY_MAX, &year, &month, &day); /* PostgreSQL and Java say the same */
    cr_expect(year == 5881580 && month == 7 && day == 11, "%d-%d-%d", year, month, day);
    calendar_split(DAY_MIN, &year, &month, &day);
    cr_expect(year == -5877641 && month == 6 && day == 23, "%d-%d-%d", year, month, day);
    /* Two months before the year 0, for whoever counts back. */
    cr_expect_eq(calendar_first_day(-1), FIRST_DAY - 31);
    cr_expect_eq(calendar_first_day(-12), FIRST_DAY - 365);
    cr_expect_eq(calendar_first_day(-13), FIRST_DAY - 365 - 31);
    cr_expect_eq(calendar_month_of_day(FIRST_DAY - 1), -1);
    cr_expect_eq(calendar_first_day(12 * 10000), LAST_DAY + 1);
}

Test(calendar, refuses_dates_that_do_not_exist_or_are_spelled_otherwise) {
    static const char *const bad[] = {
        "",
        "2020-1-01",
        "2020-01-1",
        "20200101",
        "2020-02-30",
        "2019-02-29",
        "1900-02-29",
        "2100-02-29",
        "2020-04-31",
        "2020-13-01",
        "2020-00-01",
        "2020-01-00",
        "2020-01-32",
        "2020/01/01",
        "2020-01-01 ",
        " 2020-01-01",
        "2020-01-01Z",
        "-020-01-01",
        "+020-01-01",
        "2020-01-+1",
        "2020-0a-01",
        "2020-01- 1",
        "10000-01-01",
        "2020-01-01T",
        "2020_01-01",
        "2020-01_01",
        "\xD9\xA2\xD9\xA0-01-01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int32_t day = 4711;
        cr_expect(!calendar_parse_day(text_of(bad[i]), &day), "\"%s\"", bad[i]);
        cr_expect_eq(day, 4711, "\"%s\"", bad[i]);
    }
    int32_t day = 4711;
    cr_expect(!calendar_parse_day(text_null(), &day));
    cr_expect(!calendar_parse_day((struct text){"2020-01-0\0", 10}, &day));
    cr_expect(!calendar_day_of(-1, 12, 31, &day));
    cr_expect(!calendar_day_of(10000, 1, 1, &day));
    cr_expect(!calendar_day_of(2020, 0, 1, &day));
    cr_expect(!calendar_day_of(2020, 13, 1, &day));
    cr_expect(!calendar_day_of(2020, 1, 0, &day));
    cr_expect(!calendar_day_of(2020, 1, -1, &day));
    cr_expect(!calendar_day_of(INT32_MIN, INT32_MIN, INT32_MIN, &day));
    cr_expect_eq(day, 4711);
}

Test(calendar, reads_and_writes_months) {
    static const char *const bad[] = {"",        "2020",    "2020-1",   "2020-00",    "2020-13",
                                      "202001",  "2020-1 ", "2020-01-", "2020-01-01", "2020/01",
                                      "-202-01", "2020-+1", "20200-1",  "2020-a1"};
    int32_t month = 4711;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect(!calendar_parse_month(text_of(bad[i]), &month), "\"%s\"", bad[i]);
    }
    cr_expect(!calendar_parse_month(text_null(), &month));
    cr_expect_eq(month, 4711);
    for (int32_t expected = 0; expected < 12 * 10000; expected++) {
        char text[CALENDAR_MONTH_SIZE];
        calendar_format_month(expected, text);
        cr_assert(calendar_parse_month(text_of(text), &month), "%s", text);
        cr_assert_eq(month, expected, "%s", text);
    }
    char text[CALENDAR_MONTH_SIZE];
    calendar_format_month(2020 * 12, text);
    cr_expect_str_eq(text, "2020-01");
}

Test(calendar, reads_times_as_rfc_3339) {
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1970-01-01T00:00:00.1Z", 100},
        {"1970-01-01T00:00:00.12Z", 120},
        {"1970-01-01T00:00:00.1239999999Z", 123},
        {"1970-01-01T00:00:00.9999999999999999999999999999999999999999999999999999999Z", 999},
        {"1969-12-31T23:59:59.999Z", -1},
        {"1969-12-31T23:59:59.9999Z", -1},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T22:30:00-01:30", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"2020-01-31T12:34:56.789+02:00", INT64_C(1580466896789)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"0000-01-01T00:00:00Z", FIRST_DAY * INT64_C(86400000)},
        {"9999-12-31T23:59:59.999Z", LAST_DAY * INT64_C(86400000) + 86399999},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = 4711;
        cr_expect(calendar_parse_time(text_of(cases[i].text), &ms), "%s", cases[i].text);
        cr_expect_eq(ms, cases[i].ms, "%s: %lld", cases[i].text, (long long)ms);
    }
}

/* "Any number of fraction digits" is meant. */
Test(calendar, reads_a_thousand_fraction_digits) {
    char text[1100] = "2020-01-31T00:00:00.";
    size_t size = strlen(text);
    memset(text + size, '9', 1000);
    text[size + 1000] = 'Z';
    int64_t ms = 0;
    cr_assert(calendar_parse_time((struct text){text, size + 1001}, &ms));
    cr_assert_eq(ms, INT64_C(1580428800999));
}

Test(calendar, refuses_times_that_are_not_rfc_3339) {
    static const char *const bad[] = {
        "",
        "2020-01-31",
        "2020-01-31T00:00Z",
        "2020-01-31T00:00:00",
        "2020-01-31T00:00:00.Z",
        "2020-01-31T00:00:00.5",
        "2020-01-31T00:00:00,5Z",
        "2020-01-31T24:00:00Z",
        "2020-01-31T23:60:00Z",
        "2020-01-31T23:59:61Z",
        "2020-02-30T00:00:00Z",
        "2020-01-31T00:00:00+0100",
        "2020-01-31T00:00:00+1:00",
        "2020-01-31T00:00:00+24:00",
        "2020-01-31T00:00:00+00:60",
        "2020-01-31T00:00:00+01:00Z",
        "2020-01-31T00:00:00ZZ",
        "2020-01-31T00:00:00Z ",
        "2020-01-31T-1:00:00Z",
        "2020-01-31T00:+1:00Z",
        "2020-01-31_00:00:00Z",
        "2020-01-31T00-00-00Z",
        "2020-01-31T00:00:00.1.2Z",
        "2020-01-31T00:00:00.-1Z",
        "2020-01-31T00:00:00*01:00",
        "20200131T000000Z",
        "1580428800000",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "0000-01-01T00:00:00+00:01",
    };
    int64_t ms = 4711;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect(!calendar_parse_time(text_of(bad[i]), &ms), "\"%s\"", bad[i]);
    }
    cr_expect(!calendar_parse_time(text_null(), &ms));
    cr_expect_eq(ms, 4711);
}

Test(calendar, writes_times_that_are_read_back) {
    int64_t first = FIRST_DAY * INT64_C(86400000);
    int64_t end = (LAST_DAY + 1) * INT64_C(86400000);
    int64_t step = INT64_C(7919) * 86399993 / 17; /* hits every part of the day */
    for (int64_t ms = first; ms < end; ms += step) {
        char text[CALENDAR_TIME_SIZE];
        int64_t back = 0;
        calendar_format_time(ms, text);
        cr_assert_eq(strlen(text), CALENDAR_TIME_SIZE - 1, "%s", text);
        cr_assert(calendar_parse_time(text_of(text), &back), "%s", text);
        cr_assert_eq(back, ms, "%s", text);
    }
    char text[CALENDAR_TIME_SIZE];
    calendar_format_time(-1, text);
    cr_expect_str_eq(text, "1969-12-31T23:59:59.999Z");
    calendar_format_time(INT64_C(-86400000), text);
    cr_expect_str_eq(text, "1969-12-31T00:00:00.000Z");
    calendar_format_time(INT64_C(1580466896789), text);
    cr_expect_str_eq(text, "2020-01-31T10:34:56.789Z");
}

Test(calendar, adds_months_and_clamps_to_the_end) {
    static const struct {
        const char *from;
        int32_t months;
        const char *expected;
    } cases[] = {
        {"2020-01-31", 1, "2020-02-29"},   {"2019-01-31", 1, "2019-02-28"},
        {"2020-01-31", 2, "2020-03-31"},   {"2020-01-31", 3, "2020-04-30"},
        {"2019-11-05", 12, "2020-11-05"},  {"2020-02-29", 12, "2021-02-28"},
        {"2020-02-29", 48, "2024-02-29"},  {"2020-12-31", 2, "2021-02-28"},
        {"2020-12-01", 1, "2021-01-01"},   {"2020-12-31", 0, "2020-12-31"},
        {"2020-03-31", -1, "2020-02-29"},  {"2020-01-31", -2, "2019-11-30"},
        {"2020-01-15", -12, "2019-01-15"}, {"1969-12-31", 2, "1970-02-28"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t from = 0;
        char text[CALENDAR_DAY_SIZE];
        cr_assert(calendar_parse_day(text_of(cases[i].from), &from));
        calendar_format_day(calendar_add_months(from, cases[i].months), text);
        cr_expect_str_eq(text, cases[i].expected, "%s + %d: %s", cases[i].from, cases[i].months,
                         text);
    }
}

Test(calendar, intervals_are_half_open) {
    struct interval interval = {10, 20};
    cr_expect(!interval_contains(interval, 9));
    cr_expect(interval_contains(interval, 10));
    cr_expect(interval_contains(interval, 19));
    cr_expect(!interval_contains(interval, 20));
    cr_expect(!interval_contains((struct interval){10, 10}, 10));
    cr_expect(!interval_contains((struct interval){20, 10}, 15));
    cr_expect(interval_contains((struct interval){DAY_MIN, DAY_MAX}, FIRST_DAY));
    cr_expect(interval_contains((struct interval){DAY_MIN, DAY_MAX}, LAST_DAY));
}
