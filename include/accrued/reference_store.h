/* reference_store.h: reference values in Redis, for whoever writes or lists them. Room: enrich.
 *
 * One connection, commands pipelined in batches; a batch has redis.timeout_ms. Nothing here judges
 * a value: it is bytes. After a failure a store is of no more use than to be freed. Every fault
 * names the server. One thread. */
#ifndef ACCRUED_REFERENCE_STORE_H
#define ACCRUED_REFERENCE_STORE_H

#include "accrued/arena.h"
#include "accrued/config.h"
#include "accrued/fault.h"
#include "accrued/reference.h"

#define REFERENCE_STORE_BATCH_MAX 500

/* What stands behind redis.key_prefix: "partner:4200001". Customers' ids are folded. */
struct reference_key {
    enum reference_kind kind;
    struct text id;
};
/* `partner:ID`, `customer:ID` or `fx:YYYY-MM`, the id borrowed as it is. */
bool reference_key_parse(struct text text, struct reference_key *ret_key);

struct reference_store;

/* `config` must outlive the store. NULL: *fault. */
struct reference_store *reference_store_open(const struct config *config, struct fault *fault);
void reference_store_free(struct reference_store *store);

/* The values of any number of keys, copied into the arena; null where there is none. */
bool reference_store_get(struct reference_store *store, const struct reference_key *keys,
                         size_t count, struct arena *arena, struct text *ret_values,
                         struct fault *fault);

struct reference_change {
    struct reference_key key;
    struct text before; /* what it was planned on; null: no value */
    struct text value;
    struct text request_id; /* the outbox asks with it for the key's lines; null: nobody does */
    bool is_written;        /* false: somebody else has changed the value meanwhile */
};
/* Writes each value where the key still holds what it held, and its request into the outbox, both
 * or neither. On failure the first *ret_done are certainly done, of the next
 * REFERENCE_STORE_BATCH_MAX some may be. */
bool reference_store_write(struct reference_store *store, struct reference_change *changes,
                           size_t count, size_t *ret_done, struct fault *fault);

/* Waits until the replicas have everything that was written on this connection
 * (redis.wait_replicas). *ret_replicas: how many that are. */
bool reference_store_wait(struct reference_store *store, int64_t *ret_replicas,
                          struct fault *fault);

/* All keys of all kinds under the prefix, partners first, then customers, by id, each once. The
 * texts are in the arena, the array is malloc'd: the caller frees it. */
bool reference_store_list(struct reference_store *store, struct arena *arena,
                          struct reference_key **ret_keys, size_t *ret_count, struct fault *fault);

/* The outbox: a hash beside the values, key → id of the request that is still to be sent for it. */
struct outbox_item {
    struct reference_key key;
    struct text request_id;
};
/* Everything in it, by key, each once. Memory as with reference_store_list. */
bool reference_outbox_list(struct reference_store *store, struct arena *arena,
                           struct outbox_item **ret_items, size_t *ret_count, struct fault *fault);
/* Writes an item over itself, so that a wait waits for what another connection wrote before. */
bool reference_outbox_touch(struct reference_store *store, const struct outbox_item *item,
                            struct fault *fault);
/* Takes the items out, but for those that ask again meanwhile, with another id. */
bool reference_outbox_remove(struct reference_store *store, const struct outbox_item *items,
                             size_t count, struct fault *fault);

#endif
