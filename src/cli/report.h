/* report.h: what systemd is told of a process, and when. Room: cli. Main thread.
 *
 * Ready the first time that it may work, and after that for good: what comes and goes is what
 * /readyz tells. Until then it asks for patience as long as it is healthy. */
#ifndef ACCRUED_CLI_REPORT_H
#define ACCRUED_CLI_REPORT_H

#include "accrued/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct report {
    int64_t watchdog_ms; /* 0: nobody watches */
    int64_t last_ms;
    bool is_ready;
};

struct report report_begin(void);
/* Both write why not. */
struct report_source {
    bool (*is_ready)(void *context, struct buffer *reasons);
    bool (*is_healthy)(void *context, struct buffer *reasons);
    void *context;
};
/* To be called often; tells what is due. Without a supervisor nothing is asked. */
void report_state(struct report *report, const struct report_source *source);

void report_reloading(const struct report *report);
void report_reloaded(const struct report *report, bool is_good);

#endif
