/* accrued topics: the Kafka topics as the service needs them. */
#include "accrued/topics.h"

#include "accrued/require.h"
#include "accrued/suggest.h"
#include "accrued/table.h"
#include "command.h"

#include <inttypes.h>
#include <stdio.h>

static const char usage[] =
    "Usage: accrued topics create|check|print [-c FILE] [-o KEY=VALUE]… [OPTION…]\n"
    "\n"
    "  create   create the topics that are missing, leave the others, then check all\n"
    "  check    hold the topics against what the service needs; exit code 1 if one is wrong\n"
    "  print    print what is needed and why; asks no server\n"
    "\n"
    "`wrong` is what `accrued run` refuses to start on, `doubtful` what your cluster may have a\n"
    "reason for. Names, partitions and copies come from the section `topics` of the "
    "configuration.\n"
    "\n"
    "      --strict           check, create: doubtful is wrong\n"
    "      --commands         print: as kafka-topics.sh commands\n" COMMAND_COMMON_HELP;

enum { OPTION_COMMANDS = 256, OPTION_STRICT };

static const struct option long_options[] = {
    {"commands", no_argument, NULL, OPTION_COMMANDS},
    {"strict", no_argument, NULL, OPTION_STRICT},
    COMMAND_COMMON_LONG,
};

struct arguments {
    bool is_commands;
    bool is_strict;
};

struct tally {
    bool is_quiet; /* about what is good */
    size_t good;
    size_t wrong;
    size_t doubtful;
};

/* "wrong     accrued-ledger  cleanup.policy: delete, wanted: compact", then why, then the
 * repair. */
static void tell(void *context, const struct topic_finding *finding) {
    struct tally *tally = context;
    if (finding->is_good) {
        tally->good++;
        if (!tally->is_quiet) {
            (void)printf("good      %s: %s: %s\n", finding->topic, finding->setting, finding->is);
        }
        return;
    }
    bool is_wrong = finding->grade == TOPIC_MUST;
    tally->wrong += is_wrong ? 1 : 0;
    tally->doubtful += is_wrong ? 0 : 1;
    (void)printf("%-9s %s: %s: %s, wanted: %s (%s)\n          repair: %s\n",
                 is_wrong ? "wrong" : "doubtful", finding->topic, finding->setting, finding->is,
                 finding->wanted, finding->why, finding->repair);
}

static int hold_against(const char *command, const struct config *config, struct tally tally,
                        bool is_strict) {
    struct topic_wanted wanted[TOPIC_COUNT];
    struct topic_found found[TOPIC_COUNT];
    struct fault fault;
    topics_wanted(config, wanted);
    if (topics_describe(config, wanted, found, &fault) != TOPICS_GOOD) {
        return command_failed(command, &fault);
    }
    topics_compare(wanted, found, config->kafka.bootstrap_servers, tell, &tally);
    (void)fflush(stdout);
    (void)fprintf(stderr, "accrued topics: %zu good, %zu doubtful, %zu wrong\n", tally.good,
                  tally.doubtful, tally.wrong);
    bool is_good = tally.wrong == 0 && (tally.doubtful == 0 || !is_strict);
    return is_good ? COMMAND_OK : COMMAND_FAILED;
}

static int check(const char *command, const struct config *config, struct arguments arguments) {
    return hold_against(command, config, (struct tally){.is_quiet = false}, arguments.is_strict);
}

static int create(const char *command, const struct config *config, struct arguments arguments) {
    struct topic_wanted wanted[TOPIC_COUNT];
    bool created[TOPIC_COUNT];
    struct fault fault;
    topics_wanted(config, wanted);
    if (!topics_create(config, wanted, created, &fault)) {
        return command_failed(command, &fault);
    }
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        if (created[i]) {
            (void)printf("created   %s: %" PRId32 " partition%s, %" PRId32 " cop%s\n",
                         wanted[i].name, wanted[i].partitions, wanted[i].partitions == 1 ? "" : "s",
                         wanted[i].copies, wanted[i].copies == 1 ? "y" : "ies");
        } else {
            (void)printf("there     %s\n", wanted[i].name);
        }
    }
    return hold_against(command, config, (struct tally){.is_quiet = true}, arguments.is_strict);
}

