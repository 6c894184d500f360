/* probe.h: does a server answer? For `accrued check`. Rooms: source (Kafka), enrich (Redis).
 *
 * Each makes its own short-lived connection with the configured credentials and closes it. The
 * fault says what to do. Any thread; blocks up to the time-out. */
#ifndef ACCRUED_PROBE_H
#define ACCRUED_PROBE_H

#include "accrued/config.h"

/* Cluster metadata within the time-out. *ret_brokers: how many brokers the cluster names. */
bool probe_kafka(const struct config *config, int timeout_ms, int *ret_brokers,
                 struct fault *fault);

/* Connects as a lane does, tracking included: what a lane would be refused shows here. */
bool probe_redis(const struct config *config, struct fault *fault);

#endif
