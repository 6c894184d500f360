/* Requests to the page, over a real connection: parsing is libmicrohttpd's, what is made of it is
 * ours. Whatever comes, the server answers the next one who asks well. */
#include "fuzz.h"

#include "accrued/clock.h"
#include "accrued/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* A half of a request is not answered: the server waits for the other half. */
#define HALF_PATIENCE_MS 5
#define PATIENCE_MS 30000

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

/* libFuzzer looks at the time by a signal, every few seconds: that is no answer that got lost. */
static bool is_answer_there(int peer, int patience_ms) {
    struct pollfd ready = {.fd = peer, .events = POLLIN};
    int64_t end_ms = clock_steady_ms() + patience_ms;
    int64_t left_ms = patience_ms;
    int found;
    do {
        found = poll(&ready, 1, (int)left_ms);
        left_ms = end_ms - clock_steady_ms();
    } while (found < 0 && errno == EINTR && left_ms > 0);
    return found > 0;
}

/* The size of what comes first; who goes away before the end is one more thing that happens. */
static size_t ask(const void *data, size_t size, int patience_ms, char *reply, size_t reply_size) {
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(peer >= 0);
    REQUIRE(connect(peer, (const struct sockaddr *)&address, sizeof address) == 0);
    (void)send(peer, data, size, MSG_NOSIGNAL);
    (void)shutdown(peer, SHUT_WR);
    ssize_t got = is_answer_there(peer, patience_ms) ? recv(peer, reply, reply_size, 0) : 0;
    (void)close(peer);
    return got > 0 ? (size_t)got : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char good[] = "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
    char reply[64];
    if (server == NULL) {
        start();
    }
    (void)ask(data, size, HALF_PATIENCE_MS, reply, sizeof reply);
    size_t got = ask(good, sizeof good - 1, PATIENCE_MS, reply, sizeof reply);
    REQUIRE(got >= 12 && memcmp(reply + 8, " 200", 4) == 0);
    return 0;
}
