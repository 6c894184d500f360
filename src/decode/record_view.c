#include "accrued/record_view.h"

#include "accrued/calendar.h"
#include "accrued/json_tree.h"
#include "accrued/require.h"
#include "compile.h"

/* Of one field; a megabyte of tags tells nobody more. */
#define WORDS_SIZE_MAX 4096
#define DEPTH_MAX 64

const char *view_end_name(enum view_end end) {
    switch (end) {
    case VIEW_WHOLE: return "whole";
    case VIEW_NO_FRAME: return "no_frame";
    case VIEW_NO_SCHEMA: return "no_schema";
    case VIEW_BROKEN: return "broken";
    case VIEW_TRAILING: return "trailing";
    }
    REQUIRE(false && "an end without a name");
}

static void say_decimal(struct buffer *to, struct text bytes, unsigned scale) {
    int128 units = 0;
    char text[DECIMAL_TEXT_SIZE];
    if (scale <= 38 && decimal_from_bytes((const uint8_t *)bytes.data, bytes.size, &units)) {
        (void)decimal_format(units, scale, text);
        json_append_string(to, text_of(text));
    } else {
        buffer_append_format(to, "\"a decimal of %zu bytes, scale %u\"", bytes.size, scale);
    }
}

static void say_bytes(struct buffer *to, struct text bytes) {
    struct text cut =
        bytes.size > WORDS_SIZE_MAX ? (struct text){bytes.data, WORDS_SIZE_MAX} : bytes;
    json_append_string(to, cut);
    if (cut.size < bytes.size) {
        buffer_append_format(to, "… (%zu bytes)", bytes.size);
    }
}

/* Days and times in the words of a calendar, where the field is one of ours. */
static void say_number(struct buffer *to, int64_t number, const struct line_field *field) {
    int64_t first = calendar_first_day(0);
    int64_t end = calendar_first_day(12 * 10000);
    if (field != NULL && field->kind == FIELD_DAY && number >= first && number < end) {
        char day[CALENDAR_DAY_SIZE];
        calendar_format_day((int32_t)number, day);
        json_append_string(to, text_of(day));
    } else if (field != NULL && field->kind == FIELD_TIME && number >= first * 86400000 &&
               number < end * 86400000) {
        char time[CALENDAR_TIME_SIZE];
        calendar_format_time(number, time);
        json_append_string(to, text_of(time));
    } else {
        buffer_append_format(to, "%lld", (long long)number);
    }
}

static void say(struct buffer *to, struct cursor *from, const struct plan_node *node,
                const struct line_field *field, int depth);

static void say_items(struct buffer *to, struct cursor *from, const struct plan_node *node,
                      int depth) {
    bool is_map = node->type == PLAN_MAP;
    const char *comma = "";
    buffer_append_byte(to, is_map ? '{' : '[');
    for (;;) {
        int64_t count = cursor_zigzag(from);
        if (count < 0) {
            (void)cursor_zigzag(from); /* the block's size */
            count = count == INT64_MIN ? INT64_MAX : -count;
        }
        if (from->bad || count == 0 || to->size > WORDS_SIZE_MAX) {
            break;
        }
        for (int64_t i = 0; i < count && !from->bad && to->size <= WORDS_SIZE_MAX; i++) {
            buffer_append_string(to, comma);
            comma = ", ";
            if (is_map) {
                int64_t size = cursor_zigzag(from);
                struct text key = cursor_take(from, size < 0 ? SIZE_MAX : (size_t)size);
                say_bytes(to, text_is_null(key) ? TEXT("") : key);
                buffer_append_string(to, ": ");
            }
            say(to, from, node->children[0], NULL, depth + 1);
        }
    }
    buffer_append_byte(to, is_map ? '}' : ']');
}

/* In words what plan_skip has stepped over; stops early where there are too many. */
static void say(struct buffer *to, struct cursor *from, const struct plan_node *node,
                const struct line_field *field, int depth) {
    if (depth > DEPTH_MAX || to->size > WORDS_SIZE_MAX || from->bad) {
        buffer_append_string(to, "…");
        return;
    }
    switch (node->type) {
    case PLAN_NULL: buffer_append_string(to, "null"); break;
    case PLAN_BOOLEAN: buffer_append_string(to, cursor_byte(from) != 0 ? "true" : "false"); break;
    case PLAN_INT:
    case PLAN_LONG: {
        int64_t number = cursor_zigzag(from);
        bool is_micros = node->logical == LOGICAL_TIMESTAMP_MICROS;
        say_number(to, is_micros ? number / 1000 : number, field);
        break;
    }
    case PLAN_FLOAT:
    case PLAN_DOUBLE: {
        struct text bytes = cursor_take(from, node->type == PLAN_FLOAT ? 4 : 8);
        buffer_append_format(to, "\"%s", plan_type_name(node->type));
        for (size_t i = 0; i < bytes.size; i++) {
            buffer_append_format(to, " %02x", (unsigned)(uint8_t)bytes.data[i]);
        }
        buffer_append_byte(to, '"');
        break;
    }
    case PLAN_BYTES:
    case PLAN_STRING:
    case PLAN_FIXED: {
        int64_t size = node->type == PLAN_FIXED ? (int64_t)node->size : cursor_zigzag(from);
        struct text bytes = cursor_take(from, (size_t)size);
        if (node->logical == LOGICAL_DECIMAL) {
            say_decimal(to, bytes, node->scale);
        } else {
            say_bytes(to, text_is_null(bytes) ? TEXT("") : bytes);
        }
        break;
    }
    case PLAN_ENUM: {
        int64_t symbol = cursor_zigzag(from);
        if (symbol >= 0 && (size_t)symbol < node->count) {
            json_append_string(to, node->symbols[symbol]);
        } else {
            buffer_append_format(to, "\"symbol %lld of %zu\"", (long long)symbol, node->count);
        }
        break;
    }
    case PLAN_ARRAY:
    case PLAN_MAP: say_items(to, from, node, depth); break;
    case PLAN_UNION: {
        int64_t branch = cursor_zigzag(from);
        if (branch >= 0 && (size_t)branch < node->count) {
            say(to, from, node->children[branch], field, depth + 1);
        }
        break;
    }
    case PLAN_RECORD:
        buffer_append_byte(to, '{');
        for (size_t i = 0; i < node->count; i++) {
            buffer_append_string(to, i == 0 ? "" : ", ");
            json_append_string(to, node->names[i]);
            buffer_append_string(to, ": ");
            say(to, from, node->children[i], NULL, depth + 1);
        }
        buffer_append_byte(to, '}');
        break;
    }
}

