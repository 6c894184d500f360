/* ports.h: functions of libc that the simulation stands in for. */
#ifndef ACCRUED_SIM_PORTS_H
#define ACCRUED_SIM_PORTS_H

#include "sim.h"

#include <sys/types.h>
#include <time.h>

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);

#endif
