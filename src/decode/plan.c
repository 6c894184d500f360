#include "plan.h"

#include "accrued/calendar.h"
#include "accrued/require.h"

#define DEPTH_MAX 64
#define DAY_MS INT64_C(86400000)

/* What was read of a field's value, unions resolved. */
struct scalar {
    const struct plan_node *node; /* the branch's */
    int64_t number;               /* PLAN_INT, PLAN_LONG; PLAN_ENUM: symbol index */
    struct text bytes;            /* PLAN_BYTES, PLAN_STRING, PLAN_FIXED */
};

#define FIELD(name, kind, optional, has_default)                                                   \
    { #name, kind, optional, has_default, offsetof(struct billing_line, name), 0 }
#define OPTIONAL_FIELD(name, member, kind, flag)                                                   \
    {                                                                                              \
#name, kind, true, true, offsetof(struct billing_line, member),                            \
            offsetof(struct billing_line, flag)                                                    \
    }

const struct line_field line_fields[] = {
    FIELD(line_id, FIELD_FOLDED, false, false),
    FIELD(revision, FIELD_REVISION, false, true),
    {"status", FIELD_STATUS, false, true, offsetof(struct billing_line, is_void), 0},
    FIELD(invoice_id, FIELD_TEXT, true, true),
    FIELD(billing_period, FIELD_MONTH, false, false),
    FIELD(customer_id, FIELD_FOLDED, false, false),
    FIELD(subscription_id, FIELD_FOLDED, true, true),
    FIELD(reseller_mpn_id, FIELD_TEXT, true, true),
    FIELD(product_id, FIELD_TEXT, true, true),
    FIELD(sku_id, FIELD_TEXT, true, true),
    FIELD(product_name, FIELD_TEXT, true, true),
    FIELD(meter_category, FIELD_TEXT, true, true),
    FIELD(product_family, FIELD_TEXT, true, true),
    FIELD(workload, FIELD_TEXT, true, true),
    FIELD(charge_type, FIELD_TEXT, false, false),
    FIELD(charge_start_date, FIELD_DAY, false, false),
    FIELD(charge_end_date, FIELD_DAY, false, false),
    FIELD(currency, FIELD_CURRENCY, false, false),
    FIELD(billed_amount, FIELD_MEASURE, false, false),
    OPTIONAL_FIELD(consumed_amount, consumed_amount, FIELD_MEASURE, has_consumed_amount),
    OPTIONAL_FIELD(quantity, quantity, FIELD_MEASURE, has_quantity),
    OPTIONAL_FIELD(event_time, event_time_ms, FIELD_TIME, has_event_time),
};
const size_t line_field_count = sizeof line_fields / sizeof line_fields[0];

int line_field_find(struct text name) {
    for (size_t i = 0; i < line_field_count; i++) {
        if (text_equal(name, text_of(line_fields[i].name))) {
            return (int)i;
        }
    }
    return -1;
}

const char *plan_type_name(enum plan_type type) {
    static const char *const names[] = {
        [PLAN_NULL] = "null",   [PLAN_BOOLEAN] = "boolean", [PLAN_INT] = "int",
        [PLAN_LONG] = "long",   [PLAN_FLOAT] = "float",     [PLAN_DOUBLE] = "double",
        [PLAN_BYTES] = "bytes", [PLAN_STRING] = "string",   [PLAN_FIXED] = "fixed",
        [PLAN_ENUM] = "enum",   [PLAN_ARRAY] = "array",     [PLAN_MAP] = "map",
        [PLAN_UNION] = "union", [PLAN_RECORD] = "record",
    };
    REQUIRE((size_t)type < sizeof names / sizeof names[0]);
    return names[type];
}

bool line_field_accepts(const struct line_field *field, const struct plan_node *node) {
    enum plan_type type = node->type;
    if (type == PLAN_UNION) {
        return true;
    }
    if (type == PLAN_NULL) {
        return field->optional;
    }
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_FOLDED:
    case FIELD_MONTH:
    case FIELD_CURRENCY:
        return type == PLAN_STRING || (type == PLAN_BYTES && node->logical == LOGICAL_NONE);
    case FIELD_REVISION:
    case FIELD_TIME: return type == PLAN_INT || type == PLAN_LONG;
    case FIELD_DAY: return type == PLAN_INT;
    case FIELD_STATUS: return type == PLAN_ENUM;
    case FIELD_MEASURE:
        return (type == PLAN_BYTES || type == PLAN_FIXED) && node->logical == LOGICAL_DECIMAL;
    }
    REQUIRE(false && "a field kind without a type");
}

static bool skip_value(struct cursor *from, const struct plan_node *node, int depth);

