/* progress.h: a bar on a terminal, nothing elsewhere. Private to ingest. */
#ifndef ACCRUED_INGEST_PROGRESS_H
#define ACCRUED_INGEST_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    int64_t shown_ms; /* when it was last drawn */
    bool is_terminal;
    bool is_drawn;
};

void progress_init(struct progress *progress);
/* At most ten times a second. `total` 0: unknown. */
void progress_show(struct progress *progress, int64_t done, int64_t total, uint64_t lines);
/* Wipes the bar, so that a message can stand in its place. */
void progress_clear(struct progress *progress);

/* 1234567 → "1,234,567". */
#define PROGRESS_COUNT_SIZE 32
const char *progress_count(uint64_t count, char to[PROGRESS_COUNT_SIZE]);

#endif
