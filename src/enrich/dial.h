/* dial.h: a connection to one address, and logging in there. Private to room enrich. */
#ifndef ACCRUED_ENRICH_DIAL_H
#define ACCRUED_ENRICH_DIAL_H

#include "connection.h"

/* Connects, with TLS where the configuration wants it. NULL: *fault. */
struct connection *connection_dial(const struct config *config, const char *address,
                                   int64_t deadline_ms, struct fault *fault);
/* Who logs in where. */
struct login {
    const char *username;
    const char *password;
    const char *password_file; /* read instead, each time: passwords are changed while we run */
    const char *hint;
};
/* Without a password nobody logs in. */
bool connection_log_in(struct connection *connection, const struct login *login,
                       int64_t deadline_ms, struct fault *fault);
/* What it was dialled with. */
const char *connection_address(const struct connection *connection);

#endif
