/* The rest of what lies around the core: clocks, sleep, chance, the log. */
#include "ports.h"

#include "accrued/clock.h"
#include "accrued/lag.h"
#include "accrued/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_wall_ms(void) {
    return SIM_WALL_START_MS + sim_now();
}

int64_t clock_steady_ms(void) {
    return sim_now();
}

/* The linker puts these in the place of libc's (--wrap). */
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left) {
    (void)left;
    sim_sleep(wanted->tv_sec * 1000 + wanted->tv_nsec / 1000000);
    return 0;
}

ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags) {
    (void)flags;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)to)[i] = (uint8_t)sim_random();
    }
    return (ssize_t)size;
}

/* Any hash must do; a poor one makes keys meet that never would in so short a run. */
uint64_t __wrap_entry_key_hash(struct text key) {
    uint64_t hash = __real_entry_key_hash(key);
    return sim_plan.is_hash_poor ? hash % 5 | hash % 3 << 62 : hash;
}

void log_event(enum log_level level, const char *event, const char *fields, ...) {
    char text[800];
    va_list arguments;
    va_start(arguments, fields);
    (void)vsnprintf(text, sizeof text, fields, arguments);
    va_end(arguments);
    (void)level;
    sim_trace("%s %s", event, text);
    if (strcmp(event, "conservation_broken") == 0) {
        sim_fail("%s %s", event, text);
    }
}

void log_event_of(enum log_level level, const char *event, const char *part, const char *fields,
                  ...) {
    char text[800];
    va_list arguments;
    va_start(arguments, fields);
    (void)vsnprintf(text, sizeof text, fields, arguments);
    va_end(arguments);
    (void)level;
    sim_trace("%s %s %s", event, part, text);
}

const char *log_quote(const char *value) {
    return value != NULL ? value : "";
}

bool log_enabled(enum log_level level) {
    return level <= LOG_INFO;
}

/* Lag is told to nobody here (struct lane_shared has no monitor). */
void lag_own(struct lag_monitor *monitor, int32_t partition) {
    (void)monitor;
    (void)partition;
}

void lag_disown(struct lag_monitor *monitor, int32_t partition) {
    (void)monitor;
    (void)partition;
}

void lag_progress(struct lag_monitor *monitor, int32_t partition, int64_t next_offset) {
    (void)monitor;
    (void)partition;
    (void)next_offset;
}

void lag_gathered(struct lag_monitor *monitor, int32_t partition, int64_t offset,
                  int64_t timestamp_ms, int64_t event_time_ms) {
    (void)monitor;
    (void)partition;
    (void)offset;
    (void)timestamp_ms;
    (void)event_time_ms;
}
