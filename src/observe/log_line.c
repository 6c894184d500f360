/* logfmt in, logfmt or JSON out. Escapes in quoted values are JSON's in both. */
#include "log_line.h"

#include "accrued/calendar.h"
#include "accrued/require.h"

#include <stdio.h>

/* Kept free for what closes a line: a quote, `,"cut":true`, a brace, a line break. */
#define CLOSING_SIZE 16

const char *log_level_name(enum log_level level) {
    switch (level) {
    case LOG_ERROR: return "error";
    case LOG_WARN: return "warn";
    case LOG_INFO: return "info";
    case LOG_DEBUG: return "debug";
    }
    REQUIRE(false && "a log level without a name");
}

/* All of it or nothing: half an escape or half a character must not get in. */
static bool line_put(struct log_line *line, const char *data, size_t size) {
    if (line->is_cut || line->size + size > sizeof line->data - CLOSING_SIZE) {
        line->is_cut = true;
        return false;
    }
    memcpy(line->data + line->size, data, size);
    line->size += size;
    return true;
}

static bool line_put_string(struct log_line *line, const char *string) {
    return line_put(line, string, strlen(string));
}

static void line_close(struct log_line *line, const char *string) {
    size_t size = strlen(string);
    REQUIRE(line->size + size <= sizeof line->data);
    memcpy(line->data + line->size, string, size);
    line->size += size;
}

static size_t hex_span(const char *at, size_t size) {
    size_t i = 0;
    while (i < size && strchr("0123456789abcdefABCDEF", at[i]) != NULL && at[i] != '\0') {
        i++;
    }
    return i;
}

/* Bytes of the well-formed escape at the start, or 0. */
static size_t escape_size(const char *at, size_t size) {
    if (size < 2 || at[0] != '\\') {
        return 0;
    }
    if (strchr("\"\\/bfnrt", at[1]) != NULL && at[1] != '\0') {
        return 2;
    }
    return at[1] == 'u' && size >= 6 && hex_span(at + 2, 4) == 4 ? 6 : 0;
}

static size_t character_size(const char *at, size_t size) {
    for (size_t i = 1; i <= 4 && i <= size; i++) {
        if (text_is_utf8((struct text){at, i})) {
            return i;
        }
    }
    return 0;
}

/* The inside of a quoted value. Well-formed escapes stay; whatever else JSON forbids is escaped. */
static void line_put_quoted(struct log_line *line, const char *at, size_t size) {
    if (!line_put_string(line, "\"")) {
        return;
    }
    for (size_t i = 0; i < size;) {
        size_t escape = escape_size(at + i, size - i);
        size_t character = character_size(at + i, size - i);
        char spelled[8];
        bool has_room;
        if (escape > 0) {
            has_room = line_put(line, at + i, escape);
        } else if (character == 0) {
            has_room = line_put_string(line, "\xef\xbf\xbd");
        } else if ((unsigned char)at[i] < ' ' || at[i] == 0x7f) {
            (void)snprintf(spelled, sizeof spelled, "\\u%04x", (unsigned)(unsigned char)at[i]);
            has_room = line_put_string(line, spelled);
        } else if (at[i] == '\\' || at[i] == '"') {
            (void)snprintf(spelled, sizeof spelled, "\\%c", at[i]);
            has_room = line_put_string(line, spelled);
        } else {
            has_room = line_put(line, at + i, character);
        }
        if (!has_room) {
            break;
        }
        i += escape > 0 ? escape : character > 0 ? character : 1;
    }
    line_close(line, "\"");
}

/* Would a JSON reader take it for a number, and without loss (15 digits)? */
static bool is_number(const char *at, size_t size) {
    size_t i = size > 0 && at[0] == '-' ? 1 : 0;
    size_t digits = 0;
    size_t whole = i;
    for (; i < size && at[i] >= '0' && at[i] <= '9'; i++) {
        digits++;
    }
    bool has_leading_zero = digits > 1 && at[whole] == '0';
    if (digits == 0 || has_leading_zero) {
        return false;
    }
    if (i < size && at[i] == '.') {
        size_t point = i++;
        for (; i < size && at[i] >= '0' && at[i] <= '9'; i++) {
            digits++;
        }
        if (i == point + 1) {
            return false;
        }
    }
    return i == size && digits <= 15;
}

