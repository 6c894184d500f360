/* A value and the request to rate its lines again are written in one step of Redis (a script), so
 * that whoever dies in between leaves both or neither. */
#include "reference_store_state.h"

#include "accrued/clock.h"
#include "accrued/require.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define OUTBOX_NAME "outbox:rerate"
#define SCAN_COUNT "1000"
#define ITEM_CAPACITY_MIN 256

/* The outbox first: were it no hash, nothing must be written. */
static const char write_script[] =
    "local held = redis.call('GET', KEYS[1])\n"
    "if (held or '') ~= ARGV[2] or (held and '1' or '0') ~= ARGV[1] then return 0 end\n"
    "if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], ARGV[4], ARGV[5]) end\n"
    "redis.call('SET', KEYS[1], ARGV[3])\n"
    "return 1";
static const char touch_script[] =
    "if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end\n"
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])\n"
    "return 1";
static const char remove_script[] =
    "if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end\n"
    "return redis.call('HDEL', KEYS[1], ARGV[1])";

static void append_outbox(struct buffer *to, const struct reference_store *store) {
    buffer_append_string(to, store->config->redis.key_prefix);
    buffer_append_string(to, OUTBOX_NAME);
}

/* "partner:4200001" */
static void append_field(struct buffer *to, struct reference_key key) {
    buffer_append_string(to, reference_kind_name(key.kind));
    buffer_append_byte(to, ':');
    buffer_append_text(to, key.id);
}

static void append_write(struct reference_store *store, const struct reference_change *change,
                         struct text outbox, struct buffer *field) {
    buffer_clear(field);
    append_field(field, change->key);
    bool has_before = !text_is_null(change->before);
    bool asks = !text_is_null(change->request_id);
    const struct text eval[] = {TEXT("EVAL"),
                                text_of(write_script),
                                TEXT("2"),
                                reference_store_key(store, change->key),
                                outbox,
                                has_before ? TEXT("1") : TEXT("0"),
                                has_before ? change->before : TEXT(""),
                                change->value,
                                buffer_text(field),
                                asks ? change->request_id : TEXT("")};
    connection_append(store->connection, eval, sizeof eval / sizeof eval[0]);
}

static bool take_written(struct reference_store *store, struct reference_change *change,
                         int64_t deadline_ms, struct fault *fault) {
    struct redisReply *reply;
    if (!connection_read(store->connection, deadline_ms, &reply, fault)) {
        return false;
    }
    bool is_good = reply->type == REDIS_REPLY_INTEGER;
    if (is_good) {
        change->is_written = reply->integer == 1;
    } else {
        (void)reference_store_refused(store, "SET", change->key, reply, fault);
    }
    freeReplyObject(reply);
    return is_good;
}

static bool write_batch(struct reference_store *store, struct reference_change *changes,
                        size_t count, struct text outbox, struct fault *fault) {
    int64_t deadline_ms = reference_store_deadline(store);
    struct buffer field;
    buffer_init(&field);
    for (size_t i = 0; i < count; i++) {
        append_write(store, &changes[i], outbox, &field);
    }
    buffer_release(&field);
    bool is_good = connection_send(store->connection, deadline_ms, fault);
    for (size_t i = 0; is_good && i < count; i++) {
        is_good = take_written(store, &changes[i], deadline_ms, fault);
    }
    return is_good;
}

bool reference_store_write(struct reference_store *store, struct reference_change *changes,
                           size_t count, size_t *ret_done, struct fault *fault) {
    struct buffer outbox;
    bool is_good = true;
    buffer_init(&outbox);
    append_outbox(&outbox, store);
    *ret_done = 0;
    while (is_good && *ret_done < count) {
        size_t left = count - *ret_done;
        size_t size = left < REFERENCE_STORE_BATCH_MAX ? left : REFERENCE_STORE_BATCH_MAX;
        is_good = write_batch(store, changes + *ret_done, size, buffer_text(&outbox), fault);
        *ret_done += is_good ? size : 0;
    }
    buffer_release(&outbox);
    return is_good;
}