/* Blocks of items; a negative count is followed by the block's size in bytes. */
static bool skip_blocks(struct cursor *from, const struct plan_node *node, int depth) {
    for (;;) {
        int64_t count = cursor_zigzag(from);
        if (from->bad || count == 0) {
            return !from->bad;
        }
        if (count < 0) {
            int64_t size = cursor_zigzag(from);
            from->bad = from->bad || size < 0;
            (void)cursor_take(from, from->bad ? 0 : (size_t)size);
            continue;
        }
        for (int64_t i = 0; i < count && !from->bad; i++) {
            const uint8_t *before = from->data;
            if (node->type == PLAN_MAP) {
                int64_t size = cursor_zigzag(from);
                from->bad = from->bad || size < 0;
                (void)cursor_take(from, from->bad ? 0 : (size_t)size);
            }
            (void)skip_value(from, node->children[0], depth + 1);
            if (from->data == before) {
                break; /* items without bytes: nothing is left to skip however many they are */
            }
        }
    }
}

static bool skip_value(struct cursor *from, const struct plan_node *node, int depth) {
    if (depth > DEPTH_MAX) {
        from->bad = true;
        return false;
    }
    switch (node->type) {
    case PLAN_NULL: break;
    case PLAN_BOOLEAN: from->bad = cursor_byte(from) > 1 || from->bad; break;
    case PLAN_INT: {
        int64_t number = cursor_zigzag(from);
        from->bad = from->bad || number < INT32_MIN || number > INT32_MAX;
        break;
    }
    case PLAN_LONG: (void)cursor_zigzag(from); break;
    case PLAN_FLOAT: (void)cursor_take(from, 4); break;
    case PLAN_DOUBLE: (void)cursor_take(from, 8); break;
    case PLAN_FIXED: (void)cursor_take(from, node->size); break;
    case PLAN_BYTES:
    case PLAN_STRING: {
        int64_t size = cursor_zigzag(from);
        from->bad = from->bad || size < 0;
        (void)cursor_take(from, from->bad ? 0 : (size_t)size);
        break;
    }
    case PLAN_ENUM: {
        int64_t symbol = cursor_zigzag(from);
        from->bad = from->bad || symbol < 0 || (size_t)symbol >= node->count;
        break;
    }
    case PLAN_ARRAY:
    case PLAN_MAP: (void)skip_blocks(from, node, depth); break;
    case PLAN_UNION: {
        int64_t branch = cursor_zigzag(from);
        from->bad = from->bad || branch < 0 || (size_t)branch >= node->count;
        if (!from->bad) {
            (void)skip_value(from, node->children[branch], depth + 1);
        }
        break;
    }
    case PLAN_RECORD:
        for (size_t i = 0; i < node->count && !from->bad; i++) {
            (void)skip_value(from, node->children[i], depth + 1);
        }
        break;
    }
    return !from->bad;
}

bool plan_skip(struct cursor *from, const struct plan_node *node) {
    return skip_value(from, node, 0);
}

/* Reads a value of a simple type, through unions; skips one of a complex type. */
static bool read_scalar(struct cursor *from, const struct plan_node *node, struct scalar *ret) {
    for (int depth = 0; node->type == PLAN_UNION; depth++) {
        int64_t branch = cursor_zigzag(from);
        if (from->bad || branch < 0 || (size_t)branch >= node->count || depth > DEPTH_MAX) {
            from->bad = true;
            return false;
        }
        node = node->children[branch];
    }
    struct scalar scalar = {.node = node};
    switch ((int)node->type) {
    case PLAN_INT:
    case PLAN_LONG:
    /* A symbol that the writer's schema does not have is told by the field, as a wrong value. */
    case PLAN_ENUM: scalar.number = cursor_zigzag(from); break;
    case PLAN_BYTES:
    case PLAN_STRING: {
        int64_t size = cursor_zigzag(from);
        from->bad = from->bad || size < 0;
        scalar.bytes = cursor_take(from, from->bad ? 0 : (size_t)size);
        break;
    }
    case PLAN_FIXED: scalar.bytes = cursor_take(from, node->size); break;
    default: (void)skip_value(from, node, 0); break;
    }
    if (node->type == PLAN_INT && (scalar.number < INT32_MIN || scalar.number > INT32_MAX)) {
        from->bad = true;
    }
    *ret = scalar;
    return !from->bad;
}

/* Reading what nearly every value is, without a cursor: that lives in memory, and every byte would
 * wait for the one before it to be stored. All return what is behind the value, or NULL: it is
 * something else, and the cursor has to look at it from its beginning. */

