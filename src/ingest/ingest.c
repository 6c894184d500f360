#include "accrued/ingest.h"

#include "accrued/require.h"
#include "identity.h"
#include "input.h"
#include "progress.h"
#include "rejects.h"
#include "route.h"

#include <inttypes.h>
#include <stdlib.h>

#define PROGRESS_ROWS 1024

/* One file on its way. */
struct run {
    const struct ingest_options *options;
    const char *path;
    struct ingest_sink *sink;
    struct ingest_counts *counts;
    struct fault *fault;
    struct input *input;
    struct supplied supplied;
    struct route route;
    struct rejects rejects;
    struct occurrences occurrences;
    const struct occurrences *newer; /* of the file that replaces this one; else NULL */
    struct arena arena;              /* of the row at hand */
    struct arena lasting;            /* of what was supplied */
    struct buffer identity;
    struct progress progress;
    uint64_t row_count;
    bool has_failed;
};

static bool fail(struct run *run) {
    run->has_failed = true;
    return false;
}

/* false: the file is not read on. */
static bool reject(struct run *run, const struct row *row, const struct bad_row *bad) {
    if (run->newer != NULL) {
        return true; /* it was no line when its file was read */
    }
    run->counts->rejected++;
    progress_clear(&run->progress);
    if (!rejects_add(&run->rejects, row, bad, run->fault)) {
        return fail(run);
    }
    if (run->options->is_strict) {
        (void)fault_set(run->fault, "%s: stopped at the first bad row (--strict), row %zu",
                        run->path, row->number);
        return fail(run);
    }
    return true;
}

static bool put(struct run *run, struct billing_line *line, const struct mapper *mapper) {
    char line_id[IDENTITY_LINE_ID_SIZE_MAX + 1];
    struct identity_hash hash = identity_hash(buffer_text(&run->identity));
    uint32_t number = occurrences_add(&run->occurrences, hash);
    if (run->newer != NULL) {
        if (number <= occurrences_count(run->newer, hash)) {
            return true;
        }
        line->is_void = true;
        run->counts->voids++;
    } else {
        run->counts->lines++;
    }
    line->line_id = identity_line_id(&run->identity, mapper->map->tag, number, line_id);
    return ingest_sink_put(run->sink, line, run->fault) || fail(run);
}

static bool unknown_row(struct run *run, const struct row *row) {
    struct bad_row bad = {text_null(), text_null(), "its members are those of no known format"};
    if (run->row_count > 1) {
        return reject(run, row, &bad);
    }
    struct buffer columns;
    buffer_init(&columns);
    route_append_columns(&columns, row->header);
    (void)fault_set(run->fault,
                    "%s: these columns are of no known format: %.*s. Say --format FORMAT, or "
                    "--map FILE for a format of your own",
                    run->path, TEXT_ARGS(buffer_text(&columns)));
    buffer_release(&columns);
    return fail(run);
}

static bool take_row(struct run *run, const struct row *row) {
    struct bad_row bad = {text_null(), text_null(), ""};
    struct mapper *mapper = NULL;
    struct billing_line line;
    if (row->wrong != NULL) {
        (void)snprintf(bad.reason, sizeof bad.reason, "%s", row->wrong);
        return reject(run, row, &bad);
    }
    run->row_count++;
    switch (route_row(&run->route, row, &mapper, run->fault)) {
    case ROUTED: break;
    case ROUTED_UNKNOWN: return unknown_row(run, row);
    case ROUTED_FAILED: return fail(run);
    }
    if (run->supplied.revision < 0 && mapper->fields[INGEST_REVISION_DATE].count == 0) {
        (void)fault_set(run->fault,
                        "%s: neither the file nor its rows have a date; say --revision N",
                        run->path);
        return fail(run);
    }
    switch (mapper_take(mapper, row, &run->arena, &line, &run->identity, &bad)) {
    case MAPPED_LINE: return put(run, &line, mapper);
    case MAPPED_SKIPPED:
    case MAPPED_DETAIL: run->counts->skipped += run->newer == NULL ? 1 : 0; return true;
    case MAPPED_BAD: break;
    }
    return reject(run, row, &bad);
}

