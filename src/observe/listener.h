/* listener.h: a bound TCP socket from "host:port". For src/observe only. */
#ifndef ACCRUED_OBSERVE_LISTENER_H
#define ACCRUED_OBSERVE_LISTENER_H

#include "accrued/fault.h"

#include <stddef.h>

#define LISTENER_URL_SIZE_MAX 128

struct listener {
    int descriptor;
    bool is_loopback;
    char url[LISTENER_URL_SIZE_MAX]; /* with the port as bound */
};

/* Port 0 takes one that is free. The caller closes the descriptor. */
bool listener_open(const char *listen, struct listener *ret_listener, struct fault *fault);

/* Does a Host header name this machine in a form that a foreign DNS server cannot make up: an
 * address or "localhost"? NULL (HTTP/1.0) counts as yes. */
bool listener_host_is_local(const char *host);

#endif
