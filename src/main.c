/* accrued: read this first.
 *
 * A billing line's way through this program is the list of folders in src/:
 *
 *   source → decode → enrich → rate → ledger → encode → publish      all of it driven by lane/
 *
 * This file only finds the command that was asked for. `run` is the service; `rate` is the same
 * core on files; the rest sets up, feeds and checks. */
#include "accrued/suggest.h"
#include "cli/command.h"

#include <locale.h>
#include <stdio.h>

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

static const struct command commands[] = {
    {"demo", "see the service at work, with everything it needs", command_demo},
    {"run", "the service: billing lines in, accruals out, exactly once", command_run},
    {"rate", "the same rules on files: what would we owe?", command_rate},
    {"ingest", "feed files → billing lines", command_ingest},
    {"reference", "load partners, competencies, customers, links into Redis", command_reference},
    {"rerate", "rate past lines again after something changed", command_rerate},
    {"balances", "accruals in, their sums out, exactly once", command_balances},
    {"dlq", "list, show, replay, purge dead letters", command_dlq},
    {"explain", "why a line earns what it earns, or nothing", command_explain},
    {"statement", "one partner's month, added up from what was published", command_statement},
    {"ledger", "look into a local ledger file, or verify it", command_ledger},
    {"topics", "create, check or print the Kafka topics", command_topics},
    {"check", "validate every configuration file, reach every server", command_check},
    {"version", "print the version", command_version},
    {"help", "print this, or the help of a command", command_help},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const struct command *find(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static void print_commands(FILE *to) {
    (void)fprintf(to, "Usage: accrued COMMAND [OPTION…]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fprintf(to,
                  "\n`accrued COMMAND --help` tells more. Exit codes: %d good, %d failed, "
                  "%d mistake in the arguments.\n",
                  COMMAND_OK, COMMAND_FAILED, COMMAND_USAGE);
}

static int unknown_command(const char *name) {
    const char *names[COMMAND_COUNT];
    char tail[SUGGESTION_SIZE_MAX];
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
    }
    (void)fprintf(stderr, "accrued: no command \"%s\"%s\nTry `accrued help`.\n", name,
                  suggest_tail(text_of(name), names, COMMAND_COUNT, tail));
    return COMMAND_USAGE;
}

static int command_version(int argc, char **argv) {
    (void)argc;
    (void)argv;
    (void)printf("accrued %s\n", ACCRUED_VERSION);
    return COMMAND_OK;
}

static int command_help(int argc, char **argv) {
    if (argc < 2) {
        print_commands(stdout);
        return COMMAND_OK;
    }
    const struct command *command = find(argv[1]);
    if (command == NULL) {
        return unknown_command(argv[1]);
    }
    if (command->run == command_help || command->run == command_version) {
        (void)printf("accrued %s: %s\n", command->name, command->summary);
        return COMMAND_OK;
    }
    char help[] = "--help";
    char *help_argv[] = {argv[1], help, NULL};
    return command->run(2, help_argv);
}

int main(int argc, char **argv) {
    /* Texts are UTF-8 bytes and numbers have points everywhere: only LC_CTYPE, for terminals. */
    (void)setlocale(LC_CTYPE, "");
    if (argc < 2) {
        print_commands(stderr);
        return COMMAND_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    const struct command *command = find(name);
    return command != NULL ? command->run(argc - 1, argv + 1) : unknown_command(name);
}