/* The branch that was written. NULL: there is no such branch. */
static const struct plan_node *resolve(struct cursor *from, const struct plan_node *node) {
    for (int depth = 0; node->type == PLAN_UNION && depth <= DEPTH_MAX; depth++) {
        int64_t branch = cursor_zigzag(from);
        if (from->bad || branch < 0 || (size_t)branch >= node->count) {
            from->bad = true;
            return NULL;
        }
        node = node->children[branch];
    }
    return node;
}

/* Steps over a field, as strict as the decoder is with it: a symbol that the schema does not have
 * is no broken record there, where the field is one of ours. */
static void pass(struct cursor *from, const struct plan_node *node, bool is_ours) {
    if (is_ours && node->type == PLAN_ENUM) {
        (void)cursor_zigzag(from);
    } else if (is_ours && node->type == PLAN_INT) {
        int64_t number = cursor_zigzag(from);
        from->bad = from->bad || number < INT32_MIN || number > INT32_MAX;
    } else {
        (void)plan_skip(from, node);
    }
}

static struct text string_of(struct cursor from, const struct plan_node *node) {
    if (node->type != PLAN_STRING && node->type != PLAN_BYTES) {
        return text_null();
    }
    return cursor_take(&from, (size_t)cursor_zigzag(&from));
}

struct viewing {
    const char *start;
    struct cursor from;
    struct buffer words;
    view_visit visit;
    void *context;
};

static size_t place(const struct viewing *viewing) {
    return (size_t)((const char *)viewing->from.data - viewing->start);
}

static void view_one(struct viewing *viewing, struct text name, const struct plan_node *node) {
    int target = line_field_find(name);
    struct view_field field = {.name = name, .begin = place(viewing)};
    const struct plan_node *branch = target >= 0 ? resolve(&viewing->from, node) : node;
    struct cursor value = viewing->from;
    if (branch != NULL) {
        pass(&viewing->from, branch, target >= 0);
        field.type = plan_type_name(branch->type);
    } else {
        field.type = plan_type_name(PLAN_UNION);
    }
    buffer_clear(&viewing->words);
    if (!viewing->from.bad) {
        struct cursor again = value;
        say(&viewing->words, &again, branch, target < 0 ? NULL : &line_fields[target], 0);
        field.words = buffer_text(&viewing->words);
        field.string = string_of(value, branch);
    }
    field.end = place(viewing);
    viewing->visit(viewing->context, &field);
}

struct view record_view(struct schema_set *set, struct text header, struct text value,
                        bool may_wait, view_visit visit, void *context) {
    struct view view = {.end = VIEW_NO_FRAME};
    struct text datum = value;
    struct reject reject;
    if (text_is_null(value) ||
        !(text_is_null(header) ? frame_parse(value, &view.schema, &datum, &reject)
                               : frame_parse_header(header, &view.schema, &reject))) {
        return view;
    }
    view.datum_begin = value.size - datum.size;
    view.at = view.datum_begin;
    view.end = VIEW_NO_SCHEMA;
    const struct plan_node *shape = schema_set_shape(set, view.schema, may_wait);
    if (shape == NULL) {
        return view;
    }
    struct viewing viewing = {.start = value.data,
                              .from = cursor_of(datum.data, datum.size),
                              .visit = visit,
                              .context = context};
    buffer_init(&viewing.words);
    for (size_t i = 0; i < shape->count && !viewing.from.bad; i++) {
        view_one(&viewing, shape->names[i], shape->children[i]);
    }
    view.at = place(&viewing);
    view.end = viewing.from.bad                 ? VIEW_BROKEN
               : cursor_left(&viewing.from) > 0 ? VIEW_TRAILING
                                                : VIEW_WHOLE;
    buffer_release(&viewing.words);
    return view;
}