/* A size below 64 is one byte, twice the size. */
static inline const uint8_t *take_short(const uint8_t *at, const uint8_t *end,
                                        struct text *ret_bytes) {
    if (at == end || (*at & 0x81) != 0 || end - at <= *at / 2) {
        return NULL;
    }
    *ret_bytes = (struct text){(const char *)at + 1, *at / 2U};
    return at + 1 + ret_bytes->size;
}

static inline const uint8_t *take_number(const uint8_t *at, const uint8_t *end,
                                         int64_t *ret_number) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 56 && at != end; shift += 7) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_number = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return at;
        }
    }
    return NULL;
}

static inline const uint8_t *take_plain(const uint8_t *at, const uint8_t *end,
                                        const struct plan_field *field, struct scalar *ret) {
    const struct plan_node *node = field->plain;
    ret->node = node;
    switch ((int)node->type) {
    case PLAN_BYTES:
    case PLAN_STRING: return take_short(at, end, &ret->bytes);
    case PLAN_LONG:
    case PLAN_ENUM: return take_number(at, end, &ret->number);
    case PLAN_INT: {
        const uint8_t *behind = take_number(at, end, &ret->number);
        return behind != NULL && ret->number >= INT32_MIN && ret->number <= INT32_MAX ? behind
                                                                                      : NULL;
    }
    default: return NULL;
    }
}

static bool set_measure(const struct line_field *field, const struct scalar *scalar,
                        struct measure *ret_measure, struct reject *reject) {
    if (scalar->bytes.size == 0) {
        return reject_set(reject, REJECT_FIELD_INVALID, "%s: a decimal without bytes", field->name);
    }
    if (!decimal_from_bytes_rescaled((const uint8_t *)scalar->bytes.data, scalar->bytes.size,
                                     scalar->node->scale, MEASURE_SCALE, &ret_measure->units)) {
        return reject_set(reject, REJECT_AMOUNT_OVERFLOW, "%s: does not fit decimal(%d,%d)",
                          field->name, DECIMAL_PRECISION, MEASURE_SCALE);
    }
    return true;
}

static bool set_status(const struct scalar *scalar, bool *ret_is_void, struct reject *reject) {
    const struct plan_node *node = scalar->node;
    if (scalar->number < 0 || (size_t)scalar->number >= node->count) {
        return reject_set(reject, REJECT_FIELD_INVALID,
                          "status: %lld is no symbol of the writer's schema",
                          (long long)scalar->number);
    }
    struct text symbol = node->symbols[scalar->number];
    *ret_is_void = text_equal(symbol, TEXT("VOID"));
    return *ret_is_void || text_equal(symbol, TEXT("ACTIVE")) ||
           reject_set(reject, REJECT_FIELD_INVALID, "status: \"%.*s\" is not ACTIVE or VOID",
                      CUT(symbol));
}

static bool set_day(const struct line_field *field, const struct scalar *scalar, int32_t *ret_day,
                    struct reject *reject) {
    if (scalar->number < DAY_OF_YEAR_0 || scalar->number >= DAY_OF_YEAR_10000) {
        return reject_set(reject, REJECT_FIELD_INVALID, "%s: day %lld is outside years 0 to 9999",
                          field->name, (long long)scalar->number);
    }
    *ret_day = (int32_t)scalar->number;
    return true;
}

static bool set_time(const struct scalar *scalar, int64_t *ret_ms, struct reject *reject) {
    int64_t ms = scalar->number;
    if (scalar->node->logical == LOGICAL_TIMESTAMP_MICROS) {
        ms = ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
    }
    if (ms < DAY_OF_YEAR_0 * DAY_MS || ms >= DAY_OF_YEAR_10000 * DAY_MS) {
        return reject_set(reject, REJECT_FIELD_INVALID,
                          "event_time: %lld is outside years 0 to 9999", (long long)scalar->number);
    }
    *ret_ms = ms;
    return true;
}

static inline void set_text(const struct line_field *field, struct text bytes, struct arena *arena,
                            struct billing_line *line) {
    bool is_as_it_came = field->kind == FIELD_TEXT || text_is_folded(bytes);
    *(struct text *)((char *)line + field->offset) =
        is_as_it_came ? bytes : arena_fold(arena, bytes);
}

