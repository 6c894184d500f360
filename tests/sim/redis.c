#include "redis.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include "../../src/enrich/dial.h"
#include "../../src/enrich/sentinel.h"
#include "broker.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 64
#define CONNECTIONS_MAX 2048
#define COMMANDS_MAX 512
#define ARGUMENTS_MAX 12

struct command {
    char *arguments[ARGUMENTS_MAX];
    size_t count;
};

struct reply {
    int64_t arrives_ms;
    redisReply *reply;
};

struct connection {
    const struct process *process;
    long long id;
    bool is_closed; /* by the server, or by the client */
    bool is_silent; /* half open: what is sent is lost, on both ways */
    int64_t close_heard_ms;
    bool is_subscribed;
    struct connection *redirect; /* tracking: who hears of changes */
    int64_t last_arrival_ms;
    struct command commands[COMMANDS_MAX];
    size_t command_count;
    struct reply *replies;
    size_t reply_count;
    size_t reply_capacity;
};

static struct {
    struct redis_key keys[KEYS_MAX];
    size_t key_count;
    struct connection *connections[CONNECTIONS_MAX];
    size_t connection_count;
    int64_t down_until_ms;
    int64_t stalled_until_ms;
    struct standstill *stalls;
    size_t stall_count;
    size_t stall_capacity;
} redis;

struct redis_key *redis_find(const char *name) {
    for (size_t i = 0; i < redis.key_count; i++) {
        if (strcmp(redis.keys[i].name, name) == 0) {
            return &redis.keys[i];
        }
    }
    return NULL;
}

static redisReply *made(int type, const char *data, size_t size) {
    redisReply *reply = calloc(1, sizeof *reply);
    REQUIRE(reply != NULL);
    reply->type = type;
    if (data != NULL) {
        reply->str = malloc(size + 1);
        REQUIRE(reply->str != NULL);
        memcpy(reply->str, data, size);
        reply->str[size] = '\0';
        reply->len = size;
    }
    return reply;
}

static redisReply *made_text(const char *text) {
    return made(REDIS_REPLY_STRING, text, strlen(text));
}

static redisReply *made_array(redisReply *a, redisReply *b, redisReply *c) {
    redisReply *reply = made(REDIS_REPLY_ARRAY, NULL, 0);
    reply->elements = c != NULL ? 3 : b != NULL ? 2 : 1;
    reply->element = calloc(3, sizeof(redisReply *));
    REQUIRE(reply->element != NULL);
    reply->element[0] = a;
    reply->element[1] = b;
    reply->element[2] = c;
    return reply;
}

static void answer_in(struct connection *connection, redisReply *reply, int64_t ms) {
    if (connection->is_closed || connection->is_silent) {
        freeReplyObject(reply);
        return;
    }
    int64_t at_ms = sim_now() + ms;
    if (redis.stalled_until_ms > at_ms) {
        at_ms = redis.stalled_until_ms;
    }
    /* A stream has one order. */
    if (connection->last_arrival_ms > at_ms) {
        at_ms = connection->last_arrival_ms;
    }
    connection->last_arrival_ms = at_ms;
    connection->replies = sim_grown(connection->replies, connection->reply_count,
                                    &connection->reply_capacity, sizeof *connection->replies);
    connection->replies[connection->reply_count++] = (struct reply){at_ms, reply};
}

static void answer(struct connection *connection, redisReply *reply) {
    answer_in(connection, reply,
              sim_chance(300) ? sim_between(0, 200) : sim_between(0, sim_plan.travel_ms_max));
}

void redis_set(const char *name, struct text value, int payload) {
    struct redis_key *key = redis_find(name);
    if (key == NULL) {
        REQUIRE(redis.key_count < KEYS_MAX);
        key = &redis.keys[redis.key_count++];
        (void)snprintf(key->name, sizeof key->name, "%s", name);
    }
    key->versions = sim_grown(key->versions, key->count, &key->capacity, sizeof *key->versions);
    key->versions[key->count++] = (struct redis_version){
        .from_ms = sim_now(),
        .value = sim_copy(value),
        .hash = value.data == NULL ? 0 : hash64(value.data, value.size, 0),
        .payload = payload,
    };
    sim_trace("redis: %s changes to %d", name, payload);
    for (size_t i = 0; i < redis.connection_count; i++) {
        struct connection *values = redis.connections[i];
        if (values->redirect != NULL && !values->is_closed) {
            redisReply *news = made_array(made_text("message"), made_text("__redis__:invalidate"),
                                          made_array(made_text(name), NULL, NULL));
            answer_in(values->redirect, news,
                      sim_trouble(sim_plan.slow_news) ? sim_between(0, 200)
                                                      : sim_between(0, sim_plan.travel_ms_max));
        }
    }
}

