/* datum.h: Avro binary values, written where room has been made for all of a record
 * (buffer_reserve, buffer_written). Each returns what is behind it. Private to encode. Pure. */
#ifndef ACCRUED_ENCODE_DATUM_H
#define ACCRUED_ENCODE_DATUM_H

#include "accrued/buffer.h"
#include "accrued/calendar.h"
#include "accrued/line.h"
#include "accrued/require.h"

/* Branches of a union ["null", T]. */
#define BRANCH_NULL 0
#define BRANCH_VALUE 1

/* What a value takes at most, its branch included. */
#define NUMBER_SIZE_MAX ((size_t)11)
#define DECIMAL_SIZE_MAX ((size_t)2 + DECIMAL_BYTES_MAX)
#define MONTH_SIZE_MAX ((size_t)CALENDAR_MONTH_SIZE)
#define CURRENCY_SIZE_MAX (1 + sizeof(struct currency))
static inline size_t string_size_max(struct text text) {
    return NUMBER_SIZE_MAX + text.size;
}

static inline uint8_t *put_number(uint8_t *at, int64_t number) {
    uint64_t zigzag = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
    while (zigzag >= 0x80) {
        *at++ = (uint8_t)(zigzag | 0x80);
        zigzag >>= 7;
    }
    *at = (uint8_t)zigzag;
    return at + 1;
}

static inline uint8_t *put_branch(uint8_t *at, bool has) {
    return put_number(at, has ? BRANCH_VALUE : BRANCH_NULL);
}

static inline uint8_t *put_string(uint8_t *at, struct text text) {
    at = put_number(at, (int64_t)text.size);
    bytes_copy(at, text.data, text.size);
    return at + text.size;
}

/* ["null", "string"] */
static inline uint8_t *put_optional_string(uint8_t *at, struct text text) {
    at = put_branch(at, !text_is_null(text));
    return text_is_null(text) ? at : put_string(at, text);
}

/* bytes with logicalType decimal: shortest two's complement, big-endian. Its size is one byte. */
static inline uint8_t *put_decimal(uint8_t *at, int128 units) {
    size_t size = decimal_to_bytes(units, at + 1);
    (void)put_number(at, (int64_t)size);
    return at + 1 + size;
}

static inline uint8_t *put_optional_decimal(uint8_t *at, bool has, struct measure measure) {
    at = put_branch(at, has);
    return has ? put_decimal(at, measure.units) : at;
}

/* ["null", timestamp-millis] */
static inline uint8_t *put_optional_time(uint8_t *at, bool has, int64_t ms) {
    at = put_branch(at, has);
    return has ? put_number(at, ms) : at;
}

static inline uint8_t *put_month(uint8_t *at, int32_t month) {
    char text[CALENDAR_MONTH_SIZE];
    calendar_format_month(month, text);
    return put_string(at, (struct text){text, sizeof text - 1});
}

static inline uint8_t *put_currency(uint8_t *at, struct currency currency) {
    return put_string(at, (struct text){currency.code, sizeof currency.code});
}

#endif
