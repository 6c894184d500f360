/* accrued rate: the same engine on files. "What would we owe for this file under these rules?"
 * Forms of the files and of the output: accrual-model.md §9. */
#include "command.h"

#include "accrued/encode.h"
#include "accrued/line_json.h"
#include "accrued/offline.h"
#include "accrued/programs_yaml.h"
#include "accrued/reference_json.h"
#include "accrued/require.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_SIZE_MAX (16U << 20)

static const char usage[] =
    "Usage: accrued rate --programs FILE --lines FILE [--reference FILE] [--catalog FILE]\n"
    "                    [--no-link] [--summary]\n"
    "\n"
    "Rates billing lines from a file and writes accruals, forgone and dead letters as JSON lines\n"
    "to standard output. No broker, no Redis, nothing is remembered.\n"
    "\n"
    "      --programs FILE    programs.yaml: the rules\n"
    "      --catalog FILE     catalog.yaml: product to family and workload\n"
    "      --reference FILE   partners and customers, a JSON object a line\n"
    "      --lines FILE       lines, changed reference values and re-rates, a JSON object a line;\n"
    "                         - is standard input\n"
    "      --no-link          report lines without a matching partner-of-record link as forgone\n"
    "      --summary          counts on standard error at the end\n"
    "  -h, --help             this text\n";

struct rate_options {
    const char *programs;
    const char *catalog;
    const char *reference;
    const char *lines;
    bool no_link;
    bool summary;
};

struct rate_counts {
    size_t lines;
    size_t accruals;
    size_t forgone;
    size_t dead_letters;
    size_t unrated;
};

struct rate_run {
    struct offline offline;
    struct arena arena; /* of the line at hand */
    struct buffer output;
    struct rate_counts counts;
};

enum {
    OPTION_PROGRAMS = 256,
    OPTION_CATALOG,
    OPTION_REFERENCE,
    OPTION_LINES,
    OPTION_NO_LINK,
    OPTION_SUMMARY
};

