/* dial.h: a connection to one address, before anybody has logged in. Private to room enrich. */
#ifndef ACCRUED_ENRICH_DIAL_H
#define ACCRUED_ENRICH_DIAL_H

#include "connection.h"

/* Connects, with TLS where the configuration wants it. NULL: *fault. */
struct connection *connection_dial(const struct config *config, const char *address,
                                   int64_t deadline_ms, struct fault *fault);
/* What it was dialled with. */
const char *connection_address(const struct connection *connection);

#endif
