#include "store.h"

#include "dial.h"
#include "sentinel.h"

#include "accrued/clock.h"
#include "accrued/reference_json.h"
#include "accrued/require.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define NEWS_CHANNEL "__redis__:invalidate"
#define PREFIX_COUNT 2

struct store {
    const struct config *config;
    struct connection *values;
    struct connection *news;
    struct sentinel_watch *watch;         /* NULL: no Sentinels */
    struct buffer prefixes[PREFIX_COUNT]; /* by reference_kind: "accrued:partner:" */
    struct buffer key;
    struct arena scratch;
    bool values_pong_due;
    bool news_pong_due;
    int64_t ping_ms; /* the last ping was sent */
    int64_t values_fresh_ms;
    int64_t news_fresh_ms;
};

void store_configure(struct store *store, const struct config *config) {
    REQUIRE(strcmp(config->redis.key_prefix, store->config->redis.key_prefix) == 0);
    store->config = config;
}

struct store *store_new(const struct config *config) {
    REQUIRE(config != NULL);
    struct store *store = calloc(1, sizeof *store);
    REQUIRE(store != NULL);
    store->config = config;
    static const char *const kinds[PREFIX_COUNT] = {
        [REFERENCE_PARTNER] = "partner:", [REFERENCE_CUSTOMER] = "customer:"};
    for (size_t i = 0; i < PREFIX_COUNT; i++) {
        buffer_init(&store->prefixes[i]);
        buffer_append_string(&store->prefixes[i], config->redis.key_prefix);
        buffer_append_string(&store->prefixes[i], kinds[i]);
    }
    buffer_init(&store->key);
    arena_init(&store->scratch);
    store->watch = sentinel_watch_new(config);
    return store;
}

void store_free(struct store *store) {
    if (store == NULL) {
        return;
    }
    store_close(store);
    for (size_t i = 0; i < PREFIX_COUNT; i++) {
        buffer_release(&store->prefixes[i]);
    }
    buffer_release(&store->key);
    arena_release(&store->scratch);
    sentinel_watch_free(store->watch);
    free(store);
}

void store_close(struct store *store) {
    connection_free(store->values);
    connection_free(store->news);
    store->values = NULL;
    store->news = NULL;
    store->values_pong_due = false;
    store->news_pong_due = false;
}

bool store_is_open(const struct store *store) {
    REQUIRE((store->values == NULL) == (store->news == NULL));
    return store->values != NULL;
}

int64_t store_ping_pending_ms(const struct store *store) {
    return store->values_pong_due || store->news_pong_due ? store->ping_ms : INT64_MAX;
}

int64_t store_fresh_ms(const struct store *store) {
    return store->values_fresh_ms < store->news_fresh_ms ? store->values_fresh_ms
                                                         : store->news_fresh_ms;
}

static struct text reply_text(const redisReply *reply) {
    return (struct text){reply->str, (size_t)reply->len};
}

static void store_apply(struct store *store, struct cache *cache, struct text key) {
    for (size_t i = 0; i < PREFIX_COUNT; i++) {
        struct text prefix = buffer_text(&store->prefixes[i]);
        if (text_starts_with(key, prefix)) {
            struct text id = {key.data + prefix.size, key.size - prefix.size};
            cache_invalidate(cache, (enum reference_kind)i, id);
        }
    }
}

/* What came on the news connection: a pong, or the names of changed keys. A message without names
 * (FLUSHALL, or somebody's own PUBLISH on the channel) means that anything may have changed. */
static bool store_hear(struct store *store, struct cache *cache, const redisReply *reply,
                       struct fault *fault) {
    if (reply->type == REDIS_REPLY_ERROR) {
        return connection_fault(store->news, fault, "invalidations: %s", reply->str);
    }
    bool has_name = reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2 &&
                    reply->element[0]->type == REDIS_REPLY_STRING;
    struct text name = has_name ? reply_text(reply->element[0]) : text_null();
    if (has_name && text_equal(name, TEXT("pong")) && store->news_pong_due) {
        store->news_pong_due = false;
        store->news_fresh_ms = store->ping_ms;
        return true;
    }
    if (!has_name || !text_equal(name, TEXT("message")) || reply->elements != 3) {
        return connection_fault(store->news, fault, "unexpected message among invalidations");
    }
    const redisReply *keys = reply->element[2];
    if (keys->type != REDIS_REPLY_ARRAY) {
        cache_flush(cache, CACHE_FLUSH_FORGET, 0);
        return true;
    }
    for (size_t i = 0; i < keys->elements; i++) {
        if (keys->element[i]->type == REDIS_REPLY_STRING) {
            store_apply(store, cache, reply_text(keys->element[i]));
        }
    }
    return true;
}

