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
/* "partner", "customer" */
const char *reference_kind_name(enum reference_kind kind);
/* `partner:ID` or `customer:ID`, the id borrowed as it is. */
bool reference_key_parse(struct text text, struct reference_key *ret_key);

struct reference_store;

/* `config` must outlive the store. NULL: *fault. */
struct reference_store *reference_store_open(const struct config *config, struct fault *fault);
void reference_store_free(struct reference_store *store);

/* The values of any number of keys, copied into the arena; null where there is none. */
bool reference_store_get(struct reference_store *store, const struct reference_key *keys,
                         size_t count, struct arena *arena, struct text *ret_values,
                         struct fault *fault);

/* Writes the values. On failure the first *ret_written are certainly written, of the next
 * REFERENCE_STORE_BATCH_MAX some may be. */
bool reference_store_set(struct reference_store *store, const struct reference_key *keys,
                         const struct text *values, size_t count, size_t *ret_written,
                         struct fault *fault);

/* All keys of both kinds under the prefix, partners first, by id, each once. The texts are in the
 * arena, the array is malloc'd: the caller frees it. */
bool reference_store_list(struct reference_store *store, struct arena *arena,
                          struct reference_key **ret_keys, size_t *ret_count, struct fault *fault);

#endif