static bool is_word_of_json(const char *at, size_t size) {
    struct text text = {at, size};
    return text_equal(text, TEXT("true")) || text_equal(text, TEXT("false")) ||
           text_equal(text, TEXT("null"));
}

static void line_put_field(struct log_line *line, struct text key, struct text value,
                           bool is_quoted) {
    bool is_json = line->format == LOG_JSON;
    size_t before = line->size;
    line_put_string(line, is_json ? "," : " ");
    if (is_json) {
        line_put_quoted(line, key.data, key.size);
        line_put_string(line, ":");
    } else {
        line_put(line, key.data, key.size);
        line_put_string(line, "=");
    }
    if (line->is_cut) {
        line->size = before;
        return;
    }
    size_t opened = line->size;
    bool is_bare = !is_quoted && !text_is_null(value);
    if (is_bare && (!is_json || is_number(value.data, value.size) ||
                    is_word_of_json(value.data, value.size))) {
        line_put(line, value.data, value.size);
    } else {
        line_put_quoted(line, value.data, value.size);
    }
    /* A key whose value found no room at all. */
    if (line->size == opened) {
        line->size = before;
    }
}

/* Reads one `key=value`; returns what is behind it, or NULL at the end. */
static const char *take_field(const char *at, struct text *ret_key, struct text *ret_value,
                              bool *ret_is_quoted) {
    at += strspn(at, " \t\r\n");
    if (*at == '\0') {
        return NULL;
    }
    size_t key_size = strcspn(at, "= \t\r\n");
    *ret_key = (struct text){at, key_size};
    at += key_size;
    if (*at != '=') {
        /* A lone word counts as a flag. */
        *ret_value = TEXT("true");
        *ret_is_quoted = false;
        return at;
    }
    at++;
    *ret_is_quoted = *at == '"';
    if (!*ret_is_quoted) {
        size_t size = strcspn(at, " \t\r\n");
        *ret_value = (struct text){at, size};
        return at + size;
    }
    const char *start = ++at;
    while (*at != '\0' && *at != '"') {
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    }
    *ret_value = (struct text){start, (size_t)(at - start)};
    return *at == '"' ? at + 1 : at;
}

void log_line_begin(struct log_line *line, enum log_format format, int64_t wall_ms,
                    enum log_level level, const char *event) {
    REQUIRE(line != NULL && event != NULL);
    char time[CALENDAR_TIME_SIZE];
    calendar_format_time(wall_ms, time);
    line->format = format;
    line->is_cut = false;
    int size = snprintf(line->data, sizeof line->data - CLOSING_SIZE,
                        format == LOG_JSON ? "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\""
                                           : "time=%s level=%s event=%s",
                        time, log_level_name(level), event);
    REQUIRE(size > 0 && (size_t)size < sizeof line->data - CLOSING_SIZE);
    line->size = (size_t)size;
}

void log_line_fields(struct log_line *line, const char *fields) {
    REQUIRE(line != NULL && fields != NULL && line->size > 0);
    struct text key;
    struct text value;
    bool is_quoted;
    const char *at = fields;
    while ((at = take_field(at, &key, &value, &is_quoted)) != NULL) {
        line_put_field(line, key, value, is_quoted);
    }
}

void log_line_finish(struct log_line *line) {
    REQUIRE(line != NULL && line->size > 0);
    bool is_json = line->format == LOG_JSON;
    if (line->is_cut) {
        line_close(line, is_json ? ",\"cut\":true" : " cut=true");
    }
    line_close(line, is_json ? "}\n" : "\n");
}
