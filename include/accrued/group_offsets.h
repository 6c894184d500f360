/* group_offsets.h: what a consumer group has committed. Room: source. Adapter: librdkafka. */
#ifndef ACCRUED_GROUP_OFFSETS_H
#define ACCRUED_GROUP_OFFSETS_H

#include "accrued/config.h"

/* The committed offset of each partition, −1 where there is none; waits for pending transactions.
 * Joins nothing. The caller frees *ret_offsets. false: *fault. */
bool group_offsets(const struct config *config, const char *group, const char *topic,
                   int64_t **ret_offsets, int32_t *ret_count, struct fault *fault);

#endif
