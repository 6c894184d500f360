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

#define ADDRESS_TEXT_SIZE_MAX (ADDRESS_HOST_SIZE_MAX + 16)
/* Takes the next of a list with commas between, without the spaces around it; what is too long is
 * cut. false: there is none. */
bool address_next(const char **rest, char to[ADDRESS_TEXT_SIZE_MAX]);

#endif
