#include "command.h"

#include "accrued/log.h"
#include "accrued/require.h"
#include "accrued/suggest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SHORT_OPTIONS_SIZE_MAX 64
#define LONG_OPTIONS_MAX 64

int command_usage(const char *command, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "accrued %s: ", command);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "\nTry `accrued %s --help`.\n", command);
    return COMMAND_USAGE;
}

int command_failed(const char *command, const struct fault *fault) {
    (void)fprintf(stderr, "accrued %s: %s\n", command, fault->text);
    return COMMAND_FAILED;
}

/* "--outptu": the part before '=' with the nearest known one. */
static void tell_unknown_long(const char *command, const char *given,
                              const struct option *long_options) {
    const char *names[LONG_OPTIONS_MAX];
    size_t count = 0;
    char tail[SUGGESTION_SIZE_MAX];
    struct text name = {given, strcspn(given, "=")};
    for (; long_options[count].name != NULL; count++) {
        REQUIRE(count < LONG_OPTIONS_MAX);
        names[count] = long_options[count].name;
    }
    (void)command_usage(command, "no option --%.*s%s", TEXT_ARGS(name),
                        suggest_tail(name, names, count, tail));
}

static bool take_override(const char *command, struct command_common *common,
                          const char *override) {
    if (strchr(override, '=') == NULL) {
        (void)command_usage(command, "-o %s is not of the form section.key=value", override);
        return false;
    }
    if (common->override_count == COMMAND_OVERRIDE_COUNT_MAX) {
        (void)command_usage(command, "more than %d times -o", COMMAND_OVERRIDE_COUNT_MAX);
        return false;
    }
    common->overrides[common->override_count++] = override;
    return true;
}

/* After getopt_long returned '?', which says little: 0 in optopt is an unknown long option. */
static void tell_unknown(const char *command, const char *culprit,
                         const struct option *long_options) {
    if (optopt == 0) {
        tell_unknown_long(command, culprit + strspn(culprit, "-"), long_options);
    } else if (strncmp(culprit, "--", 2) == 0 && strchr(culprit, '=') != NULL) {
        (void)command_usage(command, "%.*s takes no value", (int)strcspn(culprit, "="), culprit);
    } else {
        (void)command_usage(command, "no option -%c", optopt);
    }
}

int command_getopt(int argc, char **argv, const char *short_options,
                   const struct option *long_options, struct command_common *common) {
    char all[SHORT_OPTIONS_SIZE_MAX];
    int size = snprintf(all, sizeof all, ":%sc:o:h", short_options);
    REQUIRE(size > 0 && (size_t)size < sizeof all);
    for (;;) {
        int option = getopt_long(argc, argv, all, long_options, NULL);
        if (option == 'c') {
            common->config_path = optarg;
        } else if (option == 'o') {
            if (!take_override(argv[0], common, optarg)) {
                return '?';
            }
        } else if (option == ':') {
            (void)command_usage(argv[0], "%s needs a value", argv[optind - 1]);
            return '?';
        } else if (option == '?') {
            tell_unknown(argv[0], argv[optind - 1], long_options);
            return '?';
        } else {
            return option;
        }
    }
}

const char *command_config_path(const struct command_common *common) {
    if (common->config_path != NULL) {
        return common->config_path;
    }
    const char *path = getenv("ACCRUED_CONFIG");
    return path != NULL && path[0] != '\0' ? path : NULL;
}

bool command_load(const char *command, const struct command_common *common, struct config *config) {
    struct fault fault;
    config_init(config);
    if (!config_load(config, command_config_path(common), common->overrides, common->override_count,
                     &fault)) {
        (void)command_failed(command, &fault);
        config_release(config);
        return false;
    }
    log_configure(config->log.level, config->log.format);
    return true;
}
