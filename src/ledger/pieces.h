/* pieces.h: writing to a file that is looked up through a mapping. Private to the ledger.
 *
 * The page cache keeps together what one call writes, and where this was measured (Linux 6.18) a
 * look-up maps all of that. So no call writes more than a look-up maps anyway, nor across a
 * multiple of it. */
#ifndef ACCRUED_LEDGER_PIECES_H
#define ACCRUED_LEDGER_PIECES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* false: errno, or 0 where less was written than was asked for. */
bool pieces_write(int file, uint64_t position, const struct iovec parts[2]);

#endif
