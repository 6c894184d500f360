#include "rejects.h"

#include "accrued/json_tree.h"
#include "accrued/require.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SHOWN_SIZE_MAX 80

void rejects_init(struct rejects *rejects, const char *file, const char *path) {
    *rejects = (struct rejects){.file = file};
    if (path != NULL) {
        rejects->path = strdup(path);
    } else if (strcmp(file, "-") == 0) {
        rejects->path = strdup("stdin.rejects.jsonl");
    } else if (asprintf(&rejects->path, "%s.rejects.jsonl", file) < 0) {
        rejects->path = NULL;
    }
    REQUIRE(rejects->path != NULL);
}

bool rejects_close(struct rejects *rejects, struct fault *fault) {
    bool is_good = true;
    if (rejects->stream != NULL) {
        bool has_failed = ferror(rejects->stream) != 0;
        is_good = fclose(rejects->stream) == 0 && !has_failed;
        rejects->stream = NULL;
    }
    if (!is_good) {
        (void)fault_set(fault, "%s: not all rejected rows could be written: %s", rejects->path,
                        strerror(errno));
    }
    free(rejects->path);
    rejects->path = NULL;
    return is_good;
}

static void tell(const struct rejects *rejects, const struct row *row, const struct bad_row *bad) {
    struct text value = bad->value;
    const char *more = "";
    if (value.size > SHOWN_SIZE_MAX) {
        value.size = SHOWN_SIZE_MAX;
        more = "…";
    }
    (void)fprintf(stderr, "%s:%zu: ", rejects->file, row->number);
    if (!text_is_null(bad->column)) {
        (void)fprintf(stderr, "%.*s%s", TEXT_ARGS(bad->column), text_is_null(value) ? ": " : " ");
    }
    if (!text_is_null(value)) {
        (void)fprintf(stderr, "\"%.*s%s\": ", TEXT_ARGS(value), more);
    }
    (void)fprintf(stderr, "%s\n", bad->reason);
    if (rejects->count == REJECTS_TOLD_MAX) {
        (void)fprintf(stderr, "%s: further bad rows are told in %s only\n", rejects->file,
                      rejects->path);
    }
}

bool rejects_add(struct rejects *rejects, const struct row *row, const struct bad_row *bad,
                 struct fault *fault) {
    rejects->count++;
    if (rejects->count <= REJECTS_TOLD_MAX) {
        tell(rejects, row, bad);
    }
    if (rejects->stream == NULL) {
        rejects->stream = fopen(rejects->path, "we");
    }
    if (rejects->stream == NULL) {
        return fault_set(fault,
                         "%s: rejected rows cannot be written: %s; say --rejects FILE for another "
                         "place",
                         rejects->path, strerror(errno));
    }
    struct buffer json;
    buffer_init(&json);
    buffer_append_string(&json, "{\"file\": ");
    json_append_string(&json, text_of(rejects->file));
    buffer_append_format(&json, ", \"row\": %zu, \"column\": ", row->number);
    json_append_text(&json, bad->column);
    buffer_append_string(&json, ", \"value\": ");
    json_append_text(&json, bad->value);
    buffer_append_string(&json, ", \"reason\": ");
    json_append_string(&json, text_of(bad->reason));
    buffer_append_string(&json, ", \"raw\": ");
    json_append_string(&json, row->raw);
    buffer_append_string(&json, "}\n");
    size_t written = fwrite(json.data, 1, json.size, rejects->stream);
    bool is_good = written == json.size;
    buffer_release(&json);
    return is_good || fault_set(fault, "%s: %s", rejects->path, strerror(errno));
}
