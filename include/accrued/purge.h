/* purge.h: the beginning of a topic, deleted. Room: source. Adapter: librdkafka. */
#ifndef ACCRUED_PURGE_H
#define ACCRUED_PURGE_H

#include "accrued/config.h"

struct topic_cut {
    int32_t partition;
    int64_t before; /* offset: everything below goes */
};

/* DeleteRecords. false: *fault says which partition and why; others may be done. */
bool topic_delete_before(const struct config *config, const char *topic,
                         const struct topic_cut *cuts, size_t count, struct fault *fault);

#endif