static bool on_row(void *context, const struct row *row) {
    struct run *run = context;
    bool goes_on = take_row(run, row);
    arena_clear(&run->arena);
    if (run->row_count % PROGRESS_ROWS == 0) {
        progress_show(&run->progress, input_position(run->input), input_size(run->input),
                      run->counts->lines);
    }
    return goes_on;
}

static struct text without_byte_order_mark(struct text piece) {
    return text_starts_with(piece, TEXT("\xEF\xBB\xBF"))
               ? (struct text){piece.data + 3, piece.size - 3}
               : piece;
}

static bool looks_like_json(struct text piece) {
    for (size_t i = 0; i < piece.size; i++) {
        char c = piece.data[i];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            return c == '{' || c == '[';
        }
    }
    return false;
}

/* A file without rows: is at least its header one? */
static void check_header(struct run *run, const struct header *header) {
    struct row row = {.header = header, .number = 1};
    struct mapper *mapper = NULL;
    switch (route_row(&run->route, &row, &mapper, run->fault)) {
    case ROUTED: break;
    case ROUTED_UNKNOWN: (void)unknown_row(run, &row); break;
    case ROUTED_FAILED: (void)fail(run); break;
    }
}

static bool read_csv(struct run *run, struct text piece) {
    struct csv_rows *rows = csv_rows_new(on_row, run);
    bool is_good = true;
    while (is_good && piece.size > 0 && !run->has_failed) {
        csv_rows_feed(rows, piece);
        is_good = input_read(run->input, &piece, run->fault);
    }
    /* A file that breaks off has no last row: half of an amount is a wrong amount. */
    if (is_good && !run->has_failed) {
        csv_rows_end(rows);
    }
    if (is_good && !run->has_failed && run->row_count == 0 && run->counts->rejected == 0) {
        check_header(run, csv_rows_header(rows));
    }
    csv_rows_free(rows);
    return is_good && !run->has_failed;
}

static bool read_json(struct run *run, struct text piece) {
    struct json_rows *rows = json_rows_new(on_row, run);
    bool is_read = true;
    bool is_json = true;
    while (is_read && is_json && piece.size > 0 && !run->has_failed) {
        is_json = json_rows_feed(rows, piece, run->fault);
        is_read = !is_json || input_read(run->input, &piece, run->fault);
    }
    if (is_read && is_json && !run->has_failed) {
        is_json = json_rows_end(rows, run->fault);
    }
    if (!is_json && !run->has_failed) {
        (void)fault_prefix(run->fault, "%s: ", run->path);
    }
    json_rows_free(rows);
    return is_read && is_json && !run->has_failed;
}

static bool read_all(struct run *run) {
    struct text piece;
    if (!input_read(run->input, &piece, run->fault)) {
        return false;
    }
    piece = without_byte_order_mark(piece);
    if (piece.size == 0) {
        return fault_set(run->fault, "%s: the file is empty", run->path);
    }
    return looks_like_json(piece) ? read_json(run, piece) : read_csv(run, piece);
}

static void supply(struct run *run) {
    const struct ingest_options *options = run->options;
    run->supplied = (struct supplied){
        .customer_id = arena_fold(&run->lasting, text_of(options->customer_id)),
        .reseller_mpn_id = text_of(options->reseller_mpn_id),
        .invoice_id = text_of(options->invoice_id),
        .billing_period = options->billing_period,
        .has_billing_period = options->has_billing_period,
        .revision = options->revision,
    };
}

/* Opens the file and finds out as of when it is. */
static bool run_open(struct run *run) {
    run->input = input_open(run->path, run->fault);
    if (run->input == NULL) {
        return false;
    }
    if (run->supplied.revision < 0) {
        run->supplied.revision = input_modified_s(run->input);
    }
    return true;
}

