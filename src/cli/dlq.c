/* accrued dlq: the dead letters, for the person who repairs them. */
#include "dlq.h"

#include "accrued/calendar.h"
#include "accrued/suggest.h"
#include "command.h"

#include <stdio.h>

static const char usage[] =
    "Usage: accrued dlq list   [LETTER…] [FILTER…] [--summary] [--json]\n"
    "       accrued dlq show   LETTER [--json]\n"
    "       accrued dlq replay LETTER… | FILTER… | --all  [--again] [--dry-run | --confirm N]\n"
    "       accrued dlq purge  --before LETTER…  [--dry-run | --confirm N]\n"
    "\n"
    "Records that could not be rated stand in topics.billing_lines_dlq as they came, with the\n"
    "reason. A LETTER is PARTITION/OFFSET in that topic. list and show change nothing.\n"
    "\n"
    "replay sends letters back into the input: key, value and headers as they came, with their\n"
    "source position, so that on a tie of revisions the original offset decides. Each replayed\n"
    "letter is marked in the topic, in the same transaction, and is left out the next time. The\n"
    "ledger makes a letter sent twice change nothing. purge deletes the beginning of partitions.\n"
    "Both do what they do only when the number of letters is confirmed.\n"
    "\n"
    "      --code CODE        the reason: avro_malformed, schema_unknown, reference_unreadable …;\n"
    "                         repeatable\n"
    "      --customer ID      by customer_id, or by key where that cannot be decoded\n"
    "      --since TIME       put there at or after YYYY-MM-DD or an RFC 3339 time …\n"
    "      --until TIME       … and before\n"
    "      --partition N      of the dead letters\n"
    "      --offset N         goes with --partition\n"
    "      --open             not replayed yet\n"
    "      --all              replay: every letter that can be\n"
    "      --again            replay: also what was replayed already\n"
    "      --before LETTER    purge: letters of its partition with a lower offset; repeatable\n"
    "      --summary          list: numbers by code\n"
    "      --json             JSON lines\n"
    "      --dry-run          say how many, do nothing\n"
    "      --confirm N        yes, these N; without it a terminal is asked\n" COMMAND_COMMON_HELP;

enum {
    OPTION_CODE = 256,
    OPTION_CUSTOMER,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_PARTITION,
    OPTION_OFFSET,
    OPTION_OPEN,
    OPTION_ALL,
    OPTION_AGAIN,
    OPTION_BEFORE,
    OPTION_SUMMARY,
    OPTION_JSON,
    OPTION_DRY_RUN,
    OPTION_CONFIRM,
};

static const struct option long_options[] = {
    {"code", required_argument, NULL, OPTION_CODE},
    {"customer", required_argument, NULL, OPTION_CUSTOMER},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"partition", required_argument, NULL, OPTION_PARTITION},
    {"offset", required_argument, NULL, OPTION_OFFSET},
    {"open", no_argument, NULL, OPTION_OPEN},
    {"all", no_argument, NULL, OPTION_ALL},
    {"again", no_argument, NULL, OPTION_AGAIN},
    {"before", required_argument, NULL, OPTION_BEFORE},
    {"summary", no_argument, NULL, OPTION_SUMMARY},
    {"json", no_argument, NULL, OPTION_JSON},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"confirm", required_argument, NULL, OPTION_CONFIRM},
    COMMAND_COMMON_LONG,
};

static const struct action {
    const char *name;
    int (*run)(const struct dlq *dlq);
} actions[] = {
    {"list", dlq_list}, {"show", dlq_show}, {"replay", dlq_replay}, {"purge", dlq_purge}};
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

#define DAY_MS INT64_C(86400000)

static int take_time(const char *command, const char *option, int64_t *ret_ms) {
    int32_t day = 0;
    if (calendar_parse_day(text_of(optarg), &day)) {
        *ret_ms = day * DAY_MS;
        return COMMAND_OK;
    }
    return calendar_parse_time(text_of(optarg), ret_ms)
               ? COMMAND_OK
               : command_usage(command, "%s: \"%s\" is neither a day nor an RFC 3339 time", option,
                               optarg);
}

