/* Objects out of a stream of JSON: bytes are cut into objects here, and each object is then parsed
 * (json_tree.h). So a page of any number of items takes the memory of one item. */
#include "accrued/json_tree.h"
#include "accrued/require.h"
#include "row.h"

#include <stdlib.h>

#define KEY_SIZE_MAX 16
#define PATH_SIZE_MAX 256

/* Where the objects are that count as rows. */
enum place {
    PLACE_TOP,    /* one after the other, as in JSON lines */
    PLACE_ARRAY,  /* in an array, at the top or in a page */
    PLACE_BEHIND, /* in the rest of a page, behind its array */
};

struct json_rows {
    struct header header;
    row_function on_row;
    void *context;
    struct arena arena;   /* of the row at hand */
    struct buffer object; /* bytes of the object at hand */
    struct text *cells;
    size_t cell_capacity;
    size_t hint; /* where the next member was in the last row */
    enum place place;
    size_t depth;       /* open brackets */
    size_t array_depth; /* with PLACE_ARRAY: brackets open outside of the row */
    bool is_capturing;
    bool is_in_string;
    bool is_escaped;
    bool is_junk;  /* bytes that begin no object, up to the line's end */
    bool is_lines; /* an object has ended on the line it began: then all do */
    bool is_stopped;
    char key[KEY_SIZE_MAX]; /* the last string of depth 1 */
    size_t key_size;
    bool is_value_next; /* a colon stood behind it */
    size_t line;
    size_t begin_line;
    size_t item_count;
};

struct json_rows *json_rows_new(row_function on_row, void *context) {
    struct json_rows *rows = calloc(1, sizeof *rows);
    REQUIRE(rows != NULL);
    rows->on_row = on_row;
    rows->context = context;
    rows->line = 1;
    header_init(&rows->header);
    arena_init(&rows->arena);
    buffer_init(&rows->object);
    return rows;
}

void json_rows_free(struct json_rows *rows) {
    if (rows == NULL) {
        return;
    }
    header_release(&rows->header);
    arena_release(&rows->arena);
    buffer_release(&rows->object);
    free(rows->cells);
    free(rows);
}

static void hand_over(struct json_rows *rows, const char *wrong) {
    struct row row = {&rows->header,
                      rows->cells,
                      wrong == NULL ? rows->header.count : 0,
                      rows->place == PLACE_TOP ? rows->begin_line : rows->item_count,
                      buffer_text(&rows->object),
                      wrong};
    if (!rows->on_row(rows->context, &row)) {
        rows->is_stopped = true;
    }
    buffer_clear(&rows->object);
}

static void set_cell(struct json_rows *rows, size_t index, struct text value) {
    if (index >= rows->cell_capacity) {
        size_t capacity = rows->cell_capacity == 0 ? 64 : rows->cell_capacity * 2;
        rows->cells = realloc(rows->cells, capacity * sizeof *rows->cells);
        REQUIRE(rows->cells != NULL && index < capacity);
        for (size_t i = rows->cell_capacity; i < capacity; i++) {
            rows->cells[i] = text_null();
        }
        rows->cell_capacity = capacity;
    }
    rows->cells[index] = value;
}

static struct text cell_text(struct json_rows *rows, const struct json *value) {
    switch (value->type) {
    case JSON_NULL: return text_null();
    case JSON_TRUE: return TEXT("true");
    case JSON_FALSE: return TEXT("false");
    case JSON_NUMBER:
    case JSON_STRING: return value->text;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    struct buffer text;
    buffer_init(&text);
    json_append(&text, value);
    struct text copy = arena_copy(&rows->arena, buffer_text(&text));
    buffer_release(&text);
    return copy;
}

/* `prefix` names the object around, or is null. */
static bool take_members(struct json_rows *rows, const struct json *object, struct text prefix) {
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        char path[PATH_SIZE_MAX];
        struct text name = member->name;
        size_t index = 0;
        if (member->type == JSON_OBJECT && text_is_null(prefix)) {
            if (!take_members(rows, member, member->name)) {
                return false;
            }
            continue;
        }
        if (!text_is_null(prefix) && prefix.size + 1 + name.size <= sizeof path) {
            memcpy(path, prefix.data, prefix.size);
            path[prefix.size] = '.';
            memcpy(path + prefix.size + 1, name.data, name.size);
            name = (struct text){path, prefix.size + 1 + name.size};
        }
        if (!header_find_exact(&rows->header, name, rows->hint, &index) &&
            !header_add(&rows->header, name, &index)) {
            return false;
        }
        rows->hint = index + 1;
        set_cell(rows, index, cell_text(rows, member));
    }
    return true;
}

static void parse_object(struct json_rows *rows) {
    struct fault fault;
    const struct json *object = json_parse(&rows->arena, buffer_text(&rows->object), &fault);
    rows->hint = 0;
    for (size_t i = 0; i < rows->cell_capacity; i++) {
        rows->cells[i] = text_null();
    }
    if (object == NULL) {
        hand_over(rows, fault.text);
    } else if (!take_members(rows, object, text_null())) {
        hand_over(rows, "more different members than any known format has");
    } else {
        hand_over(rows, NULL);
    }
    arena_clear(&rows->arena);
}

/* The object at hand can be none: tell, and go on behind it. */
static void break_off(struct json_rows *rows, const char *wrong) {
    hand_over(rows, wrong);
    rows->depth = 0;
    rows->is_capturing = false;
    rows->is_in_string = false;
    rows->is_escaped = false;
    rows->is_junk = false;
}