/* The answer to the PING on the connection of the requests. */
static bool store_take_pong(struct store *store, const redisReply *reply, struct fault *fault) {
    if (reply->type == REDIS_REPLY_ERROR) {
        return connection_fault(store->values, fault, "PING: %s", reply->str);
    }
    if (!store->values_pong_due || reply->type != REDIS_REPLY_STATUS ||
        !text_equal(reply_text(reply), TEXT("PONG"))) {
        return connection_fault(store->values, fault, "an answer to nothing that was asked");
    }
    store->values_pong_due = false;
    store->values_fresh_ms = store->ping_ms;
    return true;
}

bool store_drain(struct store *store, struct cache *cache, struct fault *fault) {
    REQUIRE(store_is_open(store));
    for (;;) {
        struct redisReply *reply;
        if (!connection_take(store->news, &reply, fault)) {
            return false;
        }
        if (reply == NULL) {
            break;
        }
        bool ok = store_hear(store, cache, reply, fault);
        freeReplyObject(reply);
        if (!ok) {
            return false;
        }
    }
    /* Also notices that Redis has closed the connection: then tracking is off, and nobody says so
     * on the other one. */
    struct redisReply *reply;
    if (!connection_take(store->values, &reply, fault)) {
        return false;
    }
    if (reply == NULL) {
        return true;
    }
    bool ok = store_take_pong(store, reply, fault);
    freeReplyObject(reply);
    return ok;
}

bool store_watch(struct store *store, int64_t now_ms, struct fault *fault) {
    REQUIRE(store_is_open(store));
    return sentinel_watch_step(store->watch, connection_address(store->values), now_ms, fault);
}

bool store_ping(struct store *store, int64_t now_ms, struct fault *fault) {
    REQUIRE(store_is_open(store));
    if (store->values_pong_due || store->news_pong_due) {
        return true;
    }
    int64_t deadline_ms = clock_steady_ms() + store->config->redis.timeout_ms;
    const struct text ping = TEXT("PING");
    connection_append(store->values, &ping, 1);
    connection_append(store->news, &ping, 1);
    store->ping_ms = now_ms;
    store->values_pong_due = true;
    store->news_pong_due = true;
    return connection_send(store->values, deadline_ms, fault) &&
           connection_send(store->news, deadline_ms, fault);
}

static bool await_values_pong(struct store *store, int64_t deadline_ms, struct fault *fault) {
    if (!store->values_pong_due) {
        return true;
    }
    struct redisReply *reply;
    if (!connection_read(store->values, deadline_ms, &reply, fault)) {
        return false;
    }
    bool ok = store_take_pong(store, reply, fault);
    freeReplyObject(reply);
    return ok;
}

bool store_await_pong(struct store *store, struct cache *cache, int64_t deadline_ms,
                      struct fault *fault) {
    REQUIRE(store_is_open(store));
    while (store->news_pong_due) {
        struct redisReply *reply;
        if (!connection_read(store->news, deadline_ms, &reply, fault)) {
            return false;
        }
        bool ok = store_hear(store, cache, reply, fault);
        freeReplyObject(reply);
        if (!ok) {
            return false;
        }
    }
    return await_values_pong(store, deadline_ms, fault);
}

/* Subscribes the news connection; *ret_id is its name for CLIENT TRACKING. */
static bool store_subscribe(struct store *store, int64_t deadline_ms, long long *ret_id,
                            struct fault *fault) {
    struct redisReply *reply;
    const struct text identify[] = {TEXT("CLIENT"), TEXT("ID")};
    if (!connection_call(store->news, identify, 2, deadline_ms, "CLIENT ID", "", &reply, fault)) {
        return false;
    }
    bool ok = reply->type == REDIS_REPLY_INTEGER;
    *ret_id = ok ? reply->integer : 0;
    freeReplyObject(reply);
    if (!ok) {
        return connection_fault(store->news, fault, "CLIENT ID: not a number");
    }
    const struct text subscribe[] = {TEXT("SUBSCRIBE"), TEXT(NEWS_CHANNEL)};
    if (!connection_call(store->news, subscribe, 2, deadline_ms, "SUBSCRIBE",
                         ": the user needs the channel " NEWS_CHANNEL, &reply, fault)) {
        return false;
    }
    freeReplyObject(reply);
    return true;
}

