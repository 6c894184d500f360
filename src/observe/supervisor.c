#include "accrued/supervisor.h"

#include "accrued/require.h"
#include "accrued/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_SIZE_MAX 1024

/* A path, or a name of Linux's abstract namespace that is written with an at sign. */
static bool socket_address(struct sockaddr_un *ret_address, socklen_t *ret_size) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || (path[0] != '/' && path[0] != '@')) {
        return false;
    }
    size_t size = strlen(path);
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (size < 2 || size >= sizeof ret_address->sun_path) {
        return false;
    }
    memcpy(ret_address->sun_path, path, size);
    if (path[0] == '@') {
        ret_address->sun_path[0] = '\0';
    }
    *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return true;
}

bool supervisor_is_there(void) {
    struct sockaddr_un address;
    socklen_t size = 0;
    return socket_address(&address, &size);
}

void supervisor_tell(const char *format, ...) {
    struct sockaddr_un address;
    socklen_t address_size = 0;
    char message[MESSAGE_SIZE_MAX];
    if (!socket_address(&address, &address_size)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    REQUIRE(size > 0 && (size_t)size < sizeof message);
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0) {
        ssize_t sent = 0;
        do {
            sent = sendto(descriptor, message, (size_t)size, MSG_NOSIGNAL,
                          (const struct sockaddr *)&address, address_size);
        } while (sent < 0 && errno == EINTR);
        (void)close(descriptor);
    }
}

int64_t supervisor_watchdog_ms(void) {
    const char *microseconds = getenv("WATCHDOG_USEC");
    const char *process = getenv("WATCHDOG_PID");
    int64_t value = 0;
    int64_t pid = 0;
    if (microseconds == NULL || !text_to_int64(text_of(microseconds), &value) || value <= 0) {
        return 0;
    }
    if (process != NULL && (!text_to_int64(text_of(process), &pid) || pid != getpid())) {
        return 0;
    }
    return value / 1000;
}
