/* accrued rerate: asks the workers to rate past lines again, or shows what that would publish. */
#include "rerate.h"
#include "schemas.h"

#include "accrued/catalog.h"
#include "accrued/clock.h"
#include "accrued/programs_yaml.h"
#include "accrued/require.h"
#include "accrued/rerate_record.h"
#include "accrued/rerate_watch.h"
#include "command.h"

#include <stdio.h>
#include <sys/random.h>

static const char usage[] =
    "Usage: accrued rerate --customer ID | --partner MPN | --program ID | --all\n"
    "                      [--from DAY] [--to DAY] [--reason TEXT] [--request-id ID]\n"
    "                      [--wait [--timeout SECONDS] | --dry-run] [-c FILE] [-o KEY=VALUE]…\n"
    "\n"
    "Has past lines rated again with today's reference data and programs, from the facts in the\n"
    "ledger. Only differences are published, with reason RERATE and the request's id. For changes\n"
    "that did not come through `accrued reference load`, which asks by itself: write Redis first,\n"
    "then ask. Prints the request's id.\n"
    "\n"
    "      --customer ID      the customer's lines\n"
    "      --partner MPN      lines that the partner earns on, forgoes on, or could\n"
    "      --program ID       all lines, that program's entries only\n"
    "      --all              all lines\n"
    "      --from DAY         lines with charge_start_date on or after YYYY-MM-DD …\n"
    "      --to DAY           … and before YYYY-MM-DD\n"
    "      --reason TEXT      for people; stays with the request\n"
    "      --request-id ID    instead of a random one; the same request twice does nothing more\n"
    "      --wait             until every partition has served it; exit code 1 if a line could\n"
    "                         not be rated again (the workers' logs name it)\n"
    "      --timeout SECONDS  of --wait; without it there is none\n"
    "      --dry-run          print what would be published as JSON lines, publish "
    "nothing\n" COMMAND_COMMON_HELP;

enum {
    OPTION_CUSTOMER = 256,
    OPTION_PARTNER,
    OPTION_PROGRAM,
    OPTION_ALL,
    OPTION_FROM,
    OPTION_TO,
    OPTION_REASON,
    OPTION_REQUEST_ID,
    OPTION_WAIT,
    OPTION_TIMEOUT,
    OPTION_DRY_RUN,
};

static const struct option long_options[] = {
    {"customer", required_argument, NULL, OPTION_CUSTOMER},
    {"partner", required_argument, NULL, OPTION_PARTNER},
    {"program", required_argument, NULL, OPTION_PROGRAM},
    {"all", no_argument, NULL, OPTION_ALL},
    {"from", required_argument, NULL, OPTION_FROM},
    {"to", required_argument, NULL, OPTION_TO},
    {"reason", required_argument, NULL, OPTION_REASON},
    {"request-id", required_argument, NULL, OPTION_REQUEST_ID},
    {"wait", no_argument, NULL, OPTION_WAIT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    COMMAND_COMMON_LONG,
};

struct arguments {
    struct rerate_request request;
    int scope_count;
    bool is_wait;
    bool is_dry_run;
    int64_t timeout_s;
};

void rerate_draw_id(char to[REQUEST_ID_SIZE]) {
    uint8_t bytes[16];
    REQUIRE(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            to[at++] = '-';
        }
        at += (size_t)snprintf(to + at, 3, "%02x", bytes[i]);
    }
}

bool rerate_put(struct request_writer *writer, enum rerate_scope scope, struct text id,
                struct text request_id, const char *reason, struct fault *fault) {
    struct rerate_request request = {
        .scope = scope,
        .id = id,
        .charge_start = {DAY_MIN, DAY_MAX},
        .request_id = request_id,
        .reason = text_of(reason),
    };
    return request_writer_put(writer, &request, clock_wall_ms(), fault);
}

static void set_scope(struct arguments *arguments, enum rerate_scope scope, const char *id) {
    arguments->scope_count++;
    arguments->request.scope = scope;
    arguments->request.id = text_of(id);
}

static bool take_day(const char *command, const char *option, int32_t *ret_day) {
    return calendar_parse_day(text_of(optarg), ret_day) ||
           (command_usage(command, "%s: \"%s\" is not a date YYYY-MM-DD", option, optarg), false);
}

/* COMMAND_OK, or the mistake has been told. */
static int take_option(const char *command, int option, struct arguments *arguments) {
    struct rerate_request *request = &arguments->request;
    switch (option) {
    case OPTION_CUSTOMER: set_scope(arguments, RERATE_CUSTOMER, optarg); break;
    case OPTION_PARTNER: set_scope(arguments, RERATE_PARTNER, optarg); break;
    case OPTION_PROGRAM: set_scope(arguments, RERATE_PROGRAM, optarg); break;
    case OPTION_ALL: set_scope(arguments, RERATE_ALL, NULL); break;
    case OPTION_FROM:
        return take_day(command, "--from", &request->charge_start.from) ? COMMAND_OK
                                                                        : COMMAND_USAGE;
    case OPTION_TO:
        return take_day(command, "--to", &request->charge_start.to) ? COMMAND_OK : COMMAND_USAGE;
    case OPTION_REASON: request->reason = text_of(optarg); break;
    case OPTION_REQUEST_ID: request->request_id = text_of(optarg); break;
    case OPTION_WAIT: arguments->is_wait = true; break;
    case OPTION_TIMEOUT:
        if (!text_to_int64(text_of(optarg), &arguments->timeout_s) || arguments->timeout_s == 0 ||
            arguments->timeout_s > INT32_MAX) {
            return command_usage(command, "--timeout: \"%s\" is not a number of seconds", optarg);
        }
        break;
    case OPTION_DRY_RUN: arguments->is_dry_run = true; break;
    default: return COMMAND_USAGE;
    }
    return COMMAND_OK;
}

