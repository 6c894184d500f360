/* rejects.h: bad rows, told and kept. Private to ingest.
 *
 * Each is a line on standard error (the first REJECTS_TOLD_MAX of a file) and an object in the
 * reject file, which is made with the first one. */
#ifndef ACCRUED_INGEST_REJECTS_H
#define ACCRUED_INGEST_REJECTS_H

#include "accrued/fault.h"
#include "mapper.h"

#include <stdio.h>

#define REJECTS_TOLD_MAX 20

struct rejects {
    const char *file; /* that is read */
    char *path;
    FILE *stream;
    uint64_t count;
};

/* `path` NULL: <file>.rejects.jsonl. */
void rejects_init(struct rejects *rejects, const char *file, const char *path);
/* false: *fault says that something is missing in the reject file. */
bool rejects_close(struct rejects *rejects, struct fault *fault);

bool rejects_add(struct rejects *rejects, const struct row *row, const struct bad_row *bad,
                 struct fault *fault);

#endif
