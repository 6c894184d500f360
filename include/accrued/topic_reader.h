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
    const void *message;
};

/* false: *fault; the reading ends. The record's texts are valid during the call. */
typedef bool (*topic_visit)(void *context, const struct topic_record *record, struct fault *fault);

/* Visits every committed record below the high watermarks of this moment, each partition in order.
 * false: *fault, from the cluster or from the visitor. */
bool topic_read(const struct config *config, const char *topic, topic_visit visit, void *context,
                struct fault *fault);

struct topic_range {
    int32_t partition;
    int64_t first; /* offset */
    int64_t end;   /* offset; the high watermark of this moment, if that is lower */
};
/* The same for a part of one partition. */
bool topic_read_range(const struct config *config, const char *topic, struct topic_range range,
                      topic_visit visit, void *context, struct fault *fault);

/* The last header of that name; null if there is none. */
struct text topic_record_header(const struct topic_record *record, const char *name);
/* Visits all headers in order; a value may be null. */
void topic_record_headers(const struct topic_record *record,
                          void (*visit)(void *context, const char *name, struct text value),
                          void *context);

struct topic_bounds {
    int64_t first; /* that the broker still has */
    int64_t end;   /* high watermark */
};
/* By partition; the caller frees *ret_bounds. false: *fault. */
bool topic_bounds(const struct config *config, const char *topic, struct topic_bounds **ret_bounds,
                  int32_t *ret_count, struct fault *fault);

#endif
