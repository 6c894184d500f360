/* offsets.h: where a group and where a moment stand in a partition. Room: source. Adapter:
 * librdkafka.
 *
 * For commands that look at a running service from outside; joins no group. Each question opens a
 * client of its own. Main thread. */
#ifndef ACCRUED_OFFSETS_H
#define ACCRUED_OFFSETS_H

#include "accrued/config.h"

/* The next offset that kafka.group_id has committed; −1: none. false: *fault. */
bool offsets_committed(const struct config *config, const char *topic, int32_t partition,
                       int64_t *ret_offset, struct fault *fault);

/* The first offset at or after a moment; INT64_MAX: there is none. false: *fault. */
bool offsets_since(const struct config *config, const char *topic, int32_t partition, int64_t at_ms,
                   int64_t *ret_offset, struct fault *fault);

#endif
