#include "rate_input.h"

#include "accrued/line_json.h"
#include "accrued/reference_json.h"
#include "accrued/require.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_SIZE_MAX (16U << 20)

void rate_input_init(struct rate_input *input) {
    *input = (struct rate_input){.engine_count = 0};
    arena_init(&input->arena);
}

void rate_input_release(struct rate_input *input) {
    arena_release(&input->arena);
}

static bool take_reference(struct rate_input *input, enum reference_kind kind,
                           const struct json *value, struct reject *ret_reject) {
    const char *id_name = reference_kind_id_name(kind);
    const struct json *id = json_member(value, id_name);
    if (id == NULL || id->type != JSON_STRING || id->text.size == 0) {
        return reject_set(ret_reject, REJECT_FIELD_INVALID, "%s: missing, empty or not a string",
                          id_name);
    }
    struct text wanted =
        kind == REFERENCE_CUSTOMER ? arena_fold(&input->arena, id->text) : id->text;
    size_t size = 0;
    for (size_t i = 0; i < input->engine_count; i++) {
        reference_table_put(&input->engines[i]->references,
                            reference_from_tree(kind, wanted, value, &size));
    }
    return true;
}

static bool optional_text(const struct json *object, const char *name, struct text *ret_text,
                          struct reject *ret_reject) {
    const struct json *member = json_member(object, name);
    if (member == NULL || member->type == JSON_NULL) {
        *ret_text = text_null();
        return true;
    }
    if (member->type != JSON_STRING) {
        return reject_set(ret_reject, REJECT_FIELD_INVALID, "%s: %s, expected a string", name,
                          json_type_name(member->type));
    }
    *ret_text = member->text;
    return true;
}

static bool optional_day(const struct json *object, const char *name, int32_t absent,
                         int32_t *ret_day, struct reject *ret_reject) {
    struct text text;
    if (!optional_text(object, name, &text, ret_reject)) {
        return false;
    }
    if (text_is_null(text)) {
        *ret_day = absent;
        return true;
    }
    return calendar_parse_day(text, ret_day) ||
           reject_set(ret_reject, REJECT_FIELD_INVALID, "%s: \"%.*s\" is not a date YYYY-MM-DD",
                      name, TEXT_ARGS(text));
}

static bool take_rerate(struct rate_input *input, const struct json *value,
                        struct reject *ret_reject) {
    struct rerate_request request = {.scope = RERATE_ALL};
    struct text scope;
    if (!optional_text(value, "scope", &scope, ret_reject) ||
        !optional_text(value, "id", &request.id, ret_reject) ||
        !optional_text(value, "request_id", &request.request_id, ret_reject) ||
        !optional_day(value, "from", DAY_MIN, &request.charge_start.from, ret_reject) ||
        !optional_day(value, "to", DAY_MAX, &request.charge_start.to, ret_reject)) {
        return false;
    }
    if (!rerate_scope_parse(scope, &request.scope)) {
        return reject_set(ret_reject, REJECT_FIELD_INVALID,
                          "scope: \"%.*s\" is not one of customer, partner, program, all",
                          TEXT_ARGS(scope));
    }
    if (request.scope != RERATE_ALL && request.id.size == 0) {
        return reject_set(ret_reject, REJECT_FIELD_INVALID, "id: required with scope %.*s",
                          TEXT_ARGS(scope));
    }
    if (request.scope == RERATE_CUSTOMER) {
        request.id = arena_fold(&input->arena, request.id);
    }
    for (size_t i = 0; i < input->engine_count; i++) {
        (void)offline_rerate(input->engines[i], &request);
    }
    return true;
}

static bool take_line(struct rate_input *input, const struct json *value, struct text raw,
                      struct reject *ret_reject) {
    struct billing_line line;
    input->line_count++;
    if (!line_from_json(value, &input->arena, &line, ret_reject)) {
        return false;
    }
    for (size_t i = 0; i < input->engine_count; i++) {
        enum posting_outcome outcome;
        struct reject reject;
        if (!offline_line(input->engines[i], &line, &outcome, &reject)) {
            input->hooks.refused(input->hooks.context, i, raw, &reject);
        } else if (i == 0 && input->hooks.taken != NULL) {
            input->hooks.taken(input->hooks.context, &line);
        }
    }
    return true;
}

