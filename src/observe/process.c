#include "process.h"

#include "accrued/clock.h"
#include "accrued/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void process_build_info(const char *librdkafka_version) {
    struct buffer labels;
    buffer_init(&labels);
    metric_append_label(&labels, "version", text_of(ACCRUED_VERSION));
    metric_append_label(&labels, "librdkafka", text_of(librdkafka_version));
    buffer_append_byte(&labels, 0);
    metric_set(metric_get("accrued_build_info", METRIC_GAUGE, "Always 1; the labels say what runs.",
                          (const char *)labels.data),
               1);
    buffer_release(&labels);
}

/* Resident pages are the second field of statm. 0: not readable. */
static int64_t resident_bytes(void) {
    char text[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    size_t size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    const char *second = strchr(text, ' ');
    return second == NULL ? 0 : strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE);
}

static int64_t started_ms;

static void note_start(void) {
    started_ms = clock_wall_ms();
}

void process_update(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, note_start);
    struct metric *started =
        metric_get("process_start_time_seconds", METRIC_GAUGE,
                   "Unix time at which the process began to tell about itself.", "");
    metric_set_decimals(started, 3);
    metric_set(started, started_ms);
    metric_set(metric_get("process_resident_memory_bytes", METRIC_GAUGE, "Resident memory.", ""),
               resident_bytes());
}
