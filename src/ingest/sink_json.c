/* JSON lines on standard output, in the offline form (accrual-model.md §9). */
#include "accrued/line_json.h"
#include "accrued/require.h"
#include "sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define OUTPUT_SIZE (64U << 10)

struct json_sink {
    struct ingest_sink sink; /* first: a sink is a json_sink */
    struct buffer output;
};

static bool json_flush(struct ingest_sink *sink, struct fault *fault) {
    struct json_sink *json = (struct json_sink *)sink;
    size_t size = json->output.size;
    bool is_written = size == 0 || fwrite(json->output.data, 1, size, stdout) == size;
    buffer_clear(&json->output);
    return (is_written && fflush(stdout) == 0) ||
           fault_set(fault, "standard output: %s", strerror(errno));
}

static bool json_put(struct ingest_sink *sink, const struct billing_line *line,
                     struct fault *fault) {
    struct json_sink *json = (struct json_sink *)sink;
    buffer_append_string(&json->output, "{\"line\": ");
    line_append_json(&json->output, line);
    buffer_append_string(&json->output, "}\n");
    return json->output.size < OUTPUT_SIZE || json_flush(sink, fault);
}

static void json_free(struct ingest_sink *sink) {
    struct json_sink *json = (struct json_sink *)sink;
    buffer_release(&json->output);
    free(json);
}

struct ingest_sink *ingest_sink_json(void) {
    struct json_sink *json = calloc(1, sizeof *json);
    REQUIRE(json != NULL);
    json->sink = (struct ingest_sink){json_put, json_flush, json_free};
    buffer_init(&json->output);
    return &json->sink;
}

bool ingest_sink_put(struct ingest_sink *sink, const struct billing_line *line,
                     struct fault *fault) {
    return sink->put(sink, line, fault);
}

bool ingest_sink_flush(struct ingest_sink *sink, struct fault *fault) {
    return sink->flush(sink, fault);
}

void ingest_sink_free(struct ingest_sink *sink) {
    if (sink != NULL) {
        sink->free(sink);
    }
}