/* Puts a value that the field accepts into its place. */
static bool set_field(const struct line_field *field, const struct scalar *scalar,
                      struct arena *arena, struct billing_line *line, struct reject *reject) {
    char *place = (char *)line + field->offset;
    struct text bytes = scalar->bytes;
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_FOLDED: set_text(field, bytes, arena, line); return true;
    case FIELD_REVISION: line->revision = scalar->number; return true;
    case FIELD_STATUS: return set_status(scalar, &line->is_void, reject);
    case FIELD_MONTH:
        return calendar_parse_month(bytes, (int32_t *)place) ||
               reject_set(reject, REJECT_FIELD_INVALID, "%s: \"%.*s\" is not a month YYYY-MM",
                          field->name, CUT(bytes));
    case FIELD_DAY: return set_day(field, scalar, (int32_t *)place, reject);
    case FIELD_CURRENCY:
        return currency_parse(bytes, &line->currency) ||
               reject_set(reject, REJECT_FIELD_INVALID,
                          "currency: \"%.*s\" is not three upper-case letters", CUT(bytes));
    case FIELD_MEASURE: return set_measure(field, scalar, (struct measure *)place, reject);
    case FIELD_TIME: return set_time(scalar, &line->event_time_ms, reject);
    }
    REQUIRE(false && "a field kind without a place");
}

static void set_has(const struct line_field *field, struct billing_line *line, bool has) {
    if (field->has_offset != 0) {
        *(bool *)((char *)line + field->has_offset) = has;
    }
}

/* Whatever the value is: through unions, and held against the field. */
static bool read_field(struct cursor *from, const struct plan_node *node,
                       const struct line_field *field, struct arena *arena,
                       struct billing_line *line, struct reject *reject) {
    struct scalar scalar;
    if (!read_scalar(from, node, &scalar)) {
        return false;
    }
    if (!line_field_accepts(field, scalar.node)) {
        return scalar.node->type == PLAN_NULL
                   ? reject_set(reject, REJECT_FIELD_INVALID, "%s: null, but required", field->name)
                   : reject_set(reject, REJECT_SCHEMA_INCOMPATIBLE,
                                "%s: the writer's %s cannot become this field", field->name,
                                plan_type_name(scalar.node->type));
    }
    bool is_null = scalar.node->type == PLAN_NULL;
    set_has(field, line, !is_null);
    return is_null || set_field(field, &scalar, arena, line, reject);
}

/* A null, or a plain value; NULL: neither, and nothing has been read. */
static inline const uint8_t *read_plain(const uint8_t *at, const uint8_t *end,
                                        const struct plan_field *plan, struct arena *arena,
                                        struct billing_line *line, struct reject *reject) {
    if (plan->plain == NULL || at == end) {
        return NULL;
    }
    if (plan->has_null) {
        if (*at == plan->null_branch) {
            return at + 1; /* as the line is at first */
        }
        if (*at != plan->plain_branch) {
            return NULL;
        }
        at++;
    }
    const struct line_field *field = &line_fields[plan->target];
    struct scalar scalar = {.node = NULL};
    if (field->kind == FIELD_TEXT || field->kind == FIELD_FOLDED) {
        const uint8_t *behind = take_short(at, end, &scalar.bytes);
        if (behind != NULL) {
            set_text(field, scalar.bytes, arena, line);
        }
        return behind;
    }
    const uint8_t *behind = take_plain(at, end, plan, &scalar);
    if (behind != NULL) {
        set_has(field, line, true);
        (void)set_field(field, &scalar, arena, line, reject);
    }
    return behind;
}

bool plan_read(const struct plan_node *record, struct text datum, struct arena *arena,
               struct billing_line *ret_line, struct reject *ret_reject) {
    REQUIRE(record->type == PLAN_RECORD && record->fields != NULL);
    const uint8_t *at = (const uint8_t *)datum.data;
    const uint8_t *end = at + datum.size;
    struct cursor from = cursor_of(datum.data, datum.size);
    *ret_line = (struct billing_line){.revision = 0};
    /* The first bad field is the reason, but only bytes that can be read to the end have fields. */
    ret_reject->code = REJECT_NONE;
    struct reject later;
    for (size_t i = 0; i < record->count && !from.bad; i++) {
        const struct plan_field *field = &record->fields[i];
        struct reject *reject = ret_reject->code == REJECT_NONE ? ret_reject : &later;
        const uint8_t *behind = read_plain(at, end, field, arena, ret_line, reject);
        if (behind == NULL) {
            from.data = at;
            if (field->target < 0) {
                (void)skip_value(&from, record->children[i], 0);
            } else {
                (void)read_field(&from, record->children[i], &line_fields[field->target], arena,
                                 ret_line, reject);
            }
            behind = from.data;
        }
        at = behind;
    }
    if (from.bad) {
        return reject_set(ret_reject, REJECT_AVRO_MALFORMED,
                          "byte %zu of %zu: cut off, or not a value of the writer's schema",
                          (size_t)(at - (const uint8_t *)datum.data), datum.size);
    }
    if (at != end) {
        return reject_set(ret_reject, REJECT_AVRO_MALFORMED, "%zu bytes behind the record's end",
                          (size_t)(end - at));
    }
    return ret_reject->code == REJECT_NONE;
}