static void add_number(struct table *table, const char *topic, const char *what, int32_t number,
                       const char *grade, const char *why) {
    char text[16];
    (void)snprintf(text, sizeof text, "%" PRId32, number);
    table_add(table, (const char *const[]){topic, what, text, grade, why});
}

static void print_table(const struct topic_wanted *wanted) {
    static const struct table_column columns[] = {
        {.heading = "TOPIC"},  {.heading = "SETTING"}, {.heading = "WANTED"},
        {.heading = "IF NOT"}, {.heading = "WHY"},
    };
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        bool is_checked = i == TOPIC_LEDGER || i == TOPIC_BALANCES || i == TOPIC_RERATE_REQUESTS;
        add_number(table, wanted[i].name, "partitions", wanted[i].partitions,
                   is_checked                 ? "wrong"
                   : i == TOPIC_BILLING_LINES ? "doubtful"
                                              : "",
                   wanted[i].purpose);
        add_number(table, "", "copies", wanted[i].copies, "doubtful", "a broker's disk may die");
        for (size_t j = 0; j < wanted[i].setting_count; j++) {
            const struct topic_setting *setting = &wanted[i].settings[j];
            char value[TOPIC_WANTED_SIZE_MAX];
            topic_setting_describe(setting, value);
            table_add(table,
                      (const char *const[]){"", setting->name, value,
                                            setting->grade == TOPIC_MUST ? "wrong" : "doubtful",
                                            setting->why});
        }
    }
    table_print(table, stdout);
    table_free(table);
}

static int print(const char *command, const struct config *config, struct arguments arguments) {
    (void)command;
    struct topic_wanted wanted[TOPIC_COUNT];
    topics_wanted(config, wanted);
    if (arguments.is_commands) {
        struct buffer text;
        buffer_init(&text);
        topics_append_commands(&text, wanted, config->kafka.bootstrap_servers);
        (void)fwrite(text.data, 1, text.size, stdout);
        buffer_release(&text);
    } else {
        print_table(wanted);
    }
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

static const struct action {
    const char *name;
    int (*run)(const char *command, const struct config *config, struct arguments arguments);
} actions[] = {{"create", create}, {"check", check}, {"print", print}};
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

/* NULL: the mistake has been told. */
static const struct action *find_action(int argc, char **argv) {
    if (optind >= argc) {
        (void)command_usage(argv[0], "say what to do: create, check or print");
        return NULL;
    }
    const char *names[ACTION_COUNT];
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        names[i] = actions[i].name;
        if (strcmp(argv[optind], actions[i].name) == 0) {
            if (optind + 1 < argc) {
                (void)command_usage(argv[0], "\"%s\" is too much", argv[optind + 1]);
                return NULL;
            }
            return &actions[i];
        }
    }
    char tail[SUGGESTION_SIZE_MAX];
    (void)command_usage(argv[0], "cannot \"%s\"%s", argv[optind],
                        suggest_tail(text_of(argv[optind]), names, ACTION_COUNT, tail));
    return NULL;
}

int command_topics(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    struct arguments arguments = {.is_strict = false};
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case OPTION_COMMANDS: arguments.is_commands = true; break;
        case OPTION_STRICT: arguments.is_strict = true; break;
        default: return COMMAND_USAGE;
        }
    }
    const struct action *action = find_action(argc, argv);
    if (action == NULL) {
        return COMMAND_USAGE;
    }
    if (arguments.is_commands && action->run != print) {
        return command_usage(argv[0], "--commands goes with print");
    }
    if (arguments.is_strict && action->run == print) {
        return command_usage(argv[0], "--strict goes with check and create");
    }
    struct config config;
    if (!command_load(argv[0], &common, &config)) {
        return COMMAND_FAILED;
    }
    int code = action->run(argv[0], &config, arguments);
    config_release(&config);
    return code;
}