static int take_number(const char *command, const char *option, int64_t max, int64_t *ret_number) {
    return text_to_int64(text_of(optarg), ret_number) && *ret_number <= max
               ? COMMAND_OK
               : command_usage(command, "%s: \"%s\" is not a number", option, optarg);
}

static int take_position(const char *command, const char *given, struct letter_position *items,
                         size_t *count) {
    const char *slash = strchr(given, '/');
    int64_t partition = 0;
    int64_t offset = 0;
    if (slash == NULL ||
        !text_to_int64((struct text){given, (size_t)(slash - given)}, &partition) ||
        !text_to_int64(text_of(slash + 1), &offset) || partition > INT32_MAX) {
        return command_usage(command, "\"%s\" is not a letter PARTITION/OFFSET", given);
    }
    if (*count == DLQ_POSITIONS_MAX) {
        return command_usage(command, "more than %d letters by name", DLQ_POSITIONS_MAX);
    }
    items[(*count)++] = (struct letter_position){(int32_t)partition, offset};
    return COMMAND_OK;
}

static int take_option(int option, struct dlq *dlq) {
    struct letter_filter *filter = &dlq->filter;
    int64_t number = 0;
    int code = COMMAND_OK;
    switch (option) {
    case OPTION_CODE:
        if (filter->code_count == DLQ_CODES_MAX) {
            return command_usage(dlq->command, "more than %d times --code", DLQ_CODES_MAX);
        }
        filter->codes[filter->code_count++] = text_of(optarg);
        break;
    case OPTION_CUSTOMER: filter->customer = text_of(optarg); break;
    case OPTION_SINCE: return take_time(dlq->command, "--since", &filter->since_ms);
    case OPTION_UNTIL: return take_time(dlq->command, "--until", &filter->until_ms);
    case OPTION_PARTITION:
        code = take_number(dlq->command, "--partition", INT32_MAX, &number);
        filter->partition = (int32_t)number;
        break;
    case OPTION_OFFSET:
        return take_number(dlq->command, "--offset", INT64_MAX - 1, &filter->offset);
    case OPTION_OPEN: filter->only_open = true; break;
    case OPTION_ALL: dlq->is_all = true; break;
    case OPTION_AGAIN: dlq->is_again = true; break;
    case OPTION_BEFORE: return take_position(dlq->command, optarg, dlq->cuts, &dlq->cut_count);
    case OPTION_SUMMARY: dlq->is_summary = true; break;
    case OPTION_JSON: dlq->is_json = true; break;
    case OPTION_DRY_RUN: dlq->is_dry_run = true; break;
    case OPTION_CONFIRM: return take_number(dlq->command, "--confirm", INT64_MAX, &dlq->confirmed);
    default: return COMMAND_USAGE;
    }
    return code;
}

static bool has_filter(const struct letter_filter *filter) {
    return filter->code_count > 0 || !text_is_null(filter->customer) ||
           filter->since_ms != INT64_MIN || filter->until_ms != INT64_MAX ||
           filter->partition != DLQ_ANY || filter->only_open || filter->position_count > 0;
}

/* A code that no worker writes selects nothing, and that would look like good news. */
static int check_codes(const struct dlq *dlq) {
    const char *names[REJECT_CODE_COUNT];
    size_t count = 0;
    for (int code = REJECT_NONE + 1; code < REJECT_JSON_MALFORMED; code++) {
        names[count++] = reject_code_name((enum reject_code)code);
    }
    for (size_t i = 0; i < dlq->filter.code_count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < count; k++) {
            is_known = is_known || text_equal(dlq->filter.codes[i], text_of(names[k]));
        }
        if (!is_known) {
            char tail[SUGGESTION_SIZE_MAX];
            return command_usage(dlq->command, "no code \"%s\"%s", dlq->filter.codes[i].data,
                                 suggest_tail(dlq->filter.codes[i], names, count, tail));
        }
    }
    return COMMAND_OK;
}