static bool store_track(struct store *store, long long news_id, int64_t deadline_ms,
                        struct fault *fault) {
    char id[24];
    (void)snprintf(id, sizeof id, "%lld", news_id);
    const struct text track[] = {TEXT("CLIENT"), TEXT("TRACKING"),
                                 TEXT("ON"),     TEXT("REDIRECT"),
                                 text_of(id),    TEXT("BCAST"),
                                 TEXT("PREFIX"), buffer_text(&store->prefixes[REFERENCE_PARTNER]),
                                 TEXT("PREFIX"), buffer_text(&store->prefixes[REFERENCE_CUSTOMER])};
    struct redisReply *reply;
    if (!connection_call(store->values, track, sizeof track / sizeof track[0], deadline_ms,
                         "CLIENT TRACKING", ": Redis 6 or later is needed", &reply, fault)) {
        return false;
    }
    freeReplyObject(reply);
    return true;
}

bool store_open(struct store *store, struct cache *cache, int64_t now_ms, struct fault *fault) {
    REQUIRE(store->values == NULL && store->news == NULL);
    int64_t deadline_ms = clock_steady_ms() + store->config->redis.connect_timeout_ms;
    long long news_id;
    store->news = connection_open(store->config, deadline_ms, fault);
    store->values = store->news != NULL
                        ? connection_open_beside(store->config, store->news, deadline_ms, fault)
                        : NULL;
    if (store->values == NULL || !store_subscribe(store, deadline_ms, &news_id, fault) ||
        !store_track(store, news_id, deadline_ms, fault) || !store_ping(store, now_ms, fault) ||
        !store_await_pong(store, cache, deadline_ms, fault)) {
        store_close(store);
        return false;
    }
    return true;
}

/* The answer to one GET. WRONGTYPE is about the value: an unreadable one. Any other error is about
 * the server, and says nothing of the value. */
static bool store_put(struct store *store, struct cache *cache, struct cache_slot *slot,
                      const redisReply *reply, struct store_counts *counts, struct fault *fault) {
    struct reference *value;
    size_t size;
    struct text id = cache_slot_id(slot);
    if (reply->type == REDIS_REPLY_STRING) {
        value = reference_from_json(slot->kind, id, reply_text(reply), &store->scratch, &size);
    } else if (reply->type == REDIS_REPLY_NIL) {
        value = reference_from_json(slot->kind, id, text_null(), &store->scratch, &size);
    } else if (reply->type == REDIS_REPLY_ERROR &&
               text_starts_with(reply_text(reply), TEXT("WRONGTYPE"))) {
        value = reference_unreadable(slot->kind, id, "the key holds no string", &size);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        return connection_fault(store->values, fault, "GET: %s", reply->str);
    } else {
        return connection_fault(store->values, fault, "GET: an answer of another kind");
    }
    counts->values++;
    counts->unreadable += value->state == REFERENCE_UNREADABLE;
    cache_put(cache, slot, value, size);
    return true;
}

bool store_get(struct store *store, struct cache *cache, struct cache_slot *const *slots,
               size_t count, int64_t deadline_ms, struct store_counts *counts,
               struct fault *fault) {
    REQUIRE(store_is_open(store) && count > 0);
    for (size_t i = 0; i < count; i++) {
        cache_ask(cache, slots[i]);
        buffer_clear(&store->key);
        buffer_append_text(&store->key, buffer_text(&store->prefixes[slots[i]->kind]));
        buffer_append_text(&store->key, cache_slot_id(slots[i]));
        const struct text get[] = {TEXT("GET"), buffer_text(&store->key)};
        connection_append(store->values, get, 2);
    }
    if (!connection_send(store->values, deadline_ms, fault) ||
        !await_values_pong(store, deadline_ms, fault)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct redisReply *reply;
        if (!connection_read(store->values, deadline_ms, &reply, fault)) {
            return false;
        }
        bool ok = store_put(store, cache, slots[i], reply, counts, fault);
        freeReplyObject(reply);
        if (!ok) {
            return false;
        }
    }
    return true;
}
