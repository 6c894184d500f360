/* reload.h: SIGHUP: another edition, or the reason why not. Room: cli. Main thread.
 *
 * Everything is read and checked before anything changes. What is refused leaves the service as it
 * was, and is told in the log and in the metrics. */
#ifndef ACCRUED_CLI_RELOAD_H
#define ACCRUED_CLI_RELOAD_H

#include "command.h"

#include "accrued/edition.h"

/* Puts the edition that the files (and the environment, and -o) describe now. */
bool reload_edition(struct editions *editions, const struct command_common *common);

/* A password's file may have changed. */
void reload_credentials(struct editions *editions);

/* Metrics: what is in force, as the process starts. */
void reload_tell_first(const struct edition *edition);

/* The same for a process that has options and no rules. `next` takes what is there now; false: it
 * is to be thrown away. */
bool reload_options(struct config *next, const struct config *now,
                    const struct command_common *common);
void reload_options_credentials(const struct config *config);
void reload_options_tell_first(void);

#endif
