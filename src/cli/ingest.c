/* accrued ingest: a vendor's feed files become billing lines. */
#include "accrued/ingest.h"

#include "accrued/calendar.h"
#include "accrued/require.h"
#include "accrued/suggest.h"
#include "command.h"
#include "schemas.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "Usage: accrued ingest [OPTION…] FILE…\n"
    "       accrued ingest --print-map FORMAT\n"
    "\n"
    "Reads feed files (CSV, JSON, JSON lines; plain or gzip; - is standard input) and writes a\n"
    "billing line per charge. The same file again yields the same line ids and changes nothing; a\n"
    "corrected file yields revisions. Bad rows are told, kept in a reject file, and end in exit "
    "code 1.\n"
    "\n"
    "      --format FORMAT    auto (default: known by the columns), partner-center-license,\n"
    "                         partner-center-usage, partner-center-onetime, partner-center-daily,\n"
    "                         partner-center-api, focus, azure-cost\n"
    "      --map FILE         columns of a format of your own, instead of --format\n"
    "      --print-map FORMAT print a format's columns as such a file\n"
    "      --to TOPIC         where to; - is standard output, as JSON lines. Default:\n"
    "                         topics.billing_lines of the configuration\n"
    "      --customer ID      the customer of every row, instead of the file's\n"
    "      --billing-period YYYY-MM\n"
    "                         the invoice month of every row, instead of the file's\n"
    "      --reseller MPN     the reseller of rows that name none\n"
    "      --invoice ID       the invoice of rows that name none; part of the line ids\n"
    "      --revision N       instead of the file's modification time in seconds\n"
    "      --replaces OLDFILE also void the lines of OLDFILE that FILE has no more\n"
    "      --rejects FILE     where bad rows go; default: FILE.rejects.jsonl\n"
    "      --strict           stop at the first bad row\n"
    "      --quiet            no progress bar, no summary\n" COMMAND_COMMON_HELP;

enum {
    OPTION_FORMAT = 256,
    OPTION_MAP,
    OPTION_PRINT_MAP,
    OPTION_TO,
    OPTION_CUSTOMER,
    OPTION_BILLING_PERIOD,
    OPTION_RESELLER,
    OPTION_INVOICE,
    OPTION_REVISION,
    OPTION_REPLACES,
    OPTION_REJECTS,
    OPTION_STRICT,
    OPTION_QUIET,
};

static const struct option long_options[] = {
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"map", required_argument, NULL, OPTION_MAP},
    {"print-map", required_argument, NULL, OPTION_PRINT_MAP},
    {"to", required_argument, NULL, OPTION_TO},
    {"customer", required_argument, NULL, OPTION_CUSTOMER},
    {"billing-period", required_argument, NULL, OPTION_BILLING_PERIOD},
    {"reseller", required_argument, NULL, OPTION_RESELLER},
    {"invoice", required_argument, NULL, OPTION_INVOICE},
    {"revision", required_argument, NULL, OPTION_REVISION},
    {"replaces", required_argument, NULL, OPTION_REPLACES},
    {"rejects", required_argument, NULL, OPTION_REJECTS},
    {"strict", no_argument, NULL, OPTION_STRICT},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    COMMAND_COMMON_LONG,
};

/* What the arguments said. Strings borrow from argv. */
struct arguments {
    struct command_common common;
    struct ingest_options options;
    const char *format;
    const char *map_path;
    const char *print_format;
    const char *to;
    const char *replaces;
};

static int unknown_format(const char *command, const char *given) {
    const char *names[INGEST_MAP_COUNT + 2] = {"auto", "partner-center-api"};
    char tail[SUGGESTION_SIZE_MAX];
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        names[i + 2] = ingest_maps[i].format;
    }
    return command_usage(command, "no format \"%s\"%s", given,
                         suggest_tail(text_of(given), names, INGEST_MAP_COUNT + 2, tail));
}

static int print_map(const char *command, const char *format) {
    const struct ingest_map *map = ingest_map_find(format);
    if (map == NULL) {
        return unknown_format(command, format);
    }
    struct buffer yaml;
    buffer_init(&yaml);
    ingest_map_append_yaml(&yaml, map);
    bool is_written = fwrite(yaml.data, 1, yaml.size, stdout) == yaml.size && fflush(stdout) == 0;
    buffer_release(&yaml);
    return is_written ? COMMAND_OK : COMMAND_FAILED;
}

