#include "accrued/calendar.h"

#include "accrued/require.h"

#include <stdio.h>

#define DAYS_PER_ERA 146097  /* 400 years */
#define DAYS_TO_EPOCH 719468 /* 0000-03-01 … 1970-01-01 */
#define MS_PER_DAY INT64_C(86400000)

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    REQUIRE(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Counted from 1 March, so that the leap day is a year's last. */
static int32_t day_count(int year, int month, int day) {
    int shifted_year = month > 2 ? year : year - 1;
    int era = (shifted_year >= 0 ? shifted_year : shifted_year - 399) / 400;
    int year_of_era = shifted_year - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

bool calendar_day_of(int year, int month, int day, int32_t *ret_day) {
    if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month)) {
        return false;
    }
    *ret_day = day_count(year, month, day);
    return true;
}

void calendar_split(int32_t day, int *ret_year, int *ret_month, int *ret_day) {
    int64_t shifted = (int64_t)day + DAYS_TO_EPOCH;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *ret_month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0));
}

/* Exactly `count` digits at `at`, or −1. */
static int digits(const char *at, size_t count) {
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9') {
            return -1;
        }
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

bool calendar_parse_day(struct text text, int32_t *ret_day) {
    if (text.size != 10 || text.data[4] != '-' || text.data[7] != '-') {
        return false;
    }
    int year = digits(text.data, 4);
    int month = digits(text.data + 5, 2);
    int day = digits(text.data + 8, 2);
    return year >= 0 && month >= 0 && day >= 0 && calendar_day_of(year, month, day, ret_day);
}

bool calendar_parse_month(struct text text, int32_t *ret_month) {
    if (text.size != 7 || text.data[4] != '-') {
        return false;
    }
    int year = digits(text.data, 4);
    int month = digits(text.data + 5, 2);
    if (year < 0 || month < 1 || month > 12) {
        return false;
    }
    *ret_month = year * 12 + month - 1;
    return true;
}

/* "Z" or "+hh:mm" or "-hh:mm" → minutes east of UTC. */
static bool parse_offset(struct text text, int *ret_minutes) {
    if (text.size == 1 && (text.data[0] == 'Z' || text.data[0] == 'z')) {
        *ret_minutes = 0;
        return true;
    }
    if (text.size != 6 || text.data[3] != ':' || (text.data[0] != '+' && text.data[0] != '-')) {
        return false;
    }
    int hours = digits(text.data + 1, 2);
    int minutes = digits(text.data + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    *ret_minutes = (hours * 60 + minutes) * (text.data[0] == '-' ? -1 : 1);
    return true;
}

/* ".123456" → 123; the size of what was read, 0 if there is no fraction, −1 if it is malformed. */
static int parse_fraction(struct text text, int *ret_ms) {
    *ret_ms = 0;
    if (text.size == 0 || text.data[0] != '.') {
        return 0;
    }
    int unit = 100;
    size_t size = 1;
    while (size < text.size && text.data[size] >= '0' && text.data[size] <= '9') {
        *ret_ms += (text.data[size] - '0') * unit;
        unit /= 10;
        size++;
    }
    return size > 1 ? (int)size : -1;
}

bool calendar_parse_time(struct text text, int64_t *ret_ms) {
    static const size_t second_end = 19; /* "2020-01-31T00:00:00" */
    if (text.size <= second_end || text.size > INT32_MAX ||
        (text.data[10] != 'T' && text.data[10] != 't' && text.data[10] != ' ') ||
        text.data[13] != ':' || text.data[16] != ':') {
        return false;
    }
    int32_t day = 0;
    int hour = digits(text.data + 11, 2);
    int minute = digits(text.data + 14, 2);
    int second = digits(text.data + 17, 2);
    /* A leap second counts as the second after it: time_t has no room for it. */
    if (!calendar_parse_day((struct text){text.data, 10}, &day) || hour < 0 || hour > 23 ||
        minute < 0 || minute > 59 || second < 0 || second > 60) {
        return false;
    }
    int ms = 0;
    int fraction =
        parse_fraction((struct text){text.data + second_end, text.size - second_end}, &ms);
    if (fraction < 0) {
        return false;
    }
    size_t offset_start = second_end + (size_t)fraction;
    int offset = 0;
    if (!parse_offset((struct text){text.data + offset_start, text.size - offset_start}, &offset)) {
        return false;
    }
    int64_t time =
        day * MS_PER_DAY + ((hour * 60 + minute - offset) * INT64_C(60) + second) * 1000 + ms;
    /* In UTC it must still be a year from 0 to 9999, or calendar_format_time cannot say it. */
    if (time < day_count(0, 1, 1) * MS_PER_DAY || time >= day_count(10000, 1, 1) * MS_PER_DAY) {
        return false;
    }
    *ret_ms = time;
    return true;
}

void calendar_format_day(int32_t day, char to[CALENDAR_DAY_SIZE]) {
    int year = 0;
    int month = 0;
    int day_of_month = 0;
    calendar_split(day, &year, &month, &day_of_month);
    char text[40];
    (void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day_of_month);
    memcpy(to, text, CALENDAR_DAY_SIZE - 1);
    to[CALENDAR_DAY_SIZE - 1] = '\0';
}

void calendar_format_month(int32_t month, char to[CALENDAR_MONTH_SIZE]) {
    REQUIRE(month >= 0 && month < 10000 * 12);
    /* By hand: every accrual has one, and snprintf takes as long as its rating. */
    int year = month / 12;
    int of_year = month % 12 + 1;
    const char text[CALENDAR_MONTH_SIZE] = {(char)('0' + year / 1000),
                                            (char)('0' + year / 100 % 10),
                                            (char)('0' + year / 10 % 10),
                                            (char)('0' + year % 10),
                                            '-',
                                            (char)('0' + of_year / 10),
                                            (char)('0' + of_year % 10)};
    memcpy(to, text, sizeof text);
}

void calendar_format_time(int64_t ms, char to[CALENDAR_TIME_SIZE]) {
    int64_t day = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0 ? 1 : 0);
    int64_t rest = ms - day * MS_PER_DAY;
    char date[CALENDAR_DAY_SIZE];
    calendar_format_day((int32_t)day, date);
    char text[80];
    (void)snprintf(text, sizeof text, "%sT%02d:%02d:%02d.%03dZ", date, (int)(rest / 3600000),
                   (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
    memcpy(to, text, CALENDAR_TIME_SIZE - 1);
    to[CALENDAR_TIME_SIZE - 1] = '\0';
}

int32_t calendar_month_of_day(int32_t day) {
    int year = 0;
    int month = 0;
    int day_of_month = 0;
    calendar_split(day, &year, &month, &day_of_month);
    return year * 12 + month - 1;
}

int32_t calendar_month_end(int32_t day) {
    int year = 0;
    int month = 0;
    int day_of_month = 0;
    calendar_split(day, &year, &month, &day_of_month);
    return day - day_of_month + days_in_month(year, month);
}

int32_t calendar_first_day(int32_t month) {
    int year = month >= 0 ? month / 12 : -((11 - month) / 12);
    return day_count(year, month - year * 12 + 1, 1);
}

int32_t calendar_add_months(int32_t day, int32_t months) {
    int year = 0;
    int month = 0;
    int day_of_month = 0;
    calendar_split(day, &year, &month, &day_of_month);
    int32_t target = year * 12 + month - 1 + months;
    int32_t first = calendar_first_day(target);
    int32_t last = calendar_first_day(target + 1) - 1;
    int32_t wanted = first + day_of_month - 1;
    return wanted < last ? wanted : last;
}
