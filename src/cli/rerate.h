/* rerate.h: what the files of `accrued rerate` share. Private to cli. */
#ifndef ACCRUED_CLI_RERATE_H
#define ACCRUED_CLI_RERATE_H

#include "accrued/requests.h"

#define REQUEST_ID_SIZE 37 /* a UUID and NUL */
/* A random UUID. */
void rerate_draw_id(char to[REQUEST_ID_SIZE]);

/* Puts a request for all days, with the time of now. */
bool rerate_put(struct request_writer *writer, enum rerate_scope scope, struct text id,
                struct text request_id, const char *reason, struct fault *fault);

/* Prints what the request would publish; publishes nothing. A COMMAND_ code. */
int rerate_dry_run(const struct config *config, const struct rerate_request *request);

#endif