/* Values that are wrong however they are meant: true, or the mistake has been told. */
static bool take_value(const char *command, int option, const char *value,
                       struct arguments *arguments) {
    struct ingest_options *options = &arguments->options;
    if (value != NULL && value[0] == '\0') {
        (void)command_usage(command, "an option has an empty value");
        return false;
    }
    switch (option) {
    case OPTION_FORMAT: arguments->format = value; break;
    case OPTION_MAP: arguments->map_path = value; break;
    case OPTION_PRINT_MAP: arguments->print_format = value; break;
    case OPTION_TO: arguments->to = value; break;
    case OPTION_CUSTOMER: options->customer_id = value; break;
    case OPTION_RESELLER: options->reseller_mpn_id = value; break;
    case OPTION_INVOICE: options->invoice_id = value; break;
    case OPTION_REPLACES: arguments->replaces = value; break;
    case OPTION_REJECTS: options->rejects_path = value; break;
    case OPTION_STRICT: options->is_strict = true; break;
    case OPTION_QUIET: options->is_quiet = true; break;
    case OPTION_BILLING_PERIOD:
        options->has_billing_period =
            calendar_parse_month(text_of(value), &options->billing_period);
        if (!options->has_billing_period) {
            (void)command_usage(command, "--billing-period %s is not a month YYYY-MM", value);
            return false;
        }
        break;
    case OPTION_REVISION:
        if (!text_to_int64(text_of(value), &options->revision)) {
            (void)command_usage(command, "--revision %s is not a whole number from 0 on", value);
            return false;
        }
        break;
    default: return false;
    }
    return true;
}

/* What does not go together. 0: all is well. */
static int check_arguments(const char *command, const struct arguments *arguments, int file_count) {
    const char *format = arguments->format;
    if (file_count == 0) {
        return command_usage(command, "which file? - is standard input");
    }
    if (format != NULL && arguments->map_path != NULL) {
        return command_usage(command, "--format and --map exclude each other");
    }
    if (arguments->replaces != NULL && file_count > 1) {
        return command_usage(command, "--replaces OLDFILE needs exactly one FILE");
    }
    if (arguments->options.rejects_path != NULL && file_count > 1) {
        return command_usage(command, "--rejects FILE needs exactly one FILE to read");
    }
    if (format != NULL && strcmp(format, "auto") != 0 &&
        strcmp(format, "partner-center-api") != 0 && ingest_map_find(format) == NULL) {
        return unknown_format(command, format);
    }
    return COMMAND_OK;
}

static int ingest_files(const struct arguments *arguments, char **files, int file_count,
                        struct ingest_sink *sink) {
    int code = COMMAND_OK;
    for (int i = 0; i < file_count; i++) {
        struct ingest_counts counts;
        struct fault fault;
        if (!ingest_file(&arguments->options, files[i], arguments->replaces, sink, &counts,
                         &fault)) {
            return command_failed("ingest", &fault);
        }
        if (counts.rejected > 0) {
            code = COMMAND_FAILED;
        }
    }
    return code;
}

static int ingest_to_topic(const struct arguments *arguments, char **files, int file_count) {
    struct config config;
    struct fault fault;
    if (!command_load("ingest", &arguments->common, &config)) {
        return COMMAND_FAILED;
    }
    const char *topic = arguments->to != NULL ? arguments->to : config.topics.billing_lines;
    struct ingest_sink *sink = schemas_open_sink(&config, topic, &fault);
    int code = sink != NULL ? ingest_files(arguments, files, file_count, sink)
                            : command_failed("ingest", &fault);
    ingest_sink_free(sink);
    config_release(&config);
    return code;
}

static int ingest_all(struct arguments given, char **files, int file_count) {
    struct arguments *arguments = &given;
    struct arena arena;
    struct problems problems;
    struct ingest_map own;
    int code = COMMAND_FAILED;
    arena_init(&arena);
    problems_init(&problems);
    if (arguments->format != NULL) {
        arguments->options.map = ingest_map_find(arguments->format);
        arguments->options.is_api = strcmp(arguments->format, "partner-center-api") == 0;
    } else if (arguments->map_path != NULL &&
               ingest_map_load(&own, arguments->map_path, &arena, &problems)) {
        arguments->options.map = &own;
    }
    if (problems.count > 0) {
        (void)fprintf(stderr, "%.*s", TEXT_ARGS(buffer_text(&problems.lines)));
    } else if (arguments->to != NULL && strcmp(arguments->to, "-") == 0) {
        struct ingest_sink *sink = ingest_sink_json();
        code = ingest_files(arguments, files, file_count, sink);
        ingest_sink_free(sink);
    } else {
        code = ingest_to_topic(arguments, files, file_count);
    }
    problems_release(&problems);
    arena_release(&arena);
    return code;
}

int command_ingest(int argc, char **argv) {
    struct arguments arguments = {.options = {.revision = -1}};
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &arguments.common)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return COMMAND_OK;
        }
        if (option == '?' || !take_value(argv[0], option, optarg, &arguments)) {
            return COMMAND_USAGE;
        }
    }
    if (arguments.print_format != NULL) {
        return print_map(argv[0], arguments.print_format);
    }
    int mistake = check_arguments(argv[0], &arguments, argc - optind);
    return mistake != COMMAND_OK ? mistake : ingest_all(arguments, argv + optind, argc - optind);
}
