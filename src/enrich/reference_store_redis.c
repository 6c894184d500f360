#include "accrued/reference_store.h"

#include "accrued/buffer.h"
#include "accrued/clock.h"
#include "accrued/require.h"
#include "reference_store_state.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#define SCAN_COUNT "1000"
#define KEY_CAPACITY_MIN 256

bool reference_key_parse(struct text text, struct reference_key *ret_key) {
    for (size_t i = 0; i < REFERENCE_KIND_COUNT; i++) {
        struct text name = text_of(reference_kind_name((enum reference_kind)i));
        if (text.size > name.size + 1 && text_starts_with(text, name) &&
            text.data[name.size] == ':') {
            *ret_key = (struct reference_key){
                (enum reference_kind)i, {text.data + name.size + 1, text.size - name.size - 1}};
            return true;
        }
    }
    return false;
}

int64_t reference_store_deadline(const struct reference_store *store) {
    return clock_steady_ms() + store->config->redis.timeout_ms;
}

struct reference_store *reference_store_open(const struct config *config, struct fault *fault) {
    REQUIRE(config != NULL && fault != NULL);
    struct connection *connection =
        connection_open(config, clock_steady_ms() + config->redis.connect_timeout_ms, fault);
    if (connection == NULL) {
        return NULL;
    }
    struct reference_store *store = calloc(1, sizeof *store);
    REQUIRE(store != NULL);
    store->config = config;
    store->connection = connection;
    buffer_init(&store->key);
    return store;
}

void reference_store_free(struct reference_store *store) {
    if (store == NULL) {
        return;
    }
    connection_free(store->connection);
    buffer_release(&store->key);
    free(store);
}

struct text reference_store_key(struct reference_store *store, struct reference_key key) {
    REQUIRE(key.id.size > 0);
    buffer_clear(&store->key);
    buffer_append_string(&store->key, store->config->redis.key_prefix);
    buffer_append_string(&store->key, reference_kind_name(key.kind));
    buffer_append_byte(&store->key, ':');
    buffer_append_text(&store->key, key.id);
    return buffer_text(&store->key);
}

bool reference_store_refused(struct reference_store *store, const char *command,
                             struct reference_key key, const struct redisReply *reply,
                             struct fault *fault) {
    struct text name = reference_store_key(store, key);
    bool is_error = reply->type == REDIS_REPLY_ERROR;
    if (is_error && text_starts_with(text_of(reply->str), TEXT("WRONGTYPE"))) {
        return connection_fault(store->connection, fault,
                                "%.*s holds no string: delete it, then load its value",
                                TEXT_ARGS(name));
    }
    return connection_fault(store->connection, fault, "%s %.*s: %s", command, TEXT_ARGS(name),
                            is_error ? reply->str : "an answer of another kind");
}

static bool get_batch(struct reference_store *store, const struct reference_key *keys, size_t count,
                      struct arena *arena, struct text *ret_values, struct fault *fault) {
    int64_t deadline_ms = reference_store_deadline(store);
    for (size_t i = 0; i < count; i++) {
        const struct text get[] = {TEXT("GET"), reference_store_key(store, keys[i])};
        connection_append(store->connection, get, 2);
    }
    if (!connection_send(store->connection, deadline_ms, fault)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct redisReply *reply;
        if (!connection_read(store->connection, deadline_ms, &reply, fault)) {
            return false;
        }
        bool is_good = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL;
        if (!is_good) {
            (void)reference_store_refused(store, "GET", keys[i], reply, fault);
        } else if (reply->type == REDIS_REPLY_NIL) {
            ret_values[i] = text_null();
        } else {
            ret_values[i] = arena_copy(arena, (struct text){reply->str, (size_t)reply->len});
        }
        freeReplyObject(reply);
        if (!is_good) {
            return false;
        }
    }
    return true;
}

static size_t batch_size(size_t left) {
    return left < REFERENCE_STORE_BATCH_MAX ? left : REFERENCE_STORE_BATCH_MAX;
}

bool reference_store_get(struct reference_store *store, const struct reference_key *keys,
                         size_t count, struct arena *arena, struct text *ret_values,
                         struct fault *fault) {
    for (size_t at = 0; at < count; at += batch_size(count - at)) {
        if (!get_batch(store, keys + at, batch_size(count - at), arena, ret_values + at, fault)) {
            return false;
        }
    }
    return true;
}

