/* command.h: what all commands of `accrued` share. Room: cli. Main thread.
 *
 * A command is `int command_x(int argc, char **argv)` with argv[0] its own name. It returns one of
 * the exit codes. Results go to standard output, everything else to standard error. A mistake in
 * the arguments is told with a hint and ends with COMMAND_USAGE. */
#ifndef ACCRUED_CLI_COMMAND_H
#define ACCRUED_CLI_COMMAND_H

#include "accrued/config.h"

#include <getopt.h>

#define COMMAND_OK 0
#define COMMAND_FAILED 1
#define COMMAND_USAGE 2

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

int command_run(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_topics(int argc, char **argv);
int command_ingest(int argc, char **argv);
int command_reference(int argc, char **argv);
int command_rate(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_statement(int argc, char **argv);
int command_rerate(int argc, char **argv);
int command_balances(int argc, char **argv);
int command_dlq(int argc, char **argv);
int command_ledger(int argc, char **argv);
int command_check(int argc, char **argv);

#define COMMAND_OVERRIDE_COUNT_MAX 64

/* What -c and -o said. Strings borrow from argv. Start with a zeroed struct. */
struct command_common {
    const char *config_path; /* NULL: $ACCRUED_CONFIG, or else built-in defaults */
    const char *overrides[COMMAND_OVERRIDE_COUNT_MAX];
    size_t override_count;
};

/* Put these at the end of a command's long options; their help text is below. */
#define COMMAND_COMMON_LONG                                                                        \
    {"config", required_argument, NULL, 'c'}, {"option", required_argument, NULL, 'o'},            \
        {"help", no_argument, NULL, 'h'}, {                                                        \
        NULL, 0, NULL, 0                                                                           \
    }
#define COMMAND_COMMON_HELP                                                                        \
    "  -c, --config FILE      configuration file\n"                                                \
    "  -o, --option KEY=VALUE one option over the file and the environment; repeatable\n"          \
    "  -h, --help             this text\n"

/* getopt_long that keeps -c and -o for itself. `short_options` are the command's own ("n:q", no
 * leading colon). Returns the command's own options, 'h' for help, −1 at the end, and '?' after a
 * mistake that has been told already: then return COMMAND_USAGE. */
int command_getopt(int argc, char **argv, const char *short_options,
                   const struct option *long_options, struct command_common *common);

/* Tells a mistake in the arguments, with a hint to --help. Returns COMMAND_USAGE. */
__attribute__((format(printf, 2, 3))) int command_usage(const char *command, const char *format,
                                                        ...);

/* Tells why a command failed. Returns COMMAND_FAILED. */
int command_failed(const char *command, const struct fault *fault);

/* config_init, config_load from what -c and -o said, then log_configure. False: the reason has been
 * told, and *config is released. Otherwise the caller owns *config. */
bool command_load(const char *command, const struct command_common *common, struct config *config);

/* The file that -c or $ACCRUED_CONFIG names, or NULL. */
const char *command_config_path(const struct command_common *common);

#endif
