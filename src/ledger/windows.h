/* windows.h: where a log's bytes are, in memory or in its file. Private to log.c.
 *
 * Both are taken 64 MiB at a time; a file has holes where nothing was written. Reading: log_at,
 * log_read (log.h), which are here too. */
#ifndef ACCRUED_LEDGER_WINDOWS_H
#define ACCRUED_LEDGER_WINDOWS_H

#include "log.h"

#include <sys/uio.h>

/* Another window behind the others. */
bool windows_add(struct block_log *log, struct fault *fault);
/* Asks the file system for room ahead of what is about to be written. A wish: without it the write
 * asks, or fails. */
void windows_make_room(struct block_log *log, uint64_t position, uint64_t size);
/* Writes two parts, one behind the other, within a window. */
bool windows_write(const struct block_log *log, uint64_t position, const struct iovec parts[2],
                   struct fault *fault);
/* Whole pages inside go back to the file system, or to the system's memory. */
void windows_give_back(const struct block_log *log, uint64_t position, uint64_t size);

#endif
