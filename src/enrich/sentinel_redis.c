#include "sentinel.h"

#include "dial.h"

#include "accrued/clock.h"
#include "accrued/require.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The lane waits that long for a Sentinel, and no longer. */
#define WATCH_CONNECT_MS_MAX 200
#define WATCH_INTERVAL_MS 1000
#define WATCH_RETRY_MS 5000

struct sentinel_watch {
    const struct config *config;
    struct connection *sentinel;
    size_t turn;              /* which of them is next */
    int64_t next_ms;          /* no question before */
    int64_t asked_ms;         /* when the question was asked that is open; −1: none is */
    int64_t epoch;            /* of the latest opinion heard */
    struct redisReply *first; /* of the two answers to it */
};

/* In one round trip: of which epoch its opinion is, and who it is. (SENTINEL MASTER alone names the
 * old one while a failover ends.) */
static bool ask(struct connection *sentinel, const struct config *config, int64_t deadline_ms,
                struct fault *fault) {
    const struct text name = text_of(config->redis.master_name);
    const struct text state[] = {TEXT("SENTINEL"), TEXT("MASTER"), name};
    const struct text address[] = {TEXT("SENTINEL"), TEXT("GET-MASTER-ADDR-BY-NAME"), name};
    connection_append(sentinel, state, 3);
    connection_append(sentinel, address, 3);
    return connection_send(sentinel, deadline_ms, fault);
}

/* The value of a field in "name, value, name, value …"; NULL: it has none. */
static const char *field_of(const redisReply *reply, const char *name) {
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        if (reply->element[i]->type == REDIS_REPLY_STRING &&
            reply->element[i + 1]->type == REDIS_REPLY_STRING &&
            strcmp(reply->element[i]->str, name) == 0) {
            return reply->element[i + 1]->str;
        }
    }
    return NULL;
}

static bool take_answers(const struct connection *sentinel, const struct config *config,
                         const redisReply *state, const redisReply *address,
                         struct sentinel_master *ret_master, struct fault *fault) {
    if (address->type == REDIS_REPLY_NIL) {
        return connection_fault(sentinel, fault,
                                "this Sentinel knows no master \"%s\": correct redis.master_name",
                                config->redis.master_name);
    }
    const char *epoch = field_of(state, "config-epoch");
    struct sentinel_master master = {.epoch = 0};
    if (epoch == NULL || !text_to_int64(text_of(epoch), &master.epoch) ||
        address->type != REDIS_REPLY_ARRAY || address->elements != 2 ||
        address->element[0]->type != REDIS_REPLY_STRING ||
        address->element[1]->type != REDIS_REPLY_STRING) {
        const redisReply *bad = state->type == REDIS_REPLY_ERROR ? state : address;
        return connection_fault(sentinel, fault, "%s: correct redis.sentinels",
                                bad->type == REDIS_REPLY_ERROR ? bad->str : "is no Sentinel");
    }
    const char *host = address->element[0]->str;
    int size =
        snprintf(master.address, sizeof master.address,
                 strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, address->element[1]->str);
    if (size <= 0 || (size_t)size >= sizeof master.address) {
        return connection_fault(sentinel, fault, "the master's address is too long");
    }
    *ret_master = master;
    return true;
}

static struct connection *open_sentinel(const struct config *config, const char *address,
                                        int64_t deadline_ms, struct fault *fault) {
    const struct login login = {config->redis.sentinel_username, config->redis.sentinel_password,
                                config->redis.sentinel_password_file,
                                ": correct redis.sentinel_username, redis.sentinel_password or "
                                "redis.sentinel_password_file"};
    struct connection *sentinel = connection_dial(config, address, deadline_ms, fault);
    if (sentinel != NULL && !connection_log_in(sentinel, &login, deadline_ms, fault)) {
        connection_free(sentinel);
        return NULL;
    }
    return sentinel;
}

static bool ask_once(const struct config *config, const char *address, int64_t deadline_ms,
                     struct sentinel_master *ret_master, struct fault *fault) {
    struct connection *sentinel = open_sentinel(config, address, deadline_ms, fault);
    struct redisReply *state = NULL;
    struct redisReply *master = NULL;
    bool is_good = sentinel != NULL && ask(sentinel, config, deadline_ms, fault) &&
                   connection_read(sentinel, deadline_ms, &state, fault) &&
                   connection_read(sentinel, deadline_ms, &master, fault) &&
                   take_answers(sentinel, config, state, master, ret_master, fault);
    if (state != NULL) {
        freeReplyObject(state);
    }
    if (master != NULL) {
        freeReplyObject(master);
    }
    connection_free(sentinel);
    return is_good;
}

static size_t sentinel_count(const struct config *config) {
    char item[ADDRESS_TEXT_SIZE_MAX];
    size_t count = 0;
    for (const char *rest = config->redis.sentinels; address_next(&rest, item);) {
        count++;
    }
    return count;
}

/* Each gets its share of the time, so that a silent one does not stand for all; one share is kept
 * for the master. */