/* How many replicas follow the server. */
static bool count_replicas(struct reference_store *store, int64_t *ret_count, struct fault *fault) {
    struct redisReply *reply;
    const struct text role[] = {TEXT("ROLE")};
    if (!connection_call(store->connection, role, 1, reference_store_deadline(store), "ROLE", "",
                         &reply, fault)) {
        return false;
    }
    bool is_good = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
                   reply->element[2]->type == REDIS_REPLY_ARRAY;
    *ret_count = is_good ? (int64_t)reply->element[2]->elements : 0;
    freeReplyObject(reply);
    return is_good || connection_fault(store->connection, fault, "is not a master");
}

bool reference_store_wait(struct reference_store *store, int64_t *ret_replicas,
                          struct fault *fault) {
    int64_t wanted = store->config->redis.wait_replicas;
    int64_t patience_ms = store->config->redis.wait_timeout_ms;
    if (wanted == 0 && !count_replicas(store, &wanted, fault)) {
        return false;
    }
    *ret_replicas = wanted;
    if (wanted == 0) {
        return true;
    }
    char count[24];
    char timeout[24];
    (void)snprintf(count, sizeof count, "%lld", (long long)wanted);
    (void)snprintf(timeout, sizeof timeout, "%lld", (long long)patience_ms);
    const struct text wait[] = {TEXT("WAIT"), text_of(count), text_of(timeout)};
    struct redisReply *reply;
    if (!connection_call(store->connection, wait, 3, reference_store_deadline(store) + patience_ms,
                         "WAIT", "", &reply, fault)) {
        return false;
    }
    int64_t have = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);
    return have >= wanted ||
           connection_fault(store->connection, fault,
                            "%lld of %lld replicas have what was written after %lld ms "
                            "(redis.wait_replicas, redis.wait_timeout_ms)",
                            (long long)have, (long long)wanted, (long long)patience_ms);
}

struct item_list {
    struct outbox_item *items;
    size_t count;
    size_t capacity;
};

static void item_list_add(struct item_list *list, struct outbox_item item) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? ITEM_CAPACITY_MIN : list->capacity * 2;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
        REQUIRE(list->items != NULL);
    }
    list->items[list->count++] = item;
}

static int compare_items(const void *a, const void *b) {
    const struct outbox_item *left = a;
    const struct outbox_item *right = b;
    return left->key.kind != right->key.kind ? (left->key.kind < right->key.kind ? -1 : 1)
                                             : text_compare(left->key.id, right->key.id);
}

/* HSCAN may tell a field more than once. */
static void item_list_sort(struct item_list *list) {
    size_t kept = 0;
    if (list->count > 0) {
        qsort(list->items, list->count, sizeof *list->items, compare_items);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (kept == 0 || compare_items(&list->items[kept - 1], &list->items[i]) != 0) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static struct text text_of_reply(const redisReply *reply) {
    return (struct text){reply->str, (size_t)reply->len};
}

/* One answer to HSCAN: a cursor, then fields and values in turn. */
static bool take_items(struct reference_store *store, const redisReply *reply, struct arena *arena,
                       struct item_list *list, struct buffer *cursor, struct fault *fault) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY || reply->element[1]->elements % 2 != 0) {
        return connection_fault(store->connection, fault, "HSCAN: an answer of another kind");
    }
    buffer_clear(cursor);
    buffer_append_text(cursor, text_of_reply(reply->element[0]));
    redisReply *const *pairs = reply->element[1]->element;
    for (size_t i = 0; i < reply->element[1]->elements; i += 2) {
        struct outbox_item item;
        struct text field = text_of_reply(pairs[i]);
        if (!reference_key_parse(field, &item.key)) {
            return connection_fault(store->connection, fault,
                                    "%s" OUTBOX_NAME " holds \"%.*s\", which nobody of us wrote: "
                                    "remove it with HDEL",
                                    store->config->redis.key_prefix, TEXT_ARGS(field));
        }
        item.key.id = arena_copy(arena, item.key.id);
        item.request_id = arena_copy(arena, text_of_reply(pairs[i + 1]));
        item_list_add(list, item);
    }
    return true;
}