static void close_by_server(struct connection *connection, bool silently) {
    if (connection->is_closed) {
        return;
    }
    connection->is_silent = silently;
    connection->is_closed = !silently;
    connection->close_heard_ms = sim_now() + sim_between(0, sim_plan.travel_ms_max);
    if (connection->last_arrival_ms > connection->close_heard_ms) {
        connection->close_heard_ms = connection->last_arrival_ms;
    }
    sim_trace("redis: connection %lld %s", connection->id, silently ? "falls silent" : "breaks");
}

static void break_one(bool news, bool silently) {
    size_t first = redis.connection_count == 0 ? 0 : (size_t)sim_below(redis.connection_count);
    for (size_t i = 0; i < redis.connection_count; i++) {
        struct connection *connection = redis.connections[(first + i) % redis.connection_count];
        if (!connection->is_closed && !connection->is_silent && !connection->process->is_dead &&
            (news ? connection->is_subscribed : connection->redirect != NULL)) {
            close_by_server(connection, silently);
            return;
        }
    }
}

void redis_break_news(bool silently) {
    break_one(true, silently);
}

void redis_break_values(bool silently) {
    break_one(false, silently);
}

void redis_outage(int64_t ms) {
    sim_trace("redis: is down for %lld ms", (long long)ms);
    redis.down_until_ms = sim_now() + ms;
    for (size_t i = 0; i < redis.connection_count; i++) {
        if (!redis.connections[i]->is_silent) {
            close_by_server(redis.connections[i], false);
        }
    }
}

void redis_stall(int64_t ms) {
    sim_trace("redis: answers nothing for %lld ms", (long long)ms);
    redis.stalled_until_ms = sim_now() + ms;
    redis.stalls =
        sim_grown(redis.stalls, redis.stall_count, &redis.stall_capacity, sizeof *redis.stalls);
    redis.stalls[redis.stall_count++] = (struct standstill){sim_now(), redis.stalled_until_ms};
}

int64_t redis_stalled_ms(int64_t from_ms, int64_t to_ms) {
    int64_t sum = 0;
    for (size_t i = 0; i < redis.stall_count; i++) {
        if (redis.stalls[i].from_ms <= to_ms && redis.stalls[i].to_ms >= from_ms) {
            sum += redis.stalls[i].to_ms - redis.stalls[i].from_ms;
        }
    }
    return sum;
}

bool connection_fault(const struct connection *connection, struct fault *fault, const char *format,
                      ...) {
    char text[FAULT_TEXT_SIZE_MAX];
    (void)connection;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fault_set(fault, "Redis: %s", text);
}

struct connection *connection_open(const struct config *config, int64_t deadline_ms,
                                   struct fault *fault) {
    (void)config;
    sim_travel();
    if (redis.down_until_ms > sim_now() || sim_now() > deadline_ms) {
        fault_set(fault, "Redis: connection refused");
        return NULL;
    }
    struct connection *connection = calloc(1, sizeof *connection);
    REQUIRE(connection != NULL && redis.connection_count < CONNECTIONS_MAX);
    connection->process = sim_current();
    connection->id = (long long)redis.connection_count + 1;
    redis.connections[redis.connection_count++] = connection;
    return connection;
}

/* No Sentinels here. */
struct sentinel_watch *sentinel_watch_new(const struct config *config) {
    REQUIRE(config->redis.sentinels[0] == '\0');
    return NULL;
}

void sentinel_watch_free(struct sentinel_watch *watch) {
    REQUIRE(watch == NULL);
}

bool sentinel_watch_step(struct sentinel_watch *watch, const char *address, int64_t now_ms,
                         struct fault *fault) {
    (void)address;
    (void)now_ms;
    (void)fault;
    REQUIRE(watch == NULL);
    return true;
}

const char *connection_address(const struct connection *connection) {
    (void)connection;
    return "simulated";
}

struct connection *connection_open_beside(const struct config *config,
                                          const struct connection *other, int64_t deadline_ms,
                                          struct fault *fault) {
    (void)other;
    return connection_open(config, deadline_ms, fault);
}

void connection_free(struct connection *connection) {
    if (connection != NULL) {
        connection->is_closed = true;
    }
}

void connection_append(struct connection *connection, const struct text *arguments, size_t count) {
    REQUIRE(connection->command_count < COMMANDS_MAX && count <= ARGUMENTS_MAX);
    struct command *command = &connection->commands[connection->command_count++];
    command->count = count;
    for (size_t i = 0; i < count; i++) {
        command->arguments[i] = (char *)(uintptr_t)sim_copy(arguments[i]).data;
    }
}

