/* accrued rate: the same engine on files. "What would we owe for this file under these rules?"
 * Forms of the files and of the output: accrual-model.md §9. */
#include "command.h"
#include "rate_diff.h"
#include "rate_input.h"
#include "rate_totals.h"

#include "accrued/encode.h"
#include "accrued/json_tree.h"
#include "accrued/offline.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "Usage: accrued rate --programs FILE --lines FILE [--reference FILE] [--catalog FILE]\n"
    "                    [--diff FILE [--diff-catalog FILE]] [--no-link] [--summary]\n"
    "\n"
    "Rates billing lines from a file and writes accruals, forgone and dead letters as JSON lines\n"
    "to standard output. No broker, no Redis, nothing is remembered.\n"
    "\n"
    "      --programs FILE    programs.yaml: the rules\n"
    "      --catalog FILE     catalog.yaml: product to family and workload\n"
    "      --reference FILE   partners and customers, a JSON object a line\n"
    "      --lines FILE       lines, changed reference values and re-rates, a JSON object a line;\n"
    "                         - is standard input\n"
    "      --diff FILE        another programs file: instead of accruals, what stands at the end "
    "of\n"
    "                         the lines under both where it differs, a JSON object a difference\n"
    "      --diff-catalog FILE  the other catalog, if it is another\n"
    "      --no-link          report lines without a matching partner-of-record link as forgone\n"
    "      --summary          totals per program, partner and currency on standard error at the "
    "end\n"
    "  -h, --help             this text\n";

struct rate_options {
    const char *programs;
    const char *catalog;
    const char *reference;
    const char *lines;
    const char *diff;
    const char *diff_catalog;
    bool no_link;
    bool summary;
};

struct rate_counts {
    size_t accruals;
    size_t forgone;
    size_t dead_letters;
    size_t unrated;
};

struct rate_run {
    struct offline offline;
    struct rate_input input;
    struct buffer output;
    struct rate_counts counts;
    struct rate_totals totals;
};

enum {
    OPTION_PROGRAMS = 256,
    OPTION_CATALOG,
    OPTION_REFERENCE,
    OPTION_LINES,
    OPTION_DIFF,
    OPTION_DIFF_CATALOG,
    OPTION_NO_LINK,
    OPTION_SUMMARY
};

static const struct option long_options[] = {
    {"programs", required_argument, NULL, OPTION_PROGRAMS},
    {"catalog", required_argument, NULL, OPTION_CATALOG},
    {"reference", required_argument, NULL, OPTION_REFERENCE},
    {"lines", required_argument, NULL, OPTION_LINES},
    {"diff", required_argument, NULL, OPTION_DIFF},
    {"diff-catalog", required_argument, NULL, OPTION_DIFF_CATALOG},
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

static void add_to_total(struct rate_totals *totals, const struct accrual *accrual) {
    struct rate_total *total =
        rate_totals_of(totals, accrual->program, accrual->partner_mpn_id, accrual->currency);
    total->amounts[0].units += accrual->amount.units;
    total->count++;
}

static void write_event(void *context, const struct event *event, struct text rerate_id) {
    struct rate_run *run = context;
    switch (event->kind) {
    case EVENT_ACCRUAL:
        encode_accrual_json(&run->output, &event->accrual, rerate_id);
        run->counts.accruals++;
        add_to_total(&run->totals, &event->accrual);
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

static void write_dead_letter(void *context, size_t engine, struct text raw,
                              const struct reject *reject) {
    (void)engine;
    struct rate_run *run = context;
    struct buffer *to = &run->output;
    buffer_append_format(to, "{\"type\": \"dead_letter\", \"code\": \"%s\", \"message\": ",
                         reject_code_name(reject->code));
    json_append_string(to, text_of(reject->message));
    buffer_append_format(to, ", \"line_number\": %zu, \"raw\": ", run->input.line_number);
    json_append_string(to, raw);
    buffer_append_string(to, "}\n");
    run->counts.dead_letters++;
}

static int rate_files(const struct rate_options *options, const struct programs *programs,
                      const struct catalog *catalog) {
    struct rate_run run = {.counts = {0}};
    buffer_init(&run.output);
    rate_totals_init(&run.totals);
    rate_input_init(&run.input);
    offline_init(&run.offline, programs, catalog,
                 (struct offline_options){{options->no_link}, write_event, report_unrated, &run});
    run.input.command = "rate";
    run.input.engines[run.input.engine_count++] = &run.offline;
    run.input.hooks = (struct rate_input_hooks){.refused = write_dead_letter, .context = &run};
    bool done =
        (options->reference == NULL || rate_input_reference(&run.input, options->reference)) &&
        rate_input_lines(&run.input, options->lines);
    flush(&run);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "accrued rate: standard output: %s\n", strerror(errno));
        done = false;
    }
    if (options->summary) {
        rate_totals_tell(&run.totals);
        fprintf(stderr,
                "%zu lines: %zu accruals, %zu forgone, %zu dead letters, %zu not rated again\n",
                run.input.line_count, run.counts.accruals, run.counts.forgone,
                run.counts.dead_letters, run.counts.unrated);
    }
    offline_release(&run.offline);
    buffer_release(&run.output);
    rate_totals_release(&run.totals);
    rate_input_release(&run.input);
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
        case OPTION_DIFF: options.diff = optarg; break;
        case OPTION_DIFF_CATALOG: options.diff_catalog = optarg; break;
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
    if (options.diff == NULL && options.diff_catalog == NULL) {
        return rate_with(&options);
    }
    return rate_diff(&(struct rate_diff_options){
        .programs = options.programs,
        .catalog = options.catalog,
        .other_programs = options.diff != NULL ? options.diff : options.programs,
        .other_catalog = options.diff_catalog,
        .reference = options.reference,
        .lines = options.lines,
        .no_link = options.no_link,
        .summary = options.summary,
    });
}
