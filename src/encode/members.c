#include "members.h"

#include "accrued/json_tree.h"

static void append_name(struct buffer *to, const char *name) {
    buffer_append_string(to, ", \"");
    buffer_append_string(to, name);
    buffer_append_string(to, "\": ");
}

static void append_quoted(struct buffer *to, const char *plain) {
    buffer_append_byte(to, '"');
    buffer_append_string(to, plain);
    buffer_append_byte(to, '"');
}

void members_begin(struct buffer *to, const char *name, const char *value) {
    buffer_append_byte(to, '{');
    append_quoted(to, name);
    buffer_append_string(to, ": ");
    append_quoted(to, value);
}

void member_text(struct buffer *to, const char *name, struct text text) {
    append_name(to, name);
    json_append_text(to, text);
}

void member_string(struct buffer *to, const char *name, const char *string) {
    member_text(to, name, text_of(string));
}

void member_number(struct buffer *to, const char *name, int64_t number) {
    append_name(to, name);
    buffer_append_format(to, "%lld", (long long)number);
}

void member_decimal(struct buffer *to, const char *name, int128 units, unsigned scale) {
    char text[DECIMAL_TEXT_SIZE];
    (void)decimal_format(units, scale, text);
    append_name(to, name);
    append_quoted(to, text);
}

void member_optional_measure(struct buffer *to, const char *name, bool has,
                             struct measure measure) {
    if (has) {
        member_decimal(to, name, measure.units, MEASURE_SCALE);
    } else {
        member_text(to, name, text_null());
    }
}

void member_day(struct buffer *to, const char *name, int32_t day) {
    char text[CALENDAR_DAY_SIZE];
    calendar_format_day(day, text);
    append_name(to, name);
    append_quoted(to, text);
}

void member_month(struct buffer *to, const char *name, int32_t month) {
    char text[CALENDAR_MONTH_SIZE];
    calendar_format_month(month, text);
    append_name(to, name);
    append_quoted(to, text);
}

void member_optional_time(struct buffer *to, const char *name, bool has, int64_t ms) {
    char text[CALENDAR_TIME_SIZE];
    if (has) {
        calendar_format_time(ms, text);
    }
    member_string(to, name, has ? text : NULL);
}

void member_currency(struct buffer *to, const char *name, struct currency currency) {
    member_text(to, name, (struct text){currency.code, sizeof currency.code});
}
