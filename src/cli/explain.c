/* accrued explain: why this much, or why nothing. */
#include "explain.h"

#include "accrued/explanation_report.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "accrued/suggest.h"

#include <errno.h>
#include <stdio.h>

static const char usage[] =
    "Usage: accrued explain [-c FILE] [--customer ID] LINE_ID\n"
    "       accrued explain --programs FILE [--catalog FILE] [--reference FILE] --lines FILE "
    "LINE_ID\n"
    "\n"
    "Tells why a billing line earns what it earns under each program, or why nothing: facts,\n"
    "version, links, standing, accelerators, rate, amount, what the ledger has and what has been\n"
    "published. Reads only. The second form needs no broker and no Redis.\n"
    "\n"
    "      --customer ID      whose line; else all of the ledger is searched\n"
    "      --program ID       this program only\n"
    "      --json             one JSON object, for tools\n"
    "      --what-if FILE     beside today's rules, those of another programs file\n"
    "      --what-if-catalog FILE  … and of another catalog\n"
    "      --ledger-file FILE look into a worker's local ledger file instead of the topic\n"
    "      --since YYYY-MM-DD published records that are older are not looked for\n"
    "      --history          also records of the input that were processed long ago\n"
    "      --no-published     do not read what was published\n"
    "      --programs FILE    without a broker: the rules,\n"
    "      --catalog FILE     product to family and workload,\n"
    "      --reference FILE   partners and customers, a JSON object a line,\n"
    "      --lines FILE       lines, changed reference values and re-rates, a JSON object a line\n"
    "      --no-link          without a broker: a line without a link is forgone\n"
    "\n"
    "Exit code 1 also when the ledger does not know the line; then standard output says what is\n"
    "known of it.\n"
    "\n" COMMAND_COMMON_HELP;

#define ID_SIZE_MAX 1024
#define DAY_MS INT64_C(86400000)

enum {
    OPTION_CUSTOMER = 256,
    OPTION_PROGRAM,
    OPTION_JSON,
    OPTION_WHAT_IF,
    OPTION_WHAT_IF_CATALOG,
    OPTION_LEDGER_FILE,
    OPTION_SINCE,
    OPTION_HISTORY,
    OPTION_NO_PUBLISHED,
    OPTION_PROGRAMS,
    OPTION_CATALOG,
    OPTION_REFERENCE,
    OPTION_LINES,
    OPTION_NO_LINK,
};

static const struct option long_options[] = {
    {"customer", required_argument, NULL, OPTION_CUSTOMER},
    {"program", required_argument, NULL, OPTION_PROGRAM},
    {"json", no_argument, NULL, OPTION_JSON},
    {"what-if", required_argument, NULL, OPTION_WHAT_IF},
    {"what-if-catalog", required_argument, NULL, OPTION_WHAT_IF_CATALOG},
    {"ledger-file", required_argument, NULL, OPTION_LEDGER_FILE},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"history", no_argument, NULL, OPTION_HISTORY},
    {"no-published", no_argument, NULL, OPTION_NO_PUBLISHED},
    {"programs", required_argument, NULL, OPTION_PROGRAMS},
    {"catalog", required_argument, NULL, OPTION_CATALOG},
    {"reference", required_argument, NULL, OPTION_REFERENCE},
    {"lines", required_argument, NULL, OPTION_LINES},
    {"no-link", no_argument, NULL, OPTION_NO_LINK},
    COMMAND_COMMON_LONG,
};

void explain_rules_init(struct explain_rules *rules) {
    catalog_init(&rules->catalog);
    programs_init(&rules->programs);
    catalog_init(&rules->other_catalog);
    programs_init(&rules->other_programs);
}

void explain_rules_release(struct explain_rules *rules) {
    programs_release(&rules->other_programs);
    catalog_release(&rules->other_catalog);
    programs_release(&rules->programs);
    catalog_release(&rules->catalog);
}

/* Tags are bits of a catalog's own table, so each programs file gets a catalog of its own. */
static bool load(struct programs *programs, struct catalog *catalog, const char *programs_path,
                 const char *catalog_path, struct fault *fault) {
    return (catalog_path == NULL || catalog_load(catalog, catalog_path, fault)) &&
           programs_load(programs, catalog, programs_path, fault);
}

static bool program_is_known(const struct explain_rules *rules, const char *program,
                             struct fault *fault) {
    if (program == NULL || programs_find(&rules->programs, text_of(program)) >= 0 ||
        programs_find(&rules->other_programs, text_of(program)) >= 0) {
        return true;
    }
    const char *names[PROGRAM_COUNT_MAX];
    char tail[SUGGESTION_SIZE_MAX];
    for (size_t i = 0; i < rules->programs.count; i++) {
        names[i] = rules->programs.items[i].id.data; /* NUL-terminated by its arena */
    }
    return fault_set(fault, "no program \"%s\"%s", program,
                     suggest_tail(text_of(program), names, rules->programs.count, tail));
}

bool explain_rules_load(struct explain_rules *rules, const struct explain_options *options,
                        const char *programs, const char *catalog, struct fault *fault) {
    const char *other = options->what_if != NULL ? options->what_if : programs;
    const char *other_catalog =
        options->what_if_catalog != NULL ? options->what_if_catalog : catalog;
    bool has_other = options->what_if != NULL || options->what_if_catalog != NULL;
    return load(&rules->programs, &rules->catalog, programs, catalog, fault) &&
           (!has_other ||
            load(&rules->other_programs, &rules->other_catalog, other, other_catalog, fault)) &&
           program_is_known(rules, options->program, fault);
}