bool sentinel_find_master(const struct config *config, int64_t deadline_ms,
                          struct sentinel_master *ret_master, struct fault *fault) {
    char item[ADDRESS_TEXT_SIZE_MAX];
    struct sentinel_master best = {.epoch = -1};
    int64_t shares = (int64_t)sentinel_count(config) + 1;
    for (const char *rest = config->redis.sentinels; address_next(&rest, item); shares--) {
        struct sentinel_master told;
        int64_t now_ms = clock_steady_ms();
        int64_t share_ms = deadline_ms > now_ms ? (deadline_ms - now_ms) / shares : 0;
        if (ask_once(config, item, now_ms + share_ms, &told, fault) && told.epoch > best.epoch) {
            best = told;
        }
    }
    if (best.epoch < 0) {
        return fault_prefix(fault, "no Sentinel says who is the master; the last: ");
    }
    *ret_master = best;
    return true;
}

struct sentinel_watch *sentinel_watch_new(const struct config *config) {
    if (sentinel_count(config) == 0) {
        return NULL;
    }
    struct sentinel_watch *watch = calloc(1, sizeof *watch);
    REQUIRE(watch != NULL);
    watch->config = config;
    watch->next_ms = INT64_MIN;
    watch->asked_ms = -1;
    return watch;
}

static void forget_question(struct sentinel_watch *watch) {
    if (watch->first != NULL) {
        freeReplyObject(watch->first);
        watch->first = NULL;
    }
    watch->asked_ms = -1;
}

void sentinel_watch_free(struct sentinel_watch *watch) {
    if (watch == NULL) {
        return;
    }
    forget_question(watch);
    connection_free(watch->sentinel);
    free(watch);
}

/* This one is of no use now: the next, after a while. */
static void give_up(struct sentinel_watch *watch, int64_t now_ms) {
    forget_question(watch);
    connection_free(watch->sentinel);
    watch->sentinel = NULL;
    watch->turn++;
    watch->next_ms = now_ms + WATCH_RETRY_MS;
}

static bool watch_open(struct sentinel_watch *watch) {
    char item[ADDRESS_TEXT_SIZE_MAX] = "";
    struct fault ignored;
    size_t skip = watch->turn % sentinel_count(watch->config);
    const char *rest = watch->config->redis.sentinels;
    while (address_next(&rest, item) && skip > 0) {
        skip--;
    }
    int64_t patience_ms = watch->config->redis.connect_timeout_ms;
    patience_ms = patience_ms < WATCH_CONNECT_MS_MAX ? patience_ms : WATCH_CONNECT_MS_MAX;
    watch->sentinel = open_sentinel(watch->config, item, clock_steady_ms() + patience_ms, &ignored);
    return watch->sentinel != NULL;
}

static void watch_ask(struct sentinel_watch *watch, int64_t now_ms) {
    struct fault ignored;
    if (now_ms < watch->next_ms) {
        return;
    }
    if ((watch->sentinel == NULL && !watch_open(watch)) ||
        !ask(watch->sentinel, watch->config, clock_steady_ms() + WATCH_CONNECT_MS_MAX, &ignored)) {
        give_up(watch, now_ms);
        return;
    }
    watch->asked_ms = now_ms;
}

/* Both answers, if they are there. */
static bool watch_take(struct sentinel_watch *watch, struct sentinel_master *ret_master,
                       int64_t now_ms) {
    struct fault ignored;
    struct redisReply *reply = NULL;
    bool is_good = true;
    if (watch->first == NULL) {
        is_good = connection_take(watch->sentinel, &watch->first, &ignored);
    }
    is_good =
        is_good && (watch->first == NULL || connection_take(watch->sentinel, &reply, &ignored));
    bool is_late = now_ms - watch->asked_ms > watch->config->redis.timeout_ms;
    bool is_told =
        is_good && reply != NULL &&
        take_answers(watch->sentinel, watch->config, watch->first, reply, ret_master, &ignored);
    if (!is_good || (reply == NULL && is_late) || (reply != NULL && !is_told)) {
        give_up(watch, now_ms);
    } else if (reply != NULL) {
        forget_question(watch);
        watch->next_ms = now_ms + WATCH_INTERVAL_MS;
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    return is_told;
}

bool sentinel_watch_step(struct sentinel_watch *watch, const char *address, int64_t now_ms,
                         struct fault *fault) {
    struct sentinel_master told;
    if (watch == NULL) {
        return true;
    }
    if (watch->asked_ms < 0) {
        watch_ask(watch, now_ms);
        return true;
    }
    if (!watch_take(watch, &told, now_ms)) {
        return true;
    }
    if (told.epoch < watch->epoch) {
        give_up(watch, now_ms); /* it is behind: another one, please */
        return true;
    }
    watch->epoch = told.epoch;
    if (strcmp(told.address, address) == 0) {
        return true;
    }
    return fault_set(fault, "Redis at %s: the Sentinels say that %s is the master", address,
                     told.address);
}