static bool scan_items(struct reference_store *store, struct arena *arena, struct item_list *list,
                       struct text outbox, struct buffer *cursor, struct fault *fault) {
    buffer_append_byte(cursor, '0');
    do {
        struct redisReply *reply;
        const struct text scan[] = {TEXT("HSCAN"), outbox, buffer_text(cursor), TEXT("COUNT"),
                                    TEXT(SCAN_COUNT)};
        if (!connection_call(store->connection, scan, sizeof scan / sizeof scan[0],
                             reference_store_deadline(store), "HSCAN", "", &reply, fault)) {
            return false;
        }
        bool is_good = take_items(store, reply, arena, list, cursor, fault);
        freeReplyObject(reply);
        if (!is_good) {
            return false;
        }
    } while (!text_equal(buffer_text(cursor), TEXT("0")));
    return true;
}

bool reference_outbox_list(struct reference_store *store, struct arena *arena,
                           struct outbox_item **ret_items, size_t *ret_count, struct fault *fault) {
    struct item_list list = {NULL, 0, 0};
    struct buffer cursor;
    struct buffer outbox;
    buffer_init(&cursor);
    buffer_init(&outbox);
    append_outbox(&outbox, store);
    bool is_good = scan_items(store, arena, &list, buffer_text(&outbox), &cursor, fault);
    buffer_release(&cursor);
    buffer_release(&outbox);
    if (!is_good) {
        free(list.items);
        return false;
    }
    item_list_sort(&list);
    *ret_items = list.items;
    *ret_count = list.count;
    return true;
}

/* One of the scripts that look at one item, for each. */
static bool run_on_items(struct reference_store *store, const char *script,
                         const struct outbox_item *items, size_t count, struct fault *fault) {
    int64_t deadline_ms = reference_store_deadline(store);
    struct buffer outbox;
    struct buffer field;
    buffer_init(&outbox);
    buffer_init(&field);
    append_outbox(&outbox, store);
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&field);
        append_field(&field, items[i].key);
        const struct text eval[] = {TEXT("EVAL"),         text_of(script),     TEXT("1"),
                                    buffer_text(&outbox), buffer_text(&field), items[i].request_id};
        connection_append(store->connection, eval, sizeof eval / sizeof eval[0]);
    }
    bool is_good = connection_send(store->connection, deadline_ms, fault);
    for (size_t i = 0; is_good && i < count; i++) {
        struct redisReply *reply;
        is_good = connection_read(store->connection, deadline_ms, &reply, fault);
        if (is_good) {
            is_good =
                reply->type == REDIS_REPLY_INTEGER ||
                connection_fault(store->connection, fault, "outbox: %s",
                                 reply->type == REDIS_REPLY_ERROR ? reply->str : "another answer");
            freeReplyObject(reply);
        }
    }
    buffer_release(&outbox);
    buffer_release(&field);
    return is_good;
}

bool reference_outbox_touch(struct reference_store *store, const struct outbox_item *item,
                            struct fault *fault) {
    return run_on_items(store, touch_script, item, 1, fault);
}

bool reference_outbox_remove(struct reference_store *store, const struct outbox_item *items,
                             size_t count, struct fault *fault) {
    for (size_t at = 0; at < count; at += REFERENCE_STORE_BATCH_MAX) {
        size_t left = count - at;
        size_t size = left < REFERENCE_STORE_BATCH_MAX ? left : REFERENCE_STORE_BATCH_MAX;
        if (!run_on_items(store, remove_script, items + at, size, fault)) {
            return false;
        }
    }
    return true;
}
