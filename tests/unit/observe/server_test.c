#include "accrued/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static int dial(const struct server *server) {
    unsigned port = 0;
    cr_assert_eq(sscanf(server_url(server), "http://127.0.0.1:%u", &port), 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(peer, 0);
    cr_assert_eq(connect(peer, (const struct sockaddr *)&address, sizeof address), 0);
    return peer;
}

static bool is_answered(const struct server *server) {
    static const char good[] = "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
    char reply[64] = "";
    int peer = dial(server);
    struct pollfd ready = {.fd = peer, .events = POLLIN};
    bool is_sent = send(peer, good, sizeof good - 1, MSG_NOSIGNAL) == (ssize_t)sizeof good - 1;
    bool is_good = is_sent && poll(&ready, 1, PATIENCE_MS) > 0 &&
                   recv(peer, reply, sizeof reply - 1, 0) > 0 && strncmp(reply + 8, " 200", 4) == 0;
    (void)close(peer);
    return is_good;
}

/* More of them than the server takes at a time. */
Test(server, half_requests_of_who_went_away_keep_nobody_out, .timeout = 240) {
    static const char half[] = "GET /readyz HTTP/1.1\r\nHost: x";
    struct fault fault;
    struct server *server = server_start(
        &(struct server_options){.listen = "127.0.0.1:0", .input_topic = "billing-lines"}, &fault);
    cr_assert(server != NULL, "%s", fault.text);
    cr_assert(is_answered(server));
    for (int i = 0; i < 100; i++) {
        int peer = dial(server);
        cr_assert_eq(send(peer, half, sizeof half - 1, MSG_NOSIGNAL), (ssize_t)sizeof half - 1);
        (void)close(peer);
    }
    cr_assert(is_answered(server));
    server_stop(server);
}