struct key_list {
    struct reference_key *keys;
    size_t count;
    size_t capacity;
};

static void key_list_add(struct key_list *list, struct reference_key key) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? KEY_CAPACITY_MIN : list->capacity * 2;
        list->keys = realloc(list->keys, list->capacity * sizeof *list->keys);
        REQUIRE(list->keys != NULL);
    }
    list->keys[list->count++] = key;
}

static int compare_keys(const void *a, const void *b) {
    const struct reference_key *left = a;
    const struct reference_key *right = b;
    return left->kind != right->kind ? (left->kind < right->kind ? -1 : 1)
                                     : text_compare(left->id, right->id);
}

/* SCAN may tell a key more than once. */
static void key_list_sort(struct key_list *list) {
    size_t kept = 0;
    if (list->count > 0) {
        qsort(list->keys, list->count, sizeof *list->keys, compare_keys);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (kept == 0 || compare_keys(&list->keys[kept - 1], &list->keys[i]) != 0) {
            list->keys[kept++] = list->keys[i];
        }
    }
    list->count = kept;
}

/* The prefix with what a glob would take for more than itself escaped, and a star. */
static void append_pattern(struct buffer *to, const char *prefix) {
    for (const char *at = prefix; *at != '\0'; at++) {
        if (strchr("*?[]^\\", *at) != NULL) {
            buffer_append_byte(to, '\\');
        }
        buffer_append_byte(to, (uint8_t)*at);
    }
    buffer_append_byte(to, '*');
}

/* One answer to SCAN: a cursor and keys. The cursor is "0" after the last. */
static bool take_scan(struct reference_store *store, const redisReply *reply, struct arena *arena,
                      struct key_list *list, struct buffer *cursor, struct fault *fault) {
    struct text prefix = text_of(store->config->redis.key_prefix);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY) {
        return connection_fault(store->connection, fault, "SCAN: an answer of another kind");
    }
    buffer_clear(cursor);
    buffer_append(cursor, reply->element[0]->str, (size_t)reply->element[0]->len);
    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        const redisReply *element = reply->element[1]->element[i];
        struct text name = {element->str, (size_t)element->len};
        struct reference_key key;
        if (element->type != REDIS_REPLY_STRING || !text_starts_with(name, prefix)) {
            return connection_fault(store->connection, fault, "SCAN: an answer of another kind");
        }
        if (reference_key_parse((struct text){name.data + prefix.size, name.size - prefix.size},
                                &key)) {
            key.id = arena_copy(arena, key.id);
            key_list_add(list, key);
        }
    }
    return true;
}

static bool scan(struct reference_store *store, struct arena *arena, struct key_list *list,
                 struct text pattern, struct buffer *cursor, struct fault *fault) {
    buffer_append_byte(cursor, '0');
    do {
        struct redisReply *reply;
        const struct text arguments[] = {TEXT("SCAN"), buffer_text(cursor), TEXT("MATCH"),
                                         pattern,      TEXT("COUNT"),       TEXT(SCAN_COUNT)};
        if (!connection_call(store->connection, arguments, sizeof arguments / sizeof arguments[0],
                             reference_store_deadline(store), "SCAN", "", &reply, fault)) {
            return false;
        }
        bool is_good = take_scan(store, reply, arena, list, cursor, fault);
        freeReplyObject(reply);
        if (!is_good) {
            return false;
        }
    } while (!text_equal(buffer_text(cursor), TEXT("0")));
    return true;
}

bool reference_store_list(struct reference_store *store, struct arena *arena,
                          struct reference_key **ret_keys, size_t *ret_count, struct fault *fault) {
    struct key_list list = {NULL, 0, 0};
    struct buffer cursor;
    struct buffer pattern;
    buffer_init(&cursor);
    buffer_init(&pattern);
    append_pattern(&pattern, store->config->redis.key_prefix);
    bool is_good = scan(store, arena, &list, buffer_text(&pattern), &cursor, fault);
    buffer_release(&cursor);
    buffer_release(&pattern);
    if (!is_good) {
        free(list.keys);
        return false;
    }
    key_list_sort(&list);
    *ret_keys = list.keys;
    *ret_count = list.count;
    return true;
}
