/* hiredis keeps the buffers and the protocol; waiting is done here, because its own time-out is one
 * of each read and a server that trickles would be waited for without end. */
#include "connection.h"

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
    const char *address; /* of the configuration */
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
    return connection_fault(connection, fault, "%s", context->errstr);
}

static bool connection_dial(struct connection *connection, int64_t deadline_ms,
                            struct fault *fault) {
    struct address address;
    if (!address_parse(connection->address, &address)) {
        return fault_set(fault, "redis.address: \"%s\" is neither host:port nor unix:/path",
                         connection->address);
    }
    /* 0 would mean to wait for ever. */
    int64_t left_ms = left_until(deadline_ms);
    struct timeval patience = timeval_of(left_ms > 0 ? left_ms : 1);
    connection->context = address.is_unix
                              ? redisConnectUnixWithTimeout(address.host, patience)
                              : redisConnectWithTimeout(address.host, address.port, patience);
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
    if (!address.is_unix) {
        (void)redisEnableKeepAlive(connection->context); /* only helps */
    }
    return true;
}

static bool connection_log_in(struct connection *connection, const struct config *config,
                              int64_t deadline_ms, struct fault *fault) {
    struct redisReply *reply;
    if (config->redis.password[0] != '\0') {
        bool named = config->redis.username[0] != '\0';
        struct text arguments[3] = {TEXT("AUTH"), text_of(config->redis.username),
                                    text_of(config->redis.password)};
        if (!named) {
            arguments[1] = arguments[2];
        }
        if (!connection_call(connection, arguments, named ? 3 : 2, deadline_ms, "AUTH",
                             ": correct redis.username, redis.password or redis.password_file",
                             &reply, fault)) {
            return false;
        }
        freeReplyObject(reply);
    }
    if (config->redis.database != 0) {
        char number[24];
        (void)snprintf(number, sizeof number, "%lld", (long long)config->redis.database);
        struct text arguments[2] = {TEXT("SELECT"), text_of(number)};
        if (!connection_call(connection, arguments, 2, deadline_ms, "SELECT",
                             ": correct redis.database", &reply, fault)) {
            return false;
        }
        freeReplyObject(reply);
    }
    return true;
}

struct connection *connection_open(const struct config *config, int64_t deadline_ms,
                                   struct fault *fault) {
    REQUIRE(config != NULL && fault != NULL);
    struct connection *connection = calloc(1, sizeof *connection);
    REQUIRE(connection != NULL);
    connection->address = config->redis.address;
    connection->timeout_ms = config->redis.timeout_ms;
    if (!connection_dial(connection, deadline_ms, fault) ||
        !connection_log_in(connection, config, deadline_ms, fault)) {
        connection_free(connection);
        return NULL;
    }
    return connection;
}

void connection_free(struct connection *connection) {
    if (connection == NULL) {
        return;
    }
    if (connection->context != NULL) {
        redisFree(connection->context);
    }
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
        if (!connection_wait(connection, POLLIN, deadline_ms, fault)) {
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
        if (reply != NULL || poll(&watched, 1, 0) <= 0) {
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
