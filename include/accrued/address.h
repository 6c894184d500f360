/* address.h: "host:port", "[::1]:port" or "unix:/path" → parts. Room: config. Pure. */
#ifndef ACCRUED_ADDRESS_H
#define ACCRUED_ADDRESS_H

#include "accrued/text.h"

#define ADDRESS_HOST_SIZE_MAX 256

struct address {
    char host[ADDRESS_HOST_SIZE_MAX]; /* without brackets; the path of a unix socket */
    uint16_t port;                    /* 0 for a unix socket; 0 also where any free port will do */
    bool is_unix;
};

/* false: not of that form. *ret_address is written only on success. */
bool address_parse(const char *text, struct address *ret_address);

#endif
