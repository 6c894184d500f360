#include "tool.h"

#include "accrued/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

void tool_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(1);
}

static void usage(const char *name, const struct tool_option *options, size_t count) {
    (void)fprintf(stderr, "usage: %s", name);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stderr, " [--%s %s]", options[i].name,
                      options[i].text != NULL ? "TEXT" : "NUMBER");
    }
    (void)fputc('\n', stderr);
    exit(2);
}

static bool set_option(const struct tool_option *option, const char *value) {
    if (option->text != NULL) {
        *option->text = value;
        return true;
    }
    int64_t number;
    if (!text_to_int64(text_of(value), &number)) {
        return false;
    }
    *option->number = (uint64_t)number;
    return true;
}

void tool_options(int argc, char **argv, const struct tool_option *options, size_t count) {
    for (int i = 1; i < argc; i += 2) {
        bool is_set = false;
        for (size_t o = 0; o < count && i + 1 < argc && !is_set; o++) {
            is_set = strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, options[o].name) == 0 &&
                     set_option(&options[o], argv[i + 1]);
        }
        if (!is_set) {
            usage(argv[0], options, count);
        }
    }
}

static uint64_t us_of(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

uint64_t tool_cpu_us(void) {
    struct rusage usage_now;
    (void)getrusage(RUSAGE_SELF, &usage_now);
    return us_of(usage_now.ru_utime) + us_of(usage_now.ru_stime);
}

uint64_t tool_peak_kb(void) {
    struct rusage usage_now;
    (void)getrusage(RUSAGE_SELF, &usage_now);
    return (uint64_t)usage_now.ru_maxrss;
}

uint64_t tool_steady_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void tool_sleep_us(uint64_t us) {
    struct timespec pause = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    (void)nanosleep(&pause, NULL);
}
