/* ports.h: functions that the linker puts in the place of others (--wrap). */
#ifndef ACCRUED_SIM_PORTS_H
#define ACCRUED_SIM_PORTS_H

#include "sim.h"

#include "accrued/text.h"

#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
uint64_t __real_entry_key_hash(struct text key);
uint64_t __wrap_entry_key_hash(struct text key);

/* disk.c */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_close(int descriptor);
int __wrap_close(int descriptor);
ssize_t __real_pwritev(int descriptor, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev(int descriptor, const struct iovec *parts, int count, off_t offset);
ssize_t __real_pwrite(int descriptor, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite(int descriptor, const void *bytes, size_t size, off_t offset);
int __real_ftruncate(int descriptor, off_t size);
int __wrap_ftruncate(int descriptor, off_t size);
int __real_fallocate(int descriptor, int mode, off_t offset, off_t size);
int __wrap_fallocate(int descriptor, int mode, off_t offset, off_t size);

#endif