/* What replaces a file is newer than that, whatever the files' dates say: a copy or a checkout
 * makes dates of its own. */
static bool outdo(struct run *run, const char *replaces) {
    if (run->options->revision >= 0 || replaces == NULL) {
        return true;
    }
    struct input *old = input_open(replaces, run->fault);
    if (old == NULL) {
        return false;
    }
    int64_t old_revision = input_modified_s(old);
    input_close(old);
    if (run->supplied.revision <= old_revision) {
        run->supplied.revision = old_revision + 1;
    }
    return true;
}

static void run_init(struct run *run, const struct ingest_options *options, const char *path,
                     struct ingest_sink *sink, struct ingest_counts *counts, struct fault *fault) {
    *run = (struct run){
        .options = options, .path = path, .sink = sink, .counts = counts, .fault = fault};
    arena_init(&run->arena);
    arena_init(&run->lasting);
    buffer_init(&run->identity);
    occurrences_init(&run->occurrences);
    rejects_init(&run->rejects, path, options->rejects_path);
    supply(run);
    route_init(&run->route, path, options->map, &run->supplied);
    run->route.is_api = options->is_api;
    run->route.is_quiet = options->is_quiet;
    progress_init(&run->progress);
    run->progress.is_terminal = run->progress.is_terminal && !options->is_quiet;
}

static void tell_summary(const struct run *run) {
    char count[PROGRESS_COUNT_SIZE];
    const struct ingest_counts *counts = run->counts;
    (void)fprintf(stderr, "%s: %s lines", run->path, progress_count(counts->lines, count));
    if (counts->voids > 0) {
        (void)fprintf(stderr, ", %s void", progress_count(counts->voids, count));
    }
    if (counts->skipped > 0) {
        (void)fprintf(stderr, ", %s skipped (no charges)", progress_count(counts->skipped, count));
    }
    (void)fprintf(stderr, ", %s rejected", progress_count(counts->rejected, count));
    (void)fprintf(stderr, counts->rejected > 0 ? " → %s\n" : "\n", run->rejects.path);
}

static bool run_release(struct run *run) {
    struct fault fault;
    bool is_closed = rejects_close(&run->rejects, &fault);
    if (!is_closed) {
        *run->fault = fault;
    }
    input_close(run->input);
    occurrences_release(&run->occurrences);
    buffer_release(&run->identity);
    arena_release(&run->arena);
    arena_release(&run->lasting);
    return is_closed;
}

/* Voids for the lines of `path` that `newer` has no more. A row that could not be read is not one
 * that is no more. */
static bool void_rest(const struct run *newer, const char *path) {
    struct run run;
    if (newer->counts->rejected > 0) {
        return fault_set(newer->fault,
                         "%s: as rows were rejected, no line of %s has been voided; mend them and "
                         "run the same command again",
                         newer->path, path);
    }
    run_init(&run, newer->options, path, newer->sink, newer->counts, newer->fault);
    run.newer = &newer->occurrences;
    run.supplied.revision = newer->supplied.revision;
    run.route.is_quiet = true;
    bool is_good = run_open(&run) && read_all(&run);
    progress_clear(&run.progress);
    return run_release(&run) && is_good;
}

bool ingest_file(const struct ingest_options *options, const char *path, const char *replaces,
                 struct ingest_sink *sink, struct ingest_counts *ret_counts, struct fault *fault) {
    struct run run;
    *ret_counts = (struct ingest_counts){.lines = 0};
    run_init(&run, options, path, sink, ret_counts, fault);
    bool is_good = run_open(&run) && outdo(&run, replaces) && read_all(&run) &&
                   (replaces == NULL || void_rest(&run, replaces)) &&
                   ingest_sink_flush(sink, fault);
    struct fault second;
    if (!is_good) {
        (void)ingest_sink_flush(sink, &second); /* what came before is right */
    }
    progress_clear(&run.progress);
    if (!options->is_quiet && run.input != NULL) {
        tell_summary(&run);
    }
    return run_release(&run) && is_good;
}