/* One JSON line: exactly one of the known objects. */
static bool take_input(struct rate_input *input, struct text raw, struct reject *ret_reject) {
    struct fault fault;
    const struct json *tree = json_parse(&input->arena, raw, &fault);
    if (tree == NULL) {
        return reject_set(ret_reject, REJECT_JSON_MALFORMED, "%s", fault.text);
    }
    const struct json *value = tree->type == JSON_OBJECT ? tree->first : NULL;
    if (value != NULL && value->next == NULL && value->type == JSON_OBJECT) {
        if (text_equal(value->name, TEXT("line"))) {
            return take_line(input, value, raw, ret_reject);
        }
        if (text_equal(value->name, TEXT("partner"))) {
            return take_reference(input, REFERENCE_PARTNER, value, ret_reject);
        }
        if (text_equal(value->name, TEXT("customer"))) {
            return take_reference(input, REFERENCE_CUSTOMER, value, ret_reject);
        }
        if (text_equal(value->name, TEXT("rerate"))) {
            return take_rerate(input, value, ret_reject);
        }
    }
    return reject_set(ret_reject, REJECT_JSON_MALFORMED,
                      "expected exactly one of {\"line\": …}, {\"partner\": …}, "
                      "{\"customer\": …}, {\"rerate\": …}");
}

static bool is_blank(struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(" \t\r\n", text.data[i]) == NULL || text.data[i] == '\0') {
            return false;
        }
    }
    return true;
}

typedef bool (*line_visit)(struct rate_input *input, struct text raw, const char *path);

/* Calls `visit` for every line that is not blank. */
static bool each_line(struct rate_input *input, const char *path, line_visit visit) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "accrued %s: %s: %s\n", input->command, path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t capacity = 0;
    input->line_number = 0;
    ssize_t size = 0;
    bool go_on = true;
    while (go_on && (size = getline(&line, &capacity, file)) >= 0) {
        input->line_number++;
        struct text raw = {line, (size_t)size};
        if (raw.size > 0 && raw.data[raw.size - 1] == '\n') {
            raw.size--;
        }
        if (!is_blank(raw)) {
            arena_clear(&input->arena);
            go_on = visit(input, raw, path);
        }
    }
    if (ferror(file) != 0) {
        (void)fprintf(stderr, "accrued %s: %s: %s\n", input->command, path, strerror(errno));
        go_on = false;
    }
    free(line);
    if (file != stdin) {
        (void)fclose(file);
    }
    return go_on;
}

static bool visit_input(struct rate_input *input, struct text raw, const char *path) {
    (void)path;
    struct reject reject;
    bool is_good =
        raw.size <= LINE_SIZE_MAX
            ? take_input(input, raw, &reject)
            : reject_set(&reject, REJECT_JSON_MALFORMED,
                         "a line of %zu bytes, at most %u are allowed", raw.size, LINE_SIZE_MAX);
    if (!is_good) {
        input->hooks.refused(input->hooks.context, 0, raw, &reject);
    }
    return true;
}

static bool visit_reference(struct rate_input *input, struct text raw, const char *path) {
    struct fault fault = {""};
    struct reject reject = {.message =
                                "expected {\"partner\": …}, {\"customer\": …} or {\"fx\": …}"};
    const struct json *tree = json_parse(&input->arena, raw, &fault);
    const struct json *value = tree != NULL && tree->type == JSON_OBJECT ? tree->first : NULL;
    bool taken = false;
    if (value != NULL && value->next == NULL && value->type == JSON_OBJECT) {
        for (size_t i = 0; i < REFERENCE_KIND_COUNT; i++) {
            enum reference_kind kind = (enum reference_kind)i;
            if (text_equal(value->name, text_of(reference_kind_name(kind)))) {
                taken = take_reference(input, kind, value, &reject);
            }
        }
    }
    if (!taken) {
        (void)fprintf(stderr, "accrued %s: %s:%zu: %s\n", input->command, path, input->line_number,
                      tree == NULL ? fault.text : reject.message);
    }
    return taken;
}

bool rate_input_reference(struct rate_input *input, const char *path) {
    return each_line(input, path, visit_reference);
}

bool rate_input_lines(struct rate_input *input, const char *path) {
    return each_line(input, path, visit_input);
}
