/* reference.h: what the files of `accrued reference` share. Private to cli. */
#ifndef ACCRUED_CLI_REFERENCE_H
#define ACCRUED_CLI_REFERENCE_H

#include "accrued/config.h"

enum intent { INTENT_LOAD, INTENT_LOAD_ONLY, INTENT_DRY_RUN, INTENT_RESUME, INTENT_DIFF };

/* Files into Redis, or what that would do. A COMMAND_ code. */
int reference_load(const struct config *config, enum intent intent, char *const *files,
                   size_t count);
/* Asks for the re-rates that an interrupted load left in the outbox. A COMMAND_ code. */
int reference_resume(const struct config *config);

/* false: told. */
bool reference_finish_output(void);

#endif
