/* topic_reader.h: a topic from its beginning to where it ends now. Room: source. Adapter:
 * librdkafka.
 *
 * For commands that look at what has been published; outside any group, read_committed. Main
 * thread. */
#ifndef ACCRUED_TOPIC_READER_H
#define ACCRUED_TOPIC_READER_H

#include "accrued/config.h"

struct topic_record {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    struct text key;   /* null: none */
    struct text value; /* null: none */
};

/* false: *fault; the reading ends. The record's texts are valid during the call. */
typedef bool (*topic_visit)(void *context, const struct topic_record *record, struct fault *fault);

/* Visits every committed record below the high watermarks of this moment, each partition in order.
 * false: *fault, from the cluster or from the visitor. */
bool topic_read(const struct config *config, const char *topic, topic_visit visit, void *context,
                struct fault *fault);

#endif
