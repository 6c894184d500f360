#include "report.h"

#include "accrued/clock.h"
#include "accrued/supervisor.h"

#include <string.h>

/* systemd is told so often that all is well, or sooner where its watchdog wants that. */
#define TELL_MS 5000
/* By so much a start that takes long is prolonged each time. */
#define PATIENCE_US 60000000

struct report report_begin(void) {
    return (struct report){.watchdog_ms = supervisor_watchdog_ms()};
}

static void tell_alive(const struct report *report, const struct buffer *reasons) {
    supervisor_tell("WATCHDOG=1");
    if (!report->is_ready) {
        supervisor_tell("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%.*s", PATIENCE_US,
                        (int)strcspn((const char *)reasons->data, "\n"),
                        (const char *)reasons->data);
    }
}

void report_state(struct report *report, const struct report_source *source) {
    if (!supervisor_is_there()) {
        return;
    }
    int64_t now_ms = clock_steady_ms();
    int64_t interval_ms = report->watchdog_ms > 0 && report->watchdog_ms / 2 < TELL_MS
                              ? report->watchdog_ms / 2
                              : TELL_MS;
    struct buffer reasons;
    buffer_init(&reasons);
    if (!report->is_ready && source->is_ready(source->context, &reasons)) {
        report->is_ready = true;
        supervisor_tell("READY=1\nSTATUS=working");
    }
    if (now_ms - report->last_ms >= interval_ms) {
        report->last_ms = now_ms;
        if (source->is_healthy(source->context, &reasons)) {
            tell_alive(report, &reasons);
        }
    }
    buffer_release(&reasons);
}

void report_reloading(const struct report *report) {
    if (report->is_ready) {
        supervisor_tell("RELOADING=1");
    }
}

void report_reloaded(const struct report *report, bool is_good) {
    if (report->is_ready) {
        supervisor_tell("READY=1\nSTATUS=working%s",
                        is_good ? "" : "; the last reload was refused, see the log");
    }
}
