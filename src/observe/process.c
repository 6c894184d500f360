#include "process.h"

#include "accrued/clock.h"
#include "accrued/metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
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

static int64_t cpu_ms(void) {
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * INT64_C(1000) + used.tv_nsec / 1000000;
}

/* Without the one that the counting itself opens. 0: not readable. */
static int64_t open_descriptors(void) {
    int64_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return 0;
    }
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count - 3; /* ".", "..", its own */
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
    metric_set(metric_get("process_open_fds", METRIC_GAUGE, "Open file descriptors.", ""),
               open_descriptors());
    struct metric *cpu =
        metric_get("process_cpu_seconds_total", METRIC_COUNTER, "CPU time, user and system.", "");
    metric_set_decimals(cpu, 3);
    metric_add(cpu, cpu_ms() - metric_value(cpu));
}
