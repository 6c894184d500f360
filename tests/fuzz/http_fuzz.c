/* Requests to the page, over a real connection: parsing is libmicrohttpd's, what is made of it is
 * ours. Whatever comes, the server answers the next one who asks well. */
#include "fuzz.h"

#include "accrued/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* A half of a request is not answered: the server waits for the other half. */
#define HALF_PATIENCE_MS 5
#define PATIENCE_MS 10000
#define ATTEMPTS_MAX 3

static struct server *server;
static struct sockaddr_in address;

static bool say_ready(void *context, struct buffer *reasons) {
    (void)context;
    buffer_append_string(reasons, "a reason & <b>more</b>\n");
    return false;
}

static void start(void) {
    struct fault fault;
    server = server_start(&(struct server_options){.listen = "127.0.0.1:0",
                                                   .input_topic = "billing-lines",
                                                   .notice = "a <notice>",
                                                   .ready = say_ready},
                          &fault);
    REQUIRE(server != NULL);
    unsigned port = 0;
    REQUIRE(sscanf(server_url(server), "http://127.0.0.1:%u", &port) == 1);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* The size of what comes first; who goes away before the end is one more thing that happens. */
static size_t ask(const void *data, size_t size, int patience_ms, char *reply, size_t reply_size) {
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(peer >= 0);
    REQUIRE(connect(peer, (const struct sockaddr *)&address, sizeof address) == 0);
    (void)send(peer, data, size, MSG_NOSIGNAL);
    (void)shutdown(peer, SHUT_WR);
    struct pollfd ready = {.fd = peer, .events = POLLIN};
    int is_ready = poll(&ready, 1, patience_ms);
    ssize_t got = is_ready > 0 ? recv(peer, reply, reply_size, 0) : 0;
    int reason = got < 0 || is_ready < 0 ? errno : 0;
    (void)close(peer);
    if (patience_ms == PATIENCE_MS && got <= 0) { /* lost: late, closed or broken? */
        (void)fprintf(stderr, "no answer: poll %d, events %x, recv %zd, error %d\n", is_ready,
                      (unsigned)ready.revents, got, reason);
    }
    return got > 0 ? (size_t)got : 0;
}

/* An answer got lost once on a loaded machine, and in no run since; a server that is dead or stuck
 * answers none. */
static bool is_answered(const char *request, size_t size) {
    char reply[64];
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        size_t got = ask(request, size, PATIENCE_MS, reply, sizeof reply);
        if (got >= 12 && memcmp(reply + 8, " 200", 4) == 0) {
            return true;
        }
        (void)fprintf(stderr, "attempt %d: %zu bytes: %.*s\n", i, got, (int)got, reply);
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char good[] = "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
    char reply[64];
    if (server == NULL) {
        start();
    }
    (void)ask(data, size, HALF_PATIENCE_MS, reply, sizeof reply);
    REQUIRE(is_answered(good, sizeof good - 1));
    return 0;
}
