/* tool.h: what the benchmark programs share: their options, and how they end. */
#ifndef ACCRUED_BENCH_TOOL_H
#define ACCRUED_BENCH_TOOL_H

#include <stddef.h>
#include <stdint.h>

/* One `--name VALUE`; exactly one of the two is set. */
struct tool_option {
    const char *name;
    const char **text;
    uint64_t *number;
};

/* Fills the options; anything else ends the program with a line on how it is used. */
void tool_options(int argc, char **argv, const struct tool_option *options, size_t count);

/* One line on standard error, exit code 1. */
__attribute__((format(printf, 1, 2), noreturn)) void tool_fail(const char *format, ...);

/* Microseconds of user and system time that this process has used, all threads. */
uint64_t tool_cpu_us(void);
/* Microseconds since some start. */
uint64_t tool_steady_us(void);
/* The most memory that this process has had, in kB. */
uint64_t tool_peak_kb(void);
void tool_sleep_us(uint64_t us);

#endif
