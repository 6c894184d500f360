/* accrued dlq show: one letter, as far as its bytes can be read, and where they end. */
#include "dlq.h"

#include "accrued/calendar.h"
#include "accrued/json_tree.h"
#include "accrued/record_view.h"
#include "accrued/require.h"
#include "command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define HEX_ROW 16
/* So many bytes before and behind the place that matters. */
#define HEX_AROUND 64
#define NAME_WIDTH 18

struct showing {
    const struct dlq *dlq;
    struct dlq_schemas schemas;
    struct buffer fields; /* the view's lines, or members of a JSON object */
    struct text suspect;  /* field that the reason names */
    size_t suspect_begin;
    size_t suspect_end;
    bool has_suspect;
    bool is_found;
    int64_t letter;         /* offset */
    int64_t replayed_at_ms; /* −1: it was not */
};

static void add_field(void *context, const struct view_field *field) {
    struct showing *showing = context;
    struct buffer *to = &showing->fields;
    bool is_suspect = text_equal(field->name, showing->suspect);
    if (is_suspect) {
        showing->has_suspect = true;
        showing->suspect_begin = field->begin;
        showing->suspect_end = field->end;
    }
    if (showing->dlq->is_json) {
        buffer_append_string(to, to->size == 0 ? "" : ", ");
        buffer_append_string(to, "{\"name\": ");
        json_append_string(to, field->name);
        buffer_append_format(to, ", \"type\": \"%s\", \"begin\": %zu, \"end\": %zu, \"words\": ",
                             field->type, field->begin, field->end);
        json_append_text(to, field->words);
        buffer_append_byte(to, '}');
        return;
    }
    buffer_append_format(to, "%c %6zu  %-*.*s  ",
                         text_is_null(field->words) || is_suspect ? '>' : ' ', field->begin,
                         NAME_WIDTH, TEXT_ARGS(field->name));
    buffer_append_text(to, text_is_null(field->words) ? TEXT("(cannot be read)") : field->words);
    buffer_append_byte(to, '\n');
}

/* "currency: \"usd\" is not …" → currency: reasons about a field begin with its name. */
static struct text field_of(const char *message) {
    size_t size = strcspn(message, ":");
    return message[size] == ':' ? (struct text){message, size} : text_null();
}

static void append_hex(struct buffer *to, struct text value, size_t begin, size_t end) {
    size_t first = begin > HEX_AROUND ? (begin - HEX_AROUND) / HEX_ROW * HEX_ROW : 0;
    size_t last = end + HEX_AROUND < value.size ? end + HEX_AROUND : value.size;
    for (size_t row = first; row < last; row += HEX_ROW) {
        bool is_it = begin < row + HEX_ROW && (end > row || (begin == end && begin >= row));
        buffer_append_format(to, "%c %06zx ", is_it ? '>' : ' ', row);
        for (size_t i = row; i < row + HEX_ROW; i++) {
            if (i < value.size) {
                buffer_append_format(to, " %02x", (unsigned)(uint8_t)value.data[i]);
            } else {
                buffer_append_string(to, "   ");
            }
        }
        buffer_append_string(to, "  ");
        for (size_t i = row; i < row + HEX_ROW && i < value.size; i++) {
            bool is_plain = (uint8_t)value.data[i] < 0x80 && isprint((uint8_t)value.data[i]) != 0;
            buffer_append_byte(to, is_plain ? (uint8_t)value.data[i] : '.');
        }
        buffer_append_byte(to, '\n');
    }
}

static void add_header(void *context, const char *name, struct text value) {
    struct buffer *to = context;
    buffer_append_string(to, "    ");
    json_append_string(to, text_of(name));
    buffer_append_string(to, ": ");
    json_append_text(to, value);
    buffer_append_byte(to, '\n');
}

static void add_header_json(void *context, const char *name, struct text value) {
    struct buffer *to = context;
    buffer_append_string(to, to->size == 0 ? "[" : ", [");
    json_append_string(to, text_of(name));
    buffer_append_string(to, ", ");
    json_append_text(to, value);
    buffer_append_byte(to, ']');
}

/* What reading it today gives: the reason then may be gone. */
struct today {
    struct reject reject;
    struct view view;
    bool decodes;
};