static void on_newline(struct json_rows *rows) {
    if (rows->is_junk) {
        break_off(rows, "not a JSON object");
    } else if (rows->place == PLACE_TOP && rows->is_capturing &&
               (rows->is_in_string || rows->is_lines)) {
        break_off(rows, "not a whole JSON object");
    }
    rows->line++;
}

static void open_bracket(struct json_rows *rows, char c) {
    bool is_page_key =
        rows->is_value_next && ((rows->key_size == 5 && memcmp(rows->key, "items", 5) == 0) ||
                                (rows->key_size == 5 && memcmp(rows->key, "value", 5) == 0));
    if (c == '[' && rows->depth == 0) {
        rows->place = PLACE_ARRAY;
        rows->array_depth = 1;
    } else if (c == '[' && rows->depth == 1 && rows->place == PLACE_TOP && is_page_key) {
        rows->place = PLACE_ARRAY;
        rows->array_depth = 2;
        rows->item_count--; /* the page was none */
        rows->is_capturing = false;
        buffer_clear(&rows->object);
    } else if (c == '{' && !rows->is_capturing && rows->place != PLACE_BEHIND) {
        rows->is_capturing = true;
        rows->begin_line = rows->line;
        rows->item_count++;
    }
    rows->depth++;
    rows->is_value_next = false;
}

/* After the bracket itself has been captured. */
static void close_bracket(struct json_rows *rows) {
    size_t outside = rows->place == PLACE_ARRAY ? rows->array_depth : 0;
    rows->depth--;
    if (rows->is_capturing && rows->depth == outside) {
        rows->is_capturing = false;
        if (rows->place == PLACE_TOP && rows->begin_line == rows->line) {
            rows->is_lines = true;
        }
        parse_object(rows);
    } else if (rows->place == PLACE_ARRAY && rows->depth < rows->array_depth) {
        rows->place = rows->depth > 0 ? PLACE_BEHIND : PLACE_TOP;
    } else if (rows->place == PLACE_BEHIND && rows->depth == 0) {
        rows->place = PLACE_TOP;
    }
}

static void in_string(struct json_rows *rows, char c) {
    if (rows->is_escaped) {
        rows->is_escaped = false;
    } else if (c == '\\') {
        rows->is_escaped = true;
    } else if (c == '"') {
        rows->is_in_string = false;
    } else if (rows->depth == 1 && rows->key_size < KEY_SIZE_MAX) {
        rows->key[rows->key_size++] = c;
    }
}

/* A byte outside of strings that is no bracket. false: it can stand there in no JSON. */
static bool between(struct json_rows *rows, char c) {
    if (c == '"') {
        if (!rows->is_capturing && rows->place != PLACE_BEHIND) {
            return false;
        }
        rows->is_in_string = true;
        rows->is_value_next = false;
        rows->key_size = 0;
        return true;
    }
    if (c == ':') {
        rows->is_value_next = true;
    } else if (c != ' ' && c != '\t' && c != '\r') {
        rows->is_value_next = false;
    }
    return rows->is_capturing || rows->place == PLACE_BEHIND || c == ' ' || c == '\t' ||
           c == '\r' || (c == ',' && rows->place == PLACE_ARRAY);
}

static bool take_byte(struct json_rows *rows, char c, struct fault *fault) {
    if (c == '\n') {
        on_newline(rows);
    }
    bool was_capturing = rows->is_capturing || rows->is_junk;
    if (was_capturing) {
        buffer_append_byte(&rows->object, (uint8_t)c);
    }
    if (c == '\n' || rows->is_junk) {
        return true;
    }
    if (rows->is_in_string) {
        in_string(rows, c);
    } else if (c == '{' || c == '[') {
        open_bracket(rows, c);
        if (rows->is_capturing && !was_capturing) {
            buffer_append_byte(&rows->object, (uint8_t)c);
        }
    } else if ((c == '}' || c == ']') && rows->depth > 0) {
        close_bracket(rows);
    } else if (!between(rows, c)) {
        if (rows->place != PLACE_TOP) {
            return fault_set(fault, "line %zu: a list of objects is expected here, not \"%c\"",
                             rows->line, c);
        }
        rows->is_junk = true;
        rows->begin_line = rows->line;
        buffer_append_byte(&rows->object, (uint8_t)c);
    }
    return true;
}

bool json_rows_feed(struct json_rows *rows, struct text bytes, struct fault *fault) {
    for (size_t i = 0; i < bytes.size && !rows->is_stopped; i++) {
        if (!take_byte(rows, bytes.data[i], fault)) {
            return false;
        }
        if (rows->object.size > ROW_SIZE_MAX) {
            return fault_set(fault, "line %zu: an object of more than %u bytes", rows->begin_line,
                             ROW_SIZE_MAX);
        }
    }
    return true;
}

bool json_rows_end(struct json_rows *rows, struct fault *fault) {
    if (!rows->is_stopped && (rows->is_junk || (rows->is_capturing && rows->is_lines))) {
        break_off(rows, "not a whole JSON object");
    }
    if (!rows->is_stopped && rows->depth > 0) {
        return fault_set(fault, "line %zu: the file ends in the middle of a JSON value",
                         rows->line);
    }
    return true;
}
