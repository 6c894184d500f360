/* prefetch.h: what a consumer has fetched ahead: how much, and that it never runs dry. Private to
 * source. */
#ifndef ACCRUED_SOURCE_PREFETCH_H
#define ACCRUED_SOURCE_PREFETCH_H

#include "accrued/fault.h"

#include <stddef.h>
#include <stdint.h>

struct rd_kafka_s;
struct rd_kafka_conf_s;

struct prefetch {
    bool wakes;   /* librdkafka has to be told that its queue has room again */
    size_t taken; /* records, since it was told last */
};

/* Defaults; the user's properties come behind them. */
bool prefetch_configure(struct prefetch *prefetch, struct rd_kafka_conf_s *conf,
                        struct fault *fault);
/* So many records were taken out of the consumer's queue. `flows`: of each partition of the topic
 * the next offset, negative where it does not flow. Never blocks. */
void prefetch_took(struct prefetch *prefetch, struct rd_kafka_s *consumer, const char *topic,
                   const int64_t *flows, int32_t flow_count, size_t count);

#endif