static struct today look_again(struct showing *showing, const struct topic_record *record) {
    struct text header = topic_record_header(record, SCHEMA_HEADER);
    struct text value = record->value;
    struct today today = {.reject = {REJECT_NONE, ""}};
    struct arena arena;
    struct billing_line line;
    arena_init(&arena);
    if (text_is_null(value)) {
        (void)reject_set(&today.reject, REJECT_FIELD_INVALID,
                         "value: null, expected a billing line");
    } else {
        today.decodes = record_decode_patiently(showing->schemas.set, header, value, &arena, &line,
                                                &today.reject);
    }
    arena_release(&arena);
    showing->suspect = today.decodes ? text_null() : field_of(today.reject.message);
    today.view = record_view(showing->schemas.set, header, value, true, add_field, showing);
    return today;
}

/* The place that matters. false: there is none, the bytes are good or there are none. */
static bool place_of(const struct showing *showing, const struct today *today, size_t *ret_begin,
                     size_t *ret_end) {
    switch (today->view.end) {
    case VIEW_NO_FRAME:
    case VIEW_NO_SCHEMA: *ret_begin = 0; break;
    case VIEW_BROKEN:
    case VIEW_TRAILING: *ret_begin = today->view.at; break;
    case VIEW_WHOLE:
        *ret_begin = showing->suspect_begin;
        *ret_end = showing->suspect_end;
        return showing->has_suspect;
    }
    *ret_end = *ret_begin;
    return true;
}

static void append_place(struct buffer *to, const struct today *today, struct text value,
                         bool has_place, size_t begin) {
    if (text_is_null(value)) {
        buffer_append_string(to, "  the value is null\n");
    } else if (today->decodes) {
        buffer_append_format(to, "  today   its %zu bytes can be read as a billing line\n",
                             value.size);
    } else {
        buffer_append_format(to, "  today   %s: %s\n", reject_code_name(today->reject.code),
                             today->reject.message);
    }
    if (has_place && !text_is_null(value)) {
        buffer_append_format(to, "  failed  at byte %zu of %zu", begin, value.size);
        if (today->view.datum_begin > 0) {
            buffer_append_format(to, " (the datum begins at %zu)", today->view.datum_begin);
        }
        buffer_append_byte(to, '\n');
    }
}

static void append_schema(struct buffer *to, const struct view *view) {
    char guid[GUID_TEXT_SIZE];
    buffer_append_string(to, "  schema  ");
    if (view->end == VIEW_NO_FRAME) {
        buffer_append_string(to, "none is named");
    } else {
        switch (view->schema.framing) {
        case FRAMING_CONFLUENT: buffer_append_format(to, "id %u", view->schema.id); break;
        case FRAMING_SINGLE_OBJECT:
            buffer_append_format(to, "fingerprint %016llx",
                                 (unsigned long long)view->schema.fingerprint);
            break;
        case FRAMING_GUID:
            schema_guid_format(view->schema.guid, guid);
            buffer_append_format(to, "GUID %s", guid);
            break;
        }
    }
    buffer_append_string(to, view->end == VIEW_NO_SCHEMA ? ", which is not known\n" : "\n");
}

static void show_words(struct showing *showing, const struct topic_record *record,
                       const struct today *today) {
    struct buffer out;
    char time[CALENDAR_TIME_SIZE];
    size_t begin = 0;
    size_t end = 0;
    bool has_place = place_of(showing, today, &begin, &end);
    buffer_init(&out);
    calendar_format_time(record->timestamp_ms < 0 ? 0 : record->timestamp_ms, time);
    buffer_append_format(&out, "letter %d/%lld of %s\n", record->partition,
                         (long long)record->offset, time);
    struct text code = topic_record_header(record, "accrued.error.code");
    struct text message = topic_record_header(record, "accrued.error.message");
    buffer_append_format(&out, "  reason  %.*s: %.*s\n", TEXT_ARGS(code), TEXT_ARGS(message));
    if (showing->replayed_at_ms >= 0) {
        calendar_format_time(showing->replayed_at_ms, time);
        buffer_append_format(&out, "  sent again at %s\n", time);
    }
    append_place(&out, today, record->value, has_place, begin);
    append_schema(&out, &today->view);
    buffer_append_string(&out, "  key     ");
    json_append_text(&out, record->key);
    buffer_append_string(&out, "\n  headers\n");
    topic_record_headers(record, add_header, &out);
    if (showing->fields.size > 0) {
        buffer_append_format(&out, "\n    byte  field\n");
        buffer_append(&out, showing->fields.data, showing->fields.size);
    }
    if (!text_is_null(record->value)) {
        buffer_append_byte(&out, '\n');
        append_hex(&out, record->value, begin, end);
    }
    (void)fwrite(out.data, 1, out.size, stdout);
    buffer_release(&out);
}

static void append_member(struct buffer *to, const char *name, struct text value) {
    buffer_append_format(to, ", \"%s\": ", name);
    json_append_text(to, value);
}

