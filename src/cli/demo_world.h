/* demo_world.h: what `accrued demo` brings so that nothing needs to be installed or configured.
 * Private to cli. Main thread.
 *
 * A private directory, a Redis of its own on a socket in there, the shipped files, and a broker:
 * the embedded one or one that the user named. All of it ends with the process. */
#ifndef ACCRUED_CLI_DEMO_WORLD_H
#define ACCRUED_CLI_DEMO_WORLD_H

#include "accrued/config.h"
#include "accrued/embedded.h"

#include <sys/types.h>

#define DEMO_PATH_SIZE_MAX 4096
#define DEMO_SETTING_COUNT_MAX 96

struct demo_world {
    char home[DEMO_PATH_SIZE_MAX];          /* where config/ and schemas/ are */
    char directory[DEMO_PATH_SIZE_MAX];     /* private, removed at the end */
    pid_t redis;                            /* 0: not started */
    struct embedded *embedded;              /* NULL: a real broker */
    char *settings[DEMO_SETTING_COUNT_MAX]; /* "key=value", owned: what goes after -o */
    size_t setting_count;
    char config_path[DEMO_PATH_SIZE_MAX + 32];
};

struct demo_options {
    const char *bootstrap; /* NULL: the embedded broker */
    const char *listen;
    const char *home; /* NULL: found from where the program is */
    const char *const *overrides;
    size_t override_count;
};

/* Before any thread starts. Blocks the signals that service_signal_wait takes. false: *fault; call
 * demo_world_close all the same. */
bool demo_world_open(struct demo_world *world, const struct demo_options *options,
                     struct fault *fault);
void demo_world_close(struct demo_world *world);

/* Runs one of the program's own commands with the demo's configuration. `arguments` ends with NULL.
 * Returns its exit code. */
int demo_world_command(const struct demo_world *world, int (*command)(int argc, char **argv),
                       const char *const *arguments);

/* The demo's configuration, as `run` would load it. */
bool demo_world_config(const struct demo_world *world, struct config *config, struct fault *fault);

/* "HOME/config/demo/NAME" */
void demo_world_path(const struct demo_world *world, const char *name,
                     char to[DEMO_PATH_SIZE_MAX + 64]);

#endif