static const struct option long_options[] = {
    {"programs", required_argument, NULL, OPTION_PROGRAMS},
    {"catalog", required_argument, NULL, OPTION_CATALOG},
    {"reference", required_argument, NULL, OPTION_REFERENCE},
    {"lines", required_argument, NULL, OPTION_LINES},
    {"no-link", no_argument, NULL, OPTION_NO_LINK},
    {"summary", no_argument, NULL, OPTION_SUMMARY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void flush(struct rate_run *run) {
    if (run->output.size > 0) {
        (void)fwrite(run->output.data, 1, run->output.size, stdout);
        buffer_clear(&run->output);
    }
}

static void write_event(void *context, const struct event *event, struct text rerate_id) {
    struct rate_run *run = context;
    switch (event->kind) {
    case EVENT_ACCRUAL:
        encode_accrual_json(&run->output, &event->accrual, rerate_id);
        run->counts.accruals++;
        break;
    case EVENT_FORGONE:
        encode_forgone_json(&run->output, &event->forgone);
        run->counts.forgone++;
        break;
    }
    buffer_append_byte(&run->output, '\n');
    if (run->output.size > (64U << 10)) {
        flush(run);
    }
}

static void report_unrated(void *context, const struct billing_line *line,
                           const struct reject *reject) {
    struct rate_run *run = context;
    run->counts.unrated++;
    fprintf(stderr,
            "accrued rate: line %.*s of customer %.*s could not be rated again and keeps its "
            "state: %s: %s\n",
            TEXT_ARGS(line->line_id), TEXT_ARGS(line->customer_id), reject_code_name(reject->code),
            reject->message);
}

static void write_dead_letter(struct rate_run *run, struct text raw, size_t line_number,
                              const struct reject *reject) {
    struct buffer *to = &run->output;
    buffer_append_format(to, "{\"type\": \"dead_letter\", \"code\": \"%s\", \"message\": ",
                         reject_code_name(reject->code));
    json_append_string(to, text_of(reject->message));
    buffer_append_format(to, ", \"line_number\": %zu, \"raw\": ", line_number);
    json_append_string(to, raw);
    buffer_append_string(to, "}\n");
    run->counts.dead_letters++;
}

static bool take_reference(struct rate_run *run, enum reference_kind kind, const struct json *value,
                           struct reject *ret_reject) {
    const char *id_name = kind == REFERENCE_PARTNER ? "mpn_id" : "customer_id";
    const struct json *id = json_member(value, id_name);
    if (id == NULL || id->type != JSON_STRING || id->text.size == 0) {
        return reject_set(ret_reject, REJECT_FIELD_INVALID, "%s: missing, empty or not a string",
                          id_name);
    }
    struct text wanted = kind == REFERENCE_CUSTOMER ? arena_fold(&run->arena, id->text) : id->text;
    size_t size = 0;
    reference_table_put(&run->offline.references, reference_from_tree(kind, wanted, value, &size));
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

static bool take_rerate(struct rate_run *run, const struct json *value, struct reject *ret_reject) {
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
        request.id = arena_fold(&run->arena, request.id);
    }
    (void)offline_rerate(&run->offline, &request);
    return true;
}

static bool take_line(struct rate_run *run, const struct json *value, struct reject *ret_reject) {
    struct billing_line line;
    enum posting_outcome outcome;
    run->counts.lines++;
    return line_from_json(value, &run->arena, &line, ret_reject) &&
           offline_line(&run->offline, &line, &outcome, ret_reject);
}

/* One JSON line: exactly one of the known objects. */
static bool take_input(struct rate_run *run, struct text raw, struct reject *ret_reject) {
    struct fault fault;
    const struct json *tree = json_parse(&run->arena, raw, &fault);
    if (tree == NULL) {
        return reject_set(ret_reject, REJECT_JSON_MALFORMED, "%s", fault.text);
    }
    const struct json *value = tree->type == JSON_OBJECT ? tree->first : NULL;
    if (value != NULL && value->next == NULL && value->type == JSON_OBJECT) {
        if (text_equal(value->name, TEXT("line"))) {
            return take_line(run, value, ret_reject);
        }
        if (text_equal(value->name, TEXT("partner"))) {
            return take_reference(run, REFERENCE_PARTNER, value, ret_reject);
        }
        if (text_equal(value->name, TEXT("customer"))) {
            return take_reference(run, REFERENCE_CUSTOMER, value, ret_reject);
        }
        if (text_equal(value->name, TEXT("rerate"))) {
            return take_rerate(run, value, ret_reject);
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

typedef bool (*line_visit)(struct rate_run *run, struct text raw, size_t line_number,
                           const char *path);

/* Calls `visit` for every line that is not blank. */
static bool each_line(struct rate_run *run, const char *path, line_visit visit) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "accrued rate: %s: %s\n", path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t capacity = 0;
    size_t line_number = 0;
    ssize_t size = 0;
    bool go_on = true;
    while (go_on && (size = getline(&line, &capacity, file)) >= 0) {
        line_number++;
        struct text raw = {line, (size_t)size};
        if (raw.size > 0 && raw.data[raw.size - 1] == '\n') {
            raw.size--;
        }
        if (!is_blank(raw)) {
            arena_clear(&run->arena);
            go_on = visit(run, raw, line_number, path);
        }
    }
    if (ferror(file) != 0) {
        fprintf(stderr, "accrued rate: %s: %s\n", path, strerror(errno));
        go_on = false;
    }
    free(line);
    if (file != stdin) {
        (void)fclose(file);
    }
    return go_on;
}

static bool visit_input(struct rate_run *run, struct text raw, size_t line_number,
                        const char *path) {
    (void)path;
    struct reject reject;
    if (raw.size > LINE_SIZE_MAX) {
        reject_set(&reject, REJECT_JSON_MALFORMED, "a line of %zu bytes, at most %u are allowed",
                   raw.size, LINE_SIZE_MAX);
        write_dead_letter(run, raw, line_number, &reject);
    } else if (!take_input(run, raw, &reject)) {
        write_dead_letter(run, raw, line_number, &reject);
    }
    return true;
}

/* The reference file has nothing but reference values; what cannot be read stops the run. */
static bool visit_reference(struct rate_run *run, struct text raw, size_t line_number,
                            const char *path) {
    struct fault fault = {""};
    struct reject reject = {.message = "expected {\"partner\": …} or {\"customer\": …}"};
    const struct json *tree = json_parse(&run->arena, raw, &fault);
    const struct json *value = tree != NULL && tree->type == JSON_OBJECT ? tree->first : NULL;
    bool taken = false;
    if (value != NULL && value->next == NULL && value->type == JSON_OBJECT) {
        if (text_equal(value->name, TEXT("partner"))) {
            taken = take_reference(run, REFERENCE_PARTNER, value, &reject);
        } else if (text_equal(value->name, TEXT("customer"))) {
            taken = take_reference(run, REFERENCE_CUSTOMER, value, &reject);
        }
    }
    if (!taken) {
        fprintf(stderr, "accrued rate: %s:%zu: %s\n", path, line_number,
                tree == NULL ? fault.text : reject.message);
    }
    return taken;
}

static int rate_files(const struct rate_options *options, const struct programs *programs,
                      const struct catalog *catalog) {
    struct rate_run run = {.counts = {0}};
    arena_init(&run.arena);
    buffer_init(&run.output);
    offline_init(&run.offline, programs, catalog,
                 (struct offline_options){{options->no_link}, write_event, report_unrated, &run});
    bool done =
        (options->reference == NULL || each_line(&run, options->reference, visit_reference)) &&
        each_line(&run, options->lines, visit_input);
    flush(&run);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "accrued rate: standard output: %s\n", strerror(errno));
        done = false;
    }
    if (options->summary) {
        fprintf(stderr,
                "%zu lines: %zu accruals, %zu forgone, %zu dead letters, %zu not rated again\n",
                run.counts.lines, run.counts.accruals, run.counts.forgone, run.counts.dead_letters,
                run.counts.unrated);
    }
    offline_release(&run.offline);
    buffer_release(&run.output);
    arena_release(&run.arena);
    return done ? COMMAND_OK : COMMAND_FAILED;
}

static int rate_with(const struct rate_options *options) {
    struct catalog catalog;
    struct programs programs;
    struct fault fault;
    catalog_init(&catalog);
    programs_init(&programs);
    int code = COMMAND_FAILED;
    if ((options->catalog == NULL || catalog_load(&catalog, options->catalog, &fault)) &&
        programs_load(&programs, &catalog, options->programs, &fault)) {
        code = rate_files(options, &programs, &catalog);
    } else {
        code = command_failed("rate", &fault);
    }
    programs_release(&programs);
    catalog_release(&catalog);
    return code;
}

int command_rate(int argc, char **argv) {
    struct rate_options options = {.no_link = false};
    struct command_common common = {.override_count = 0};
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case OPTION_PROGRAMS: options.programs = optarg; break;
        case OPTION_CATALOG: options.catalog = optarg; break;
        case OPTION_REFERENCE: options.reference = optarg; break;
        case OPTION_LINES: options.lines = optarg; break;
        case OPTION_NO_LINK: options.no_link = true; break;
        case OPTION_SUMMARY: options.summary = true; break;
        default: return COMMAND_USAGE;
        }
    }
    if (optind < argc) {
        return command_usage(argv[0], "\"%s\" is too much", argv[optind]);
    }
    if (options.programs == NULL || options.lines == NULL) {
        return command_usage(argv[0], "%s is required",
                             options.programs == NULL ? "--programs" : "--lines");
    }
    return rate_with(&options);
}
