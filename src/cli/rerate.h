/* rerate.h: what the files of `accrued rerate` share. Private to cli. */
#ifndef ACCRUED_CLI_RERATE_H
#define ACCRUED_CLI_RERATE_H

#include "accrued/config.h"
#include "accrued/rerate.h"

#define REQUEST_ID_SIZE 37 /* a UUID and NUL */
/* A random UUID. */
void rerate_draw_id(char to[REQUEST_ID_SIZE]);

/* Prints what the request would publish; publishes nothing. A COMMAND_ code. */
int rerate_dry_run(const struct config *config, const struct rerate_request *request);

#endif
