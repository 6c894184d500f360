/* schemas.h: the ids of our own schemas, where a registry gives them. Room: cli. Main thread.
 *
 * Subjects are named by TopicNameStrategy: `<topic>-value`. With single-object framing nothing we
 * write has an id, and nothing is asked. */
#ifndef ACCRUED_CLI_SCHEMAS_H
#define ACCRUED_CLI_SCHEMAS_H

#include "accrued/config.h"
#include "accrued/ingest.h"
#include "accrued/registry.h"
#include "accrued/requests.h"

/* Schemas that we write. */
enum own_schema {
    OWN_BILLING_LINE = 1,
    OWN_ACCRUAL = 2,
    OWN_FORGONE = 4,
    OWN_RERATE_REQUEST = 8,
    OWN_BALANCE = 16,
};
/* What the service writes, and the requests that it reads. */
#define OWN_OF_SERVICE (OWN_ACCRUAL | OWN_FORGONE | OWN_RERATE_REQUEST)

/* *ret_registry NULL: none is configured. false: *fault. */
bool schemas_open_registry(const struct config *config, struct registry **ret_registry,
                           struct fault *fault);

/* Puts the registry's ids of `which` (enum own_schema, or-ed) into config->schemas, in one go:
 * either all or none. */
enum registry_outcome schemas_resolve(struct registry *registry, unsigned which,
                                      struct config *config, struct fault *fault);

/* The same for commands: asks with some patience, and does nothing where there is no registry.
 * false: *fault. */
bool schemas_resolve_now(unsigned which, struct config *config, struct fault *fault);

/* Does the registry answer, and has it what the service needs, or may that be registered? Asks
 * only. false: *fault. */
bool schemas_probe(const struct config *config, struct fault *fault);

/* As ingest_sink_kafka and request_writer_open, with the registry's ids: these commands ask for
 * them with some patience. */
struct ingest_sink *schemas_open_sink(const struct config *config, const char *topic,
                                      struct fault *fault);
struct request_writer *schemas_open_requests(const struct config *config, struct fault *fault);

#endif
