#include "accrued/address.h"

#include "accrued/require.h"

static const char unix_prefix[] = "unix:";

static bool host_take(struct text host, struct address *address) {
    if (host.size == 0 || host.size >= sizeof address->host) {
        return false;
    }
    memcpy(address->host, host.data, host.size);
    address->host[host.size] = '\0';
    return true;
}

bool address_parse(const char *text, struct address *ret_address) {
    REQUIRE(text != NULL && ret_address != NULL);
    struct address address = {.port = 0};
    size_t prefix_size = sizeof unix_prefix - 1;
    if (strncmp(text, unix_prefix, prefix_size) == 0) {
        address.is_unix = true;
        if (text[prefix_size] != '/' || !host_take(text_of(text + prefix_size), &address)) {
            return false;
        }
        *ret_address = address;
        return true;
    }
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    if (colon == NULL || !text_to_int64(text_of(colon + 1), &port) || port < 0 ||
        port > UINT16_MAX) {
        return false;
    }
    struct text host = {text, (size_t)(colon - text)};
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        host = (struct text){host.data + 1, host.size - 2};
    } else if (memchr(host.data, ':', host.size) != NULL) {
        return false; /* an IPv6 address without brackets: which colon is the port's? */
    }
    if (!host_take(host, &address)) {
        return false;
    }
    address.port = (uint16_t)port;
    *ret_address = address;
    return true;
}

bool address_next(const char **rest, char to[ADDRESS_TEXT_SIZE_MAX]) {
    REQUIRE(rest != NULL && *rest != NULL);
    const char *at = *rest + strspn(*rest, ", ");
    size_t size = strcspn(at, ",");
    *rest = at + size;
    while (size > 0 && at[size - 1] == ' ') {
        size--;
    }
    size = size < ADDRESS_TEXT_SIZE_MAX ? size : ADDRESS_TEXT_SIZE_MAX - 1;
    memcpy(to, at, size);
    to[size] = '\0';
    return size > 0;
}
