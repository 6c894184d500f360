/* sink.h: what every sink is. Private to ingest. */
#ifndef ACCRUED_INGEST_SINK_H
#define ACCRUED_INGEST_SINK_H

#include "accrued/ingest.h"

struct ingest_sink {
    bool (*put)(struct ingest_sink *sink, const struct billing_line *line, struct fault *fault);
    bool (*flush)(struct ingest_sink *sink, struct fault *fault);
    void (*free)(struct ingest_sink *sink);
};

#endif
