#include "listener.h"

#include "accrued/require.h"
#include "accrued/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64
#define HOST_SIZE_MAX 256
#define PORT_SIZE_MAX 8

/* "host:port" or "[v6]:port" into two strings. */
static bool split_address(const char *text, char host[HOST_SIZE_MAX], char port[PORT_SIZE_MAX]) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) {
        return false;
    }
    struct text name = {text, (size_t)(colon - text)};
    int64_t number;
    if (name.data[0] == '[') {
        if (name.size < 3 || name.data[name.size - 1] != ']') {
            return false;
        }
        name = (struct text){name.data + 1, name.size - 2};
    } else if (memchr(name.data, ':', name.size) != NULL) {
        return false;
    }
    if (name.size >= HOST_SIZE_MAX || !text_to_int64(text_of(colon + 1), &number) ||
        number > UINT16_MAX) {
        return false;
    }
    (void)snprintf(host, HOST_SIZE_MAX, "%.*s", TEXT_ARGS(name));
    (void)snprintf(port, PORT_SIZE_MAX, "%u", (unsigned)number);
    return true;
}

static bool address_is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    }
    return false;
}

static bool describe(struct listener *listener) {
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (getsockname(listener->descriptor, (struct sockaddr *)&bound, &size) != 0 ||
        getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return false;
    }
    bool is_v6 = bound.ss_family == AF_INET6;
    listener->is_loopback = address_is_loopback((struct sockaddr *)&bound);
    int written = snprintf(listener->url, sizeof listener->url, "http://%s%s%s:%s",
                           is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    return written > 0 && (size_t)written < sizeof listener->url;
}

bool listener_open(const char *listen_at, struct listener *ret_listener, struct fault *fault) {
    REQUIRE(listen_at != NULL && ret_listener != NULL);
    char host[HOST_SIZE_MAX];
    char port[PORT_SIZE_MAX];
    if (!split_address(listen_at, host, port)) {
        return fault_set(fault, "http.listen: \"%s\" is not of the form host:port", listen_at);
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        return fault_set(fault, "http.listen: %s: %s", host, gai_strerror(error));
    }
    struct listener listener = {.descriptor = -1};
    int on = 1;
    listener.descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_open = listener.descriptor >= 0 &&
                   setsockopt(listener.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                   bind(listener.descriptor, found->ai_addr, found->ai_addrlen) == 0 &&
                   listen(listener.descriptor, BACKLOG) == 0 && describe(&listener);
    int reason = errno;
    freeaddrinfo(found);
    if (!is_open) {
        if (listener.descriptor >= 0) {
            (void)close(listener.descriptor);
        }
        return reason == EADDRINUSE
                   ? fault_set(fault,
                               "%s is in use: name another port (http.listen; 0: any free one)",
                               listen_at)
                   : fault_set(fault, "http.listen: cannot listen on %s: %s", listen_at,
                               strerror(reason));
    }
    *ret_listener = listener;
    return true;
}

bool listener_host_is_local(const char *host) {
    if (host == NULL) {
        return true;
    }
    char name[HOST_SIZE_MAX];
    struct in_addr v4;
    struct in6_addr v6;
    const char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    const char *start = host[0] == '[' ? host + 1 : host;
    size_t size = end == NULL ? strlen(start) : (size_t)(end - start);
    if (size == 0 || size >= sizeof name) {
        return false;
    }
    memcpy(name, start, size);
    name[size] = '\0';
    return text_equal_ignoring_case(text_of(name), TEXT("localhost")) ||
           inet_pton(AF_INET, name, &v4) == 1 || inet_pton(AF_INET6, name, &v6) == 1;
}
