/* systemd's notify protocol, against a socket of our own. */
#include "accrued/supervisor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path, bool is_abstract) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (is_abstract) {
        address.sun_path[0] = '\0';
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    cr_assert(bind(descriptor, (struct sockaddr *)&address, size) == 0);
    return descriptor;
}

static void expect_told(int descriptor, const char *want) {
    char got[256] = "";
    ssize_t size = recv(descriptor, got, sizeof got - 1, MSG_DONTWAIT);
    cr_assert(size >= 0, "nothing came");
    cr_expect_str_eq(got, want);
}

Test(supervisor, tells_a_path_and_an_abstract_name) {
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/supervisor_test_%d", (int)getpid());
    int file = listen_at(path, false);
    setenv("NOTIFY_SOCKET", path, 1);
    cr_expect(supervisor_is_there());
    supervisor_tell("READY=1\nSTATUS=%d lines", 7);
    expect_told(file, "READY=1\nSTATUS=7 lines");
    path[0] = '@';
    int name = listen_at(path, true);
    setenv("NOTIFY_SOCKET", path, 1);
    supervisor_tell("WATCHDOG=1");
    expect_told(name, "WATCHDOG=1");
    path[0] = '/';
    (void)unlink(path);
    (void)close(file);
    (void)close(name);
}

Test(supervisor, nobody_listens) {
    unsetenv("NOTIFY_SOCKET");
    cr_expect(!supervisor_is_there());
    supervisor_tell("READY=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    cr_expect(!supervisor_is_there());
    setenv("NOTIFY_SOCKET", "/nowhere/socket", 1);
    cr_expect(supervisor_is_there());
    supervisor_tell("READY=1"); /* lost, and no harm */
}

Test(supervisor, the_watchdog_is_for_this_process_only) {
    char own[24];
    (void)snprintf(own, sizeof own, "%d", (int)getpid());
    unsetenv("WATCHDOG_USEC");
    cr_expect_eq(supervisor_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "90000000", 1);
    unsetenv("WATCHDOG_PID");
    cr_expect_eq(supervisor_watchdog_ms(), 90000);
    setenv("WATCHDOG_PID", own, 1);
    cr_expect_eq(supervisor_watchdog_ms(), 90000);
    setenv("WATCHDOG_PID", "1", 1);
    cr_expect_eq(supervisor_watchdog_ms(), 0);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "x", 1);
    cr_expect_eq(supervisor_watchdog_ms(), 0);
}