static int check_arguments(const char *command, const struct arguments *arguments) {
    if (arguments->scope_count != 1) {
        return command_usage(command, arguments->scope_count == 0
                                          ? "say what: --customer, --partner, --program or --all"
                                          : "one of --customer, --partner, --program, --all");
    }
    if (arguments->is_wait && arguments->is_dry_run) {
        return command_usage(command, "--dry-run has nothing to --wait for");
    }
    if (arguments->timeout_s > 0 && !arguments->is_wait) {
        return command_usage(command, "--timeout goes with --wait");
    }
    const struct interval *days = &arguments->request.charge_start;
    if (days->from >= days->to && days->from != DAY_MIN && days->to != DAY_MAX) {
        char from[CALENDAR_DAY_SIZE];
        char to[CALENDAR_DAY_SIZE];
        calendar_format_day(days->from, from);
        calendar_format_day(days->to, to);
        return command_usage(command, "--from %s is not before --to %s: no day lies between", from,
                             to);
    }
    struct fault fault;
    return rerate_request_check(&arguments->request, &fault)
               ? COMMAND_OK
               : command_usage(command, "%s", fault.text);
}

/* A name that is mistyped would be asked for, and served, without anything to do. Only a warning:
 * the workers' file decides. */
static void warn_of_unknown_program(const struct config *config, struct text id) {
    struct catalog catalog;
    struct programs programs;
    struct fault fault;
    catalog_init(&catalog);
    programs_init(&programs);
    if (catalog_load(&catalog, config->rating.catalog, &fault) &&
        programs_load(&programs, &catalog, config->rating.programs, &fault) &&
        programs_find(&programs, id) < 0) {
        (void)fprintf(stderr,
                      "accrued rerate: warning: --program: \"%.*s\" is not in %s; nothing will "
                      "be rated unless the workers' file has it\n",
                      TEXT_ARGS(id), config->rating.programs);
    }
    programs_release(&programs);
    catalog_release(&catalog);
}

static void tell_progress(void *context, const struct rerate_progress *progress) {
    (void)context;
    (void)fprintf(stderr, "accrued rerate: %d of %d partitions\n", progress->done,
                  progress->partitions);
}

static int wait_for(const char *command, const struct config *config, int64_t offset,
                    int64_t timeout_s) {
    struct rerate_progress progress;
    struct fault fault;
    if (!rerate_watch(config, offset, timeout_s * 1000, tell_progress, NULL, &progress, &fault)) {
        return command_failed(command, &fault);
    }
    if (progress.unrated > 0) {
        (void)fprintf(stderr,
                      "accrued rerate: incomplete: %llu line%s could not be rated again and keep%s "
                      "what was published; the workers' logs name them (line_not_rated_again)\n",
                      (unsigned long long)progress.unrated, progress.unrated == 1 ? "" : "s",
                      progress.unrated == 1 ? "s" : "");
        return COMMAND_FAILED;
    }
    (void)fprintf(stderr, "accrued rerate: complete, %d partitions\n", progress.partitions);
    return COMMAND_OK;
}

static int ask(const char *command, const struct config *config,
               const struct arguments *arguments) {
    struct fault fault;
    int64_t offset = -1;
    struct request_writer *writer = schemas_open_requests(config, &fault);
    bool is_good = writer != NULL &&
                   request_writer_put(writer, &arguments->request, clock_wall_ms(), &fault) &&
                   request_writer_flush(writer, &offset, &fault);
    request_writer_free(writer);
    if (!is_good) {
        return command_failed(command, &fault);
    }
    (void)printf("%.*s\n", TEXT_ARGS(arguments->request.request_id));
    (void)fflush(stdout);
    return arguments->is_wait ? wait_for(command, config, offset, arguments->timeout_s)
                              : COMMAND_OK;
}

int command_rerate(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    char drawn[REQUEST_ID_SIZE];
    rerate_draw_id(drawn);
    struct arguments arguments = {
        .request = {.charge_start = {DAY_MIN, DAY_MAX}, .request_id = text_of(drawn)},
    };
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return COMMAND_OK;
        }
        if (take_option(argv[0], option, &arguments) != COMMAND_OK) {
            return COMMAND_USAGE;
        }
    }
    if (optind < argc) {
        return command_usage(argv[0], "\"%s\" is too much", argv[optind]);
    }
    struct arena arena;
    struct config config;
    arena_init(&arena);
    if (arguments.request.scope == RERATE_CUSTOMER) {
        arguments.request.id = arena_fold(&arena, arguments.request.id);
    }
    int code = check_arguments(argv[0], &arguments);
    if (code == COMMAND_OK) {
        code = COMMAND_FAILED;
        if (command_load(argv[0], &common, &config)) {
            if (arguments.request.scope == RERATE_PROGRAM) {
                warn_of_unknown_program(&config, arguments.request.id);
            }
            code = arguments.is_dry_run ? rerate_dry_run(&config, &arguments.request)
                                        : ask(argv[0], &config, &arguments);
            config_release(&config);
        }
    }
    arena_release(&arena);
    return code;
}
