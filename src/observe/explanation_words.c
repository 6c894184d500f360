#include "explanation_parts.h"

#include <stdio.h>

struct words words_day(int32_t day) {
    struct words words;
    calendar_format_day(day, words.text);
    return words;
}

struct words words_interval(struct interval interval) {
    struct words words;
    char from[CALENDAR_DAY_SIZE] = "";
    char to[CALENDAR_DAY_SIZE] = "";
    if (interval.from != DAY_MIN) {
        calendar_format_day(interval.from, from);
    }
    if (interval.to != DAY_MAX) {
        calendar_format_day(interval.to, to);
    }
    if (from[0] == '\0' && to[0] == '\0') {
        (void)snprintf(words.text, sizeof words.text, "always");
    } else {
        (void)snprintf(words.text, sizeof words.text, "%s%s…%s%s", from, from[0] != '\0' ? " " : "",
                       to[0] != '\0' ? " " : "", to);
    }
    return words;
}

struct words words_measure(struct measure measure) {
    struct words words;
    (void)decimal_format(measure.units, MEASURE_SCALE, words.text);
    return words;
}

struct words words_amount(struct amount amount) {
    struct words words;
    (void)decimal_format(amount.units, AMOUNT_SCALE, words.text);
    return words;
}

struct words words_percent(struct rate rate) {
    struct words words;
    char number[DECIMAL_TEXT_SIZE];
    (void)decimal_format((int128)rate.units, RATE_SCALE - 2, number);
    (void)snprintf(words.text, sizeof words.text, "%s %%", number);
    return words;
}

/* Never within a character: continuation bytes are left out with the one that they continue. */
static size_t cut(struct text text, size_t size_max) {
    size_t size = text.size < size_max ? text.size : size_max;
    while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xC0U) == 0x80) {
        size--;
    }
    return size;
}

struct words words_text(struct text text) {
    struct words words;
    if (text_is_null(text)) {
        (void)snprintf(words.text, sizeof words.text, "–");
        return words;
    }
    size_t size = cut(text, sizeof words.text - sizeof "…");
    (void)snprintf(words.text, sizeof words.text, "%.*s%s", (int)size, text.data,
                   size < text.size ? "…" : "");
    return words;
}

struct words words_texts(struct texts texts) {
    struct words words = {""};
    size_t size = 0;
    for (size_t i = 0; i < texts.count; i++) {
        size_t room = sizeof words.text - size - sizeof ", …";
        if (texts.items[i].size >= room) {
            (void)snprintf(words.text + size, sizeof words.text - size, "%s…", i > 0 ? ", " : "");
            break;
        }
        size += (size_t)snprintf(words.text + size, sizeof words.text - size, "%s%.*s",
                                 i > 0 ? ", " : "", TEXT_ARGS(texts.items[i]));
    }
    return words;
}

struct words words_place(const struct explained_place *place) {
    struct words words;
    int topic_size = (int)cut(place->topic, 96);
    const char *topic = place->topic.data != NULL ? place->topic.data : "";
    if (place->partition < 0) {
        (void)snprintf(words.text, sizeof words.text, "%.*s line %lld", topic_size, topic,
                       (long long)place->offset);
    } else {
        (void)snprintf(words.text, sizeof words.text, "%.*s [%d] offset %lld", topic_size, topic,
                       place->partition, (long long)place->offset);
    }
    return words;
}