static void show_json(struct showing *showing, const struct topic_record *record,
                      const struct today *today) {
    struct buffer out;
    struct buffer part;
    size_t begin = 0;
    size_t end = 0;
    buffer_init(&out);
    buffer_init(&part);
    buffer_append_format(&out,
                         "{\"letter\": \"%d/%lld\", \"partition\": %d, \"offset\": %lld, "
                         "\"timestamp\": %lld",
                         record->partition, (long long)record->offset, record->partition,
                         (long long)record->offset, (long long)record->timestamp_ms);
    append_member(&out, "code", topic_record_header(record, "accrued.error.code"));
    append_member(&out, "message", topic_record_header(record, "accrued.error.message"));
    append_member(&out, "code_today",
                  today->decodes ? text_null() : text_of(reject_code_name(today->reject.code)));
    append_member(&out, "message_today",
                  today->decodes ? text_null() : text_of(today->reject.message));
    bool has_place = place_of(showing, today, &begin, &end) && !text_is_null(record->value);
    if (has_place) {
        buffer_append_format(&out, ", \"failed_at\": %zu", begin);
    } else {
        buffer_append_string(&out, ", \"failed_at\": null");
    }
    buffer_append_format(&out, ", \"bytes\": %zu, \"ended\": \"%s\"", record->value.size,
                         view_end_name(today->view.end));
    char time[CALENDAR_TIME_SIZE];
    if (showing->replayed_at_ms >= 0) {
        calendar_format_time(showing->replayed_at_ms, time);
    }
    append_member(&out, "replayed_at", showing->replayed_at_ms >= 0 ? text_of(time) : text_null());
    append_member(&out, "key", record->key);
    topic_record_headers(record, add_header_json, &part);
    buffer_append_format(&out, ", \"headers\": [%.*s], \"fields\": [", (int)part.size,
                         part.size > 0 ? (const char *)part.data : "");
    buffer_append(&out, showing->fields.data, showing->fields.size);
    buffer_append_string(&out, "]}\n");
    (void)fwrite(out.data, 1, out.size, stdout);
    buffer_release(&part);
    buffer_release(&out);
}

static bool show(void *context, const struct topic_record *record, struct fault *fault) {
    struct showing *showing = context;
    int64_t replayed = 0;
    if (letter_is_mark(record, &replayed)) {
        return fault_set(fault, "%d/%lld is no letter: it marks that %d/%lld was replayed",
                         record->partition, (long long)record->offset, record->partition,
                         (long long)replayed);
    }
    showing->is_found = true;
    struct today today = look_again(showing, record);
    if (showing->dlq->is_json) {
        show_json(showing, record, &today);
    } else {
        show_words(showing, record, &today);
    }
    return true;
}

/* The mark of the letter's replay stands behind it in its partition; the last one counts. */
static bool find_mark(void *context, const struct topic_record *record, struct fault *fault) {
    struct showing *showing = context;
    int64_t replayed = 0;
    (void)fault;
    if (letter_is_mark(record, &replayed) && replayed == showing->letter) {
        showing->replayed_at_ms = record->timestamp_ms;
    }
    return true;
}

int dlq_show(const struct dlq *dlq) {
    struct letter_position wanted = {dlq->filter.partition, dlq->filter.offset};
    if (dlq->filter.position_count == 1) {
        wanted = dlq->filter.positions[0];
    }
    if (wanted.partition < 0 || wanted.offset < 0 || dlq->filter.position_count > 1) {
        return command_usage(dlq->command, "show needs one letter: PARTITION/OFFSET");
    }
    struct showing showing = {.dlq = dlq, .letter = wanted.offset, .replayed_at_ms = -1};
    struct fault fault;
    buffer_init(&showing.fields);
    const char *topic = dlq->config->topics.billing_lines_dlq;
    bool is_good =
        dlq_schemas_open(dlq->config, &showing.schemas, &fault) &&
        topic_read_range(dlq->config, topic,
                         (struct topic_range){wanted.partition, wanted.offset + 1, INT64_MAX},
                         find_mark, &showing, &fault) &&
        topic_read_range(dlq->config, topic,
                         (struct topic_range){wanted.partition, wanted.offset, wanted.offset + 1},
                         show, &showing, &fault) &&
        (showing.is_found || fault_set(&fault, "%s has no letter %d/%lld", topic, wanted.partition,
                                       (long long)wanted.offset));
    dlq_schemas_close(&showing.schemas);
    buffer_release(&showing.fields);
    return is_good ? COMMAND_OK : command_failed(dlq->command, &fault);
}
