/* supervisor.h: tells whoever started the process how it is: systemd's notify protocol. Room:
 * observe. Any thread.
 *
 * One datagram of KEY=VALUE lines to the socket that $NOTIFY_SOCKET names, as sd_notify(3) says.
 * Without that variable nothing is sent, and every call returns at once. */
#ifndef ACCRUED_SUPERVISOR_H
#define ACCRUED_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

/* Is anybody listening? */
bool supervisor_is_there(void);

/* "READY=1", "STATUS=…" and the like, lines with '\n' between. A message that cannot be sent is
 * lost: the service goes on. */
__attribute__((format(printf, 1, 2))) void supervisor_tell(const char *format, ...);

/* How long the process may be silent, or 0: nobody watches. Half of it is a good interval. */
int64_t supervisor_watchdog_ms(void);

#endif
