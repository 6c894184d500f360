/* membership.h: under which generation of its group a consumer may commit. Private to source. */
#ifndef ACCRUED_SOURCE_MEMBERSHIP_H
#define ACCRUED_SOURCE_MEMBERSHIP_H

#include "accrued/source.h"

struct rd_kafka_s;

/* As of now. NULL: none that may commit: *fault. */
struct group_snapshot *membership_snapshot(struct rd_kafka_s *consumer, struct fault *fault);

#endif
