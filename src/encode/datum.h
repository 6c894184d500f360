/* datum.h: Avro binary values, appended to a buffer. Private to encode. Pure. */
#ifndef ACCRUED_ENCODE_DATUM_H
#define ACCRUED_ENCODE_DATUM_H

#include "accrued/buffer.h"
#include "accrued/calendar.h"
#include "accrued/line.h"

/* Branches of a union ["null", T]. */
#define BRANCH_NULL 0
#define BRANCH_VALUE 1

static inline void datum_string(struct buffer *to, struct text text) {
    buffer_append_zigzag(to, (int64_t)text.size);
    buffer_append_text(to, text);
}

/* ["null", "string"] */
static inline void datum_optional_string(struct buffer *to, struct text text) {
    buffer_append_zigzag(to, text_is_null(text) ? BRANCH_NULL : BRANCH_VALUE);
    if (!text_is_null(text)) {
        datum_string(to, text);
    }
}

/* bytes with logicalType decimal: shortest two's complement, big-endian. */
static inline void datum_decimal(struct buffer *to, int128 units) {
    uint8_t bytes[DECIMAL_BYTES_MAX];
    size_t size = decimal_to_bytes(units, bytes);
    buffer_append_zigzag(to, (int64_t)size);
    buffer_append(to, bytes, size);
}

static inline void datum_optional_decimal(struct buffer *to, bool has, struct measure measure) {
    buffer_append_zigzag(to, has ? BRANCH_VALUE : BRANCH_NULL);
    if (has) {
        datum_decimal(to, measure.units);
    }
}

/* ["null", timestamp-millis] */
static inline void datum_optional_time(struct buffer *to, bool has, int64_t ms) {
    buffer_append_zigzag(to, has ? BRANCH_VALUE : BRANCH_NULL);
    if (has) {
        buffer_append_zigzag(to, ms);
    }
}

static inline void datum_month(struct buffer *to, int32_t month) {
    char text[CALENDAR_MONTH_SIZE];
    calendar_format_month(month, text);
    datum_string(to, text_of(text));
}

static inline void datum_currency(struct buffer *to, struct currency currency) {
    datum_string(to, (struct text){currency.code, sizeof currency.code});
}

#endif
