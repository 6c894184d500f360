#include "accrued/line_json.h"

#include "accrued/calendar.h"
#include "accrued/require.h"
#include "plan.h"

static bool wrong_type(const char *name, const struct json *value, const char *wanted,
                       struct reject *reject) {
    return reject_set(reject, REJECT_FIELD_INVALID, "%s: %s, expected %s", name,
                      json_type_name(value->type), wanted);
}

static bool set_status(const struct json *value, bool *ret_is_void, struct reject *reject) {
    if (value->type != JSON_STRING) {
        return wrong_type("status", value, "a string", reject);
    }
    *ret_is_void = text_equal(value->text, TEXT("VOID"));
    return *ret_is_void || text_equal(value->text, TEXT("ACTIVE")) ||
           reject_set(reject, REJECT_FIELD_INVALID, "status: \"%.*s\" is not ACTIVE or VOID",
                      CUT(value->text));
}

/* A JSON number without fraction and exponent; "-0" is 0. */
static bool set_revision(const struct json *value, int64_t *ret_revision, struct reject *reject) {
    if (value->type != JSON_NUMBER) {
        return wrong_type("revision", value, "a number", reject);
    }
    return text_to_int64(value->text, ret_revision) ||
           (text_equal(value->text, TEXT("-0")) && (*ret_revision = 0) == 0) ||
           reject_set(reject, REJECT_FIELD_INVALID,
                      "revision: %.*s is not a whole number from 0 to 2^63 - 1", CUT(value->text));
}

static bool set_measure(const char *name, const struct json *value, struct measure *ret_measure,
                        struct reject *reject) {
    if (value->type != JSON_STRING && value->type != JSON_NUMBER) {
        return wrong_type(name, value, "a decimal as string or number", reject);
    }
    switch (decimal_parse(value->text, MEASURE_SCALE, &ret_measure->units)) {
    case DECIMAL_OK: return true;
    case DECIMAL_OVERFLOW:
        return reject_set(reject, REJECT_AMOUNT_OVERFLOW,
                          "%s: %.*s has more than 18 digits before the point", name,
                          CUT(value->text));
    case DECIMAL_MALFORMED:
    case DECIMAL_INEXACT: break;
    }
    return reject_set(reject, REJECT_FIELD_INVALID, "%s: \"%.*s\" is not a decimal number", name,
                      CUT(value->text));
}

/* All kinds whose JSON type is a string. */
static bool set_string(const struct line_field *field, struct text text, struct arena *arena,
                       struct billing_line *line, struct reject *reject) {
    char *place = (char *)line + field->offset;
    const char *wanted = NULL;
    switch (field->kind) {
    case FIELD_TEXT: *(struct text *)place = text; return true;
    case FIELD_FOLDED: *(struct text *)place = arena_fold(arena, text); return true;
    case FIELD_MONTH:
        wanted = calendar_parse_month(text, (int32_t *)place) ? NULL : "a month YYYY-MM";
        break;
    case FIELD_DAY:
        wanted = calendar_parse_day(text, (int32_t *)place) ? NULL : "a date YYYY-MM-DD";
        break;
    case FIELD_CURRENCY:
        wanted = currency_parse(text, &line->currency) ? NULL : "three upper-case letters";
        break;
    case FIELD_TIME:
        wanted = calendar_parse_time(text, (int64_t *)place) ? NULL : "an RFC 3339 time";
        break;
    case FIELD_REVISION:
    case FIELD_STATUS:
    case FIELD_MEASURE: REQUIRE(false && "a kind that is not a string");
    }
    return wanted == NULL || reject_set(reject, REJECT_FIELD_INVALID, "%s: \"%.*s\" is not %s",
                                        field->name, CUT(text), wanted);
}

static bool set_field(const struct line_field *field, const struct json *value, struct arena *arena,
                      struct billing_line *line, struct reject *reject) {
    switch (field->kind) {
    case FIELD_STATUS: return set_status(value, &line->is_void, reject);
    case FIELD_REVISION: return set_revision(value, &line->revision, reject);
    case FIELD_MEASURE:
        return set_measure(field->name, value, (struct measure *)((char *)line + field->offset),
                           reject);
    case FIELD_TEXT:
    case FIELD_FOLDED:
    case FIELD_MONTH:
    case FIELD_DAY:
    case FIELD_CURRENCY:
    case FIELD_TIME: break;
    }
    return value->type == JSON_STRING ? set_string(field, value->text, arena, line, reject)
                                      : wrong_type(field->name, value, "a string", reject);
}

bool line_from_json(const struct json *object, struct arena *arena, struct billing_line *ret_line,
                    struct reject *ret_reject) {
    REQUIRE(object->type == JSON_OBJECT);
    struct billing_line line = {.revision = 0};
    for (size_t i = 0; i < line_field_count; i++) {
        const struct line_field *field = &line_fields[i];
        const struct json *value = json_member(object, field->name);
        if (value == NULL || value->type == JSON_NULL) {
            if (!field->optional && !field->has_default) {
                return reject_set(ret_reject, REJECT_FIELD_INVALID, "%s: missing, but required",
                                  field->name);
            }
            continue;
        }
        if (!set_field(field, value, arena, &line, ret_reject)) {
            return false;
        }
        if (field->has_offset != 0) {
            *(bool *)((char *)&line + field->has_offset) = true;
        }
    }
    *ret_line = line;
    return line_check(ret_line, ret_reject);
}
