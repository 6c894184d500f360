/* embedded.h: the in-process broker that librdkafka brings, for the demo. Room: source.
 *
 * What it is not: it does not fence, does not hide aborted records from read_committed readers,
 * keeps no committed offsets of transactions, and forgets everything when the process ends
 * (transactions.md §3). Good for seeing the service at work, never for proving anything. */
#ifndef ACCRUED_EMBEDDED_H
#define ACCRUED_EMBEDDED_H

#include "accrued/config.h"

struct embedded;

/* Starts it with all topics of the configuration. */
struct embedded *embedded_start(const struct config *config, struct fault *fault);
void embedded_free(struct embedded *embedded);
/* host:port; valid until embedded_free. */
const char *embedded_bootstrap(const struct embedded *embedded);

#endif