static int print(const struct explain_options *options, const struct explanation *explanation) {
    struct buffer output;
    buffer_init(&output);
    if (options->is_json) {
        explanation_append_json(&output, explanation);
        buffer_append_byte(&output, '\n');
    } else {
        struct document document;
        document_init(&document);
        explanation_report(&document, explanation);
        document_append_text(&output, &document);
        document_release(&document);
    }
    bool is_written =
        fwrite(output.data, 1, output.size, stdout) == output.size && fflush(stdout) == 0;
    buffer_release(&output);
    if (!is_written) {
        (void)fprintf(stderr, "accrued explain: standard output: %s\n", strerror(errno));
        return COMMAND_FAILED;
    }
    return explanation->state != NULL ? COMMAND_OK : COMMAND_FAILED;
}

int explain_finish(const struct explain_options *options, struct explainer *explainer,
                   struct explanation *explanation, const struct explain_rules *rules,
                   const struct explainer_reference *reference) {
    struct explained_other other = {.programs = options->what_if != NULL ? options->what_if
                                                                         : "the same programs",
                                    .catalog = options->what_if_catalog,
                                    .rules = &rules->other_programs};
    if (explanation->state != NULL) {
        explainer_rate(explainer, explanation, reference);
        if (options->what_if != NULL || options->what_if_catalog != NULL) {
            explainer_rate_other(explainer, explanation, &other, &rules->other_catalog, reference);
        }
        if (options->program != NULL) {
            explainer_only(explainer, explanation, text_of(options->program));
        }
    }
    return print(options, explanation);
}

static bool take_option(struct explain_options *options, int option) {
    switch (option) {
    case OPTION_CUSTOMER: options->customer_id = text_of(optarg); break;
    case OPTION_PROGRAM: options->program = optarg; break;
    case OPTION_JSON: options->is_json = true; break;
    case OPTION_WHAT_IF: options->what_if = optarg; break;
    case OPTION_WHAT_IF_CATALOG: options->what_if_catalog = optarg; break;
    case OPTION_LEDGER_FILE: options->ledger_file = optarg; break;
    case OPTION_HISTORY: options->with_history = true; break;
    case OPTION_NO_PUBLISHED: options->with_published = false; break;
    case OPTION_PROGRAMS: options->programs = optarg; break;
    case OPTION_CATALOG: options->catalog = optarg; break;
    case OPTION_REFERENCE: options->reference = optarg; break;
    case OPTION_LINES: options->lines = optarg; break;
    case OPTION_NO_LINK: options->no_link = true; break;
    default: return false;
    }
    return true;
}

static bool take_since(struct explain_options *options) {
    int32_t day = 0;
    if (!calendar_parse_day(text_of(optarg), &day)) {
        return false;
    }
    options->since_ms = day * DAY_MS;
    return true;
}

/* Which form it is, and whether the options are that form's. */
static int check_options(const char *command, const struct explain_options *options,
                         const struct command_common *common) {
    bool is_offline = options->programs != NULL || options->lines != NULL;
    if (is_offline && (options->programs == NULL || options->lines == NULL)) {
        return command_usage(command, "%s is required without a broker",
                             options->programs == NULL ? "--programs" : "--lines");
    }
    if (is_offline &&
        (common->config_path != NULL || common->override_count > 0 ||
         options->ledger_file != NULL || options->since_ms >= 0 || options->with_history)) {
        return command_usage(command, "-c, -o, --ledger-file, --since and --history go with a "
                                      "broker, --programs and --lines without");
    }
    if (!is_offline &&
        (options->catalog != NULL || options->reference != NULL || options->no_link)) {
        return command_usage(command, "--catalog, --reference and --no-link go with --programs "
                                      "and --lines");
    }
    return COMMAND_OK;
}

/* Ids are folded as everywhere else. */
static bool fold_id(struct text *id, char to[ID_SIZE_MAX]) {
    if (text_is_null(*id)) {
        return true;
    }
    if (id->size == 0 || id->size > ID_SIZE_MAX) {
        return false;
    }
    *id = text_fold(*id, to);
    return true;
}

int command_explain(int argc, char **argv) {
    struct explain_options options = {.since_ms = -1, .with_published = true};
    struct command_common common = {.override_count = 0};
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return COMMAND_OK;
        }
        if (option == OPTION_SINCE && !take_since(&options)) {
            return command_usage(argv[0], "--since %s: not a date YYYY-MM-DD", optarg);
        }
        if (option != OPTION_SINCE && !take_option(&options, option)) {
            return COMMAND_USAGE;
        }
    }
    if (optind + 1 != argc) {
        return command_usage(argv[0], optind == argc ? "the line's id is wanted"
                                                     : "one line's id is wanted");
    }
    char line_id[ID_SIZE_MAX];
    char customer_id[ID_SIZE_MAX];
    options.line_id = text_of(argv[optind]);
    if (!fold_id(&options.line_id, line_id) || !fold_id(&options.customer_id, customer_id)) {
        return command_usage(argv[0], "an id has 1 to %d bytes", ID_SIZE_MAX);
    }
    int code = check_options(argv[0], &options, &common);
    if (code != COMMAND_OK) {
        return code;
    }
    if (options.programs != NULL) {
        return explain_offline(&options);
    }
    struct config config;
    if (!command_load(argv[0], &common, &config)) {
        return COMMAND_FAILED;
    }
    code = explain_online(&options, &config);
    config_release(&config);
    return code;
}
