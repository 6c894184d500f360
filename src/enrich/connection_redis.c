/* hiredis keeps the buffers and the protocol; waiting is done here, because its own time-out is one
 * of each read and a server that trickles would be waited for without end. */
#include "dial.h"
#include "tls.h"

#include "accrued/address.h"
#include "accrued/clock.h"
#include "accrued/require.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

struct connection {
    redisContext *context;
    struct tls *tls; /* NULL: without */
    bool is_heard;   /* it has answered something */
    char address[ADDRESS_TEXT_SIZE_MAX];
    int64_t timeout_ms;
};

bool connection_fault(const struct connection *connection, struct fault *fault, const char *format,
                      ...) {
    char text[FAULT_TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fault_set(fault, "Redis at %s: %s", connection->address, text);
}

static struct timeval timeval_of(int64_t ms) {
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

static int64_t left_until(int64_t deadline_ms) {
    int64_t left = deadline_ms - clock_steady_ms();
    return left > 0 ? left : 0;
}

/* hiredis says "Resource temporarily unavailable" for a time-out. */
static bool io_fault(const struct connection *connection, struct fault *fault) {
    const redisContext *context = connection->context;
    if (context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return connection_fault(connection, fault, "no answer in time (redis.timeout_ms)");
    }
    /* TLS 1.3 is done on our side before the server has looked at our certificate. */
    const char *hint = connection->tls != NULL && !connection->is_heard
                           ? ", right after the TLS handshake: it may demand a certificate of "
                             "ours, or not trust this one (redis.tls_certificate_file)"
                           : "";
    return connection_fault(connection, fault, "%s%s", context->errstr, hint);
}

static bool dial_socket(struct connection *connection, const struct address *address,
                        int64_t deadline_ms, struct fault *fault) {
    /* 0 would mean to wait for ever. */
    int64_t left_ms = left_until(deadline_ms);
    struct timeval patience = timeval_of(left_ms > 0 ? left_ms : 1);
    connection->context = address->is_unix
                              ? redisConnectUnixWithTimeout(address->host, patience)
                              : redisConnectWithTimeout(address->host, address->port, patience);
    REQUIRE(connection->context != NULL);
    if (connection->context->err != 0) {
        bool late = connection->context->err == REDIS_ERR_IO && left_until(deadline_ms) == 0;
        return connection_fault(connection, fault, "%s: start it, or correct redis.address",
                                late ? "no connection in time (redis.connect_timeout_ms)"
                                     : connection->context->errstr);
    }
    if (redisSetTimeout(connection->context, timeval_of(connection->timeout_ms)) != REDIS_OK) {
        return io_fault(connection, fault);
    }
    if (!address->is_unix) {
        (void)redisEnableKeepAlive(connection->context); /* only helps */
    }
    return true;
}

struct connection *connection_dial(const struct config *config, const char *address_text,
                                   int64_t deadline_ms, struct fault *fault) {
    struct address address;
    if (!tls_check(config, fault)) {
        return NULL;
    }
    if (!address_parse(address_text, &address)) {
        (void)fault_set(fault, "redis.address: \"%s\" is neither host:port nor unix:/path",
                        address_text);
        return NULL;
    }
    struct connection *connection = calloc(1, sizeof *connection);
    REQUIRE(connection != NULL);
    (void)snprintf(connection->address, sizeof connection->address, "%s", address_text);
    connection->timeout_ms = config->redis.timeout_ms;
    bool is_good = dial_socket(connection, &address, deadline_ms, fault);
    if (is_good && config->redis.tls) {
        struct fault why;
        connection->tls = tls_start(connection->context, config, address.host, &why);
        is_good = connection->tls != NULL || connection_fault(connection, fault, "%s", why.text);
    }
    if (!is_good) {
        connection_free(connection);
        return NULL;
    }
    return connection;
}

const char *connection_address(const struct connection *connection) {
    return connection->address;
}

void connection_free(struct connection *connection) {
    if (connection == NULL) {
        return;
    }
    if (connection->context != NULL) {
        redisFree(connection->context);
    }
    tls_free(connection->tls);
    free(connection);
}

void connection_append(struct connection *connection, const struct text *arguments, size_t count) {
    REQUIRE(count > 0 && count <= CONNECTION_ARGUMENT_COUNT_MAX);
    const char *data[CONNECTION_ARGUMENT_COUNT_MAX];
    size_t sizes[CONNECTION_ARGUMENT_COUNT_MAX];
    for (size_t i = 0; i < count; i++) {
        data[i] = arguments[i].data;
        sizes[i] = arguments[i].size;
    }
    int result = redisAppendCommandArgv(connection->context, (int)count, data, sizes);
    REQUIRE(result == REDIS_OK); /* fails for want of memory only */
}

/* Is something received that poll does not see? */
static bool has_unseen(const struct connection *connection) {
    return connection->tls != NULL && tls_has_pending(connection->tls);
}

/* Waits until the socket is ready for `events`. */
static bool connection_wait(struct connection *connection, short events, int64_t deadline_ms,
                            struct fault *fault) {
    for (;;) {
        struct pollfd watched = {.fd = connection->context->fd, .events = events};
        int64_t left_ms = left_until(deadline_ms);
        int ready = poll(&watched, 1, left_ms > 1000000 ? 1000000 : (int)left_ms);
        if (ready > 0) {
            return true; /* also for errors: the read or write will tell which */
        }
        if (ready < 0 && errno != EINTR) {
            return connection_fault(connection, fault, "poll: error %d", errno);
        }
        if (left_ms == 0) {
            return connection_fault(connection, fault, "no answer in time (redis.timeout_ms)");
        }
    }
}

bool connection_send(struct connection *connection, int64_t deadline_ms, struct fault *fault) {
    int done = 0;
    while (!done) {
        if (!connection_wait(connection, POLLOUT, deadline_ms, fault)) {
            return false;
        }
        if (redisBufferWrite(connection->context, &done) != REDIS_OK) {
            return io_fault(connection, fault);
        }
    }
    return true;
}

/* A reply of what has been received; NULL if it is not whole yet. */
static bool connection_parse(struct connection *connection, struct redisReply **ret_reply,
                             struct fault *fault) {
    void *reply = NULL;
    redisReader *reader = connection->context->reader;
    if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
        return connection_fault(
            connection, fault, "what answers does not speak Redis's protocol (%s)", reader->errstr);
    }
    connection->is_heard = connection->is_heard || reply != NULL;
    *ret_reply = reply;
    return true;
}

bool connection_read(struct connection *connection, int64_t deadline_ms,
                     struct redisReply **ret_reply, struct fault *fault) {
    for (;;) {
        struct redisReply *reply = NULL;
        if (!connection_parse(connection, &reply, fault)) {
            return false;
        }
        if (reply != NULL) {
            *ret_reply = reply;
            return true;
        }
        if (!has_unseen(connection) && !connection_wait(connection, POLLIN, deadline_ms, fault)) {
            return false;
        }
        if (redisBufferRead(connection->context) != REDIS_OK) {
            return io_fault(connection, fault);
        }
    }
}

bool connection_take(struct connection *connection, struct redisReply **ret_reply,
                     struct fault *fault) {
    for (;;) {
        struct redisReply *reply = NULL;
        if (!connection_parse(connection, &reply, fault)) {
            return false;
        }
        struct pollfd watched = {.fd = connection->context->fd, .events = POLLIN};
        if (reply != NULL || (!has_unseen(connection) && poll(&watched, 1, 0) <= 0)) {
            *ret_reply = reply;
            return true;
        }
        if (redisBufferRead(connection->context) != REDIS_OK) {
            return io_fault(connection, fault);
        }
    }
}

bool connection_call(struct connection *connection, const struct text *arguments, size_t count,
                     int64_t deadline_ms, const char *what, const char *hint,
                     struct redisReply **ret_reply, struct fault *fault) {
    connection_append(connection, arguments, count);
    struct redisReply *reply;
    if (!connection_send(connection, deadline_ms, fault) ||
        !connection_read(connection, deadline_ms, &reply, fault)) {
        return false;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)connection_fault(connection, fault, "%s: %s%s", what, reply->str, hint);
        freeReplyObject(reply);
        return false;
    }
    *ret_reply = reply;
    return true;
}
