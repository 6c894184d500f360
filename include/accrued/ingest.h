/* ingest.h: feed files → billing lines. Room: ingest. Main thread.
 *
 * Reads a file in pieces, however large it is; what grows with the file are the counts of
 * identities (21 to 43 bytes a row). Lines go to a sink as they come: when a file turns out to be
 * broken at its end, its good rows have been written, and writing them again changes nothing. */
#ifndef ACCRUED_INGEST_H
#define ACCRUED_INGEST_H

#include "accrued/config.h"
#include "accrued/ingest_map.h"
#include "accrued/line.h"

/* Where lines go. */
struct ingest_sink;

/* JSON lines {"line": {…}} on standard output. */
struct ingest_sink *ingest_sink_json(void);
/* A topic: idempotent producer, acks=all, key customer_id, murmur2 partition. NULL: *fault. */
struct ingest_sink *ingest_sink_kafka(const struct config *config, const char *topic,
                                      struct fault *fault);
bool ingest_sink_put(struct ingest_sink *sink, const struct billing_line *line,
                     struct fault *fault);
/* Waits until everything is where it belongs. */
bool ingest_sink_flush(struct ingest_sink *sink, struct fault *fault);
void ingest_sink_free(struct ingest_sink *sink);

struct ingest_options {
    const struct ingest_map *map; /* NULL: recognised from each file's columns */
    bool is_api;              /* with map NULL: only the items that the Partner Center API has */
    const char *rejects_path; /* NULL: <file>.rejects.jsonl */
    const char *customer_id;  /* NULL or what the file lacks; see `supplied` in the help */
    const char *reseller_mpn_id;
    const char *invoice_id;
    int32_t billing_period;
    bool has_billing_period;
    bool is_strict;
    bool is_quiet;    /* no progress bar, no summary */
    int64_t revision; /* < 0: the file's date */
};

struct ingest_counts {
    uint64_t lines;
    uint64_t voids;
    uint64_t rejected;
    uint64_t skipped; /* not a charge: details of other rows, taxes */
};

/* One file into the sink; with `replaces`, also voids for the lines of that older file that this
 * one has no more. Bad rows are told on standard error and written to the reject file. false:
 * *fault; the file could not be read to its end, or with is_strict a row was bad. */
bool ingest_file(const struct ingest_options *options, const char *path, const char *replaces,
                 struct ingest_sink *sink, struct ingest_counts *ret_counts, struct fault *fault);

#endif