static int check_arguments(const struct dlq *dlq, const struct action *action) {
    bool changes = action->run == dlq_replay || action->run == dlq_purge;
    if (dlq->filter.offset != DLQ_ANY && dlq->filter.partition == DLQ_ANY) {
        return command_usage(dlq->command, "--offset goes with --partition");
    }
    if ((dlq->is_dry_run || dlq->confirmed >= 0) && !changes) {
        return command_usage(dlq->command, "%s changes nothing: no --dry-run, no --confirm",
                             action->name);
    }
    if (dlq->is_dry_run && dlq->confirmed >= 0) {
        return command_usage(dlq->command, "--dry-run or --confirm");
    }
    if ((dlq->is_all || dlq->is_again) && action->run != dlq_replay) {
        return command_usage(dlq->command, "--all and --again go with replay");
    }
    if (action->run == dlq_replay && has_filter(&dlq->filter) == dlq->is_all) {
        return command_usage(dlq->command, "say which letters: by name, by a filter, or --all");
    }
    if ((action->run == dlq_purge) != (dlq->cut_count > 0)) {
        return command_usage(dlq->command, "--before PARTITION/OFFSET says what purge deletes");
    }
    if (action->run == dlq_purge && has_filter(&dlq->filter)) {
        return command_usage(dlq->command,
                             "purge deletes the beginning of a partition, not single letters");
    }
    if (dlq->is_summary && action->run != dlq_list) {
        return command_usage(dlq->command, "--summary goes with list");
    }
    return check_codes(dlq);
}

/* NULL: the mistake has been told. */
static const struct action *find_action(int argc, char **argv) {
    if (optind >= argc) {
        (void)command_usage(argv[0], "say what to do: list, show, replay or purge");
        return NULL;
    }
    const char *names[ACTION_COUNT];
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        names[i] = actions[i].name;
        if (strcmp(argv[optind], names[i]) == 0) {
            return &actions[i];
        }
    }
    char tail[SUGGESTION_SIZE_MAX];
    (void)command_usage(argv[0], "cannot \"%s\"%s", argv[optind],
                        suggest_tail(text_of(argv[optind]), names, ACTION_COUNT, tail));
    return NULL;
}

static int run(int argc, char **argv, struct dlq *dlq, const struct command_common *common) {
    const struct action *action = find_action(argc, argv);
    if (action == NULL) {
        return COMMAND_USAGE;
    }
    for (int i = optind + 1; i < argc; i++) {
        if (take_position(argv[0], argv[i], dlq->filter.positions, &dlq->filter.position_count) !=
            COMMAND_OK) {
            return COMMAND_USAGE;
        }
    }
    int code = check_arguments(dlq, action);
    if (code != COMMAND_OK) {
        return code;
    }
    struct config config;
    struct arena arena;
    if (!command_load(argv[0], common, &config)) {
        return COMMAND_FAILED;
    }
    arena_init(&arena);
    dlq->config = &config;
    dlq->filter.customer = arena_fold(&arena, dlq->filter.customer);
    code = action->run(dlq);
    arena_release(&arena);
    config_release(&config);
    return code;
}

int command_dlq(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    struct dlq dlq = {
        .command = argv[0],
        .filter = {.since_ms = INT64_MIN,
                   .until_ms = INT64_MAX,
                   .partition = DLQ_ANY,
                   .offset = DLQ_ANY},
        .confirmed = -1,
    };
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return COMMAND_OK;
        }
        if (take_option(option, &dlq) != COMMAND_OK) {
            return COMMAND_USAGE;
        }
    }
    return run(argc, argv, &dlq, &common);
}
