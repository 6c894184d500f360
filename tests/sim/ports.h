/* ports.h: functions that the linker puts in the place of others (--wrap). */
#ifndef ACCRUED_SIM_PORTS_H
#define ACCRUED_SIM_PORTS_H

#include "sim.h"

#include "accrued/text.h"

#include <sys/types.h>
#include <time.h>

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
uint64_t __real_entry_key_hash(struct text key);
uint64_t __wrap_entry_key_hash(struct text key);

#endif