static void execute(struct connection *connection, const struct command *command) {
    const char *name = command->arguments[0];
    sim_trace("redis: connection %lld: %s %s", connection->id, name,
              command->count > 1 ? command->arguments[1] : "");
    if (strcmp(name, "GET") == 0) {
        const struct redis_key *key = redis_find(command->arguments[1]);
        struct text value = key == NULL ? text_null() : key->versions[key->count - 1].value;
        answer(connection, value.data == NULL ? made(REDIS_REPLY_NIL, NULL, 0)
                                              : made(REDIS_REPLY_STRING, value.data, value.size));
    } else if (strcmp(name, "PING") == 0) {
        answer(connection, connection->is_subscribed
                               ? made_array(made_text("pong"), made_text(""), NULL)
                               : made(REDIS_REPLY_STATUS, "PONG", 4));
    } else if (strcmp(name, "SUBSCRIBE") == 0) {
        connection->is_subscribed = true;
        answer(connection, made_array(made_text("subscribe"), made_text(command->arguments[1]),
                                      made(REDIS_REPLY_INTEGER, NULL, 0)));
    } else if (strcmp(name, "CLIENT") == 0 && strcmp(command->arguments[1], "ID") == 0) {
        redisReply *reply = made(REDIS_REPLY_INTEGER, NULL, 0);
        reply->integer = connection->id;
        answer(connection, reply);
    } else {
        REQUIRE(strcmp(name, "CLIENT") == 0 && strcmp(command->arguments[1], "TRACKING") == 0);
        connection->redirect = redis.connections[atoll(command->arguments[4]) - 1];
        answer(connection, made(REDIS_REPLY_STATUS, "OK", 2));
    }
}

bool connection_send(struct connection *connection, int64_t deadline_ms, struct fault *fault) {
    (void)deadline_ms;
    /* Slowness of Redis is a stall, which the oracle knows of. */
    sim_sleep(sim_between(0, sim_plan.travel_ms_max));
    if (sim_trouble(sim_plan.redis_drops)) {
        close_by_server(connection, sim_chance(5000));
    }
    size_t count = connection->command_count;
    connection->command_count = 0;
    if (connection->is_closed) {
        return connection_fault(connection, fault, "the connection is closed");
    }
    for (size_t i = 0; i < count && !connection->is_silent; i++) {
        execute(connection, &connection->commands[i]);
        if (sim_chance(500)) {
            sim_sleep(sim_between(0, 5));
        }
    }
    return true;
}

/* What has arrived; NULL: nothing yet. */
static redisReply *arrived(struct connection *connection) {
    if (connection->reply_count == 0 || connection->replies[0].arrives_ms > sim_now()) {
        return NULL;
    }
    redisReply *reply = connection->replies[0].reply;
    connection->reply_count--;
    memmove(connection->replies, connection->replies + 1,
            connection->reply_count * sizeof *connection->replies);
    return reply;
}

static bool is_heard_closed(const struct connection *connection) {
    return connection->is_closed && connection->close_heard_ms <= sim_now() &&
           connection->reply_count == 0;
}

bool connection_take(struct connection *connection, struct redisReply **ret_reply,
                     struct fault *fault) {
    if (sim_chance(200)) {
        sim_sleep(0);
    }
    *ret_reply = arrived(connection);
    return *ret_reply != NULL || !is_heard_closed(connection) ||
           connection_fault(connection, fault, "closed by the server");
}

bool connection_read(struct connection *connection, int64_t deadline_ms,
                     struct redisReply **ret_reply, struct fault *fault) {
    for (;;) {
        *ret_reply = arrived(connection);
        if (*ret_reply != NULL) {
            return true;
        }
        if (is_heard_closed(connection)) {
            return connection_fault(connection, fault, "closed by the server");
        }
        if (sim_now() >= deadline_ms) {
            return connection_fault(connection, fault, "no answer in time");
        }
        int64_t next_ms = connection->reply_count > 0 ? connection->replies[0].arrives_ms
                          : connection->is_closed     ? connection->close_heard_ms
                                                      : deadline_ms;
        next_ms = next_ms < deadline_ms ? next_ms : deadline_ms;
        sim_sleep(next_ms > sim_now() ? next_ms - sim_now() : 1);
    }
}

bool connection_call(struct connection *connection, const struct text *arguments, size_t count,
                     int64_t deadline_ms, const char *what, const char *hint,
                     struct redisReply **ret_reply, struct fault *fault) {
    (void)hint;
    connection_append(connection, arguments, count);
    return (connection_send(connection, deadline_ms, fault) &&
            connection_read(connection, deadline_ms, ret_reply, fault)) ||
           connection_fault(connection, fault, "%s failed", what);
}
